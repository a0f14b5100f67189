//! Why a connection or a stream was lost, with its parts.

use serde::{Deserialize, Serialize, Serializer};

use super::millis;
use super::text::Text;
use crate::command::{ConnectionLoss, GapCause};
use crate::connect::{ConnectError, ConnectErrorKind};

/// The kind of a loss, with the numbers that belong to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cause {
    /// The kind, a word: `connect` for a failed dial, the name of a
    /// [`ConnectionLoss`](crate::ConnectionLoss) or of a [`GapCause`](crate::GapCause) otherwise.
    pub kind: Text,
    /// The code of the gateway's Close. Only with `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The kind of a failed dial, a word. Only with `connect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// The HTTP status of a refused upgrade. Only with the error `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The pause that the peer requested, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The limit that was exceeded, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The size that exceeded it, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// One line for people. The lines of events omit it, because they have it as `cause`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
}

impl Cause {
    fn new(kind: &str) -> Self {
        let (code, error, status, retry_after_ms) = (None, None, None, None);
        Self { kind: kind.into(), code, error, status, retry_after_ms, limit: None, size: None, text: None }
    }
}

impl From<&ConnectError> for Cause {
    fn from(error: &ConnectError) -> Self {
        let (name, status) = match error.kind {
            ConnectErrorKind::Unreachable => ("unreachable", None),
            ConnectErrorKind::TimedOut => ("timed_out", None),
            ConnectErrorKind::Trust => ("trust", None),
            ConnectErrorKind::Protocol => ("protocol", None),
            ConnectErrorKind::AuthenticationRequired => ("authentication_required", None),
            ConnectErrorKind::Status(status) => ("status", Some(status)),
            ConnectErrorKind::Credentials => ("credentials", None),
            ConnectErrorKind::Proxy => ("proxy", None),
        };
        let retry_after_ms = error.retry_after.map(millis);
        Self { error: Some(name.into()), status, retry_after_ms, ..Self::new("connect") }
    }
}

impl From<&ConnectionLoss> for Cause {
    fn from(loss: &ConnectionLoss) -> Self {
        let kind = match loss {
            ConnectionLoss::Connect(error) => return error.into(),
            ConnectionLoss::Closed(code) => return Self { code: *code, ..Self::new("closed") },
            ConnectionLoss::Cut => "cut",
            ConnectionLoss::Reset => "reset",
            ConnectionLoss::Failed(_) => "failed",
            ConnectionLoss::TooLarge { limit, size } => {
                return Self { limit: Some(*limit), size: Some(*size), ..Self::new("too_large") };
            }
            ConnectionLoss::Protocol(_) => "protocol",
            ConnectionLoss::Tls(_) => "tls",
            ConnectionLoss::WriteStalled { limit } => {
                return Self { limit: Some(*limit), ..Self::new("write_stalled") };
            }
            ConnectionLoss::WriteTooLarge { limit, size } => {
                return Self { limit: Some(*limit), size: Some(*size), ..Self::new("write_too_large") };
            }
            ConnectionLoss::NoFirstFrame => "no_first_frame",
            ConnectionLoss::NotGreeted => "not_greeted",
            ConnectionLoss::NotAuthenticated => "not_authenticated",
            ConnectionLoss::Silent => "silent",
            ConnectionLoss::PongMissing => "pong_missing",
            ConnectionLoss::SessionChanged => "session_changed",
            ConnectionLoss::Requested => "requested",
        };
        Self::new(kind)
    }
}

impl From<&GapCause> for Cause {
    fn from(cause: &GapCause) -> Self {
        Self::new(match cause {
            GapCause::Connection(loss) => return loss.into(),
            GapCause::Unauthenticated => "unauthenticated",
            GapCause::Refused(_) => "refused",
            GapCause::Unconfirmed => "unconfirmed",
            GapCause::Invalidated => "invalidated",
            GapCause::Malformed => "malformed",
        })
    }
}

/// Serialises errors as a [`Cause`] with its text.
macro_rules! as_cause {
    ($($type:ident),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Cause { text: Some(Text::of(self)), ..self.into() }.serialize(serializer)
            }
        }
    )*};
}

as_cause!(ConnectError, ConnectionLoss, GapCause);
