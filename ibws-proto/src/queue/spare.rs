//! The buffers of messages that were dropped or folded, for the messages that take their place.
//!
//! The task of a client moves between the threads of a runtime, and an allocator with an arena for
//! each thread keeps in each of them what was released there. A full queue drops or folds a message
//! for each one that comes. If both were left to the allocator, each arena would grow to the size
//! of the queues.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Bytes, BytesMut};

use crate::frame::{Frame, MAX_SHARED};

/// The sizes of buffers that are kept, in bytes. Smaller messages reach the limit of events before
/// that of bytes; larger buffers are returned to the system at once.
const SIZES: core::ops::Range<usize> = 256..128 * 1024;
/// The size in bytes from which on the buffer of a message that was folded is kept.
const MIN_FOLDED: usize = 1024;
/// The bytes of all buffers that are kept. The queues of a client make room for 192 KiB at once.
const MAX_BYTES: usize = 256 * 1024;
/// The number of buffers that are kept.
const MAX_BUFFERS: usize = 512;

/// Buffers for copies of messages. Most queues are never full and have none.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<Box<Buffers>>);

/// Buffers in the order of their capacities.
#[derive(Default)]
struct Buffers {
    buffers: Vec<BytesMut>,
    /// The sum of their capacities.
    bytes: usize,
    /// The place of the buffer that is released next, if there are too many.
    next: usize,
    /// The copy that was made last, while one event is delivered to several queues.
    last: Option<Bytes>,
    /// Set while one event is delivered to several queues.
    is_sharing: bool,
}

/// Shows no buffer: each has held a message.
impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Spare {
    /// Takes the buffers of `other`.
    #[inline(always)]
    pub(super) fn take(other: &mut Self) -> Self {
        Self(other.0.take())
    }

    /// Has equal messages share one copy until [`end_sharing`](Self::end_sharing): the queues that
    /// receive an event copy the same message one after another.
    pub(super) fn begin_sharing(&mut self) {
        self.0.get_or_insert_default().is_sharing = true;
    }

    /// Ends what [`begin_sharing`](Self::begin_sharing) began.
    pub(super) fn end_sharing(&mut self) {
        if let Some(buffers) = &mut self.0 {
            (buffers.last, buffers.is_sharing) = (None, false);
        }
    }

    /// Returns a copy of the bytes of a message. `None` if there is no buffer for it, and it is too
    /// large to share the one that it was received in.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Option<Bytes> {
        let Some(buffers) = &mut self.0 else { return copied(bytes) };
        // A shared copy takes an allocation for its handles: that of a small message saves little.
        let is_sharing = buffers.is_sharing && SIZES.contains(&bytes.len());
        if is_sharing && let Some(last) = buffers.last.as_ref().filter(|last| *last == bytes) {
            return Some(last.clone());
        }
        let copy = match buffers.take(bytes.len()) {
            Some(mut buffer) => {
                buffer.extend_from_slice(bytes);
                Some(buffer.freeze())
            }
            None => copied(bytes),
        };
        if is_sharing {
            buffers.last.clone_from(&copy);
        }
        copy
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

    /// Keeps the buffers of a frame that was folded, if it is not small: what the thousand small
    /// messages of a queue leave in an arena is less than a megabyte, and keeping each would cost
    /// more than that saves.
    #[inline]
    pub(super) fn keep_folded(&mut self, frame: &mut Frame) {
        if frame.raw().len() >= MIN_FOLDED {
            self.keep_frame(frame);
        }
    }

    /// Keeps the buffer of a message that is dropped, unless something else holds it.
    pub(super) fn keep(&mut self, bytes: Bytes) {
        let size = bytes.len();
        // The capacity of what shares a larger buffer is that of the buffer.
        if SIZES.contains(&size)
            && let Ok(mut buffer) = bytes.try_into_mut()
            && buffer.capacity() <= 2 * size
        {
            buffer.clear();
            self.0.get_or_insert_default().put(buffer);
        }
    }
}

/// Returns a copy of the bytes of a message, unless it is too large to share a buffer.
fn copied(bytes: &[u8]) -> Option<Bytes> {
    (bytes.len() <= MAX_SHARED).then(|| Bytes::copy_from_slice(bytes))
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
        let at = self.buffers.partition_point(|other| other.capacity() <= buffer.capacity());
        self.buffers.insert(at, buffer);
        while self.bytes > MAX_BYTES || self.buffers.len() > MAX_BUFFERS {
            // Each in turn, so that sizes that are no longer used do not stay.
            self.next = if self.next < self.buffers.len() { self.next } else { 0 };
            self.bytes -= self.buffers.remove(self.next).capacity();
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn bytes(spare: &Spare) -> usize {
        spare.0.as_ref().map_or(0, |buffers| buffers.bytes)
    }

    /// Returns whether two copies of a message are one.
    fn is_shared(spare: &mut Spare, message: &[u8]) -> bool {
        let copies = [0; 2].map(|_| spare.copy(message).unwrap());
        assert!(copies.iter().all(|copy| copy == message));
        copies[0].as_ptr() == copies[1].as_ptr()
    }

    #[test]
    fn a_dropped_buffer_serves_a_message_of_about_its_size_only() {
        let mut spare = Spare::default();
        let dropped = Bytes::from(vec![1; 1_000]);
        let place = dropped.as_ptr();
        spare.keep(dropped);
        assert_ne!(spare.copy(&[2; 800]).unwrap().as_ptr(), place);
        assert_ne!(spare.copy(&[2; 1_001]).unwrap().as_ptr(), place);
        let copy = spare.copy(&[2; 990]).unwrap();
        assert_eq!((copy.as_ptr(), &*copy, bytes(&spare)), (place, &[2; 990][..], 0));
    }

    #[test]
    fn a_message_too_large_to_share_a_buffer_is_copied_into_a_spare_one_only() {
        let mut spare = Spare::default();
        let large = vec![1; MAX_SHARED + 1];
        assert_eq!(spare.copy(&large), None);
        spare.keep(large.clone().into());
        assert_eq!(spare.copy(&large).unwrap(), large);
        assert_eq!(spare.copy(&large), None);
    }

    #[test]
    fn equal_messages_share_one_copy_while_an_event_is_delivered_to_several_queues() {
        let mut spare = Spare::default();
        assert!(!is_shared(&mut spare, &[1; 1_000]));
        spare.begin_sharing();
        assert!(is_shared(&mut spare, &[1; 1_000]) && is_shared(&mut spare, &[2; 1_000]));
        assert!(!is_shared(&mut spare, &[1; SIZES.start - 1]));
        spare.end_sharing();
        let copy = spare.copy(&[2; 1_000]).unwrap();
        assert!(copy.is_unique(), "nothing holds a copy once the event is delivered");
    }

    #[test]
    fn a_buffer_that_is_held_elsewhere_or_is_small_is_not_kept() {
        let mut spare = Spare::default();
        let held = Bytes::from(vec![1; 1_000]);
        spare.keep(held.clone());
        spare.keep(vec![1; SIZES.start - 1].into());
        spare.keep(vec![1; SIZES.end].into());
        assert_eq!((bytes(&spare), held.len()), (0, 1_000));
    }

    #[test]
    fn the_buffers_have_at_most_their_limit_and_new_sizes_replace_old_ones() {
        let mut spare = Spare::default();
        for size in [1_000, 3_000] {
            (0..1_000).for_each(|_| spare.keep(vec![1; size].into()));
            assert!((MAX_BYTES - 3_000..=MAX_BYTES).contains(&bytes(&spare)), "{} bytes", bytes(&spare));
        }
        assert!(spare.copy(&[1; 1_000]).is_some() && bytes(&spare) > MAX_BYTES - 6_000, "only new sizes are there");
    }
}
