//! What the driver's task and the handles share: the machine behind a lock, answers on their way, inboxes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::vec::Vec;

use super::runtime::Runtime;
use crate::{
    Action, Command, Event, Failure, Input, Instant, Item, Key, Machine, Output, Queue, QueueLimits, RequestId, SubKey,
    Success,
};

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
    inboxes: BTreeMap<u64, Inbox>,
    last_seat: u64,
    by_subscription: BTreeMap<SubKey, Vec<u64>>,
    by_key: BTreeMap<Key, u64>,
    everything: Vec<u64>,
    /// To be woken once the lock is free: a waker may run anything.
    wakers: Vec<Waker>,
    /// To be dropped once the lock is free: the last of a task's wakers drops the task, and the handles it holds.
    pub(super) spent: Vec<Waker>,
}

enum Answer {
    Awaited(Option<Waker>),
    There(Result<Success, Failure>),
}

/// Which events an inbox takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// Those of one subscription.
    Subscription(SubKey),
    /// The messages of one key.
    Key(Key),
    /// All.
    Everything,
}

pub(super) struct Inbox {
    queue: Queue,
    wanted: Wanted,
    /// Who waits for an event, by the number of the seat.
    waiting: Vec<(u64, Waker)>,
    /// Accessors of a key share its inbox.
    users: usize,
}

/// A consumer's place at an inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seat {
    inbox: u64,
    number: u64,
}

/// The outcome of looking into an inbox.
pub(super) enum Taken {
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
            inboxes: BTreeMap::new(),
            last_seat: 0,
            by_subscription: BTreeMap::new(),
            by_key: BTreeMap::new(),
            everything: Vec::new(),
            wakers: Vec::new(),
            spent: Vec::new(),
        };
        Self { runtime, state: Mutex::new(state) }
    }

    /// Does something under the lock, then wakes whom that concerns.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        let wakers = core::mem::take(&mut state.wakers);
        let spent = core::mem::take(&mut state.spent);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        drop(spent);
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
            self.answers.insert(id, Answer::There(Err(Failure::ShutDown)));
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

    /// Puts an event into every inbox that wants it; the last one gets the original.
    fn deliver(&mut self, event: Event) {
        let (subscription, key) = match &event {
            Event::Message(message) => (message.subscription.as_ref(), message.key),
            Event::Subscription(change) => (Some(&change.key), None),
            Event::Gap(gap) => (Some(&gap.key), Some(gap.key.key())),
            Event::Resumed(resumed) => (Some(&resumed.key), Some(resumed.key.key())),
            _ => (None, None),
        };
        let subscribed = subscription.and_then(|key| self.by_subscription.get(key)).map_or(&[][..], Vec::as_slice);
        let keyed = key.and_then(|key| self.by_key.get(&key));
        let mut takers = subscribed.iter().chain(keyed).chain(&self.everything).peekable();
        let mut event = Some(event);
        while let Some(taker) = takers.next() {
            let Some(inbox) = self.inboxes.get_mut(taker) else { continue };
            let copy = if takers.peek().is_some() { event.clone() } else { event.take() };
            if let Some(copy) = copy {
                inbox.queue.push(copy);
                self.wakers.extend(inbox.waiting.drain(..).map(|(_, waker)| waker));
            }
        }
    }

    /// Opens an inbox; a key has one only, shared by all who ask for it.
    pub(super) fn open_inbox(&mut self, wanted: Wanted, limits: QueueLimits) -> Seat {
        self.last_seat += 1;
        let number = self.last_seat;
        if let Wanted::Key(key) = wanted
            && let Some(id) = self.by_key.get(&key)
            && let Some(inbox) = self.inboxes.get_mut(id)
        {
            inbox.users += 1;
            return Seat { inbox: *id, number };
        }
        let id = number;
        match &wanted {
            Wanted::Subscription(key) => self.by_subscription.entry(key.clone()).or_default().push(id),
            Wanted::Key(key) => drop(self.by_key.insert(*key, id)),
            Wanted::Everything => self.everything.push(id),
        }
        self.inboxes.insert(id, Inbox { queue: Queue::new(limits), wanted, waiting: Vec::new(), users: 1 });
        Seat { inbox: id, number }
    }

    /// Gives a seat up. An inbox that nobody has a seat at any more is handed out, to be dropped without the lock.
    pub(super) fn close_inbox(&mut self, seat: Seat) -> Option<Inbox> {
        let id = seat.inbox;
        let inbox = self.inboxes.get_mut(&id)?;
        inbox.users -= 1;
        if inbox.users > 0 {
            let mine = inbox.waiting.iter().position(|(number, _)| *number == seat.number);
            self.spent.extend(mine.map(|at| inbox.waiting.swap_remove(at).1));
            return None;
        }
        match &inbox.wanted {
            Wanted::Subscription(key) => {
                if let Some(ids) = self.by_subscription.get_mut(key) {
                    ids.retain(|other| *other != id);
                    if ids.is_empty() {
                        self.by_subscription.remove(key);
                    }
                }
            }
            Wanted::Key(key) => drop(self.by_key.remove(key)),
            Wanted::Everything => self.everything.retain(|other| *other != id),
        }
        self.inboxes.remove(&id)
    }

    /// Moves up to `most` items over from an inbox; with a waker, remembers whom to wake if there is nothing.
    pub(super) fn take(&mut self, seat: Seat, most: usize, into: &mut VecDeque<Item>, waker: Option<&Waker>) -> Taken {
        let finished = self.finished;
        let Some(inbox) = self.inboxes.get_mut(&seat.inbox) else { return Taken::End };
        into.extend(core::iter::from_fn(|| inbox.queue.pop()).take(most));
        if !into.is_empty() {
            return Taken::Some;
        }
        if finished {
            return Taken::End;
        }
        if let Some(waker) = waker {
            // One place for each consumer: those that share an inbox must not push one another out.
            match inbox.waiting.iter_mut().find(|(number, _)| *number == seat.number) {
                Some((_, known)) if known.will_wake(waker) => {}
                Some((_, known)) => self.spent.push(core::mem::replace(known, waker.clone())),
                None => inbox.waiting.push((seat.number, waker.clone())),
            }
        }
        Taken::Nothing
    }

    pub(super) fn inbox(&self, seat: Seat) -> Option<&Queue> {
        self.inboxes.get(&seat.inbox).map(|inbox| &inbox.queue)
    }

    /// Takes an answer that is there; else remembers whom to wake.
    pub(super) fn answer(&mut self, id: RequestId, waker: &Waker) -> Option<Result<Success, Failure>> {
        match self.answers.get_mut(&id)? {
            Answer::Awaited(slot) => {
                if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    self.spent.extend(slot.replace(waker.clone()));
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
            self.spent.extend(waker);
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
        self.spent.extend(self.task.take());
        for answer in self.answers.values_mut() {
            if let Answer::Awaited(waker) = answer {
                self.wakers.extend(waker.take());
                *answer = Answer::There(Err(Failure::ShutDown));
            }
        }
        for inbox in self.inboxes.values_mut() {
            self.wakers.extend(inbox.waiting.drain(..).map(|(_, waker)| waker));
        }
    }
}
