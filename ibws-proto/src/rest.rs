//! What the host is asked for. REST stays outside the core: it asks, and goes on when the answer comes or its time is over.

use alloc::boxed::Box;
use core::fmt;

use crate::key::SubscriptionKey;
use crate::message::OrderPrompt;
use crate::time::Instant;

/// Number of a question to the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RestRequestId(pub u64);

impl fmt::Display for RestRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

/// A question to the host: REST calls that it should make.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RestRequest {
    /// What the gateway wants before this is subscribed to: `GET /iserver/accounts`, and before `or` also
    /// `GET /iserver/account/orders`, forced and unfiltered, since a filter there silences the stream (docs/protocol.md §1.3, §3.4).
    Prime(SubscriptionKey),
    /// A session: the gateway waits for one, or the present one is not authenticated.
    Session(SessionNeed),
    /// The live orders, forced and unfiltered: changes since then may be missing from the stream.
    Reconcile {
        /// The stream.
        key: SubscriptionKey,
        /// The end of what is known to be complete.
        since: Instant,
    },
    /// The answer to a question about an order: `POST /iserver/notification` (docs/protocol.md §4.4).
    Prompt(Prompt),
}

/// Why a session is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionNeed {
    /// The gateway said `waiting for session`, and none was at hand.
    Missing,
    /// `sts` said `authenticated: false`.
    Unauthenticated,
}

/// A question of the gateway about an order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Prompt {
    /// The order.
    pub order_id: Option<i64>,
    /// What the answer must name.
    pub req_id: Box<str>,
    /// The question.
    pub text: Box<str>,
    /// What can be answered.
    pub options: Box<[Box<str>]>,
}

impl Prompt {
    /// The prompt of an `ntf` row; `None` if the row does not say what an answer must name.
    pub(crate) fn of(row: &OrderPrompt<'_>) -> Option<Self> {
        let req_id = row.req_id().ok().flatten()?.into();
        let options = row.options().ok().flatten().unwrap_or_default();
        Some(Self {
            order_id: row.order_id().ok().flatten(),
            req_id,
            text: row.text().ok().flatten().unwrap_or_default().into(),
            options: options.into_iter().map(Into::into).collect(),
        })
    }
}

/// A question to the host is over. Told for each one, exactly once.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RestReport {
    /// Its number; `None` for one that was never asked.
    pub id: Option<RestRequestId>,
    /// The question.
    pub request: RestRequest,
    /// What became of it.
    pub outcome: RestOutcome,
}

/// What became of a question to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RestOutcome {
    /// The host did it.
    Done,
    /// The host could not, or there is no host.
    Failed,
    /// No answer within [`Config::prime_timeout`](crate::Config::prime_timeout) or
    /// [`Config::rest_timeout`](crate::Config::rest_timeout).
    TimedOut,
    /// The connection it was for is gone, or it was asked anew.
    Superseded,
    /// It was not asked at all: too many like it wait for their answer.
    TooMany,
}
