//! The byte streams under the WebSocket: the read budget, and what changes the bytes that are read:
//! the text filter, and the splitter of large frames.

use core::sync::atomic::{AtomicU8, Ordering};
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::vec::Vec;

use bytes::Bytes;

use super::ByteStream;
use super::net::writes_pass;
use super::split::Splitter;
use crate::frame::MAX_SHARED;
use crate::transport::{Limits, TextFilter};

/// Reads that may return data in a row before the stream yields to other tasks.
const READ_BUDGET: u8 = 32;

/// The smallest piece of a frame that is split. Smaller reads would split frames of usual sizes.
const MIN_PIECE: usize = 1024;

/// The number of reads that may return data before the stream yields. Clones are the same budget.
#[derive(Clone, Debug)]
pub(super) struct ReadBudget(Arc<AtomicU8>);

impl ReadBudget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(READ_BUDGET)))
    }

    /// Returns `false` if the budget is used up, and renews it.
    #[inline]
    fn has_reads(&self) -> bool {
        let remains = self.0.load(Ordering::Relaxed) > 0;
        if !remains {
            self.0.store(READ_BUDGET, Ordering::Relaxed);
        }
        remains
    }

    #[inline]
    fn spend(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    #[inline]
    fn earn(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_add(1).min(READ_BUDGET), Ordering::Relaxed);
    }
}

/// Yields after 32 reads, so a peer that floods with empty fragments cannot starve other tasks.
///
/// Each message makes up for a read: whoever reads messages counts them, and yields by itself.
///
/// The layers above read until they have a whole message. A peer that sends empty fragments, or
/// empty TLS records, as fast as they are read would keep them in that loop forever, and with them
/// the task, its clock and its handles.
#[derive(Debug)]
pub(super) struct YieldingStream<S> {
    stream: S,
    budget: ReadBudget,
}

impl<S> YieldingStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, budget: ReadBudget::new() }
    }

    pub(super) fn budget(&self) -> ReadBudget {
        self.budget.clone()
    }
}

impl<S: ByteStream> ByteStream for YieldingStream<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.budget.has_reads() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = ready!(self.stream.poll_read(cx, buf));
        self.budget.spend();
        Poll::Ready(read)
    }

    writes_pass!(stream);
}

/// The stream under a WebSocket: TCP or TLS, with the bytes read passed through a [`TextFilter`].
///
/// Frames of more than 16 KiB arrive at the library in fragments, so that its read buffer stays
/// small and messages of more than 16 KiB have a buffer of their own.
pub(super) struct TextFilterStream {
    stream: Box<dyn ByteStream>,
    splitter: Splitter,
    filter: TextFilter,
    /// Bytes that are read before those of the stream: those that arrived together with the HTTP
    /// response, or that follow the header of a large frame.
    held: Bytes,
    /// The budget of the stream below.
    budget: ReadBudget,
}

impl TextFilterStream {
    pub(super) fn new(stream: Box<dyn ByteStream>, budget: ReadBudget, first_frames: Vec<u8>, limits: &Limits) -> Self {
        let piece = limits.read_buffer.clamp(MIN_PIECE, MAX_SHARED);
        let splitter = Splitter::new(u16::try_from(piece).unwrap_or(u16::MAX), limits.max_frame_size);
        Self { stream, splitter, filter: TextFilter::new(), held: first_frames.into(), budget }
    }

    /// Notes that the bytes read have made a message.
    #[inline]
    pub(super) fn on_message(&self) {
        self.budget.earn();
    }

    /// Reads the bytes that are held, or else those of the stream.
    fn poll_read_peer(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.held.is_empty() {
            return self.stream.poll_read(cx, buf);
        }
        let count = self.held.len().min(buf.len());
        buf.get_mut(..count).unwrap_or_default().copy_from_slice(&self.held.split_to(count));
        Poll::Ready(Ok(count))
    }

    /// Holds bytes that were read, to be read again before everything else.
    fn hold(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.held = [bytes, &self.held].concat().into();
        }
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
        loop {
            let mut count = self.splitter.take_header(buf);
            if count == 0 {
                let part = self.splitter.limit(buf.len());
                let part = buf.get_mut(..part).unwrap_or_default();
                let read = ready!(self.poll_read_peer(cx, part))?;
                let (readable, again) = self.splitter.put(part.get(..read).unwrap_or_default());
                self.hold(part.get(again).unwrap_or_default());
                if read > 0 && readable == 0 {
                    continue;
                }
                count = readable;
            }
            self.filter.apply(buf.get_mut(..count).unwrap_or_default());
            return Poll::Ready(Ok(count));
        }
    }

    writes_pass!(stream);
}
