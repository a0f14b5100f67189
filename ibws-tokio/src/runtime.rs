//! The clock, the sleep and the tasks of tokio.

use std::future::Future;
use std::time::Duration;

use ibws_proto::driver::{DialRequest, Runtime};
use ibws_proto::{ConnectError, Instant};
use tokio::runtime::Handle;

use crate::TokioLink;

/// How far ahead a sleep can be at most: tokio's clock overflows some time after that, and the driver looks at the
/// clock when it wakes anyway.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A tokio runtime, as the driver uses it. Clones share their clock.
///
/// Time is tokio's, so that a test may pause and advance it.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    handle: Handle,
    origin: tokio::time::Instant,
}

impl TokioRuntime {
    /// The runtime that this is called on.
    ///
    /// # Panics
    /// Off a tokio runtime; there, use [`TokioRuntime::with_handle`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_handle(Handle::current())
    }

    /// The runtime behind `handle`. It must have its I/O and time drivers enabled.
    #[must_use]
    pub fn with_handle(handle: Handle) -> Self {
        // Which clock `now` reads depends on the runtime one is on.
        let origin = {
            let _on_runtime = handle.enter();
            tokio::time::Instant::now()
        };
        Self { handle, origin }
    }
}

/// As [`TokioRuntime::new`].
impl Default for TokioRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for TokioRuntime {
    type Link = TokioLink;
    type Sleep = tokio::time::Sleep;

    fn now(&self) -> Instant {
        let _on_runtime = self.handle.enter();
        let elapsed = tokio::time::Instant::now().saturating_duration_since(self.origin);
        Instant::ORIGIN + elapsed
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        let _on_runtime = self.handle.enter();
        let wait = at.since(self.now()).min(FAR);
        let deadline = self.origin.checked_add(at.since(Instant::ORIGIN)).filter(|_| wait < FAR);
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline),
            None => tokio::time::sleep(FAR),
        }
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<TokioLink, ConnectError>> + Send + 'static {
        crate::dial(request)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }
}
