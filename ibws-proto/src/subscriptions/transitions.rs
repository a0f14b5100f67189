//! Every transition between the states of a subscription, as a table. The machine makes no other;
//! the diagram in `docs/guarantees.md` is drawn from it, and walks of random inputs check that each
//! of its rows is reached.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::state::StateCause::{
    self, Assumed, Confirmed, Lost, Primed, Ready, Renewed, Requested, Retried, Stale, Unauthenticated, Unconfirmed,
    UnsubscribeConfirmed, UnsubscribeTimedOut,
};
use crate::state::SubscriptionState::{
    self, Active, Degraded, Expiring, Failed, Pending, Quiet, Refused, Removed, Subscribing, Unsubscribing,
};

/// Transitions that share their cause and their target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Transition {
    /// The states it starts from; [`SubscriptionState::Removed`] is also the state before the
    /// first.
    pub from: &'static [SubscriptionState],
    /// Why the state changes.
    pub cause: StateCause,
    /// The state that begins.
    pub to: SubscriptionState,
    /// Whether it is part of the ordinary life of a subscription, and of the diagram. The others
    /// need a request that changes or corrects something, or a REST handler or a gateway that is
    /// late.
    pub usual: bool,
}

/// The states in which it was sent on the present connection.
const SENT: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed];
/// The states that a loss of the connection ends.
const LOST: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed, Degraded];
/// The states that a loss of authentication ends.
const UNAUTHENTICATED: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed, Pending];
/// The states in which it is requested.
const REQUESTED: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed, Pending, Degraded];
/// The states in which no frame has confirmed it yet.
const UNCONFIRMED: &[SubscriptionState] = &[Subscribing, Quiet, Expiring];
/// The states in which a subscription may be written again and then becomes `Subscribing`.
/// `Expiring` is not among them: an expiring subscription stays so until a frame confirms it.
const SENT_AGAIN: &[SubscriptionState] = &[Pending, Degraded, Subscribing, Active, Quiet, Refused, Failed];

const fn usual(from: &'static [SubscriptionState], cause: StateCause, to: SubscriptionState) -> Transition {
    Transition { from, cause, to, usual: true }
}

const fn rare(from: &'static [SubscriptionState], cause: StateCause, to: SubscriptionState) -> Transition {
    Transition { from, cause, to, usual: false }
}

const TRANSITIONS: &[Transition] = &[
    usual(&[Removed], Requested, Pending),
    usual(&[Removed], Requested, Subscribing),
    usual(&[Removed], Requested, Quiet),
    usual(&[Pending, Degraded], Ready, Subscribing),
    usual(&[Pending, Degraded], Ready, Quiet),
    usual(&[Pending, Degraded], Primed, Quiet),
    usual(&[Subscribing], Unconfirmed, Subscribing),
    usual(&[Subscribing, Quiet, Refused, Expiring, Failed], Confirmed, Active),
    usual(UNCONFIRMED, StateCause::Refused, Refused),
    usual(UNCONFIRMED, StateCause::Refused, Failed),
    usual(&[Subscribing, Expiring], Unconfirmed, Failed),
    usual(&[Refused, Failed], Retried, Subscribing),
    usual(&[Refused, Failed], Retried, Quiet),
    usual(&[Active], Renewed, Expiring),
    usual(&[Active], Stale, Expiring),
    usual(LOST, Lost, Pending),
    usual(UNAUTHENTICATED, Unauthenticated, Degraded),
    usual(REQUESTED, Requested, Unsubscribing),
    usual(REQUESTED, Requested, Removed),
    usual(&[Unsubscribing], UnsubscribeConfirmed, Removed),
    usual(&[Unsubscribing], Lost, Removed),
    usual(&[Unsubscribing], UnsubscribeTimedOut, Removed),
    usual(&[Unsubscribing], Requested, Removed),
    // Recreated, modified, or requested again.
    rare(SENT_AGAIN, Requested, Subscribing),
    rare(&[Pending, Degraded, Subscribing, Active, Refused, Expiring, Failed], Requested, Quiet),
    // The same for orders, once they are primed; and orders with a confirmation required by the
    // application.
    rare(SENT_AGAIN, Primed, Subscribing),
    rare(&[Active, Refused, Failed, Subscribing], Primed, Quiet),
    // The greeting came after the wait for it had ended.
    rare(&[Subscribing, Quiet, Refused, Failed], Ready, Subscribing),
    rare(&[Subscribing, Expiring, Refused, Failed], Ready, Quiet),
    // Whether it needs a confirmation was changed meanwhile.
    rare(&[Subscribing, Expiring], Unconfirmed, Quiet),
    rare(&[Active], Renewed, Quiet),
    rare(&[Quiet], Renewed, Expiring),
    rare(&[Active], Stale, Quiet),
    rare(&[Quiet], Stale, Expiring),
    // Set active or invalidated by the application; and data of an invalidated one.
    rare(&[Pending, Degraded, Subscribing, Quiet, Refused, Expiring, Failed], Assumed, Active),
    rare(SENT, Assumed, Pending),
    rare(&[Pending], Confirmed, Active),
];

/// Returns every transition of a subscription's state; the machine makes no other.
#[must_use]
pub fn subscription_transitions() -> &'static [Transition] {
    TRANSITIONS
}

/// Returns `true` if the table lists this transition.
pub(super) fn allows(from: SubscriptionState, cause: StateCause, to: SubscriptionState) -> bool {
    TRANSITIONS.iter().any(|row| row.to == to && row.cause == cause && row.from.contains(&from))
}

/// Returns the ordinary life of a subscription as a Mermaid state diagram. `docs/guarantees.md`
/// shows it, and a test compares the two.
#[must_use]
pub fn subscription_diagram() -> String {
    let name = |state: SubscriptionState| if state == Removed { "[*]" } else { state.name() };
    let mut text = String::from("stateDiagram-v2\n    direction LR\n");
    // Transitions that all sent states share are drawn once, from the box around these states.
    let mut labels: BTreeMap<(bool, &str, &str), Vec<&str>> = BTreeMap::new();
    for row in TRANSITIONS.iter().filter(|row| row.usual) {
        let boxed = SENT.iter().all(|state| row.from.contains(state));
        let alone = row.from.iter().filter(|state| !boxed || !SENT.contains(state));
        let froms = alone.map(|state| name(*state)).chain(boxed.then_some("sent"));
        for from in froms {
            let inside = |name: &str| SENT.iter().any(|state| state.name() == name);
            let to = name(row.to);
            let labels = labels.entry((!(inside(from) && inside(to)), from, to)).or_default();
            if !labels.contains(&row.cause.name()) {
                labels.push(row.cause.name());
            }
        }
    }
    let mut open = false;
    for ((outside, from, to), labels) in &labels {
        // Writing to a String cannot fail.
        let _ = match (outside, core::mem::replace(&mut open, !outside)) {
            (false, false) => writeln!(text, "    state sent {{"),
            (true, true) => writeln!(text, "    }}"),
            _ => Ok(()),
        };
        let indent = if *outside { "    " } else { "        " };
        let _ = writeln!(text, "{indent}{from} --> {to}: {}", labels.join(", "));
    }
    text
}
