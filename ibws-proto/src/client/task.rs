//! The task: runs the machine over one runtime. It carries out actions, hands in what happens, and decides nothing.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::collections::VecDeque;
use std::sync::Arc;
use std::vec::Vec;

use super::rest_handler::{RestFuture, RestHandler};
use super::shared::Shared;
use crate::transport::Secret;
use crate::transport::{CredentialsFuture, CredentialsProvider};
use crate::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime};
use crate::{Action, ConnId, ConnectError, ConnectionState, Input, Instant, RestRequestId, SessionUpdate};

/// Rounds in one poll before other tasks get their turn.
const ROUNDS: usize = 16;
/// Frames taken from the socket in one round, and handed in under one lock.
const BATCH: usize = 64;

type Dial<L> = Pin<Box<dyn Future<Output = Result<(L, Option<Secret>), ConnectError>> + Send>>;

/// The driver, as a future that ends when the last handle is gone and the machine has stopped.
pub(super) struct ClientTask<R: Runtime> {
    shared: Arc<Shared<R>>,
    /// What to dial, but for the credentials.
    target: DialRequest,
    credentials: Arc<dyn CredentialsProvider>,
    actions: VecDeque<Action>,
    inputs: Vec<Input>,
    dial: Option<(ConnId, Dial<R::Link>)>,
    link: Option<Open<R::Link>>,
    sleep: Option<(Instant, Pin<Box<R::Sleep>>)>,
    rest_handler: Option<Arc<dyn RestHandler>>,
    /// Questions that the host is at work on. One whose time is over is answered to nobody.
    asked: Vec<(RestRequestId, RestFuture)>,
    /// The session to be sent, on its way from the provider.
    session: Option<(ConnId, CredentialsFuture)>,
}

/// An open connection.
struct Open<L> {
    conn: ConnId,
    link: L,
    /// The session it was opened with, to be sent if the gateway asks.
    session: Option<Secret>,
    queue: VecDeque<OutgoingMessage>,
    /// Bytes of the texts in it.
    queued: usize,
    /// The message that waits for room.
    next: Option<OutgoingMessage>,
    /// A write failed: the read half will tell how it ended.
    broken: bool,
}

impl<R: Runtime> ClientTask<R> {
    pub(super) fn new(
        shared: Arc<Shared<R>>,
        target: DialRequest,
        credentials: Arc<dyn CredentialsProvider>,
        rest_handler: Option<Arc<dyn RestHandler>>,
    ) -> Self {
        Self {
            shared,
            target,
            credentials,
            actions: VecDeque::new(),
            inputs: Vec::with_capacity(BATCH),
            dial: None,
            link: None,
            sleep: None,
            rest_handler,
            asked: Vec::new(),
            session: None,
        }
    }

    /// Hands in what has been gathered and takes what comes of it; says whether the task is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.shared.runtime.now();
        let (inputs, actions, asked) = (&mut self.inputs, &mut self.actions, &mut self.asked);
        self.shared.with(|state| {
            if state.task.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                let before = state.task.replace(cx.waker().clone());
                state.dropped_wakers.extend(before);
            }
            for input in inputs.drain(..) {
                state.machine.handle(now, input);
                state.drain(actions);
            }
            // The clock decides, not the sleep.
            if state.machine.poll_timeout().is_some_and(|at| at <= now) {
                state.machine.handle(now, Input::Tick);
                state.drain(actions);
            }
            asked.retain(|(id, _)| state.machine.is_rest_pending(*id));
            state.handles == 0 && state.machine.status().state == ConnectionState::Stopped
        })
    }

    fn act(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Connect { conn } => {
                    self.link = None;
                    self.dial = Some((conn, self.dialling()));
                }
                Action::Abandon { conn } => {
                    self.dial = self.dial.take().filter(|(other, _)| *other != conn);
                    self.link = self.link.take().filter(|open| open.conn != conn);
                }
                Action::SendText { conn, text } => self.write(conn, OutgoingMessage::Text(text)),
                Action::Ping { conn } => self.write(conn, OutgoingMessage::Ping),
                Action::Close { conn, code } => self.write(conn, OutgoingMessage::Close(code)),
                Action::SendSession { conn } => {
                    let open = self.link.as_mut().filter(|open| open.conn == conn);
                    match open.and_then(|open| open.session.take()) {
                        Some(session) => self.send_session(conn, &session),
                        // There was none, or the gateway did not take it: perhaps there is another by now.
                        None => self.session = Some((conn, self.credentials.credentials())),
                    }
                }
                Action::Rest { id, request } => match &self.rest_handler {
                    Some(handler) => self.asked.push((id, handler.handle(request))),
                    None => self.inputs.push(Input::RestDone(id, false)),
                },
            }
        }
    }

    fn write(&mut self, conn: ConnId, message: OutgoingMessage) {
        if let Some(open) = self.link.as_mut().filter(|open| open.conn == conn && !open.broken) {
            open.queued += size(&message);
            open.queue.push_back(message);
        }
    }

    fn send_session(&mut self, conn: ConnId, session: &Secret) {
        let text = std::format!("{{\"session\":\"{}\"}}", session.expose());
        self.write(conn, OutgoingMessage::Text(text));
        self.inputs.push(Input::Session(conn, SessionUpdate::Sent));
    }

    /// What the host and the provider of credentials have to say.
    fn poll_providers(&mut self, cx: &mut Context<'_>) {
        let inputs = &mut self.inputs;
        self.asked.retain_mut(|(id, answer)| match answer.as_mut().poll(cx) {
            Poll::Ready(done) => {
                inputs.push(Input::RestDone(*id, done));
                false
            }
            Poll::Pending => true,
        });
        let Some((conn, session)) = &mut self.session else { return };
        let Poll::Ready(credentials) = session.as_mut().poll(cx) else { return };
        let conn = *conn;
        self.session = None;
        match credentials.ok().and_then(|credentials| credentials.session().cloned()) {
            Some(session) => self.send_session(conn, &session),
            None => self.inputs.push(Input::Session(conn, SessionUpdate::Unavailable)),
        }
    }

    fn dialling(&self) -> Dial<R::Link> {
        let credentials = self.credentials.credentials();
        let shared = self.shared.clone();
        let mut request = self.target.clone();
        Box::pin(async move {
            request.credentials = credentials.await?;
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
                self.link =
                    Some(Open { conn, link, session, queue: VecDeque::new(), queued: 0, next: None, broken: false });
                Input::Opened(conn)
            }
            Err(error) => Input::ConnectFailed(conn, error),
        });
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) {
        let Some(open) = &mut self.link else { return };
        open.poll_write(cx);
        // A peer that stopped reading must not make us hold whatever it is sent.
        if open.queued > self.target.limits.max_write_buffer {
            self.inputs.push(Input::Closed(open.conn, None));
            self.link = None;
            return;
        }
        for _ in 0..BATCH {
            let Poll::Ready(received) = open.link.poll_recv(cx) else { return };
            let conn = open.conn;
            self.inputs.push(match received {
                IncomingMessage::Frame(bytes) => Input::Frame(conn, bytes),
                IncomingMessage::Pong => Input::Pong(conn),
                IncomingMessage::Ping => Input::Pinged(conn),
                IncomingMessage::Closed(code) => {
                    self.inputs.push(Input::Closed(conn, code));
                    self.link = None;
                    return;
                }
            });
        }
    }

    /// Arms the sleep for the machine's next deadline; says whether that has passed already.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at) = self.shared.with(|state| state.machine.poll_timeout()) else {
            self.sleep = None;
            return false;
        };
        if self.sleep.as_ref().is_none_or(|(armed, _)| *armed != at) {
            self.sleep = Some((at, Box::pin(self.shared.runtime.sleep_until(at))));
        }
        let woken = self.sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if woken {
            self.sleep = None;
        }
        woken
    }
}

impl<L: Link> Open<L> {
    /// Writes what there is room for. Reading goes on while this waits.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        while !self.broken {
            if self.next.is_none() {
                self.next = self.queue.pop_front();
                self.queued -= self.next.as_ref().map_or(0, size);
            }
            if self.next.is_none() {
                break;
            }
            match self.link.poll_send(cx, &mut self.next) {
                Poll::Ready(Ok(())) => self.next = None,
                Poll::Ready(Err(_)) => self.give_up(),
                Poll::Pending => return,
            }
        }
        // Also what the WebSocket library answers by itself: pongs, the peer's Close.
        if !self.broken && matches!(self.link.poll_flush(cx), Poll::Ready(Err(_))) {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.broken = true;
        self.next = None;
        self.queue.clear();
        self.queued = 0;
    }
}

fn size(message: &OutgoingMessage) -> usize {
    match message {
        OutgoingMessage::Text(text) => text.len(),
        OutgoingMessage::Ping | OutgoingMessage::Close(_) => 0,
    }
}

impl<R: Runtime> Future for ClientTask<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..ROUNDS {
            this.poll_dial(cx);
            this.poll_providers(cx);
            this.poll_link(cx);
            let came = !this.inputs.is_empty();
            if this.turn(cx) {
                return Poll::Ready(());
            }
            let asked = !this.actions.is_empty();
            this.act();
            // Nothing came, nothing was asked for, nothing is due: every waker is in its place.
            if !came && !asked && this.inputs.is_empty() && !this.poll_sleep(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<R: Runtime> Drop for ClientTask<R> {
    fn drop(&mut self) {
        self.shared.finish();
    }
}
