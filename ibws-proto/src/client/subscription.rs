//! The handle of a subscription, which is the stream of its events as well.

use core::fmt;
use core::future::poll_fn;
use core::iter;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::Stream;

use super::handle::{Handle, Request};
use super::reader::within;
use super::stream::EventStream;
use crate::queue::Peeked;
use crate::transport::Runtime;
use crate::{Command, CommandError, Event, Item, RequestId, SubscribeOutcome, SubscriptionKey, SubscriptionState};

/// A handle of a subscription, and the stream of its events: its messages, the changes of its
/// state, its gaps.
///
/// The stream ends once the subscription is removed, by an unsubscribe through any handle or by a
/// shutdown, and the last item was taken. Dropping the handle detaches it from the subscription;
/// dropping the last handle of a key unsubscribes. Its queue is bounded as that of every
/// [`EventStream`]. An application that reads the events elsewhere needs no queue here:
/// [`into_guard`](Self::into_guard) removes it, and [`into_latest`](Self::into_latest) keeps the
/// newest value in its place.
///
/// ```
/// # use ibws_proto::client::Client;
/// # use ibws_proto::transport::Runtime;
/// use ibws_proto::{Body, Event, Field, Item};
///
/// # use std::error::Error;
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
/// let mut quotes = client.subscribe(r#"md+265598+{"fields":["31"]}"#).await?;
/// while let Some(item) = quotes.next().await {
///     match item {
///         Item::Event(Event::Message(message)) => {
///             if let Body::MarketData(quote) = message.frame.body() {
///                 println!("{:?}", quote.get(Field::LAST));
///             }
///         }
///         Item::Event(Event::Gap(gap)) => println!("a gap since {}: {}", gap.since, gap.cause),
///         Item::Event(Event::Resumed(_)) => println!("the gap has ended"),
///         Item::Lost(lost) => println!("too slow for {} messages", lost.messages),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it unsubscribes, unless another handle holds the key"]
pub struct Subscription<R: Runtime> {
    // Dropped before the stream: the subscription is released first.
    guard: SubscriptionGuard<R>,
    stream: EventStream<R>,
    /// Set once notices were dropped from the queue: the removal may have been among them.
    lost_notices: bool,
    /// Set once the subscription is removed and its last item was taken.
    ended: bool,
}

/// A handle of a subscription without a stream. It queues nothing.
///
/// It keeps the subscription as a [`Subscription`] does: dropping the last handle of a key
/// unsubscribes. [`Subscription::into_guard`] creates it.
///
/// ```
/// # use ibws_proto::client::Client;
/// # use ibws_proto::transport::Runtime;
/// use ibws_proto::Key;
///
/// # use std::error::Error;
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
/// // The queue of the key holds the messages of all subscriptions to market data.
/// let mut quotes = client.queue(Key::MarketData);
/// let apple = client.subscribe("md+265598").await?.into_guard();
/// let ibm = client.subscribe("md+8314").await?.into_guard();
/// println!("{:?}", quotes.recv().await);
/// drop(apple); // unsubscribes
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it unsubscribes, unless another handle holds the key"]
pub struct SubscriptionGuard<R: Runtime> {
    key: SubscriptionKey,
    request: Request<R>,
    outcome: Option<Result<SubscribeOutcome, CommandError>>,
}

/// Writes the key, with an account masked.
impl<R: Runtime> fmt::Debug for Subscription<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("key", &self.guard.key).finish_non_exhaustive()
    }
}

/// Writes the key, with an account masked.
impl<R: Runtime> fmt::Debug for SubscriptionGuard<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionGuard").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<R: Runtime> SubscriptionGuard<R> {
    /// Returns the channel and the target.
    #[must_use]
    pub fn key(&self) -> &SubscriptionKey {
        &self.key
    }

    /// Waits for the reply to the subscribe request and returns its outcome, as
    /// [`Subscription::outcome`] does.
    ///
    /// # Errors
    /// Those of [`Subscription::outcome`].
    ///
    /// # Cancel safety
    /// Cancel-safe: a later call still returns the outcome.
    pub async fn outcome(&mut self) -> Result<SubscribeOutcome, CommandError> {
        if self.outcome.is_none() {
            self.outcome = Some(self.request.outcome().await);
        }
        self.outcome.clone().unwrap_or(Ok(SubscribeOutcome::Pending))
    }

    pub(super) fn new(key: SubscriptionKey, request: Request<R>) -> Self {
        Self { key, request, outcome: None }
    }

    pub(super) fn id(&self) -> RequestId {
        self.request.id()
    }

    pub(super) fn handle(&self) -> &Handle<R> {
        self.request.handle()
    }

    /// Returns the outcome that an earlier [`outcome`](Self::outcome) received, without waiting, as
    /// [`Subscription::known_outcome`] does.
    #[must_use]
    pub fn known_outcome(&self) -> SubscribeOutcome {
        match self.outcome {
            Some(Ok(outcome)) => outcome,
            _ => SubscribeOutcome::Pending,
        }
    }
}

impl<R: Runtime> Drop for SubscriptionGuard<R> {
    fn drop(&mut self) {
        self.request.shared().order(Command::Release(self.request.id()));
    }
}

impl<R: Runtime> Subscription<R> {
    /// Returns the channel and the target.
    #[must_use]
    pub fn key(&self) -> &SubscriptionKey {
        self.guard.key()
    }

    /// Closes the stream, discards what is queued, and keeps the subscription.
    #[must_use = "dropping the guard unsubscribes, unless another handle holds the key"]
    pub fn into_guard(self) -> SubscriptionGuard<R> {
        self.guard
    }

    /// Waits for the reply to the subscribe request and returns its outcome. Later calls return the
    /// same outcome at once.
    ///
    /// # Errors
    /// Those of [`Client::subscribe`](super::Client::subscribe), and
    /// [`CommandError::ConnectionLost`] if the connection was lost before the reply. After a lost
    /// connection, [`CommandError::Refused`] and [`CommandError::Unconfirmed`] the client keeps the
    /// subscription and retries until the handle is dropped.
    ///
    /// # Cancel safety
    /// Cancel-safe: a later call still returns the outcome.
    pub async fn outcome(&mut self) -> Result<SubscribeOutcome, CommandError> {
        self.guard.outcome().await
    }

    /// Returns the outcome that an earlier [`outcome`](Self::outcome) received, without waiting.
    ///
    /// Returns [`SubscribeOutcome::Pending`] if `outcome` has not completed, or has returned an
    /// error. [`Client::subscribe`](super::Client::subscribe) awaits the outcome itself; after
    /// [`Client::subscribe_nowait`](super::Client::subscribe_nowait) this is pending until
    /// `outcome` is awaited, even if the reply has arrived. It is the outcome at the time of the
    /// reply: the events of the stream, and
    /// [`Client::subscriptions`](super::Client::subscriptions), report the state since then.
    #[must_use]
    pub fn known_outcome(&self) -> SubscribeOutcome {
        self.guard.known_outcome()
    }

    /// Waits for the next item; `None` once the subscription is removed or the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Waits for the next item, and returns it with those that can be taken at once, as
    /// [`EventStream::next_batch`] does; `None` as with [`next`](Self::next). What is not taken out
    /// of the iterator stays in the stream.
    ///
    /// ```
    /// # use ibws_proto::client::Client;
    /// # use ibws_proto::transport::Runtime;
    /// # use ibws_proto::Item;
    /// # use std::error::Error;
    /// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
    /// let mut quotes = client.subscribe("md+265598").await?;
    /// while let Some(batch) = quotes.next_batch().await {
    ///     for item in batch {
    ///         println!("{item:?}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next_batch(&mut self) -> Option<impl Iterator<Item = Item>> {
        let has_items = poll_fn(|cx| self.poll_ready(cx)).await;
        has_items.then(|| iter::from_fn(|| self.take_ready()))
    }

    /// Returns the next item if there is one now.
    pub fn try_next(&mut self) -> Option<Item> {
        if !self.ended {
            self.stream.fill_now();
        }
        self.take_ready()
    }

    /// Waits for the next item, at most `wait` on the clock of the client's runtime; `None` if none
    /// came, or as with [`next`](Self::next).
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next_within(&mut self, wait: Duration) -> Option<Item> {
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

    pub(super) fn new(stream: EventStream<R>, key: SubscriptionKey, request: Request<R>) -> Self {
        Self { guard: SubscriptionGuard::new(key, request), stream, lost_notices: false, ended: false }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            // Nothing else is done with the item, so it is moved to the caller and nowhere else.
            Poll::Ready(_) => Poll::Ready(self.take_ready()),
        }
    }

    /// Waits until an item can be taken, which is `true`, or there will be none.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.ended {
            return Poll::Ready(false);
        }
        let ready = self.stream.poll_ready(cx);
        if ready.is_pending() && !self.stream.holds_items() {
            self.ended = self.lost_notices && !self.is_kept();
            return if self.ended { Poll::Ready(false) } else { Poll::Pending };
        }
        ready
    }

    /// Takes the item that can be taken, unless the stream has ended before it.
    #[inline]
    fn take_ready(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        self.inspect_next();
        self.stream.take_ready()
    }

    /// Recognises the end, which the last item reports, before that item is taken. The removal of
    /// an earlier subscription of the same key, by another handle, is not the end of this one.
    #[inline]
    fn inspect_next(&mut self) {
        match self.stream.peek_ready() {
            Peeked::Event(Event::Subscription(change)) if change.state == SubscriptionState::Removed => {
                self.ended = !self.is_kept();
            }
            Peeked::Lost(report, _) => self.lost_notices |= report.notices > 0,
            Peeked::Event(_) | Peeked::Folded(_) | Peeked::Nothing => {}
        }
    }

    /// Returns `true` while the machine keeps the subscription for this handle.
    fn is_kept(&self) -> bool {
        let id = self.guard.request.id();
        self.stream.shared().with(|state| state.machine.holds(id))
    }
}

impl<R: Runtime> Stream for Subscription<R> {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.poll_item(cx)
    }
}

/// A handle that is dropped where it was created ends what was requested, so the compiler warns.
/// The last program differs from the others only in that it holds the handles.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use ibws_proto::{CommandError, client::Client, transport::Runtime};
/// async fn hold<R: Runtime>(client: &Client<R>) -> Result<(), CommandError> {
///     client.subscribe("pl").await?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use ibws_proto::{client::Client, subscribe::InvalidSubscribe, transport::Runtime};
/// fn hold<R: Runtime>(client: &Client<R>) -> Result<(), InvalidSubscribe> {
///     client.subscribe_all(["pl"])?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use ibws_proto::{client::{Client, Latest, SubscriptionGuard}, transport::Runtime};
/// fn guard<R: Runtime>(guard: fn() -> SubscriptionGuard<R>) {
///     guard();
/// }
/// ```
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use ibws_proto::{client::{Client, Latest, SubscriptionGuard}, transport::Runtime};
/// fn latest<R: Runtime>(latest: fn() -> Latest<R>) {
///     latest();
/// }
/// ```
///
/// ```
/// #![deny(unused_must_use)]
/// # use ibws_proto::{CommandError, client::Client, subscribe::InvalidSubscribe};
/// # use ibws_proto::{client::{Latest, SubscriptionGuard}, transport::Runtime};
/// async fn hold<R: Runtime>(client: &Client<R>) -> Result<(), CommandError> {
///     let _pnl = client.subscribe("pl").await?;
///     Ok(())
/// }
/// fn hold_all<R: Runtime>(client: &Client<R>) -> Result<(), InvalidSubscribe> {
///     let _all = client.subscribe_all(["pl"])?;
///     Ok(())
/// }
/// fn guard<R: Runtime>(guard: fn() -> SubscriptionGuard<R>) {
///     let _guard = guard();
/// }
/// fn latest<R: Runtime>(latest: fn() -> Latest<R>) {
///     let _latest = latest();
/// }
/// ```
#[cfg(doctest)]
struct Unused;
