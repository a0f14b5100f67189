//! Makes room in a queue that is over its limits, in the way that costs the consumer least.

use super::attribution;
use super::bounded::{Queue, QueueLimits};
use super::index::{Index, Stream};
use super::item::LossReport;
use super::slot::{Content, Slot};
use crate::event::{Event, Message};

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
        // slots.
        let is_outdated = |index: &Index| index.len() > 8 * self.len + 64 || self.slots.len() > 2 * self.len + 64;
        if self.index.as_ref().is_some_and(is_outdated) {
            self.build_index();
        }
    }

    /// Removes the empty slots and indexes all events.
    pub(super) fn build_index(&mut self) {
        self.slots.retain(Option::is_some);
        let mut index = Index::new(self.overflow);
        for (place, slot) in (self.first_place..).zip(self.slots.iter_mut().flatten()) {
            index.add(place, slot);
        }
        self.index = Some(index);
    }

    /// Merges a message that is not in the queue into the latest of its stream, and keeps the place
    /// of that one. Returns the message if it cannot be merged.
    pub(super) fn merge_into_latest(&mut self, newer: Slot) -> Option<Slot> {
        let stream = newer.message().filter(|_| newer.can_merge()).map(Stream::from_message);
        let latest = self.index.as_ref().zip(stream).and_then(|(index, stream)| index.latest(&stream));
        let Some(place) = latest.and_then(|place| self.at(place)) else { return Some(newer) };
        let Some(older) = place.take() else { return Some(newer) };
        let cost = older.cost;
        match Slot::merge(older, newer) {
            Ok(merged) => {
                let merged_cost = merged.cost;
                let key = merged.message().and_then(|message| message.key);
                *place = Some(merged);
                self.counts().merged.add(key, 1);
                self.bytes = self.bytes.saturating_sub(cost).saturating_add(merged_cost);
                None
            }
            Err((older, newer)) => {
                *place = Some(older);
                Some(newer)
            }
        }
    }

    /// Drops the message that a message which is not in the queue replaces, if that is not merged:
    /// the one before it in its stream.
    pub(super) fn drop_replaced_by(&mut self, newer: &Slot) {
        let stream = newer.message().filter(|message| message.subscription.is_some()).map(Stream::from_message);
        let latest = self.index.as_ref().zip(stream).and_then(|(index, stream)| index.latest(&stream));
        if let Some(place) = latest {
            self.drop_at(place);
        }
    }

    /// Merges the message before `place` in its stream into the one at `place`, and keeps the place
    /// of the newer one.
    fn merge_with_previous(&mut self, place: u64) {
        let Some(previous) = self.slot(place).and_then(|slot| slot.previous.take()) else { return };
        let Some(older) = self.at(previous).and_then(Option::take) else { return };
        let Some(newer) = self.at(place).and_then(Option::take) else { return };
        let costs = older.cost.saturating_add(newer.cost);
        match Slot::merge(older, newer) {
            Ok(merged) => {
                let cost = merged.cost;
                self.counts().merged.add(merged.message().and_then(|message| message.key), 1);
                self.put(place, merged);
                self.len -= 1;
                self.bytes = self.bytes.saturating_sub(costs).saturating_add(cost);
                self.trim();
            }
            Err((older, newer)) => {
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
    fn count_dropped(&mut self, slot: Slot) {
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
    }

    fn put(&mut self, place: u64, slot: Slot) {
        if let Some(empty) = self.at(place) {
            *empty = Some(slot);
        }
    }

    fn at(&mut self, place: u64) -> Option<&mut Option<Slot>> {
        self.slots.get_mut(usize::try_from(place.checked_sub(self.first_place)?).ok()?)
    }

    fn slot(&mut self, place: u64) -> Option<&mut Slot> {
        self.at(place)?.as_mut()
    }
}
