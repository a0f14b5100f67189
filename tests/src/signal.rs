//! A condition that one thread sets and a future waits for.

use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    is_set: bool,
    waker: Option<Waker>,
}

/// A condition that is set once. One task waits for it; a second one would take its place.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<State>>);

impl Signal {
    /// Sets it and wakes the task that waits. Returns `true` if it was set before.
    pub(crate) fn set(&self) -> bool {
        let mut state = self.lock();
        let was_set = core::mem::replace(&mut state.is_set, true);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        was_set
    }

    #[cfg(feature = "watch")]
    pub(crate) fn is_set(&self) -> bool {
        self.lock().is_set
    }

    /// Is ready once it is set.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_set {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_waiting_task_is_woken_once_and_finds_it_set() {
        let (signal, count) = (Signal::default(), Arc::new(Count(AtomicU32::new(0))));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        assert_eq!(signal.poll(&mut cx), Poll::Pending);
        assert!(!signal.set());
        assert_eq!((count.0.load(Ordering::SeqCst), signal.poll(&mut cx)), (1, Poll::Ready(())));
        assert!(signal.set());
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }
}
