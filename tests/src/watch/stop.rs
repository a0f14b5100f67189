//! Ctrl-C and SIGTERM as a condition that can be polled.

use core::task::Context;
use core::time::Duration;

use crate::signal::Signal;

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

/// The request to stop.
#[derive(Clone, Default)]
pub(super) struct Stop(Signal);

impl Stop {
    /// Installs the handler of both signals. A second signal ends the process at once.
    pub(super) fn on_signals() -> Result<Self, String> {
        let stop = Self::default();
        let handle = stop.clone();
        ctrlc::set_handler(move || handle.request()).map_err(|error| format!("cannot handle Ctrl-C: {error}"))?;
        Ok(stop)
    }

    fn request(&self) {
        if self.0.set() {
            std::process::exit(130);
        }
        end_after(Duration::ZERO);
    }

    /// Returns `true` if a signal came.
    pub(super) fn is_requested(&self) -> bool {
        self.0.is_set()
    }

    /// Returns `true` if a signal came; otherwise stores the waker.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> bool {
        self.0.poll(cx).is_ready()
    }
}
