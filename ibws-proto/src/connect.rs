//! The id of a connection and the error of a failed dial, shared by the machine and its adapters.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

/// Number of one attempt to connect. The machine counts up from 1.
///
/// Every transport input carries the id of its connection, so that a late, duplicate or foreign
/// input changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Why a dial ended without an open WebSocket. The kinds differ in what the application can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// No connection: refused, reset, no route, or an unknown name. A retry may help.
    Unreachable,
    /// A time limit of the dial (TCP, TLS, upgrade) ended. A retry may help.
    TimedOut,
    /// The peer's certificate is not trusted under the configured `Trust`. A retry does not help.
    Trust,
    /// The peer does not speak TLS or WebSocket at this address, or ended the handshake early.
    Protocol,
    /// HTTP 401 or 403: the session must be renewed before the next dial.
    AuthenticationRequired,
    /// Any other HTTP status except 101, which is success.
    Status(u16),
    /// The session provider did not deliver credentials.
    Credentials,
}

/// A failed dial: its kind, a pause that the peer requested, and one line for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct ConnectError {
    /// The kind of failure.
    pub kind: ConnectErrorKind,
    /// The `Retry-After` of the peer; `None` if it sent none.
    pub retry_after: Option<Duration>,
    /// One line that states what happened and what to do. It never contains a secret.
    pub detail: Box<str>,
}

impl ConnectError {
    /// Returns a failure of `kind` with the text `detail` and without a requested pause.
    #[must_use]
    pub fn new(kind: ConnectErrorKind, detail: impl Into<Box<str>>) -> Self {
        Self { kind, retry_after: None, detail: detail.into() }
    }
}
