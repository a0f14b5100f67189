//! What names a connection, and why one could not be had: the words the machine and its adapters share.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

/// Number of one attempt to connect, counted up from 1 by the machine.
///
/// Every transport input carries the id it belongs to, so that what is late, doubled or foreign changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Why a dial ended without an open WebSocket, told apart by what can be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// Nobody answered: refused, reset, no route, no such name. Retrying may help.
    Unreachable,
    /// A limit of the dial (TCP, TLS, upgrade) ran out. Retrying may help.
    TimedOut,
    /// The peer's certificate is not trusted under the configured `Trust`. Retrying does not help.
    Trust,
    /// The peer speaks something other than TLS or WebSocket here, or breaks off in the middle of it.
    Protocol,
    /// HTTP 401 or 403: the session must be renewed first.
    AuthenticationRequired,
    /// Any other HTTP status than 101.
    Status(u16),
    /// The session provider did not deliver credentials.
    Credentials,
}

/// A failed dial: its kind, a pause the peer asked for, and one line for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct ConnectError {
    /// What can be done about it.
    pub kind: ConnectErrorKind,
    /// The peer's `Retry-After`, where it sent one.
    pub retry_after: Option<Duration>,
    /// One line that says what happened and what to do; never holds a secret.
    pub detail: Box<str>,
}

impl ConnectError {
    /// A failure of `kind`, told as `detail`, without a pause asked for.
    #[must_use]
    pub fn new(kind: ConnectErrorKind, detail: impl Into<Box<str>>) -> Self {
        Self { kind, retry_after: None, detail: detail.into() }
    }
}
