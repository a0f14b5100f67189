//! What an event belongs to: its key, its subscription, and its time.

use crate::event::{Event, Message};
use crate::key::{Key, SubscriptionKey};
use crate::time::Instant;

/// Returns the key under which an event is counted.
pub(super) fn key(event: &Event) -> Option<Key> {
    match event {
        Event::Message(Message { key, .. }) => *key,
        _ => subscription(event).map(SubscriptionKey::key),
    }
}

/// Returns the subscription that an event is about.
pub(crate) fn subscription(event: &Event) -> Option<&SubscriptionKey> {
    match event {
        Event::Message(message) => message.subscription.as_ref(),
        Event::Subscription(change) => Some(&change.key),
        Event::Gap(gap) => Some(&gap.key),
        Event::Resumed(resumed) => Some(&resumed.key),
        Event::CaughtUp(caught_up) => Some(&caught_up.key),
        Event::CatchUpPending(pending) => Some(&pending.key),
        Event::Stale(stale) => Some(&stale.key),
        Event::Fresh(fresh) => Some(&fresh.key),
        Event::ProcessorPanicked(panic) => Some(&panic.channel),
        Event::State(_) | Event::Malformed(_) | Event::Rest(_) | Event::Competing(_) | Event::AccountMismatch => None,
    }
}

/// Returns the time of an event, or of the earliest message merged into it; `None` if the event has
/// no time.
pub(super) fn since(event: &Event) -> Option<Instant> {
    match event {
        Event::Message(message) => Some(message.since),
        Event::State(change) => Some(change.at),
        Event::Subscription(change) => Some(change.at),
        Event::Gap(gap) => Some(gap.since),
        Event::Resumed(resumed) => Some(resumed.at),
        Event::CaughtUp(caught_up) => Some(caught_up.at),
        Event::CatchUpPending(pending) => Some(pending.at),
        Event::Stale(stale) => Some(stale.since),
        Event::Fresh(fresh) => Some(fresh.at),
        Event::ProcessorPanicked(panic) => Some(panic.at),
        Event::Malformed(_) | Event::Rest(_) | Event::Competing(_) | Event::AccountMismatch => None,
    }
}
