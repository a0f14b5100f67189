//! The client sockudo-ws, which reads and counts.

use std::io;

use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, Role, WebSocketStream};

use super::handshake::upgrade;
use crate::endtoend::connection::{Socket, Target};
use crate::endtoend::frames::{FRAME, conids, subscribe_text};
use crate::endtoend::tally::{Outcome, Tally};

/// Counts the flood.
///
/// # Errors
///
/// If the connection fails.
pub async fn run(target: &Target, subscriptions: usize, mut tally: Tally) -> io::Result<Outcome> {
    let socket = upgrade(target.connect().await?, target.address).await?;
    let mut socket = WebSocketStream::from_raw(socket, Role::Client, Config::default());
    loop {
        if let Message::Text(bytes) | Message::Binary(bytes) = read(&mut socket).await?
            && bytes.windows(7).any(|word| word == b"success")
        {
            break;
        }
    }
    for conid in conids(subscriptions) {
        socket.send(Message::Text(subscribe_text(conid).into())).await.map_err(io::Error::other)?;
    }
    while !tally.is_complete() {
        if let Message::Binary(bytes) = read(&mut socket).await?
            && bytes.len() == FRAME
        {
            tally.add(&bytes);
        }
    }
    Ok(tally.finish())
}

async fn read(socket: &mut WebSocketStream<Socket>) -> io::Result<Message> {
    socket.next().await.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(io::Error::other)
}
