//! A runtime whose dials, links and clock are moved by hand.
//!
//! A dial waits until [`Line::end_dial`], a link has what the peer puts in, accepts writes unless
//! it is stuck, and may take only some steps before it yields. Every waker that is stored is woken
//! exactly when a real one would be, so that a future which is ready without having been woken is a
//! lost wake.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ibws_proto::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
use ibws_proto::{CloseCause, ConnectError, ConnectErrorKind, Instant};

use crate::runtime::{Tasks, Timers};

/// The longest time for which the client reads nothing, while it waits for room in a queue.
const PATIENCE: Duration = Duration::from_millis(5);

/// The runtime. Clones are handles of the same runtime.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<Inner>);

#[derive(Default)]
struct Inner {
    tasks: Tasks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Instant,
    timers: Timers,
    last: u64,
    dials: BTreeMap<u64, Dial>,
    links: BTreeMap<u64, Ends>,
    /// Messages that links took from the client or gave to it.
    moved: u64,
}

#[derive(Default)]
struct Dial {
    waker: Option<Waker>,
    result: Option<Result<(), ConnectErrorKind>>,
}

/// What a link has for the client, and what it does with writes.
#[derive(Default)]
struct Ends {
    incoming: VecDeque<IncomingMessage>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    is_stuck: bool,
    is_broken: bool,
    /// The link gave the end of the connection to the client.
    is_over: bool,
    /// Each message is followed by a pause in which the link wakes its reader itself.
    yields: bool,
    pause: bool,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `act` on the state, and wakes what it returns.
    fn act(&self, act: impl FnOnce(&mut State) -> Vec<Waker>) {
        let wakers = act(&mut self.state());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends the dial that waits, if there is one.
    pub(super) fn end_dial(&self, result: Result<(), ConnectErrorKind>) {
        self.act(|state| {
            let dial = state.dials.values_mut().find(|dial| dial.result.is_none());
            dial.map_or(Vec::new(), |dial| {
                dial.result = Some(result);
                dial.waker.take().into_iter().collect()
            })
        });
    }

    /// Changes the newest link, if there is one, and wakes what waits for it.
    fn change(&self, change: impl FnOnce(&mut Ends)) {
        self.act(|state| {
            let Some(ends) = state.links.values_mut().next_back() else { return Vec::new() };
            change(ends);
            let reader = if ends.incoming.is_empty() { None } else { ends.reader.take() };
            let writer = if ends.is_stuck && !ends.is_broken { None } else { ends.writer.take() };
            reader.into_iter().chain(writer).collect()
        });
    }

    /// The peer sends a message, or ends the connection.
    pub(super) fn send(&self, message: IncomingMessage) {
        self.change(|ends| {
            if !matches!(ends.incoming.back(), Some(IncomingMessage::Closed(_))) {
                ends.incoming.push_back(message);
            }
        });
    }

    /// Lets the socket accept bytes, or not.
    pub(super) fn stick(&self, is_stuck: bool) {
        self.change(|ends| ends.is_stuck = is_stuck);
    }

    /// Lets every later write fail.
    pub(super) fn break_writes(&self) {
        self.change(|ends| ends.is_broken = true);
    }

    /// Lets the link yield after each message, or not.
    pub(super) fn yield_after_each(&self, yields: bool) {
        self.change(|ends| ends.yields = yields);
    }

    /// Polls the tasks that were woken until none is. Returns the number of polls.
    ///
    /// # Panics
    /// If that does not end, or if a link then has something that the client did not read and does
    /// not come back to within [`PATIENCE`].
    pub(super) fn settle(&self) -> usize {
        let mut polls = 0;
        while self.0.tasks.poll_first() {
            polls += 1;
            assert!(polls < 10_000, "the tasks wake one another without end");
        }
        let state = self.state();
        let waits = state.timers.next().is_some_and(|next| next <= state.now + PATIENCE);
        for (number, ends) in &state.links {
            let is_read = ends.is_over || ends.incoming.is_empty();
            assert!(is_read || waits, "link {number} was not read: a lost wake");
        }
        polls
    }

    /// Polls the task that was woken first, if one was.
    pub(super) fn poll_one(&self) {
        self.0.tasks.poll_first();
    }

    /// Polls every task although none was woken, which must change nothing.
    pub(super) fn poll_all(&self) {
        self.0.tasks.wake_all();
        self.settle();
    }

    /// Lets time pass until the next timer, at most `span`. Returns `false` if there was none.
    pub(super) fn pass(&self, span: Duration) -> bool {
        let mut is_due = false;
        self.act(|state| {
            let end = state.now + span;
            let next = state.timers.next().filter(|next| *next <= end);
            is_due = next.is_some();
            state.now = next.unwrap_or(end).max(state.now);
            state.timers.due(state.now)
        });
        is_due
    }

    /// The number of tasks that have not ended, of messages that were moved, and of timers and
    /// links and dials together.
    pub(super) fn counts(&self) -> (usize, u64, usize) {
        let state = self.state();
        let remaining = state.timers.len() + state.links.len() + state.dials.len();
        (self.0.tasks.len(), state.moved, remaining)
    }

    /// The number of handles of this runtime.
    pub(super) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl Runtime for Line {
    type Link = LineLink;
    type Sleep = LineSleep;

    fn now(&self) -> Instant {
        self.state().now
    }

    fn sleep_until(&self, at: Instant) -> LineSleep {
        LineSleep { line: self.clone(), at, timer: None }
    }

    fn dial(&self, _: DialRequest) -> impl Future<Output = Result<LineLink, ConnectError>> + Send + 'static {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.dials.insert(number, Dial::default());
        LineDial { line: self.clone(), number }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(Box::pin(task));
    }
}

/// A pending dial.
pub(super) struct LineDial {
    line: Line,
    number: u64,
}

impl Future for LineDial {
    type Output = Result<LineLink, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.line.state();
        let dial = state.dials.entry(self.number).or_default();
        match dial.result {
            None => {
                let before = dial.waker.replace(cx.waker().clone());
                drop(state);
                drop(before);
                Poll::Pending
            }
            Some(Err(kind)) => Poll::Ready(Err(ConnectError::new(kind, "the dial is refused"))),
            Some(Ok(())) => {
                state.links.insert(self.number, Ends::default());
                Poll::Ready(Ok(LineLink { line: self.line.clone(), number: self.number }))
            }
        }
    }
}

impl Drop for LineDial {
    fn drop(&mut self) {
        let dial = self.line.state().dials.remove(&self.number);
        drop(dial);
    }
}

/// An open connection.
pub(super) struct LineLink {
    line: Line,
    number: u64,
}

impl Link for LineLink {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let mut state = self.line.state();
        let ends = state.links.entry(self.number).or_default();
        assert!(!ends.is_over, "the link is polled after its end");
        if ends.yields && std::mem::take(&mut ends.pause) {
            drop(state);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(message) = ends.incoming.pop_front() {
            ends.is_over = matches!(message, IncomingMessage::Closed(_));
            ends.pause = true;
            state.moved += 1;
            return Poll::Ready(message);
        }
        let before = ends.reader.replace(cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        let ready = self.poll_flush(cx);
        if ready == Poll::Ready(Ok(())) {
            assert!(message.take().is_some(), "there is nothing to send");
            self.line.state().moved += 1;
        }
        ready
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        let mut state = self.line.state();
        let ends = state.links.entry(self.number).or_default();
        if ends.is_broken {
            return Poll::Ready(Err(WriteError));
        }
        if !ends.is_stuck {
            return Poll::Ready(Ok(()));
        }
        let before = ends.writer.replace(cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for LineLink {
    fn drop(&mut self) {
        let ends = self.line.state().links.remove(&self.number);
        drop(ends);
    }
}

/// A pending sleep.
pub(super) struct LineSleep {
    line: Line,
    at: Instant,
    timer: Option<u64>,
}

impl Future for LineSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.line.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let timer = state.timers.set(self.at, self.timer, cx.waker());
        drop(state);
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Drop for LineSleep {
    fn drop(&mut self) {
        let waker = self.timer.and_then(|timer| self.line.state().timers.clear(self.at, timer));
        drop(waker);
    }
}

/// The ways in which a connection ends, for a schedule to choose from.
pub(super) fn ends() -> [CloseCause; 4] {
    [CloseCause::Eof, CloseCause::Close(Some(1000)), CloseCause::Close(None), CloseCause::Failed("reset".into())]
}
