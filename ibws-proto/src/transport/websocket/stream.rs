//! The byte streams under the WebSocket: the read budget and the text filter.

use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::fmt;
use std::io;
use std::vec::Vec;

use bytes::Bytes;

use super::ByteStream;
use crate::transport::TextFilter;

/// Reads that may return data in a row before the stream yields to other tasks.
const READ_BUDGET: u8 = 32;

/// Yields after 32 reads, so a peer that floods with empty fragments cannot starve other tasks.
///
/// The layers above read until they have a whole message. A peer that sends empty fragments, or
/// empty TLS records, as fast as they are read would keep them in that loop forever, and with them
/// the task, its clock and its handles.
#[derive(Debug)]
pub(super) struct YieldingStream<S> {
    stream: S,
    remaining_reads: u8,
}

impl<S> YieldingStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, remaining_reads: READ_BUDGET }
    }
}

impl<S: ByteStream> ByteStream for YieldingStream<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.remaining_reads == 0 {
            self.remaining_reads = READ_BUDGET;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = ready!(self.stream.poll_read(cx, buf));
        self.remaining_reads -= 1;
        Poll::Ready(read)
    }

    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    #[inline]
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(cx)
    }
}

/// The stream under a WebSocket: TCP or TLS, with the bytes read passed through a [`TextFilter`].
pub struct TextFilterStream {
    stream: Box<dyn ByteStream>,
    filter: TextFilter,
    /// Bytes that arrived together with the HTTP response; read before those of the stream.
    first_frames: Bytes,
}

impl TextFilterStream {
    pub(super) fn new(stream: Box<dyn ByteStream>, first_frames: Vec<u8>) -> Self {
        Self { stream, filter: TextFilter::new(), first_frames: first_frames.into() }
    }

    /// Returns the code of the first Close that was read.
    pub(super) fn close_code(&self) -> Option<u16> {
        self.filter.close_code()
    }
}

impl fmt::Debug for TextFilterStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextFilterStream").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl ByteStream for TextFilterStream {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = if self.first_frames.is_empty() {
            ready!(self.stream.poll_read(cx, buf))?
        } else {
            let count = self.first_frames.len().min(buf.len());
            buf.get_mut(..count).unwrap_or_default().copy_from_slice(&self.first_frames.split_to(count));
            count
        };
        self.filter.apply(buf.get_mut(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    #[inline]
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(cx)
    }
}
