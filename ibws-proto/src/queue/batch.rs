//! What a consumer takes out of a queue at once.

use alloc::collections::VecDeque;

use super::item::{Dequeued, Item, Peeked};
use super::slot::{Content, Slot};
use crate::event::Event;

/// Items that were taken out of a queue, in their order. They no longer count for its limits.
///
/// The list of a queue that nothing was merged in or dropped from changes hands as a whole, so that
/// no event is moved on its way to the consumer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    slots: VecDeque<Option<Slot>>,
    /// The number of slots whose content was taken. What remains of them is dropped with the next
    /// [`swap`](Self::swap).
    taken: usize,
    /// Items that were taken out of the queue one by one. Only one of the two lists holds any.
    pub(super) items: VecDeque<Dequeued>,
}

impl Batch {
    /// Takes the list of a queue, and gives it an empty one. The batch must be empty.
    pub(super) fn swap(&mut self, slots: &mut VecDeque<Option<Slot>>) {
        self.slots.clear();
        self.taken = 0;
        core::mem::swap(&mut self.slots, slots);
    }

    /// Takes the next item and assembles it. A message is moved to the caller and nowhere else.
    #[inline(always)]
    pub(crate) fn pop_item(&mut self) -> Option<Item> {
        match self.slots.get_mut(self.taken) {
            Some(Some(Slot { content: Content::Event(event), .. })) => {
                self.taken += 1;
                Some(Item::Event(Event::take(event)))
            }
            _ => self.pop_other(),
        }
    }

    /// Shows the next item before it is taken.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Peeked<'_> {
        match self.slots.get(self.taken) {
            Some(Some(Slot { content: Content::Event(event), .. })) => Peeked::Event(event),
            Some(Some(Slot { content: Content::Folded(folded), .. })) => Peeked::Folded(folded),
            Some(None) => Peeked::Nothing,
            None => self.items.front().map_or(Peeked::Nothing, Dequeued::peek),
        }
    }

    #[inline(never)]
    fn pop_other(&mut self) -> Option<Item> {
        let next = match self.slots.get_mut(self.taken) {
            Some(slot) => {
                self.taken += 1;
                slot.take().map(Slot::into_dequeued)
            }
            None => self.items.pop_front(),
        };
        next.map(Dequeued::into_item)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.slots.len() && self.items.is_empty()
    }

    /// Returns the number of events. Loss reports are not counted.
    pub(crate) fn events(&self) -> usize {
        let others = self.items.iter().filter(|item| !matches!(item, Dequeued::Lost(..)));
        self.slots.len() - self.taken + others.count()
    }
}
