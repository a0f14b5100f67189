//! The client's end of a connection, for the clients that are not ibws.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The server of a run.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The file with its certificate; `None` for a server without TLS.
    pub certificate: Option<PathBuf>,
}

impl Target {
    /// Returns the URL of the WebSocket.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/v1/api/ws", self.address)
    }

    /// Returns the certificate; `None` for a server without TLS.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn certificate(&self) -> io::Result<Option<CertificateDer<'static>>> {
        let file = self.certificate.as_ref();
        file.map(|file| CertificateDer::from_pem_file(file).map_err(io::Error::other)).transpose()
    }

    /// Returns the settings of TLS that trust the server's certificate; `None` for a server without
    /// TLS.
    ///
    /// # Errors
    ///
    /// If the certificate cannot be read.
    pub fn tls(&self) -> io::Result<Option<Arc<ClientConfig>>> {
        let Some(certificate) = self.certificate()? else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(Arc::new(config)))
    }

    /// Connects: TCP without delay, and TLS if the server has it.
    ///
    /// # Errors
    ///
    /// If the connection fails.
    pub async fn connect(&self) -> io::Result<Socket> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(config) = self.tls()? else { return Ok(Socket::Plain(stream)) };
        let name = ServerName::IpAddress(self.address.ip().into());
        Ok(Socket::Tls(Box::new(TlsConnector::from(config).connect(name, stream).await?)))
    }
}

/// A byte stream to the server.
pub enum Socket {
    /// A plain TCP connection.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
