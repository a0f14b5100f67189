//! What a user writes by hand: each frame becomes a `serde_json::Value`, its topic decides, and the
//! quote goes through a bounded channel to the task that consumes its contract.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::connection::Target;
use super::frames::{FRAME, conids, subscribe_text};
use super::tally::{Outcome, Tally};

/// The quotes that a channel holds, as many as a queue of ibws.
const CHANNEL: usize = 1_024;

/// A parsed frame, and its text for the tally.
type Quote = (Value, Bytes);

/// Consumes the flood with a task for each contract.
///
/// # Errors
///
/// If the connection fails.
pub async fn run(target: &Target, subscriptions: usize, tally: Tally) -> io::Result<Outcome> {
    let (done, finished) = oneshot::channel();
    let shared = Arc::new(Mutex::new((Some(tally), Some(done))));
    let mut channels = HashMap::new();
    for conid in conids(subscriptions) {
        let (sender, mut quotes) = mpsc::channel::<Quote>(CHANNEL);
        channels.insert(u64::from(conid), sender);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Some((quote, text)) = quotes.recv().await {
                let price = quote["31"].as_str().and_then(|text| text.parse::<f64>().ok());
                if text.len() != FRAME || std::hint::black_box(price).is_none() {
                    continue;
                }
                let mut shared = shared.lock().expect("no consumer panics");
                let Some(tally) = &mut shared.0 else { break };
                tally.add(&text);
                if tally.is_complete() {
                    let (tally, done) = (shared.0.take(), shared.1.take());
                    if let (Some(tally), Some(done)) = (tally, done) {
                        let _ = done.send(tally.finish());
                    }
                }
            }
        });
    }
    tokio::select! {
        outcome = finished => outcome.map_err(io::Error::other),
        error = read(target, subscriptions, &channels) => Err(error.err().unwrap_or(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// Reads the socket, subscribes once the gateway greets, and sends each quote to the channel of its
/// contract.
async fn read(target: &Target, subscriptions: usize, channels: &HashMap<u64, mpsc::Sender<Quote>>) -> io::Result<()> {
    let (mut socket, _) = client_async(target.url(), target.connect().await?).await.map_err(io::Error::other)?;
    while let Some(message) = socket.next().await {
        let bytes = match message.map_err(io::Error::other)? {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => bytes,
            Message::Close(_) => break,
            _ => continue,
        };
        let value: Value = serde_json::from_slice(&bytes)?;
        match value["topic"].as_str() {
            Some("system") if value.get("success").is_some() => {
                for conid in conids(subscriptions) {
                    socket.send(Message::text(subscribe_text(conid))).await.map_err(io::Error::other)?;
                }
            }
            Some(topic) if topic.starts_with("smd+") => {
                let conid = value["conid"].as_u64().unwrap_or(0);
                if let Some(channel) = channels.get(&conid) {
                    channel.send((value, bytes)).await.map_err(|error| io::Error::other(error.to_string()))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
