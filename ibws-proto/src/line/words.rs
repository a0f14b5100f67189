//! The words of lines: states, causes and outcomes, serialised by their names.

use alloc::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::GapRecovery;
use crate::lifecycle::ConnectionState;
use crate::mask::excerpt;
use crate::rest::{RestOutcome, SessionNeed};
use crate::state::{StateCause, SubscriptionState};

/// Serialises types by their `name`, and reads them from it. A variant that is missing in the list
/// does not compile.
macro_rules! words {
    ($($type:ident: $what:literal { $($variant:ident),* $(,)? })*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant)|* => serializer.serialize_str(self.name()),
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<'de, str>::deserialize(deserializer)?;
                let known = [$(Self::$variant),*].into_iter().find(|word| word.name() == name);
                known.ok_or_else(|| D::Error::custom(format_args!("unknown {} \"{}\"", $what, excerpt(&name))))
            }
        }
    )*};
}

words! {
    ConnectionState: "state of the connection" {
        Stopped, Connecting, Open, Ready, Degraded, Closing, Backoff,
    }
    SubscriptionState: "state of a subscription" {
        Pending, Subscribing, Active, Quiet, Refused, Expiring, Degraded, Failed, Unsubscribing, Removed,
    }
    StateCause: "cause of a state" {
        Requested, Ready, Primed, Confirmed, Unconfirmed, Refused, Retried, Renewed, Stale, Unauthenticated, Lost,
        UnsubscribeConfirmed, UnsubscribeTimedOut, Assumed,
    }
    GapRecovery: "recovery of a gap" { Snapshot, Replay, Rest, Nothing }
    RestOutcome: "outcome of a REST request" {
        Done, Incomplete, Failed, TimedOut, Superseded, TooMany, NoHandler,
    }
    SessionNeed: "need of a session" { Missing, Unauthenticated }
}
