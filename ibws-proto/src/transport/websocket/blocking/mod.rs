//! A WebSocket for a thread: dialled, written and read with blocking calls, without an async
//! runtime.
//!
//! It serves a program that drives the [`Machine`](crate::Machine) with a loop of its own, as
//! `docs/guides/machine-by-hand.md` shows, or that reads the stream without one. The dial and the
//! connection are those of every runtime: the same stages and limits, the same trust, text filter,
//! errors and ends.
//!
//! | call | blocks for at most |
//! |---|---|
//! | [`dial()`] | [`Limits`](crate::transport::Limits): `tcp` + `proxy` + `tls` + `upgrade`, and 0.5 s for the body of a refusal |
//! | [`WebSocket::receive`], [`WebSocket::flush`] | the time that it is given |
//! | [`WebSocket::send`], dropping the WebSocket | nothing: neither waits for the peer |
//!
//! ```
//! use std::time::Duration;
//!
//! use ibws_proto::transport::websocket::blocking;
//! use ibws_proto::transport::{DialRequest, Endpoint, IncomingMessage, OutgoingMessage, Plaintext};
//!
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let url = format!("ws://{}/v1/api/ws", listener.local_addr()?);
//! # let gateway = std::thread::spawn(move || {
//! #     let mut peer = tungstenite::accept(listener.accept().unwrap().0).unwrap();
//! #     let echoed = peer.read().unwrap();
//! #     peer.send(echoed).unwrap();
//! #     peer.read()
//! # });
//! let request = DialRequest::new(Endpoint::parse(&url, Plaintext::OnLoopback)?);
//! let mut socket = blocking::dial(&request)?;
//! socket.send(OutgoingMessage::Text("tic".into()))?;
//! let received = loop {
//!     match socket.receive(Duration::from_secs(1)) {
//!         Some(IncomingMessage::Frame(bytes)) => break bytes,
//!         Some(IncomingMessage::Closed(cause)) => panic!("the connection ended: {cause:?}"),
//!         Some(IncomingMessage::Ping | IncomingMessage::Pong) => {} // pings have their reply
//!         None => {} // a second passed; there may be something else to do
//!     }
//! };
//! assert_eq!(received, "tic");
//! drop(socket); // abandons the connection
//! # drop(gateway.join());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod net;
mod park;
mod tcp;
mod tls;

use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use self::net::Blocking;
use crate::transport::{DialRequest, IncomingMessage, OutgoingMessage, QueuedLink, Runtime as _, WriteError};
use crate::{CloseCause, ConnectError, Instant};

/// Returns the time on a monotonic clock of this process, for the
/// [`Machine`](crate::Machine). Its origin is the first call of this module.
#[must_use]
pub fn now() -> Instant {
    Blocking.now()
}

/// An open WebSocket that the present thread reads and writes. Dropping it closes the socket at
/// once, without a Close frame.
///
/// It belongs to one thread at a time and may be moved to another one.
pub struct WebSocket {
    /// `None` once the connection has ended.
    link: Option<QueuedLink<super::WebSocket>>,
    /// The end of a connection that was given up, until it is reported.
    end: Option<CloseCause>,
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("ended", &self.link.is_none()).finish_non_exhaustive()
    }
}

/// Dials the endpoint of `request` as [`websocket::dial`](super::dial()) does, and blocks until the
/// WebSocket is open or the dial has failed.
///
/// Each stage ends at its limit of [`Limits`](crate::transport::Limits), 10 s each by default. The
/// name lookup runs on a thread of its own, because the resolver of the system has no limit; one
/// that takes longer than the dial ends later. An endpoint with an IP address needs no lookup.
///
/// # Errors
/// [`ConnectError`], whose kind decides whether a retry helps and whose detail names the peer.
pub fn dial(request: &DialRequest) -> Result<WebSocket, ConnectError> {
    let link = park::block_on(Blocking.dial(request.clone()))?;
    Ok(WebSocket { link: Some(QueuedLink::new(link, request.limits.max_write_buffer)), end: None })
}

impl WebSocket {
    /// Returns a WebSocket without a connection, as it is after its end: nothing arrives, and every
    /// message to the peer is dropped. It serves a loop that has no connection yet, or has
    /// abandoned its last one.
    #[must_use]
    pub const fn closed() -> Self {
        Self { link: None, end: None }
    }

    /// Returns the next message of the peer, or `None` if none arrives within `wait`; zero only
    /// looks at what has arrived. Replies to pings, and what waits to be written, are written
    /// meanwhile.
    ///
    /// [`IncomingMessage::Closed`] is the last message and states why the connection ended. After
    /// it every call returns `None`, once `wait` has passed. A peer that sends bytes without ever
    /// completing a message does not prolong the wait.
    pub fn receive(&mut self, wait: Duration) -> Option<IncomingMessage> {
        let received = park::within(wait, |cx| self.poll_receive(cx));
        if matches!(received, Some(IncomingMessage::Closed(_))) {
            self.link = None;
        }
        received
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        if let Some(link) = &mut self.link {
            // The read half reports a write that fails.
            let _ = link.poll_write(cx);
        }
        self.end_if_stalled();
        if let Some(cause) = self.end.take() {
            return Poll::Ready(IncomingMessage::Closed(cause));
        }
        self.link.as_mut().map_or(Poll::Pending, |link| link.poll_recv(cx))
    }

    /// Takes a message and writes as much as the system has room for, without waiting.
    ///
    /// The rest is written by the next calls, in order. For a peer that does not read it becomes
    /// more than [`Limits::max_write_buffer`](crate::transport::Limits::max_write_buffer), by
    /// default 1 MiB, beside the same number of bytes in the buffer of the library. The connection
    /// is closed then, and [`receive`](Self::receive) returns [`CloseCause::WriteStalled`]. Until
    /// then the messages of the peer still arrive.
    ///
    /// # Errors
    /// [`WriteError`] if the connection has ended, or has sent a Close. The message is dropped, and
    /// `receive` reports the reason.
    pub fn send(&mut self, message: OutgoingMessage) -> Result<(), WriteError> {
        let Some(link) = &mut self.link else { return Err(WriteError) };
        link.write(message);
        let written = link.poll_write(&mut Context::from_waker(Waker::noop()));
        self.end_if_stalled();
        match written {
            _ if self.link.is_none() => Err(WriteError),
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Waits until the system has taken every message sent, for at most `wait`. Returns `false` if
    /// some of it remains. Nothing is read meanwhile.
    ///
    /// # Errors
    /// [`WriteError`] as for [`send`](Self::send).
    pub fn flush(&mut self, wait: Duration) -> Result<bool, WriteError> {
        let link = self.link.as_mut().ok_or(WriteError)?;
        park::within(wait, |cx| link.poll_write(cx)).map_or(Ok(false), |written| written.map(|()| true))
    }

    /// Closes the connection of a peer that does not read.
    fn end_if_stalled(&mut self) {
        if let Some(cause) = self.link.as_ref().and_then(QueuedLink::stalled) {
            self.link = None;
            self.end = Some(cause);
        }
    }
}
