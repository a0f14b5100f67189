//! The queues of one client: decides which events go into which queue.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::attribution;
use super::bounded::Queue;
use super::overflow::QueueOptions;
use super::spare::Spare;
use super::stats::{LossCounts, QueueStats};
use crate::event::Event;
use crate::key::by_name::ByName;
use crate::key::{Key, SubscriptionKey};

/// The events that a queue receives.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EventFilter {
    /// The events of one subscription: its messages, its states, its gaps, and what those lost.
    Subscription(SubscriptionKey),
    /// The events of several subscriptions, in the order in which they come. Losses are counted for
    /// each subscription.
    Subscriptions(Vec<SubscriptionKey>),
    /// The events of one key: its messages, the gaps of its subscriptions, and what those lost. The
    /// states of its subscriptions are not among them.
    Key(Key),
    /// All events.
    All,
}

/// The number of a queue. It is never used again after the queue is closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId(u64);

/// The default limit in bytes of all queues of a client together.
pub const DEFAULT_TOTAL_BYTES: usize = 12 * 1024 * 1024;

/// The queues of one client. An event that no open queue receives is not stored.
///
/// Beside the limits of each queue there is one for all of them together, 12 MiB by default. When
/// they would hold more, the largest ones make room, as a full queue does: each queue keeps what it
/// holds up to an equal share, and what is dropped is reported to its consumer.
///
/// ```
/// use ibws_proto::{Event, Item, Key, queue::{EventFilter, QueueLimits, Queues}};
///
/// let mut queues = Queues::default();
/// let all = queues.open(EventFilter::All, QueueLimits::default());
/// let system = queues.open(EventFilter::Key(Key::System), QueueLimits::default());
/// queues.deliver(Event::Competing(true), |id, _| assert_eq!(id, all));
/// let item = queues.get_mut(all).unwrap().pop();
/// assert!(matches!(item, Some(Item::Event(Event::Competing(true)))));
/// assert!(queues.get(system).unwrap().is_empty());
/// ```
#[derive(Debug)]
pub struct Queues {
    queues: BTreeMap<QueueId, (Queue, EventFilter)>,
    /// The maximum of the bytes that all queues hold.
    total_bytes: usize,
    /// The bytes that the queues may hold at most: their sum when it was last computed, and what
    /// was put in since. Computing the sum for each event would take longer than storing it.
    held_at_most: usize,
    last: u64,
    /// What the queues that are closed have merged and dropped.
    closed: LossCounts,
    by_subscription: ByName<Vec<QueueId>>,
    by_key: BTreeMap<Key, Vec<QueueId>>,
    all: Vec<QueueId>,
    rounds: Rounds,
    /// The buffers of messages that the queues have dropped. A queue has them while it takes an
    /// event or makes room.
    spare: Spare,
}

/// Which queues share buffers until the next round begins.
#[derive(Debug, Default)]
struct Rounds {
    /// Set once a round has begun.
    has_begun: bool,
    /// The queues with events that may share the buffers that their frames were received in.
    sharing: Vec<QueueId>,
}

impl Rounds {
    /// Puts an event into a queue. With `may_wait`, those before it in the round are not copied
    /// yet.
    #[inline(always)]
    fn push(&mut self, id: QueueId, queue: &mut Queue, event: &mut Event, may_wait: bool) {
        let had_none = queue.shared.is_empty();
        queue.push_from(event, may_wait && self.has_begun);
        if self.has_begun && had_none && !queue.shared.is_empty() {
            self.sharing.push(id);
        }
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self::with_total_bytes(DEFAULT_TOTAL_BYTES)
    }
}

impl Queues {
    /// Creates queues that hold at most `total_bytes` together, as
    /// [`QueueLimits::bytes`](super::QueueLimits::bytes) counts them.
    #[must_use]
    pub fn with_total_bytes(total_bytes: usize) -> Self {
        Self {
            queues: BTreeMap::new(),
            total_bytes,
            held_at_most: 0,
            last: 0,
            closed: LossCounts::default(),
            by_subscription: ByName::default(),
            by_key: BTreeMap::new(),
            all: Vec::new(),
            rounds: Rounds::default(),
            spare: Spare::default(),
        }
    }

    /// Opens a queue. It receives what is delivered from now on.
    pub fn open(&mut self, filter: EventFilter, options: impl Into<QueueOptions>) -> QueueId {
        self.last += 1;
        let id = QueueId(self.last);
        let mut queue = Queue::new(options);
        match &filter {
            EventFilter::Subscription(key) => self.by_subscription.entry(key.clone()).or_default().push(id),
            EventFilter::Subscriptions(keys) => {
                queue.counts_by_subscription = true;
                for key in keys {
                    let ids = self.by_subscription.entry(key.clone()).or_default();
                    // A key that is listed twice receives each event once.
                    if ids.last() != Some(&id) {
                        ids.push(id);
                    }
                }
            }
            EventFilter::Key(key) => self.by_key.entry(*key).or_default().push(id),
            EventFilter::All => self.all.push(id),
        }
        self.queues.insert(id, (queue, filter));
        id
    }

    /// Closes a queue and returns it with what it still holds; `None` if there is no such queue.
    pub fn close(&mut self, id: QueueId) -> Option<Queue> {
        let (queue, filter) = self.queues.remove(&id)?;
        match &filter {
            EventFilter::Subscription(key) => self.stop_receiving(key, id),
            EventFilter::Subscriptions(keys) => keys.iter().for_each(|key| self.stop_receiving(key, id)),
            EventFilter::Key(key) => {
                if remove_id(self.by_key.get_mut(key), id) {
                    self.by_key.remove(key);
                }
            }
            EventFilter::All => self.all.retain(|other| *other != id),
        }
        if let Some(counts) = &queue.counts {
            self.closed.add(counts);
        }
        Some(queue)
    }

    fn stop_receiving(&mut self, key: &SubscriptionKey, id: QueueId) {
        if remove_id(self.by_subscription.get_mut(key), id) {
            self.by_subscription.remove(key);
        }
    }

    /// Begins a round: events that are delivered together, such as those of what was read from the
    /// socket at once.
    ///
    /// From the first call on, the events of the present round share the buffers that their frames
    /// were received in, and are copied when the next round begins, if they are still in a queue by
    /// then. A consumer that keeps up between rounds costs no copy. Begin one often: every 64 KiB
    /// of frames, for example.
    pub fn begin_round(&mut self) {
        if !core::mem::replace(&mut self.rounds.has_begun, true) {
            self.rounds.sharing = self.queues.keys().copied().collect();
        }
        for id in self.rounds.sharing.drain(..) {
            if let Some((queue, _)) = self.queues.get_mut(&id) {
                queue.spare = Spare::take(&mut self.spare);
                queue.detach_shared();
                self.spare = Spare::take(&mut queue.spare);
            }
        }
    }

    /// Puts an event into every queue whose filter includes it, and calls `delivered` with the
    /// number of each of them and the queue itself.
    #[inline]
    pub fn deliver(&mut self, mut event: Event, delivered: impl FnMut(QueueId, &Queue)) {
        self.deliver_from(&mut event, delivered);
    }

    /// As [`deliver`](Self::deliver), with the [place](Event::take) of the event.
    #[inline]
    pub(crate) fn deliver_from(&mut self, event: &mut Event, mut delivered: impl FnMut(QueueId, &Queue)) {
        let key = match &*event {
            // The states of a subscription are of interest to that subscription alone.
            Event::Subscription(_) => None,
            event => attribution::key(event),
        };
        let subscribed = attribution::subscription(event).and_then(|key| self.by_subscription.get(key));
        let keyed = key.and_then(|key| self.by_key.get(&key));
        // The last queue receives the original, so that one queue costs no copy.
        let (queues, rounds) = (&mut self.queues, &mut self.rounds);
        let (held_at_most, spare) = (&mut self.held_at_most, &mut self.spare);
        let mut put = |id: QueueId, event: &mut Event, spare: &mut Spare, may_wait: bool| {
            let Some((queue, _)) = queues.get_mut(&id) else { return };
            let before = queue.bytes();
            queue.spare = Spare::take(spare);
            rounds.push(id, queue, event, may_wait);
            *spare = Spare::take(&mut queue.spare);
            *held_at_most = held_at_most.saturating_add(queue.bytes().saturating_sub(before));
            delivered(id, queue);
        };
        let (mut last, mut is_sharing) = (None, false);
        for id in subscribed.into_iter().chain(keyed).flatten().chain(&self.all) {
            if let Some(before) = last.replace(*id) {
                is_sharing = true;
                spare.begin_sharing();
                put(before, &mut event.clone(), spare, false);
            }
        }
        if let Some(id) = last {
            // Queues that receive the same events copy them together.
            put(id, event, spare, !is_sharing);
            if is_sharing {
                spare.end_sharing();
            }
        }
        if self.held_at_most > self.total_bytes {
            self.share_room();
        }
    }

    /// Returns the bytes that all queues hold, as [`QueueLimits::bytes`](super::QueueLimits::bytes)
    /// counts them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queues.values().fold(0, |sum, (queue, _)| sum.saturating_add(queue.bytes()))
    }

    /// Returns what the queues hold now, and what they have merged and dropped. Looks at every open
    /// queue.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        QueueStats::new(&self.closed, self.queues.values().map(|(queue, _)| queue))
    }

    /// Makes the largest queues make room until all of them are within their common limit.
    ///
    /// A little more room is made than is needed, so that the sum is not computed for each event.
    #[cold]
    fn share_room(&mut self) {
        let target = self.total_bytes - self.total_bytes / 64;
        if self.bytes() > target {
            // What is announced to a consumer is delivered, so the others share what it leaves.
            let announced = self.queues.values().map(|(queue, _)| queue.announced_bytes());
            let target = target.saturating_sub(announced.fold(0, usize::saturating_add));
            let others = |(queue, _): &(Queue, EventFilter)| queue.bytes().saturating_sub(queue.announced_bytes());
            let share = equal_share(self.queues.values().map(others).collect(), target);
            for (queue, _) in self.queues.values_mut() {
                queue.spare = Spare::take(&mut self.spare);
                queue.shrink_to(queue.announced_bytes().saturating_add(share));
                self.spare = Spare::take(&mut queue.spare);
            }
        }
        self.held_at_most = self.bytes();
    }

    /// Returns the queue with this number.
    #[must_use]
    pub fn get(&self, id: QueueId) -> Option<&Queue> {
        self.queues.get(&id).map(|(queue, _)| queue)
    }

    /// Returns the queue with this number, to take items out.
    pub fn get_mut(&mut self, id: QueueId) -> Option<&mut Queue> {
        self.queues.get_mut(&id).map(|(queue, _)| queue)
    }

    /// Returns the number of the first queue that was opened for this key and is still open.
    #[must_use]
    pub fn of_key(&self, key: Key) -> Option<QueueId> {
        self.by_key.get(&key)?.first().copied()
    }
}

/// Returns the largest number of bytes that each queue may keep if all of them together may keep
/// `total`. A queue that holds less leaves its remainder to the others.
fn equal_share(mut held: Vec<usize>, total: usize) -> usize {
    held.sort_unstable();
    let (mut room, mut queues) = (total, held.len());
    for bytes in held {
        let share = room / queues.max(1);
        if bytes > share {
            return share;
        }
        room -= bytes;
        queues -= 1;
    }
    usize::MAX
}

/// Removes one queue from the list of a key. Returns whether none is left.
fn remove_id(ids: Option<&mut Vec<QueueId>>, id: QueueId) -> bool {
    ids.is_some_and(|ids| {
        ids.retain(|other| *other != id);
        ids.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_small_queues_do_not_use_is_shared_by_the_large_ones() {
        let share = |held: &[usize], total| equal_share(held.to_vec(), total);
        assert_eq!(share(&[100, 10, 100], 150), 70);
        assert_eq!(share(&[100, 200, 300], 90), 30);
        assert_eq!(share(&[100, 200, 300], 500), 200);
        assert_eq!(share(&[100, 200], 300), usize::MAX);
        assert_eq!(share(&[], 0), usize::MAX);
        assert_eq!(share(&[1], 0), 0);
    }
}
