//! Moments of the gateway's clock, in UTC.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::civil::date_of;

/// The milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A moment of the gateway's clock in UTC: milliseconds since 1970, leap seconds not counted.
///
/// Every member of the wire that is documented as such a number has this type: `_updated`, `hb`,
/// `lastAccessed`, `lastExecutionTime_r`, `trade_time_r`, and `t` of a bar. An [`Instant`] is
/// something else, a moment of the driver's own clock. The two clocks may differ.
///
/// `to_utc` returns a type of the crate `time` (feature `time`), and `to_system_time` one of the
/// standard library (feature `transport`, which requires that library).
///
/// ```
/// use ibws_proto::{Body, Frame, UnixMillis};
///
/// let frame = Frame::decode(r#"{"topic":"smd+265598","_updated":1767623400250}"#.into()).unwrap();
/// let Body::MarketData(data) = frame.body() else { panic!() };
/// let updated = data.updated().unwrap().unwrap();
/// assert_eq!(updated, UnixMillis::from_millis(1_767_623_400_250));
/// assert_eq!(updated.to_string(), "2026-01-05T14:30:00.250Z");
/// ```
///
/// [`Instant`]: super::Instant
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(i64);

impl UnixMillis {
    /// The first moment of 1970.
    pub const EPOCH: Self = Self(0);

    /// Returns the moment `millis` milliseconds after the start of 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the moment `seconds` seconds after the start of 1970; `None` if that is more
    /// milliseconds than 64 bits hold.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(1_000) {
            Some(millis) => Some(Self(millis)),
            None => None,
        }
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time that passed since `earlier`; zero if `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 { Duration::ZERO } else { Duration::from_millis(self.0.abs_diff(earlier.0)) }
    }

    /// Returns the moment in the type of the standard library; `None` if that cannot hold it.
    #[cfg(feature = "transport")]
    #[must_use]
    pub fn to_system_time(self) -> Option<std::time::SystemTime> {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 {
            std::time::SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            std::time::SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }

    /// Returns the moment in the type of the crate `time`; `None` for years beyond 9999, which that
    /// type does not hold.
    #[cfg(feature = "time")]
    #[must_use]
    pub fn to_utc(self) -> Option<::time::UtcDateTime> {
        ::time::UtcDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).ok()
    }
}

/// Writes the moment as RFC 3339 does, `2026-01-05T14:30:00.250Z`. A year beyond 9999 has more
/// digits.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}")?;
        write!(f, ":{:02}.{:03}Z", millis / 1_000 % 60, millis % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_moment_is_written_as_rfc_3339_does() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_623_400_250, "2026-01-05T14:30:00.250Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(UnixMillis::from_millis(millis).to_string(), text);
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert!(UnixMillis::from_millis(extreme).to_string().ends_with('Z'));
        }
    }

    #[test]
    fn a_span_between_moments_is_never_negative() {
        let (early, late) = (UnixMillis::from_millis(-500), UnixMillis::from_secs(2).unwrap());
        assert_eq!(late.since(early), Duration::from_millis(2_500));
        assert_eq!(early.since(late), Duration::ZERO);
        let all = UnixMillis::from_millis(i64::MAX).since(UnixMillis::from_millis(i64::MIN));
        assert_eq!(all, Duration::from_millis(u64::MAX));
        assert_eq!(UnixMillis::from_secs(i64::MAX), None);
    }

    #[test]
    fn a_moment_serialises_as_its_number() {
        let moment = UnixMillis::from_millis(1_767_623_400_250);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "1767623400250");
        assert_eq!(serde_json::from_str::<UnixMillis>("1767623400250").unwrap(), moment);
    }

    #[cfg(feature = "transport")]
    #[test]
    fn a_moment_converts_to_the_time_of_the_system() {
        use std::time::SystemTime;
        let converted = |millis| UnixMillis::from_millis(millis).to_system_time().unwrap();
        let after = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!((converted(0), converted(1_500)), (SystemTime::UNIX_EPOCH, after));
        assert_eq!(converted(-1_500), SystemTime::UNIX_EPOCH - Duration::from_millis(1_500));
    }

    #[cfg(feature = "time")]
    #[test]
    fn a_moment_converts_to_the_crate_time() {
        let moment = UnixMillis::from_millis(1_767_623_400_250);
        let utc = moment.to_utc().unwrap();
        assert_eq!((utc.year(), u8::from(utc.month()), utc.day(), utc.hour()), (2026, 1, 5, 14));
        assert_eq!((utc.minute(), utc.second(), utc.millisecond()), (30, 0, 250));
        assert_eq!(UnixMillis::from_millis(i64::MAX).to_utc(), None);
    }
}
