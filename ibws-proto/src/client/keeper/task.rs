//! The keeper's task: runs the keeper while the client is started. It makes the calls that the
//! keeper requests and reports how they end; it decides nothing.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use super::ConnectedKeeper;
use super::mailbox::{Mailbox, RequestResult};
use super::pacing::SharedPacer;
use super::rest_connection::RestConnection;
use crate::client::contain::Contained;
use crate::client::reader::Reader;
use crate::client::shared::Shared;
use crate::keeper::{
    Call, CallError, CallId, CallResult, Keeper, KeeperConfig, KeeperInput, KeeperOutput, KeeperState, Pace as _,
};
use crate::queue::{EventFilter, QueueLimits};
use crate::rest::RestError;
use crate::transport::websocket::Net;
use crate::transport::{CookieForm, Credentials, CredentialsProvider, DialRequest, Runtime, Secret};
use crate::{Body, ConnectError, ConnectErrorKind, ConnectionState, Event, Instant, Item, Key};

/// The maximum number of rounds in one poll, so that other tasks of the runtime get their turn.
const MAX_ROUNDS: usize = 16;
/// The queue of the authentication frames of the stream. An older one is replaced by a newer one.
const STREAM: QueueLimits = QueueLimits { events: 16, bytes: 64 * 1024 };

pub(super) type CallFuture = Pin<Box<dyn Future<Output = (RestConnection, CallResult)> + Send>>;
/// Makes one call on the network of `R`.
pub(super) type MakeCall<R> =
    fn(Arc<Shared<R>>, RestConnection, Call, Contained<CredentialsResult>, Option<Secret>) -> CallFuture;
type CredentialsResult = Result<Credentials, ConnectError>;

/// Makes a call with the credentials of the application, and with the bare session if there is one.
pub(super) fn make_call<R: Runtime + Net>(
    shared: Arc<Shared<R>>,
    mut connection: RestConnection,
    call: Call,
    credentials: Contained<CredentialsResult>,
    session: Option<Secret>,
) -> CallFuture {
    Box::pin(async move {
        let panicked = || ConnectError::new(ConnectErrorKind::Credentials, "the provider of credentials panicked");
        let result = match credentials.await.unwrap_or_else(|| Err(panicked())) {
            Ok(credentials) => {
                let credentials = match session {
                    Some(session) => credentials.with_session(session, CookieForm::Direct),
                    None => credentials,
                };
                connection.call(&shared.runtime, &call, &credentials).await
            }
            Err(error) => Err(CallError::Connect(error)),
        };
        (connection, result)
    })
}

/// The task, as a future that ends with the client.
pub(super) struct KeeperTask<R: Runtime> {
    shared: Arc<Shared<R>>,
    mailbox: Arc<Mailbox>,
    target: DialRequest,
    config: KeeperConfig,
    make_call: MakeCall<R>,
    /// The credentials of the application.
    base: Arc<dyn CredentialsProvider>,
    form: CookieForm,
    pacer: SharedPacer,
    /// The authentication frames of the stream.
    stream: Reader<R>,
    /// `None` while the client is stopped: no call is made then.
    keeper: Option<Keeper>,
    inputs: Vec<KeeperInput>,
    /// The calls in flight, each with its path.
    calls: Vec<(CallId, &'static str, CallFuture)>,
    /// Connections without a call.
    idle: Vec<RestConnection>,
    session: Option<Secret>,
    /// Why the last call had no reply, if that was because of the connection.
    connect_error: Option<ConnectError>,
    sleep: Option<(Instant, Pin<Box<R::Sleep>>)>,
}

impl<R: Runtime> KeeperTask<R> {
    pub(super) fn new(shared: &Arc<Shared<R>>, keeper: ConnectedKeeper<R>) -> Self {
        let ConnectedKeeper { plan, mailbox, base, target, form } = keeper;
        let pacer = SharedPacer::of(&plan.pacing, shared.runtime.now());
        Self {
            shared: Arc::clone(shared),
            mailbox,
            target,
            config: plan.config,
            make_call: plan.make_call,
            base,
            form,
            pacer,
            stream: Reader::apart(shared, EventFilter::Key(Key::AuthenticationStatus), STREAM.into()),
            keeper: None,
            inputs: Vec::new(),
            calls: Vec::new(),
            idle: Vec::new(),
            session: None,
            connect_error: None,
            sleep: None,
        }
    }

    /// Takes the authentication frames of the stream. Returns `false` once the client has ended.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> bool {
        while let Poll::Ready(item) = self.stream.poll_item(cx) {
            let Some(item) = item else { return false };
            if let Item::Event(Event::Message(message)) = item
                && let Body::Status(status) = message.frame.body()
                && let Ok(state) = status.args()
                && let Ok(Some(authenticated)) = state.authenticated()
            {
                self.inputs.push(KeeperInput::Stream { authenticated });
            }
        }
        true
    }

    fn poll_calls(&mut self, cx: &mut Context<'_>) {
        let Self { calls, inputs, idle, connect_error, .. } = self;
        calls.retain_mut(|(id, _, future)| match future.as_mut().poll(cx) {
            Poll::Ready((connection, result)) => {
                *connect_error = match &result {
                    Err(CallError::Connect(error)) => Some(error.clone()),
                    _ => None,
                };
                inputs.push(KeeperInput::Done(*id, result));
                idle.push(connection);
                false
            }
            Poll::Pending => true,
        });
        // Calls rarely overlap, so one connection is kept.
        idle.truncate(1);
    }

    /// Gives the keeper what has happened, and performs what it requests.
    fn run_keeper(&mut self) {
        let inputs = core::mem::take(&mut self.inputs);
        if self.shared.with(|state| state.machine.status().state) == ConnectionState::Stopped {
            return self.pause();
        }
        let now = self.shared.runtime.now();
        let is_needed =
            |input: &KeeperInput| matches!(input, KeeperInput::Serve { .. } | KeeperInput::SessionNeeded(_));
        if self.keeper.is_none() && inputs.iter().any(is_needed) {
            let keeper = Keeper::new(self.config.clone(), now);
            self.mailbox.publish(Some(keeper.state().clone()));
            self.keeper = Some(keeper);
        }
        let Some(keeper) = &mut self.keeper else { return };
        for input in inputs {
            keeper.handle(now, input);
        }
        while let Some(output) = self.keeper.as_mut().and_then(|keeper| keeper.poll(now, &mut self.pacer)) {
            self.perform(output);
        }
    }

    /// Drops the keeper and its connections until the client is started again.
    fn pause(&mut self) {
        if self.keeper.take().is_some() {
            self.drop_calls();
            self.idle.clear();
            self.session = None;
            self.sleep = None;
            self.mailbox.publish(None);
        }
        self.mailbox.fail_pending();
    }

    /// Drops the calls in flight, and reports their ends to the pacer, which the keeper no longer
    /// does.
    fn drop_calls(&mut self) {
        let now = self.shared.runtime.now();
        for (_, path, future) in self.calls.drain(..) {
            drop(future);
            self.pacer.ended(now, path);
        }
    }

    fn perform(&mut self, output: KeeperOutput) {
        match output {
            KeeperOutput::Call { id, call } => {
                let new = || RestConnection::new(self.target.clone(), self.config.call_timeout);
                let connection = self.idle.pop().unwrap_or_else(new);
                let credentials = Contained::new(|| self.base.credentials());
                // Behind a gateway a cookie is not needed.
                let session = self.session.clone().filter(|_| self.form == CookieForm::Direct);
                let path = call.path();
                let future = (self.make_call)(Arc::clone(&self.shared), connection, call, credentials, session);
                self.calls.push((id, path, future));
            }
            KeeperOutput::Abandon(abandoned) => self.calls.retain(|(id, ..)| *id != abandoned),
            KeeperOutput::Served { ticket, result } => self.mailbox.resolve(ticket, RequestResult::Served(result)),
            KeeperOutput::SessionReady { ticket, result } => {
                let result = result.map_err(|error| self.dial_error(error));
                self.mailbox.resolve(ticket, RequestResult::Session(result));
            }
            KeeperOutput::Session(session) => self.session = Some(session),
            KeeperOutput::Event(event) => {
                self.shared.span.keeper(&event);
                self.mailbox.publish(Some(event));
            }
        }
    }

    /// Returns the error of a dial that has no session. If the call failed because of the
    /// connection, the dial would fail alike, so that error is returned.
    fn dial_error(&self, error: RestError) -> ConnectError {
        if let Some(error) = &self.connect_error {
            return error.clone();
        }
        let kind = match self.keeper.as_ref().map(|keeper| keeper.state().state) {
            Some(KeeperState::LoggedOut | KeeperState::AccessDenied) => ConnectErrorKind::AuthenticationRequired,
            _ => ConnectErrorKind::Credentials,
        };
        ConnectError::new(kind, error.reason)
    }

    /// Arms the sleep for the keeper's next deadline. Returns `true` if that has passed.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at) = self.keeper.as_ref().and_then(Keeper::poll_timeout) else {
            self.sleep = None;
            return false;
        };
        if self.sleep.as_ref().is_none_or(|(armed, _)| *armed != at) {
            self.sleep = Some((at, Box::pin(self.shared.runtime.sleep_until(at))));
        }
        let has_passed = self.sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if has_passed {
            self.sleep = None;
        }
        has_passed
    }
}

impl<R: Runtime> Future for KeeperTask<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..MAX_ROUNDS {
            if !this.poll_stream(cx) {
                return Poll::Ready(());
            }
            this.mailbox.take_inputs(&mut this.inputs, cx.waker());
            this.poll_calls(cx);
            if !this.inputs.is_empty() {
                this.run_keeper();
                continue;
            }
            if !this.poll_sleep(cx) {
                return Poll::Pending;
            }
            this.inputs.push(KeeperInput::Tick);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<R: Runtime> Drop for KeeperTask<R> {
    fn drop(&mut self) {
        self.drop_calls();
        self.mailbox.end();
    }
}
