//! The queue of one consumer: its events in order, its limits, and the order in which it delivers.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::iter;
use core::ops::Range;

#[cfg(feature = "client")]
use super::batch::Batch;
use super::index::Index;
use super::item::{Dequeued, Item, LossReport};
use super::overflow::{Overflow, QueueOptions};
use super::rows::Folded;
use super::slot::{Class, Content, Slot};
use super::spare::Spare;
use super::stats::LossCounts;
use super::{attribution, cost};
use crate::event::{Event, Message};
use crate::key::{Key, SubscriptionKey};
use crate::time::Instant;

/// The limits of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueLimits {
    /// The maximum number of events. Default: 1,024.
    pub events: usize,
    /// The maximum size in bytes: the frames, what is recorded about their members, the rows that
    /// frames were folded into, and the events themselves. Default: 8 MiB.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { events: 1_024, bytes: 8 * 1024 * 1024 }
    }
}

/// The number of slots that an empty queue keeps: those of a batch.
pub(super) const EMPTY_SLOTS: usize = 64;

/// A bounded queue of events for one consumer.
///
/// It never holds more than its limits allow. A push takes amortised logarithmic time in the length
/// of the queue, however slow the consumer is.
///
/// The event that came last shares the buffer that its frame was received in; in
/// [rounds](super::Queues::begin_round), the events of the present round do. Each other event has a
/// copy of its bytes, unless the frame is larger than 16 KiB, which has a buffer of its own. So an
/// event that is consumed at once is never copied, and one that waits keeps no more than it counts.
#[derive(Debug, Default)]
pub struct Queue {
    pub(super) limits: QueueLimits,
    pub(super) overflow: Overflow,
    /// Whether losses are counted for each subscription, and not for each key.
    pub(super) counts_by_subscription: bool,
    /// Events in order; `None` where an event was removed before it reached the front.
    pub(super) slots: VecDeque<Option<Slot>>,
    /// The place of the first slot. Places number all events that were ever put in.
    pub(super) first_place: u64,
    /// The number of events, without the empty slots.
    pub(super) len: usize,
    pub(super) bytes: usize,
    /// The places of the events that may share the buffer that their frame was received in. Some of
    /// them may have been taken out.
    pub(super) shared: Range<u64>,
    /// Present from the moment the queue reaches a limit until it is empty.
    pub(super) index: Option<Index>,
    /// Counts of dropped events that were not delivered yet.
    pub(super) losses: BTreeMap<(Option<Key>, Option<SubscriptionKey>), LossReport>,
    /// Counts since the queue was opened; `None` while it has merged and dropped nothing.
    pub(super) counts: Option<Box<LossCounts>>,
    /// A fold that the last loss report announced, and its cost. It is delivered next.
    announced: Option<(Box<Folded>, usize)>,
    /// The buffers of messages that were dropped.
    pub(super) spare: Spare,
    /// The time of the latest event that has one.
    pub(super) now: Instant,
}

impl Queue {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(options: impl Into<QueueOptions>) -> Self {
        let QueueOptions { limits, overflow } = options.into();
        Self { limits, overflow, ..Self::default() }
    }

    /// Puts an event in. A full queue makes room for it.
    pub fn push(&mut self, mut event: Event) {
        self.push_from(&mut event, false);
    }

    /// As [`push`](Self::push), with the [place](Event::take) of the event. With `in_round`, those
    /// before it may go on sharing their buffers.
    #[inline]
    pub(super) fn push_from(&mut self, event: &mut Event, in_round: bool) {
        self.now = attribution::since(event).map_or(self.now, |at| at.max(self.now));
        let cost = cost::of_event(event);
        let full = self.len >= self.limits.events || self.bytes.saturating_add(cost) > self.limits.bytes;
        if full || self.index.is_some() || self.overflow == Overflow::KeepNewest {
            return self.push_indexed(event, cost, full);
        }
        if self.len > 0 && !in_round {
            self.detach_shared();
        }
        self.count(cost);
        // The list makes room first, so that the event is moved to its place and nowhere else.
        self.slots.extend(iter::once_with(|| Some(Slot::new(Event::take(event), cost))));
    }

    /// Puts an event into a queue that has been full, or that holds the newest messages only.
    #[inline(never)]
    fn push_indexed(&mut self, event: &mut Event, cost: usize, full: bool) {
        if full || self.overflow == Overflow::KeepNewest {
            if self.index.is_none() {
                self.build_index();
            }
            if self.overflow.merges_on_arrival(Class::of(event), full) {
                if self.merge_into_latest(event, cost) {
                    return self.make_room(self.limits);
                }
            } else if self.overflow == Overflow::KeepNewest {
                self.drop_replaced_by(event);
            }
        }
        self.detach_shared();
        let mut slot = Slot::new(Event::take(event), cost);
        if let Some(index) = &mut self.index {
            index.add(self.first_place + self.slots.len() as u64, &mut slot);
        }
        self.append(slot);
        self.make_room(self.limits);
        // A queue that has been full keeps the event for a while. With a hundred of them, the
        // buffers that the last events share would be more than a megabyte.
        self.detach_shared();
    }

    #[inline(always)]
    fn append(&mut self, slot: Slot) {
        self.count(slot.cost);
        self.slots.push_back(Some(slot));
    }

    /// Counts an event that is appended.
    #[inline(always)]
    fn count(&mut self, cost: usize) {
        let place = self.first_place + self.slots.len() as u64;
        if self.shared.end != place {
            self.shared.start = place;
        }
        self.shared.end = place + 1;
        self.len += 1;
        self.bytes = self.bytes.saturating_add(cost);
    }

    /// Makes room until at most `bytes` are held, and counts what is dropped, as a push into a full
    /// queue does.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        if self.bytes > bytes {
            if self.index.is_none() {
                self.build_index();
            }
            self.make_room(QueueLimits { bytes: bytes.min(self.limits.bytes), ..self.limits });
        }
    }

    /// Moves items into an empty batch until it has `max` items, or `max_bytes` and one item.
    #[cfg(feature = "client")]
    pub(crate) fn take_batch(&mut self, into: &mut Batch, max: usize, max_bytes: usize) {
        let is_plain = self.index.is_none() && self.losses.is_empty() && self.announced.is_none();
        if is_plain && self.len <= max && self.bytes <= max_bytes && self.slots.capacity() <= EMPTY_SLOTS {
            into.swap(&mut self.slots);
            self.first_place += self.len as u64;
            (self.len, self.bytes) = (0, 0);
            return;
        }
        let floor = self.bytes.saturating_sub(max_bytes);
        while let Some(item) = self.take() {
            into.items.push_back(item);
            if into.items.len() >= max || self.bytes < floor {
                break;
            }
        }
    }

    /// Takes out the next loss report if there is one, else the oldest event.
    pub fn pop(&mut self) -> Option<Item> {
        self.take().map(Dequeued::into_item)
    }

    /// As [`pop`](Self::pop), but the caller assembles the item.
    pub(crate) fn take(&mut self) -> Option<Dequeued> {
        if let Some((folded, cost)) = self.announced.take() {
            self.on_removed(cost);
            return Some(Dequeued::Folded(folded));
        }
        if let Some(((_, subscription), report)) = self.losses.pop_first() {
            return Some(Dequeued::Lost(report, subscription));
        }
        let slot = self.pop_slot()?;
        match slot.content {
            Content::Event(event) => {
                self.on_removed(slot.cost);
                Some(Dequeued::Item(Item::Event(event)))
            }
            Content::Folded(folded) if is_announced(&folded.message) => {
                let Message { key, since, merged, .. } = folded.message;
                let subscription = self.counted_subscription(folded.message.subscription.as_ref());
                // From here on, messages are no longer folded into it: the report counts what it
                // holds now.
                self.announced = Some((folded, slot.cost));
                Some(Dequeued::Lost(LossReport { folded: merged, ..LossReport::empty(key, since) }, subscription))
            }
            Content::Folded(folded) => {
                self.on_removed(slot.cost);
                Some(Dequeued::Folded(folded))
            }
        }
    }

    /// Returns the number of events in the queue. Loss reports are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if there is neither an event nor a loss report to take out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.losses.is_empty()
    }

    /// Returns the bytes that the queue holds, as [`QueueLimits::bytes`] counts them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes of a fold that the last loss report announced: no room is made of it.
    pub(super) fn announced_bytes(&self) -> usize {
        self.announced.as_ref().map_or(0, |(_, cost)| *cost)
    }

    /// Returns the limits of the queue.
    #[must_use]
    pub fn limits(&self) -> QueueLimits {
        self.limits
    }

    /// Returns what the queue does with messages at its limits.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Returns the subscription under which a loss is counted, beside its key.
    pub(super) fn counted_subscription(&self, subscription: Option<&SubscriptionKey>) -> Option<SubscriptionKey> {
        subscription.filter(|_| self.counts_by_subscription).cloned()
    }

    /// Copies the events that share a buffer out of it, if they are still in the queue and stay
    /// there.
    #[cold]
    pub(super) fn detach_shared(&mut self) {
        let Range { start, end } = core::mem::take(&mut self.shared);
        for place in start.max(self.first_place)..end {
            if let Some(at) = self.slot_number(place)
                && let Some(Some(slot)) = self.slots.get_mut(at)
            {
                slot.detach(&mut self.spare);
            }
        }
    }

    /// Takes the first event out of its slot. The caller accounts for its cost.
    pub(super) fn pop_slot(&mut self) -> Option<Slot> {
        let slot = self.slots.pop_front()??;
        self.first_place += 1;
        self.trim();
        Some(slot)
    }

    /// Accounts for one event that is no longer in the queue.
    pub(super) fn on_removed(&mut self, cost: usize) {
        self.len -= 1;
        self.bytes = self.bytes.saturating_sub(cost);
        if self.len == 0 {
            self.index = None;
            if self.slots.capacity() > EMPTY_SLOTS {
                self.slots.clear();
                self.release_slots();
            }
        }
    }

    /// Releases most of the list of slots, of which few are used. As many are kept as the costs of
    /// the events count.
    #[cold]
    pub(super) fn release_slots(&mut self) {
        self.slots.shrink_to((2 * self.slots.len()).max(EMPTY_SLOTS));
    }

    /// Removes empty slots from the front.
    pub(super) fn trim(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first_place += 1;
        }
    }
}

/// Returns `true` for orders and executions, whose folds a loss report announces.
fn is_announced(message: &Message) -> bool {
    matches!(message.key, Some(Key::Orders | Key::Trades))
}
