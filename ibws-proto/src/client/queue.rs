//! A queue of events with the key that it is for.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::Stream;

use super::stream::EventStream;
use crate::transport::Runtime;
use crate::{Item, Key};

/// A stream of events together with a key: a [`Key`] if [`Client::queue`](super::Client::queue)
/// made it, or any name that the owner of a stream gives it.
///
/// Accessors that [`Client::queue`](super::Client::queue) made for one key share its queue: each
/// item goes to one of them.
///
/// ```
/// # use ibws_proto::client::Client;
/// # use ibws_proto::transport::Runtime;
/// use core::time::Duration;
/// use ibws_proto::{Key, client::QueueAccessor};
///
/// # use std::error::Error;
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
/// let mut bulletins = client.queue(Key::Bulletins);
/// let waiting = bulletins.try_recv(); // does not wait
/// let next = bulletins.recv_timeout(Duration::from_secs(5)).await;
/// println!("{}: {waiting:?}, {next:?}", bulletins.key());
///
/// // An accessor of any stream has any name.
/// let all = QueueAccessor::new(client.events(), "everything");
/// assert_eq!(*all.key(), "everything");
/// # Ok(())
/// # }
/// ```
pub struct QueueAccessor<R: Runtime, K = Key> {
    stream: EventStream<R>,
    key: K,
}

impl<R: Runtime, K: fmt::Debug> fmt::Debug for QueueAccessor<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueAccessor").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<R: Runtime, K> QueueAccessor<R, K> {
    /// Creates an accessor of any stream of events, under any name.
    pub fn new(stream: EventStream<R>, key: K) -> Self {
        Self { stream, key }
    }

    /// Returns the key, or the name that the accessor was created with.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns the next item if there is one now.
    pub fn try_recv(&mut self) -> Option<Item> {
        self.stream.try_next()
    }

    /// Waits for the next item; `None` once the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn recv(&mut self) -> Option<Item> {
        self.stream.next().await
    }

    /// Waits for the next item, at most `wait` on the clock of the client's runtime; `None` if none
    /// came, or once the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no item is lost.
    pub async fn recv_timeout(&mut self, wait: Duration) -> Option<Item> {
        self.stream.next_within(wait).await
    }

    /// Returns `true` if no item can be taken now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// Returns the number of events that can be taken now. Loss reports are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stream.len()
    }
}

impl<R: Runtime, K: Unpin> Stream for QueueAccessor<R, K> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.get_mut().stream.poll_item(cx)
    }
}
