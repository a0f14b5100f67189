//! TLS over a polled byte stream. Reads and writes are independent of each other: a peer that does
//! not read can still be read from.

use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::transport::websocket::ByteStream;
use crate::transport::websocket::socket::Pollable;

/// The client side of TLS over `S`.
pub(super) struct TlsStream<S> {
    stream: Pollable<S>,
    session: ClientConnection,
    /// The close alert was queued.
    closing: bool,
}

impl<S: ByteStream> TlsStream<S> {
    /// Completes a handshake. An error of rustls is the inner error.
    pub(super) async fn connect(config: Arc<ClientConfig>, name: ServerName<'static>, stream: S) -> io::Result<Self> {
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut tls = Self { stream: Pollable::new(stream), session, closing: false };
        poll_fn(|cx| tls.poll_handshake(cx)).await?;
        Ok(tls)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.is_handshaking() {
            ready!(self.poll_encrypted(cx))?;
            if self.session.is_handshaking() && ready!(self.poll_decrypt(cx))? == 0 {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
        }
        self.poll_encrypted(cx)
    }

    /// Reads once from the peer and returns the number of bytes, 0 at the end.
    fn poll_decrypt(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = ready!(polled(self.session.read_tls(self.stream.of(cx))))?;
        if let Err(error) = self.session.process_new_packets() {
            // The alert that states the error is sent without waiting for room.
            let _ = self.poll_encrypted(cx);
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(count))
    }

    /// Writes everything that is encrypted.
    fn poll_encrypted(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            if ready!(polled(self.session.write_tls(self.stream.of(cx))))? == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
        }
        self.stream.stream().poll_flush(cx)
    }
}

/// Returns the result of a call; pending if it would block.
fn polled<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl<S: ByteStream> ByteStream for TlsStream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            // The session returns an end, with or without a close alert, once it has read it.
            if let Poll::Ready(read) = polled(self.session.reader().read(buf)) {
                return Poll::Ready(read);
            }
            ready!(self.poll_decrypt(cx))?;
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            // The session takes up to 64 KiB that the system has not taken.
            let count = self.session.writer().write(buf)?;
            let written = self.poll_encrypted(cx);
            match written {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                _ if count > 0 || buf.is_empty() => return Poll::Ready(Ok(count)),
                Poll::Ready(Ok(())) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_encrypted(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.session.send_close_notify();
        }
        ready!(self.poll_encrypted(cx))?;
        self.stream.stream().poll_close(cx)
    }
}
