//! The time types of the core: the driver's clock, the gateway's clock, and times without a zone.

mod civil;
mod unix;

use core::fmt;
use core::num::NonZeroU64;
use core::ops::Add;
use core::time::Duration;

pub use civil::CivilTime;
#[cfg(feature = "transport")]
pub(crate) use civil::days_since_1970;
pub use unix::UnixMillis;

/// A summary of spans of time, such as round trips.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct SpanStats {
    /// Number of spans.
    pub count: u64,
    /// The latest span; zero without one.
    pub last: Duration,
    /// The shortest span; zero without one.
    pub shortest: Duration,
    /// The longest span; zero without one.
    pub longest: Duration,
    /// The sum of all spans.
    pub total: Duration,
}

impl SpanStats {
    /// Returns the mean; `None` without a span.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.total.as_nanos().checked_div(self.count.into())?;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    pub(crate) fn add(&mut self, span: Duration) {
        self.shortest = if self.count == 0 { span } else { self.shortest.min(span) };
        self.longest = self.longest.max(span);
        self.last = span;
        self.total = self.total.saturating_add(span);
        self.count = self.count.saturating_add(1);
    }
}

/// A moment on the monotonic clock of the driver.
///
/// It counts nanoseconds since an origin that the driver chooses: the start of the process, of a
/// test, or of a recording. It never reads a wall clock. Arithmetic saturates, so no input can
/// overflow it; 64 bits of nanoseconds last 584 years.
///
/// ```
/// use core::time::Duration;
/// use ibws_proto::Instant;
///
/// let start = Instant::from_millis(1_500);
/// assert_eq!((start + Duration::from_secs(2)).to_string(), "3.500s");
/// assert_eq!(start.since(Instant::from_millis(2_000)), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// The nanoseconds since the origin, and one: an `Option` of a moment is not larger then.
    nanos_and_one: NonZeroU64,
}

impl Instant {
    /// The origin of the clock.
    pub const ORIGIN: Self = Self::from_nanos(0);

    /// Returns the moment `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos_and_one: NonZeroU64::MIN.saturating_add(nanos) }
    }

    /// Returns the moment `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// Returns the nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos_and_one.get() - 1
    }

    /// Returns the time that passed since `earlier`; zero if `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

impl Default for Instant {
    /// Returns [`ORIGIN`](Self::ORIGIN).
    fn default() -> Self {
        Self::ORIGIN
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self { nanos_and_one: self.nanos_and_one.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)) }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_nanos() / 1_000_000;
        write!(f, "{}.{:03}s", millis / 1_000, millis % 1_000)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_moment_that_may_be_absent_is_no_larger() {
        assert_eq!(size_of::<Option<Instant>>(), 8);
        assert_eq!((Instant::ORIGIN.as_nanos(), Instant::from_nanos(7).as_nanos()), (0, 7));
        let last = Instant::from_nanos(u64::MAX);
        assert_eq!((last.as_nanos(), last + Duration::MAX, last.since(last)), (u64::MAX - 1, last, Duration::ZERO));
        assert!(Instant::default() == Instant::ORIGIN && Instant::ORIGIN < Instant::from_nanos(1));
        assert_eq!((Instant::ORIGIN + Duration::from_millis(61_005)).to_string(), "61.005s");
    }

    #[test]
    fn spans_are_summed_and_their_extremes_kept() {
        let mut spans = SpanStats::default();
        assert_eq!(spans.mean(), None);
        for ms in [30, 10, 20] {
            spans.add(Duration::from_millis(ms));
        }
        let ms = |span: Duration| span.as_millis();
        assert_eq!((spans.count, ms(spans.last), ms(spans.shortest)), (3, 20, 10));
        assert_eq!((ms(spans.longest), ms(spans.total), spans.mean().map(ms)), (30, 60, Some(20)));
        spans.add(Duration::MAX);
        assert_eq!((spans.longest, spans.total), (Duration::MAX, Duration::MAX));
    }
}
