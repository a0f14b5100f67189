//! What a consumer holds: the stream of everything, of a subscription, of a key.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use std::boxed::Box;
use std::collections::VecDeque;
use std::sync::Arc;

use futures_core::Stream;

use super::handle::{Handle, Request};
use super::shared::{ConsumerId, Shared, State, Take};
use crate::queue::{Dequeued, Queue};
use crate::transport::Runtime;
use crate::{
    Command, CommandError, Event, EventFilter, Item, Key, QueueLimits, SubscribeOutcome, SubscriptionKey,
    SubscriptionState,
};

/// A consumer at a queue, and what was taken from there and not yet used. It does not keep the client alive.
pub(super) struct Reader<R: Runtime> {
    shared: Arc<Shared<R>>,
    consumer: ConsumerId,
    /// Items on their way out, so that a busy consumer and the driver do not meet at the lock for each of them.
    taken: VecDeque<Dequeued>,
}

impl<R: Runtime> Reader<R> {
    pub(super) fn new(shared: &Arc<Shared<R>>, wanted: EventFilter, limits: QueueLimits) -> Self {
        Self::at(shared, shared.with(|state| state.attach(wanted, limits)))
    }

    pub(super) fn at(shared: &Arc<Shared<R>>, consumer: ConsumerId) -> Self {
        Self { shared: shared.clone(), consumer, taken: VecDeque::new() }
    }

    pub(super) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.look(Some(cx.waker())) {
            Take::Nothing => Poll::Pending,
            Take::Some | Take::End => Poll::Ready(self.next_taken()),
        }
    }

    fn try_item(&mut self) -> Option<Item> {
        self.look(None);
        self.next_taken()
    }

    fn next_taken(&mut self) -> Option<Item> {
        // Here, where nobody waits for it, folded rows are put together.
        self.taken.pop_front().map(Dequeued::into_item)
    }

    fn look(&mut self, waker: Option<&Waker>) -> Take {
        if !self.taken.is_empty() {
            return Take::Some;
        }
        let (consumer, taken) = (self.consumer, &mut self.taken);
        self.shared.with(|state| state.take(consumer, taken, waker))
    }

    fn len(&self) -> usize {
        let events = self.taken.iter().filter(|taken| !matches!(taken, Dequeued::Item(Item::Lost(_)))).count();
        events + self.shared.with(|state| state.queue(self.consumer).map_or(0, Queue::len))
    }

    fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.shared.with(|state| state.queue(self.consumer).is_none_or(Queue::is_empty))
    }
}

impl<R: Runtime> Drop for Reader<R> {
    fn drop(&mut self) {
        // What is still in it may be much, and is dropped without the lock.
        drop(self.shared.with(|state| state.detach(self.consumer)));
    }
}

/// Waits for an item, but no longer than `wait`.
async fn within<R: Runtime>(
    shared: Arc<Shared<R>>,
    wait: Duration,
    mut poll_item: impl FnMut(&mut Context<'_>) -> Poll<Option<Item>>,
) -> Option<Item> {
    let mut sleep = Box::pin(shared.runtime.sleep_until(shared.runtime.now() + wait));
    poll_fn(|cx| match poll_item(cx) {
        Poll::Ready(item) => Poll::Ready(item),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// A queue of events, taken one by one. Ends when the client has ended.
///
/// It is bounded, and never delays anybody: for a consumer that is too slow, market data and ladders are merged, orders
/// and executions folded, other messages dropped, and what does not come as it was is counted exactly
/// ([`Message::merged`](crate::Message::merged), [`Item::Lost`]). See [`Queue`] for the rules.
///
/// Up to 64 events or 64 KiB (and one event) wait outside the queue, on their way to the consumer.
pub struct EventStream<R: Runtime> {
    reader: Reader<R>,
    handle: Handle<R>,
}

impl<R: Runtime> EventStream<R> {
    pub(super) fn new(handle: Handle<R>, wanted: EventFilter, limits: QueueLimits) -> Self {
        Self { reader: Reader::new(&handle.shared, wanted, limits), handle }
    }

    pub(super) fn at(handle: Handle<R>, consumer: ConsumerId) -> Self {
        Self { reader: Reader::at(&handle.shared, consumer), handle }
    }

    /// The next item; `None` once the client has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.reader.poll_item(cx)).await
    }

    /// What is there now, without waiting.
    pub fn try_next(&mut self) -> Option<Item> {
        self.reader.try_item()
    }

    /// The next item, or `None` if none comes within `wait`. Cancel-safe.
    pub async fn next_within(&mut self, wait: Duration) -> Option<Item> {
        within(self.handle.shared.clone(), wait, |cx| self.reader.poll_item(cx)).await
    }

    /// Events there now. What was lost is not among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reader.len()
    }

    /// Is nothing there now?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }
}

impl<R: Runtime> Stream for EventStream<R> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.get_mut().reader.poll_item(cx)
    }
}

/// One holder of a subscription, and the stream of its events: frames, changes of its state, gaps.
///
/// It ends once the subscription is gone: unsubscribed by whoever, or shut down. Dropped, it lets go of the subscription;
/// the last holder of a key unsubscribes it. Its queue is bounded as that of every [`EventStream`].
pub struct Subscription<R: Runtime> {
    stream: EventStream<R>,
    key: SubscriptionKey,
    request: Request<R>,
    outcome: Option<Result<SubscribeOutcome, CommandError>>,
    /// Notices were lost: its end may have been among them.
    unsure: bool,
    /// It is gone, by an unsubscription or a shutdown: nothing will come.
    ended: bool,
}

impl<R: Runtime> Subscription<R> {
    pub(super) fn new(stream: EventStream<R>, key: SubscriptionKey, request: Request<R>) -> Self {
        Self { stream, key, request, outcome: None, unsure: false, ended: false }
    }

    /// Channel and target.
    #[must_use]
    pub fn key(&self) -> &SubscriptionKey {
        &self.key
    }

    /// How the subscribing went; waits until that is known. Cancel-safe.
    ///
    /// # Errors
    /// Those of [`Client::subscribe`](super::Client::subscribe), and [`CommandError::ConnectionLost`]: it stays wanted.
    pub async fn outcome(&mut self) -> Result<SubscribeOutcome, CommandError> {
        if self.outcome.is_none() {
            self.outcome = Some(self.request.outcome().await);
        }
        self.outcome.clone().unwrap_or(Ok(SubscribeOutcome::Pending))
    }

    /// How it stood when its request was answered; pending before that, and if the connection was lost meanwhile.
    #[must_use]
    pub fn known_outcome(&self) -> SubscribeOutcome {
        match self.outcome {
            Some(Ok(standing)) => standing,
            _ => SubscribeOutcome::Pending,
        }
    }

    /// The next item; `None` once the subscription is gone or the client has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// What is there now, without waiting.
    pub fn try_next(&mut self) -> Option<Item> {
        let item = if self.ended { None } else { self.stream.try_next() };
        self.seen(item)
    }

    /// The next item, or `None` if none comes within `wait`. Cancel-safe.
    pub async fn next_within(&mut self, wait: Duration) -> Option<Item> {
        within(self.stream.handle.shared.clone(), wait, |cx| self.poll_item(cx)).await
    }

    /// Events there now. What was lost is not among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stream.len()
    }

    /// Is nothing there now?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.stream.reader.poll_item(cx) {
            Poll::Pending if self.unsure && !self.is_held() => {
                self.ended = true;
                Poll::Ready(None)
            }
            polled => Poll::Ready(self.seen(ready!(polled))),
        }
    }

    /// Notices the end, which the last item tells. Another handle's subscription of the same key may have ended earlier.
    fn seen(&mut self, item: Option<Item>) -> Option<Item> {
        match &item {
            Some(Item::Event(Event::Subscription(change))) if change.state == SubscriptionState::Removed => {
                self.ended = !self.is_held();
            }
            Some(Item::Lost(lost)) => self.unsure |= lost.notices > 0,
            _ => {}
        }
        item
    }

    fn is_held(&self) -> bool {
        let id = self.request.id();
        self.stream.handle.shared.with(|state: &mut State| state.machine.holds(id))
    }
}

impl<R: Runtime> Stream for Subscription<R> {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.poll_item(cx)
    }
}

impl<R: Runtime> Drop for Subscription<R> {
    fn drop(&mut self) {
        self.stream.handle.shared.order(Command::Release(self.request.id()));
    }
}

/// A queue and what it is for: a [`Key`], as [`Client::queue`](super::Client::queue) gives it, or whatever the owner of a
/// stream names it by.
pub struct QueueAccessor<R: Runtime, K = Key> {
    stream: EventStream<R>,
    key: K,
}

impl<R: Runtime, K> QueueAccessor<R, K> {
    /// An accessor for any stream of events, under any name.
    pub fn new(stream: EventStream<R>, key: K) -> Self {
        Self { stream, key }
    }

    /// What it is for.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// What is there now, without waiting.
    pub fn try_recv(&mut self) -> Option<Item> {
        self.stream.try_next()
    }

    /// The next item; `None` once the client has ended. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Item> {
        self.stream.next().await
    }

    /// The next item, or `None` if none comes within `wait`. Cancel-safe.
    pub async fn recv_timeout(&mut self, wait: Duration) -> Option<Item> {
        self.stream.next_within(wait).await
    }

    /// Is nothing there now?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// Events there now. What was lost is not among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stream.len()
    }
}

impl<R: Runtime, K: Unpin> Stream for QueueAccessor<R, K> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.get_mut().stream.reader.poll_item(cx)
    }
}
