//! The id of a connection, the error of a failed dial and the end of an open connection, shared by
//! the machine and its adapters.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::mask::{Discreet, Masked};

/// Number of one attempt to connect. The machine counts up from 1.
///
/// Every transport input carries the id of its connection, so that a late, duplicate or foreign
/// input changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What ended an open connection, as the transport observed it.
/// [`ConnectionLoss`](crate::ConnectionLoss) has the text for people: an
/// [`excerpt`](crate::excerpt) of the reason.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CloseCause {
    /// The peer sent a Close, with its code as received; `None` if the Close had none.
    Close(Option<u16>),
    /// The peer, or something on the way, reset the connection.
    Reset,
    /// The connection ended without a Close.
    Eof,
    /// The system ended the connection, for the reason that it gives.
    Failed(Box<str>),
    /// The peer sent more than a limit allows. The client refused it and ended the connection.
    TooLarge {
        /// The limit in bytes: the size of a message or of a frame.
        limit: u64,
        /// The size in bytes that was announced, or that has arrived in parts.
        size: u64,
    },
    /// The peer violated the WebSocket protocol (RFC 6455) as stated. The client ended the
    /// connection.
    Protocol(Box<str>),
    /// TLS failed after the handshake, as stated.
    Tls(Box<str>),
    /// The peer does not read, and more than the limit waits to be written to it. The client
    /// ended the connection.
    WriteStalled {
        /// The limit in bytes.
        limit: u64,
    },
    /// A message to the peer was larger than the limit of unsent bytes. The client ended the
    /// connection.
    WriteTooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The size of the message in bytes.
        size: u64,
    },
}

/// What to do about [`is_access_denied`].
pub(crate) const IPS_ADVICE: &str =
    "allow the address of this machine in the `ips` setting of the gateway's conf.yaml, and restart the gateway";

/// Returns `true` for the body with which the gateway refuses an address that its settings do not
/// allow (docs/protocol.md §1.1).
pub(crate) fn is_access_denied(body: &str) -> bool {
    const DENIED: &[u8] = b"access denied";
    body.as_bytes().windows(DENIED.len()).any(|part| part.eq_ignore_ascii_case(DENIED))
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
    /// The session provider did not deliver credentials, or they belong to another endpoint.
    Credentials,
    /// The proxy refused to connect to the gateway, or its settings cannot be used.
    Proxy,
}

/// A failed dial: its kind, a pause that the peer requested, and one line for people.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Masked(detail))]
pub struct ConnectError {
    /// The kind of failure.
    pub kind: ConnectErrorKind,
    /// The `Retry-After` of the peer; `None` if it sent none.
    pub retry_after: Option<Duration>,
    /// One line that states what happened and what to do. It never contains a secret.
    pub detail: Box<str>,
    /// The certificate that the peer presented, if a pin of it would be accepted; `None` for every
    /// other failure. It is not trusted: the application may show it, and save it when its user
    /// has compared the fingerprint.
    pub certificate: Option<Arc<UnknownCertificate>>,
}

/// A certificate that a peer presented and that is not trusted. It is not secret.
///
/// `Debug` shows the fingerprint only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownCertificate {
    /// The SHA-256 of the certificate: 32 pairs of hexadecimal digits, separated by colons.
    pub sha256: Box<str>,
    /// The certificate as PEM, which a pin accepts.
    pub pem: Box<str>,
}

impl UnknownCertificate {
    /// Creates the description of a certificate.
    #[must_use]
    pub fn new(sha256: impl Into<Box<str>>, pem: impl Into<Box<str>>) -> Self {
        Self { sha256: sha256.into(), pem: pem.into() }
    }
}

impl fmt::Debug for UnknownCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownCertificate({})", self.sha256)
    }
}

/// Writes the detail with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectError")
            .field("kind", &self.kind)
            .field("retry_after", &self.retry_after)
            .field("detail", &Discreet(&*self.detail))
            .finish()
    }
}

impl ConnectErrorKind {
    /// Returns `true` if the peer speaks HTTP and refused the upgrade for now: status 401, 403, 429
    /// or 503. The pauses between such dials grow to five minutes once the machine was connected.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::AuthenticationRequired | Self::Status(429 | 503))
    }
}

impl ConnectError {
    /// Returns a failure of `kind` with the text `detail` and without a requested pause.
    #[must_use]
    pub fn new(kind: ConnectErrorKind, detail: impl Into<Box<str>>) -> Self {
        Self { kind, retry_after: None, detail: detail.into(), certificate: None }
    }
}
