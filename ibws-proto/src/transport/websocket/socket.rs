//! The WebSocket library over a polled byte stream.
//!
//! One task reads and writes a WebSocket, so its waker serves both directions.

use core::task::{Context, Poll, Waker};
use std::io::{self, ErrorKind, Read, Write};

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::{ByteStream, TextFilterStream};

/// A WebSocket library that is polled. Tests script one.
pub(super) trait Library: Send + Unpin + 'static {
    /// Reads the next message; `None` at the end, and after an error.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>>;
    /// Waits for room for a message.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
    /// Takes a message for which there is room.
    fn start_send(&mut self, message: Message) -> Result<(), Error>;
    /// Writes what was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
    /// Returns the byte stream under the WebSocket.
    fn stream(&mut self) -> &mut TextFilterStream;
}

/// A byte stream with the traits of libraries that do not poll: what would be pending is the error
/// `WouldBlock`.
pub(super) struct Pollable<S> {
    stream: S,
    /// The waker of the task that polls the layer above.
    waker: Waker,
}

impl<S: ByteStream> Pollable<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, waker: Waker::noop().clone() }
    }

    /// Returns this stream, for calls of the task of `cx`.
    pub(super) fn of(&mut self, cx: &Context<'_>) -> &mut Self {
        self.waker.clone_from(cx.waker());
        self
    }

    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    fn call<T>(&mut self, poll: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<T> {
        match poll(&mut self.stream, &mut Context::from_waker(&self.waker)) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: ByteStream> Read for Pollable<S> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.call(|stream, cx| stream.poll_read(cx, buf))
    }
}

impl<S: ByteStream> Write for Pollable<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.call(|stream, cx| stream.poll_write(cx, buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(|stream, cx| stream.poll_flush(cx))
    }
}

/// The client side of a WebSocket.
pub(super) struct Socket {
    library: WebSocket<Pollable<TextFilterStream>>,
    /// Cleared while the system takes no more bytes.
    ready: bool,
    /// The end, or an error, was returned.
    ended: bool,
}

impl Socket {
    pub(super) fn new(stream: TextFilterStream, config: WebSocketConfig) -> Self {
        let library = WebSocket::from_raw_socket(Pollable::new(stream), Role::Client, Some(config));
        Self { library, ready: true, ended: false }
    }
}

/// Returns the result of a call; pending if it would block.
fn polled<T>(result: Result<T, Error>) -> Poll<Result<T, Error>> {
    match result {
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl Library for Socket {
    #[inline]
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.library.get_mut().of(cx);
        polled(self.library.read()).map(|result| match result {
            Ok(message) => Some(Ok(message)),
            Err(error) => {
                self.ended = true;
                let is_closed = matches!(error, Error::AlreadyClosed | Error::ConnectionClosed);
                (!is_closed).then_some(Err(error))
            }
        })
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.ready { Poll::Ready(Ok(())) } else { self.poll_flush(cx) }
    }

    fn start_send(&mut self, message: Message) -> Result<(), Error> {
        let result = polled(self.library.write(message));
        // What the system does not take, the library has taken.
        self.ready = result.is_ready();
        match result {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.library.get_mut().of(cx);
        polled(self.library.flush()).map(|result| {
            self.ready = true;
            match result {
                // The closing handshake is complete, so everything was written.
                Err(Error::ConnectionClosed) => Ok(()),
                result => result,
            }
        })
    }

    fn stream(&mut self) -> &mut TextFilterStream {
        self.library.get_mut().stream()
    }
}
