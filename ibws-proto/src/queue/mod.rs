//! Queues of events, one for each consumer: the reader never waits for it, and whatever does not reach it as it came is
//! counted exactly and told.
//!
//! A queue is bounded in events and in bytes. Below its limits it holds every event as it came. At them it makes room, by
//! what costs the consumer least:
//!
//! 1. Market data and ladders are merged: a message is laid over the one before it in its stream, field by field and row
//!    by row, the newest wins, and [`Message::merged`] counts. A fold of what is left ends where a fold of all would have.
//!    Nothing is merged across a gap, nor across connections.
//! 2. Notices that a later one makes superfluous go: an earlier state of the same thing, an end of a gap and the gap that
//!    came next (the gap before and the end after them then tell one outage that spans both). They are counted.
//! 3. Messages of other keys, and reports about the host, are dropped, the oldest first, and counted.
//! 4. Orders and executions are folded, by the rules of [`fold`](crate::fold): an [`Item::Lost`] tells how many messages,
//!    and right behind it comes one message with the rows that they add up to.
//! 5. Where none of this helps, because there are more streams than room or one message is larger than all of it, the
//!    oldest message goes, and at last the oldest notice. They are counted as well.
//!
//! What was lost is state of the queue, one count for each key, and so cannot be lost itself. It is told before anything
//! else. In numbers, for each key: messages put in = messages taken out + their `merged` + [`LossReport::messages`], once the
//! queue is empty.

mod index;
mod merge;
mod rows;
mod set;
mod slot;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use crate::event::{Event, Message};
use crate::key::Key;
use crate::time::Instant;
use index::{Index, Stream};
use rows::Folded;
use slot::{Class, Content, Slot};

pub use set::{EventFilter, QueueId, Queues};

/// What a queue may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueLimits {
    /// Events. Default: 1,024.
    pub events: usize,
    /// Bytes: frames, what was recorded about them, and the events themselves. Default: 16 MiB.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { events: 1_024, bytes: 16 * 1024 * 1024 }
    }
}

/// Events that do not reach the consumer as they came, since this was last told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LossReport {
    /// Content they were about; `None`: the connection, or messages of no known key.
    pub key: Option<Key>,
    /// When the first of them was.
    pub since: Instant,
    /// Messages that are gone, malformed ones included.
    pub messages: u64,
    /// Messages about orders or executions whose steps are gone: what they add up to is the next item, a message that
    /// counts them as [`merged`](Message::merged). They are not among `messages`.
    pub folded: u64,
    /// Other events that are gone: changes of state, gaps, reports. The latest about each subject is kept as long as there is room.
    pub notices: u64,
}

impl LossReport {
    const fn nothing(key: Option<Key>, since: Instant) -> Self {
        Self { key, since, messages: 0, folded: 0, notices: 0 }
    }
}

/// What a consumer takes out.
#[derive(Clone, Debug)]
pub enum Item {
    /// The next event.
    Event(Event),
    /// Here, events are missing: the consumer was slower than the stream.
    Lost(LossReport),
}

/// An item that may still have to be put together, which needs no access to the queue.
#[derive(Debug)]
pub(crate) enum Dequeued {
    Item(Item),
    Folded(Box<Folded>),
}

impl Dequeued {
    pub(crate) fn into_item(self) -> Item {
        match self {
            Self::Item(item) => item,
            Self::Folded(folded) => Item::Event(Event::Message(folded.into_message())),
        }
    }
}

/// A bounded queue of events for one consumer.
///
/// It never holds more than its limits say, and pushing takes logarithmic time in its length (amortised), however slow
/// the consumer.
#[derive(Debug, Default)]
pub struct Queue {
    limits: QueueLimits,
    /// Events in order; `None` where one has left before its turn.
    slots: VecDeque<Option<Slot>>,
    /// The place of the first of them.
    first: u64,
    /// How many are there.
    held: usize,
    bytes: usize,
    /// There since the queue was last full.
    index: Option<Index>,
    lost: BTreeMap<Option<Key>, LossReport>,
    /// What was just told to be folded comes next.
    next: Option<(Box<Folded>, usize)>,
    /// The time of the latest event that has one.
    now: Instant,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: QueueLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Puts an event in. If there is no room, some is made.
    pub fn push(&mut self, event: Event) {
        self.now = slot::since(&event).map_or(self.now, |at| at.max(self.now));
        let mut slot = Slot::new(event);
        let full = self.held >= self.limits.events || self.bytes.saturating_add(slot.cost) > self.limits.bytes;
        if full && self.index.is_none() {
            self.build_index();
        }
        if full && slot.class() == Class::Conflated {
            match self.merge_into_latest(slot) {
                None => return self.make_room(),
                Some(unmerged) => slot = unmerged,
            }
        }
        if let Some(index) = &mut self.index {
            index.note(self.first + self.slots.len() as u64, &mut slot);
        }
        self.held += 1;
        self.bytes = self.bytes.saturating_add(slot.cost);
        self.slots.push_back(Some(slot));
        if full {
            self.make_room();
        }
    }

    /// Takes what was lost, if there is any to tell, else the oldest event.
    pub fn pop(&mut self) -> Option<Item> {
        self.take().map(Dequeued::into_item)
    }

    /// As [`pop`](Self::pop), with the rest of the work left to be done elsewhere.
    pub(crate) fn take(&mut self) -> Option<Dequeued> {
        if let Some((folded, cost)) = self.next.take() {
            self.left(cost);
            return Some(Dequeued::Folded(folded));
        }
        if let Some((_, lost)) = self.lost.pop_first() {
            return Some(Dequeued::Item(Item::Lost(lost)));
        }
        let slot = self.pop_slot()?;
        match slot.what {
            Content::Event(event) => {
                self.left(slot.cost);
                Some(Dequeued::Item(Item::Event(event)))
            }
            Content::Folded(folded) if is_told(&folded.message) => {
                let Message { key, since, merged, .. } = folded.message;
                // It is told for what it is now: what comes from here on is not folded into it any more.
                self.next = Some((folded, slot.cost));
                Some(Dequeued::Item(Item::Lost(LossReport { folded: merged, ..LossReport::nothing(key, since) })))
            }
            Content::Folded(folded) => {
                self.left(slot.cost);
                Some(Dequeued::Folded(folded))
            }
        }
    }

    /// Events in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Is there nothing to take?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0 && self.lost.is_empty()
    }

    /// Bytes held, as the limit counts them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Content it may hold.
    #[must_use]
    pub fn limits(&self) -> QueueLimits {
        self.limits
    }

    fn is_over(&self) -> bool {
        self.held > self.limits.events || self.bytes > self.limits.bytes
    }

    /// Makes room, by what costs least.
    fn make_room(&mut self) {
        while self.is_over() {
            let Some(index) = &mut self.index else { break };
            if let Some(place) = index.conflated.pop_front() {
                self.merge_with_before(place);
            } else if let Some(place) = index.superseding.pop_front() {
                self.supersede(place);
            } else if let Some(place) = index.plain.pop_front() {
                self.lose(place);
            } else if let Some(place) = index.folded.pop_front() {
                self.merge_with_before(place);
            } else if let Some(place) = index.others.pop_front() {
                self.lose(place);
            } else if let Some(slot) = self.pop_slot() {
                self.count_lost(slot);
            } else {
                break;
            }
        }
        // What is left of events that are not there any more is cleared away before it is most of what there is.
        let is_stale = |index: &Index| index.len() > 8 * self.held + 64 || self.slots.len() > 2 * self.held + 64;
        if self.index.as_ref().is_some_and(is_stale) {
            self.build_index();
        }
    }

    /// Closes the holes between the events, and says anew what follows what.
    fn build_index(&mut self) {
        self.slots.retain(Option::is_some);
        let mut index = Index::default();
        for (place, slot) in (self.first..).zip(self.slots.iter_mut().flatten()) {
            index.note(place, slot);
        }
        self.index = Some(index);
    }

    /// Lays a message over the latest of its stream, where that stands, or gives it back.
    fn merge_into_latest(&mut self, mut newer: Slot) -> Option<Slot> {
        let stream = newer.message().filter(|_| newer.can_merge()).map(Stream::of);
        let latest = self.index.as_ref().zip(stream).and_then(|(index, stream)| index.latest(&stream));
        let Some(place) = latest.and_then(|place| self.at(place)) else { return Some(newer) };
        let Some(older) = place.take() else { return Some(newer) };
        let (cost, before) = (older.cost, older.before);
        if let Some(older) = newer.absorb(older) {
            *place = Some(older);
            return Some(newer);
        }
        let grown = newer.cost;
        *place = Some(Slot { before, ..newer });
        self.bytes = self.bytes.saturating_sub(cost).saturating_add(grown);
        None
    }

    /// Merges the message before `place` in its stream into the one there.
    fn merge_with_before(&mut self, place: u64) {
        let Some(before) = self.slot(place).and_then(|slot| slot.before.take()) else { return };
        let Some(older) = self.at(before).and_then(Option::take) else { return };
        let Some(newer) = self.slot(place) else { return };
        let costs = older.cost.saturating_add(newer.cost);
        if let Some(older) = newer.absorb(older) {
            if let Some(place) = self.at(before) {
                *place = Some(older);
            }
            return;
        }
        let cost = newer.cost;
        self.held -= 1;
        self.bytes = self.bytes.saturating_sub(costs).saturating_add(cost);
        self.trim();
    }

    /// Drops the notice, or for the end of a gap the two notices, that the one at `place` makes superfluous.
    fn supersede(&mut self, place: u64) {
        let Some(slot) = self.slot(place) else { return };
        let Some(before) = slot.before.take() else { return };
        if !matches!(slot.what, Content::Event(Event::Resumed(_))) {
            return self.lose(before);
        }
        // The gap that it ends, and the end of the gap before that.
        let Some(Slot { what: Content::Event(Event::Gap(_)), before: Some(end), .. }) = self.slot(before) else {
            return;
        };
        let end = *end;
        let Some(Slot { what: Content::Event(Event::Resumed(resumed)), before: further, .. }) = self.slot(end) else {
            return;
        };
        let (since, attempts, further) = (resumed.since, resumed.attempts, *further);
        if let Some(slot) = self.slot(place) {
            slot.before = further;
            if let Content::Event(Event::Resumed(resumed)) = &mut slot.what {
                resumed.since = resumed.since.min(since);
                resumed.attempts = resumed.attempts.saturating_add(attempts);
            }
        }
        self.lose(end);
        self.lose(before);
    }

    /// Takes an event out of its place, and counts it.
    fn lose(&mut self, place: u64) {
        if let Some(slot) = self.at(place).and_then(Option::take) {
            self.count_lost(slot);
            self.trim();
        }
    }

    fn count_lost(&mut self, slot: Slot) {
        self.left(slot.cost);
        let (key, since) = match &slot.what {
            Content::Event(event) => (slot::key(event), slot::since(event).unwrap_or(self.now)),
            Content::Folded(folded) => (folded.message.key, folded.message.since),
        };
        let lost = self.lost.entry(key).or_insert(LossReport::nothing(key, since));
        lost.since = lost.since.min(since);
        match &slot.what {
            Content::Event(Event::Malformed(_)) => lost.messages += 1,
            _ => match slot.message() {
                Some(message) => lost.messages += 1 + message.merged,
                None => lost.notices += 1,
            },
        }
    }

    /// Takes the first event out; its cost is still counted.
    fn pop_slot(&mut self) -> Option<Slot> {
        let slot = self.slots.pop_front()??;
        self.first += 1;
        self.trim();
        Some(slot)
    }

    /// One event less is held.
    fn left(&mut self, cost: usize) {
        self.held -= 1;
        self.bytes = self.bytes.saturating_sub(cost);
        if self.held == 0 {
            self.index = None;
        }
    }

    /// Sees to it that the first place is not empty.
    fn trim(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    fn at(&mut self, place: u64) -> Option<&mut Option<Slot>> {
        self.slots.get_mut(usize::try_from(place.checked_sub(self.first)?).ok()?)
    }

    fn slot(&mut self, place: u64) -> Option<&mut Slot> {
        self.at(place)?.as_mut()
    }
}

/// Orders and executions: that their steps are gone is told.
fn is_told(message: &Message) -> bool {
    matches!(message.key, Some(Key::Orders | Key::Trades))
}
