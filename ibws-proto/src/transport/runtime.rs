//! The traits of an async runtime and of an open WebSocket; everything above them is written once.

use core::fmt;
use core::future::Future;
use core::task::{Context, Poll};
use std::string::{String, ToString};
use std::time::SystemTime;

use bytes::Bytes;

use super::{Credentials, Endpoint, Limits, Proxy, Trust};
use crate::frame::Piece;
use crate::{CloseCause, ConnectError, ConnectErrorKind, Instant};

/// An async runtime: a clock, a sleep, a task and a dial.
///
/// An adapter implements this trait on top of [`Link`]; `ibws_tokio` is an example.
pub trait Runtime: Send + Sync + 'static {
    /// An open WebSocket of this runtime.
    type Link: Link;
    /// A pending sleep.
    type Sleep: Future<Output = ()> + Send + 'static;

    /// Returns the time on a monotonic clock whose origin stays the same for the life of this
    /// value.
    fn now(&self) -> Instant;
    /// Returns the wall-clock time. A client reads it once, when it is built, so that
    /// `Client::system_time` can give the wall-clock time of any moment. Default: the system's
    /// clock. A simulated runtime returns a time of its own.
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    fn system_time(&self) -> SystemTime {
        SystemTime::now()
    }
    /// Completes at `at` or a little later.
    ///
    /// A sleep that ends early does no harm: the client compares the clock after each one.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
    /// Opens a WebSocket within the limits of the request.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt.
    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send + 'static;
    /// Has the task of `cx`, whose poll ends after this call, polled again once the others that are
    /// ready have been polled.
    ///
    /// Default: wakes it. tokio's runtime of one thread may then poll it dozens of times before the
    /// future of `block_on`, so `ibws_tokio` yields in another way there. On several threads it is
    /// to be woken, so that another thread takes part.
    fn yield_now(&self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
    /// Runs `task` in the background.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// An open WebSocket. Both directions are polled, so that neither waits for the other.
///
/// It is polled by one thread at a time and always with the waker of the client's task, but a
/// consumer of the client may be the one that polls it.
pub trait Link: Send + Unpin + 'static {
    /// Returns the next message of the peer.
    ///
    /// The last one is [`IncomingMessage::Closed`], returned once. The link is not polled after it.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage>;
    /// Takes the message out of `message` once there is room for it. Until then the message stays.
    ///
    /// # Errors
    /// [`WriteError`] if the socket accepts no more bytes. The read half reports the reason as
    /// [`IncomingMessage::Closed`].
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>>;
    /// Pushes the messages taken, and replies to the peer's pings, towards the peer.
    ///
    /// # Errors
    /// [`WriteError`] if the socket accepts no more bytes.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>>;
}

/// A message from the peer.
#[derive(Clone, PartialEq, Eq)]
pub enum IncomingMessage {
    /// A whole message, text or binary alike.
    ///
    /// Its bytes may share a larger buffer if it has at most 16 KiB: a queue that keeps such a
    /// message copies it. A larger one must have a buffer of its own size, because a queue keeps it
    /// as it is.
    Frame(Bytes),
    /// The reply to a WebSocket ping of the client.
    Pong,
    /// A WebSocket ping of the peer; the WebSocket library replies to it.
    Ping,
    /// The end of the connection, with its cause.
    Closed(CloseCause),
}

/// Writes the frame with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for IncomingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(bytes) => f.debug_tuple("Frame").field(&Piece(bytes)).finish(),
            Self::Pong => f.write_str("Pong"),
            Self::Ping => f.write_str("Ping"),
            Self::Closed(cause) => f.debug_tuple("Closed").field(cause).finish(),
        }
    }
}

/// A message to the peer.
#[derive(Clone, PartialEq, Eq)]
pub enum OutgoingMessage {
    /// A text frame. It may hold the session message, so `Debug` writes its length only.
    Text(String),
    /// An empty WebSocket ping.
    Ping,
    /// A Close frame with this code.
    Close(u16),
}

/// Writes the length of a text instead of the text, which may be the session message.
impl fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Ping => f.write_str("Ping"),
            Self::Close(code) => f.debug_tuple("Close").field(code).finish(),
        }
    }
}

/// The socket accepts no more bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the socket accepts no more bytes")]
pub struct WriteError;

/// The settings of one dial.
#[derive(Clone, Debug)]
pub struct DialRequest {
    /// The address of the WebSocket.
    pub endpoint: Endpoint,
    /// The certificates that are accepted there; not used for a plaintext endpoint.
    pub trust: Trust,
    /// The session, cookies and tokens to send with the upgrade request.
    pub credentials: Credentials,
    /// The proxy to connect through; `None` to connect to the endpoint itself.
    pub proxy: Option<Proxy>,
    /// The time that each stage may take, and the memory that the connection may hold.
    pub limits: Limits,
}

impl DialRequest {
    /// Requests a dial to `endpoint` with the default trust and limits, and without credentials or
    /// a proxy.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            trust: Trust::default(),
            credentials: Credentials::default(),
            proxy: None,
            limits: Limits::default(),
        }
    }

    /// Checks that the settings can be used together, without a connection.
    ///
    /// [`dial::connect`](super::dial::connect) and the functions of the feature `websocket` call
    /// it, so that nothing is sent under settings that cannot be used.
    ///
    /// # Errors
    /// [`ConnectErrorKind::Credentials`] for credentials of another endpoint,
    /// [`ConnectErrorKind::Proxy`] for a proxy of a plaintext endpoint, and, with the feature
    /// `tls`, [`ConnectErrorKind::Trust`] for a trust that cannot be used.
    pub fn check(&self) -> Result<(), ConnectError> {
        let of = |kind, error: &dyn ToString| ConnectError::new(kind, error.to_string());
        let Self { endpoint, credentials, proxy, .. } = self;
        credentials.check_endpoint(endpoint).map_err(|error| of(ConnectErrorKind::Credentials, &error))?;
        if let Some(proxy) = proxy {
            proxy.check_endpoint(endpoint).map_err(|error| of(ConnectErrorKind::Proxy, &error))?;
        }
        #[cfg(feature = "tls")]
        if endpoint.is_tls() {
            self.trust.check().map_err(|error| super::tls::trust_error(&error))?;
            super::tls::server_name(endpoint)?;
        }
        Ok(())
    }
}
