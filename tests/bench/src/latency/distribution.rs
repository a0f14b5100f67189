//! Latencies, their quantiles and their histogram.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency that is told apart from longer ones, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// Decimal digits of a latency that are kept.
const DIGITS: u8 = 3;

/// The latencies of one run.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Latencies {
    /// Creates an empty collection.
    ///
    /// # Panics
    ///
    /// Never: the limits are valid.
    #[must_use]
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("valid limits"))
    }

    /// Adds one latency.
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    /// Returns each latency that occurred, with the number of its messages.
    #[must_use]
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        self.0.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect()
    }

    /// Adds what [`buckets`](Self::buckets) returned in another process.
    pub fn add(&mut self, buckets: &[(u64, u64)]) {
        for (nanoseconds, messages) in buckets {
            self.0.saturating_record_n(*nanoseconds, *messages);
        }
    }

    /// Returns the latency that this part of the messages does not exceed.
    #[must_use]
    pub fn quantile(&self, part: f64) -> u64 {
        self.0.value_at_quantile(part)
    }
}

/// The latencies of all rounds of one client at one rate, as the file `latency-histogram` holds
/// them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The client, as in the figures.
    pub name: String,
    /// Messages a second.
    pub rate: u64,
    /// Pairs of nanoseconds and messages, in the order of the nanoseconds.
    pub buckets: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_buckets_are_those_of_the_latencies() {
        let mut latencies = Latencies::new();
        (1..=1_000).for_each(|number| latencies.record(number * 1_000));
        let mut copy = Latencies::new();
        copy.add(&latencies.buckets());
        for part in [0.5, 0.99, 0.999] {
            assert_eq!(copy.quantile(part), latencies.quantile(part));
        }
        assert!((copy.quantile(0.5) as f64 / 500_000.0 - 1.0).abs() < 0.002);
    }
}
