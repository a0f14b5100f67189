//! tokio-tungstenite alone: reads each message and looks at its size.

use std::io;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::connection::{Socket, Target};
use super::frames::{FRAME, conids, subscribe_text};
use super::tally::{Outcome, Tally};

/// Counts the flood.
///
/// # Errors
///
/// If the connection fails.
pub async fn run(target: &Target, subscriptions: usize, mut tally: Tally) -> io::Result<Outcome> {
    let (mut socket, _) = client_async(target.url(), target.connect().await?).await.map_err(io::Error::other)?;
    while !read(&mut socket).await?.to_text().unwrap_or_default().contains("success") {}
    for conid in conids(subscriptions) {
        socket.send(Message::text(subscribe_text(conid))).await.map_err(io::Error::other)?;
    }
    while !tally.is_complete() {
        let message = read(&mut socket).await?;
        if let Message::Binary(payload) = message
            && payload.len() == FRAME
        {
            tally.add(&payload);
        }
    }
    Ok(tally.finish())
}

async fn read(socket: &mut WebSocketStream<Socket>) -> io::Result<Message> {
    socket.next().await.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(io::Error::other)
}
