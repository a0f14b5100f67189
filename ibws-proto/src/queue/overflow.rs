//! What the user chooses about a queue: its limits, and what it does with messages when they are
//! reached.

use super::bounded::QueueLimits;
use super::slot::Class;

/// What a queue does with messages that it has no room for. Whatever it does is counted exactly.
///
/// Under each of them, notices (states, gaps, reports) are superseded before a message is lost, and
/// dropped only if nothing else helps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// A full queue merges market data and ladders, folds orders and executions, and drops other
    /// messages, the oldest first. This loses the least. [`Queue`](super::Queue) describes it.
    #[default]
    Merge,
    /// A full queue drops the oldest message and merges none: each message that is delivered is one
    /// frame of the gateway. A fold of the stream is incomplete after a loss, because frames hold
    /// changes only.
    DropOldest,
    /// The queue holds one message of each stream, from the first one on and not only when it is
    /// full: market data and ladders are merged, orders and executions are folded, and of every
    /// other subscription the earlier message is dropped. Messages that belong to no subscription
    /// are kept until the limits are reached. Nothing is merged across a gap, so a stream has one
    /// more message for each gap that is queued.
    KeepNewest,
}

/// The limits of a queue and what it does at them. [`QueueLimits`] and [`Overflow`] convert to it,
/// each with the default of the other.
///
/// ```
/// use ibws_proto::queue::{Overflow, Queue, QueueLimits};
///
/// let newest = Queue::new(Overflow::KeepNewest);
/// assert_eq!(newest.limits(), QueueLimits::default());
/// let short = QueueLimits { events: 16, bytes: 64 * 1024 }.overflow(Overflow::DropOldest);
/// assert_eq!(Queue::new(short).overflow(), Overflow::DropOldest);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct QueueOptions {
    /// The limits. Default: [`QueueLimits::default`].
    pub limits: QueueLimits,
    /// What happens to messages at the limits. Default: [`Overflow::Merge`].
    pub overflow: Overflow,
}

impl From<QueueLimits> for QueueOptions {
    fn from(limits: QueueLimits) -> Self {
        limits.overflow(Overflow::default())
    }
}

impl From<Overflow> for QueueOptions {
    fn from(overflow: Overflow) -> Self {
        QueueLimits::default().overflow(overflow)
    }
}

impl QueueLimits {
    /// Returns these limits with what a queue does at them.
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> QueueOptions {
        QueueOptions { limits: self, overflow }
    }
}

impl Overflow {
    /// Returns how an event is treated whose kind has this class.
    pub(super) fn class(self, class: Class) -> Class {
        match class {
            Class::Conflated | Class::Folded if self == Self::DropOldest => Class::Droppable,
            class => class,
        }
    }

    /// Returns `true` if a message of this class is merged as soon as it comes.
    pub(super) fn merges_on_arrival(self, class: Class, is_full: bool) -> bool {
        match self {
            Self::Merge => is_full && class == Class::Conflated,
            Self::DropOldest => false,
            Self::KeepNewest => matches!(class, Class::Conflated | Class::Folded),
        }
    }
}
