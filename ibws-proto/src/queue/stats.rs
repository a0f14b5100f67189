//! Counts of what all queues of a client hold, merge and drop.

use super::bounded::Queue;
use crate::key::KeyCounts;

/// What the queues of a client hold now, and what they have merged and dropped since the client was
/// built, closed queues included.
///
/// A message that goes into several queues counts in each of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct QueueStats {
    /// Number of open queues.
    pub queues: usize,
    /// Number of events that wait in them. The up to 64 events that a consumer has taken at once
    /// and has not delivered are not among them.
    pub events: usize,
    /// Number of events in the longest of them.
    pub longest: usize,
    /// The bytes that they hold, as [`QueueLimits::bytes`](super::QueueLimits::bytes) counts them.
    pub bytes: usize,
    /// Messages that were merged or folded into another one of their stream, because a queue was
    /// full. One that is dropped later, with the message that holds it, counts as lost as well.
    pub merged: KeyCounts,
    /// Messages that were dropped because a queue was full, with those that were merged into them:
    /// the sum of [`LossReport::messages`](super::LossReport::messages).
    pub lost: KeyCounts,
    /// Other events that were dropped because a queue was full: the sum of
    /// [`LossReport::notices`](super::LossReport::notices).
    pub lost_notices: KeyCounts,
}

/// What a queue has merged and dropped.
#[derive(Debug, Default)]
pub(super) struct LossCounts {
    pub(super) merged: KeyCounts,
    pub(super) lost: KeyCounts,
    pub(super) lost_notices: KeyCounts,
}

impl LossCounts {
    pub(super) fn add(&mut self, other: &Self) {
        self.merged.add_all(&other.merged);
        self.lost.add_all(&other.lost);
        self.lost_notices.add_all(&other.lost_notices);
    }
}

impl QueueStats {
    /// Sums up the open queues and what the closed ones have merged and dropped.
    pub(super) fn new<'a>(closed: &LossCounts, open: impl Iterator<Item = &'a Queue>) -> Self {
        let (mut stats, mut counts) = (Self::default(), LossCounts::default());
        counts.add(closed);
        for queue in open {
            stats.queues += 1;
            stats.events = stats.events.saturating_add(queue.len());
            stats.longest = stats.longest.max(queue.len());
            stats.bytes = stats.bytes.saturating_add(queue.bytes());
            if let Some(own) = &queue.counts {
                counts.add(own);
            }
        }
        let LossCounts { merged, lost, lost_notices } = counts;
        Self { merged, lost, lost_notices, ..stats }
    }
}

impl Queue {
    /// The counts of what was merged and dropped. Only a full queue needs them.
    #[cold]
    pub(super) fn counts(&mut self) -> &mut LossCounts {
        self.counts.get_or_insert_default()
    }
}
