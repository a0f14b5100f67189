//! What a consumer takes out of a queue at once.

use alloc::collections::VecDeque;

use super::item::Dequeued;
use super::slot::Slot;

/// Items that were taken out of a queue, in their order. They no longer count for its limits.
///
/// The list of a queue that nothing was merged in or dropped from changes hands as a whole, so that
/// no event is moved on its way to the consumer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) slots: VecDeque<Option<Slot>>,
    /// Items that were taken one by one. Only one of the two lists holds any.
    pub(super) items: VecDeque<Dequeued>,
}

impl Batch {
    /// Takes the next item.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Dequeued> {
        match self.slots.pop_front() {
            Some(slot) => slot.map(Slot::into_dequeued),
            None => self.items.pop_front(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.items.is_empty()
    }

    /// Returns the number of events. Loss reports are not counted.
    pub(crate) fn events(&self) -> usize {
        self.slots.len() + self.items.iter().filter(|item| !matches!(item, Dequeued::Lost(..))).count()
    }
}
