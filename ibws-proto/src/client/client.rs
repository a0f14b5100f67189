//! The client: requests to the machine, as futures; queues of what it tells.

use core::future::Future;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec::Vec;

use super::handle::{Handle, Request};
use super::shared::{Shared, State};
use super::sink::{EventSink, SinkTask};
use super::stream::{EventStream, QueueAccessor, Reader, Subscription};
use crate::transport::Runtime;
use crate::{
    Command, CommandError, EventFilter, Health, Key, MachineStatus, Modify, QueueLimits, Reply, Stats, Subscribe,
    SubscriptionInfo, SubscriptionKey, UnsubscribeOutcome,
};

/// A client of the gateway's stream. Clones are handles of the same client; when the last handle of any kind is dropped
/// (client, subscription, stream, queue), the connection is closed and everything is released.
///
/// Unless its own text says otherwise, every future here is cancel-safe: the request was made when the method was
/// called, dropping the future only means not to hear the answer.
pub struct Client<R: Runtime> {
    handle: Handle<R>,
    queues: QueueFactory,
}

/// What queues may hold.
#[derive(Clone, Default)]
pub(super) struct QueueFactory {
    pub(super) limits: QueueLimits,
    pub(super) by_key: Option<Arc<dyn Fn(Key) -> QueueLimits + Send + Sync>>,
}

impl QueueFactory {
    fn of_key(&self, key: Key) -> QueueLimits {
        self.by_key.as_ref().map_or(self.limits, |limits| limits(key))
    }
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), queues: self.queues.clone() }
    }
}

impl<R: Runtime> Client<R> {
    pub(super) fn new(shared: Arc<Shared<R>>, queues: QueueFactory) -> Self {
        Self { handle: Handle::new(shared), queues }
    }

    /// Connects, and stays connected. Done when the gateway has greeted, or when the bounded wait for its greeting ends
    /// on an open socket; a session that is not authenticated yet is a state ([`Client::status`]), not an error.
    ///
    /// # Errors
    /// [`CommandError::GaveUp`] after the last attempt, [`CommandError::AuthenticationRequired`] at 401 or 403 (the client goes on
    /// trying), [`CommandError::ShutDown`].
    pub fn start(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Start);
        async move { request.await.map(drop) }
    }

    /// Closes the connection and releases everything, subscriptions included. Bounded; does no harm when repeated.
    ///
    /// # Errors
    /// None that matter: [`CommandError::ShutDown`] if the task is gone already.
    pub fn shutdown(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Shutdown { drain: false });
        async move { request.await.map(drop) }
    }

    /// As [`Client::shutdown`], but unsubscribes everything first and waits up to
    /// [`Config::drain_timeout`](crate::Config::drain_timeout) for confirmations.
    ///
    /// # Errors
    /// As [`Client::shutdown`].
    pub fn drain(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Shutdown { drain: true });
        async move { request.await.map(drop) }
    }

    /// Closes the connection and stays stopped until [`Client::start`]. Subscriptions stay wanted.
    ///
    /// # Errors
    /// [`CommandError::Superseded`] by a later command, [`CommandError::ShutDown`].
    pub fn disconnect(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Disconnect);
        async move { request.await.map(drop) }
    }

    /// Throws the connection away; with `restart`, dials again at once. One that does not close in time, or never
    /// opened, is abandoned and dialled again even without `restart`.
    ///
    /// # Errors
    /// [`CommandError::Superseded`] by a later command, [`CommandError::ShutDown`].
    pub fn hard_reset(&self, restart: bool) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::HardReset { restart });
        async move { request.await.map(drop) }
    }

    /// Is the last pong young enough? True as well if not connected; otherwise hard reset with restart, and false.
    ///
    /// # Errors
    /// [`CommandError::ShutDown`].
    pub fn check_ping(&self) -> impl Future<Output = Result<bool, CommandError>> + Send + use<R> {
        let request = self.request(Command::CheckPing);
        async move { request.await.map(|success| success == Reply::Healthy(true)) }
    }

    /// Is the connection alive by its pongs and by what it receives? If not, hard reset with restart, and false.
    ///
    /// # Errors
    /// [`CommandError::ShutDown`].
    pub fn check_health(&self) -> impl Future<Output = Result<bool, CommandError>> + Send + use<R> {
        let request = self.request(Command::CheckHealth);
        async move { request.await.map(|success| success == Reply::Healthy(true)) }
    }

    /// Subscribes and waits for the outcome: confirmed by data, sent where nothing confirms, or pending where the
    /// gateway is not ready yet. See [`Subscription::known_outcome`] for which it was. The subscription survives reconnects.
    ///
    /// Not cancel-safe: dropping the future withdraws the subscription.
    ///
    /// # Errors
    /// [`CommandError::Conflict`], [`CommandError::Budget`] (nothing was sent); [`CommandError::Refused`], [`CommandError::Unconfirmed`],
    /// after which the subscription is withdrawn. Keep trying with [`Client::subscribe_nowait`].
    pub fn subscribe<S: Into<Subscribe>>(
        &self,
        subscribe: S,
    ) -> impl Future<Output = Result<Subscription<R>, CommandError>> + Send + use<R, S> {
        let mut subscription = self.subscribe_nowait(subscribe);
        async move {
            match subscription.outcome().await {
                Ok(_) => Ok(subscription),
                // It stays wanted, and goes out on the next connection.
                Err(CommandError::ConnectionLost(_)) => Ok(subscription),
                Err(failure) => Err(failure),
            }
        }
    }

    /// Subscribes without waiting. The handle is a stream from now on; [`Subscription::outcome`] tells how it went, and
    /// whatever the outcome, the subscription stays wanted until the handle is dropped.
    pub fn subscribe_nowait(&self, subscribe: impl Into<Subscribe>) -> Subscription<R> {
        let subscribe = subscribe.into();
        let key = subscribe.key.clone();
        let shared = &self.handle.shared;
        let now = shared.runtime.now();
        let limits = self.queues.of_key(key.key());
        let (consumer, id) = shared.with(|state| {
            // The queue comes first, so that it misses nothing.
            let consumer = state.attach(EventFilter::Subscription(key.clone()), limits);
            (consumer, state.submit(now, Command::Subscribe(subscribe)))
        });
        let outcome = Request::new(self.handle.clone(), id);
        Subscription::new(EventStream::at(self.handle.clone(), consumer), key, outcome)
    }

    /// Unsubscribes, whoever else holds it. With `needs_confirmation` it is repeated until the gateway confirms;
    /// without, sent is success.
    ///
    /// # Errors
    /// [`CommandError::UnknownSubscription`], [`CommandError::Unconfirmed`], [`CommandError::ServerIdUnknown`],
    /// [`CommandError::ConnectionLost`].
    pub fn unsubscribe(
        &self,
        key: &SubscriptionKey,
        needs_confirmation: bool,
    ) -> impl Future<Output = Result<UnsubscribeOutcome, CommandError>> + Send + use<R> {
        let request = self.request(Command::Unsubscribe { key: key.clone(), needs_confirmation });
        async move {
            match request.await? {
                Reply::Unsubscribed(how) => Ok(how),
                _ => Ok(UnsubscribeOutcome::Sent),
            }
        }
    }

    /// Changes what is stored for a subscription.
    ///
    /// # Errors
    /// [`CommandError::UnknownSubscription`].
    pub fn modify_subscription(
        &self,
        modify: Modify,
    ) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Modify(modify));
        async move { request.await.map(drop) }
    }

    /// Sends every wanted subscription anew; says how many.
    ///
    /// # Errors
    /// [`CommandError::NotReady`].
    pub fn recreate_subscriptions(&self) -> impl Future<Output = Result<usize, CommandError>> + Send + use<R> {
        let request = self.request(Command::Recreate);
        async move {
            match request.await? {
                Reply::Recreated(count) => Ok(count),
                _ => Ok(0),
            }
        }
    }

    /// Writes a text of your own, for what has no method here: `shs+exercise+{"CEX":"…"}`. Nothing is kept for later.
    ///
    /// # Errors
    /// [`CommandError::NotReady`], [`CommandError::BadText`].
    pub fn send_text(&self, text: &str) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::SendText(text.into()));
        async move { request.await.map(drop) }
    }

    /// Writes `tic` and waits for its answer.
    ///
    /// # Errors
    /// [`CommandError::NotReady`], [`CommandError::TimedOut`], [`CommandError::ConnectionLost`].
    pub fn tic(&self) -> impl Future<Output = Result<(), CommandError>> + Send + use<R> {
        let request = self.request(Command::Tic);
        async move { request.await.map(drop) }
    }

    /// A stream of everything that happens from now on, bounded like every queue.
    #[must_use]
    pub fn events(&self) -> EventStream<R> {
        self.events_within(self.queues.limits)
    }

    /// The same with limits of its own.
    #[must_use]
    pub fn events_within(&self, limits: QueueLimits) -> EventStream<R> {
        EventStream::new(self.handle.clone(), EventFilter::All, limits)
    }

    /// The queue of one key, from now on: its messages, and the gaps of its subscriptions. Accessors of one key share it.
    /// Nothing is queued for a key, unsolicited ones included, while there is no accessor.
    #[must_use]
    pub fn queue(&self, key: Key) -> QueueAccessor<R> {
        QueueAccessor::new(EventStream::new(self.handle.clone(), EventFilter::Key(key), self.queues.of_key(key)), key)
    }

    /// Hands everything that happens from now on to `sink` as well.
    pub fn attach(&self, sink: impl EventSink) {
        self.attach_boxed(Box::new(sink));
    }

    pub(super) fn attach_boxed(&self, sink: Box<dyn EventSink>) {
        let shared = &self.handle.shared;
        let reader = Reader::new(shared, EventFilter::All, self.queues.limits);
        shared.runtime.spawn(SinkTask { reader, sink: Some(sink) });
    }

    /// Where the client stands.
    #[must_use]
    pub fn status(&self) -> MachineStatus {
        self.look(|state| state.machine.status())
    }

    /// How well the connection is, and why.
    #[must_use]
    pub fn health(&self) -> Health {
        let now = self.handle.shared.runtime.now();
        self.look(|state| state.machine.health(now))
    }

    /// Every wanted subscription.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionInfo> {
        self.look(|state| state.machine.subscriptions())
    }

    /// Server id → conid of the histories of this connection; `None` for keys that have none.
    #[must_use]
    pub fn server_ids(&self, key: Key) -> Option<BTreeMap<Box<str>, i64>> {
        self.look(|state| state.machine.server_ids(key))
    }

    /// Counters since the client was made.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.look(|state| state.machine.stats())
    }

    /// Waits, on the clock and the runtime of the client. Cancel-safe.
    pub fn sleep(&self, span: core::time::Duration) -> R::Sleep {
        let runtime = &self.handle.shared.runtime;
        runtime.sleep_until(runtime.now() + span)
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.handle.shared.with(|state| look(state))
    }

    fn request(&self, command: Command) -> Request<R> {
        Request::new(self.handle.clone(), self.handle.shared.submit(command))
    }
}
