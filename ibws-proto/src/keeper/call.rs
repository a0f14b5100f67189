//! The calls of the REST interface that a session needs, and how they end. Writing them to a socket
//! is left to the transport.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::connect::ConnectError;

/// A call of the REST interface (docs/protocol.md §8).
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `POST /tickle`: keeps the session, and returns its id and the state of the authentication.
    Tickle,
    /// `POST /iserver/auth/status`.
    AuthStatus,
    /// `POST /iserver/auth/ssodh/init`: opens the brokerage session.
    Init {
        /// Whether a session of the same user elsewhere is ended.
        compete: bool,
    },
    /// `GET /iserver/accounts`: required once in a session before orders.
    Accounts,
    /// `GET /iserver/account/orders`.
    Orders {
        /// Whether cached filters are cleared; the reply to such a call lists no orders.
        force: bool,
    },
    /// `GET /iserver/account/trades`: the executions of the last days.
    Trades {
        /// The number of days, 1 to 7.
        days: u8,
    },
    /// `POST /iserver/notification`: the reply of the application to a question about an order.
    Notification {
        /// The id of the order, if the question had one.
        order_id: Option<i64>,
        /// The id of the question.
        req_id: Box<str>,
        /// The chosen option.
        text: Box<str>,
    },
}

/// The method of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST, with a body that may be empty.
    Post,
}

impl Method {
    /// Returns the name as HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Call {
    /// Returns the method.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::Accounts | Self::Orders { .. } | Self::Trades { .. } => Method::Get,
            Self::Tickle | Self::AuthStatus | Self::Init { .. } | Self::Notification { .. } => Method::Post,
        }
    }

    /// Returns the path below the base of the REST interface, without the query. Pacing is by path.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Tickle => "/tickle",
            Self::AuthStatus => "/iserver/auth/status",
            Self::Init { .. } => "/iserver/auth/ssodh/init",
            Self::Accounts => "/iserver/accounts",
            Self::Orders { .. } => "/iserver/account/orders",
            Self::Trades { .. } => "/iserver/account/trades",
            Self::Notification { .. } => "/iserver/notification",
        }
    }

    /// Returns the query without `?`, if the call has one.
    #[must_use]
    pub fn query(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Orders { force: true } => Some(Cow::Borrowed("force=true")),
            Self::Trades { days } => Some(Cow::Owned(format!("days={days}"))),
            _ => None,
        }
    }

    /// Returns the JSON body; `None` for an empty one.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Init { compete } => Some(format!(r#"{{"publish":true,"compete":{compete}}}"#)),
            Self::Notification { order_id, req_id, text } => {
                let body = serde_json::json!({ "orderId": order_id, "reqId": &**req_id, "text": &**text });
                Some(format!("{body}"))
            }
            _ => None,
        }
    }
}

/// The text of a notification may hold an account, so no body is shown.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({self})")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method().as_str(), self.path())?;
        self.query().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

/// The reply to a call, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct CallReply {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` of the reply; `None` if it has none.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// The body may hold the session, so it is not shown.
impl fmt::Debug for CallReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallReply")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// A call without a reply. The kinds differ in what the application can do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The connection was not made: no route, no TLS, or a certificate that is not trusted.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// No complete reply arrived within the limit.
    #[error("the gateway did not reply within {0:?}: check that it is running and logged in")]
    TimedOut(Duration),
    /// The reply is larger than the limit in bytes.
    #[error("the reply is larger than {limit} bytes: raise `Limits::max_reply_size`")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended before the reply was complete, or the peer does not speak HTTP/1.1.
    #[error("the connection ended before the reply: {0}")]
    Broken(Box<str>),
}

/// How a call ended.
pub type CallResult = Result<CallReply, CallError>;
