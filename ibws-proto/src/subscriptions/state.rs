//! The state of a subscription, with the data and the timer that belong to each state.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::command::RequestId;
use crate::state::SubscriptionState;
use crate::time::Instant;

/// What a subscription is waiting for, and until when.
#[derive(Debug)]
pub(super) enum State {
    /// Requested; the gateway is not ready for it, or the REST handler primes it.
    Pending,
    /// Sent; a frame must confirm it before the deadline.
    Subscribing { deadline: Instant },
    /// Confirmed by a frame of this connection, or assumed to be active.
    Active {
        /// When to resubscribe before the gateway ends the stream.
        renew_at: Option<Instant>,
        /// Set active by `Modify::active`, not yet confirmed by a frame.
        assumed: bool,
    },
    /// Sent; the gateway confirms no subscription of this channel.
    Quiet { renew_at: Option<Instant> },
    /// Refused by the gateway.
    Refused { retry_at: Instant },
    /// Sent again to renew a stream that still flows; a frame must confirm it before the deadline.
    Expiring { deadline: Option<Instant> },
    /// The session is not authenticated; sent again once it is.
    Degraded,
    /// All attempts went unconfirmed.
    Failed { retry_at: Instant },
    /// Unsubscribed; waits for the gateway's confirmation, or for the server id that unsubscribing
    /// needs.
    Unsubscribing(Box<Unsubscribing>),
}

/// An unsubscribe that is under way. It is short, so it takes no room in every subscription.
#[derive(Debug)]
pub(super) struct Unsubscribing {
    /// The `Unsubscribe` requests that wait for it.
    pub(super) waiters: Vec<RequestId>,
    /// Whether the gateway must confirm; otherwise the subscription is removed once the text was
    /// written.
    pub(super) needs_confirmation: bool,
    pub(super) deadline: Instant,
}

impl State {
    /// The state as the application sees it.
    pub(super) fn kind(&self) -> SubscriptionState {
        match self {
            Self::Pending => SubscriptionState::Pending,
            Self::Subscribing { .. } => SubscriptionState::Subscribing,
            Self::Active { .. } => SubscriptionState::Active,
            Self::Quiet { .. } => SubscriptionState::Quiet,
            Self::Refused { .. } => SubscriptionState::Refused,
            Self::Expiring { .. } => SubscriptionState::Expiring,
            Self::Degraded => SubscriptionState::Degraded,
            Self::Failed { .. } => SubscriptionState::Failed,
            Self::Unsubscribing(_) => SubscriptionState::Unsubscribing,
        }
    }

    /// Returns `true` if data flows, or is expected without a confirmation.
    pub(super) fn is_flowing(&self) -> bool {
        matches!(self, Self::Active { .. } | Self::Quiet { .. })
    }

    /// Returns `true` if an `error` frame for the channel may refuse it: it was sent, and no frame
    /// has confirmed it.
    pub(super) fn is_unconfirmed(&self) -> bool {
        matches!(self, Self::Subscribing { .. } | Self::Quiet { .. } | Self::Expiring { .. })
    }

    pub(super) fn is_unsubscribing(&self) -> bool {
        matches!(self, Self::Unsubscribing(_))
    }
}
