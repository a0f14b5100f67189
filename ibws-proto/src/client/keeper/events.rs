//! The states of the keeper as a stream for the application.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_core::Stream;

use super::mailbox::Mailbox;
use crate::keeper::KeeperEvent;

/// A stream of the states of the session keeper, the present one first. It ends when the client has
/// ended, and does not keep the client alive.
///
/// Up to 64 events wait for a consumer. If more come, the oldest are dropped and
/// [`lost`](Self::lost) counts them. The newest event always describes the present state.
///
/// ```
/// # use ibws_proto::client::Client;
/// # use ibws_proto::transport::Runtime;
/// # use std::error::Error;
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
/// let mut states = client.keeper_events().ok_or("the client has no keeper")?;
/// let started = client.start(); // runs from the call on
/// while let Some(event) = states.next().await {
///     println!("{}: {}", event.state.name(), event.why);
///     if let Some(advice) = &event.advice {
///         println!("{advice}"); // what a person can do
///     }
/// }
/// started.await?;
/// # Ok(())
/// # }
/// ```
pub struct KeeperEvents {
    mailbox: Arc<Mailbox>,
    consumer: u64,
}

impl fmt::Debug for KeeperEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeeperEvents").finish_non_exhaustive()
    }
}

impl KeeperEvents {
    pub(in crate::client) fn new(mailbox: &Arc<Mailbox>) -> Self {
        Self { mailbox: Arc::clone(mailbox), consumer: mailbox.attach() }
    }

    /// Waits for the next event; `None` once the client has ended.
    ///
    /// # Cancel safety
    /// Cancel-safe: no event is lost.
    pub async fn next(&mut self) -> Option<KeeperEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Returns the next event if there is one now.
    pub fn try_next(&mut self) -> Option<KeeperEvent> {
        match self.mailbox.poll_event(self.consumer, None) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Returns the number of events that were dropped because more than 64 waited.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.mailbox.lost(self.consumer)
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<KeeperEvent>> {
        self.mailbox.poll_event(self.consumer, Some(cx.waker()))
    }
}

impl Stream for KeeperEvents {
    type Item = KeeperEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<KeeperEvent>> {
        self.get_mut().poll_event(cx)
    }
}

impl Drop for KeeperEvents {
    fn drop(&mut self) {
        self.mailbox.detach(self.consumer);
    }
}
