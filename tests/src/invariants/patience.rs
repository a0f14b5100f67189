//! How long requests wait: bounded, by what the settings allow.

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::{Command, Config, Instant, RequestId};

/// A jump of the clock counts as no more than this: who sleeps cannot be answered.
const STEP: Duration = Duration::from_secs(10);

/// The requests that wait, with the time that has passed for them.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    limit: Duration,
    awake: Duration,
    last: Instant,
    asked: BTreeMap<RequestId, Duration>,
}

impl Patience {
    pub(crate) fn new(config: &Config) -> Self {
        // Every wait of a round, several rounds, and the end of a connection; commands in between start rounds anew.
        let round =
            config.subscription_timeout + config.prime_timeout + config.refusal_max + config.resubscribe_pause * 8;
        let end = config.close_timeout + config.drain_timeout + Duration::from_secs(60);
        let limit = round * 4 * (config.subscription_retries + 1) + end;
        Self { limit, awake: Duration::ZERO, last: Instant::ORIGIN, asked: BTreeMap::new() }
    }

    pub(crate) fn pass(&mut self, now: Instant) {
        self.awake += now.since(self.last).min(STEP);
        self.last = now;
    }

    pub(crate) fn asked(&mut self, id: RequestId, command: &Command) {
        // `Start` waits as long as dials go on; their number is a rule of its own.
        if !matches!(command, Command::Start) {
            self.asked.insert(id, self.awake);
        }
    }

    pub(crate) fn answered(&mut self, id: RequestId) {
        self.asked.remove(&id);
    }

    /// Nobody has waited for too long.
    pub(crate) fn check(&self) -> Result<(), String> {
        // The oldest has the smallest number.
        match self.asked.first_key_value() {
            Some((id, since)) if self.awake - *since > self.limit => {
                Err(format!("{id} waits since {:?}; at most {:?}", self.awake - *since, self.limit))
            }
            _ => Ok(()),
        }
    }
}
