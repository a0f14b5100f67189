//! What a runtime has to offer: a clock, a sleep, a task and a dial. Everything else is written once, above it.

use core::future::Future;
use core::task::{Context, Poll};
use std::string::String;

use bytes::Bytes;

use super::{Credentials, Endpoint, Limits, Trust};
use crate::{ConnectError, Instant};

/// An async runtime, as the driver needs it.
///
/// An adapter implements this and [`Link`]; `ibws_tokio` is the example to follow.
pub trait Runtime: Send + Sync + 'static {
    /// An open WebSocket of this runtime.
    type Link: Link;
    /// A pending sleep.
    type Sleep: Future<Output = ()> + Send + 'static;

    /// The monotonic clock, since an origin that stays the same for the life of this value.
    fn now(&self) -> Instant;
    /// Completes at `at` or a little later; never trusted alone, the driver compares the clock.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
    /// Opens a WebSocket within the limits of the request. Dropping the future abandons the attempt.
    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send + 'static;
    /// Runs `task` in the background.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// An open WebSocket: frames in, messages out, both by polling so that neither waits for the other.
pub trait Link: Send + Unpin + 'static {
    /// The next thing the peer sent. Said once after the end: [`IncomingMessage::Closed`]; not polled after it.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage>;
    /// Takes the message out of `message` once there is room for it; pending, the message stays.
    ///
    /// # Errors
    /// [`WriteError`] when the socket takes no more; the read half tells the reason by `Closed`.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>>;
    /// Pushes what was taken (and replies to the peer's pings) towards the peer.
    ///
    /// # Errors
    /// [`WriteError`] when the socket takes no more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>>;
}

/// What came from the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IncomingMessage {
    /// A whole message, text or binary alike.
    Frame(Bytes),
    /// The answer to one of our WebSocket pings.
    Pong,
    /// The peer's own WebSocket ping (answered by the WebSocket library).
    Ping,
    /// The connection is over: the peer's close code, or none for an end without a Close frame.
    Closed(Option<u16>),
}

/// What goes to the peer.
#[derive(Clone, PartialEq, Eq)]
pub enum OutgoingMessage {
    /// A text frame. May hold the session message, hence no `Debug`.
    Text(String),
    /// An empty WebSocket ping.
    Ping,
    /// A Close frame with this code.
    Close(u16),
}

/// The socket takes no more bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the socket takes no more bytes")]
pub struct WriteError;

/// Everything a dial needs to know.
#[derive(Clone, Debug)]
pub struct DialRequest {
    /// Where to.
    pub endpoint: Endpoint,
    /// Which certificate is accepted there; without meaning for a plaintext endpoint.
    pub trust: Trust,
    /// Who is asking.
    pub credentials: Credentials,
    /// How long it may take, and how much the connection may hold.
    pub limits: Limits,
}

impl DialRequest {
    /// A dial to `endpoint` with default trust, no credentials and default limits.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, trust: Trust::default(), credentials: Credentials::default(), limits: Limits::default() }
    }
}
