//! The tasks of the runtime, and its timers.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use ibws_proto::Instant;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks, by number. The entry of a task that is being polled is `None`.
#[derive(Default)]
pub(crate) struct Tasks {
    tasks: Mutex<BTreeMap<u64, Option<Task>>>,
    woken: Arc<Mutex<VecDeque<u64>>>,
}

struct TaskWaker {
    task: u64,
    woken: Arc<Mutex<VecDeque<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = lock(&self.woken);
        if !woken.contains(&self.task) {
            woken.push_back(self.task);
        }
    }
}

impl Tasks {
    pub(crate) fn spawn(&self, task: Task) {
        let mut tasks = lock(&self.tasks);
        let number = tasks.last_key_value().map_or(0, |(last, _)| last + 1);
        tasks.insert(number, Some(task));
        lock(&self.woken).push_back(number);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.tasks).len()
    }

    /// Wakes every task.
    #[cfg(feature = "fuzz")]
    pub(crate) fn wake_all(&self) {
        let tasks: VecDeque<_> = lock(&self.tasks).keys().copied().collect();
        *lock(&self.woken) = tasks;
    }

    /// Polls the task that was woken first; returns `false` if there is none.
    pub(crate) fn poll_first(&self) -> bool {
        let Some(number) = lock(&self.woken).pop_front() else { return false };
        // The task is polled and dropped without the lock, because it may use the runtime.
        let Some(mut task) = lock(&self.tasks).get_mut(&number).and_then(Option::take) else { return true };
        let waker = Waker::from(Arc::new(TaskWaker { task: number, woken: self.woken.clone() }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            lock(&self.tasks).insert(number, Some(task));
        } else {
            lock(&self.tasks).remove(&number);
            drop(task);
        }
        true
    }
}

/// The wakers of pending sleeps, by time.
#[derive(Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<(Instant, u64), Waker>,
    last: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, known: Option<u64>, waker: &Waker) -> u64 {
        let timer = known.unwrap_or(self.last + 1);
        self.last = self.last.max(timer);
        self.waiting.insert((at, timer), waker.clone());
        timer
    }

    pub(crate) fn clear(&mut self, at: Instant, timer: u64) -> Option<Waker> {
        self.waiting.remove(&(at, timer))
    }

    #[cfg(feature = "fuzz")]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        due
    }
}

/// The waker of a future that is polled by hand.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
