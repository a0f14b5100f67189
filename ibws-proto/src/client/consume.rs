//! How an application reads the events of a client: streams and queues, and the limits of them.

use super::client::Client;
use super::queue::QueueAccessor;
use super::stream::EventStream;
use crate::Key;
use crate::queue::{EventFilter, QueueOptions};
use crate::transport::Runtime;

impl<R: Runtime> Client<R> {
    /// Returns a stream of all events from now on, with the limits of
    /// [`Builder::queue_limits`](super::Builder::queue_limits).
    #[must_use]
    pub fn events(&self) -> EventStream<R> {
        self.events_within(self.queues.options)
    }

    /// Returns a stream of all events from now on, with limits of its own, or with an
    /// [`Overflow`](crate::queue::Overflow) of its own.
    #[must_use]
    pub fn events_within(&self, options: impl Into<QueueOptions>) -> EventStream<R> {
        EventStream::new(self.handle.clone(), EventFilter::All, options.into())
    }

    /// Returns a handle of this client that opens every queue with these limits, and with what they
    /// do at them: streams of subscriptions and groups, queues of keys, streams of events, sinks.
    /// Other handles open theirs as before.
    ///
    /// The accessors of one key share the queue that the first of them opened.
    ///
    /// ```
    /// # use ibws_proto::{client::Client, queue::Overflow, transport::Runtime};
    /// # use std::error::Error;
    /// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
    /// // Whenever it is read, this stream has one message: the newest of each field.
    /// let mut quotes = client.with_queues(Overflow::KeepNewest).subscribe("md+265598").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_queues(&self, options: impl Into<QueueOptions>) -> Self {
        let mut client = self.clone();
        client.queues.set(options.into());
        client
    }

    /// Returns an accessor of the queue of one key: its messages from now on, and the gaps of its
    /// subscriptions.
    ///
    /// The accessors of one key share its queue: each item goes to one of them. Nothing is queued
    /// for a key, unsolicited keys included, while it has no accessor. The first accessor opens the
    /// queue with the limits of
    /// [`Builder::queue_limits_by_key`](super::Builder::queue_limits_by_key).
    #[must_use]
    pub fn queue(&self, key: Key) -> QueueAccessor<R> {
        QueueAccessor::new(EventStream::new(self.handle.clone(), EventFilter::Key(key), self.queues.of_key(key)), key)
    }
}
