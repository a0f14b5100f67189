//! One event in a queue: its class, its cost, and how it merges with another of its stream.
#![expect(
    clippy::result_large_err,
    reason = "a merge that fails returns the slot; a box would cost an allocation and is freed at once"
)]

use alloc::boxed::Box;

use super::cost;
#[cfg(feature = "client")]
use super::item::{Dequeued, Item};
use super::merge::{self, Merged};
use super::rows::{Foldable, Folded};
use super::spare::Spare;
use crate::event::{Event, Message};
use crate::key::Key;

/// An event in a queue.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) content: Content,
    /// The bytes that this event counts against [`QueueLimits`](crate::queue::QueueLimits).
    pub(super) cost: usize,
    /// The place of the event before it in its stream, with which it may be merged.
    pub(super) previous: Option<u64>,
    /// Set if there was nothing before it to merge it with when it was indexed. What stood between,
    /// such as a gap, may be gone when the index is built again.
    pub(super) is_first: bool,
    /// Set once no key is known to occur twice in its frame, which makes merging it quick.
    pub(super) is_distinct: bool,
    /// Set once rows were found that cannot be merged with others.
    pub(super) stays_apart: bool,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every slot holds an event, which a box would cost an allocation")]
pub(super) enum Content {
    Event(Event),
    /// Several messages of orders, executions or a ladder. A message becomes a fold at its first
    /// merge.
    Folded(Box<Folded>),
}

/// What a queue does with an event if there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// A message of which only the newest values matter. It is merged.
    Conflated,
    /// A message of which each step matters. It is merged, and a loss report announces that.
    Folded,
    /// A message or a report that is dropped, the oldest first.
    Droppable,
    /// A change of state or a gap. A later one may supersede it.
    Notice,
}

impl Slot {
    /// Returns the content as an item of a queue that announces nothing before it.
    #[cfg(feature = "client")]
    pub(super) fn into_dequeued(self) -> Dequeued {
        match self.content {
            Content::Event(event) => Dequeued::Item(Item::Event(event)),
            Content::Folded(folded) => Dequeued::Folded(folded),
        }
    }

    /// Creates the slot of an event, whose cost is known.
    #[inline(always)]
    pub(super) fn new(event: Event, cost: usize) -> Self {
        Self {
            content: Content::Event(event),
            cost,
            previous: None,
            is_first: false,
            is_distinct: false,
            stays_apart: false,
        }
    }

    /// Copies the bytes of a message out of the buffer that they were received in. An event that
    /// stays in the queue must not keep that buffer, which may be far larger.
    pub(super) fn detach(&mut self, spare: &mut Spare) {
        match &mut self.content {
            Content::Event(Event::Message(message)) => message.frame.detach(|bytes| spare.copy(bytes)),
            Content::Event(Event::Malformed(malformed)) => {
                if let Some(raw) = spare.copy(&malformed.raw) {
                    malformed.raw = raw;
                }
            }
            Content::Event(_) => {}
            Content::Folded(folded) => folded.message.frame.detach(|bytes| spare.copy(bytes)),
        }
    }

    /// Keeps the buffers of the content, which is dropped, for other messages.
    pub(super) fn release(&mut self, spare: &mut Spare) {
        match &mut self.content {
            Content::Event(Event::Message(message)) => spare.keep_frame(&mut message.frame),
            Content::Event(Event::Malformed(malformed)) => spare.keep(core::mem::take(&mut malformed.raw)),
            Content::Event(_) => {}
            Content::Folded(folded) => spare.keep_frame(&mut folded.message.frame),
        }
    }

    /// Computes the cost again after the content has changed. Returns the cost before and after.
    pub(super) fn recount(&mut self) -> (usize, usize) {
        let before = core::mem::replace(&mut self.cost, cost::of_content(&self.content));
        (before, self.cost)
    }

    /// Returns the message; for a fold, the newest one, which stands for all of them.
    pub(super) fn message(&self) -> Option<&Message> {
        match &self.content {
            Content::Event(Event::Message(message)) => Some(message),
            Content::Event(_) => None,
            Content::Folded(folded) => Some(&folded.message),
        }
    }

    pub(super) fn class(&self) -> Class {
        match &self.content {
            Content::Event(event) => Class::of(event),
            Content::Folded(folded) => Class::of_messages(folded.message.key),
        }
    }

    /// Returns `false` if it is known that it cannot be merged with another message of its stream.
    /// Whether rows can is found out when they would be.
    pub(super) fn may_merge(&self) -> bool {
        match &self.content {
            Content::Event(Event::Message(message)) if message.key == Some(Key::MarketData) => {
                merge::is_mergeable(&message.frame)
            }
            Content::Event(Event::Message(_)) => !self.stays_apart,
            Content::Event(_) => false,
            Content::Folded(_) => true,
        }
    }

    /// Merges newer market data of its stream into the slot. What the event holds then is not used
    /// again; unless the two stay apart, when nothing changes.
    pub(super) fn update(&mut self, newer: &mut Event) -> Merged {
        let Content::Event(Event::Message(older)) = &mut self.content else { return Merged::Neither };
        let Event::Message(newer) = newer else { return Merged::Neither };
        if older.key != Some(Key::MarketData) {
            return Merged::Neither;
        }
        let merged = merge::frames(&mut older.frame, &mut newer.frame, &mut self.is_distinct);
        if merged != Merged::Neither {
            merge::count(older, newer);
            core::mem::swap(older, newer);
            self.recount();
        }
        merged
    }

    /// Returns what shows that rows can be merged with others of their stream; `None` if they
    /// cannot, which is remembered.
    fn check(&mut self) -> Option<Foldable> {
        let checked = match &self.content {
            Content::Event(Event::Message(_)) if self.stays_apart => None,
            Content::Event(Event::Message(message)) => Folded::check(message),
            Content::Event(_) => None,
            Content::Folded(_) => Some(Foldable::default()),
        };
        self.stays_apart = checked.is_none();
        checked
    }

    /// Folds a newer message of rows into the slot. What the event holds then is not used again,
    /// unless the two stay apart, when nothing changes but the cost of the slot.
    pub(super) fn fold(&mut self, newer: &mut Event, cost: usize, spare: &mut Spare) -> Merged {
        match self.merge(Self::new(Event::take(newer), cost), spare) {
            Ok(()) => return Merged::Newer,
            Err(Self { content: Content::Event(event), .. }) => *newer = event,
            Err(_) => {}
        }
        Merged::Neither
    }

    /// Merges a newer event of its stream into the slot, which keeps its predecessor. The buffer of
    /// a message that was folded is kept for another one.
    ///
    /// # Errors
    /// The newer slot, if one of the two is no message or the result would be too large. Then
    /// nothing changes but the cost of the older one.
    pub(super) fn merge(&mut self, mut newer: Self, spare: &mut Spare) -> Result<(), Self> {
        if self.message().is_none() || newer.message().is_none() {
            return Err(newer);
        }
        if let (Content::Event(Event::Message(message)), Content::Event(newest)) = (&self.content, &mut newer.content)
            && message.key == Some(Key::MarketData)
        {
            let merged = self.update(newest);
            return if merged == Merged::Neither { Err(newer) } else { Ok(()) };
        }
        if let (Content::Folded(folded), Content::Event(Event::Message(message))) =
            (&mut self.content, &mut newer.content)
        {
            let is_added = folded.follow(message);
            self.recount();
            if is_added {
                spare.keep_folded(&mut message.frame);
                return Ok(());
            }
        }
        let (Some(older), Some(checked)) = (self.check(), newer.check()) else {
            newer.is_first = true;
            return Err(newer);
        };
        let mut folded = match core::mem::replace(&mut self.content, Content::Event(Event::AccountMismatch)) {
            Content::Folded(folded) => folded,
            Content::Event(Event::Message(message)) => Box::new(Folded::from_message(message, older)),
            notice @ Content::Event(_) => {
                self.content = notice;
                return Err(newer);
            }
        };
        match &mut newer.content {
            Content::Event(Event::Message(message)) => folded.add(message, checked),
            Content::Folded(newer) => folded.append(newer),
            Content::Event(_) => {}
        }
        newer.release(spare);
        self.content = Content::Folded(folded);
        self.recount();
        Ok(())
    }
}

impl Class {
    pub(super) fn of(event: &Event) -> Self {
        match event {
            // A REST report or a panic is history, not state: a later one does not supersede it.
            Event::Malformed(_) | Event::Rest(_) | Event::ProcessorPanicked(_) => Self::Droppable,
            Event::Message(Message { key, .. }) => Self::of_messages(*key),
            _ => Self::Notice,
        }
    }

    fn of_messages(key: Option<Key>) -> Self {
        match key {
            Some(Key::MarketData | Key::PriceLadder) => Self::Conflated,
            Some(Key::Orders | Key::Trades) => Self::Folded,
            _ => Self::Droppable,
        }
    }
}
