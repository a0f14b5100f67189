//! The list of the invariants: what each says, where it comes from, and the messages by which it is
//! recognised. `tests/tests/invariants.rs` holds the list to the code and to its page.

use core::fmt;

/// One invariant of the kit.
///
/// ```
/// use ibws_testkit::invariants::{Invariant, list};
///
/// let broken = "r7 has waited for 240s; at most 200s";
/// assert_eq!(Invariant::of(broken).map(|it| it.name), Some("bounded waits"));
/// assert!(list().iter().all(|it| !it.rule.is_empty()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Invariant {
    /// The name.
    pub name: &'static str,
    /// The part of the library that must keep it: `machine`, `keeper` or `replay`.
    pub part: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// The document that the rule comes from.
    pub source: &'static str,
    /// The messages of its violations, as format strings.
    pub messages: &'static [&'static str],
}

impl Invariant {
    /// The invariant that a message is about; `None` for any other text.
    #[must_use]
    pub fn of(message: &str) -> Option<&'static Self> {
        // A message with more fixed text is the more certain one.
        let fits = |it: &Self| it.messages.iter().filter_map(|format| fit(format, message)).max();
        LIST.iter().filter_map(|it| Some((fits(it)?, it))).max_by_key(|(fixed, _)| *fixed).map(|(_, it)| it)
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the invariant \"{}\" of the {}: {} ({})", self.name, self.part, self.rule, self.source)
    }
}

/// The number of fixed bytes of `format` if the first line of `message` can come from it.
fn fit(format: &str, message: &str) -> Option<usize> {
    let mut rest = message;
    let mut fixed = 0;
    for (n, piece) in pieces(format).enumerate() {
        let at = if n == 0 { rest.starts_with(piece).then_some(0) } else { rest.find(piece) }?;
        rest = rest.get(at + piece.len()..)?;
        fixed += piece.len();
    }
    (fixed > 3).then_some(fixed)
}

/// The fixed texts of a format string, between its arguments.
fn pieces(format: &str) -> impl Iterator<Item = &str> {
    let mut parts = format.split('{');
    let first = parts.next();
    first.into_iter().chain(parts.filter_map(|part| part.split_once('}').map(|(_, fixed)| fixed)))
}

/// All invariants, in the order of this table.
///
#[doc = include_str!("../../docs/invariants.md")]
#[must_use]
pub fn list() -> &'static [Invariant] {
    LIST
}

const PROMISES: &str = "docs/guarantees.md#promises";

const fn machine(
    name: &'static str,
    rule: &'static str,
    source: &'static str,
    messages: &'static [&'static str],
) -> Invariant {
    Invariant { name, part: "machine", rule, source, messages }
}

const fn keeper(
    name: &'static str,
    rule: &'static str,
    source: &'static str,
    messages: &'static [&'static str],
) -> Invariant {
    Invariant { name, part: "keeper", rule, source, messages }
}

#[rustfmt::skip]
const LIST: &[Invariant] = &[
    // Requests.
    machine("one reply", "Each request has a number of its own and exactly one reply.", PROMISES,
        &["the number {id} was given twice", "{id} got the reply {reply:?}, but is not pending",
          "{} requests wait, but the machine counts {}", "{id} has no reply: {pending:?}"]),
    machine("bounded waits", "No request but `Start` and `WaitReady` waits longer than the settings imply.", PROMISES,
        &["{id} has waited for {:?}; at most {:?}"]),
    machine("replies before the next dial", "A request whose text went to a connection has its reply before the next dial.", PROMISES,
        &["{id} was bound to the lost connection and has no reply before the dial"]),
    // The connection.
    machine("one connection", "There is one connection at a time, with a new number, and every action is about it.", "docs/guarantees.md#the-states-of-the-connection",
        &["{action:?} is not about the live connection", "{action:?} in stage {:?}", "{conn} is dialled while {} is open",
          "{conn} is not a new number", "{:?} is its connection, {:?} is live", "a text without a connection"]),
    machine("states of the connection", "The state changes only as the table allows, and every change is reported.", "docs/guarantees.md#the-states-of-the-connection",
        &["from {:?} to {:?}", "the connection is {:?}, but {:?} was emitted", "{:?}, but the connection has not ended"]),
    machine("ready by evidence", "A connection is ready only after a frame of its own.", PROMISES,
        &["ready without a frame of this connection"]),
    machine("loss by evidence", "A connection ends for silence or a missing pong only after that much of it.", "docs/protocol.md §4.1",
        &["silent after {silence:?}", "pong missed after {age:?}"]),
    machine("dead connections end", "A connection with heartbeats that is silent for longer than the limit is closed.", "docs/protocol.md §4.1",
        &["{} has been silent since {:?}, and is not closed"]),
    machine("limited dials", "A client that was never connected dials no more often than its limit.", "docs/guarantees.md#the-states-of-the-connection",
        &["{} dials without a success"]),
    machine("timers", "A machine that is not stopped has a timer, and none that is due after it was polled.", "docs/guarantees.md#the-states-of-the-connection",
        &["poll_timeout is {at:?}, next_wake is {queued:?}", "drained, but due at {at:?}: a driver would spin", "no timer in {:?}",
          "no timer with {:?} pending"]),
    machine("bounded outputs", "One input causes a bounded number of outputs.", PROMISES,
        &["{outputs} outputs for one input"]),
    // Texts.
    machine("no text before the greeting", "Nothing is written before the greeting, or the bounded wait for it.", "docs/protocol.md §1.3.4",
        &["{text:?} is written in {:?}", "{text:?} is written before the greeting"]),
    machine("no text without authentication", "Without a brokerage session only the channels that need none are written.", "docs/protocol.md §1.3.1",
        &["{text:?} is written without authentication"]),
    machine("session on request", "The session is sent only to a gateway that waits for it.", "docs/protocol.md §1.2",
        &["the session was sent, but the gateway does not wait for one"]),
    machine("grammar", "Every text is one that the gateway accepts.", "docs/protocol.md §2",
        &["{text:?} is not a text that the gateway accepts: {what}"]),
    machine("only what is requested", "Only requested subscriptions are sent, and only those of this connection are unsubscribed.", PROMISES,
        &["{text:?}: {key} is not requested", "{text:?}: this connection never held it"]),
    machine("limited attempts", "A subscription is sent no more often in one round than its limit.", "docs/guarantees.md#the-states-of-a-subscription",
        &["{key} was sent {tries} times in one round"]),
    // Frames.
    machine("each frame once", "Each frame is reported once, in its order, alone or as a part of one joined message.", PROMISES,
        &["an event for the frame {raw:?}, which was not given",
          "an event for the frame {raw:?}, joined: {is_joined}; expected {:?}"]),
    machine("frames at once", "A frame is held back only while it may be a piece of a message whose rest is missing.", "docs/protocol.md §1.8",
        &["the frames {:?} have no event"]),
    machine("attribution", "A frame is attributed only to a subscription that it can be about, and never by a guess.", "docs/protocol.md §3.1",
        &["{:?} was attributed to {key}", "{:?} was attributed to {key}, but {rivals} subscriptions could be meant"]),
    // Subscriptions.
    machine("states of a subscription", "A subscription changes its state only as the table allows.", "docs/guarantees.md#the-states-of-a-subscription",
        &["{key} went from {from:?} to {state:?}: {cause:?}", "{key} is removed, but never was there"]),
    machine("subscriptions as reported", "The list of the machine is what its events add up to.", "docs/guarantees.md#the-states-of-a-subscription",
        &["{} is {:?}, and no state of it was emitted", "{} is {:?}, but {:?} was emitted",
          "{}: stale since {:?}, emitted {:?}", "{}: gap since {:?}, emitted {:?}", "{} subscriptions, {} emitted"]),
    machine("subscriptions as requested", "The machine holds exactly what the application requested and did not end.", PROMISES,
        &["requested: {:?}; the machine holds: {:?}"]),
    machine("subscriptions fit the connection", "No subscription is in a state that the connection does not allow.", "docs/guarantees.md#the-states-of-a-subscription",
        &["{} has a server id of another connection", "{} is {:?} in {:?}"]),
    machine("active by evidence", "A subscription is active only after a frame of its own on this connection.", PROMISES,
        &["{} is active without evidence", "{} is active without evidence of this connection"]),
    machine("frames take effect", "Data confirms its subscription at once, and an error refuses it at once.", "docs/protocol.md §3.11",
        &["{key} is {:?}, though data came for it", "{key} is {:?}, though its channel was refused"]),
    machine("bounded states", "A state that waits for the gateway or for a turn ends within the settings.", "docs/guarantees.md#the-states-of-a-subscription",
        &["{key} is {:?} since {since:?}; at most {limit:?}"]),
    // Gaps.
    machine("one gap each", "Each outage of a stream is one `Gap` and one `Resumed`.", PROMISES,
        &["a gap of {}, of which no state was emitted", "a gap of {}, which did not flow",
          "a second gap of {} before the first one ended", "{} resumed since {:?}; its gap: {open:?}",
          "{} is {:?}, and its gap has not ended", "{} has a gap from the future"]),
    machine("gaps of lost messages", "A gap for a message that arrived in part has such a message.", "docs/protocol.md §1.8",
        &["{} has a gap, but no message was lost in part"]),
    machine("resumed by evidence", "A gap ends only with a frame of the stream, or as its channel allows without one.", PROMISES,
        &["{} is resumed without evidence of this connection", "{} is resumed without a frame since its gap"]),
    machine("silence", "A silence is reported once, not within a gap, and ends with its own `Fresh`.", PROMISES,
        &["{} is stale since {:?} twice, or within a gap", "{} is fresh, stale since {:?}, not {open:?}"]),
    // REST.
    machine("REST requests", "A REST request has a number of its own, an open connection, a requested subscription, and one report.", "docs/protocol.md §8",
        &["{id} is not a new number of a request", "{request:?} without an open connection", "{request:?}, but {key} is not requested",
          "{report:?} has no number", "{report:?}, but the request was {other:?}",
          "the machine counts {} requests to the REST handler, open are {:?}", "{id} outlives its connection: {request:?}"]),
    machine("pacing of orders", "Calls for orders are 5 s apart.", "docs/protocol.md §8.3",
        &["{request:?} {:?} after the last call for orders"]),
    machine("a session is requested", "While a subscription needs a session that is not authenticated, the session is requested.", "docs/protocol.md §1.3.1",
        &["the session is not authenticated, and nobody is asked for one"]),
    machine("orders are made up for", "After the end of a gap of orders, something is reported of what it lost, in bounded time.", PROMISES,
        &["the gap of {key} ended {limit:?} ago, and nothing was reported of what it lost"]),
    machine("snapshots after the gap", "What a gap lost comes after its end, from a snapshot that was requested after it.", PROMISES,
        &["{pending:?} without a subscription, or within a gap", "{caught_up:?} without a subscription, or within a gap",
          "{caught_up:?} without a snapshot that was requested after the last gap"]),
    machine("nothing twice", "What makes up for a gap lists no order twice, and no execution that was delivered.", PROMISES,
        &["{caught_up:?} lists an order twice, or one without a number: {orders:?}",
          "{caught_up:?} lists the execution {id:?}, which was delivered before"]),
    // Replays.
    Invariant { name: "replays agree", part: "replay", source: "docs/guarantees.md#chaos-runs",
        rule: "The outputs do not depend on when they are polled, on stale inputs, on a clock that goes back, or on additional ticks.",
        messages: &["{what}: output {at} of {} differs ({} outputs in the replay)"] },
    Invariant { name: "no session", part: "replay", source: "docs/guarantees.md#discretion",
        rule: "No output but a frame contains the session.",
        messages: &["the session {secret} is in {}"] },
    // The keeper.
    keeper("no session in outputs", "No output of a keeper shows the session.", "docs/guarantees.md#discretion",
        &["the session is shown: {output:?}"]),
    keeper("no call in the penalty box", "In the penalty box no call is made.", "docs/protocol.md §8.3",
        &["{call} in the penalty box"]),
    keeper("one result", "Each call and each ticket ends once, with the calls that it needs, and no call is abandoned early.", "docs/protocol.md §8.2",
        &["{id} is not pending", "{call} of {at} is abandoned early", "{ticket} has two results, or was cancelled",
          "{ticket} is done without its calls: {ended:?}"]),
    keeper("reasons and advice", "A failure has a reason, and a state that a person can end has advice.", "docs/protocol.md §8.4",
        &["{ticket} has no reason", "{event:?}", "a reason is missing: {event:?}", "the advice is missing: {event:?}"]),
    keeper("tickles", "The session is tickled in time, one call at a time.", "docs/protocol.md §8.2",
        &["two tickles at once", "no tickle since {at}"]),
    keeper("no call without need", "A session is opened only if it is lost, not again while it opens, and never against another login unless told so; every other call is for a request.", "docs/protocol.md §8.2",
        &["it competes", "init, but authenticated is {:?}", "init again after {:?}",
          "{call} without a request: {:?}", "{call} more often than requested",
          "a tickle without a reason", "a status without a reason"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leads_to_the_invariant_with_the_most_of_its_text() {
        let name = |message: &str| Invariant::of(message).map(|it| it.name);
        assert_eq!(name("md+1 is active without evidence of this connection"), Some("active by evidence"));
        assert_eq!(name("from Open to Stopped"), Some("states of the connection"));
        assert_eq!(name("300 outputs for one input\nmore"), Some("bounded outputs"));
        assert_eq!(name("c2 is not a new number"), Some("one connection"));
        assert_eq!(name("something else"), None);
    }
}
