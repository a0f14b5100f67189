//! The newest value of a subscription, held without a queue.

use core::fmt;
use core::future::poll_fn;
use core::task::Poll;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::vec::Vec;

use super::client::Client;
use super::handle::Handle;
use super::shared::Deferred;
use super::subscription::{Subscription, SubscriptionGuard};
use crate::fold::LatestValue;
use crate::transport::Runtime;
use crate::{Event, SubscriptionKey};

/// The newest value of a subscription: its quote, or its newest message, with its state and its
/// gaps. It queues nothing, and holds one value however fast the stream is.
///
/// [`Client::latest`] creates it beside the handles of the subscription, and does not keep the
/// subscription. [`Subscription::into_latest`] creates it in the place of a handle: it keeps the
/// subscription until it is dropped.
///
/// ```
/// # use ibws_proto::{client::Client, subscribe::MarketData, transport::Runtime, Field};
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
/// let apple = MarketData::new(265598).fields([Field::LAST]);
/// let mut apple = client.subscribe(apple).await?.into_latest();
/// while apple.changed().await {
///     let now = apple.get();
///     let last = now.quote.as_ref().and_then(|quote| quote.get(Field::LAST));
///     println!("{:?}, current: {}", last.map(|last| last.text()), now.is_current());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it ends its value, and unsubscribes if it was the last handle of the key"]
pub struct Latest<R: Runtime> {
    // Dropped before the handle: the subscription is released first.
    guard: Option<SubscriptionGuard<R>>,
    handle: Handle<R>,
    key: SubscriptionKey,
    number: u64,
    /// The version of the value that `changed` returned last.
    seen: u64,
}

impl<R: Runtime> fmt::Debug for Latest<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").finish_non_exhaustive()
    }
}

impl<R: Runtime> Latest<R> {
    /// Returns the channel and the target.
    #[must_use]
    pub fn key(&self) -> &SubscriptionKey {
        &self.key
    }

    /// Returns the present value, at the cost of a reference count. It does not change any more.
    #[must_use]
    pub fn get(&self) -> Arc<LatestValue> {
        let value = self.handle.shared.with(|state| state.consumers.latest.get(&self.key));
        value.unwrap_or_else(|| Arc::new(LatestValue::new(self.key.clone())))
    }

    /// Waits until the value differs from what it was when this method last returned, or when this
    /// handle was created: a message came, or the state, a gap or a silence changed. Returns
    /// `false` once the client has ended.
    ///
    /// Changes that come between two calls are one change.
    ///
    /// # Cancel safety
    /// Cancel-safe: a change is returned by a later call.
    pub async fn changed(&mut self) -> bool {
        poll_fn(|cx| {
            let (key, number, seen) = (&self.key, self.number, self.seen);
            let version = self.handle.shared.with(|state| state.poll_latest(key, number, seen, cx.waker()));
            match version {
                Poll::Ready(Some(version)) => {
                    self.seen = version;
                    Poll::Ready(true)
                }
                Poll::Ready(None) => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    fn new(handle: Handle<R>, key: SubscriptionKey, guard: Option<SubscriptionGuard<R>>) -> Self {
        let (number, seen) = handle.shared.with(|state| {
            let known = || state.machine.subscriptions().into_iter().find(|info| info.key == key);
            state.consumers.latest.attach(&key, || {
                let mut value = LatestValue::new(key.clone());
                if let Some(info) = known() {
                    (value.state, value.gap_since, value.stale_since) = (info.state, info.gap_since, info.stale_since);
                }
                value
            })
        });
        Self { guard, handle, key, number, seen }
    }
}

impl<R: Runtime> Drop for Latest<R> {
    fn drop(&mut self) {
        drop(self.guard.take());
        // The value may hold much, so it is dropped once the lock is released.
        drop(self.handle.shared.with(|state| {
            let state = &mut *state;
            state.consumers.latest.detach(&self.key, self.number, &mut state.deferred)
        }));
    }
}

impl<R: Runtime> Client<R> {
    /// Returns the newest value of a subscription, from now on. It does not subscribe, and does not
    /// keep the subscription: for that, see [`Subscription::into_latest`]. All values of one key
    /// share their memory: one quote, or one message of at most
    /// [`Limits::max_message_size`](crate::transport::Limits::max_message_size).
    pub fn latest(&self, key: &SubscriptionKey) -> Latest<R> {
        Latest::new(self.handle.clone(), key.clone(), None)
    }
}

impl<R: Runtime> Subscription<R> {
    /// Closes the stream, discards what is queued, and returns the newest value from now on, which
    /// keeps the subscription.
    ///
    /// What came before is not part of it: create it before the outcome is awaited
    /// ([`Client::subscribe_nowait`]) to have the first message.
    #[must_use = "dropping it unsubscribes, unless another handle holds the key"]
    pub fn into_latest(self) -> Latest<R> {
        let guard = self.into_guard();
        Latest::new(guard.handle().clone(), guard.key().clone(), Some(guard))
    }
}

/// The newest values that handles hold, by subscription.
#[derive(Default)]
pub(super) struct LatestValues {
    values: BTreeMap<SubscriptionKey, Held>,
    /// The number of the handle that was attached last.
    last: u64,
}

/// A value, and the handles that hold it.
pub(super) struct Held {
    value: Arc<LatestValue>,
    version: u64,
    handles: usize,
    /// The handles that wait for a change, by their numbers.
    waiting: Vec<(u64, Waker)>,
}

impl LatestValues {
    /// Takes in an event, and has those woken that wait for a change.
    #[inline]
    pub(super) fn note(&mut self, event: &Event, deferred: &mut Deferred) {
        if !self.values.is_empty() {
            self.take_in(event, deferred);
        }
    }

    fn take_in(&mut self, event: &Event, deferred: &mut Deferred) {
        let Some(held) = crate::queue::subscription_of(event).and_then(|key| self.values.get_mut(key)) else { return };
        if held.value.concerns(event) {
            // A value that the application still holds is copied, not changed.
            Arc::make_mut(&mut held.value).apply(event);
            held.version += 1;
            deferred.wakers.extend(held.waiting.drain(..).map(|(_, waker)| waker));
        }
    }

    fn attach(&mut self, key: &SubscriptionKey, begin: impl FnOnce() -> LatestValue) -> (u64, u64) {
        self.last += 1;
        let held = self.values.entry(key.clone()).or_insert_with(|| Held {
            value: Arc::new(begin()),
            version: 0,
            handles: 0,
            waiting: Vec::new(),
        });
        held.handles += 1;
        (self.last, held.version)
    }

    /// Detaches a handle. Returns the value if it was the last one, to be dropped once the lock is
    /// released.
    fn detach(&mut self, key: &SubscriptionKey, number: u64, deferred: &mut Deferred) -> Option<Held> {
        let held = self.values.get_mut(key)?;
        held.handles -= 1;
        let own = held.waiting.iter().position(|(waiting, _)| *waiting == number);
        deferred.dropped_wakers.extend(own.map(|at| held.waiting.swap_remove(at).1));
        if held.handles == 0 { self.values.remove(key) } else { None }
    }

    fn get(&self, key: &SubscriptionKey) -> Option<Arc<LatestValue>> {
        self.values.get(key).map(|held| held.value.clone())
    }

    /// Returns the version of the value once it is not `seen`; `None` once there will be no other.
    pub(super) fn poll_changed(
        &mut self,
        key: &SubscriptionKey,
        number: u64,
        seen: u64,
        waker: &Waker,
        finished: bool,
        deferred: &mut Deferred,
    ) -> Poll<Option<u64>> {
        let Some(held) = self.values.get_mut(key) else { return Poll::Ready(None) };
        if held.version != seen {
            return Poll::Ready(Some(held.version));
        }
        if finished {
            return Poll::Ready(None);
        }
        match held.waiting.iter_mut().find(|(waiting, _)| *waiting == number) {
            Some((_, known)) if known.will_wake(waker) => {}
            Some((_, known)) => deferred.dropped_wakers.push(core::mem::replace(known, waker.clone())),
            None => held.waiting.push((number, waker.clone())),
        }
        Poll::Pending
    }

    /// Wakes every handle that waits.
    pub(super) fn wake_all(&mut self, deferred: &mut Deferred) {
        for held in self.values.values_mut() {
            deferred.wakers.extend(held.waiting.drain(..).map(|(_, waker)| waker));
        }
    }
}
