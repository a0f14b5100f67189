//! The states of a subscription, and what moves it from one to another.

use alloc::boxed::Box;

use crate::key::SubscriptionKey;
use crate::time::Instant;

/// A change of a subscription's state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SubscriptionEvent {
    /// When.
    pub at: Instant,
    /// Which.
    pub key: SubscriptionKey,
    /// The state that begins.
    pub state: SubscriptionState,
    /// Why.
    pub cause: StateCause,
    /// How often it was sent in this round.
    pub attempt: u32,
    /// The gateway's words, in `Refused` and in a `Failed` that follows it.
    pub reason: Option<Box<str>>,
}

/// State of a subscription (`design` §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SubscriptionState {
    /// Requested, but the gateway is not ready for it.
    Pending,
    /// Sent, its confirmation awaited.
    Subscribing,
    /// Data of this connection confirmed it.
    Active,
    /// Sent; no confirmation is to be expected.
    Quiet,
    /// Refused by the gateway; tried again after a delay.
    Refused,
    /// Sent again because the gateway ends streams by age.
    Expiring,
    /// The session lost its authentication; sent again when that is back.
    Degraded,
    /// All tries went unanswered; tried again now and then.
    Failed,
    /// Withdrawn, the confirmation of that awaited.
    Unsubscribing,
    /// Forgotten.
    Removed,
}

impl SubscriptionState {
    /// All of them, in the order of a subscription's life.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Subscribing,
        Self::Active,
        Self::Quiet,
        Self::Refused,
        Self::Expiring,
        Self::Degraded,
        Self::Failed,
        Self::Unsubscribing,
        Self::Removed,
    ];

    /// The name in lower case, `active`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Subscribing => "subscribing",
            Self::Active => "active",
            Self::Quiet => "quiet",
            Self::Refused => "refused",
            Self::Expiring => "expiring",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Unsubscribing => "unsubscribing",
            Self::Removed => "gone",
        }
    }
}

/// Why a subscription's state changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum StateCause {
    /// A request here: to subscribe, unsubscribe, modify, recreate, shut down.
    Requested,
    /// The connection became ready for it.
    Ready,
    /// The host has answered, or its time was over.
    Primed,
    /// A frame of this connection belongs to it.
    Confirmed,
    /// No frame confirmed it in time.
    Unconfirmed,
    /// The gateway refused its channel.
    Refused,
    /// The delay before its next try is over.
    Retried,
    /// It came of age: streams of market data end silently after 10 minutes (docs/protocol.md §3.1).
    Renewed,
    /// The session lost its authentication.
    Unauthenticated,
    /// The connection was lost.
    Lost,
    /// The gateway confirmed its withdrawal.
    UnsubscribeConfirmed,
    /// The wait for the confirmation of its withdrawal is over.
    UnsubscribeTimedOut,
    /// A request said that it flows, or that it does not.
    Assumed,
}

impl StateCause {
    /// The name in lower case, `confirmed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Ready => "ready",
            Self::Primed => "primed",
            Self::Confirmed => "confirmed",
            Self::Unconfirmed => "unconfirmed",
            Self::Refused => "refused",
            Self::Retried => "retried",
            Self::Renewed => "renewed",
            Self::Unauthenticated => "unauthenticated",
            Self::Lost => "lost",
            Self::UnsubscribeConfirmed => "left",
            Self::UnsubscribeTimedOut => "overdue",
            Self::Assumed => "assumed",
        }
    }
}
