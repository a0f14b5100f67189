//! Makes room in a queue that is over its limits, in the way that costs the consumer least.

use super::attribution;
use super::bounded::{EMPTY_SLOTS, Queue, QueueLimits};
use super::index::{Index, is_same_stream};
use super::item::LossReport;
use super::merge::{self, Merged};
use super::slot::{Content, Slot};
use crate::event::{Event, Message};
use crate::key::Key;

impl Queue {
    /// Merges, supersedes and drops events until the queue is within `limits`.
    pub(super) fn make_room(&mut self, limits: QueueLimits) {
        while self.len > limits.events || self.bytes > limits.bytes {
            let Some(index) = &mut self.index else { break };
            if let Some(place) = index.conflated.pop_front() {
                self.merge_with_previous(place);
            } else if let Some(place) = index.superseding.pop_front() {
                self.supersede(place);
            } else if let Some(place) = index.droppable.pop_front() {
                self.drop_at(place);
            } else if let Some(place) = index.folded.pop_front() {
                self.merge_with_previous(place);
            } else if let Some(place) = index.last_resort.pop_front() {
                self.drop_at(place);
            } else if let Some(slot) = self.pop_slot() {
                self.count_dropped(slot);
            } else {
                break;
            }
        }
        // Entries of events that are gone are cleared before they are most of the index or of the
        // slots, and before the list of slots grows for them beyond what the costs count.
        let is_outdated = |index: &Index| index.len() > 8 * self.len + 64 || self.slots.len() >= (2 * self.len).max(64);
        if self.index.as_ref().is_some_and(is_outdated) {
            self.build_index();
        }
        // Messages that are folded become one, in a list that had room for all of them.
        if self.slots.capacity() > 4 * self.slots.len() + EMPTY_SLOTS {
            self.release_slots();
        }
    }

    /// Removes the empty slots and indexes all events.
    pub(super) fn build_index(&mut self) {
        // Its place may become another one.
        self.detach_shared();
        self.slots.retain(Option::is_some);
        let mut index = Index::new(self.overflow);
        for (place, slot) in (self.first_place..).zip(self.slots.iter_mut().flatten()) {
            index.add(place, slot);
        }
        self.index = Some(index);
    }

    /// Merges a message that is not in the queue into the latest of its stream, and keeps the place
    /// of that one. Returns `false` if it cannot be merged; then nothing changes.
    pub(super) fn merge_into_latest(&mut self, newer: &mut Event, cost: usize) -> bool {
        let Event::Message(message) = &*newer else { return false };
        let key = message.key;
        let can_merge = key != Some(Key::MarketData) || merge::is_mergeable(&message.frame);
        let Some(place) = self.latest(message).filter(|_| can_merge) else { return false };
        let at = self.slot_number(place);
        let Some(Some(older)) = at.and_then(|at| self.slots.get_mut(at)) else { return false };
        let before = older.cost;
        let merged = match key {
            Some(Key::MarketData) => older.update(newer),
            _ => older.fold(newer, cost, &mut self.spare),
        };
        let after = older.cost;
        self.bytes = self.bytes.saturating_sub(before).saturating_add(after);
        if merged == Merged::Neither {
            return false;
        }
        if let Some(index) = &mut self.index {
            index.recent = Some(place);
        }
        // The message before it stays in the queue, unless this one took its place.
        let here = place..place + 1;
        if self.shared != here {
            self.detach_shared();
        }
        self.shared = if merged == Merged::Newer { here } else { 0..0 };
        self.counts().merged.add(key, 1);
        true
    }

    /// Returns the place of the latest message of the stream of `next`, which is not in the queue.
    fn latest(&self, next: &Message) -> Option<u64> {
        let index = self.index.as_ref()?;
        let recent = index.recent.filter(|place| {
            let at = place.checked_sub(self.first_place).and_then(|at| usize::try_from(at).ok());
            let slot = at.and_then(|at| self.slots.get(at)?.as_ref());
            slot.and_then(Slot::message).is_some_and(|recent| is_same_stream(recent, next))
        });
        recent.or_else(|| index.latest(next))
    }

    /// Drops the message that a message which is not in the queue replaces, if that is not merged:
    /// the one before it in its stream.
    pub(super) fn drop_replaced_by(&mut self, newer: &Event) {
        let Event::Message(message) = newer else { return };
        let index = self.index.as_ref().filter(|_| message.subscription.is_some());
        let latest = index.and_then(|index| index.latest(message));
        if let Some(place) = latest {
            self.drop_at(place);
        }
    }

    /// Merges the message before `place` in its stream into the one at `place`, and keeps the place
    /// of the newer one.
    fn merge_with_previous(&mut self, place: u64) {
        let Some(previous) = self.slot(place).and_then(|slot| slot.previous.take()) else { return };
        let Some(mut older) = self.at(previous).and_then(Option::take) else { return };
        let Some(newer) = self.at(place).and_then(Option::take) else { return };
        self.bytes = self.bytes.saturating_sub(older.cost).saturating_sub(newer.cost);
        let merged = older.merge(newer, &mut self.spare);
        self.bytes = self.bytes.saturating_add(older.cost);
        match merged {
            Ok(()) => {
                self.counts().merged.add(older.message().and_then(|message| message.key), 1);
                self.put(place, older);
                self.len -= 1;
                self.trim();
            }
            Err(newer) => {
                self.bytes = self.bytes.saturating_add(newer.cost);
                self.put(previous, older);
                self.put(place, newer);
            }
        }
    }

    /// Drops the notice that the one at `place` supersedes. The end of a gap supersedes two: the
    /// gap that it ends and the end of the gap before that, so that one outage spans both. What a
    /// gap lost is merged into what a later one lost.
    fn supersede(&mut self, place: u64) {
        let Some(slot) = self.slot(place) else { return };
        let Some(previous) = slot.previous.take() else { return };
        if matches!(slot.content, Content::Event(Event::CaughtUp(_))) {
            self.absorb(previous, place);
            return self.drop_at(previous);
        }
        if !matches!(slot.content, Content::Event(Event::Resumed(_))) {
            return self.drop_at(previous);
        }
        let gap = previous;
        let Some(Slot { content: Content::Event(Event::Gap(_)), previous: Some(end), .. }) = self.slot(gap) else {
            return;
        };
        let end = *end;
        let Some(Slot { content: Content::Event(Event::Resumed(earlier)), previous, .. }) = self.slot(end) else {
            return;
        };
        let (since, attempts, previous) = (earlier.since, earlier.attempts, *previous);
        if let Some(slot) = self.slot(place) {
            slot.previous = previous;
            if let Content::Event(Event::Resumed(resumed)) = &mut slot.content {
                resumed.since = resumed.since.min(since);
                resumed.attempts = resumed.attempts.saturating_add(attempts);
            }
        }
        self.drop_at(end);
        self.drop_at(gap);
    }

    /// Merges the snapshot of orders at `previous` into the one at `place`.
    fn absorb(&mut self, previous: u64, place: u64) {
        let Some(Slot { content: Content::Event(Event::CaughtUp(earlier)), .. }) = self.slot(previous) else { return };
        let earlier = earlier.clone();
        let Some(slot) = self.slot(place) else { return };
        let Content::Event(Event::CaughtUp(later)) = &mut slot.content else { return };
        later.absorb(&earlier);
        let cost = slot.recount();
        self.bytes = self.bytes.saturating_sub(cost.0).saturating_add(cost.1);
    }

    /// Drops the event at `place` and counts it.
    fn drop_at(&mut self, place: u64) {
        if let Some(slot) = self.at(place).and_then(Option::take) {
            self.count_dropped(slot);
            self.trim();
        }
    }

    /// Counts an event that was taken out of its slot and is dropped.
    fn count_dropped(&mut self, mut slot: Slot) {
        self.on_removed(slot.cost);
        let (key, subscription, since) = match &slot.content {
            Content::Event(event) => {
                let since = attribution::since(event).unwrap_or(self.now);
                (attribution::key(event), attribution::subscription(event), since)
            }
            Content::Folded(folded) => {
                let Message { key, subscription, since, .. } = &folded.message;
                (*key, subscription.as_ref(), *since)
            }
        };
        let messages = match &slot.content {
            Content::Event(Event::Malformed(_)) => 1,
            _ => slot.message().map_or(0, |message| 1 + message.merged),
        };
        let notices = u64::from(messages == 0);
        let subscription = self.counted_subscription(subscription);
        let report = self.losses.entry((key, subscription)).or_insert(LossReport::empty(key, since));
        report.since = report.since.min(since);
        report.messages += messages;
        report.notices += notices;
        let counts = self.counts();
        counts.lost.add(key, messages);
        counts.lost_notices.add(key, notices);
        slot.release(&mut self.spare);
    }

    fn put(&mut self, place: u64, slot: Slot) {
        if let Some(empty) = self.at(place) {
            *empty = Some(slot);
        }
    }

    pub(super) fn at(&mut self, place: u64) -> Option<&mut Option<Slot>> {
        self.slots.get_mut(self.slot_number(place)?)
    }

    /// Returns the number of the slot with this place.
    pub(super) fn slot_number(&self, place: u64) -> Option<usize> {
        usize::try_from(place.checked_sub(self.first_place)?).ok()
    }

    fn slot(&mut self, place: u64) -> Option<&mut Slot> {
        self.at(place)?.as_mut()
    }
}
