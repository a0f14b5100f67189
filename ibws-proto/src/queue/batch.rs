//! What a consumer takes out of a queue at once.

use alloc::collections::VecDeque;

use super::item::{Dequeued, Item};
use super::slot::{Content, Slot};
use crate::event::Event;

/// Items that were taken out of a queue, in their order. They no longer count for its limits.
///
/// The list of a queue that nothing was merged in or dropped from changes hands as a whole, so that
/// no event is moved on its way to the consumer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    slots: VecDeque<Option<Slot>>,
    /// The number of slots whose content was taken.
    taken: usize,
    /// Items that were taken out of the queue one by one. Only one of the two lists holds any.
    pub(super) items: VecDeque<Dequeued>,
}

impl Batch {
    /// Takes the list of a queue, and gives it an empty one. The batch must be empty.
    pub(super) fn swap(&mut self, slots: &mut VecDeque<Option<Slot>>) {
        core::mem::swap(&mut self.slots, slots);
    }

    /// Takes the next item and assembles it.
    #[inline(always)]
    pub(crate) fn pop_item(&mut self) -> Option<Item> {
        if let Some(Some(slot)) = self.slots.get_mut(self.taken)
            && let Content::Event(event) = &mut slot.content
        {
            let item = Item::Event(Event::take(event));
            self.on_taken();
            return Some(item);
        }
        self.pop_other()
    }

    #[inline(never)]
    fn pop_other(&mut self) -> Option<Item> {
        self.pop().map(Dequeued::into_item)
    }

    /// Takes the next item.
    pub(crate) fn pop(&mut self) -> Option<Dequeued> {
        let Some(slot) = self.slots.get_mut(self.taken) else { return self.items.pop_front() };
        let item = slot.take().map(Slot::into_dequeued);
        self.on_taken();
        item
    }

    #[inline(always)]
    fn on_taken(&mut self) {
        self.taken += 1;
        if self.taken == self.slots.len() {
            self.slots.clear();
            self.taken = 0;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.items.is_empty()
    }

    /// Returns the number of events. Loss reports are not counted.
    pub(crate) fn events(&self) -> usize {
        let others = self.items.iter().filter(|item| !matches!(item, Dequeued::Lost(..)));
        self.slots.len() - self.taken + others.count()
    }
}
