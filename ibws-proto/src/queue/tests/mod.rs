//! The rules of the queue, one file for each kind.

#[cfg(feature = "client")]
mod batches;
mod costs;
mod dropping;
mod folding;
mod layouts;
mod merging;
mod notices;
mod overflow;
mod routing;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::slot::Slot;
use super::spare::Spare;
use super::{EventFilter, Item, LossReport, Overflow, Queue, QueueLimits, QueueOptions, Queues};
use crate::command::ConnectionLoss;
use crate::connect::ConnId;
use crate::event::{Event, Gap, Message, Resumed, StateChange};
use crate::fold::{LadderBook, OrderBook};
use crate::frame::{Frame, FrameError, FrameErrorKind};
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::message::Body;
use crate::state::{StateCause, SubscriptionEvent, SubscriptionState};
use crate::time::Instant;

/// No limit.
const ANY: usize = usize::MAX;

fn limits(events: usize, bytes: usize) -> Queue {
    Queue::new(QueueLimits { events, bytes })
}

fn malformed(n: u8) -> Event {
    Event::Malformed(FrameError { raw: Bytes::copy_from_slice(&[n; 100]), kind: FrameErrorKind::Duplicate("topic") })
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// A message as the machine emits it; `sub` names its subscription.
fn message(ms: u64, sub: &str, text: &str) -> Event {
    let frame = Frame::decode(Bytes::copy_from_slice(text.as_bytes())).unwrap();
    let subscription = SubscriptionKey::parse(sub).ok();
    let key = frame.topic().and_then(|topic| Key::from_topic(&topic));
    Event::Message(Message { conn: ConnId(1), at: at(ms), merged: 0, since: at(ms), key, subscription, frame })
}

fn quote(ms: u64, conid: u32, fields: &str) -> Event {
    message(ms, &format!("md+{conid}"), &format!("{{\"topic\":\"smd+{conid}\",{fields}}}"))
}

fn orders(ms: u64, rows: &str) -> Event {
    message(ms, "or", &format!("{{\"topic\":\"sor\",\"args\":[{rows}]}}"))
}

fn gap(ms: u64, sub: &str) -> Event {
    Event::Gap(Gap { key: SubscriptionKey::parse(sub).unwrap(), since: at(ms), cause: ConnectionLoss::Cut.into() })
}

fn resumed(since: u64, ms: u64, sub: &str) -> Event {
    let key = SubscriptionKey::parse(sub).unwrap();
    Event::Resumed(Resumed {
        key,
        since: at(since),
        at: at(ms),
        attempts: 1,
        recovery: crate::event::GapRecovery::Snapshot,
    })
}

fn subscription_state(ms: u64, sub: &str, state: SubscriptionState) -> Event {
    let key = SubscriptionKey::parse(sub).unwrap();
    Event::Subscription(SubscriptionEvent {
        at: at(ms),
        key,
        state,
        cause: StateCause::Requested,
        attempt: 1,
        reason: None,
    })
}

/// Formats an item as one line.
fn line(item: &Item) -> String {
    match item {
        Item::Lost(lost) => {
            let key = lost.key.map_or("-", Key::name);
            let LossReport { messages, folded, notices, .. } = lost;
            format!("lost {key} {messages}+{folded}+{notices} since {}", lost.since)
        }
        Item::Event(Event::Message(message)) => format!("{}x {}", message.merged + 1, message.frame.text()),
        Item::Event(Event::Malformed(malformed)) => format!("malformed {}", malformed.raw[0]),
        Item::Event(Event::State(change)) => format!("state {}", change.state.name()),
        Item::Event(Event::Subscription(change)) => format!("{} {}", change.key, change.state.name()),
        Item::Event(Event::Gap(gap)) => format!("gap {} {}", gap.key, gap.since),
        Item::Event(Event::Resumed(end)) => format!("resumed {} {} {} {}", end.key, end.since, end.at, end.attempts),
        Item::Event(other) => format!("{other:?}"),
    }
}

/// Takes every item out, as lines.
fn all(queue: &mut Queue) -> Vec<String> {
    let items = core::iter::from_fn(|| queue.pop()).map(|item| line(&item)).collect();
    assert_eq!((queue.len(), queue.bytes(), queue.is_empty()), (0, 0, true));
    items
}

fn slot(event: Event) -> Slot {
    let cost = super::cost::of_event(&event);
    Slot::new(event, cost)
}
