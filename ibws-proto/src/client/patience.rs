//! How long the client's task waits for a consumer before it reads more.
//!
//! The queues never delay the client, and a burst must not be merged or dropped although its
//! consumer is ready and only waits for its turn of the runtime or of a processor. So the task
//! reads no further while a queue is half full, but for at most 5 ms at once and a quarter of the
//! time. A queue whose consumer does not come, or never catches up, is not waited for again: see
//! [`Consumers`](super::consumers::Consumers).

use core::time::Duration;

use crate::Instant;

/// The longest time that the task waits at once. A consumer that is ready has had its turn by then.
const MAX_WAIT: Duration = Duration::from_millis(5);
/// The least time for which a wait is begun: timers of runtimes are no finer.
const MIN_WAIT: Duration = Duration::from_millis(1);
/// The time that the task may wait grows by this part of the time that passes.
const SHARE: u32 = 4;

/// The time that the task may wait for room in the queues.
#[derive(Debug)]
pub(super) struct Patience {
    /// How long the task may wait from `since` on.
    remaining: Duration,
    /// How much longer it waited than it should have, which is made up for first.
    overdrawn: Duration,
    /// When `remaining` was counted last; while the task waits, when it began to.
    since: Option<Instant>,
    waits: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { remaining: MAX_WAIT, overdrawn: Duration::ZERO, since: None, waits: false }
    }
}

impl Patience {
    /// Returns `false` while the task is to wait, because the queues are crowded.
    pub(super) fn may_read(&mut self, now: Instant, is_crowded: bool) -> bool {
        let passed = now.since(self.since.unwrap_or(now));
        if self.waits && is_crowded && passed < self.remaining {
            return false;
        }
        if self.waits {
            self.overdrawn = passed.saturating_sub(self.remaining);
            self.remaining = self.remaining.saturating_sub(passed);
        } else {
            let gained = passed / SHARE;
            self.remaining = (self.remaining + gained.saturating_sub(self.overdrawn)).min(MAX_WAIT);
            self.overdrawn = self.overdrawn.saturating_sub(gained);
        }
        self.since = Some(now);
        self.waits = !self.waits && is_crowded && self.remaining >= MIN_WAIT;
        !self.waits
    }

    /// Returns the moment at which the task waits no longer; `None` if it does not wait.
    pub(super) fn end(&self) -> Option<Instant> {
        self.since.filter(|_| self.waits).map(|since| since + self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Instant {
        Instant::ORIGIN + Duration::from_millis(ms)
    }

    #[test]
    fn a_wait_ends_with_room_or_with_the_time_that_remains() {
        let mut patience = Patience::default();
        assert!(patience.may_read(ms(0), false) && patience.end().is_none());
        assert!(!patience.may_read(ms(10), true));
        assert_eq!(patience.end(), Some(ms(15)));
        assert!(!patience.may_read(ms(12), true) && patience.may_read(ms(13), false));
        assert!(!patience.may_read(ms(13), true));
        assert_eq!(patience.end(), Some(ms(15)), "2 ms remain");
        assert!(patience.may_read(ms(15), true) && patience.end().is_none());
        assert!(patience.may_read(ms(15), true), "nothing remains");
    }

    #[test]
    fn waiting_takes_a_quarter_of_the_time_at_most() {
        let (mut patience, mut waited) = (Patience::default(), 0);
        for at in 0..100_000 {
            waited += u64::from(!patience.may_read(ms(at), true));
        }
        assert!((19_000..=25_000).contains(&waited), "{waited} of 100,000 ms");
    }
}
