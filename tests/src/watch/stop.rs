//! Ctrl-C and SIGTERM, as something that can be polled.

use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

/// From being told to stop to the end of the process, whatever is stuck: a terminal that takes
/// nothing more, a look-up of a name. Unsubscribing and closing are done long before.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// Sees to it that the process does not outlive a stop at `after` for long.
pub(super) fn end_after(after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after.saturating_add(PATIENCE));
        std::process::exit(0);
    });
}

#[derive(Default)]
struct State {
    asked: bool,
    waker: Option<Waker>,
}

/// Told to stop?
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<Mutex<State>>);

impl Stop {
    /// Listens to both signals; a second one ends the process at once.
    pub(super) fn on_signals() -> Result<Self, String> {
        let stop = Self::default();
        let told = stop.clone();
        ctrlc::set_handler(move || told.ask()).map_err(|error| format!("cannot listen to Ctrl-C: {error}"))?;
        Ok(stop)
    }

    fn ask(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if core::mem::replace(&mut state.asked, true) {
            std::process::exit(130);
        }
        let waker = state.waker.take();
        drop(state);
        end_after(Duration::ZERO);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Was it asked for?
    pub(super) fn asked(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// True once it was asked for; before that, remembers whom to wake.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.asked {
            state.waker = Some(cx.waker().clone());
        }
        state.asked
    }
}
