//! Whose turn it is to be sent: a burst at once, then a pause, so that a thousand subscriptions are no flood.

use alloc::collections::VecDeque;

use crate::config::Config;
use crate::time::Instant;

/// The turns of the last pause, and those that were given for later.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// The moment of the next turn: now, or as soon as fewer than a burst lie within one pause.
    pub(super) fn turn(&mut self, now: Instant, config: &Config) -> Instant {
        while self.0.front().is_some_and(|turn| *turn + config.resubscribe_pause <= now) {
            self.0.pop_front();
        }
        let burst_before = self.0.len().checked_sub(config.resubscribe_burst).and_then(|at| self.0.get(at));
        let turn = burst_before.map_or(now, |turn| (*turn + config.resubscribe_pause).max(now));
        self.0.push_back(turn);
        turn
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets the turns that were given for a connection that is gone.
    pub(super) fn reset(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn turns_come_in_bursts() {
        let config = Config { resubscribe_burst: 2, resubscribe_pause: Duration::from_secs(1), ..Config::default() };
        let (mut pace, now) = (Pace::default(), Instant::ORIGIN + Duration::from_secs(9));
        let mut turn = |after: u64| pace.turn(now + Duration::from_secs(after), &config).since(now).as_secs();
        assert_eq!([0, 0, 0, 0, 0].map(&mut turn), [0, 0, 1, 1, 2]);
        // The burst at 2 s has one place left; a second later the next begins.
        assert_eq!([2, 2, 3].map(&mut turn), [2, 3, 3]);
        assert_eq!([10, 10, 10].map(&mut turn), [10, 10, 11]);
    }
}
