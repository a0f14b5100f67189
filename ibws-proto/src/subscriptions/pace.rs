//! Whose turn it is to be sent: a burst at once, then a pause, so that a thousand subscriptions are no flood.

use crate::config::Config;
use crate::time::Instant;

/// The burst that is being filled.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    at: Instant,
    used: usize,
}

impl Pace {
    /// The moment of the next turn: now, or that of the first burst with room in it.
    pub(super) fn turn(&mut self, now: Instant, config: &Config) -> Instant {
        let next = self.at + config.burst_pause;
        if now >= next || self.used == 0 {
            *self = Self { at: now, used: 0 };
        } else if self.used >= config.burst {
            *self = Self { at: next, used: 0 };
        }
        self.used += 1;
        self.at.max(now)
    }

    /// Forgets the turns that were given for a connection that is gone.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn turns_come_in_bursts() {
        let config = Config { burst: 2, burst_pause: Duration::from_secs(1), ..Config::default() };
        let (mut pace, now) = (Pace::default(), Instant::ORIGIN + Duration::from_secs(9));
        let mut turn = |after: u64| pace.turn(now + Duration::from_secs(after), &config).since(now).as_secs();
        assert_eq!([0, 0, 0, 0, 0].map(&mut turn), [0, 0, 1, 1, 2]);
        // The burst at 2 s has one place left; a second later the next begins.
        assert_eq!([2, 2, 3].map(&mut turn), [2, 3, 3]);
        assert_eq!([10, 10, 10].map(&mut turn), [10, 10, 11]);
    }
}
