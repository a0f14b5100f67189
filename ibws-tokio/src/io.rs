//! Where the rest of this crate meets its runtime: what is read and written, and by whose names.

use std::net::SocketAddr;

pub(crate) use tokio::io::{AsyncRead, AsyncReadExt as ReadExt, AsyncWrite, AsyncWriteExt as WriteExt, ReadBuf};
pub(crate) use tokio::net::TcpStream;
pub(crate) use tokio::time::{Instant as Clock, sleep};
pub(crate) use tokio_rustls::{TlsConnector, rustls};
pub(crate) use tokio_tungstenite::{WebSocketStream, tungstenite};

/// Bytes to and fro: TCP, or TLS over it.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

pub(crate) async fn look_up(host: String, port: u16) -> std::io::Result<impl Iterator<Item = SocketAddr>> {
    tokio::net::lookup_host((host, port)).await
}

/// Whether a read that says there is nothing can be believed. Where tasks have a budget, one that has used it up is told so
/// as well, and will be polled again.
pub(crate) fn pending_is_empty() -> bool {
    tokio::task::coop::has_budget_remaining()
}
