//! All the queues of one client: which events go into which.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Queue, QueueLimits, slot};
use crate::event::Event;
use crate::key::{Key, SubscriptionKey};

/// Which events a queue is for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EventFilter {
    /// Those of one subscription: its messages, its states, its gaps.
    Subscription(SubscriptionKey),
    /// Those of one key: its messages, and the gaps of its subscriptions.
    Key(Key),
    /// All.
    All,
}

/// Number of a queue, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId(u64);

/// The queues of one client. Nothing is queued that nobody asked for.
///
/// ```
/// use ibws_proto::{Event, Item, Key, QueueLimits, Queues, EventFilter};
///
/// let mut queues = Queues::default();
/// let id = queues.open(EventFilter::All, QueueLimits::default());
/// let keyed = queues.open(EventFilter::Key(Key::System), QueueLimits::default());
/// queues.deliver(Event::Competing(true), |told| assert_eq!(told, id));
/// assert!(matches!(queues.get_mut(id).unwrap().pop(), Some(Item::Event(Event::Competing(true)))));
/// assert!(queues.get(keyed).unwrap().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Queues {
    queues: BTreeMap<QueueId, (Queue, EventFilter)>,
    last: u64,
    by_subscription: BTreeMap<SubscriptionKey, Vec<QueueId>>,
    by_key: BTreeMap<Key, Vec<QueueId>>,
    everything: Vec<QueueId>,
}

impl Queues {
    /// Opens a queue; it gets what is delivered from now on.
    pub fn open(&mut self, wanted: EventFilter, limits: QueueLimits) -> QueueId {
        self.last += 1;
        let id = QueueId(self.last);
        match &wanted {
            EventFilter::Subscription(key) => self.by_subscription.entry(key.clone()).or_default().push(id),
            EventFilter::Key(key) => self.by_key.entry(*key).or_default().push(id),
            EventFilter::All => self.everything.push(id),
        }
        self.queues.insert(id, (Queue::new(limits), wanted));
        id
    }

    /// Closes a queue and hands out what is still in it.
    pub fn close(&mut self, id: QueueId) -> Option<Queue> {
        let (queue, wanted) = self.queues.remove(&id)?;
        match &wanted {
            EventFilter::Subscription(key) => forget(&mut self.by_subscription, key, id),
            EventFilter::Key(key) => forget(&mut self.by_key, key, id),
            EventFilter::All => self.everything.retain(|other| *other != id),
        }
        Some(queue)
    }

    /// Puts an event into every queue that is for it, and says into which.
    pub fn deliver(&mut self, event: Event, mut told: impl FnMut(QueueId)) {
        let key = match &event {
            // The states of a subscription are its own business.
            Event::Subscription(_) => None,
            event => slot::key(event),
        };
        let subscribed = slot::subscription(&event).and_then(|key| self.by_subscription.get(key));
        let keyed = key.and_then(|key| self.by_key.get(&key));
        let mut takers = subscribed.into_iter().chain(keyed).flatten().chain(&self.everything).peekable();
        let mut event = Some(event);
        while let Some(id) = takers.next() {
            // The last one gets the original.
            let copy = if takers.peek().is_some() { event.clone() } else { event.take() };
            if let Some(((queue, _), copy)) = self.queues.get_mut(id).zip(copy) {
                queue.push(copy);
                told(*id);
            }
        }
    }

    /// A queue.
    #[must_use]
    pub fn get(&self, id: QueueId) -> Option<&Queue> {
        self.queues.get(&id).map(|(queue, _)| queue)
    }

    /// A queue, to take something out.
    pub fn get_mut(&mut self, id: QueueId) -> Option<&mut Queue> {
        self.queues.get_mut(&id).map(|(queue, _)| queue)
    }

    /// The first queue of this key that was opened.
    #[must_use]
    pub fn of_key(&self, key: Key) -> Option<QueueId> {
        self.by_key.get(&key)?.first().copied()
    }
}

fn forget<K: Ord>(queues: &mut BTreeMap<K, Vec<QueueId>>, key: &K, id: QueueId) {
    if let Some(ids) = queues.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            queues.remove(key);
        }
    }
}
