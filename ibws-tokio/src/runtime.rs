//! The clock, the sleep and the tasks of the runtime.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{Instant as Clock, Sleep, sleep};

use ibws_proto::transport::{DialRequest, Runtime, websocket};
use ibws_proto::{ConnectError, Instant};

use crate::WebSocket;

/// The longest sleep. The clock of the timer overflows some time after that, and the client
/// compares its own clock after each sleep anyway.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A tokio runtime for the client. Clones share their clock.
///
/// Time is tokio's, so a test may pause and advance it.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    origin: Clock,
    handle: Handle,
}

impl TokioRuntime {
    /// Returns the runtime that this function is called on.
    ///
    /// # Panics
    /// Outside a tokio runtime; [`TokioRuntime::with_handle`] works there.
    #[must_use]
    pub fn new() -> Self {
        Self::with_handle(Handle::current())
    }

    /// Returns the runtime behind `handle`, whose I/O and time drivers must be enabled.
    #[must_use]
    pub fn with_handle(handle: Handle) -> Self {
        // The clock that `now` reads is the one of the runtime that the thread has entered.
        let _on_runtime = handle.enter();
        Self { origin: Clock::now(), handle: handle.clone() }
    }
}

/// Equals `new`.
impl Default for TokioRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for TokioRuntime {
    type Link = WebSocket;
    type Sleep = Sleep;

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
        async move { websocket::dial(&runtime, &request).await }
    }

    fn yield_now(&self, cx: &mut std::task::Context<'_>) {
        match self.handle.runtime_flavor() {
            RuntimeFlavor::CurrentThread => drop(pin!(tokio::task::yield_now()).poll(cx)),
            _ => cx.waker().wake_by_ref(),
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }
}
