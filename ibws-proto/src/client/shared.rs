//! The state that the client's task and its handles share behind one lock: the machine, the replies
//! and the queues.
//!
//! Code of the application that runs under the lock would deadlock as soon as it uses the client.
//! So none runs there, apart from what the last paragraph names:
//!
//! - Wakers are woken, and dropped, once the lock is released: waking one may run a task, and
//!   dropping the last waker of a task may drop the task with the handles that it holds. They are
//!   collected in [`Deferred`].
//! - The clock of the runtime is read, and limits of queues are requested from the application,
//!   before the lock is taken.
//! - REST futures that are no longer awaited, and the queues of detached consumers, are moved out
//!   of the lock and dropped.
//! - Folded rows are assembled by the consumer, and sinks, REST handlers and credentials providers
//!   are called by their tasks, without the lock.
//! - Events are noted under the lock, and the task logs them once it is released.
//! - Processors are called by the client's task, and dropped once the lock is released; see
//!   [`Payloads`].
//!
//! Two things from outside run under the lock. A waker is cloned, which is code of the executor. A
//! frame that a full queue drops releases its bytes, which is code of whoever allocated them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, TryLockError};
use std::task::{Poll, Waker};
use std::time::SystemTime;
use std::vec::Vec;

use super::consumers::{ConsumerId, Consumers, Take};
use super::intake::Intake;
use super::payloads::Payloads;
use super::replies::Replies;
use super::sync::{Mutex, MutexGuard};
use super::trace::{ClientSpan, Noted};
use crate::queue::{Batch, Queue};
use crate::transport::{Endpoint, Runtime};
use crate::{
    Action, CloseCause, Command, CommandError, Event, Input, Instant, Machine, Output, Reply, RequestId,
    SubscriptionKey,
};

/// What the task and every handle share. The lock is never held across an await.
pub(super) struct Shared<R: Runtime> {
    pub(super) runtime: R,
    /// The wall-clock time of the origin of the runtime's clock.
    pub(super) origin: SystemTime,
    /// The payloads that processors of the application build.
    pub(super) payloads: Arc<Payloads>,
    /// The number of the client in its process.
    pub(super) number: u64,
    pub(super) span: ClientSpan,
    /// Whoever has locked it reads the connection. Nobody waits for this lock, and nobody takes it
    /// who holds that of the state.
    intake: Mutex<Intake<R::Link>>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) machine: Machine,
    /// Wakes the task.
    pub(super) task: Option<Waker>,
    /// The number of handles of any kind. Dropping the last one shuts the client down.
    pub(super) handles: usize,
    /// Set once the task has ended: requests get no other reply than [`CommandError::ShutDown`].
    finished: bool,
    replies: Replies,
    pub(super) consumers: Consumers,
    pub(super) loan: Loan,
    pub(super) deferred: Deferred,
    /// Events that the task logs once the lock is released.
    pub(super) noted: Noted,
}

/// Whether the task leaves the reading to the consumers. While it does, a consumer that waits for
/// an event wakes the task.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Loan {
    /// The task is woken by the link and by requests.
    #[default]
    None,
    /// A consumer may read. Once the link is empty, no consumer has to wake the task.
    Lent,
    /// The task was polled while a consumer read, and waits for the end of that. No other round
    /// begins before it.
    Awaited,
}

/// Wakers that are woken or dropped once the lock is released.
#[derive(Default)]
pub(super) struct Deferred {
    /// To be woken: a waker may run any code.
    pub(super) wakers: Vec<Waker>,
    /// To be dropped: the last waker of a task drops the task, and the handles that it holds.
    pub(super) dropped_wakers: Vec<Waker>,
}

impl<R: Runtime> Shared<R> {
    pub(super) fn new(
        runtime: R,
        payloads: Arc<Payloads>,
        machine: Machine,
        total_queue_bytes: usize,
        endpoint: &Endpoint,
    ) -> Self {
        static CLIENTS: AtomicU64 = AtomicU64::new(0);
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed) + 1;
        let state = State {
            machine,
            task: None,
            handles: 0,
            finished: false,
            replies: Replies::default(),
            consumers: Consumers::new(total_queue_bytes),
            loan: Loan::None,
            deferred: Deferred::default(),
            noted: Noted::default(),
        };
        let origin = super::clock::origin(&runtime);
        let span = ClientSpan::new(number, endpoint);
        let intake = Mutex::new(Intake::new());
        Self { runtime, origin, payloads, number, span, intake, state: Mutex::new(state) }
    }

    /// Calls `act` under the lock, then wakes and drops the deferred wakers, and drops processors.
    /// `act` must not run code of the application.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (result, deferred) = self.with_deferred(act);
        self.settle(deferred);
        result
    }

    /// As [`with`](Self::with), but returns what is deferred, for [`settle`](Self::settle).
    pub(super) fn with_deferred<T>(&self, act: impl FnOnce(&mut State) -> T) -> (T, Deferred) {
        let mut state = self.lock();
        let result = act(&mut state);
        let deferred = core::mem::take(&mut state.deferred);
        drop(state);
        (result, deferred)
    }

    /// Wakes and drops deferred wakers, and drops processors.
    pub(super) fn settle(&self, deferred: Deferred) {
        let Deferred { wakers, dropped_wakers } = deferred;
        wakers.into_iter().for_each(Waker::wake);
        drop(dropped_wakers);
        self.payloads.drop_processors();
    }

    /// Returns the intake; `None` while somebody else reads.
    pub(super) fn try_intake(&self) -> Option<MutexGuard<'_, Intake<R::Link>>> {
        match self.intake.try_lock() {
            Ok(intake) => Some(intake),
            // A panic interrupts a round, and leaves the rest of it to the next one.
            Err(TryLockError::Poisoned(intake)) => Some(intake.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Reads a round in the place of the task, for a consumer whose queue is empty, and moves a
    /// batch of items from that queue to `into`. Returns `None` if nothing may be read, otherwise
    /// whether another task was woken.
    pub(super) fn read_in_turn(&self, consumer: ConsumerId, into: &mut Batch) -> Option<bool> {
        let mut intake = self.try_intake().filter(|intake| intake.is_open())?;
        intake.read_in_turn();
        let now = self.runtime.now();
        let (wakes_another, orphan) = self.with(move |state| {
            // The task drops the link when it ends, unless the intake is locked at that moment.
            if state.finished {
                return (false, Some((intake.link.take(), core::mem::take(&mut intake.inputs))));
            }
            intake.hand_in(now, state);
            state.take(consumer, into, None, false);
            if state.loan == Loan::Lent && intake.is_done() {
                state.loan = Loan::None;
            }
            // Within the lock of the state, so that a task that ends now finds the intake free.
            drop(intake);
            (!state.deferred.wakers.is_empty(), None)
        });
        drop(orphan);
        Some(wakes_another)
    }

    /// Submits a request whose reply can be awaited.
    pub(super) fn submit(&self, command: Command) -> RequestId {
        let now = self.runtime.now();
        self.with(|state| state.submit(now, command))
    }

    /// Submits a request whose reply is not awaited.
    pub(super) fn order(&self, command: Command) {
        let now = self.runtime.now();
        self.with(|state| {
            if !state.finished {
                state.machine.submit(now, command);
                state.wake_task();
            }
        });
    }

    /// Ends the client because its task has ended. Returns the events that are not logged yet.
    pub(super) fn finish(&self) -> Noted {
        // A panic under the lock may have interrupted the machine: it is not run again.
        let is_sound = self.state.lock().is_ok();
        let noted = self.with(|state| {
            if is_sound {
                state.stop();
            }
            state.finish();
            state.noted.take()
        });
        // A consumer that reads at this moment drops the link.
        drop(self.try_intake().and_then(|mut intake| intake.link.take()));
        noted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is used after a panic under the lock as well. Only the clone of a waker can
        // panic there, and all it interrupts is one request or one poll.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Submits a request whose reply can be awaited.
    pub(super) fn submit(&mut self, now: Instant, command: Command) -> RequestId {
        if self.finished {
            // The machine only provides a number: no task performs its actions or takes its
            // outputs.
            let id = self.machine.submit(now, Command::Cancel(RequestId(0)));
            while self.machine.poll().is_some() {}
            self.replies.fail(id, CommandError::ShutDown);
            return id;
        }
        let id = self.machine.submit(now, command);
        self.replies.expect(id);
        self.wake_task();
        id
    }

    /// Delivers an event, of the machine or of the client, from its [place](Event::take).
    #[inline]
    pub(super) fn deliver(&mut self, event: &mut Event) {
        self.noted.note(event);
        self.consumers.deliver(event, &mut self.deferred);
    }

    /// Takes the outputs of the machine: delivers events and replies, and collects the actions for
    /// the task.
    pub(super) fn drain(&mut self, actions: &mut VecDeque<Action>) {
        // Nearly every output is the message of a frame.
        let Self { machine, noted, consumers, deferred, .. } = self;
        machine.deliver_message(|event| {
            noted.note(event);
            consumers.deliver(event, deferred);
        });
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Event(mut event) => self.deliver(&mut event),
                Output::Action(action) => actions.push_back(action),
                Output::Done(id, result) => self.replies.resolve(id, result, &mut self.deferred),
            }
        }
    }

    /// Moves a batch of items from the queue of `consumer` to `into`. If there is none, remembers
    /// the waker, if any; but not during a loan if the consumer `may_read`.
    pub(super) fn take(
        &mut self,
        consumer: ConsumerId,
        into: &mut Batch,
        waker: Option<&Waker>,
        may_read: bool,
    ) -> Take {
        let was_crowded = self.consumers.is_crowded();
        let kept = waker.filter(|_| !(may_read && self.loan == Loan::Lent));
        let take = self.consumers.take(consumer, into, kept, self.finished, &mut self.deferred);
        self.wake_if_relieved(was_crowded);
        match take {
            Take::Nothing if waker.is_some() && kept.is_none() => Take::Read,
            Take::Nothing if kept.is_some() => {
                self.end_loan();
                Take::Nothing
            }
            take => take,
        }
    }

    /// Leaves the reading to the task again.
    fn end_loan(&mut self) {
        if core::mem::take(&mut self.loan) != Loan::None {
            self.wake_task();
        }
    }

    /// Detaches a consumer. Returns its queue if no other consumer reads it.
    pub(super) fn detach(&mut self, consumer: ConsumerId) -> Option<Queue> {
        let was_crowded = self.consumers.is_crowded();
        let queue = self.consumers.detach(consumer, &mut self.deferred);
        self.wake_if_relieved(was_crowded);
        self.end_loan();
        queue
    }

    /// Wakes the task, which waits for room in the queues, once there is room: nothing else wakes
    /// it before its patience ends.
    fn wake_if_relieved(&mut self, was_crowded: bool) {
        if was_crowded && !self.consumers.is_crowded() {
            self.wake_task();
        }
    }

    /// Returns the version of the newest value of a subscription once it is not `seen`; `None` once
    /// there will be no other.
    pub(super) fn poll_latest(
        &mut self,
        key: &SubscriptionKey,
        number: u64,
        seen: u64,
        waker: &Waker,
    ) -> Poll<Option<u64>> {
        let Self { consumers, finished, deferred, .. } = self;
        consumers.latest.poll_changed(key, number, seen, waker, *finished, deferred)
    }

    /// Takes the reply to a request if it has come; otherwise remembers the waker.
    pub(super) fn poll_reply(&mut self, id: RequestId, waker: &Waker) -> Option<Result<Reply, CommandError>> {
        self.replies.poll(id, waker, &mut self.deferred)
    }

    /// Discards the reply to a request whose future was dropped.
    pub(super) fn forget_reply(&mut self, id: RequestId) {
        self.replies.forget(id, &mut self.deferred);
    }

    /// Remembers the waker of the task.
    pub(super) fn set_task(&mut self, waker: &Waker) {
        if self.task.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            let before = self.task.replace(waker.clone());
            self.deferred.dropped_wakers.extend(before);
        }
    }

    fn wake_task(&mut self) {
        self.deferred.wakers.extend(self.task.clone());
    }

    /// Stops the machine if the task ended before it was stopped, so that its last state is not
    /// taken for the present one.
    fn stop(&mut self) {
        // The machine's clock does not run backwards: it stands still at its latest moment.
        let now = Instant::ORIGIN;
        self.machine.submit(now, Command::Shutdown { drain: false });
        if let Some(conn) = self.machine.status().conn {
            self.machine.handle(now, Input::Closed(conn, CloseCause::Eof));
        }
        self.drain(&mut VecDeque::new());
    }

    /// Resolves every awaited reply and ends every stream.
    fn finish(&mut self) {
        self.finished = true;
        self.deferred.dropped_wakers.extend(self.task.take());
        self.replies.shut_down(&mut self.deferred);
        self.consumers.wake_all(&mut self.deferred);
    }
}
