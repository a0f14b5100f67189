//! The handle of a client: its requests as futures, its streams, and its present state.

use core::fmt;
use core::future::Future;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec::Vec;

use super::builder::QueueSettings;
use super::handle::{Handle, Request};
#[cfg(feature = "session")]
use super::keeper::KeeperMailbox;
use super::shared::{Shared, State};
use super::stream::EventStream;
use super::subscription::Subscription;
use crate::transport::Runtime;
use crate::{
    Command, CommandError, Key, Modify, Reply, Subscribe, SubscriptionKey, Unsubscribe, UnsubscribeOutcome,
    queue::EventFilter,
    status::{Health, MachineStatus, SubscriptionInfo},
    subscribe::InvalidSubscribe,
};

/// A client of the gateway's stream.
///
/// Clones are handles of the same client. Subscriptions, streams, queue accessors and pending
/// requests are handles too. When the last handle of any kind is dropped, the client closes the
/// connection and releases everything.
///
/// ```
/// # use ibws_proto::client::Client;
/// # use ibws_proto::transport::Runtime;
/// use ibws_proto::{Field, subscribe::MarketData};
///
/// # use std::error::Error;
/// # async fn example<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn Error>> {
/// client.start().await?;
/// let apple = MarketData::new(265598).fields([Field::LAST, Field::BID, Field::ASK]);
/// let mut apple = client.subscribe(apple).await?;
/// while let Some(item) = apple.next().await {
///     println!("{item:?}"); // quotes, states, gaps, and reports of losses
/// }
/// client.drain().await?; // unsubscribes, then closes
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// A method makes its request when it is called, not when its future is first polled. Dropping the
/// future discards the reply; the request stays in force. The one exception is
/// [`Client::subscribe`].
pub struct Client<R: Runtime> {
    pub(super) handle: Handle<R>,
    pub(super) queues: QueueSettings,
    #[cfg(feature = "session")]
    pub(super) keeper: Option<Arc<KeeperMailbox>>,
}

impl<R: Runtime> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            queues: self.queues.clone(),
            #[cfg(feature = "session")]
            keeper: self.keeper.clone(),
        }
    }
}

impl<R: Runtime> Client<R> {
    /// Connects, and reconnects from then on whenever the connection is lost.
    ///
    /// Completes when the gateway has greeted the client, or when the wait for the greeting
    /// ([`Config::ready_gate`](crate::Config::ready_gate), 5 s by default) ends on an open socket.
    /// A session that is not authenticated yet is a state, which [`Client::status`] returns, not an
    /// error. Completes at once if the client is connected.
    ///
    /// # Errors
    /// - [`CommandError::GaveUp`] after the last of
    ///   [`Config::max_connection_attempts`](crate::Config::max_connection_attempts) dials (10 by
    ///   default), and at the first certificate that is not trusted.
    /// - [`CommandError::AuthenticationRequired`] at HTTP 401 or 403. The client continues to dial,
    ///   once a minute at most.
    /// - [`CommandError::ConnectionLost`] if the connection is lost and no setting permits another
    ///   dial.
    /// - [`CommandError::Superseded`] by a later [`disconnect`](Self::disconnect) or
    ///   [`hard_reset`](Self::hard_reset), [`CommandError::ShutDown`] by a shutdown.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn start(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Start);
        async move { request.await.map(drop) }
    }

    /// Closes the connection and releases everything, subscriptions included. The client can be
    /// started again.
    ///
    /// Completes in bounded time: the gateway has 1 s to confirm the close, then the connection is
    /// abandoned. Idempotent.
    ///
    /// # Errors
    /// [`CommandError::ShutDown`] if the client's task has already ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn shutdown(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Shutdown { drain: false });
        async move { request.await.map(drop) }
    }

    /// As [`shutdown`](Self::shutdown), but unsubscribes everything first and waits for the
    /// confirmations, at most [`Config::drain_timeout`](crate::Config::drain_timeout) (2 s by
    /// default).
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn drain(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Shutdown { drain: true });
        async move { request.await.map(drop) }
    }

    /// Closes the connection and stays stopped until [`start`](Self::start) or a
    /// [`hard_reset`](Self::hard_reset) with `restart`. Subscriptions are kept and sent on the next
    /// connection.
    ///
    /// Completes when the connection is closed or, after
    /// [`Config::close_timeout`](crate::Config::close_timeout) (5 s by default), abandoned.
    ///
    /// # Errors
    /// [`CommandError::Superseded`] by a later command, [`CommandError::ShutDown`] by a shutdown.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn disconnect(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Disconnect);
        async move { request.await.map(drop) }
    }

    /// Closes the connection and clears what is bound to it; with `restart`, dials again at once.
    ///
    /// Without `restart`, the client dials again after the backoff if
    /// [`Config::restart_on_close`](crate::Config::restart_on_close) is set, as it is by default,
    /// and otherwise stays stopped. A connection that was never opened, or that is not closed
    /// within [`Config::close_timeout`](crate::Config::close_timeout) (5 s by default), is
    /// abandoned, and the client dials again whatever the settings. Completes when the old
    /// connection has ended.
    ///
    /// # Errors
    /// [`CommandError::Superseded`] by a later command, [`CommandError::ShutDown`] by a shutdown.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn hard_reset(&self, restart: bool) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::HardReset { restart });
        async move { request.await.map(drop) }
    }

    /// Returns `true` if the last pong is recent or the client is not connected; otherwise resets,
    /// reconnects and returns `false`.
    ///
    /// The limit is [`Config::max_pong_age`](crate::Config::max_pong_age), 300 s by default. The
    /// client checks it by itself as well. Completes at once.
    ///
    /// # Errors
    /// [`CommandError::ShutDown`] if the client's task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the verdict only; a reset takes place all the same.
    pub fn check_ping(&self) -> impl Future<Output = Result<bool, CommandError>> + Send + use<R> {
        let request = self.request(Command::CheckPing);
        async move { request.await.map(|reply| reply == Reply::Healthy(true)) }
    }

    /// Returns `true` if the last pong and the last received message are recent or the client is
    /// not connected; otherwise resets, reconnects and returns `false`.
    ///
    /// The limits are [`Config::max_pong_age`](crate::Config::max_pong_age), 300 s by default, and
    /// [`Config::silence_limit`](crate::Config::silence_limit), 25 s by default. The client checks
    /// them by itself as well. Completes at once. [`Client::health`] gives a verdict without a
    /// reset.
    ///
    /// # Errors
    /// [`CommandError::ShutDown`] if the client's task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the verdict only; a reset takes place all the same.
    pub fn check_health(&self) -> impl Future<Output = Result<bool, CommandError>> + Send + use<R> {
        let request = self.request(Command::CheckHealth);
        async move { request.await.map(|reply| reply == Reply::Healthy(true)) }
    }

    /// Subscribes, keeps the subscription across reconnects, and waits for the outcome.
    ///
    /// `subscribe` is a typed subscription ([`MarketData`](crate::subscribe::MarketData) and its
    /// siblings), a [`Subscribe`], a [`SubscriptionKey`], or a text of the wire without its first
    /// letter, `"md+265598"`. It is checked when the method is called.
    ///
    /// Completes when data has confirmed the subscription, when it was sent on a channel that
    /// confirms nothing, or when
    /// [`Config::subscription_retries`](crate::Config::subscription_retries) (5) times
    /// [`Config::subscription_timeout`](crate::Config::subscription_timeout) (2 s) have passed and
    /// the gateway is not ready for it. [`Subscription::known_outcome`] returns which it was. If
    /// the connection is lost meanwhile, the subscription is returned as pending and sent on the
    /// next connection.
    ///
    /// # Errors
    /// After an error the subscription is no longer kept. To keep it and let the client retry, use
    /// [`subscribe_nowait`](Self::subscribe_nowait).
    /// - [`CommandError::Invalid`] if an argument is one that the gateway would ignore silently, or
    ///   the text is not a subscription; nothing is sent.
    /// - [`CommandError::Conflict`] if the key is subscribed to with other arguments,
    ///   [`CommandError::Budget`] if the channel takes no more subscriptions. In both cases nothing
    ///   is sent.
    /// - [`CommandError::Refused`] by the gateway, [`CommandError::Unconfirmed`] after all
    ///   attempts.
    /// - [`CommandError::Superseded`] by an unsubscribe of the key, [`CommandError::ShutDown`] by a
    ///   shutdown.
    ///
    /// # Cancel safety
    /// Not cancel-safe: dropping the future drops the subscription, which unsubscribes unless
    /// another handle holds the key.
    pub fn subscribe<S>(
        &self,
        subscribe: S,
    ) -> impl Future<Output = Result<Subscription<R>, CommandError>> + Send + use<R, S>
    where
        S: TryInto<Subscribe, Error: Into<InvalidSubscribe>>,
    {
        let subscription = self.subscribe_nowait(subscribe);
        async move {
            let mut subscription = subscription?;
            match subscription.outcome().await {
                // After a connection loss the subscription is kept, and sent on the next
                // connection.
                Ok(_) | Err(CommandError::ConnectionLost(_)) => Ok(subscription),
                Err(error) => Err(error),
            }
        }
    }

    /// Subscribes without waiting, and keeps the subscription across reconnects until its last
    /// handle is dropped. Takes what [`subscribe`](Self::subscribe) takes.
    ///
    /// The handle is a stream from now on. [`Subscription::outcome`] returns the outcome; after
    /// [`CommandError::Refused`] and [`CommandError::Unconfirmed`] the client retries. The limits
    /// of its queue are those of
    /// [`Builder::queue_limits_by_key`](super::Builder::queue_limits_by_key) for its key.
    ///
    /// # Errors
    /// [`InvalidSubscribe`] if an argument is one that the gateway would ignore silently, or the
    /// text is not a subscription; nothing is sent. Every other error is the
    /// [`outcome`](Subscription::outcome).
    pub fn subscribe_nowait<S>(&self, subscribe: S) -> Result<Subscription<R>, InvalidSubscribe>
    where
        S: TryInto<Subscribe, Error: Into<InvalidSubscribe>>,
    {
        let mut subscribe = subscribe.try_into().map_err(Into::into)?;
        let key = subscribe.key.clone();
        let shared = &self.handle.shared;
        subscribe.processor = subscribe.processor.map(|processor| shared.payloads.stand_in(processor));
        // The clock of the runtime and the limits of the application are read before the lock is
        // taken.
        let now = shared.runtime.now();
        let limits = self.queues.of_key(key.key());
        let (consumer, id) = shared.with(|state| {
            // The queue is opened first, so that it misses no event.
            let consumer = state.consumers.attach(EventFilter::Subscription(key.clone()), limits);
            (consumer, state.submit(now, Command::Subscribe(subscribe)))
        });
        let request = Request::new(self.handle.clone(), id);
        Ok(Subscription::new(EventStream::from_consumer(self.handle.clone(), consumer), key, request))
    }

    /// Unsubscribes, even if other handles still use the subscription. Their streams end.
    ///
    /// Without `needs_confirmation`, completes as soon as the request is sent. With it, the request
    /// is repeated until the gateway confirms, on the channels whose unsubscribes it confirms
    /// ([`Key::is_unsubscribe_confirmed`]); on the others it completes as soon as it is sent, with
    /// [`UnsubscribeOutcome::NeverConfirmed`]. A history is unsubscribed by its server id; until
    /// that is known, the client waits for it. [`unsubscribe_with`](Self::unsubscribe_with) takes
    /// arguments and a processor.
    ///
    /// # Errors
    /// - [`CommandError::UnknownSubscription`] if the key is not subscribed to.
    /// - [`CommandError::Unconfirmed`] after all attempts, [`CommandError::ServerIdUnknown`] if the
    ///   server id never came.
    /// - [`CommandError::ConnectionLost`], which also ends the subscription at the gateway.
    /// - [`CommandError::Superseded`] by a later command for the key, [`CommandError::ShutDown`] if
    ///   the client's task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn unsubscribe(
        &self,
        key: &SubscriptionKey,
        needs_confirmation: bool,
    ) -> impl Future<Output = Result<UnsubscribeOutcome, CommandError>> + Send + use<R> {
        self.unsubscribe_with(Unsubscribe::new(key.clone()).needs_confirmation(needs_confirmation))
    }

    /// As [`unsubscribe`](Self::unsubscribe), with arguments and a processor for the text of this
    /// one request. A request that joins an unsubscribe which is under way has the text of that
    /// one.
    ///
    /// # Errors
    /// As [`unsubscribe`](Self::unsubscribe).
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn unsubscribe_with(
        &self,
        mut unsubscribe: Unsubscribe,
    ) -> impl Future<Output = Result<UnsubscribeOutcome, CommandError>> + Send + use<R> {
        let payloads = &self.handle.shared.payloads;
        unsubscribe.processor = unsubscribe.processor.map(|processor| payloads.stand_in(processor));
        let request = self.request(Command::Unsubscribe(unsubscribe));
        async move {
            match request.await? {
                Reply::Unsubscribed(outcome) => Ok(outcome),
                _ => Ok(UnsubscribeOutcome::Sent),
            }
        }
    }

    /// Changes the stored properties of a subscription. What `modify` does not set stays as it is.
    ///
    /// With [`Modify::apply_now`] the client unsubscribes and subscribes at once; otherwise the
    /// change takes effect when the subscription is next sent. Completes at once.
    ///
    /// # Errors
    /// [`CommandError::UnknownSubscription`] if the key is not subscribed to;
    /// [`CommandError::NotReady`] if [`Modify::active`] is `Some(true)` and there is no ready
    /// connection, or the key is being unsubscribed; [`CommandError::ShutDown`] if the client's
    /// task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn modify_subscription(
        &self,
        mut modify: Modify,
    ) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let payloads = &self.handle.shared.payloads;
        modify.processor = modify.processor.map(|new| new.map(|processor| payloads.stand_in(processor)));
        let request = self.request(Command::Modify(modify));
        async move { request.await.map(drop) }
    }

    /// Resubscribes every subscription, and returns how many there are.
    ///
    /// [`Config::resubscribe_burst`](crate::Config::resubscribe_burst) of them (25 by default) are
    /// sent at once, then a pause of
    /// [`Config::resubscribe_pause`](crate::Config::resubscribe_pause) (250 ms by default) follows.
    /// The client resubscribes after a reconnect by itself. Completes at once.
    ///
    /// # Errors
    /// [`CommandError::NotReady`] if there is no ready connection, [`CommandError::ShutDown`] if
    /// the client's task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn recreate_subscriptions(&self) -> impl Future<Output = Result<usize, CommandError>> + Send + use<R> {
        let request = self.request(Command::Recreate);
        async move {
            match request.await? {
                Reply::Recreated(count) => Ok(count),
                _ => Ok(0),
            }
        }
    }

    /// Sends a text for which there is no method here, for example `shs+exercise+{"CEX":"…"}`.
    ///
    /// Completes when the text is handed to the connection. It is not repeated on a later
    /// connection.
    ///
    /// # Errors
    /// [`CommandError::NotReady`] if there is no ready connection; [`CommandError::BadText`] unless
    /// the text has 1 to 65,536 bytes and no control characters; [`CommandError::ShutDown`] if the
    /// client's task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn send_text(&self, text: &str) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::SendText(text.into()));
        async move { request.await.map(drop) }
    }

    /// Sends `tic` and waits for its reply, at most
    /// [`Config::subscription_timeout`](crate::Config::subscription_timeout) (2 s by default).
    ///
    /// # Errors
    /// [`CommandError::NotReady`] if there is no ready connection, [`CommandError::TimedOut`],
    /// [`CommandError::ConnectionLost`], [`CommandError::ShutDown`] if the client's task has ended.
    ///
    /// # Cancel safety
    /// Dropping the future discards the reply only.
    pub fn tic(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Tic);
        async move { request.await.map(drop) }
    }

    /// Waits until every requested subscription may be sent: the connection is ready, or greeted
    /// where only `pl`, `sd` and `ld` are requested. It has no time limit; [`Client::health`] tells
    /// what it waits for.
    ///
    /// # Errors
    /// [`CommandError::NotReady`] on a client that was not started, [`CommandError::GaveUp`],
    /// [`CommandError::AuthenticationRequired`], [`CommandError::Superseded`] by a disconnect,
    /// [`CommandError::ShutDown`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request.
    pub fn ready(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::WaitReady).cancelled_by_drop();
        async move { request.await.map(drop) }
    }

    /// Returns the present state of the connection and the number of subscriptions and pending
    /// requests.
    #[must_use]
    pub fn status(&self) -> MachineStatus {
        self.read(|state| state.machine.status())
    }

    /// Returns how healthy the connection is, and why. Changes nothing.
    #[must_use]
    pub fn health(&self) -> Health {
        let now = self.handle.shared.runtime.now();
        self.read(|state| state.machine.health(now))
    }

    /// Returns all subscriptions that the client keeps, ordered by their text.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionInfo> {
        self.read(|state| state.machine.subscriptions())
    }

    /// Returns the server id and the contract id of each history of this connection whose server id
    /// is known; `None` for every key but [`Key::MarketHistory`]. The contract id is `None` for a
    /// target without one, such as a combo.
    #[must_use]
    pub fn server_ids(&self, key: Key) -> Option<BTreeMap<Box<str>, Option<i64>>> {
        self.read(|state| state.machine.server_ids(key))
    }

    pub(super) fn new(shared: Arc<Shared<R>>, queues: QueueSettings) -> Self {
        Self {
            handle: Handle::new(shared),
            queues,
            #[cfg(feature = "session")]
            keeper: None,
        }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.handle.shared.with(|state| read(state))
    }

    fn request(&self, command: Command) -> Request<R> {
        Request::new(self.handle.clone(), self.handle.shared.submit(command))
    }
}
