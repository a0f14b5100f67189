//! Reads a queue in batches, so that a busy consumer and the client's task do not compete for the
//! lock for each item.

use core::future::{Future, poll_fn};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;

use super::consumers::{ConsumerId, Take};
use super::intake::MAX_TURNS;
use super::shared::Shared;
use crate::queue::{Batch, Peeked};
use crate::transport::Runtime;
use crate::{
    Item,
    queue::{EventFilter, Queue, QueueOptions},
};

/// A consumer of a queue, and the items that it took and has not delivered. It does not keep the
/// client alive.
pub(super) struct Reader<R: Runtime> {
    shared: Arc<Shared<R>>,
    consumer: ConsumerId,
    taken: Batch,
    /// The number of rounds that it read from the connection since it last waited.
    turns: u8,
}

impl<R: Runtime> Reader<R> {
    /// Attaches a consumer to a queue for the events of `filter`, which it shares with no other.
    pub(super) fn apart(shared: &Arc<Shared<R>>, filter: EventFilter, options: QueueOptions) -> Self {
        Self::from_consumer(shared, shared.with(|state| state.consumers.attach_apart(filter, options)))
    }

    /// Attaches a consumer to a queue for the events of `filter`.
    pub(super) fn new(shared: &Arc<Shared<R>>, filter: EventFilter, options: QueueOptions) -> Self {
        Self::from_consumer(shared, shared.with(|state| state.consumers.attach(filter, options)))
    }

    pub(super) fn from_consumer(shared: &Arc<Shared<R>>, consumer: ConsumerId) -> Self {
        Self { shared: shared.clone(), consumer, taken: Batch::default(), turns: 0 }
    }

    /// Waits until an item can be taken, which is `true`, or there will be none. A poll that woke
    /// another task is pending although it [holds items](Self::holds_items).
    #[inline]
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self.fill(Some(cx.waker())) {
            Take::Nothing | Take::Read => Poll::Pending,
            Take::Some => Poll::Ready(true),
            Take::End => Poll::Ready(false),
        }
    }

    /// Returns `true` if items were taken from the queue and not delivered.
    pub(super) fn holds_items(&self) -> bool {
        !self.taken.is_empty()
    }

    /// Shows the item that can be taken.
    #[inline(always)]
    pub(super) fn peek_ready(&self) -> Peeked<'_> {
        self.taken.peek()
    }

    /// Takes the item that can be taken. Folded rows are assembled here, where the lock is free.
    #[inline(always)]
    pub(super) fn take_ready(&mut self) -> Option<Item> {
        self.taken.pop_item()
    }

    /// Returns the next item.
    #[inline]
    pub(super) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => Poll::Ready(self.take_ready()),
        }
    }

    /// Takes items from the queue without waiting, if everything taken before was delivered.
    pub(super) fn fill_now(&mut self) {
        self.fill(None);
    }

    pub(super) fn try_item(&mut self) -> Option<Item> {
        self.fill_now();
        self.take_ready()
    }

    /// Returns the number of events, those that were taken and not delivered included. Loss reports
    /// are not counted.
    pub(super) fn len(&self) -> usize {
        self.taken.events() + self.shared.with(|state| state.consumers.queue(self.consumer).map_or(0, Queue::len))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
            && self.shared.with(|state| state.consumers.queue(self.consumer).is_none_or(Queue::is_empty))
    }

    /// Takes a batch if everything taken before was delivered. During a loan, reads the connection
    /// for it if the queue is empty.
    fn fill(&mut self, waker: Option<&Waker>) -> Take {
        if !self.taken.is_empty() {
            return Take::Some;
        }
        loop {
            let (consumer, taken, may_read) = (self.consumer, &mut self.taken, self.turns < MAX_TURNS);
            match (self.shared.with(|state| state.take(consumer, taken, waker, may_read)), waker) {
                (Take::Read, Some(waker)) => match self.shared.read_in_turn(consumer, taken) {
                    Some(false) => {
                        self.turns += 1;
                        if !taken.is_empty() {
                            return Take::Some;
                        }
                    }
                    // The task that was woken runs before these items are delivered.
                    Some(true) => {
                        self.turns = MAX_TURNS;
                        waker.wake_by_ref();
                        return Take::Nothing;
                    }
                    None => self.turns = MAX_TURNS,
                },
                (Take::Nothing, _) => {
                    self.turns = 0;
                    return Take::Nothing;
                }
                (take, _) => return take,
            }
        }
    }
}

impl<R: Runtime> Drop for Reader<R> {
    fn drop(&mut self) {
        // The queue may hold much, so it is dropped once the lock is released.
        drop(self.shared.with(|state| state.detach(self.consumer)));
    }
}

/// Waits for an item, at most `wait`. The item is polled before the sleep, so an item that is there
/// is returned even if `wait` is zero.
pub(super) async fn within<R: Runtime, T>(
    shared: Arc<Shared<R>>,
    wait: Duration,
    mut poll_item: impl FnMut(&mut Context<'_>) -> Poll<Option<T>>,
) -> Option<T> {
    let mut sleep = Box::pin(shared.runtime.sleep_until(shared.runtime.now() + wait));
    poll_fn(|cx| match poll_item(cx) {
        Poll::Ready(item) => Poll::Ready(item),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}
