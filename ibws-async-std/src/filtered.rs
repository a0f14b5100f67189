//! The stream under the WebSocket: any bytes to and fro, with the text-opcode filter on what is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ibws_proto::transport::TextFilter;

use crate::io::{AsyncRead, AsyncWrite, Io};

/// Reads that give something, before other tasks get their turn.
const READ_BUDGET: u8 = 32;

/// A stream that now and then says that there is nothing to read yet, though there may be.
///
/// What lies above it reads on until it has a whole message; a peer that sends empty fragments, or empty TLS records,
/// as fast as they are read would keep it there for ever, and with it the task, its clock and its handles.
#[derive(Debug)]
pub(crate) struct YieldingStream<S> {
    stream: S,
    left: u8,
}

impl<S> YieldingStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, left: READ_BUDGET }
    }
}

impl<S: Io> AsyncRead for YieldingStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.left == 0 {
            this.left = READ_BUDGET;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        this.left -= 1;
        Poll::Ready(read)
    }
}

impl<S: Io> AsyncWrite for YieldingStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}

/// A stream whose incoming bytes go through a [`TextFilter`].
pub(crate) struct TextFilterStream {
    stream: Box<dyn Io>,
    filter: TextFilter,
    /// Bytes that came glued to the answer of the upgrade; read before the stream.
    first: Bytes,
}

impl TextFilterStream {
    pub(crate) fn new(stream: Box<dyn Io>, first: Vec<u8>) -> Self {
        Self { stream, filter: TextFilter::new(), first: first.into() }
    }
}

impl AsyncRead for TextFilterStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = if this.first.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?
        } else {
            let most = this.first.len().min(buf.len());
            buf.get_mut(..most).unwrap_or_default().copy_from_slice(&this.first.split_to(most));
            most
        };
        this.filter.apply(buf.get_mut(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for TextFilterStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}
