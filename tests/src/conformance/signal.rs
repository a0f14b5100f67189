//! A signal with which the gateway's thread and the story's task wait for each other without
//! polling.

use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::opaque::opaque;

/// The number of the step that has been reached, shared by threads and tasks. It only grows.
#[derive(Clone, Default)]
pub struct Signal(Arc<Shared>);

opaque!(Signal);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    grew: Condvar,
}

#[derive(Default)]
struct State {
    step: usize,
    waiting: Vec<Waker>,
}

impl Signal {
    /// Marks `step` as reached.
    pub fn reach(&self, step: usize) {
        let mut state = self.lock();
        state.step = state.step.max(step);
        let waiting = core::mem::take(&mut state.waiting);
        drop(state);
        self.0.grew.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits for `step` in a task.
    pub async fn reached(&self, step: usize) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.step >= step {
                return Poll::Ready(());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits for `step` in a thread.
    pub fn wait(&self, step: usize) {
        drop(self.0.grew.wait_while(self.lock(), |state| state.step < step).unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
