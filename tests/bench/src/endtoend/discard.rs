//! Reads bytes and looks at none: the ceiling of the server.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::Target;
use super::frames::{ON_WIRE, clock, conids, subscribe_text};
use super::process::{process_cpu, status};
use super::tally::Outcome;

use crate::stacks::handshake::{masked_text, upgrade};

/// The bytes of one read.
const BUFFER: usize = 256 * 1024;
/// The smallest read that is part of the flood: what the gateway sends before it comes in smaller
/// pieces.
const FLOOD: usize = 8 * 1024;

/// Reads the bytes of `messages` frames.
///
/// # Errors
///
/// If the connection fails.
pub async fn run(target: &Target, subscriptions: usize, messages: u64) -> io::Result<Outcome> {
    let mut socket = upgrade(target.connect().await?, target.address).await?;
    let mut buffer = vec![0; BUFFER];
    // Large enough for the greeting, which is a few hundred bytes.
    let mut opening: Vec<u8> = Vec::new();
    while !opening.windows(7).any(|word| word == b"success") {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        opening.extend(&buffer[..count]);
    }
    for conid in conids(subscriptions) {
        socket.write_all(&masked_text(&subscribe_text(conid))).await?;
    }
    socket.flush().await?;
    let (mut began, mut bytes) = (None, 0);
    while bytes < messages * ON_WIRE as u64 {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if began.is_none() && count >= FLOOD {
            began = Some((clock(), process_cpu()));
        }
        bytes += if began.is_some() { count as u64 } else { 0 };
    }
    let (began, cpu) = began.unwrap_or_default();
    let (nanoseconds, cpu) = (clock() - began, process_cpu() - cpu);
    Ok(Outcome { messages, nanoseconds, cpu, peak: status("self", "VmHWM").unwrap_or(0), ..Outcome::default() })
}
