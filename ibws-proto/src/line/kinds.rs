//! The lines of every kind but messages: their members in the order in which they are written.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::text::{JsonText, Text};
use crate::event::GapRecovery;
use crate::frame::Json;
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::message::{Execution, Order, Row, Rows};
use crate::rest::{RestOutcome, SessionNeed};
use crate::state::{StateCause, SubscriptionState};

/// Declares a line: the members that it always has, and those that it may have.
macro_rules! line {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$always_doc:meta])* $always:ident: $always_type:ty, )*
        } and perhaps {
            $( $(#[$doc:meta])* $member:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$always_doc])* pub $always: $always_type, )*
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $member: Option<$type>,
            )*
        }
    };
}

line! {
    /// A `state` line: the connection's state changed.
    StateLine {
        /// The new state.
        state: ConnectionState,
        /// Number of dials since the last ready connection.
        attempt: u32,
    } and perhaps {
        /// The delay until the next dial, in milliseconds. Only in `backoff`.
        delay_ms: u64,
        /// Why the previous state ended, for people. Only if something was lost.
        cause: Text,
        /// When, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// The number of the connection.
        conn: u64,
        /// The parts of `cause`.
        cause_detail: Cause,
    }
}

line! {
    /// A `subscription` line: a subscription's state changed.
    SubscriptionLine {
        /// The subscription.
        channel: SubscriptionKey,
        /// The new state.
        status: SubscriptionState,
        /// Number of times it was sent in the current series of attempts.
        attempt: u32,
    } and perhaps {
        /// The gateway's reason for a refusal.
        reason: Text,
        /// When, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// Why the state changed.
        cause: StateCause,
    }
}

line! {
    /// A `gap` line: messages of a stream may be missing.
    GapLine {
        /// The subscription of the stream.
        channel: SubscriptionKey,
        /// Why, for people.
        cause: Text,
    } and perhaps {
        /// Until when the stream is known to be complete, in milliseconds of the writer's
        /// monotonic clock.
        since_ms: u64,
        /// The parts of `cause`.
        cause_detail: Cause,
    }
}

line! {
    /// A `resumed` line: a gap ended.
    ResumedLine {
        /// The subscription of the stream.
        channel: SubscriptionKey,
        /// The length of the gap in milliseconds.
        outage_ms: u64,
        /// Number of dials during the gap.
        attempts: u32,
    } and perhaps {
        /// When the gap ended, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// When the gap began, on the same clock.
        since_ms: u64,
        /// What makes up for the messages that the gap lost.
        recovery: GapRecovery,
    }
}

line! {
    /// A `caught_up` line: what the stream of orders lost in a gap, and what existed before it.
    CaughtUpLine {
        /// The subscription of the stream.
        channel: SubscriptionKey,
        /// For how long changes were missing, in milliseconds.
        outage_ms: u64,
        /// The orders that changed, as rows of the gateway: an array.
        orders: JsonText,
        /// The executions that were missing, as rows of the gateway: an array.
        executions: JsonText,
    } and perhaps {
        /// Number of earlier ones that a queue merged into this one, if there are any.
        merged: u64,
        /// Number of orders and executions that the machine no longer remembered, if there are any.
        forgotten: u64,
        /// When the snapshot was taken in, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// Since when changes were missing, on the same clock.
        since_ms: u64,
    }
}

impl CaughtUpLine {
    /// Returns the typed views of the orders. A row that cannot be read is skipped.
    pub fn orders(&self) -> impl Iterator<Item = Order<'_>> {
        rows(self.orders.json())
    }

    /// Returns the typed views of the executions. A row that cannot be read is skipped.
    pub fn executions(&self) -> impl Iterator<Item = Execution<'_>> {
        rows(self.executions.json())
    }
}

fn rows<'a, R: Row<'a> + 'a>(array: Json<'a>) -> impl Iterator<Item = R> + 'a {
    Rows::<R>::of(Some(array)).filter_map(Result::ok)
}

line! {
    /// A `catch_up_pending` line: what the stream of orders lost is still unknown.
    CatchUpPendingLine {
        /// The subscription of the stream.
        channel: SubscriptionKey,
        /// Why, for people.
        reason: Text,
    } and perhaps {
        /// The delay until the next attempt, in milliseconds. Absent without a REST handler.
        delay_ms: u64,
        /// When the attempt ended, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// Since when changes are missing, on the same clock.
        since_ms: u64,
        /// Why, as a word: `no_handler`, `failed`, `incomplete` or `timed_out`.
        why: Text,
    }
}

line! {
    /// A `malformed` line: a frame could not be read.
    MalformedLine {
        /// Why, for people.
        reason: Text,
        /// The text of the frame, with accounts and sessions masked.
        frame: Text,
    } and perhaps {}
}

line! {
    /// A `session` line: the gateway wants a session, or an authenticated one, and the request for
    /// it did not succeed.
    SessionLine {
        /// The word `wanted`.
        status: Text,
    } and perhaps {
        /// What the session is needed for.
        need: SessionNeed,
        /// How the request ended.
        outcome: RestOutcome,
        /// Why it failed, as the REST handler said it.
        reason: Text,
        /// The number of the request. Absent if it did not reach the REST handler.
        id: u64,
        /// When the next attempt starts, in milliseconds of the writer's monotonic clock. Absent if
        /// there is none.
        next_try_ms: u64,
    }
}

line! {
    /// A `stale` line: a stream on a healthy connection is silent.
    StaleLine {
        /// The subscription of the stream.
        channel: SubscriptionKey,
    } and perhaps {
        /// When its last message arrived, in milliseconds of the writer's monotonic clock.
        since_ms: u64,
    }
}

line! {
    /// A `fresh` line: a silent stream has a message again.
    FreshLine {
        /// The subscription of the stream.
        channel: SubscriptionKey,
        /// The length of the silence in milliseconds.
        silence_ms: u64,
    } and perhaps {
        /// When the silence ended, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// When it began, on the same clock.
        since_ms: u64,
    }
}

line! {
    /// A `competing` line: another login competes with this session, or no longer does.
    CompetingLine {
        /// Whether it competes.
        competing: bool,
    } and perhaps {}
}

line! {
    /// An `account` line: the session does not serve the configured account.
    AccountLine {
        /// The word `mismatch`.
        status: Text,
    } and perhaps {}
}

line! {
    /// A `lost` line: a queue dropped events, because its consumer was slow.
    LostLine {
        /// The key of the events; `null` for events of the connection and messages of no known key.
        key: Option<Key>,
        /// Number of messages that were dropped.
        messages: u64,
        /// Number of messages whose single steps were dropped; the next line has what they add up
        /// to.
        folded: u64,
        /// Number of other events that were dropped.
        notices: u64,
    } and perhaps {
        /// The time of the earliest of the events, in milliseconds of the writer's monotonic clock.
        since_ms: u64,
    }
}

line! {
    /// A `keeper` line: the state of the session keeper changed.
    KeeperLine {
        /// The state, as `KeeperState::name` returns it.
        state: Text,
    } and perhaps {
        /// For how long no authenticated session is known, in milliseconds.
        outage_ms: u64,
        /// Why, for people.
        why: Text,
        /// What a person could do.
        advice: Text,
        /// When, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
        /// When the state began, on the same clock.
        since_ms: u64,
        /// When the keeper next tries to restore the session, on the same clock.
        next_try_ms: u64,
    }
}

line! {
    /// A `rest` line: an attempt at a REST request ended. An attempt at a session that did not
    /// succeed is a [`SessionLine`] instead.
    RestLine {
        /// The request: `prime`, `session`, `reconcile` or `prompt`.
        request: Text,
        /// How the attempt ended.
        outcome: RestOutcome,
    } and perhaps {
        /// The subscription of `prime` and `reconcile`.
        channel: SubscriptionKey,
        /// What a `session` is needed for.
        need: SessionNeed,
        /// The order of a `prompt`, if the gateway named one.
        order_id: i64,
        /// Why it failed, as the REST handler said it.
        reason: Text,
        /// The number of the request. Absent if it did not reach the REST handler.
        id: u64,
        /// Since when orders may be missing, for `reconcile`, in milliseconds of the writer's
        /// monotonic clock.
        since_ms: u64,
        /// When the next attempt starts, on the same clock. Absent if there is none.
        next_try_ms: u64,
    }
}

line! {
    /// A `processor_panicked` line: a processor of the application panicked.
    ProcessorPanickedLine {
        /// The channel that the processor was called with.
        channel: SubscriptionKey,
    } and perhaps {
        /// When it was called, in milliseconds of the writer's monotonic clock.
        at_ms: u64,
    }
}
