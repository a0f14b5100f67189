//! The clock, the sleep and the tasks.

use std::future::Future;
use std::time::Duration;

use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{ConnectError, Instant};
use tokio::runtime::Handle;

use crate::WebSocket;
use crate::dial::dial;
use crate::io::{Clock, sleep};

/// How far ahead a sleep can be at most: the timer's clock overflows some time after that, and the driver looks at the
/// clock when it wakes anyway.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A tokio runtime, as the driver uses it. Clones share their clock.
///
/// Time is tokio's, so that a test may pause and advance it.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    origin: Clock,
    handle: Handle,
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
        // Which clock is read depends on the runtime one is on.
        let _on_runtime = handle.enter();
        Self { origin: Clock::now(), handle: handle.clone() }
    }
}

/// As `new`.
impl Default for TokioRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for TokioRuntime {
    type Link = WebSocket;
    type Sleep = tokio::time::Sleep;

    fn now(&self) -> Instant {
        let _on_runtime = self.handle.enter();
        Instant::ORIGIN + self.origin.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        let _on_runtime = self.handle.enter();
        sleep(at.since(self.now()).min(FAR))
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<WebSocket, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        async move { dial(&runtime, &request).await }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }
}
