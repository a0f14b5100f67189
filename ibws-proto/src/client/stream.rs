//! A stream of events from a queue of its own.

use core::fmt;
use core::future::poll_fn;
use core::iter;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use futures_core::Stream;

use super::consumers::ConsumerId;
use super::handle::Handle;
use super::reader::{Reader, within};
use super::shared::Shared;
use crate::transport::Runtime;
use crate::{
    Item,
    queue::{EventFilter, Peeked, QueueOptions},
};

/// A stream of events from a bounded queue. It ends when the client has ended.
///
/// While the queue is half full, the client reads no further for a moment, so that a burst is not
/// merged for a consumer that is ready and only waits for its turn: for at most 5 ms at once and a
/// quarter of the time, and only if the queue was empty since it was waited for in vain. Beyond
/// that it delays neither the client nor another consumer. For a consumer that is too slow, it
/// merges market data and ladders, folds orders and executions, and drops other messages, or does
/// what else [`Overflow`](crate::queue::Overflow) offers. Whatever is not delivered as it came is
/// counted exactly, in [`Message::merged`](crate::Message::merged) and [`Item::Lost`].
/// [`Queue`](crate::queue::Queue) describes the rules.
///
/// Items are taken from the queue in batches: up to 64 events, or 64 KiB and one event, are held
/// outside the queue and its limits.
///
/// ```
/// # use ibws_proto::client::Client;
/// # use ibws_proto::transport::Runtime;
/// use core::time::Duration;
/// use ibws_proto::{Event, Item};
///
/// # use std::error::Error;
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
/// let mut events = client.events();
/// client.start().await?;
/// // All events of the next 10 s of silence at most.
/// while let Some(item) = events.next_within(Duration::from_secs(10)).await {
///     if let Item::Event(Event::State(change)) = item {
///         println!("{:?} {}", client.system_time(change.at), change.state.name());
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct EventStream<R: Runtime> {
    reader: Reader<R>,
    handle: Handle<R>,
}

impl<R: Runtime> fmt::Debug for EventStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

impl<R: Runtime> EventStream<R> {
    /// Waits for the next item; `None` once the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Waits for the next item, and returns it with those that can be taken at once: up to 64
    /// events, or 64 KiB and one event; `None` once the client has ended. What is not taken out of
    /// the iterator stays in the stream.
    ///
    /// A loop over batches waits once for each of them, which costs less than a wait for each item.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next_batch(&mut self) -> Option<impl Iterator<Item = Item>> {
        let has_items = poll_fn(|cx| self.poll_ready(cx)).await;
        has_items.then(|| iter::from_fn(|| self.take_ready()))
    }

    /// Returns the next item if there is one now.
    pub fn try_next(&mut self) -> Option<Item> {
        self.reader.try_item()
    }

    /// Waits for the next item, at most `wait` on the clock of the client's runtime; `None` if none
    /// came, or once the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn next_within(&mut self, wait: Duration) -> Option<Item> {
        within(self.shared().clone(), wait, |cx| self.reader.poll_item(cx)).await
    }

    /// Returns the number of events that can be taken now. Loss reports are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reader.len()
    }

    /// Returns `true` if no item can be taken now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    pub(super) fn new(handle: Handle<R>, filter: EventFilter, options: QueueOptions) -> Self {
        Self { reader: Reader::new(&handle.shared, filter, options), handle }
    }

    pub(super) fn from_consumer(handle: Handle<R>, consumer: ConsumerId) -> Self {
        Self { reader: Reader::from_consumer(&handle.shared, consumer), handle }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<R>> {
        &self.handle.shared
    }

    pub(super) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.reader.poll_item(cx)
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.reader.poll_ready(cx)
    }

    pub(super) fn holds_items(&self) -> bool {
        self.reader.holds_items()
    }

    pub(super) fn fill_now(&mut self) {
        self.reader.fill_now();
    }

    pub(super) fn peek_ready(&self) -> Peeked<'_> {
        self.reader.peek_ready()
    }

    pub(super) fn take_ready(&mut self) -> Option<Item> {
        self.reader.take_ready()
    }
}

impl<R: Runtime> Stream for EventStream<R> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.get_mut().poll_item(cx)
    }
}
