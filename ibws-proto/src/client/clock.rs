//! The clock of a client: its moments, and the wall-clock time of each.

use core::time::Duration;
use std::time::SystemTime;

use super::client::Client;
use crate::Instant;
use crate::transport::Runtime;

impl<R: Runtime> Client<R> {
    /// Returns the present moment on the clock of the client's runtime, which all events have their
    /// times from.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.handle.shared.runtime.now()
    }

    /// Returns the wall-clock time of a moment of this client.
    ///
    /// The offset between the two clocks is read once, when the client is built. So times keep
    /// their order and their distances, and a later change of the system's clock has no effect on
    /// them. A time that the system cannot represent is returned as that of the origin.
    #[must_use]
    pub fn system_time(&self, at: Instant) -> SystemTime {
        let origin = self.handle.shared.origin;
        origin.checked_add(at.since(Instant::ORIGIN)).unwrap_or(origin)
    }

    /// Waits for `span` on the clock of the client's runtime.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub fn sleep(&self, span: Duration) -> R::Sleep {
        let runtime = &self.handle.shared.runtime;
        runtime.sleep_until(runtime.now() + span)
    }
}

/// Returns the wall-clock time of the origin of a runtime's clock.
pub(super) fn origin<R: Runtime>(runtime: &R) -> SystemTime {
    let now = runtime.system_time();
    now.checked_sub(runtime.now().since(Instant::ORIGIN)).unwrap_or(now)
}
