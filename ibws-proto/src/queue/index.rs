//! Where room can be made in a queue that is full: what follows what in each stream, and what may go, the oldest first.
//!
//! It is built when a queue first reaches its limits, and kept while it is full: a queue that is never full pays nothing.
//! Content it says is a hint: places whose events have left since are passed over.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use super::slot::{Class, Content, Slot};
use crate::connect::ConnId;
use crate::event::{Event, Message};
use crate::key::{Key, SubscriptionKey};
use crate::state::SubscriptionState;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// The latest message of each stream.
    streams: BTreeMap<Stream, u64>,
    /// The latest gap, or end of one, of each subscription: nothing is merged across it.
    fences: BTreeMap<SubscriptionKey, u64>,
    /// The latest notice about each subject.
    subjects: BTreeMap<Subject, u64>,
    /// Messages that can be merged with the one before them, at no loss that matters.
    pub(super) conflated: VecDeque<u64>,
    /// Notices that make an earlier one superfluous.
    pub(super) superseding: VecDeque<u64>,
    /// Messages that may be dropped.
    pub(super) plain: VecDeque<u64>,
    /// Messages that can be folded with the one before them, which is to be told.
    pub(super) folded: VecDeque<u64>,
    /// The messages of streams, which are dropped only if nothing else helps.
    pub(super) others: VecDeque<u64>,
}

/// Messages that add up: same topic, same connection. A fold begins anew with each connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Stream {
    subscription: Option<SubscriptionKey>,
    key: Option<Key>,
    conn: ConnId,
    topic: Box<str>,
}

/// What a notice is about: the latest says all that the earlier ones about the same said.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Subject {
    Connection,
    Competition,
    Account,
    Status(SubscriptionKey),
    /// Apart from the other states, since it ends streams.
    Gone(SubscriptionKey),
    Outage(SubscriptionKey),
    Silence(SubscriptionKey),
}

impl Stream {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            subscription: message.subscription.clone(),
            key: message.key,
            conn: message.conn,
            topic: message.frame.topic().unwrap_or_default().into(),
        }
    }
}

impl Index {
    /// Notes what stands at `place`, behind everything noted before, and links it to what is before it in its stream.
    pub(super) fn note(&mut self, place: u64, slot: &mut Slot) {
        match slot.class() {
            Class::Plain => self.plain.push_back(place),
            Class::Notice => self.notice(place, slot),
            class => {
                slot.before = slot.message().and_then(|message| self.follow(place, message, slot.can_merge()));
                if slot.before.is_some() {
                    let list = if class == Class::Folded { &mut self.folded } else { &mut self.conflated };
                    list.push_back(place);
                }
                self.others.push_back(place);
            }
        }
    }

    /// The place of the message that this one could be merged with.
    pub(super) fn latest(&self, stream: &Stream) -> Option<u64> {
        let fence = stream.subscription.as_ref().and_then(|key| self.fences.get(key));
        self.streams.get(stream).copied().filter(|place| fence.is_none_or(|fence| fence < place))
    }

    fn follow(&mut self, place: u64, message: &Message, can_merge: bool) -> Option<u64> {
        let stream = Stream::of(message);
        if !can_merge {
            // Neither is anything merged across it.
            self.streams.remove(&stream);
            return None;
        }
        let before = self.latest(&stream);
        self.streams.insert(stream, place);
        before
    }

    fn notice(&mut self, place: u64, slot: &mut Slot) {
        let Content::Event(event) = &slot.what else { return };
        let subject = match event {
            Event::State(_) => Subject::Connection,
            Event::Subscription(change) if change.state == SubscriptionState::Removed => {
                Subject::Gone(change.key.clone())
            }
            Event::Subscription(change) => Subject::Status(change.key.clone()),
            Event::Gap(gap) => {
                self.fences.insert(gap.key.clone(), place);
                Subject::Outage(gap.key.clone())
            }
            Event::Resumed(resumed) => {
                self.fences.insert(resumed.key.clone(), place);
                Subject::Outage(resumed.key.clone())
            }
            Event::Stale(stale) => Subject::Silence(stale.key.clone()),
            Event::Fresh(fresh) => Subject::Silence(fresh.key.clone()),
            Event::Competing(_) => Subject::Competition,
            Event::AccountMismatch => Subject::Account,
            Event::Message(_) | Event::Malformed(_) | Event::Rest(_) => return,
        };
        slot.before = self.subjects.insert(subject, place);
        // Of an outage only its end supersedes: what came before the gap that it ends.
        if slot.before.is_some() && !matches!(event, Event::Gap(_)) {
            self.superseding.push_back(place);
        }
    }

    /// How much it holds, stale entries included.
    pub(super) fn len(&self) -> usize {
        let lists = [&self.conflated, &self.superseding, &self.plain, &self.folded, &self.others];
        let maps = self.streams.len() + self.fences.len() + self.subjects.len();
        lists.into_iter().fold(maps, |sum, list| sum + list.len())
    }
}
