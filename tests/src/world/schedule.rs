//! Faults at given times.

use core::fmt;
use core::time::Duration;

use super::fault::Code;
use super::{Dial, Fault, World};
use crate::prng::Prng;

/// Faults with the times at which they happen, and the seed of the gateway that they happen to.
///
/// `Display` and `Debug` write the code that makes the schedule again, so that the schedule of a
/// failure can be copied into a test.
///
/// ```
/// use ibws_testkit::world::{Fault, Schedule, ms, secs};
///
/// let schedule = Schedule::seeded(7).at(secs(5), Fault::Cut).at(ms(8_500), Fault::RefuseDials(2));
/// assert_eq!(schedule.seed, 7);
/// assert_eq!(schedule.to_string().lines().count(), 3);
/// // Equal seeds draw equal schedules.
/// assert_eq!(Schedule::drawn(3, secs(60), 5), Schedule::drawn(3, secs(60), 5));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The seed of the gateway.
    pub seed: u64,
    /// The faults, each with the time from the beginning of the schedule, in the order of their
    /// times.
    faults: Vec<(Duration, Fault)>,
}

impl Schedule {
    /// Makes a schedule without faults.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, faults: Vec::new() }
    }

    /// Draws `count` faults within `span` from the seed.
    #[must_use]
    pub fn drawn(seed: u64, span: Duration, count: usize) -> Self {
        let mut chance = Prng::part(seed, "schedule", 0);
        let most = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        (0..count).fold(Self::seeded(seed), |schedule, _| {
            let after = Duration::from_millis(chance.below(most));
            schedule.at(after, Fault::draw(&mut chance))
        })
    }

    /// Adds a fault `after` the beginning of the schedule, behind those of the same time.
    #[must_use]
    pub fn at(mut self, after: Duration, fault: Fault) -> Self {
        let place = self.faults.partition_point(|(at, _)| *at <= after);
        self.faults.insert(place, (after, fault));
        self
    }

    /// The faults with their times, in their order.
    pub fn faults(&self) -> impl ExactSizeIterator<Item = (Duration, &Fault)> {
        self.faults.iter().map(|(at, fault)| (*at, fault))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule::seeded({})", self.seed)?;
        for (at, fault) in &self.faults {
            write!(f, "\n    .at({}, {fault:?})", Code(*at))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl World {
    /// Lets `span` pass, in which the faults of the schedule happen. Faults after `span` do not.
    ///
    /// # Panics
    /// Like [`run`](Self::run); the message holds the schedule.
    pub fn play(&mut self, schedule: &Schedule, span: Duration) {
        let start = self.now();
        self.played.push(schedule.clone());
        for (after, fault) in schedule.faults().filter(|(after, _)| *after <= span) {
            self.run_until(start + after);
            self.inject(fault.clone());
        }
        self.run_until(start + span);
    }

    /// Makes the gateway, or the line to it, do something wrong now.
    ///
    /// # Panics
    /// If an invariant breaks; the message holds the timeline.
    pub fn inject(&mut self, fault: Fault) {
        self.note(&format!("fault: {fault:?}"));
        let conn = self.conn().map(|conn| conn.0);
        if fault.at_gateway(&mut self.gateway, conn) || self.line.take(&fault, self.now()) {
            return self.flush_gateway();
        }
        let (dial, count) = match fault {
            Fault::HalfOpen => return self.freeze(),
            Fault::RefuseDials(count) => (Dial::refused(), count),
            Fault::HangDials(count) => (Dial::Hangs, count),
            _ => return,
        };
        self.link.dials.extend(std::iter::repeat_n(dial, count as usize));
    }
}
