//! The buffers of messages that were dropped, for the messages that take their place.
//!
//! The task of a client moves between the threads of a runtime, and an allocator with an arena for
//! each thread keeps in each of them what was released there. A full queue drops a message for each
//! one that comes. If both were left to the allocator, each arena would grow to the size of the
//! queues.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::frame::{Frame, MAX_SHARED};

/// The sizes of buffers that are kept, in bytes. Smaller messages reach the limit of events before
/// that of bytes; larger buffers are returned to the system at once.
const SIZES: core::ops::Range<usize> = 256..128 * 1024;
/// The bytes of all buffers that are kept. The queues of a client make room for 192 KiB at
/// once.
const MAX_BYTES: usize = 256 * 1024;
/// The number of buffers that are kept.
const MAX_BUFFERS: usize = 512;

/// Buffers for copies of messages. Most queues are never full and have none.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<Box<Buffers>>);

/// Buffers in the order of their capacities.
#[derive(Debug, Default)]
struct Buffers {
    buffers: Vec<BytesMut>,
    /// The sum of their capacities.
    bytes: usize,
    /// The place of the buffer that is released next, if there are too many.
    next: usize,
}

impl Spare {
    /// Takes the buffers of `other`.
    #[inline(always)]
    pub(super) fn take(other: &mut Self) -> Self {
        Self(other.0.take())
    }

    /// Returns a copy of the bytes of a message. `None` if there is no buffer for it, and it is too
    /// large to share the one that it was received in.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Option<Bytes> {
        if let Some(mut buffer) = self.0.as_mut().and_then(|buffers| buffers.take(bytes.len())) {
            buffer.extend_from_slice(bytes);
            return Some(buffer.freeze());
        }
        (bytes.len() <= MAX_SHARED).then(|| Bytes::copy_from_slice(bytes))
    }

    /// Keeps the buffers of a frame, which is dropped.
    pub(super) fn keep_frame(&mut self, frame: &mut Frame) {
        // A small frame keeps its buffer: moving that would cost more than releasing it.
        if SIZES.contains(&frame.raw().len()) {
            let repaired = frame.take_repaired();
            self.keep(frame.take_raw());
            repaired.into_iter().for_each(|repaired| self.keep(repaired));
        }
    }

    /// Keeps the buffer of a message that is dropped, unless something else holds it.
    pub(super) fn keep(&mut self, bytes: Bytes) {
        if SIZES.contains(&bytes.len())
            && let Ok(mut buffer) = bytes.try_into_mut()
        {
            buffer.clear();
            self.0.get_or_insert_default().put(buffer);
        }
    }
}

impl Buffers {
    /// Returns a buffer for `size` bytes that wastes little.
    fn take(&mut self, size: usize) -> Option<BytesMut> {
        let at = self.buffers.partition_point(|buffer| buffer.capacity() < size);
        let capacity = self.buffers.get(at)?.capacity();
        if capacity > size + size / 16 + 16 {
            return None;
        }
        self.bytes -= capacity;
        Some(self.buffers.remove(at))
    }

    fn put(&mut self, buffer: BytesMut) {
        self.bytes += buffer.capacity();
        let at = self.buffers.partition_point(|other| other.capacity() < buffer.capacity());
        self.buffers.insert(at, buffer);
        while self.bytes > MAX_BYTES || self.buffers.len() > MAX_BUFFERS {
            // Each in turn, so that sizes that are no longer used do not stay.
            self.next = if self.next < self.buffers.len() { self.next } else { 0 };
            self.bytes -= self.buffers.remove(self.next).capacity();
            self.next += 1;
        }
    }
}
