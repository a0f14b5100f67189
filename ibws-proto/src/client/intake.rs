//! Reads the connection, and hands what it received to the machine.
//!
//! The client's task does so. While more arrives than one round reads, it lends the intake to the
//! consumers that it woke: one whose queue is empty reads the next round itself, so that a flood
//! costs no switch between the two tasks for each batch. Whoever reads, the link wakes the task.
//!
//! | the intake is | who reads | what wakes the task |
//! |---|---|---|
//! | with the task | the task | the link, a request, a deadline |
//! | lent | a consumer whose queue is empty | the same; [`LOAN`]; a consumer that waits for an event or is dropped, unless the link is empty |
//! | with a consumer | that consumer | the same |
//!
//! So a consumer that takes its items and then does something else, even one that blocks its
//! thread, holds the task up for one [`LOAN`], and for [`MAX_UNUSED`] of them in a row at most. One
//! exception is the runtime's: a consumer that waits wakes the task, and tokio may keep a task that
//! was woken on a thread for that thread, so a branch of a `select!` that blocks it holds the task
//! up as well. On a runtime of several threads, another thread has to watch the socket and the
//! timers while a consumer blocks. So the task lends
//! nothing in the first round after the link was empty, but wakes itself, by which the runtime
//! wakes another of its threads. If that thread polls it while the consumers are busy with that
//! round, it lends at once, so that the flood stays on their thread. It also lends nothing to
//! consumers who do not read; see [`MAX_UNUSED`].

use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::vec::Vec;

use super::shared::State;
use crate::transport::{IncomingMessage, Link, QueuedLink, Secret};
use crate::{Action, ConnId, Input, Instant};

/// The maximum number of messages that one round reads from the connection and hands in under one
/// lock.
const BATCH: usize = if cfg!(all(test, shuttle)) { 1 } else { 64 };
/// The size in bytes of the frames at which such a round ends, so that it does not collect many
/// large ones.
const BATCH_BYTES: usize = 64 * 1024;
/// How long the task leaves the reading to the consumers before it reads again.
pub(super) const LOAN: Duration = Duration::from_millis(1);
/// The number of rounds that a consumer reads before it lets other tasks run: as many as the task
/// reads in one poll.
pub(super) const MAX_TURNS: u8 = 16;
/// The number of loans in a row that nobody uses, after which there is none until the link is
/// empty. The consumers are slower than the connection then, or busy elsewhere.
const MAX_UNUSED: u8 = 8;

/// An open connection.
pub(super) struct OpenLink<L> {
    pub(super) conn: ConnId,
    /// The session with which the connection was opened, to be sent if the gateway requests it.
    pub(super) session: Option<Secret>,
    pub(super) link: QueuedLink<L>,
}

/// What remains to be done after a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Remaining {
    /// Nothing: the link wakes the task.
    Nothing,
    /// There may be more to read.
    Messages,
    /// What was received has to be replied to, or is the end of the connection. Only the task does
    /// that.
    Link,
}

/// The connection, and what was received from it.
pub(super) struct Intake<L> {
    pub(super) link: Option<OpenLink<L>>,
    /// What happened since the machine last ran.
    pub(super) inputs: Vec<Input>,
    /// The actions that the machine requested and that were not performed.
    pub(super) actions: VecDeque<Action>,
    /// Wakes the task.
    waker: Waker,
    /// Whether a queue is half full, as of the last round.
    pub(super) is_crowded: bool,
    remaining: Remaining,
    loans: Loans,
}

/// The loans of the task to the consumers.
#[derive(Default)]
struct Loans {
    /// When the present one began.
    since: Option<Instant>,
    /// A consumer has read in it.
    is_used: bool,
    /// The number of the last ones in a row in which nobody read.
    unused: u8,
    /// The number of rounds in a row after which there was more to read.
    full: u8,
}

impl<L: Link> Intake<L> {
    pub(super) fn new() -> Self {
        Self {
            link: None,
            inputs: Vec::with_capacity(BATCH),
            actions: VecDeque::new(),
            waker: Waker::noop().clone(),
            is_crowded: false,
            remaining: Remaining::Nothing,
            loans: Loans::default(),
        }
    }

    /// Begins a poll of the task, which ends a loan.
    pub(super) fn begin(&mut self, waker: &Waker, now: impl FnOnce() -> Instant) {
        self.waker.clone_from(waker);
        let Some(since) = self.loans.since.take() else { return };
        if core::mem::take(&mut self.loans.is_used) {
            self.loans.unused = 0;
        } else if now().since(since) >= LOAN {
            self.loans.unused = self.loans.unused.saturating_add(1);
        }
    }

    /// Reads what one round may read.
    pub(super) fn read(&mut self) {
        self.remaining = self.receive();
        if self.remaining == Remaining::Messages {
            self.loans.full = self.loans.full.saturating_add(1);
        } else {
            self.loans.full = 0;
            self.loans.unused = 0;
        }
    }

    fn receive(&mut self) -> Remaining {
        let Some(open) = &mut self.link else { return Remaining::Nothing };
        let cx = &mut Context::from_waker(&self.waker);
        let (mut bytes, mut remaining) = (0, Remaining::Nothing);
        for _ in 0..BATCH {
            if bytes >= BATCH_BYTES {
                break;
            }
            let Poll::Ready(received) = open.link.poll_recv(cx) else { return remaining };
            let conn = open.conn;
            self.inputs.push(match received {
                IncomingMessage::Frame(frame) => {
                    bytes += frame.len();
                    Input::Frame(conn, frame)
                }
                IncomingMessage::Pong => Input::Pong(conn),
                IncomingMessage::Ping => {
                    remaining = Remaining::Link;
                    Input::Pinged(conn)
                }
                IncomingMessage::Closed(cause) => {
                    self.inputs.push(Input::Closed(conn, cause));
                    self.link = None;
                    return Remaining::Link;
                }
            });
        }
        if remaining == Remaining::Nothing { Remaining::Messages } else { remaining }
    }

    /// Hands what was received to the machine, under the lock, and takes the actions that follow.
    pub(super) fn hand_in(&mut self, now: Instant, state: &mut State) {
        if !self.inputs.is_empty() {
            state.consumers.begin_round();
        }
        for input in self.inputs.drain(..) {
            state.machine.handle(now, input);
            state.drain(&mut self.actions);
        }
        // The clock decides, not the sleep: a sleep may end early.
        if state.machine.poll_timeout().is_some_and(|at| at <= now) {
            state.machine.handle(now, Input::Tick);
            state.drain(&mut self.actions);
        }
        // A request may have been made after `now`, and its outputs may wait.
        state.drain(&mut self.actions);
        self.is_crowded = state.consumers.is_crowded();
    }

    /// Returns `true` if there is more to read, and nothing to do that only the task does.
    pub(super) fn is_open(&self) -> bool {
        self.remaining == Remaining::Messages && self.actions.is_empty() && !self.is_crowded
    }

    /// Returns `true` if there is nothing to do before the link wakes the task.
    pub(super) fn is_done(&self) -> bool {
        self.remaining == Remaining::Nothing && self.actions.is_empty() && !self.is_crowded
    }

    /// Reads what one round may read, in the place of the task.
    pub(super) fn read_in_turn(&mut self) {
        self.loans.is_used = true;
        self.read();
    }

    /// Lends the intake from `now` on, unless nobody is likely to use it. `is_awaited` says that a
    /// consumer that was woken is busy. Returns whether it did.
    pub(super) fn lend(&mut self, now: Instant, is_awaited: bool) -> bool {
        let is_lent = self.is_open() && (is_awaited || self.loans.full > 1) && self.loans.unused < MAX_UNUSED;
        self.loans.since = is_lent.then_some(now);
        is_lent
    }
}
