//! The consumers of events: which queue each of them reads, and which wait for an event.

use std::collections::BTreeMap;
use std::task::Waker;
use std::vec::Vec;

use super::latest::LatestValues;
use super::shared::Deferred;
use crate::queue::Batch;
use crate::{
    Event, Key,
    queue::{EventFilter, Overflow, Queue, QueueId, QueueOptions, QueueStats, Queues},
};

/// The maximum number of items that a consumer takes at once.
const BATCH: usize = 64;
/// The size in bytes at which a batch ends.
const BATCH_BYTES: usize = 64 * 1024;

pub(super) struct Consumers {
    queues: Queues,
    attached: BTreeMap<QueueId, Attached>,
    /// The queues that the consumers of a key share.
    by_key: BTreeMap<Key, QueueId>,
    pub(super) latest: LatestValues,
    /// The queues that are half full and whose consumers keep up. Each is listed once.
    crowded: Vec<QueueId>,
    /// The number of consumers that wait for an event.
    waiting: usize,
    /// The number of times that a consumer began to wait for an event.
    waits: usize,
    /// The number of times that a consumer was woken by an event.
    woken: usize,
    /// The number of the consumer that was attached last.
    last: u64,
}

/// The consumers of one queue. The consumers of a key share its queue.
#[derive(Default)]
struct Attached {
    count: usize,
    /// The consumers that wait for an event, by their numbers.
    waiting: Vec<(u64, Waker)>,
    pace: Pace,
}

/// Whether a queue is worth waiting for.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Pace {
    /// Its consumers have caught up since they were late.
    #[default]
    KeepsUp,
    /// It was half full, and is listed as such until there is room in it.
    Crowded,
    /// It was waited for in vain. It is not waited for again before it has been empty.
    Late,
}

/// A consumer and its queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConsumerId {
    queue: QueueId,
    number: u64,
    /// Set if other consumers may read the same queue. What one of them takes and does not deliver
    /// is lost to the others.
    shared: bool,
}

/// The result of taking items from a queue.
pub(super) enum Take {
    /// At least one item was taken.
    Some,
    /// There is no item now.
    Nothing,
    /// There is no item now, and the consumer may read the connection.
    Read,
    /// There is no item, and there will be none.
    End,
}

impl Consumers {
    /// Creates consumers whose queues hold at most `total_queue_bytes` together.
    pub(super) fn new(total_queue_bytes: usize) -> Self {
        Self {
            queues: Queues::with_total_bytes(total_queue_bytes),
            attached: BTreeMap::new(),
            by_key: BTreeMap::new(),
            latest: LatestValues::default(),
            crowded: Vec::new(),
            waiting: 0,
            waits: 0,
            woken: 0,
            last: 0,
        }
    }

    /// Attaches a consumer to a queue, which is opened for it. A key has one queue only, shared by
    /// all its consumers.
    pub(super) fn attach(&mut self, filter: EventFilter, options: QueueOptions) -> ConsumerId {
        let EventFilter::Key(key) = filter else { return self.attach_apart(filter, options) };
        let queue = *self.by_key.entry(key).or_insert_with(|| self.queues.open(filter, options));
        self.consumer_of(queue, true)
    }

    /// Attaches a consumer to a queue that it shares with no other consumer, even of its key.
    pub(super) fn attach_apart(&mut self, filter: EventFilter, options: QueueOptions) -> ConsumerId {
        let queue = self.queues.open(filter, options);
        self.consumer_of(queue, false)
    }

    fn consumer_of(&mut self, queue: QueueId, shared: bool) -> ConsumerId {
        self.last += 1;
        self.attached.entry(queue).or_default().count += 1;
        ConsumerId { queue, number: self.last, shared }
    }

    /// Detaches a consumer. Returns its queue if it was the last one, to be dropped once the lock
    /// is released.
    pub(super) fn detach(&mut self, consumer: ConsumerId, deferred: &mut Deferred) -> Option<Queue> {
        let attached = self.attached.get_mut(&consumer.queue)?;
        attached.count -= 1;
        let own = attached.waiting.iter().position(|(number, _)| *number == consumer.number);
        self.waiting -= usize::from(own.is_some());
        deferred.dropped_wakers.extend(own.map(|at| attached.waiting.swap_remove(at).1));
        if attached.count > 0 {
            return None;
        }
        self.attached.remove(&consumer.queue);
        self.crowded.retain(|queue| *queue != consumer.queue);
        if consumer.shared {
            self.by_key.retain(|_, queue| *queue != consumer.queue);
        }
        self.queues.close(consumer.queue)
    }

    /// Begins to deliver what was read at once.
    pub(super) fn begin_round(&mut self) {
        self.queues.begin_round();
    }

    /// Returns the number of times that a consumer began to wait for an event.
    pub(super) fn waits(&self) -> usize {
        self.waits
    }

    /// Returns the number of times that a consumer was woken by an event.
    pub(super) fn woken(&self) -> usize {
        self.woken
    }

    /// Puts an event into every queue whose filter includes it, and into the newest value of its
    /// subscription.
    #[inline]
    pub(super) fn deliver(&mut self, event: &mut Event, deferred: &mut Deferred) {
        let Self { queues, attached, latest, crowded, waiting, woken, .. } = self;
        latest.note(event, deferred);
        queues.deliver_from(event, |id, queue| {
            // In a flood that a consumer reads, nobody waits.
            if *waiting == 0 && !is_half_full(queue) {
                return;
            }
            if let Some(attached) = attached.get_mut(&id) {
                *woken += attached.waiting.len();
                *waiting -= attached.waiting.len();
                deferred.wakers.extend(attached.waiting.drain(..).map(|(_, waker)| waker));
                if attached.pace == Pace::KeepsUp && is_half_full(queue) {
                    attached.pace = Pace::Crowded;
                    crowded.push(id);
                }
            }
        });
    }

    /// Returns `true` while the consumers of some queue that was half full, and who have kept up so
    /// far, have not made room in it.
    pub(super) fn is_crowded(&self) -> bool {
        !self.crowded.is_empty()
    }

    /// Stops waiting for the queues that are half full.
    pub(super) fn stop_waiting(&mut self) {
        for queue in self.crowded.drain(..) {
            if let Some(attached) = self.attached.get_mut(&queue) {
                attached.pace = Pace::Late;
            }
        }
    }

    /// Moves a batch of items from the queue of `consumer` to `into`. If there is none, remembers
    /// the waker, if any. With `finished`, no event will follow.
    pub(super) fn take(
        &mut self,
        consumer: ConsumerId,
        into: &mut Batch,
        waker: Option<&Waker>,
        finished: bool,
        deferred: &mut Deferred,
    ) -> Take {
        let Some(queue) = self.queues.get_mut(consumer.queue) else { return Take::End };
        let max = if consumer.shared { 1 } else { BATCH };
        queue.take_batch(into, max, BATCH_BYTES);
        if !into.is_empty() {
            self.note_pace(consumer.queue);
            return Take::Some;
        }
        if finished {
            return Take::End;
        }
        if let (Some(waker), Some(attached)) = (waker, self.attached.get_mut(&consumer.queue)) {
            // Each consumer has an entry of its own: those that share a queue must not replace one
            // another's wakers.
            match attached.waiting.iter_mut().find(|(number, _)| *number == consumer.number) {
                Some((_, known)) if known.will_wake(waker) => {}
                Some((_, known)) => deferred.dropped_wakers.push(core::mem::replace(known, waker.clone())),
                None => {
                    attached.waiting.push((consumer.number, waker.clone()));
                    self.waiting += 1;
                    self.waits += 1;
                }
            }
        }
        Take::Nothing
    }

    /// Notes that items were taken from a queue.
    fn note_pace(&mut self, id: QueueId) {
        let (Some(queue), Some(attached)) = (self.queues.get(id), self.attached.get_mut(&id)) else { return };
        let is_over = match attached.pace {
            Pace::KeepsUp => false,
            Pace::Crowded => has_room(queue),
            Pace::Late => queue.is_empty(),
        };
        if is_over {
            attached.pace = Pace::KeepsUp;
            self.crowded.retain(|queue| *queue != id);
        }
    }

    pub(super) fn queue(&self, consumer: ConsumerId) -> Option<&Queue> {
        self.queues.get(consumer.queue)
    }

    pub(super) fn stats(&self) -> QueueStats {
        self.queues.stats()
    }

    /// Wakes every consumer that waits.
    pub(super) fn wake_all(&mut self, deferred: &mut Deferred) {
        self.waiting = 0;
        for attached in self.attached.values_mut() {
            deferred.wakers.extend(attached.waiting.drain(..).map(|(_, waker)| waker));
        }
        self.latest.wake_all(deferred);
    }
}

/// Returns `true` if a queue that was half full has room for more than one batch again.
fn has_room(queue: &Queue) -> bool {
    let limits = queue.limits();
    queue.len() <= limits.events / 4 && queue.bytes() <= limits.bytes / 4
}

/// Returns `true` if a queue is at half of a limit beyond which messages are merged or dropped.
fn is_half_full(queue: &Queue) -> bool {
    let limits = queue.limits();
    let is_full = queue.len() >= limits.events.div_ceil(2) || queue.bytes() >= limits.bytes.div_ceil(2);
    is_full && queue.overflow() != Overflow::KeepNewest
}
