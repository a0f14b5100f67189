//! The client fastwebsockets, which reads and counts.

use std::io;

use fastwebsockets::{FragmentCollector, Frame, Payload, Role, WebSocket};

use super::handshake::upgrade;
use crate::endtoend::connection::Target;
use crate::endtoend::frames::{FRAME, conids, subscribe_text};
use crate::endtoend::tally::{Outcome, Tally};

/// Counts the flood.
///
/// # Errors
///
/// If the connection fails.
pub async fn run(target: &Target, subscriptions: usize, mut tally: Tally) -> io::Result<Outcome> {
    let socket = upgrade(target.connect().await?, target.address).await?;
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(socket, Role::Client));
    while !socket.read_frame().await.map_err(io::Error::other)?.payload.windows(7).any(|word| word == b"success") {}
    for conid in conids(subscriptions) {
        let text = Payload::Owned(subscribe_text(conid).into_bytes());
        socket.write_frame(Frame::text(text)).await.map_err(io::Error::other)?;
    }
    while !tally.is_complete() {
        let frame = socket.read_frame().await.map_err(io::Error::other)?;
        if frame.payload.len() == FRAME {
            tally.add(&frame.payload);
        }
    }
    Ok(tally.finish())
}
