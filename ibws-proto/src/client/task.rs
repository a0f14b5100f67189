//! The client's task: runs the machine over one runtime. It performs the machine's actions and
//! hands in what happens; it decides nothing. Code of the application that it calls may panic; the
//! panic is contained and handed in as a failure.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::contain::Contained;
use super::intake::{Intake, LOAN, OpenLink};
use super::patience::Patience;
use super::payloads::Payload;
use super::rest_handler::RestHandler;
use super::shared::{Deferred, Loan, Shared};
use super::trace::Trace;
use crate::event::ProcessorPanic;
use crate::rest::{RestError, RestRequestId, RestResult};
use crate::transport::{
    Credentials, CredentialsProvider, DialRequest, Link, OutgoingMessage, QueuedLink, Runtime, Secret,
};
use crate::{Action, ConnId, ConnectError, ConnectErrorKind, ConnectionState, Event, Input, Instant, SessionUpdate};

/// The maximum number of rounds in one poll, so that other tasks of the runtime get their turn.
const MAX_ROUNDS: usize = 16;

type CredentialsResult = Result<Credentials, ConnectError>;
type Dial<L> = Pin<Box<dyn Future<Output = Result<(L, Option<Secret>), ConnectError>> + Send>>;

/// The client's task, as a future that ends when the last handle is dropped and the machine has
/// stopped.
pub(super) struct ClientTask<R: Runtime> {
    shared: Arc<Shared<R>>,
    /// The request of each dial, without the credentials.
    target: DialRequest,
    credentials: Arc<dyn CredentialsProvider>,
    /// The last ticket of a payload that may be among the actions taken.
    last_ticket: u64,
    dial: Option<(ConnId, Dial<R::Link>)>,
    sleep: Option<(Instant, Pin<Box<R::Sleep>>)>,
    rest_handler: Option<Arc<dyn RestHandler>>,
    /// The requests that the REST handler works on.
    rest_futures: Vec<(RestRequestId, Contained<RestResult>)>,
    /// The provider's reply to a request for the session that is to be sent.
    session: Option<(ConnId, Contained<CredentialsResult>)>,
    trace: Trace,
    patience: Patience,
    /// When the present loan ends, or a former one would have.
    loan_end: Option<Instant>,
    /// Set by a round that only woke consumers, and left more to read: how often consumers have
    /// waited by then.
    waits: Option<usize>,
}

/// The result of one round of the task.
struct Round {
    /// The task is to end.
    is_over: bool,
    /// Some task of the application was woken.
    has_woken: bool,
    /// The intake is lent to the consumers that were woken.
    is_lent: bool,
}

impl<R: Runtime> Future for ClientTask<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let shared = Arc::clone(&this.shared);
        // Twice, because a consumer that read may have finished before it was asked for a wake-up.
        for _ in 0..2 {
            if let Some(mut intake) = shared.try_intake() {
                let (poll, deferred) = this.poll_with(&mut intake, cx);
                drop(intake);
                shared.settle(deferred);
                return poll;
            }
            this.wait_for_reader(cx);
        }
        if this.poll_sleep(cx) {
            cx.waker().wake_by_ref();
        }
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
            last_ticket: 0,
            dial: None,
            sleep: None,
            rest_handler,
            rest_futures: Vec::new(),
            session: None,
            patience: Patience::default(),
            loan_end: None,
            waits: None,
        }
    }

    /// Polls the task. Returns the wakers to be woken once the intake is free.
    fn poll_with(&mut self, intake: &mut Intake<R::Link>, cx: &mut Context<'_>) -> (Poll<()>, Deferred) {
        intake.begin(cx.waker(), || self.shared.runtime.now());
        // A consumer that was woken and has not waited since is busy, and reads on by itself.
        let mut awaited = self.waits.take().filter(|_| intake.is_open());
        for _ in 0..MAX_ROUNDS {
            let may_read = awaited.is_none() && self.may_read(intake.is_crowded);
            self.poll_dial(intake, cx);
            self.poll_rest_futures(intake, cx);
            self.poll_session(intake, cx);
            self.poll_link(intake, cx, may_read);
            let had_inputs = !intake.inputs.is_empty();
            let (Round { is_over, has_woken, is_lent }, mut deferred) = self.run_machine(intake, cx, awaited);
            // Consumers that may read are woken once the intake is free.
            if !is_lent {
                self.shared.settle(core::mem::take(&mut deferred));
            }
            if is_over {
                intake.link = None;
                return (Poll::Ready(()), deferred);
            }
            let had_actions = !intake.actions.is_empty();
            self.perform_actions(intake);
            self.shared.payloads.discard_until(self.last_ticket);
            if is_lent {
                if self.poll_sleep(cx) {
                    cx.waker().wake_by_ref();
                }
                return (Poll::Pending, deferred);
            }
            if awaited.take().is_some() {
                continue;
            }
            // Without inputs, actions and a due deadline, every waker is registered.
            if !had_inputs && !had_actions && intake.inputs.is_empty() && !self.poll_sleep(cx) {
                // For a queue that this round crowded, the wait begins with the next poll.
                if intake.is_crowded && self.patience.end().is_none() {
                    break;
                }
                return (Poll::Pending, deferred);
            }
            // On a runtime with one thread, the consumers run once this returns. What was requested
            // is written before: a reply that is awaited may say so.
            if has_woken || intake.is_crowded {
                if had_actions {
                    self.poll_link(intake, cx, false);
                }
                break;
            }
        }
        self.shared.runtime.yield_now(cx);
        (Poll::Pending, Deferred::default())
    }

    /// Has the consumer that reads at this moment wake the task, or the sleep if it does not.
    fn wait_for_reader(&mut self, cx: &Context<'_>) {
        self.loan_end = Some(self.shared.runtime.now() + LOAN);
        self.shared.with(|state| {
            state.loan = Loan::Awaited;
            state.set_task(cx.waker());
        });
    }

    /// Returns `false` while the task waits for room in the queues.
    fn may_read(&mut self, is_crowded: bool) -> bool {
        // Only what was read crowds a queue.
        if !is_crowded && self.patience.end().is_none() {
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

    /// Hands in the inputs and takes the actions that follow. `awaited` is what `waits` was
    /// when the poll began: if it still holds, the consumers that were woken are busy.
    fn run_machine(
        &mut self,
        intake: &mut Intake<R::Link>,
        cx: &Context<'_>,
        awaited: Option<usize>,
    ) -> (Round, Deferred) {
        let now = self.shared.runtime.now();
        let rest_futures = &mut self.rest_futures;
        let payloads = &self.shared.payloads;
        let (last_ticket, loan_end, waits) = (&mut self.last_ticket, &mut self.loan_end, &mut self.waits);
        let ((round, settled, noted), deferred) = self.shared.with_deferred(|state| {
            state.set_task(cx.waker());
            let woken_before = (state.deferred.wakers.len(), state.consumers.woken());
            intake.hand_in(now, state);
            *last_ticket = payloads.last_ticket();
            let is_settled = |(id, _): &mut (RestRequestId, Contained<RestResult>)| !state.machine.is_rest_pending(*id);
            let settled: Vec<_> = rest_futures.extract_if(.., is_settled).collect();
            let is_over = state.handles == 0 && state.machine.status().state == ConnectionState::Stopped;
            let woken = state.deferred.wakers.len() - woken_before.0;
            let are_consumers = woken == state.consumers.woken() - woken_before.1;
            let is_awaited = awaited == Some(state.consumers.waits());
            let has_readers = are_consumers && (woken > 0 || is_awaited);
            let is_lent = has_readers && intake.lend(now, is_awaited);
            *waits = (has_readers && !is_lent).then(|| state.consumers.waits());
            state.loan = if is_lent { Loan::Lent } else { Loan::None };
            if is_lent && loan_end.is_none_or(|end| end <= now) {
                *loan_end = Some(now + LOAN);
            }
            (Round { is_over, has_woken: woken > 0, is_lent }, settled, state.noted.take())
        });
        // These futures are code of the application: dropping them may use the client, which takes
        // the lock.
        drop(settled);
        self.trace.write(noted);
        (round, deferred)
    }

    fn perform_actions(&mut self, intake: &mut Intake<R::Link>) {
        while let Some(action) = intake.actions.pop_front() {
            match action {
                Action::Connect { conn } => {
                    intake.link = None;
                    self.dial = Some((conn, self.dial()));
                }
                Action::Abandon { conn } => {
                    self.dial = self.dial.take().filter(|(other, _)| *other != conn);
                    intake.link = intake.link.take().filter(|open| open.conn != conn);
                }
                Action::SendText { conn, text } => self.write_payload(intake, conn, text),
                Action::Ping { conn } => write(intake, conn, OutgoingMessage::Ping),
                Action::Close { conn, code } => write(intake, conn, OutgoingMessage::Close(code)),
                Action::SendSession { conn } => {
                    let open = intake.link.as_mut().filter(|open| open.conn == conn);
                    match open.and_then(|open| open.session.take()) {
                        Some(session) => send_session(intake, conn, &session),
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
                    None => intake.inputs.push(Input::RestDone(id, Err(RestError::new("there is no REST handler")))),
                },
            }
        }
    }

    /// Writes a text of the machine. Calls the processor of the application if it has one.
    fn write_payload(&self, intake: &mut Intake<R::Link>, conn: ConnId, text: String) {
        match self.shared.payloads.redeem(text) {
            Payload::Text(text) => write(intake, conn, OutgoingMessage::Text(text)),
            Payload::Panicked(channel) => {
                let at = self.shared.runtime.now();
                let panic = channel.map(|channel| Event::ProcessorPanicked(ProcessorPanic { channel, at }));
                self.shared.with(|state| panic.into_iter().for_each(|mut event| state.deliver(&mut event)));
            }
        }
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

    fn poll_dial(&mut self, intake: &mut Intake<R::Link>, cx: &mut Context<'_>) {
        let Some((conn, dial)) = &mut self.dial else { return };
        let Poll::Ready(result) = dial.as_mut().poll(cx) else { return };
        let conn = *conn;
        self.dial = None;
        intake.inputs.push(match result {
            Ok((link, session)) => {
                let link = QueuedLink::new(link, self.target.limits.max_write_buffer);
                intake.link = Some(OpenLink { conn, session, link });
                Input::Opened(conn)
            }
            Err(error) => Input::ConnectFailed(conn, error),
        });
    }

    fn poll_rest_futures(&mut self, intake: &mut Intake<R::Link>, cx: &mut Context<'_>) {
        let inputs = &mut intake.inputs;
        self.rest_futures.retain_mut(|(id, future)| match Pin::new(future).poll(cx) {
            Poll::Ready(result) => {
                let panicked = || Err(RestError::new("the REST handler panicked"));
                inputs.push(Input::RestDone(*id, result.unwrap_or_else(panicked)));
                false
            }
            Poll::Pending => true,
        });
    }

    fn poll_session(&mut self, intake: &mut Intake<R::Link>, cx: &mut Context<'_>) {
        let Some((conn, session)) = &mut self.session else { return };
        let Poll::Ready(credentials) = Pin::new(session).poll(cx) else { return };
        let conn = *conn;
        self.session = None;
        match credentials.and_then(Result::ok).and_then(|credentials| credentials.session().cloned()) {
            Some(session) => send_session(intake, conn, &session),
            None => intake.inputs.push(Input::Session(conn, SessionUpdate::Unavailable)),
        }
    }

    fn poll_link(&mut self, intake: &mut Intake<R::Link>, cx: &mut Context<'_>, may_read: bool) {
        let Some(open) = &mut intake.link else { return };
        // The read half reports a write that fails.
        let _ = open.link.poll_write(cx);
        if let Some(cause) = open.link.stalled() {
            intake.inputs.push(Input::Closed(open.conn, cause));
            intake.link = None;
            return;
        }
        if may_read {
            intake.read();
        }
    }

    /// Arms the sleep for the machine's next deadline. Returns `true` if that has passed.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.shared.with(|state| state.machine.poll_timeout());
        let Some(at) = due.into_iter().chain(self.patience.end()).chain(self.loan_end).min() else {
            self.sleep = None;
            return false;
        };
        if self.sleep.as_ref().is_none_or(|(armed, _)| *armed != at) {
            self.sleep = Some((at, Box::pin(self.shared.runtime.sleep_until(at))));
        }
        let has_passed = self.sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if has_passed {
            self.sleep = None;
            self.loan_end = self.loan_end.filter(|end| *end > at);
        }
        has_passed
    }
}

fn write<L: Link>(intake: &mut Intake<L>, conn: ConnId, message: OutgoingMessage) {
    if let Some(open) = intake.link.as_mut().filter(|open| open.conn == conn) {
        open.link.write(message);
    }
}

fn send_session<L: Link>(intake: &mut Intake<L>, conn: ConnId, session: &Secret) {
    let text = std::format!("{{\"session\":\"{}\"}}", session.expose());
    write(intake, conn, OutgoingMessage::Text(text));
    intake.inputs.push(Input::Session(conn, SessionUpdate::Sent));
}
