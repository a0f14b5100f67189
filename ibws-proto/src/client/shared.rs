//! What the driver's task and the handles share: the machine and the queues behind a lock, answers on their way, and who
//! waits for what.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::vec::Vec;

use crate::queue::Dequeued;
use crate::transport::Runtime;
use crate::{
    Action, Command, CommandError, Event, EventFilter, Input, Instant, Machine, Output, Queue, QueueId, QueueLimits,
    Queues, Reply, RequestId,
};

/// Events moved over to a consumer at once, and bytes from which on no more are.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 64 * 1024;

/// Shared by the task and every handle. The lock is never held while anything is awaited or woken.
pub(super) struct Shared<R> {
    pub(super) runtime: R,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) machine: Machine,
    /// Wakes the task.
    pub(super) task: Option<Waker>,
    /// Living handles of any kind; the last one dropped means shutdown.
    pub(super) handles: usize,
    /// The task is gone: nothing will be answered any more.
    pub(super) finished: bool,
    answers: BTreeMap<RequestId, Answer>,
    queues: Queues,
    consumers: BTreeMap<QueueId, Consumers>,
    last_consumer: u64,
    /// To be woken once the lock is free: a waker may run anything.
    wakers: Vec<Waker>,
    /// To be dropped once the lock is free: the last of a task's wakers drops the task, and the handles it holds.
    pub(super) dropped_wakers: Vec<Waker>,
}

enum Answer {
    Awaited(Option<Waker>),
    There(Result<Reply, CommandError>),
}

/// The consumers of one queue. Those of a key share its queue.
#[derive(Default)]
struct Consumers {
    attached: usize,
    /// Who waits for an event, by the number of the consumer.
    waiting: Vec<(u64, Waker)>,
}

/// A consumer's place at a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConsumerId {
    queue: QueueId,
    number: u64,
    /// Others may sit at the same queue: what one takes and does not use is lost to them.
    shared: bool,
}

/// The outcome of looking into a queue.
pub(super) enum Take {
    /// At least one item was moved over.
    Some,
    Nothing,
    /// Nothing, and nothing will come.
    End,
}

impl<R: Runtime> Shared<R> {
    pub(super) fn new(runtime: R, machine: Machine) -> Self {
        let state = State {
            machine,
            task: None,
            handles: 0,
            finished: false,
            answers: BTreeMap::new(),
            queues: Queues::default(),
            consumers: BTreeMap::new(),
            last_consumer: 0,
            wakers: Vec::new(),
            dropped_wakers: Vec::new(),
        };
        Self { runtime, state: Mutex::new(state) }
    }

    /// Does something under the lock, then wakes whom that concerns.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        let wakers = core::mem::take(&mut state.wakers);
        let dropped_wakers = core::mem::take(&mut state.dropped_wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        drop(dropped_wakers);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of a user's runs under the lock, and the machine is consistent after each call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task ends.
    pub(super) fn finish(&self) {
        // After a panic of its own the machine is not asked again.
        let sound = !self.state.is_poisoned();
        self.with(|state| {
            if sound {
                state.stop();
            }
            state.finish();
        });
    }

    /// Hands a request to the machine; its answer can be awaited.
    pub(super) fn submit(&self, command: Command) -> RequestId {
        let now = self.runtime.now();
        self.with(|state| state.submit(now, command))
    }

    /// Hands in a request whose answer nobody awaits.
    pub(super) fn order(&self, command: Command) {
        let now = self.runtime.now();
        self.with(|state| {
            if !state.finished {
                state.machine.submit(now, command);
                state.wake_task();
            }
        });
    }
}

impl State {
    pub(super) fn submit(&mut self, now: Instant, command: Command) -> RequestId {
        if self.finished {
            // Only a number is wanted of the machine: nobody would act upon what it says, nor take it out.
            let id = self.machine.submit(now, Command::Cancel(RequestId(0)));
            while self.machine.poll().is_some() {}
            self.answers.insert(id, Answer::There(Err(CommandError::ShutDown)));
            return id;
        }
        let id = self.machine.submit(now, command);
        self.answers.insert(id, Answer::Awaited(None));
        self.wake_task();
        id
    }

    pub(super) fn wake_task(&mut self) {
        self.wakers.extend(self.task.clone());
    }

    /// Distributes what the machine says; actions are left to the task.
    pub(super) fn drain(&mut self, actions: &mut VecDeque<Action>) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Action(action) => actions.push_back(action),
                Output::Event(event) => self.deliver(event),
                Output::Done(id, result) => {
                    let Some(answer) = self.answers.get_mut(&id) else { continue };
                    if let Answer::Awaited(Some(waker)) = core::mem::replace(answer, Answer::There(result)) {
                        self.wakers.push(waker);
                    }
                }
            }
        }
    }

    /// Puts an event into every queue that wants it.
    fn deliver(&mut self, event: Event) {
        let Self { queues, consumers, wakers, .. } = self;
        queues.deliver(event, |id| {
            if let Some(consumers) = consumers.get_mut(&id) {
                wakers.extend(consumers.waiting.drain(..).map(|(_, waker)| waker));
            }
        });
    }

    /// Takes a consumer at a queue, which is opened for it; a key has one queue only, shared by all who ask for it.
    pub(super) fn attach(&mut self, wanted: EventFilter, limits: QueueLimits) -> ConsumerId {
        self.last_consumer += 1;
        let (known, shared) = match &wanted {
            EventFilter::Key(key) => (self.queues.of_key(*key), true),
            _ => (None, false),
        };
        let queue = known.unwrap_or_else(|| self.queues.open(wanted, limits));
        self.consumers.entry(queue).or_default().attached += 1;
        ConsumerId { queue, number: self.last_consumer, shared }
    }

    /// Gives a consumer up. A queue that nobody sits at any more is handed out, to be dropped without the lock.
    pub(super) fn detach(&mut self, consumer: ConsumerId) -> Option<Queue> {
        let consumers = self.consumers.get_mut(&consumer.queue)?;
        consumers.attached -= 1;
        let mine = consumers.waiting.iter().position(|(number, _)| *number == consumer.number);
        self.dropped_wakers.extend(mine.map(|at| consumers.waiting.swap_remove(at).1));
        if consumers.attached > 0 {
            return None;
        }
        self.consumers.remove(&consumer.queue);
        self.queues.close(consumer.queue)
    }

    /// Moves items over from a queue; with a waker, remembers whom to wake if there is nothing.
    pub(super) fn take(&mut self, consumer: ConsumerId, into: &mut VecDeque<Dequeued>, waker: Option<&Waker>) -> Take {
        let Some(queue) = self.queues.get_mut(consumer.queue) else { return Take::End };
        let floor = queue.bytes().saturating_sub(BATCH_BYTES);
        let most = if consumer.shared { 1 } else { BATCH };
        while let Some(item) = queue.take() {
            into.push_back(item);
            if into.len() >= most || queue.bytes() < floor {
                break;
            }
        }
        if !into.is_empty() {
            return Take::Some;
        }
        if self.finished {
            return Take::End;
        }
        if let (Some(waker), Some(consumers)) = (waker, self.consumers.get_mut(&consumer.queue)) {
            // One place for each consumer: those that share a queue must not push one another out.
            match consumers.waiting.iter_mut().find(|(number, _)| *number == consumer.number) {
                Some((_, known)) if known.will_wake(waker) => {}
                Some((_, known)) => self.dropped_wakers.push(core::mem::replace(known, waker.clone())),
                None => consumers.waiting.push((consumer.number, waker.clone())),
            }
        }
        Take::Nothing
    }

    pub(super) fn queue(&self, consumer: ConsumerId) -> Option<&Queue> {
        self.queues.get(consumer.queue)
    }

    /// Takes an answer that is there; else remembers whom to wake.
    pub(super) fn answer(&mut self, id: RequestId, waker: &Waker) -> Option<Result<Reply, CommandError>> {
        match self.answers.get_mut(&id)? {
            Answer::Awaited(slot) => {
                if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    self.dropped_wakers.extend(slot.replace(waker.clone()));
                }
                None
            }
            Answer::There(_) => match self.answers.remove(&id)? {
                Answer::There(result) => Some(result),
                Answer::Awaited(_) => None,
            },
        }
    }

    /// Nobody awaits it any more.
    pub(super) fn forget(&mut self, id: RequestId) {
        if let Some(Answer::Awaited(waker)) = self.answers.remove(&id) {
            self.dropped_wakers.extend(waker);
        }
    }

    /// Stops the machine where the task did not live to see it stop, so that nobody takes its last state for the present.
    fn stop(&mut self) {
        // The machine's clock stands still where it is.
        let now = Instant::ORIGIN;
        self.machine.submit(now, Command::Shutdown { drain: false });
        if let Some(conn) = self.machine.status().conn {
            self.machine.handle(now, Input::Closed(conn, None));
        }
        self.drain(&mut VecDeque::new());
    }

    /// Everything awaited is answered, every stream ends.
    fn finish(&mut self) {
        self.finished = true;
        self.dropped_wakers.extend(self.task.take());
        for answer in self.answers.values_mut() {
            if let Answer::Awaited(waker) = answer {
                self.wakers.extend(waker.take());
                *answer = Answer::There(Err(CommandError::ShutDown));
            }
        }
        for consumers in self.consumers.values_mut() {
            self.wakers.extend(consumers.waiting.drain(..).map(|(_, waker)| waker));
        }
    }
}
