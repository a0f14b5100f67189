//! Every way from one state of a subscription to another, as a table: the picture in the README is drawn from it, and the
//! walks of the tests hold the machine to it, and it to the machine.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::status::StateCause::{
    self, Assumed, Confirmed, Lost, Primed, Ready, Renewed, Requested, Retried, Unauthenticated, Unconfirmed,
    UnsubscribeConfirmed, UnsubscribeTimedOut,
};
use crate::status::SubscriptionState::{
    self, Active, Degraded, Expiring, Failed, Pending, Quiet, Refused, Removed, Subscribing, Unsubscribing,
};

/// Moves that have their cause and their end in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Transition {
    /// From any of these; [`SubscriptionState::Removed`] is also the state before the first.
    pub from: &'static [SubscriptionState],
    /// For this reason.
    pub cause: StateCause,
    /// To this one.
    pub to: SubscriptionState,
    /// Part of every subscription's life, and of the picture; the others need a request that changes or corrects
    /// something, or a host or a gateway that is late.
    pub usual: bool,
}

/// The states in which it was sent on the present connection.
const SENT: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed];
/// The states that a loss of the connection ends.
const LOST: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed, Degraded];
/// The states that a loss of authentication ends.
const DENIED: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed, Pending];
/// The states in which it is wanted.
const WANTED: &[SubscriptionState] = &[Subscribing, Active, Quiet, Refused, Expiring, Failed, Pending, Degraded];
/// The states that a frame has not confirmed yet.
const UNCONFIRMED: &[SubscriptionState] = &[Subscribing, Quiet, Expiring];
/// What is renewed stays so until its confirmation, however often it is sent.
const SENT_AGAIN: &[SubscriptionState] = &[Pending, Degraded, Subscribing, Active, Quiet, Refused, Failed];

const fn usual(from: &'static [SubscriptionState], cause: StateCause, to: SubscriptionState) -> Transition {
    Transition { from, cause, to, usual: true }
}

const fn rare(from: &'static [SubscriptionState], cause: StateCause, to: SubscriptionState) -> Transition {
    Transition { from, cause, to, usual: false }
}

const MOVES: &[Transition] = &[
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
    usual(LOST, Lost, Pending),
    usual(DENIED, Unauthenticated, Degraded),
    usual(WANTED, Requested, Unsubscribing),
    usual(WANTED, Requested, Removed),
    usual(&[Unsubscribing], UnsubscribeConfirmed, Removed),
    usual(&[Unsubscribing], Lost, Removed),
    usual(&[Unsubscribing], UnsubscribeTimedOut, Removed),
    usual(&[Unsubscribing], Requested, Removed),
    // Recreated, modified, or asked for again.
    rare(SENT_AGAIN, Requested, Subscribing),
    rare(&[Pending, Degraded, Subscribing, Active, Refused, Expiring, Failed], Requested, Quiet),
    // The same for orders, once the host has answered; and orders that somebody wants confirmed.
    rare(SENT_AGAIN, Primed, Subscribing),
    rare(&[Active, Refused, Failed, Subscribing], Primed, Quiet),
    // The greeting came after the wait for it was over.
    rare(&[Subscribing, Quiet, Refused, Failed], Ready, Subscribing),
    rare(&[Subscribing, Expiring, Refused, Failed], Ready, Quiet),
    // Its need of confirmation was changed meanwhile.
    rare(&[Subscribing, Expiring], Unconfirmed, Quiet),
    rare(&[Active], Renewed, Quiet),
    rare(&[Quiet], Renewed, Expiring),
    // Said to flow, or not to; and data of what was not believed in.
    rare(&[Pending, Degraded, Subscribing, Quiet, Refused, Expiring, Failed], Assumed, Active),
    rare(SENT, Assumed, Pending),
    rare(&[Pending], Confirmed, Active),
];

/// Every move of a subscription's state that there is. What is not here cannot happen.
#[must_use]
pub fn subscription_transitions() -> &'static [Transition] {
    MOVES
}

/// The usual life of a subscription as a Mermaid state diagram; the README holds it, and a test holds the README to it.
#[must_use]
pub fn subscription_diagram() -> String {
    let name = |status: SubscriptionState| if status == Removed { "[*]" } else { status.name() };
    let mut text = String::from("stateDiagram-v2\n    direction LR\n");
    // What is the same for all that were sent is drawn once, from the box around them.
    let mut labels: BTreeMap<(bool, &str, &str), Vec<&str>> = BTreeMap::new();
    for moves in MOVES.iter().filter(|moves| moves.usual) {
        let boxed = SENT.iter().all(|status| moves.from.contains(status));
        let alone = moves.from.iter().filter(|status| !boxed || !SENT.contains(status));
        let froms = alone.map(|status| name(*status)).chain(boxed.then_some("sent"));
        for from in froms {
            let inside = |name: &str| SENT.iter().any(|status| status.name() == name);
            let to = name(moves.to);
            let labels = labels.entry((!(inside(from) && inside(to)), from, to)).or_default();
            if !labels.contains(&moves.cause.name()) {
                labels.push(moves.cause.name());
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
