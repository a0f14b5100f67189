//! Paces what is sent again: a burst at once, then a pause, so that a thousand subscriptions do not
//! flood the gateway.

use alloc::collections::VecDeque;

use crate::config::Config;
use crate::state::StateCause;
use crate::time::Instant;

/// The moment at which a subscription may be sent, and why it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) at: Instant,
    pub(super) cause: StateCause,
}

/// The slots of the last pause, and those that lie ahead.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// Returns the next slot: now, or as soon as fewer than [`Config::resubscribe_burst`] lie
    /// within one pause.
    pub(super) fn next_slot(&mut self, now: Instant, config: &Config) -> Instant {
        while self.0.front().is_some_and(|slot| *slot + config.resubscribe_pause <= now) {
            self.0.pop_front();
        }
        let burst_before = self.0.len().checked_sub(config.resubscribe_burst).and_then(|at| self.0.get(at));
        let slot = burst_before.map_or(now, |slot| (*slot + config.resubscribe_pause).max(now));
        self.0.push_back(slot);
        slot
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets the slots of a connection that is gone.
    pub(super) fn reset(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn slots_come_in_bursts() {
        let config = Config { resubscribe_burst: 2, resubscribe_pause: Duration::from_secs(1), ..Config::default() };
        let (mut pace, now) = (Pace::default(), Instant::ORIGIN + Duration::from_secs(9));
        let mut slot = |after: u64| pace.next_slot(now + Duration::from_secs(after), &config).since(now).as_secs();
        assert_eq!([0, 0, 0, 0, 0].map(&mut slot), [0, 0, 1, 1, 2]);
        // The burst at 2 s has one place left; a second later the next begins.
        assert_eq!([2, 2, 3].map(&mut slot), [2, 3, 3]);
        assert_eq!([10, 10, 10].map(&mut slot), [10, 10, 11]);
    }
}
