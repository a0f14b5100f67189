//! What a consumer takes out of a queue.

use alloc::boxed::Box;

use super::attribution;
use super::rows::Folded;
use crate::event::Event;
use crate::key::{Key, SubscriptionKey};
use crate::time::Instant;

/// The next thing that a consumer takes out of a queue.
///
/// It serialises as one [line](crate::line) of JSON, which any program can read:
///
/// ```
/// use ibws_proto::queue::{Queue, QueueLimits};
/// use ibws_proto::{Command, Config, Instant, Machine, Output};
///
/// let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
/// let mut queue = Queue::new(QueueLimits::default());
/// machine.submit(Instant::ORIGIN, Command::Start);
/// while let Some(output) = machine.poll() {
///     if let Output::Event(event) = output {
///         queue.push(event);
///     }
/// }
/// let item = queue.pop().unwrap();
/// let line = r#"{"type":"state","state":"connecting","attempt":1,"at_ms":0,"conn":1}"#;
/// assert_eq!(serde_json::to_string(&item).unwrap(), line);
/// ```
#[derive(Clone, Debug)]
pub enum Item {
    /// The next event.
    Event(Event),
    /// A report of events that are missing here, because the consumer was slower than the stream.
    Lost(LossReport),
}

/// The number of events of one key that did not reach the consumer as they came, since the last
/// report of that key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LossReport {
    /// The key of the events; `None` for events of the connection and for messages of no known key.
    pub key: Option<Key>,
    /// The time of the earliest of the events.
    pub since: Instant,
    /// The number of messages that were dropped, malformed ones included.
    pub messages: u64,
    /// The number of messages about orders or executions whose single steps were dropped. The next
    /// item is a message with the rows that they add up to, which counts them as
    /// [`merged`](crate::Message::merged). They are not part of `messages`.
    pub folded: u64,
    /// The number of other events that were dropped: changes of state, gaps, reports. The latest
    /// about each subject is kept as long as there is room. A [`CaughtUp`](crate::CaughtUp) that a
    /// later one took in is counted here, and there as [`merged`](crate::CaughtUp::merged).
    pub notices: u64,
}

impl LossReport {
    pub(super) const fn empty(key: Option<Key>, since: Instant) -> Self {
        Self { key, since, messages: 0, folded: 0, notices: 0 }
    }
}

/// An item that may still have to be assembled. Assembling it needs no access to the queue, so that
/// a consumer can do it after it has released a lock on the queue.
#[derive(Debug)]
pub(crate) enum Dequeued {
    /// An item that is complete.
    Item(Item),
    /// A loss report, with the subscription that it counts for if the queue counts by subscription.
    Lost(LossReport, Option<SubscriptionKey>),
    /// Folded rows, from which the message has to be written.
    Folded(Box<Folded>),
}

/// The next item, before it is taken.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "client"), allow(dead_code, reason = "only the client and the tests use it"))]
pub(crate) enum Peeked<'a> {
    Event(&'a Event),
    /// A loss report, with the subscription that it counts for if the queue counts by subscription.
    Lost(&'a LossReport, Option<&'a SubscriptionKey>),
    /// A message of folded rows, which is assembled when it is taken.
    Folded(&'a Folded),
    Nothing,
}

impl<'a> Peeked<'a> {
    /// Returns the subscription that the item is about.
    #[inline(always)]
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "only the client and the tests use it"))]
    pub(crate) fn subscription(self) -> Option<&'a SubscriptionKey> {
        match self {
            Self::Event(event) => attribution::subscription(event),
            Self::Lost(_, subscription) => subscription,
            Self::Folded(folded) => folded.message.subscription.as_ref(),
            Self::Nothing => None,
        }
    }
}

impl Dequeued {
    /// Shows the item.
    #[cfg_attr(not(feature = "client"), allow(dead_code, reason = "only the client and the tests use it"))]
    pub(crate) fn peek(&self) -> Peeked<'_> {
        match self {
            Self::Item(Item::Event(event)) => Peeked::Event(event),
            Self::Item(Item::Lost(report)) => Peeked::Lost(report, None),
            Self::Lost(report, subscription) => Peeked::Lost(report, subscription.as_ref()),
            Self::Folded(folded) => Peeked::Folded(folded),
        }
    }

    /// Assembles the item.
    pub(crate) fn into_item(self) -> Item {
        match self {
            Self::Item(item) => item,
            Self::Lost(report, _) => Item::Lost(report),
            Self::Folded(folded) => Item::Event(Event::Message(folded.into_message())),
        }
    }
}
