//! One event in a queue: its class, its cost, and how it merges with another of its stream.
#![expect(
    clippy::result_large_err,
    reason = "a merge that fails returns both slots; a box would cost an allocation and is freed at once"
)]

use alloc::boxed::Box;

use bytes::Bytes;

#[cfg(feature = "client")]
use super::item::{Dequeued, Item};
use super::rows::Folded;
use super::{cost, merge};
use crate::event::{Event, Message};
use crate::frame::MAX_SHARED;
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
        Self { content: Content::Event(event), cost, previous: None, is_first: false }
    }

    /// Copies the bytes of a message out of the buffer that they were received in. An event that
    /// stays in the queue must not keep that buffer, which may be far larger.
    pub(super) fn detach(&mut self) {
        match &mut self.content {
            Content::Event(Event::Message(message)) => message.frame.detach(),
            Content::Event(Event::Malformed(malformed)) if malformed.raw.len() <= MAX_SHARED => {
                malformed.raw = Bytes::copy_from_slice(&malformed.raw);
            }
            Content::Event(_) => {}
            Content::Folded(folded) => folded.message.frame.detach(),
        }
    }

    fn holding(content: Content, previous: Option<u64>) -> Self {
        let cost = cost::of_content(&content);
        Self { content, cost, previous, is_first: false }
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
            // A REST report or a panic is history, not state: a later one does not supersede it.
            Content::Event(Event::Malformed(_) | Event::Rest(_) | Event::ProcessorPanicked(_)) => Class::Droppable,
            Content::Event(Event::Message(Message { key, .. })) => Class::of_messages(*key),
            Content::Event(_) => Class::Notice,
            Content::Folded(folded) => Class::of_messages(folded.message.key),
        }
    }

    /// Returns `true` if it can be merged with another message of its stream.
    pub(super) fn can_merge(&self) -> bool {
        match &self.content {
            Content::Event(Event::Message(message)) if message.key == Some(Key::MarketData) => {
                merge::is_mergeable(&message.frame)
            }
            Content::Event(Event::Message(message)) => Folded::is_foldable(message),
            Content::Event(_) => false,
            Content::Folded(_) => true,
        }
    }

    /// Merges two events of one stream. The result has the predecessor of the older one.
    ///
    /// # Errors
    /// Both slots as they were, in the same order, if one of them is no message or the result would
    /// be too large.
    pub(super) fn merge(older: Self, newer: Self) -> Result<Self, (Self, Self)> {
        let (older_cost, newer_cost) = (older.cost, newer.cost);
        let (older_first, newer_first) = (older.is_first, newer.is_first);
        match Content::merge(older.content, newer.content) {
            Ok(content) => {
                let mut merged = Self::holding(content, older.previous);
                merged.is_first = older_first;
                // The message of a fold is the newest one as it was received.
                if matches!(merged.content, Content::Folded(_)) {
                    merged.detach();
                }
                Ok(merged)
            }
            Err((old, new)) => Err((
                Self { content: old, cost: older_cost, previous: older.previous, is_first: older_first },
                Self { content: new, cost: newer_cost, previous: newer.previous, is_first: newer_first },
            )),
        }
    }
}

impl Content {
    fn merge(older: Self, newer: Self) -> Result<Self, (Self, Self)> {
        match (older, newer) {
            (Self::Event(Event::Message(older)), Self::Event(Event::Message(mut newer)))
                if older.key == Some(Key::MarketData) =>
            {
                match merge::frames(&older.frame, &newer.frame) {
                    Some(frame) => {
                        newer.frame = frame;
                        merge::count(&older, &mut newer);
                        Ok(Self::Event(Event::Message(newer)))
                    }
                    None => Err((Self::Event(Event::Message(older)), Self::Event(Event::Message(newer)))),
                }
            }
            (older, Self::Event(Event::Message(newer))) => match older.into_folded() {
                Ok(mut folded) => {
                    folded.add(newer);
                    Ok(Self::Folded(folded))
                }
                Err(older) => Err((older, Self::Event(Event::Message(newer)))),
            },
            (older, Self::Folded(newer)) => match older.into_folded() {
                Ok(mut folded) => {
                    folded.append(*newer);
                    Ok(Self::Folded(folded))
                }
                Err(older) => Err((older, Self::Folded(newer))),
            },
            (older, newer @ Self::Event(_)) => Err((older, newer)),
        }
    }

    /// Returns the fold, or the fold of a single message.
    ///
    /// # Errors
    /// The content as it was, if it is no message.
    fn into_folded(self) -> Result<Box<Folded>, Self> {
        match self {
            Self::Folded(folded) => Ok(folded),
            Self::Event(Event::Message(message)) => Ok(Box::new(Folded::from_message(message))),
            notice @ Self::Event(_) => Err(notice),
        }
    }
}

impl Class {
    fn of_messages(key: Option<Key>) -> Self {
        match key {
            Some(Key::MarketData | Key::PriceLadder) => Self::Conflated,
            Some(Key::Orders | Key::Trades) => Self::Folded,
            _ => Self::Droppable,
        }
    }
}
