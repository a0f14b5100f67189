//! Where the rest of this crate meets its runtime: what is read and written, and by whose names.

use std::net::SocketAddr;
pub(crate) use std::time::Instant as Clock;

pub(crate) use async_std::io::{ReadExt, WriteExt};
pub(crate) use async_std::net::{TcpStream, ToSocketAddrs};
pub(crate) use async_std::task::sleep;
pub(crate) use async_tungstenite::{WebSocketStream, tungstenite};
pub(crate) use futures_io::{AsyncRead, AsyncWrite};
pub(crate) use futures_rustls::{TlsConnector, rustls};

/// Bytes to and fro: TCP, or TLS over it.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

pub(crate) async fn look_up(host: String, port: u16) -> std::io::Result<impl Iterator<Item = SocketAddr>> {
    (host.as_str(), port).to_socket_addrs().await
}

/// Whether a read that says there is nothing can be believed. Where tasks have a budget, one that has used it up is told so
/// as well, and will be polled again.
pub(crate) fn pending_is_empty() -> bool {
    true
}
