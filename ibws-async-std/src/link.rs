//! An open WebSocket, polled from both ends by one task.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use ibws_proto::transport::{IncomingMessage, Link, OutgoingMessage, WriteError};

use crate::filtered::TextFilterStream;
use crate::io::tungstenite::protocol::CloseFrame;
use crate::io::tungstenite::protocol::frame::coding::{Control, OpCode};
use crate::io::tungstenite::{Error, Message, Utf8Bytes};
use crate::io::{AsyncWrite as _, WebSocketStream, pending_is_empty};

/// An open WebSocket. Dropping it closes the socket without a Close frame.
pub struct WebSocket {
    socket: WebSocketStream<TextFilterStream>,
    /// A write failed: what has arrived is still delivered, then comes the end, also where the read half would hang.
    broken: bool,
    /// Broken, there was nothing to read when last looked: twice in a row means that all has been read.
    drained: bool,
    /// Our Close went out: nothing may follow it, but the peer's answer is still to come.
    closing: bool,
    ended: bool,
}

impl WebSocket {
    pub(crate) fn new(socket: WebSocketStream<TextFilterStream>) -> Self {
        Self { socket, broken: false, drained: false, closing: false, ended: false }
    }

    fn end(&mut self, cx: &mut Context<'_>, code: Option<u16>) -> Poll<IncomingMessage> {
        self.ended = true;
        // Once and without waiting: the reply to a Close, and TLS's own end mark.
        let _ = Pin::new(&mut self.socket).poll_flush(cx);
        let _ = Pin::new(self.socket.get_mut()).poll_close(cx);
        Poll::Ready(IncomingMessage::Closed(code))
    }

    fn fail(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.broken = true;
        // The read half has news now, which no socket will wake it for.
        cx.waker().wake_by_ref();
        Poll::Ready(Err(WriteError))
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("broken", &self.broken)
            .field("closing", &self.closing)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Link for WebSocket {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        if self.ended {
            return Poll::Pending;
        }
        loop {
            let received = match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Pending if self.broken => {
                    // The first time it may be the ration that was used up, and not what has arrived.
                    let was_drained = std::mem::replace(&mut self.drained, pending_is_empty());
                    if was_drained && self.drained {
                        return self.end(cx, None);
                    }
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(message))) => message,
                // All errors of tungstenite end its stream: broken protocol, a limit exceeded, a reset.
                Poll::Ready(Some(Err(_)) | None) => return self.end(cx, None),
            };
            self.drained = false;
            return Poll::Ready(match received {
                Message::Binary(bytes) => IncomingMessage::Frame(bytes),
                Message::Text(text) => IncomingMessage::Frame(Bytes::from(text)),
                Message::Ping(_) => IncomingMessage::Ping,
                Message::Pong(_) => IncomingMessage::Pong,
                // Not waiting for the peer's FIN, which may never come.
                Message::Close(frame) => return self.end(cx, frame.map(|frame| frame.code.into())),
                // Never read, only written.
                Message::Frame(_) => continue,
            });
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        if self.ended || self.broken || self.closing {
            return Poll::Ready(Err(WriteError));
        }
        // tungstenite forgets a Close that does not fit, hence room for it first.
        let is_close = matches!(message, Some(OutgoingMessage::Close(_)));
        let room = if is_close {
            Pin::new(&mut self.socket).poll_flush(cx)
        } else {
            Pin::new(&mut self.socket).poll_ready(cx)
        };
        if ready!(room).is_err() {
            return self.fail(cx);
        }
        // Replies to a flood of pings can fill the buffer that `poll_ready` saw free: once more after a flush.
        for _ in 0..2 {
            let Some(outgoing) = message.take() else { return Poll::Ready(Ok(())) };
            match Pin::new(&mut self.socket).start_send(into_message(outgoing)) {
                Ok(()) => {
                    self.closing = is_close;
                    return Poll::Ready(Ok(()));
                }
                Err(Error::WriteBufferFull(refused)) => *message = into_outgoing(*refused),
                Err(_) => break,
            }
            if ready!(Pin::new(&mut self.socket).poll_flush(cx)).is_err() {
                break;
            }
        }
        self.fail(cx)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        if self.ended || self.broken {
            return Poll::Ready(Err(WriteError));
        }
        match ready!(Pin::new(&mut self.socket).poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(_) => self.fail(cx),
        }
    }
}

fn into_message(outgoing: OutgoingMessage) -> Message {
    match outgoing {
        OutgoingMessage::Text(text) => Message::Text(text.into()),
        OutgoingMessage::Ping => Message::Ping(Bytes::new()),
        OutgoingMessage::Close(code) => {
            Message::Close(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::from_static("") }))
        }
    }
}

/// A message back as it was handed in; tungstenite refuses it as the frame it made of it, not yet masked.
fn into_outgoing(refused: Message) -> Option<OutgoingMessage> {
    let Message::Frame(frame) = refused else { return None };
    match frame.header().opcode {
        OpCode::Data(_) => String::from_utf8(frame.into_payload().to_vec()).ok().map(OutgoingMessage::Text),
        OpCode::Control(Control::Ping) => Some(OutgoingMessage::Ping),
        OpCode::Control(_) => None,
    }
}
