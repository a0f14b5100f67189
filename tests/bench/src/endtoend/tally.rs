//! Counts messages from the first of the flood to the last.

use serde::{Deserialize, Serialize};

use super::frames::{age, clock};
use super::process::{process_cpu, status};
use crate::latency::Latencies;

/// What a client process reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The messages of the flood, those merged and lost included.
    pub messages: u64,
    /// The messages that a queue merged into later ones because the consumer was slower.
    pub merged: u64,
    /// The messages that a queue dropped.
    pub lost: u64,
    /// Nanoseconds from the first message to the last.
    pub nanoseconds: u64,
    /// Nanoseconds that the threads of the client ran in that time.
    pub cpu: u64,
    /// The largest resident memory of the process, in KiB.
    pub peak: u64,
    /// How often the task of an idle client was run.
    #[serde(default)]
    pub polls: u64,
    /// What an idle client was run for: timers of its own that ended, and messages that arrived.
    #[serde(default)]
    pub causes: u64,
    /// Latencies as pairs of nanoseconds and messages; empty unless they were measured.
    pub latencies: Vec<(u64, u64)>,
}

/// The count of one client.
#[derive(Debug)]
pub struct Tally {
    expected: u64,
    outcome: Outcome,
    began: Option<(u64, u64)>,
    latencies: Option<Latencies>,
}

impl Tally {
    /// Starts to count up to `expected` messages, and with `is_timed` measures the age of each.
    #[must_use]
    pub fn new(expected: u64, is_timed: bool) -> Self {
        Self { expected, outcome: Outcome::default(), began: None, latencies: is_timed.then(Latencies::new) }
    }

    /// Returns `true` once the first message of the flood was counted.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// Counts a frame of the flood, with this payload.
    pub fn add(&mut self, payload: &[u8]) {
        if let Some(latencies) = &mut self.latencies {
            latencies.record(age(payload, clock()));
        }
        self.count(1);
    }

    /// Counts a message into which others were merged; its time is that of one of them.
    pub fn add_merged(&mut self, merged: u64) {
        self.outcome.merged += merged;
        self.count(1 + merged);
    }

    /// Counts messages that a queue dropped.
    pub fn add_lost(&mut self, lost: u64) {
        self.outcome.lost += lost;
        self.count(lost);
    }

    fn count(&mut self, messages: u64) {
        if self.began.is_none() {
            self.began = Some((clock(), process_cpu()));
        }
        self.outcome.messages += messages;
    }

    /// Returns `true` once all messages are accounted for.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.outcome.messages >= self.expected
    }

    /// Ends the count.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let (began, cpu) = self.began.unwrap_or_default();
        self.outcome.nanoseconds = clock() - began;
        self.outcome.cpu = process_cpu() - cpu;
        self.outcome.peak = status("self", "VmHWM").unwrap_or(0);
        self.outcome.latencies = self.latencies.map(|latencies| latencies.buckets()).unwrap_or_default();
        self.outcome
    }
}
