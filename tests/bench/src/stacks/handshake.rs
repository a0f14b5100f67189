//! The upgrade of HTTP to the WebSocket, and a masked text, for libraries that only handle frames.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::endtoend::connection::Socket;

/// The longest response that is read.
const MAX_RESPONSE: usize = 8 * 1024;
/// The key that RFC 6455 shows. The gateway accepts any.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Upgrades the connection. Nothing after the response is read.
///
/// # Errors
///
/// If the server does not upgrade.
pub async fn upgrade(mut socket: Socket, address: SocketAddr) -> io::Result<Socket> {
    let request = format!(
        "GET /v1/api/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    socket.flush().await?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(socket.read_u8().await?);
        if response.len() > MAX_RESPONSE {
            return Err(io::Error::other("the response to the upgrade has no end"));
        }
    }
    if response.starts_with(b"HTTP/1.1 101") {
        Ok(socket)
    } else {
        let line = String::from_utf8_lossy(&response);
        Err(io::Error::other(format!("no upgrade: {}", line.lines().next().unwrap_or_default())))
    }
}

/// Returns a text frame of at most 125 bytes, masked with zeros.
#[must_use]
pub fn masked_text(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | text.len().min(125) as u8, 0, 0, 0, 0];
    frame.extend(text.bytes().take(125));
    frame
}
