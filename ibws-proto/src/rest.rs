//! REST requests of the machine. The core makes no REST calls itself: it requests them, and
//! continues when the result arrives or the time limit ends.

mod reply;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::connect::{IPS_ADVICE, is_access_denied};
use crate::frame::Json;
use crate::key::SubscriptionKey;
use crate::mask::{Discreet, excerpt, excerpt_within};
use crate::message::{OrderPrompt, Row as _};
use crate::time::Instant;

pub(crate) use reply::SnapshotReplies;
pub use reply::{OrdersReply, ReplyError, TradesReply};

/// Number of a REST request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RestRequestId(pub u64);

impl fmt::Display for RestRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

/// A request to the REST handler: the calls that it must make.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RestRequest {
    /// The calls that the gateway requires before this subscription: `GET /iserver/accounts`, and
    /// before `or` also `GET /iserver/account/orders`, with `force=true` and without a filter,
    /// because a filter there silences the stream (docs/protocol.md §1.3, §3.4). Requested before
    /// each subscribe of orders, and after a refusal of another channel.
    Prime(SubscriptionKey),
    /// A valid session: the gateway waits for one, or the current one is not authenticated
    /// (docs/protocol.md §1.2, §4.3).
    Session(SessionNeed),
    /// The live orders, by the plain `GET /iserver/account/orders` whose reply has
    /// `"snapshot":true`, and the executions since `since`, by `GET /iserver/account/trades`.
    /// Changes since `since` may be missing from the stream, which does not repeat them
    /// (docs/protocol.md §3.4). [`RestReply::Snapshot`] returns both.
    Reconcile {
        /// The subscription to orders.
        key: SubscriptionKey,
        /// The moment until which the stream is known to be complete.
        since: Instant,
    },
    /// The reply to the gateway's question about an order: `POST /iserver/notification`
    /// (docs/protocol.md §4.4).
    Prompt(Prompt),
}

impl RestRequest {
    /// Returns the name of the kind in lower case, for example `reconcile`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Prime(_) => "prime",
            Self::Session(_) => "session",
            Self::Reconcile { .. } => "reconcile",
            Self::Prompt(_) => "prompt",
        }
    }
}

/// Why a session is requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionNeed {
    /// The gateway sent `waiting for session`, and none was available.
    Missing,
    /// A frame of `sts` has `authenticated: false`.
    Unauthenticated,
}

impl SessionNeed {
    /// Returns the name in lower case, for example `missing`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// A question of the gateway about an order (docs/protocol.md §4.4).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// The id of the order; `None` if the row has none.
    pub order_id: Option<i64>,
    /// The request id that the reply must repeat.
    pub req_id: Box<str>,
    /// The text of the question.
    pub text: Box<str>,
    /// The possible replies.
    pub options: Box<[Box<str>]>,
}

/// Writes the texts with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> = self.options.iter().map(|option| Discreet(&**option)).collect();
        f.debug_struct("Prompt")
            .field("order_id", &self.order_id)
            .field("req_id", &Discreet(&*self.req_id))
            .field("text", &Discreet(&*self.text))
            .field("options", &options)
            .finish()
    }
}

/// The maximum number of options of a prompt. Real ones have a handful; a list of the wire is not
/// copied whatever its length.
const MAX_OPTIONS: usize = 32;

impl Prompt {
    /// Reads the prompt of an `ntf` row with its first 32 options; `None` if the row lacks the
    /// request id, so that no reply is possible.
    pub(crate) fn of(row: &OrderPrompt<'_>) -> Option<Self> {
        let req_id = row.req_id().ok().flatten()?.into();
        let options = row.json().get("options").map(Json::elements).into_iter().flatten();
        let options = options.take(MAX_OPTIONS).map(|option| option.scalar().map(Into::into));
        Some(Self {
            order_id: row.order_id().ok().flatten(),
            req_id,
            text: row.text().ok().flatten().unwrap_or_default().into(),
            options: options.collect::<Option<_>>().unwrap_or_default(),
        })
    }
}

/// The end of an attempt at a REST request. Emitted exactly once for each attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RestReport {
    /// The number of the attempt; `None` if it did not reach the REST handler.
    pub id: Option<RestRequestId>,
    /// The request.
    pub request: RestRequest,
    /// The outcome of the attempt.
    pub outcome: RestOutcome,
    /// Why it failed, as the REST handler said it: at most 600 characters, escaped and masked as an
    /// [`excerpt`] is.
    pub reason: Option<Box<str>>,
    /// When the next attempt starts, unless another call to the same endpoint comes before it and
    /// delays it by up to 5 s; `None` if there is none.
    pub next_try: Option<Instant>,
}

/// The outcome of an attempt at a REST request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RestOutcome {
    /// The REST handler succeeded.
    Done,
    /// The gateway's list of orders is not complete yet; it is requested again.
    Incomplete,
    /// The REST handler failed, for [`RestReport::reason`].
    Failed,
    /// No result arrived within [`Config::prime_timeout`](crate::Config::prime_timeout) or
    /// [`Config::rest_timeout`](crate::Config::rest_timeout).
    TimedOut,
    /// Its connection has ended, its need has, or a later request of the same kind replaced it.
    Superseded,
    /// The machine made no request, because too many of the same kind are pending or were made on
    /// this connection.
    TooMany,
    /// The machine made no request, because there is no REST handler.
    NoHandler,
}

impl RestOutcome {
    /// Returns the name in lower case, for example `timed_out`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Superseded => "superseded",
            Self::TooMany => "too_many",
            Self::NoHandler => "no_handler",
        }
    }
}

/// What a REST handler replies when it succeeds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum RestReply {
    /// The request was carried out. For a [`Reconcile`](RestRequest::Reconcile) it means that the
    /// handler has compared the orders itself: no [`Event::CaughtUp`](crate::Event::CaughtUp)
    /// follows.
    #[default]
    Complete,
    /// The list of orders said `"snapshot":false`: it is not complete yet, and must be requested
    /// again (docs/protocol.md §8.2).
    Incomplete,
    /// A [`Reconcile`](RestRequest::Reconcile) was carried out, and these are its replies. The
    /// machine compares them with the stream and emits [`Event::CaughtUp`](crate::Event::CaughtUp).
    /// A body that cannot be read is a failure, and one without `"snapshot":true` is
    /// [`Incomplete`](Self::Incomplete).
    Snapshot(RestSnapshot),
}

/// The replies of the calls that reconcile the orders after a gap, as they were received.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RestSnapshot {
    /// The body of `GET /iserver/account/orders`, which said `"snapshot":true`.
    pub orders: Bytes,
    /// The body of `GET /iserver/account/trades`, with enough `days` to reach back to
    /// [`since`](RestRequest::Reconcile::since); `None` if the handler does not request it.
    pub executions: Option<Bytes>,
}

impl fmt::Debug for RestSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executions = self.executions.as_ref().map(Bytes::len);
        write!(f, "RestSnapshot({} bytes of orders, {executions:?} of executions)", self.orders.len())
    }
}

/// Why a REST handler could not carry out a request.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", excerpt_within(reason, MAX_REASON))]
#[non_exhaustive]
pub struct RestError {
    /// One line for people, without secrets. It is reported as [`RestReport::reason`].
    pub reason: Box<str>,
}

/// Writes the reason with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestError").field("reason", &Discreet(&*self.reason)).finish()
    }
}

/// The greatest number of characters of a REST handler's reason. One of
/// [`RestError::from_reply`] has some 400.
pub(crate) const MAX_REASON: usize = 600;

impl RestError {
    /// Makes an error with this reason.
    #[must_use]
    pub fn new(reason: impl Into<Box<str>>) -> Self {
        Self { reason: reason.into() }
    }

    /// Makes an error of the reply to `call` that has another status than the expected one. The
    /// reason contains an [`excerpt`] of the body, and what to do if the gateway denies the address
    /// of this machine.
    ///
    /// ```
    /// use ibws_proto::rest::RestError;
    ///
    /// let error = RestError::from_reply("/iserver/accounts", 404, "Access Denied");
    /// let reason = "/iserver/accounts: HTTP 404 and the body \"Access Denied\": allow";
    /// assert!(error.reason.starts_with(reason));
    /// assert_eq!(&*RestError::from_reply("/tickle", 401, "").reason, "/tickle: HTTP 401");
    /// ```
    #[must_use]
    pub fn from_reply(call: &str, code: u16, body: &str) -> Self {
        let shown = excerpt(body.trim());
        let mut reason = format!("{call}: HTTP {code}");
        if !shown.is_empty() {
            reason.push_str(&format!(" and the body \"{shown}\""));
        }
        if is_access_denied(&shown) {
            reason.push_str(&format!(": {IPS_ADVICE}"));
        }
        Self::new(reason)
    }
}

/// The result of an attempt at a REST request.
pub type RestResult = Result<RestReply, RestError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_has_its_options_up_to_32_of_them() {
        let options = |list: &str| {
            let text = alloc::format!(r#"{{"orderId":1,"reqId":"r","text":"?","options":{list}}}"#);
            Prompt::of(&OrderPrompt::from_json(Json(&text)).unwrap()).unwrap().options
        };
        assert_eq!(*options(r#"["Yes","No"]"#), ["Yes".into(), "No".into()]);
        assert!(options(r#"["Yes",{}]"#).is_empty() && options("null").is_empty());
        let many = "\"x\",".repeat(1_000);
        assert_eq!(options(&alloc::format!("[{}]", many.trim_end_matches(','))).len(), 32);
    }
}
