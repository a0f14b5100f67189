//! Ctrl-C and SIGTERM as a condition that can be polled.

use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest time from the stop to the end of the process, even if something blocks, such as a
/// terminal or a name lookup. Unsubscribing and closing take much less.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// Ends the process soon after a stop that happens after `after`, even if something blocks.
pub(super) fn end_after(after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after.saturating_add(PATIENCE));
        std::process::exit(0);
    });
}

#[derive(Default)]
struct State {
    is_requested: bool,
    waker: Option<Waker>,
}

/// The request to stop.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<Mutex<State>>);

impl Stop {
    /// Installs the handler of both signals. A second signal ends the process at once.
    pub(super) fn on_signals() -> Result<Self, String> {
        let stop = Self::default();
        let handle = stop.clone();
        ctrlc::set_handler(move || handle.request()).map_err(|error| format!("cannot handle Ctrl-C: {error}"))?;
        Ok(stop)
    }

    fn request(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if core::mem::replace(&mut state.is_requested, true) {
            std::process::exit(130);
        }
        let waker = state.waker.take();
        drop(state);
        end_after(Duration::ZERO);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns `true` if a signal came.
    pub(super) fn is_requested(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_requested
    }

    /// Returns `true` if a signal came; otherwise stores the waker.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_requested {
            state.waker = Some(cx.waker().clone());
        }
        state.is_requested
    }
}
