//! The clock, the sleep and the tasks.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{ConnectError, Instant};

use crate::WebSocket;
use crate::dial::dial;
use crate::io::{Clock, sleep};

/// How far ahead a sleep can be at most: the timer's clock overflows some time after that, and the driver looks at the
/// clock when it wakes anyway.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// async-std, as the driver uses it. Clones share their clock.
///
/// async-std has one runtime for the whole process, which starts by itself.
#[derive(Clone, Debug)]
pub struct AsyncStdRuntime {
    origin: Clock,
}

impl AsyncStdRuntime {
    /// The runtime of this process.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Clock::now() }
    }
}

/// As `new`.
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
        async move { dial(&runtime, &request).await }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(task));
    }
}
