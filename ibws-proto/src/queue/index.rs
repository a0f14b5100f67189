//! The places at which a full queue can make room: what precedes what in each stream, and what may
//! be merged, superseded or dropped, the oldest first.
//!
//! The index is built when a queue first reaches a limit and kept until the queue is empty, so a
//! queue that is never full pays nothing. Its entries are hints: an entry of an event that is gone
//! by then is skipped.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::borrow::Borrow;
use core::cmp::Ordering;

use super::overflow::Overflow;
use super::slot::{Class, Content, Slot};
use crate::connect::ConnId;
use crate::event::{Event, Message};
use crate::key::{Key, SubscriptionKey};
use crate::mask::Discreet;
use crate::state::SubscriptionState;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// What the queue does with messages.
    overflow: Overflow,
    /// The place of the message that was merged last, until another one is added: the next one is
    /// most likely of its stream, which is found without a look at the others.
    pub(super) recent: Option<u64>,
    /// The latest message of each stream.
    streams: BTreeMap<Stream, u64>,
    /// The latest gap, or end of a gap, of each subscription. Nothing is merged across it.
    fences: BTreeMap<SubscriptionKey, u64>,
    /// The latest notice about each subject.
    subjects: BTreeMap<Subject, u64>,
    /// Messages that can be merged with the previous one of their stream without a loss that
    /// matters.
    pub(super) conflated: VecDeque<u64>,
    /// Notices that supersede an earlier one.
    pub(super) superseding: VecDeque<u64>,
    /// Events that may be dropped.
    pub(super) droppable: VecDeque<u64>,
    /// Messages that can be folded with the previous one of their stream, which a report announces.
    pub(super) folded: VecDeque<u64>,
    /// Messages of streams, and snapshots of orders, which are dropped only if nothing else helps.
    pub(super) last_resort: VecDeque<u64>,
}

/// The messages that may be merged: those of one topic on one connection. A fold starts over with
/// each connection, so messages of two connections never merge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Stream {
    subscription: Option<SubscriptionKey>,
    key: Option<Key>,
    conn: ConnId,
    topic: Discreet<Box<str>>,
}

/// The subject of a notice. The latest notice about a subject contains what the earlier ones
/// contained.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Subject {
    Connection,
    Competing,
    Account,
    State(SubscriptionKey),
    /// The end of a subscription. It is separate from the other states because it ends streams.
    Removal(SubscriptionKey),
    Outage(SubscriptionKey),
    Staleness(SubscriptionKey),
    CatchUp(SubscriptionKey),
    CatchUpPending(SubscriptionKey),
}

/// What tells a stream from others: of a [`Stream`], and of a message, whose stream is looked up
/// without a copy of its name.
trait Identity {
    fn parts(&self) -> (Option<&SubscriptionKey>, Option<Key>, ConnId, Cow<'_, [u8]>);
}

impl Identity for Stream {
    fn parts(&self) -> (Option<&SubscriptionKey>, Option<Key>, ConnId, Cow<'_, [u8]>) {
        (self.subscription.as_ref(), self.key, self.conn, Cow::Borrowed(self.topic.as_bytes()))
    }
}

impl Identity for Message {
    fn parts(&self) -> (Option<&SubscriptionKey>, Option<Key>, ConnId, Cow<'_, [u8]>) {
        let written = self.frame.topic_bytes();
        let topic = match written.contains(&b'\\') {
            true => Cow::Owned(self.frame.topic().unwrap_or_default().as_bytes().to_vec()),
            false => Cow::Borrowed(written),
        };
        (self.subscription.as_ref(), self.key, self.conn, topic)
    }
}

impl PartialEq for dyn Identity + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn Identity + '_ {}

impl PartialOrd for dyn Identity + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of [`Stream`], which is that of its fields.
impl Ord for dyn Identity + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl<'a> Borrow<dyn Identity + 'a> for Stream {
    fn borrow(&self) -> &(dyn Identity + 'a) {
        self
    }
}

impl Stream {
    fn from_message(message: &Message) -> Self {
        Self {
            subscription: message.subscription.clone(),
            key: message.key,
            conn: message.conn,
            topic: Discreet(message.frame.topic().unwrap_or_default().into()),
        }
    }
}

/// Returns `true` if the two messages are known to be of one stream.
pub(super) fn is_same_stream(one: &Message, other: &Message) -> bool {
    one.key == other.key
        && one.conn == other.conn
        && one.subscription == other.subscription
        && one.frame.topic_bytes() == other.frame.topic_bytes()
}

impl Index {
    pub(super) fn new(overflow: Overflow) -> Self {
        Self { overflow, ..Self::default() }
    }

    /// Adds the event at `place`, which is behind everything added before, and links it to the
    /// previous one of its stream or subject.
    pub(super) fn add(&mut self, place: u64, slot: &mut Slot) {
        self.recent = None;
        match self.overflow.class(slot.class()) {
            Class::Droppable => {
                self.droppable.push_back(place);
                let message = slot.message().filter(|message| message.subscription.is_some());
                if let Some(message) = message.filter(|_| self.overflow == Overflow::KeepNewest) {
                    self.streams.insert(Stream::from_message(message), place);
                }
            }
            Class::Notice => self.add_notice(place, slot),
            class => {
                let may_merge = slot.may_merge();
                let previous = slot.message().and_then(|message| self.link(place, message, may_merge));
                slot.previous = previous.filter(|_| !slot.is_first);
                slot.is_first = slot.previous.is_none();
                if slot.previous.is_some() {
                    let places = if class == Class::Folded { &mut self.folded } else { &mut self.conflated };
                    places.push_back(place);
                }
                self.last_resort.push_back(place);
            }
        }
    }

    /// Returns the place of the message with which `next`, which is not in the queue yet, could be
    /// merged: the latest one of its stream.
    pub(super) fn latest(&self, next: &Message) -> Option<u64> {
        let place = self.streams.get(next as &dyn Identity).copied();
        place.filter(|place| self.is_within_fence(next, *place))
    }

    /// Returns the number of entries, those of events that are gone included.
    pub(super) fn len(&self) -> usize {
        let lists = [&self.conflated, &self.superseding, &self.droppable, &self.folded, &self.last_resort];
        let maps = self.streams.len() + self.fences.len() + self.subjects.len();
        lists.into_iter().fold(maps, |sum, list| sum + list.len())
    }

    fn link(&mut self, place: u64, message: &Message, can_merge: bool) -> Option<u64> {
        if !can_merge {
            // Later messages must not be merged across it either.
            self.streams.remove(message as &dyn Identity);
            return None;
        }
        let previous = match self.streams.get_mut(message as &dyn Identity) {
            Some(latest) => core::mem::replace(latest, place),
            None => {
                self.streams.insert(Stream::from_message(message), place);
                return None;
            }
        };
        Some(previous).filter(|previous| self.is_within_fence(message, *previous))
    }

    /// Returns `true` if no gap lies between the event at `place` and the next one of the stream of
    /// `next`.
    fn is_within_fence(&self, next: &Message, place: u64) -> bool {
        let fence = next.subscription.as_ref().and_then(|key| self.fences.get(key));
        fence.is_none_or(|fence| *fence < place)
    }

    fn add_notice(&mut self, place: u64, slot: &mut Slot) {
        let Content::Event(event) = &slot.content else { return };
        let subject = match event {
            Event::State(_) => Subject::Connection,
            Event::Subscription(change) if change.state == SubscriptionState::Removed => {
                Subject::Removal(change.key.clone())
            }
            Event::Subscription(change) => Subject::State(change.key.clone()),
            Event::Gap(gap) => {
                self.fences.insert(gap.key.clone(), place);
                Subject::Outage(gap.key.clone())
            }
            Event::Resumed(resumed) => {
                self.fences.insert(resumed.key.clone(), place);
                Subject::Outage(resumed.key.clone())
            }
            Event::CaughtUp(caught_up) => {
                // It holds rows as messages do, and goes when they do.
                self.last_resort.push_back(place);
                Subject::CatchUp(caught_up.key.clone())
            }
            Event::CatchUpPending(pending) => Subject::CatchUpPending(pending.key.clone()),
            Event::Stale(stale) => Subject::Staleness(stale.key.clone()),
            Event::Fresh(fresh) => Subject::Staleness(fresh.key.clone()),
            Event::Competing(_) => Subject::Competing,
            Event::AccountMismatch => Subject::Account,
            Event::Message(_) | Event::Malformed(_) | Event::Rest(_) | Event::ProcessorPanicked(_) => return,
        };
        slot.previous = self.subjects.insert(subject, place);
        // A gap supersedes nothing; its end supersedes the outage before it.
        if slot.previous.is_some() && !matches!(event, Event::Gap(_)) {
            self.superseding.push_back(place);
        }
    }
}
