//! The client's task: runs the machine over one runtime. It performs the machine's actions and
//! hands in what happens; it decides nothing. Code of the application that it calls may panic; the
//! panic is contained and handed in as a failure.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::collections::VecDeque;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::contain::Contained;
use super::patience::Patience;
use super::payloads::Payload;
use super::rest_handler::RestHandler;
use super::shared::Shared;
use super::trace::Trace;
use crate::event::ProcessorPanic;
use crate::rest::{RestError, RestRequestId, RestResult};
use crate::transport::{
    Credentials, CredentialsProvider, DialRequest, IncomingMessage, OutgoingMessage, QueuedLink, Runtime, Secret,
};
use crate::{Action, ConnId, ConnectError, ConnectErrorKind, ConnectionState, Event, Input, Instant, SessionUpdate};

/// The maximum number of rounds in one poll, so that other tasks of the runtime get their turn.
const MAX_ROUNDS: usize = 16;
/// The maximum number of frames that one round reads from the connection and hands in under one
/// lock.
const BATCH: usize = 64;
/// The size in bytes of the frames at which such a round ends, so that it does not collect many
/// large ones.
const BATCH_BYTES: usize = 64 * 1024;

/// An open connection.
struct OpenLink<L> {
    conn: ConnId,
    /// The session with which the connection was opened, to be sent if the gateway requests it.
    session: Option<Secret>,
    link: QueuedLink<L>,
}

type CredentialsResult = Result<Credentials, ConnectError>;
type Dial<L> = Pin<Box<dyn Future<Output = Result<(L, Option<Secret>), ConnectError>> + Send>>;

/// The client's task, as a future that ends when the last handle is dropped and the machine has
/// stopped.
pub(super) struct ClientTask<R: Runtime> {
    shared: Arc<Shared<R>>,
    /// The request of each dial, without the credentials.
    target: DialRequest,
    credentials: Arc<dyn CredentialsProvider>,
    /// The actions that the machine requested and that were not performed.
    actions: VecDeque<Action>,
    /// The last ticket of a payload that may be among the actions taken.
    last_ticket: u64,
    /// What happened since the machine last ran.
    inputs: Vec<Input>,
    dial: Option<(ConnId, Dial<R::Link>)>,
    link: Option<OpenLink<R::Link>>,
    sleep: Option<(Instant, Pin<Box<R::Sleep>>)>,
    rest_handler: Option<Arc<dyn RestHandler>>,
    /// The requests that the REST handler works on.
    rest_futures: Vec<(RestRequestId, Contained<RestResult>)>,
    /// The provider's reply to a request for the session that is to be sent.
    session: Option<(ConnId, Contained<CredentialsResult>)>,
    trace: Trace,
    /// Whether a queue is half full, as of the last round.
    is_crowded: bool,
    patience: Patience,
}

/// The result of one round of the task.
struct Round {
    /// The task is to end.
    is_over: bool,
    /// Some task of the application was woken.
    has_woken: bool,
}

impl<R: Runtime> Future for ClientTask<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..MAX_ROUNDS {
            let may_read = this.may_read();
            this.poll_dial(cx);
            this.poll_rest_futures(cx);
            this.poll_session(cx);
            this.poll_link(cx, may_read);
            let had_inputs = !this.inputs.is_empty();
            let Round { is_over, has_woken } = this.run_machine(cx);
            if is_over {
                return Poll::Ready(());
            }
            let had_actions = !this.actions.is_empty();
            this.perform_actions();
            this.shared.payloads.discard_until(this.last_ticket);
            // Without inputs, actions and a due deadline, every waker is registered.
            if !had_inputs && !had_actions && this.inputs.is_empty() && !this.poll_sleep(cx) {
                // For a queue that this round crowded, the wait begins with the next poll.
                if this.is_crowded && this.patience.end().is_none() {
                    break;
                }
                return Poll::Pending;
            }
            // On a runtime with one thread, the consumers run once this returns. What was requested
            // is written before: a reply that is awaited may say so.
            if has_woken || this.is_crowded {
                if had_actions {
                    this.poll_link(cx, false);
                }
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<R: Runtime> Drop for ClientTask<R> {
    fn drop(&mut self) {
        let noted = self.shared.finish();
        self.trace.write(noted);
    }
}

impl<R: Runtime> ClientTask<R> {
    pub(super) fn new(
        shared: Arc<Shared<R>>,
        target: DialRequest,
        credentials: Arc<dyn CredentialsProvider>,
        rest_handler: Option<Arc<dyn RestHandler>>,
    ) -> Self {
        Self {
            trace: Trace::new(&shared.span),
            shared,
            target,
            credentials,
            actions: VecDeque::new(),
            last_ticket: 0,
            inputs: Vec::with_capacity(BATCH),
            dial: None,
            link: None,
            sleep: None,
            rest_handler,
            rest_futures: Vec::new(),
            session: None,
            is_crowded: false,
            patience: Patience::default(),
        }
    }

    /// Returns `false` while the task waits for room in the queues.
    fn may_read(&mut self) -> bool {
        // Only what this task delivers crowds a queue.
        if !self.is_crowded && self.patience.end().is_none() {
            return true;
        }
        let now = self.shared.runtime.now();
        let patience = &mut self.patience;
        self.shared.with(|state| {
            let may_read = patience.may_read(now, state.consumers.is_crowded());
            if may_read {
                state.consumers.stop_waiting();
            }
            may_read
        })
    }

    /// Hands in the inputs and takes the actions that follow.
    fn run_machine(&mut self, cx: &mut Context<'_>) -> Round {
        let now = self.shared.runtime.now();
        let (inputs, actions, rest_futures) = (&mut self.inputs, &mut self.actions, &mut self.rest_futures);
        let payloads = &self.shared.payloads;
        let (last_ticket, is_crowded) = (&mut self.last_ticket, &mut self.is_crowded);
        let (round, settled, noted) = self.shared.with(|state| {
            if state.task.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                let before = state.task.replace(cx.waker().clone());
                state.deferred.dropped_wakers.extend(before);
            }
            if !inputs.is_empty() {
                state.consumers.begin_round();
            }
            for input in inputs.drain(..) {
                state.machine.handle(now, input);
                state.drain(actions);
            }
            // The clock decides, not the sleep: a sleep may end early.
            if state.machine.poll_timeout().is_some_and(|at| at <= now) {
                state.machine.handle(now, Input::Tick);
                state.drain(actions);
            }
            // A request may have been made after `now`, and its outputs may wait.
            state.drain(actions);
            *last_ticket = payloads.last_ticket();
            let is_settled = |(id, _): &mut (RestRequestId, Contained<RestResult>)| !state.machine.is_rest_pending(*id);
            let settled: Vec<_> = rest_futures.extract_if(.., is_settled).collect();
            let is_over = state.handles == 0 && state.machine.status().state == ConnectionState::Stopped;
            *is_crowded = state.consumers.is_crowded();
            let has_woken = !state.deferred.wakers.is_empty();
            (Round { is_over, has_woken }, settled, state.noted.take())
        });
        // These futures are code of the application: dropping them may use the client, which takes
        // the lock.
        drop(settled);
        self.trace.write(noted);
        round
    }

    fn perform_actions(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Connect { conn } => {
                    self.link = None;
                    self.dial = Some((conn, self.dial()));
                }
                Action::Abandon { conn } => {
                    self.dial = self.dial.take().filter(|(other, _)| *other != conn);
                    self.link = self.link.take().filter(|open| open.conn != conn);
                }
                Action::SendText { conn, text } => self.write_payload(conn, text),
                Action::Ping { conn } => self.write(conn, OutgoingMessage::Ping),
                Action::Close { conn, code } => self.write(conn, OutgoingMessage::Close(code)),
                Action::SendSession { conn } => {
                    let open = self.link.as_mut().filter(|open| open.conn == conn);
                    match open.and_then(|open| open.session.take()) {
                        Some(session) => self.send_session(conn, &session),
                        // The dial had no session, or the gateway refused it: the provider may have
                        // another by now.
                        None => {
                            let credentials = Arc::clone(&self.credentials);
                            self.session = Some((conn, Contained::new(|| credentials.credentials())));
                        }
                    }
                }
                Action::Rest { id, request } => match &self.rest_handler {
                    Some(handler) => {
                        let handler = Arc::clone(handler);
                        self.rest_futures.push((id, Contained::new(|| handler.handle(request))));
                    }
                    None => self.inputs.push(Input::RestDone(id, Err(RestError::new("there is no REST handler")))),
                },
            }
        }
    }

    /// Writes a text of the machine. Calls the processor of the application if it has one.
    fn write_payload(&mut self, conn: ConnId, text: String) {
        match self.shared.payloads.redeem(text) {
            Payload::Text(text) => self.write(conn, OutgoingMessage::Text(text)),
            Payload::Panicked(channel) => {
                let at = self.shared.runtime.now();
                let panic = channel.map(|channel| Event::ProcessorPanicked(ProcessorPanic { channel, at }));
                self.shared.with(|state| panic.into_iter().for_each(|mut event| state.deliver(&mut event)));
            }
        }
    }

    fn write(&mut self, conn: ConnId, message: OutgoingMessage) {
        if let Some(open) = self.link.as_mut().filter(|open| open.conn == conn) {
            open.link.write(message);
        }
    }

    fn send_session(&mut self, conn: ConnId, session: &Secret) {
        let text = std::format!("{{\"session\":\"{}\"}}", session.expose());
        self.write(conn, OutgoingMessage::Text(text));
        self.inputs.push(Input::Session(conn, SessionUpdate::Sent));
    }

    fn dial(&self) -> Dial<R::Link> {
        let credentials = Arc::clone(&self.credentials);
        let credentials = Contained::new(|| credentials.credentials());
        let shared = self.shared.clone();
        let mut request = self.target.clone();
        Box::pin(async move {
            request.credentials = credentials.await.unwrap_or_else(|| {
                Err(ConnectError::new(ConnectErrorKind::Credentials, "the provider of credentials panicked"))
            })?;
            let session = request.credentials.session().cloned();
            Ok((shared.runtime.dial(request).await?, session))
        })
    }

    fn poll_dial(&mut self, cx: &mut Context<'_>) {
        let Some((conn, dial)) = &mut self.dial else { return };
        let Poll::Ready(result) = dial.as_mut().poll(cx) else { return };
        let conn = *conn;
        self.dial = None;
        self.inputs.push(match result {
            Ok((link, session)) => {
                let link = QueuedLink::new(link, self.target.limits.max_write_buffer);
                self.link = Some(OpenLink { conn, session, link });
                Input::Opened(conn)
            }
            Err(error) => Input::ConnectFailed(conn, error),
        });
    }

    fn poll_rest_futures(&mut self, cx: &mut Context<'_>) {
        let inputs = &mut self.inputs;
        self.rest_futures.retain_mut(|(id, future)| match Pin::new(future).poll(cx) {
            Poll::Ready(result) => {
                let panicked = || Err(RestError::new("the REST handler panicked"));
                inputs.push(Input::RestDone(*id, result.unwrap_or_else(panicked)));
                false
            }
            Poll::Pending => true,
        });
    }

    fn poll_session(&mut self, cx: &mut Context<'_>) {
        let Some((conn, session)) = &mut self.session else { return };
        let Poll::Ready(credentials) = Pin::new(session).poll(cx) else { return };
        let conn = *conn;
        self.session = None;
        match credentials.and_then(Result::ok).and_then(|credentials| credentials.session().cloned()) {
            Some(session) => self.send_session(conn, &session),
            None => self.inputs.push(Input::Session(conn, SessionUpdate::Unavailable)),
        }
    }

    fn poll_link(&mut self, cx: &mut Context<'_>, may_read: bool) {
        let Some(open) = &mut self.link else { return };
        // The read half reports a write that fails.
        let _ = open.link.poll_write(cx);
        if let Some(cause) = open.link.stalled() {
            self.inputs.push(Input::Closed(open.conn, cause));
            self.link = None;
            return;
        }
        if !may_read {
            return;
        }
        let mut frame_bytes = 0;
        for _ in 0..BATCH {
            if frame_bytes >= BATCH_BYTES {
                return;
            }
            let Poll::Ready(received) = open.link.poll_recv(cx) else { return };
            let conn = open.conn;
            self.inputs.push(match received {
                IncomingMessage::Frame(bytes) => {
                    frame_bytes += bytes.len();
                    Input::Frame(conn, bytes)
                }
                IncomingMessage::Pong => Input::Pong(conn),
                IncomingMessage::Ping => Input::Pinged(conn),
                IncomingMessage::Closed(cause) => {
                    self.inputs.push(Input::Closed(conn, cause));
                    self.link = None;
                    return;
                }
            });
        }
    }

    /// Arms the sleep for the machine's next deadline. Returns `true` if that has passed.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.shared.with(|state| state.machine.poll_timeout());
        let Some(at) = due.into_iter().chain(self.patience.end()).min() else {
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
