//! The network of the runtime: name lookup, TCP and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_std::net::{TcpStream, ToSocketAddrs as _};
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;

use ibws_proto::ConnectError;
use ibws_proto::transport::websocket::rustls::{ClientConfig, pki_types::ServerName};
use ibws_proto::transport::websocket::{self, ByteStream, Net, WebSocket};
use ibws_proto::transport::{DialRequest, Peer, Runtime};

use crate::AsyncStdRuntime;
use crate::stream::Adapted;

impl Net for AsyncStdRuntime {
    async fn look_up(host: String, port: u16) -> io::Result<impl Iterator<Item = SocketAddr> + Send> {
        (host.as_str(), port).to_socket_addrs().await
    }

    async fn connect(address: SocketAddr) -> io::Result<impl ByteStream> {
        let stream = TcpStream::connect(address).await?;
        // The client sends small messages and waits for their replies. If the option is refused,
        // the messages arrive later, so the error is ignored.
        let _ = stream.set_nodelay(true);
        Ok(Adapted(stream))
    }

    async fn secure(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: impl ByteStream,
    ) -> io::Result<impl ByteStream> {
        Ok(Adapted(TlsConnector::from(config).connect(name, Adapted(stream)).await?))
    }
}

/// Opens a WebSocket on a connection that the application made: the tunnel of a proxy, TLS and the
/// upgrade.
///
/// It serves a [`Runtime`] that dials in its own way. `peer` is the other end of `stream`, as
/// [`ibws_proto::transport::websocket::open`] describes. The limits of `request` run on the clock
/// of `runtime`.
///
/// # Errors
/// [`ConnectError`], whose kind decides whether a retry helps and whose detail names the peer.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn open<R, S>(runtime: &R, stream: S, peer: Peer, request: &DialRequest) -> Result<WebSocket, ConnectError>
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    websocket::open::<AsyncStdRuntime, R>(runtime, Adapted(stream), peer, request).await
}
