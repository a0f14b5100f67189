//! The requests of the machine and of dials: what each of them waits for, and its next call.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use super::call::Call;
use super::config::KeeperConfig;
use super::event::Ticket;
use super::reply::{self, CallFailure};
use crate::key::Key;
use crate::rest::{Prompt, RestError, RestReply, RestRequest, RestSnapshot, SessionNeed};
use crate::time::Instant;

/// Requests that may be pending at once.
pub(super) const MAX_REQUESTS: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);
/// The largest number of days of executions (docs/protocol.md §8.2).
const MAX_DAYS: u64 = 7;

/// What a request needs of the session before it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// A session id.
    SessionId,
    /// An authenticated brokerage session.
    Authenticated,
}

/// The call of a request that is next or pending.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Accounts, then forced orders if the subscription is to orders.
    Accounts { and_orders: bool },
    /// Orders with `force=true`, which primes them.
    ForcedOrders,
    /// Orders, then executions.
    Orders { since: Instant },
    /// Executions, after these orders.
    Executions { since: Instant, orders: Bytes },
    /// The reply to a prompt.
    Notification { order_id: Option<i64>, req_id: Box<str>, text: Box<str> },
}

/// Names the stage only: what it holds may contain accounts.
impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accounts { .. } => "Accounts",
            Self::ForcedOrders => "ForcedOrders",
            Self::Orders { .. } => "Orders",
            Self::Executions { .. } => "Executions",
            Self::Notification { .. } => "Notification",
        })
    }
}

/// What follows a successful call of a request.
pub(super) enum Next {
    Stage(Stage),
    Reply(RestReply),
}

/// What a request is for, which decides about its result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// A dial that needs the session id.
    Dial,
    /// A session for the machine.
    Session,
    /// Calls for the machine.
    Calls(Stage),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// Waits for the session. The flag is set once a tickle has shown it.
    Waiting { need: Need, is_tickled: bool },
    /// The next call is due at this time, which pacing may have set.
    Due(Instant),
    /// A call is pending.
    Pending,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) ticket: Ticket,
    /// Calls that started earlier show nothing about the session that this request needs.
    pub(super) fresh_from: Instant,
    pub(super) purpose: Purpose,
    pub(super) progress: Progress,
    /// The moment that pacing promised for the call that is due.
    pub(super) promised: Option<Instant>,
}

/// The pending requests, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: u64,
    all: BTreeMap<u64, Request>,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn add(&mut self, request: Request) {
        self.last += 1;
        self.all.insert(self.last, request);
    }

    pub(super) fn remove_ticket(&mut self, ticket: Ticket) {
        self.all.retain(|_, request| request.ticket != ticket);
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Request> {
        self.all.get_mut(&number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Request> {
        self.all.remove(&number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Request)> {
        self.all.iter().map(|(number, request)| (*number, request))
    }
}

impl Purpose {
    /// Returns what a request of the machine is for, what it needs of the session, and whether that
    /// must be shown by a call that starts after the request.
    ///
    /// # Errors
    /// A prompt to which the application has no reply.
    pub(super) fn of(request: RestRequest, config: &KeeperConfig) -> Result<(Self, Need, bool), RestError> {
        Ok(match request {
            RestRequest::Session(SessionNeed::Missing) => (Self::Session, Need::SessionId, true),
            RestRequest::Session(SessionNeed::Unauthenticated) => (Self::Session, Need::Authenticated, true),
            RestRequest::Prime(key) => {
                let stage = Stage::Accounts { and_orders: key.key() == Key::Orders };
                (Self::Calls(stage), Need::Authenticated, false)
            }
            RestRequest::Reconcile { since, .. } => (Self::Calls(Stage::Orders { since }), Need::Authenticated, false),
            RestRequest::Prompt(prompt) => {
                let text = prompt_reply(&prompt, config)?;
                let stage = Stage::Notification { order_id: prompt.order_id, req_id: prompt.req_id, text };
                (Self::Calls(stage), Need::Authenticated, false)
            }
        })
    }
}

/// Returns the application's reply to a prompt, which must be one of the options.
fn prompt_reply(prompt: &Prompt, config: &KeeperConfig) -> Result<Box<str>, RestError> {
    let Some(choose) = &config.prompts else {
        return Err(RestError::new(
            "a question about an order has no reply: set KeeperConfig::prompts, or reply to it elsewhere",
        ));
    };
    match choose(prompt) {
        None => Err(RestError::new("the application chose no reply to a question about an order")),
        Some(text) if prompt.options.is_empty() || prompt.options.contains(&text) => Ok(text),
        Some(_) => Err(RestError::new(
            "the application's reply to a question about an order is not one of its options: return one of \
             Prompt::options",
        )),
    }
}

impl Stage {
    pub(super) fn call(&self, now: Instant) -> Call {
        match self {
            Self::Accounts { .. } => Call::Accounts,
            Self::ForcedOrders => Call::Orders { force: true },
            Self::Orders { .. } => Call::Orders { force: false },
            Self::Executions { since, .. } => Call::Trades { days: days(now, *since) },
            Self::Notification { order_id, req_id, text } => {
                Call::Notification { order_id: *order_id, req_id: req_id.clone(), text: text.clone() }
            }
        }
    }

    /// Returns what follows the reply to `call` with the body `body`.
    ///
    /// # Errors
    /// [`CallFailure`] if the reply is not complete.
    pub(super) fn next(&self, call: &Call, body: &Bytes) -> Result<Next, CallFailure> {
        Ok(match self {
            Self::Accounts { and_orders } => {
                reply::accounts(call, body)?;
                if *and_orders { Next::Stage(Self::ForcedOrders) } else { Next::Reply(RestReply::Complete) }
            }
            Self::ForcedOrders => {
                reply::orders(call, body)?;
                Next::Reply(RestReply::Complete)
            }
            Self::Orders { since } => {
                if reply::orders(call, body)? {
                    Next::Stage(Self::Executions { since: *since, orders: body.clone() })
                } else {
                    Next::Reply(RestReply::Incomplete)
                }
            }
            Self::Executions { orders, .. } => {
                reply::executions(call, body)?;
                let snapshot = RestSnapshot { orders: orders.clone(), executions: Some(body.clone()) };
                Next::Reply(RestReply::Snapshot(snapshot))
            }
            Self::Notification { .. } => {
                reply::notification(call, body)?;
                Next::Reply(RestReply::Complete)
            }
        })
    }
}

/// Returns the number of days of executions that reaches back to `since`. The days of the gateway
/// may be calendar days, of which the present one is only partly over, so there is one more than
/// have passed.
fn days(now: Instant, since: Instant) -> u8 {
    let started_days = now.since(since).as_nanos().div_ceil(DAY.as_nanos());
    u8::try_from(started_days.saturating_add(1).min(u128::from(MAX_DAYS))).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_reach_back_to_the_gap_up_to_seven() {
        let now = Instant::ORIGIN + DAY * 20;
        for (seconds, expected) in
            [(0, 1), (1, 2), (86_400, 2), (86_401, 3), (5 * 86_400, 6), (6 * 86_400, 7), (u64::MAX, 7)]
        {
            let since = Instant::from_nanos(now.as_nanos().saturating_sub(seconds.saturating_mul(1_000_000_000)));
            assert_eq!(days(now, since), expected, "{seconds}");
        }
    }
}
