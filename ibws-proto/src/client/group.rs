//! Many subscriptions whose events are one stream.

use core::fmt;
use core::future::poll_fn;
use core::iter;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::vec::Vec;

use futures_core::Stream;

use super::client::Client;
use super::handle::Request;
use super::reader::within;
use super::stream::EventStream;
use super::subscription::SubscriptionGuard;
use crate::queue::{EventFilter, Peeked};
use crate::subscribe::InvalidSubscribe;
use crate::transport::Runtime;
use crate::{Command, CommandError, Event, Item, Subscribe, SubscribeOutcome, SubscriptionKey, SubscriptionState};

/// Many subscriptions, and one stream of their events: each item with the subscription that it is
/// about. [`Client::subscribe_all`] creates it.
///
/// The items of all of them come in the order in which the gateway sent them, from one bounded
/// queue. A report of a loss counts for one subscription, too. The stream ends once all
/// subscriptions are removed and the last item was taken, or the client has ended. Dropping the
/// group drops its handle of each subscription; dropping the last handle of a key unsubscribes.
///
/// ```
/// # use ibws_proto::{client::Client, subscribe::MarketData, transport::Runtime, Field};
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
/// let quotes = [265598, 8314, 756733].map(|conid| MarketData::new(conid).fields([Field::LAST]));
/// let mut quotes = client.subscribe_all(quotes)?;
/// if let Err(error) = quotes.confirmed().await {
///     println!("{error}"); // the others go on
/// }
/// while let Some((key, item)) = quotes.next().await {
///     println!("{key:?}: {item:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it unsubscribes what no other handle holds"]
pub struct SubscriptionGroup<R: Runtime> {
    // Dropped before the stream: the subscriptions are released first.
    guards: Vec<SubscriptionGuard<R>>,
    stream: EventStream<R>,
    /// Set if a subscription may have been removed since that was last looked at.
    may_have_ended: bool,
}

/// Writes the keys, with accounts masked.
impl<R: Runtime> fmt::Debug for SubscriptionGroup<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionGroup").field("guards", &self.guards).finish_non_exhaustive()
    }
}

/// Not all subscriptions of a group are confirmed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} of {of} subscriptions failed and {} are pending{}", failed.len(), pending.len(), first_of(failed))]
#[non_exhaustive]
pub struct NotConfirmed {
    /// The number of subscriptions of the group.
    pub of: usize,
    /// The subscriptions that failed, each with its error.
    pub failed: Vec<(SubscriptionKey, CommandError)>,
    /// The subscriptions for which the gateway was not ready. They are kept, and sent as soon as
    /// possible.
    pub pending: Vec<SubscriptionKey>,
}

fn first_of(failed: &[(SubscriptionKey, CommandError)]) -> std::string::String {
    failed.first().map_or_else(Default::default, |(_, error)| std::format!("; the first error: {error}"))
}

impl<R: Runtime> SubscriptionGroup<R> {
    /// Returns the subscriptions in the order in which they were requested.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &SubscriptionKey> {
        self.guards.iter().map(SubscriptionGuard::key)
    }

    /// Waits for the replies to all requests, and returns the outcome of each in the order in which
    /// they were requested. A later call returns the same at once.
    ///
    /// After a lost connection, [`CommandError::Refused`] and [`CommandError::Unconfirmed`] the
    /// client keeps the subscription and retries until the group is dropped; after
    /// [`CommandError::Budget`] and [`CommandError::Conflict`] it is not part of the stream.
    ///
    /// # Cancel safety
    /// Cancel-safe: a later call still returns every outcome.
    pub async fn outcomes(&mut self) -> Vec<(SubscriptionKey, Result<SubscribeOutcome, CommandError>)> {
        let mut outcomes = Vec::with_capacity(self.guards.len());
        for guard in &mut self.guards {
            outcomes.push((guard.key().clone(), guard.outcome().await));
        }
        outcomes
    }

    /// Waits until every subscription is confirmed, or sent on a channel that confirms nothing.
    ///
    /// # Errors
    /// [`NotConfirmed`] once all requests have their replies and one of them is an error, or
    /// [`SubscribeOutcome::Pending`]. The other subscriptions go on.
    ///
    /// # Cancel safety
    /// Cancel-safe: a later call returns the same.
    pub async fn confirmed(&mut self) -> Result<(), NotConfirmed> {
        let mut not = NotConfirmed { of: self.guards.len(), failed: Vec::new(), pending: Vec::new() };
        for (key, outcome) in self.outcomes().await {
            match outcome {
                Ok(SubscribeOutcome::Active | SubscribeOutcome::Quiet) => {}
                Ok(SubscribeOutcome::Pending) => not.pending.push(key),
                Err(error) => not.failed.push((key, error)),
            }
        }
        if not.failed.is_empty() && not.pending.is_empty() { Ok(()) } else { Err(not) }
    }

    /// Waits for the next item, and returns it with its subscription; `None` once all subscriptions
    /// are removed or the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next(&mut self) -> Option<(SubscriptionKey, Item)> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Waits for the next item, and returns it with those that can be taken at once, each with its
    /// subscription, as [`EventStream::next_batch`] does; `None` as with [`next`](Self::next). What
    /// is not taken out of the iterator stays in the stream.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next_batch(&mut self) -> Option<impl Iterator<Item = (SubscriptionKey, Item)>> {
        let has_items = poll_fn(|cx| self.poll_ready(cx)).await;
        has_items.then(|| iter::from_fn(|| self.take_ready()))
    }

    /// Returns the next item if there is one now.
    pub fn try_next(&mut self) -> Option<(SubscriptionKey, Item)> {
        self.stream.fill_now();
        self.take_ready()
    }

    /// Waits for the next item, at most `wait` on the clock of the client's runtime; `None` if none
    /// came, or as with [`next`](Self::next).
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next_within(&mut self, wait: Duration) -> Option<(SubscriptionKey, Item)> {
        within(self.stream.shared().clone(), wait, |cx| self.poll_item(cx)).await
    }

    /// Returns the number of events that can be taken now. Loss reports are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stream.len()
    }

    /// Returns `true` if no item can be taken now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// Closes the stream, discards what is queued, and keeps the subscriptions.
    #[must_use = "dropping a guard unsubscribes, unless another handle holds its key"]
    pub fn into_guards(self) -> Vec<SubscriptionGuard<R>> {
        self.guards
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<(SubscriptionKey, Item)>> {
        match self.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => Poll::Ready(self.take_ready()),
        }
    }

    /// Waits until an item can be taken, which is `true`, or there will be none.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let ready = self.stream.poll_ready(cx);
        if ready.is_pending() && !self.stream.holds_items() && self.has_ended() { Poll::Ready(false) } else { ready }
    }

    /// Takes the next item with its subscription. Notes what may have been the end of the stream.
    fn take_ready(&mut self) -> Option<(SubscriptionKey, Item)> {
        let next = self.stream.peek_ready();
        self.may_have_ended |= match next {
            Peeked::Event(Event::Subscription(change)) => change.state == SubscriptionState::Removed,
            Peeked::Lost(report, _) => report.notices > 0,
            Peeked::Event(_) | Peeked::Folded(_) | Peeked::Nothing => false,
        };
        // Every event of the queue is about one of its subscriptions.
        let key = next.subscription().cloned();
        let item = self.stream.take_ready()?;
        key.map(|key| (key, item))
    }

    /// Returns `true` once the machine keeps none of the subscriptions for this group.
    fn has_ended(&mut self) -> bool {
        if !core::mem::take(&mut self.may_have_ended) {
            return false;
        }
        let guards = &self.guards;
        let is_kept = self.stream.shared().with(|state| guards.iter().any(|guard| state.machine.holds(guard.id())));
        self.may_have_ended = !is_kept;
        !is_kept
    }
}

impl<R: Runtime> Stream for SubscriptionGroup<R> {
    type Item = (SubscriptionKey, Item);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<R: Runtime> Client<R> {
    /// Subscribes to everything that `subscribes` yields, without waiting, and returns one stream
    /// of all events. Each request is one that [`subscribe`](Self::subscribe) takes.
    ///
    /// [`SubscriptionGroup::confirmed`] waits for all of them, [`SubscriptionGroup::outcomes`]
    /// returns the outcome of each. The limits of the queue are those of
    /// [`Builder::queue_limits`](super::Builder::queue_limits), or of
    /// [`with_queues`](Self::with_queues).
    ///
    /// # Errors
    /// [`InvalidSubscribe`] for the first bad request; then nothing is sent. Every other error is
    /// the outcome of one subscription.
    pub fn subscribe_all<I>(&self, subscribes: I) -> Result<SubscriptionGroup<R>, InvalidSubscribe>
    where
        I: IntoIterator<Item: TryInto<Subscribe, Error: Into<InvalidSubscribe>>>,
    {
        let shared = &self.handle.shared;
        let mut requests = Vec::new();
        for subscribe in subscribes {
            let mut subscribe: Subscribe = subscribe.try_into().map_err(Into::into)?;
            subscribe.processor = subscribe.processor.map(|processor| shared.payloads.stand_in(processor));
            requests.push(subscribe);
        }
        let keys: Vec<_> = requests.iter().map(|subscribe| subscribe.key.clone()).collect();
        let (now, filter) = (shared.runtime.now(), EventFilter::Subscriptions(keys.clone()));
        let (consumer, ids) = shared.with(|state| {
            // The queue is opened first, so that it misses no event.
            let consumer = state.consumers.attach(filter, self.queues.options);
            let ids = requests.into_iter().map(|subscribe| state.submit(now, Command::Subscribe(subscribe)));
            (consumer, ids.collect::<Vec<_>>())
        });
        let requests = ids.into_iter().map(|id| Request::new(self.handle.clone(), id));
        let guards = keys.into_iter().zip(requests).map(|(key, request)| SubscriptionGuard::new(key, request));
        let stream = EventStream::from_consumer(self.handle.clone(), consumer);
        Ok(SubscriptionGroup { guards: guards.collect(), stream, may_have_ended: true })
    }
}
