//! Ctrl-C and SIGTERM, as something that can be polled.

use core::task::{Context, Waker};
use std::sync::{Arc, Mutex, PoisonError};

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
        if let Some(waker) = waker {
            waker.wake();
        }
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
