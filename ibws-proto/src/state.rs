//! The states of a subscription, and the causes of its state changes.

use alloc::boxed::Box;

use crate::key::SubscriptionKey;
use crate::time::Instant;

/// A change of a subscription's state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SubscriptionEvent {
    /// When the state changed.
    pub at: Instant,
    /// The subscription.
    pub key: SubscriptionKey,
    /// The new state.
    pub state: SubscriptionState,
    /// Why the state changed.
    pub cause: StateCause,
    /// Number of times it was sent in the current series of attempts. A request, a renewal and a
    /// new connection begin a new series.
    pub attempt: u32,
    /// The gateway's reason, in `Refused` and in a `Failed` that follows it.
    pub reason: Option<Box<str>>,
}

/// State of a subscription.
/// [`subscription_transitions`](crate::transitions::subscription_transitions) lists every legal
/// change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// Requested, but the gateway is not ready for it.
    Pending,
    /// Sent; the confirmation is pending.
    Subscribing,
    /// Confirmed by data of this connection.
    Active,
    /// Sent; no confirmation is expected (docs/protocol.md §3).
    Quiet,
    /// Refused by the gateway; retried after a delay.
    Refused,
    /// Renewed because the gateway ends streams by age; the confirmation is pending.
    Expiring,
    /// The session lost its authentication; sent again when the authentication is restored.
    Degraded,
    /// All attempts ended without a confirmation; retried once every
    /// [`Config::refusal_max`](crate::Config::refusal_max).
    Failed,
    /// The unsubscribe is pending: it waits for its confirmation or for the server id that it must
    /// name.
    Unsubscribing,
    /// Removed; the machine keeps nothing of it.
    Removed,
}

impl SubscriptionState {
    /// All states, in the order of a subscription's life.
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

    /// Returns the name that programs print, for example `active`. `Removed` is printed as `gone`.
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
    /// The application requested it: to subscribe, unsubscribe, modify, recreate or shut down.
    Requested,
    /// The connection became ready for it.
    Ready,
    /// The REST handler has primed it, or its time limit ended.
    Primed,
    /// A frame of this connection belongs to it.
    Confirmed,
    /// No frame confirmed it in time.
    Unconfirmed,
    /// The gateway refused its channel.
    Refused,
    /// The delay before its next attempt ended.
    Retried,
    /// It reached the age of renewal, because streams of market data end silently after 10 minutes
    /// (docs/protocol.md §3.1).
    Renewed,
    /// The stream was silent past its limit on a healthy connection, and is sent again.
    Stale,
    /// The session lost its authentication.
    Unauthenticated,
    /// The connection was lost.
    Lost,
    /// The gateway confirmed the unsubscribe.
    UnsubscribeConfirmed,
    /// The time limit for the confirmation of the unsubscribe ended.
    UnsubscribeTimedOut,
    /// A request of the application overrode the state.
    Assumed,
}

impl StateCause {
    /// Returns the name that programs print, for example `confirmed`. `UnsubscribeConfirmed` is
    /// printed as `left`, `UnsubscribeTimedOut` as `overdue`.
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
            Self::Stale => "stale",
            Self::Unauthenticated => "unauthenticated",
            Self::Lost => "lost",
            Self::UnsubscribeConfirmed => "left",
            Self::UnsubscribeTimedOut => "overdue",
            Self::Assumed => "assumed",
        }
    }
}
