//! What a consumer takes out of a queue at once.

use alloc::collections::VecDeque;

use super::item::{Dequeued, Item, LossReport};
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

/// The next item of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peeked<'a> {
    Event(&'a Event),
    Lost(&'a LossReport),
    /// A message of folded rows, which is assembled when it is taken.
    Folded,
    Nothing,
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

    #[inline(never)]
    fn pop_other(&mut self) -> Option<Item> {
        self.pop().map(Dequeued::into_item)
    }

    /// Shows the next item before it is taken.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Peeked<'_> {
        match self.slots.get(self.taken) {
            Some(Some(Slot { content: Content::Event(event), .. })) => Peeked::Event(event),
            Some(_) => Peeked::Folded,
            None => match self.items.front() {
                Some(Dequeued::Item(Item::Event(event))) => Peeked::Event(event),
                Some(Dequeued::Item(Item::Lost(report)) | Dequeued::Lost(report, _)) => Peeked::Lost(report),
                Some(Dequeued::Folded(_)) => Peeked::Folded,
                None => Peeked::Nothing,
            },
        }
    }

    /// Takes the next item.
    pub(crate) fn pop(&mut self) -> Option<Dequeued> {
        let Some(slot) = self.slots.get_mut(self.taken) else { return self.items.pop_front() };
        self.taken += 1;
        slot.take().map(Slot::into_dequeued)
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
