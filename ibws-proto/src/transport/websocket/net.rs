//! The traits that an adapter implements: a byte stream, and the network of a runtime.

use core::future::Future;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::io;
use std::string::String;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// A connected byte stream, such as TCP or TLS over TCP, polled in both directions.
///
/// It stands between the `AsyncRead` and `AsyncWrite` traits of tokio and those of futures-io: an
/// adapter converts its own traits to this one and back. The contracts are those of the methods of
/// the same name in futures-io.
pub trait ByteStream: Send + Unpin + 'static {
    /// Reads into `buf` and returns the number of bytes read; 0 means the end of the stream.
    ///
    /// # Errors
    /// The error of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes from `buf` and returns the number of bytes taken.
    ///
    /// # Errors
    /// The error of the connection.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;
    /// Pushes the bytes taken towards the peer.
    ///
    /// # Errors
    /// The error of the connection.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Flushes, then closes the write direction; TLS sends its close alert first.
    ///
    /// # Errors
    /// The error of the connection.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Implements the writing half of [`ByteStream`] for a layer that changes only what is read.
macro_rules! writes_pass {
    ($field:ident) => {
        #[inline]
        fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            self.$field.poll_write(cx, buf)
        }

        #[inline]
        fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.$field.poll_flush(cx)
        }

        #[inline]
        fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.$field.poll_close(cx)
        }
    };
}

pub(super) use writes_pass;

impl<S: ByteStream + ?Sized> ByteStream for Box<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buf)
    }

    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, buf)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_flush(cx)
    }

    #[inline]
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_close(cx)
    }
}

/// The network of a runtime: name lookup, TCP and TLS. An adapter implements this trait for its
/// runtime type.
pub trait Net: Send + Sync + 'static {
    /// Resolves `host` to its addresses.
    ///
    /// # Errors
    /// The error of the resolver.
    fn look_up(
        host: String,
        port: u16,
    ) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr> + Send>> + Send;
    /// Connects to `address` over TCP, with Nagle's algorithm off.
    ///
    /// # Errors
    /// The error of the connection.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<impl ByteStream>> + Send;
    /// Completes a TLS handshake over `stream`; the certificate of the server must match `name`.
    ///
    /// # Errors
    /// The error of the connection. An error of rustls is its inner error, so that the dial can
    /// recognise a refused certificate.
    fn secure(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: impl ByteStream,
    ) -> impl Future<Output = io::Result<impl ByteStream>> + Send;
    /// Returns `true` if a read that is pending means that no byte has arrived.
    ///
    /// A runtime that gives each task a budget returns `false` once the budget is used up: reads
    /// are pending then although bytes may have arrived, and the runtime polls the task again.
    #[inline]
    fn pending_is_empty() -> bool {
        true
    }
}
