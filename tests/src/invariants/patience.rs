//! How long requests may wait: a bound that follows from the settings.

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::{Command, Config, Instant, RequestId};

/// The most that one step of the clock counts: a machine that is not run cannot reply.
const STEP: Duration = Duration::from_secs(10);

/// The requests that wait, each with the counted time at which it was submitted.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    limit: Duration,
    awake: Duration,
    last: Instant,
    waiting: BTreeMap<RequestId, Duration>,
}

impl Patience {
    pub(crate) fn new(config: &Config) -> Self {
        // All waits of a round of attempts, several rounds, because commands in between restart
        // them, and the end of a connection.
        let round = config.subscription_timeout.max(config.history_timeout).max(config.ledger_timeout)
            + Duration::from_secs(5)
            + config.prime_timeout
            + config.refusal_max
            + config.resubscribe_pause * 8;
        let end = config.close_timeout + config.drain_timeout + Duration::from_secs(60);
        let limit = round * 4 * (config.subscription_retries + 1) + end;
        Self { limit, awake: Duration::ZERO, last: Instant::ORIGIN, waiting: BTreeMap::new() }
    }

    pub(crate) fn pass(&mut self, now: Instant) {
        self.awake += now.since(self.last).min(STEP);
        self.last = now;
    }

    pub(crate) fn submitted(&mut self, id: RequestId, command: &Command) {
        // `Start` waits as long as dials go on, whose number a rule of its own limits; `WaitReady`
        // has no limit.
        if !matches!(command, Command::Start | Command::WaitReady) {
            self.waiting.insert(id, self.awake);
        }
    }

    pub(crate) fn replied(&mut self, id: RequestId) {
        self.waiting.remove(&id);
    }

    /// Checks that no request has waited for too long.
    pub(crate) fn check(&self) -> Result<(), String> {
        // The oldest request has the smallest number.
        match self.waiting.first_key_value() {
            Some((id, since)) if self.awake - *since > self.limit => {
                Err(format!("{id} has waited for {:?}; at most {:?}", self.awake - *since, self.limit))
            }
            _ => Ok(()),
        }
    }
}
