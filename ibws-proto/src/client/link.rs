//! An open connection and the messages that wait to be written to it.

use core::task::{Context, Poll};
use std::collections::VecDeque;

use crate::ConnId;
use crate::transport::{IncomingMessage, Link, OutgoingMessage, Secret};

/// An open connection. Reading continues while a write waits.
pub(super) struct OpenLink<L> {
    pub(super) conn: ConnId,
    /// The session with which the connection was opened, to be sent if the gateway requests it.
    pub(super) session: Option<Secret>,
    link: L,
    outgoing: VecDeque<OutgoingMessage>,
    /// The size of the texts in `outgoing` in bytes.
    outgoing_bytes: usize,
    /// The message that the link has not yet accepted.
    next: Option<OutgoingMessage>,
    /// Set once a write failed. Nothing more is written; the read half reports how the connection
    /// ended.
    write_failed: bool,
}

impl<L: Link> OpenLink<L> {
    pub(super) fn new(conn: ConnId, link: L, session: Option<Secret>) -> Self {
        Self { conn, session, link, outgoing: VecDeque::new(), outgoing_bytes: 0, next: None, write_failed: false }
    }

    /// Appends a message to those that wait to be written.
    pub(super) fn write(&mut self, message: OutgoingMessage) {
        if !self.write_failed {
            self.outgoing_bytes += size(&message);
            self.outgoing.push_back(message);
        }
    }

    /// Returns the size in bytes of the texts that wait for room in the link.
    pub(super) fn outgoing_bytes(&self) -> usize {
        self.outgoing_bytes
    }

    /// Writes the messages for which the link has room.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) {
        while !self.write_failed {
            if self.next.is_none() {
                self.next = self.outgoing.pop_front();
                self.outgoing_bytes -= self.next.as_ref().map_or(0, size);
            }
            if self.next.is_none() {
                break;
            }
            match self.link.poll_send(cx, &mut self.next) {
                Poll::Ready(Ok(())) => self.next = None,
                Poll::Ready(Err(_)) => self.on_write_failed(),
                Poll::Pending => return,
            }
        }
        // The flush also writes what the WebSocket library sends by itself: pongs, and the reply to
        // a Close.
        if !self.write_failed && matches!(self.link.poll_flush(cx), Poll::Ready(Err(_))) {
            self.on_write_failed();
        }
    }

    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        self.link.poll_recv(cx)
    }

    fn on_write_failed(&mut self) {
        self.write_failed = true;
        self.next = None;
        self.outgoing.clear();
        self.outgoing_bytes = 0;
    }
}

fn size(message: &OutgoingMessage) -> usize {
    match message {
        OutgoingMessage::Text(text) => text.len(),
        OutgoingMessage::Ping | OutgoingMessage::Close(_) => 0,
    }
}
