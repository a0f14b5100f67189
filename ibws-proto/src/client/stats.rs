//! What a client counts and measures, at one moment.

use core::time::Duration;
use std::time::SystemTime;

use super::client::Client;
use crate::Instant;
use crate::queue::QueueStats;
use crate::status::Stats;
use crate::transport::Runtime;

/// What a client has counted since it was built, and what it holds at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ClientStats {
    /// When they were taken, on the clock of the client's runtime.
    pub at: Instant,
    /// What the machine counts and measures: frames, connections, gaps, round trips.
    pub machine: Stats,
    /// What the queues of events hold, merge and drop.
    pub queues: QueueStats,
}

impl ClientStats {
    /// Returns the time since the present connection received its last frame; `None` without an
    /// open socket, and before the first frame.
    #[must_use]
    pub fn last_frame_age(&self) -> Option<Duration> {
        self.machine.last_frame.map(|last| self.at.since(last))
    }

    /// Returns how long the latest sampled frame of market data took from the gateway to this
    /// client, in milliseconds; `None` if no frame had a time. `now` is the wall clock at
    /// [`at`](Self::at): call this at once, with `SystemTime::now()`.
    ///
    /// It compares two clocks. It is negative if that of the gateway's host is ahead by more than
    /// the frame took.
    #[must_use]
    pub fn latency_ms(&self, now: SystemTime) -> Option<i64> {
        let sample = self.machine.updated?;
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let now = match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => ms(since),
            Err(before) => ms(before.duration()).saturating_neg(),
        };
        Some(now.saturating_sub(ms(self.at.since(sample.at))).saturating_sub(sample.updated.as_millis()))
    }
}

impl<R: Runtime> Client<R> {
    /// Returns the number of this client in its process, counted from 1. Logs and metrics name the
    /// client by it. Clones have the same number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.handle.shared.number
    }

    /// Returns what the client has counted since it was built, and what it holds now.
    ///
    /// It looks at every subscription and every queue, under the lock of the client; so call it
    /// once a second rather than for each message.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let at = self.handle.shared.runtime.now();
        self.read(|state| ClientStats { at, machine: state.machine.stats(), queues: state.consumers.stats() })
    }
}
