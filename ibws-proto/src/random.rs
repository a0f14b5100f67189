//! The only randomness of the core: a generator with a seed, so that the same inputs give the same
//! outputs.

use core::time::Duration;

/// The generator SplitMix64 (Steele, Lea, Flood 2014). A number costs one chain of multiplications,
/// and its quality suffices to spread the reconnects of many clients.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a uniform duration in `[0, limit]`.
    pub(crate) fn up_to(&mut self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX - 1);
        let share = (u128::from(self.next()) * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(share).unwrap_or(nanos))
    }

    /// Returns a duration that differs from `span` by at most `percent` of it.
    pub(crate) fn around(&mut self, span: Duration, percent: u32) -> Duration {
        let slack = span.saturating_mul(percent) / 100;
        span.saturating_sub(slack).saturating_add(self.up_to(slack.saturating_mul(2)))
    }
}

/// The delays between attempts to connect: full jitter under a limit that doubles.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    n: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, n: 0 }
    }

    /// Returns delay `n`, which is uniform in `[0, min(max, first * 2^n)]`.
    pub(crate) fn next(&mut self, random: &mut Random) -> Duration {
        let limit = doubled(self.first, self.n, self.max);
        self.n = self.n.saturating_add(1);
        random.up_to(limit)
    }

    pub(crate) fn reset(&mut self) {
        self.n = 0;
    }
}

/// Returns `first * 2^n`, at most `max`.
pub(crate) fn doubled(first: Duration, n: u32, max: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_fill_the_range_under_a_limit_that_doubles() {
        let (first, max) = (Duration::from_secs(1), Duration::from_secs(8));
        let mut random = Random::new(1);
        let mut longest = [Duration::ZERO; 7];
        for _ in 0..1_000 {
            let mut backoff = Backoff::new(first, max);
            for slot in &mut longest {
                *slot = backoff.next(&mut random).max(*slot);
            }
        }
        for (n, longest) in longest.into_iter().enumerate() {
            let limit = doubled(first, n as u32, max);
            assert!(longest <= limit && longest > limit * 9 / 10, "delay {n}: {longest:?} of {limit:?}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [(); 4].map(|()| random.around(Duration::from_secs(10), 20))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|span| (8..=12).contains(&span.as_secs())));
    }
}
