//! Reads the socket in large pieces.

use core::ops::Range;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::io;
use std::vec;

use super::ByteStream;
use super::net::writes_pass;

/// The size of one read of the socket in bytes.
const READ: usize = 64 * 1024;

/// Reads up to 64 KiB of the socket at once, for the layers above, whose reads are small: the
/// WebSocket library reads at most 16 KiB, because messages share the buffer that they are read
/// into and would keep a larger one. This buffer is shared by nothing.
pub(super) struct ReadAhead<S> {
    stream: S,
    buffer: Box<[u8]>,
    /// What is read and not handed on.
    unread: Range<usize>,
}

impl<S> ReadAhead<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; READ].into_boxed_slice(), unread: 0..0 }
    }
}

impl<S: ByteStream> ByteStream for ReadAhead<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.unread.is_empty() {
            if buf.len() >= self.buffer.len() {
                return self.stream.poll_read(cx, buf);
            }
            let count = ready!(self.stream.poll_read(cx, &mut self.buffer))?;
            self.unread = 0..count;
        }
        let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let count = unread.len().min(buf.len());
        if let (Some(buf), Some(unread)) = (buf.get_mut(..count), unread.get(..count)) {
            buf.copy_from_slice(unread);
        }
        self.unread.start += count;
        Poll::Ready(Ok(count))
    }

    writes_pass!(stream);
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::Waker;
    use std::collections::VecDeque;
    use std::vec::Vec;

    /// A stream that returns these pieces, and then its end.
    struct Pieces(VecDeque<Poll<io::Result<Vec<u8>>>>);

    impl ByteStream for Pieces {
        fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            let piece = ready!(self.0.pop_front().unwrap_or(Poll::Ready(Ok(Vec::new()))))?;
            buf[..piece.len()].copy_from_slice(&piece);
            Poll::Ready(Ok(piece.len()))
        }

        fn poll_write(&mut self, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn small_reads_return_every_byte_in_order_then_the_error_and_the_end() {
        let whole: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let pieces = [
            Poll::Pending,
            Poll::Ready(Ok(whole[..7_001].to_vec())),
            Poll::Ready(Ok(whole[7_001..].to_vec())),
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        ];
        let mut stream = ReadAhead::new(Pieces(pieces.into()));
        let mut cx = Context::from_waker(Waker::noop());
        let mut buf = [0; 300];
        assert!(stream.poll_read(&mut cx, &mut buf).is_pending());
        let mut read = Vec::new();
        let error = loop {
            match stream.poll_read(&mut cx, &mut buf) {
                Poll::Ready(Ok(count)) => read.extend_from_slice(&buf[..count]),
                Poll::Ready(Err(error)) => break error,
                Poll::Pending => panic!("a piece was there"),
            }
        };
        assert_eq!((read, error.kind()), (whole, io::ErrorKind::ConnectionReset));
        assert!(matches!(stream.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(0))));
        assert!(matches!(stream.poll_read(&mut cx, &mut []), Poll::Ready(Ok(0))));
    }

    #[test]
    fn a_read_as_large_as_the_buffer_passes_without_a_copy() {
        let mut stream = ReadAhead::new(Pieces([Poll::Ready(Ok(vec![7; READ]))].into()));
        let mut buf = vec![0; READ];
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(stream.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(READ))));
        assert!(buf.iter().all(|byte| *byte == 7) && stream.unread.is_empty());
    }
}
