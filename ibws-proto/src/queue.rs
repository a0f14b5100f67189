//! A bounded queue of events for one consumer: the reader never waits for it, and what it loses is counted exactly.

use alloc::collections::VecDeque;
use core::mem::size_of;

use crate::event::{Event, Message};

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

/// What had to be dropped since it was last told. It is state of the queue, not an event in it, and so cannot be dropped
/// itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Lost {
    /// Frames, malformed ones included.
    pub messages: u64,
    /// Other events: changes of state, gaps.
    pub notices: u64,
}

/// What a consumer takes out.
#[derive(Clone, Debug)]
pub enum Item {
    /// The next event.
    Event(Event),
    /// Here, events are missing: the consumer was slower than the stream.
    Lost(Lost),
}

/// The queue: the oldest events make room for new ones.
#[derive(Debug, Default)]
pub struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
    limits: QueueLimits,
    lost: Lost,
}

impl Queue {
    /// An empty queue. It holds one event at least, whatever the limits.
    #[must_use]
    pub fn new(limits: QueueLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Puts an event in, at the cost of the oldest ones if there is no room.
    pub fn push(&mut self, event: Event) {
        self.bytes = self.bytes.saturating_add(cost(&event));
        self.events.push_back(event);
        while self.events.len() > 1 && (self.events.len() > self.limits.events || self.bytes > self.limits.bytes) {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(cost(&oldest));
            match oldest {
                Event::Message(_) | Event::Malformed(_) => self.lost.messages += 1,
                _ => self.lost.notices += 1,
            }
        }
    }

    /// Takes the notice of a loss, if there is one, else the oldest event.
    pub fn pop(&mut self) -> Option<Item> {
        if self.lost != Lost::default() {
            return Some(Item::Lost(core::mem::take(&mut self.lost)));
        }
        let event = self.events.pop_front()?;
        self.bytes = self.bytes.saturating_sub(cost(&event));
        Some(Item::Event(event))
    }

    /// Events in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Is there nothing to take?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.lost == Lost::default()
    }

    /// Bytes held, as the limit counts them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn cost(event: &Event) -> usize {
    /// What is recorded about each member of a frame: where its key and its value lie.
    const MEMBER: usize = 16;
    size_of::<Event>()
        + match event {
            Event::Message(Message { frame, .. }) => {
                let mended = if frame.is_lossy() { frame.text().len() } else { 0 };
                frame.raw().len() + mended + MEMBER * frame.members().len()
            }
            Event::Malformed(malformed) => malformed.raw.len(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Malformed, MalformedReason};
    use bytes::Bytes;

    fn message(n: u8) -> Event {
        Event::Malformed(Malformed {
            raw: Bytes::copy_from_slice(&[n; 100]),
            reason: MalformedReason::Duplicate("topic"),
        })
    }

    #[test]
    fn what_is_dropped_is_counted_and_told_where_it_is_missing() {
        let mut queue = Queue::new(QueueLimits { events: 3, bytes: usize::MAX });
        queue.push(Event::Competing(true));
        for n in 0..5 {
            queue.push(message(n));
        }
        assert_eq!(queue.len(), 3);
        assert!(matches!(queue.pop(), Some(Item::Lost(Lost { messages: 2, notices: 1 }))));
        assert!(matches!(queue.pop(), Some(Item::Event(Event::Malformed(m))) if m.raw[0] == 2));
        queue.push(message(5));
        queue.push(message(6));
        assert!(matches!(queue.pop(), Some(Item::Lost(Lost { messages: 1, notices: 0 }))));
        assert!(matches!(queue.pop(), Some(Item::Event(Event::Malformed(m))) if m.raw[0] == 4));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let limit = 6 * cost(&message(0)) + 1;
        let mut queue = Queue::new(QueueLimits { events: usize::MAX, bytes: limit });
        for n in 0..100 {
            queue.push(message(n));
            assert!(queue.bytes() <= limit);
        }
        assert!(matches!(queue.pop(), Some(Item::Lost(Lost { messages: 94, .. }))));
        while queue.pop().is_some() {}
        assert_eq!((queue.bytes(), queue.is_empty()), (0, true));
    }
}
