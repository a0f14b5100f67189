//! The balance of a queue: everything that it accepted is delivered, merged, or reported as lost.

use std::collections::BTreeMap;

use ibws_proto::{
    Event, Item, Key,
    queue::{Queue, QueueLimits},
};

/// Events that a queue accepted minus those that its consumer has an account of, by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Balance(BTreeMap<Option<Key>, Open>);

/// Events that are not accounted for yet; negative if more came out than went in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Open {
    messages: i64,
    notices: i64,
}

impl Balance {
    /// Counts an event that the queue accepted.
    pub(crate) fn accepted(&mut self, event: &Event) {
        let (key, is_message) = counted_under(event);
        let open = self.0.entry(key).or_default();
        if is_message {
            open.messages += 1;
        } else {
            open.notices += 1;
        }
    }

    /// Counts an item that the consumer took out: a message stands for itself and those merged into
    /// it, a loss report for the messages and notices it counts.
    pub(crate) fn taken(&mut self, item: &Item) {
        match item {
            Item::Lost(lost) => {
                let open = self.0.entry(lost.key).or_default();
                open.messages -= signed(lost.messages);
                open.notices -= signed(lost.notices);
            }
            Item::Event(event) => {
                let (key, is_message) = counted_under(event);
                let open = self.0.entry(key).or_default();
                if is_message {
                    open.messages -= signed(1 + merged(event));
                } else {
                    open.notices -= 1;
                }
            }
        }
    }

    /// Checks that an emptied queue leaves nothing unaccounted for.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.0.iter().find(|(_, open)| **open != Open::default()) {
            Some((key, open)) => Err(format!("{key:?}: accepted and not accounted for: {open:?}")),
            None => Ok(()),
        }
    }
}

/// The key under which an event is counted, and whether it is a message rather than a notice.
pub(crate) fn counted_under(event: &Event) -> (Option<Key>, bool) {
    match event {
        Event::Message(message) => (message.key, true),
        Event::Malformed(_) => (None, true),
        Event::Subscription(change) => (Some(change.key.key()), false),
        Event::Gap(gap) => (Some(gap.key.key()), false),
        Event::Resumed(end) => (Some(end.key.key()), false),
        Event::CaughtUp(caught_up) => (Some(caught_up.key.key()), false),
        Event::CatchUpPending(pending) => (Some(pending.key.key()), false),
        Event::Stale(stale) => (Some(stale.key.key()), false),
        Event::Fresh(fresh) => (Some(fresh.key.key()), false),
        _ => (None, false),
    }
}

/// How many messages were merged into this one; 0 for other events.
pub(crate) fn merged(event: &Event) -> u64 {
    if let Event::Message(message) = event { message.merged } else { 0 }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Checks that the queue exists and keeps its limits, and that its counts of events and bytes
/// agree.
pub(crate) fn within_limits(queue: Option<&Queue>, limits: QueueLimits) -> Result<(), String> {
    let Some(queue) = queue else { return Err("the queue is gone".into()) };
    let (events, bytes) = (queue.len(), queue.bytes());
    let holds = events <= limits.events && bytes <= limits.bytes && (events > 0) == (bytes > 0);
    if holds { Ok(()) } else { Err(format!("{events} events and {bytes} bytes in a queue of {limits:?}")) }
}
