//! What a consumer holds: the stream of a subscription, of a key, of everything.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;

use futures_core::Stream;
use std::collections::VecDeque;

use super::handle::{Handle, Request};
use super::runtime::Runtime;
use super::shared::{Seat, Taken};
use crate::{Command, Event, Failure, Item, Key, Standing, SubKey, SubStatus};

/// A queue of events, taken one by one. Ends when the client has ended.
///
/// It is bounded: a consumer that is too slow loses the oldest events and finds an [`Item::Lost`] in their place, with
/// the exact count.
pub struct EventStream<R: Runtime> {
    handle: Handle<R>,
    seat: Seat,
    /// Items on their way out, so that a busy consumer and the driver do not meet at the lock for each of them.
    taken: VecDeque<Item>,
    most: usize,
}

/// Items moved over at once.
const BATCH: usize = 64;

impl<R: Runtime> EventStream<R> {
    pub(super) fn new(handle: Handle<R>, seat: Seat) -> Self {
        Self { handle, seat, taken: VecDeque::new(), most: BATCH }
    }

    /// A stream that shares its inbox with others and so takes one item at a time.
    pub(super) fn shared(handle: Handle<R>, seat: Seat) -> Self {
        Self { handle, seat, taken: VecDeque::new(), most: 1 }
    }

    /// The next item; `None` once the client has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_take(cx)).await
    }

    /// What is there now, without waiting.
    pub fn try_next(&mut self) -> Option<Item> {
        self.take(None);
        self.taken.pop_front()
    }

    /// The next item, or `None` if none comes within `wait`. Cancel-safe.
    pub async fn next_within(&mut self, wait: Duration) -> Option<Item> {
        let runtime = &self.handle.shared.runtime;
        let until = runtime.now() + wait;
        let mut sleep = std::boxed::Box::pin(runtime.sleep_until(until));
        poll_fn(|cx| {
            if let Poll::Ready(item) = self.poll_take(cx) {
                return Poll::Ready(item);
            }
            sleep.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// Items there now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.taken.len() + self.handle.shared.with(|state| state.inbox(self.seat).map_or(0, crate::Queue::len))
    }

    /// Is nothing there now?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
            && self.handle.shared.with(|state| state.inbox(self.seat).is_none_or(crate::Queue::is_empty))
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.take(Some(cx.waker())) {
            Taken::Nothing => Poll::Pending,
            Taken::Some | Taken::End => Poll::Ready(self.taken.pop_front()),
        }
    }

    fn take(&mut self, waker: Option<&Waker>) -> Taken {
        if !self.taken.is_empty() {
            return Taken::Some;
        }
        let (seat, most, taken) = (self.seat, self.most, &mut self.taken);
        self.handle.shared.with(|state| state.take(seat, most, taken, waker))
    }
}

impl<R: Runtime> Stream for EventStream<R> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.get_mut().poll_take(cx)
    }
}

impl<R: Runtime> Drop for EventStream<R> {
    fn drop(&mut self) {
        // What is still in it may be much, and is dropped without the lock.
        drop(self.handle.shared.with(|state| state.close_inbox(self.seat)));
    }
}

/// One holder of a subscription, and the stream of its events: frames, changes of its state, gaps.
///
/// It ends once the subscription is gone: unsubscribed by whoever, or shut down. Dropped, it lets go of the subscription; the last holder of a key unsubscribes it.
pub struct Subscription<R: Runtime> {
    stream: EventStream<R>,
    key: SubKey,
    request: Request<R>,
    outcome: Option<Result<Standing, Failure>>,
    /// It is gone, by an unsubscription or a shutdown: nothing will come.
    ended: bool,
}

impl<R: Runtime> Subscription<R> {
    pub(super) fn new(stream: EventStream<R>, key: SubKey, request: Request<R>) -> Self {
        Self { stream, key, request, outcome: None, ended: false }
    }

    /// Channel and target.
    #[must_use]
    pub fn key(&self) -> &SubKey {
        &self.key
    }

    /// How the subscribing went; waits until that is known. Cancel-safe.
    ///
    /// # Errors
    /// Those of [`Client::subscribe`](super::Client::subscribe), and [`Failure::ConnectionLost`]: it stays wanted.
    pub async fn outcome(&mut self) -> Result<Standing, Failure> {
        if self.outcome.is_none() {
            self.outcome = Some(self.request.standing().await);
        }
        self.outcome.clone().unwrap_or(Ok(Standing::Pending))
    }

    /// How it stood when its request was answered; pending before that, and if the connection was lost meanwhile.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.outcome {
            Some(Ok(standing)) => standing,
            _ => Standing::Pending,
        }
    }

    /// The next item; `None` once the subscription is gone or the client has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        let item = self.stream.next().await;
        self.seen(item)
    }

    /// What is there now, without waiting.
    pub fn try_next(&mut self) -> Option<Item> {
        let item = self.stream.try_next();
        self.seen(item)
    }

    /// The next item, or `None` if none comes within `wait`. Cancel-safe.
    pub async fn next_within(&mut self, wait: Duration) -> Option<Item> {
        if self.ended {
            return None;
        }
        let item = self.stream.next_within(wait).await;
        self.seen(item)
    }

    /// Notices the end, which the last item tells. Another handle's subscription of the same key may have ended earlier.
    fn seen(&mut self, item: Option<Item>) -> Option<Item> {
        if let Some(Item::Event(Event::Subscription(change))) = &item
            && change.status == SubStatus::Gone
        {
            let id = self.request.id();
            self.ended = !self.stream.handle.shared.with(|state| state.machine.holds(id));
        }
        item
    }
}

impl<R: Runtime> Stream for Subscription<R> {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = ready!(self.stream.poll_take(cx));
        Poll::Ready(self.seen(item))
    }
}

impl<R: Runtime> Drop for Subscription<R> {
    fn drop(&mut self) {
        self.stream.handle.shared.order(Command::Release(self.request.id()));
    }
}

/// The queue of one key; all accessors of a key share it.
pub struct QueueAccessor<R: Runtime> {
    stream: EventStream<R>,
    key: Key,
}

impl<R: Runtime> QueueAccessor<R> {
    pub(super) fn new(stream: EventStream<R>, key: Key) -> Self {
        Self { stream, key }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
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

    /// Items there now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stream.len()
    }
}

impl<R: Runtime> Stream for QueueAccessor<R> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.get_mut().stream.poll_take(cx)
    }
}
