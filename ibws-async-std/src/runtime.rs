//! The clock, the sleep and the tasks of the runtime.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant as Clock};

use async_std::task::{sleep, spawn};

use ibws_proto::transport::{DialRequest, Runtime, websocket};
use ibws_proto::{ConnectError, Instant};

use crate::WebSocket;

/// The longest sleep. The clock of the timer overflows some time after that, and the client
/// compares its own clock after each sleep anyway.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The async-std runtime for the client. Clones share their clock.
///
/// A process has one async-std runtime, which starts by itself.
#[derive(Clone, Debug)]
pub struct AsyncStdRuntime {
    origin: Clock,
}

impl AsyncStdRuntime {
    /// Returns the runtime of this process.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Clock::now() }
    }
}

/// Equals `new`.
impl Default for AsyncStdRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for AsyncStdRuntime {
    type Link = WebSocket;
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Instant {
        Instant::ORIGIN + self.origin.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        Box::pin(sleep(at.since(self.now()).min(FAR)))
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<WebSocket, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        async move { websocket::dial(&runtime, &request).await }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(spawn(task));
    }
}
