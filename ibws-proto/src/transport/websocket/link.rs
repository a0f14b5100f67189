//! An open WebSocket, read and written by one task.

use core::fmt;
use core::task::{Context, Poll, ready};
use std::string::String;
use std::vec::Vec;

use bytes::Bytes;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{Control, OpCode};
use tungstenite::{Error, Message, Utf8Bytes};

use super::ByteStream as _;
use super::cause::{bytes, cause_of};
use super::socket::{Library, Socket};
use crate::CloseCause;
use crate::frame::{MAX_SHARED, shared};
use crate::transport::{IncomingMessage, Link, OutgoingMessage, WriteError};

/// An open WebSocket, on whichever runtime. Dropping it closes the socket without a Close frame.
pub struct WebSocket(Driven<Socket>);

/// A WebSocket library, and what is known of the connection.
pub(super) struct Driven<L> {
    socket: L,
    /// Returns `true` if a read that is pending means that no byte has arrived.
    pending_is_empty: fn() -> bool,
    /// The limit of unsent bytes.
    max_write_buffer: usize,
    /// Why a write failed. What has arrived is still delivered, followed by the end, even if the
    /// read half would stay pending.
    broken: Option<CloseCause>,
    /// The socket is broken and the last read was pending. Two such reads in a row mean that
    /// everything has been read.
    drained: bool,
    /// A Close frame was sent. Nothing may follow it, but the peer's reply is still to come.
    closing: bool,
    /// The end was reported.
    ended: bool,
}

impl WebSocket {
    /// `max_write_buffer` is the limit of unsent bytes with which `socket` was built;
    /// `pending_is_empty` is that of [`Net`](super::Net).
    pub(super) fn new(socket: Socket, max_write_buffer: usize, pending_is_empty: fn() -> bool) -> Self {
        Self(Driven::new(socket, max_write_buffer, pending_is_empty))
    }
}

impl<L: Library> Driven<L> {
    pub(super) fn new(socket: L, max_write_buffer: usize, pending_is_empty: fn() -> bool) -> Self {
        Self { socket, pending_is_empty, max_write_buffer, broken: None, drained: false, closing: false, ended: false }
    }

    fn end(&mut self, cx: &mut Context<'_>, cause: CloseCause) -> Poll<IncomingMessage> {
        self.ended = true;
        // The system reports a reset once. If a write got the report, the read finds the end only.
        let cause = match (cause, self.broken.take()) {
            (CloseCause::Eof, Some(written)) => written,
            (cause, _) => cause,
        };
        // The reply to a Close frame and the close alert of TLS are sent once, without waiting for
        // room.
        let _ = self.socket.poll_flush(cx);
        let _ = self.socket.stream().poll_close(cx);
        Poll::Ready(IncomingMessage::Closed(cause))
    }

    fn fail(&mut self, cx: &mut Context<'_>, cause: CloseCause) -> Poll<Result<(), WriteError>> {
        self.broken = Some(cause);
        // The read half now has an end to report, for which the socket wakes no task.
        cx.waker().wake_by_ref();
        Poll::Ready(Err(WriteError))
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<L> fmt::Debug for Driven<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("broken", &self.broken.is_some())
            .field("closing", &self.closing)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Link for WebSocket {
    #[inline]
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        self.0.poll_recv(cx)
    }

    #[inline]
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        self.0.poll_send(cx, message)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.0.poll_flush(cx)
    }
}

impl<L: Library> Link for Driven<L> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        if self.ended {
            return Poll::Pending;
        }
        loop {
            let received = match self.socket.poll_next(cx) {
                Poll::Pending if self.broken.is_some() => {
                    // The first pending read may be due to a used-up read budget instead of an
                    // empty socket.
                    let was_drained = core::mem::replace(&mut self.drained, (self.pending_is_empty)());
                    if was_drained && self.drained {
                        return self.end(cx, CloseCause::Eof);
                    }
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(message))) => message,
                // Every error of tungstenite ends its stream.
                Poll::Ready(Some(Err(error))) => {
                    let code = self.socket.stream().close_code();
                    return self.end(cx, cause_of(&error, code));
                }
                Poll::Ready(None) => return self.end(cx, CloseCause::Eof),
            };
            self.drained = false;
            self.socket.stream().on_message();
            return Poll::Ready(match received {
                Message::Binary(bytes) => IncomingMessage::Frame(fitted(bytes)),
                Message::Text(text) => IncomingMessage::Frame(fitted(Bytes::from(text))),
                Message::Ping(_) => IncomingMessage::Ping,
                Message::Pong(_) => IncomingMessage::Pong,
                // The end is reported without waiting for the peer's FIN, which may never come.
                Message::Close(frame) => {
                    // tungstenite replaces a code that may not go over the wire by 1002.
                    let received = self.socket.stream().close_code();
                    let code = frame.map(|frame| received.unwrap_or(frame.code.into()));
                    return self.end(cx, CloseCause::Close(code));
                }
                // tungstenite accepts raw frames for writing and never returns one from a read.
                Message::Frame(_) => continue,
            });
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        if self.ended || self.broken.is_some() || self.closing {
            return Poll::Ready(Err(WriteError));
        }
        // tungstenite discards a Close frame that does not fit, so a Close waits until the buffer
        // is empty.
        let is_close = matches!(message, Some(OutgoingMessage::Close(_)));
        let room = if is_close { self.socket.poll_flush(cx) } else { self.socket.poll_ready(cx) };
        if let Err(error) = ready!(room) {
            return self.fail(cx, cause_of(&error, None));
        }
        // Replies to a flood of pings can fill the buffer after `poll_ready` reported room. One
        // retry after a flush.
        let mut cause = CloseCause::Eof;
        for _ in 0..2 {
            let Some(outgoing) = message.take() else { return Poll::Ready(Ok(())) };
            let size = size(&outgoing);
            match self.socket.start_send(into_message(outgoing)) {
                Ok(()) => {
                    self.closing = is_close;
                    return Poll::Ready(Ok(()));
                }
                Err(Error::WriteBufferFull(refused)) => {
                    *message = into_outgoing(*refused);
                    cause = CloseCause::WriteTooLarge { limit: bytes(self.max_write_buffer), size };
                }
                Err(error) => {
                    cause = cause_of(&error, None);
                    break;
                }
            }
            if let Err(error) = ready!(self.socket.poll_flush(cx)) {
                cause = cause_of(&error, None);
                break;
            }
        }
        self.fail(cx, cause)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        if self.ended || self.broken.is_some() {
            return Poll::Ready(Err(WriteError));
        }
        match ready!(self.socket.poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.fail(cx, cause_of(&error, None)),
        }
    }
}

/// Returns the size of the text in bytes; 0 for the others, which are short.
fn size(outgoing: &OutgoingMessage) -> u64 {
    match outgoing {
        OutgoingMessage::Text(text) => bytes(text.len()),
        OutgoingMessage::Ping | OutgoingMessage::Close(_) => 0,
    }
}

/// Releases what the buffer of a large message does not use: the library collects the message in a
/// buffer that grows to up to twice its size.
#[inline]
fn fitted(bytes: Bytes) -> Bytes {
    if bytes.len() <= MAX_SHARED {
        return bytes;
    }
    let mut bytes = Vec::from(bytes);
    bytes.shrink_to_fit();
    shared(bytes)
}

#[inline]
fn into_message(outgoing: OutgoingMessage) -> Message {
    match outgoing {
        OutgoingMessage::Text(text) => Message::Text(text.into()),
        OutgoingMessage::Ping => Message::Ping(Bytes::new()),
        OutgoingMessage::Close(code) => {
            Message::Close(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::from_static("") }))
        }
    }
}

/// Restores a message that tungstenite refused: it returns the frame that it built, not yet masked.
fn into_outgoing(refused: Message) -> Option<OutgoingMessage> {
    let Message::Frame(frame) = refused else { return None };
    match frame.header().opcode {
        OpCode::Data(_) => String::from_utf8(frame.into_payload().to_vec()).ok().map(OutgoingMessage::Text),
        OpCode::Control(Control::Ping) => Some(OutgoingMessage::Ping),
        OpCode::Control(_) => None,
    }
}
