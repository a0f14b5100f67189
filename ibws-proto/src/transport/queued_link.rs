//! A link, and the messages that wait for room in it.

use core::task::{Context, Poll, ready};
use std::collections::VecDeque;

use super::{IncomingMessage, Link, OutgoingMessage, WriteError};
use crate::CloseCause;

/// A link that takes any message at once. Reading continues while a write waits.
pub(crate) struct QueuedLink<L> {
    link: L,
    /// The number of bytes that may wait: [`Limits::max_write_buffer`](super::Limits).
    limit: usize,
    outgoing: VecDeque<OutgoingMessage>,
    /// The size of the messages in `outgoing` in bytes.
    outgoing_bytes: usize,
    /// The message that the link has not yet accepted.
    next: Option<OutgoingMessage>,
    /// Set once a write failed. Nothing more is written; the read half reports how the connection
    /// ended.
    write_failed: bool,
}

impl<L: Link> QueuedLink<L> {
    pub(crate) fn new(link: L, limit: usize) -> Self {
        Self { link, limit, outgoing: VecDeque::new(), outgoing_bytes: 0, next: None, write_failed: false }
    }

    /// Appends a message to those that wait to be written.
    pub(crate) fn write(&mut self, message: OutgoingMessage) {
        if !self.write_failed {
            self.outgoing_bytes += size(&message);
            self.outgoing.push_back(message);
        }
    }

    /// Returns the end of the connection if more waits than the limit allows: the peer does not
    /// read. The owner drops the link then, which bounds the memory held for such a peer.
    pub(crate) fn stalled(&self) -> Option<CloseCause> {
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
        (self.outgoing_bytes > self.limit).then_some(CloseCause::WriteStalled { limit })
    }

    /// Writes the messages for which the link has room, and completes once nothing waits any more.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        while !self.write_failed {
            if self.next.is_none() {
                self.next = self.outgoing.pop_front();
                self.outgoing_bytes -= self.next.as_ref().map_or(0, size);
            }
            if self.next.is_none() {
                // The flush also writes what the WebSocket library sends by itself: pongs, and the
                // reply to a Close.
                match ready!(self.link.poll_flush(cx)) {
                    Ok(()) => return Poll::Ready(Ok(())),
                    Err(_) => self.on_write_failed(),
                }
                break;
            }
            match ready!(self.link.poll_send(cx, &mut self.next)) {
                Ok(()) => self.next = None,
                Err(_) => self.on_write_failed(),
            }
        }
        Poll::Ready(Err(WriteError))
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        self.link.poll_recv(cx)
    }

    fn on_write_failed(&mut self) {
        self.write_failed = true;
        self.next = None;
        self.outgoing.clear();
        self.outgoing_bytes = 0;
    }
}

/// Returns the size in bytes that counts against the limit: that of a text, or of the whole frame
/// of a message that has no text.
fn size(message: &OutgoingMessage) -> usize {
    match message {
        OutgoingMessage::Text(text) => text.len(),
        OutgoingMessage::Ping => 6,
        OutgoingMessage::Close(_) => 8,
    }
}
