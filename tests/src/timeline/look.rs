//! The names and colours of states. White text is readable on each of them, and each differs from
//! white and from dark grey.

use ibws_proto::{ConnectionState, SubscriptionState};

/// The name of a state, and its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Look {
    pub(super) name: &'static str,
    pub(super) fill: &'static str,
}

const GREEN: &str = "#1a7f37";
const BLUE: &str = "#0969da";
const CYAN: &str = "#0e7490";
const AMBER: &str = "#9a6700";
const RED: &str = "#cf222e";
const PURPLE: &str = "#8250df";
const PINK: &str = "#bf3989";
const GREY: &str = "#656d76";

impl Look {
    pub(super) const GAP: Self = Self { name: "gap", fill: RED };
    pub(super) const COMPETING: Self = Self { name: "competing", fill: PINK };
    /// The colour of the spans in which messages came.
    pub(super) const MESSAGES: Self = Self { name: "messages", fill: BLUE };

    pub(super) const fn of_connection(state: ConnectionState) -> Self {
        let fill = match state {
            ConnectionState::Connecting => BLUE,
            ConnectionState::Open => CYAN,
            ConnectionState::Ready => GREEN,
            ConnectionState::Degraded => AMBER,
            _ => GREY,
        };
        Self { name: state.name(), fill }
    }

    pub(super) const fn of_subscription(state: SubscriptionState) -> Self {
        let fill = match state {
            SubscriptionState::Subscribing => BLUE,
            SubscriptionState::Active => GREEN,
            SubscriptionState::Quiet => CYAN,
            SubscriptionState::Refused | SubscriptionState::Failed => RED,
            SubscriptionState::Expiring => PURPLE,
            SubscriptionState::Degraded => AMBER,
            _ => GREY,
        };
        Self { name: state.name(), fill }
    }
}
