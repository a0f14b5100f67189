//! Dates and times of day as the gateway writes them, and their place in the calendar.

use core::fmt;

use super::UnixMillis;

/// A date and a time of day as the gateway writes them, without a time zone.
///
/// The wire has two forms: `20260105-14:30:00` in executions and histories, and `260105143000` in
/// orders (docs/protocol.md §3.2, §3.4, §3.6). The type states no zone. Where a source states one,
/// an accessor that returns [`UnixMillis`] applies it:
/// [`Execution::traded_at`](crate::message::Execution::traded_at) and
/// [`Order::last_execution`](crate::message::Order::last_execution). For the start of a history no
/// source does, so [`History::start`](crate::message::History::start) returns this type.
///
/// ```
/// use ibws_proto::CivilTime;
///
/// let start = CivilTime::parse("20260105-14:30:00").unwrap();
/// assert_eq!((start.year(), start.hour()), (2026, 14));
/// assert_eq!(start.to_string(), "2026-01-05 14:30:00");
/// assert_eq!(CivilTime::parse("260105143000"), Some(start));
/// assert_eq!(start.assume_utc().to_string(), "2026-01-05T14:30:00.000Z");
/// assert_eq!(CivilTime::parse("20260230-14:30:00"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CivilTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl CivilTime {
    /// Reads `yyyyMMdd-HH:mm:ss` or `yyMMddHHmmss`; `None` for any other text, for a date that the
    /// calendar does not have, and for years before 1970. Two digits name a year from 2000 on.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, rest) = match *text.as_bytes() {
            [y1, y2, y3, y4, m1, m2, d1, d2, b'-', h1, h2, b':', n1, n2, b':', s1, s2] => {
                (number(&[y1, y2, y3, y4])?, [[m1, m2], [d1, d2], [h1, h2], [n1, n2], [s1, s2]])
            }
            [y1, y2, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2] => {
                (number(&[y1, y2])?.checked_add(2000)?, [[m1, m2], [d1, d2], [h1, h2], [n1, n2], [s1, s2]])
            }
            _ => return None,
        };
        let mut parts = rest.iter().map(|digits| u8::try_from(number(digits)?).ok());
        let mut next = || parts.next().flatten();
        let read = Self { year, month: next()?, day: next()?, hour: next()?, minute: next()?, second: next()? };
        let days = i64::try_from(days_since_1970(year.into(), read.month.into(), read.day.into())?).ok()?;
        let is_date = date_of(days) == (i64::from(year), read.month, read.day);
        (is_date && read.hour < 24 && read.minute < 60 && read.second < 60).then_some(read)
    }

    /// Returns the year, 1970 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Returns the month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// Returns the day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Returns the hour, 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// Returns the minute, 0 to 59.
    #[must_use]
    pub const fn minute(self) -> u8 {
        self.minute
    }

    /// Returns the second, 0 to 59.
    #[must_use]
    pub const fn second(self) -> u8 {
        self.second
    }

    /// Returns the moment that this is in UTC. Use it only where a source states that the time is
    /// in UTC, because the text does not.
    #[must_use]
    pub fn assume_utc(self) -> UnixMillis {
        let days = days_since_1970(self.year.into(), self.month.into(), self.day.into()).unwrap_or_default();
        let [hour, minute, second] = [self.hour, self.minute, self.second].map(u64::from);
        let seconds = days.saturating_mul(86_400).saturating_add(hour * 3_600 + minute * 60 + second);
        UnixMillis::from_millis(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
    }

    /// Returns the date and time of day in the type of the crate `time` that has no zone either;
    /// `None` does not occur for a value that [`parse`](Self::parse) returned.
    #[cfg(feature = "time")]
    #[must_use]
    pub fn to_primitive(self) -> Option<::time::PrimitiveDateTime> {
        let month = ::time::Month::try_from(self.month).ok()?;
        let date = ::time::Date::from_calendar_date(self.year.into(), month, self.day).ok()?;
        Some(::time::PrimitiveDateTime::new(date, ::time::Time::from_hms(self.hour, self.minute, self.second).ok()?))
    }
}

/// Writes the date and time of day without a zone, `2026-01-05 14:30:00`.
impl fmt::Display for CivilTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// Reads up to four digits.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Returns the number of days before a date from 1970 to 9999. The day is not checked against the
/// length of its month.
pub(crate) fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    const COMMON: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = COMMON.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let past = year.checked_sub(1)?;
    // 719,162 days lie before 1970-01-01.
    let years = (past * 365 + past / 4 - past / 100 + past / 400).checked_sub(719_162)?;
    (years + before + u64::from(is_leap && month > 2) + day).checked_sub(1)
}

/// Returns year, month and day of a number of days since 1970.
pub(super) fn date_of(days: i64) -> (i64, u8, u8) {
    // The first of March of the year 0 begins a cycle of 400 years, which have 146,097 days. A year
    // that begins in March has its leap day at its end.
    let days = days.saturating_add(719_468);
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on, or from August on, have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let small = |number: i64| u8::try_from(number).unwrap_or_default();
    (cycle.saturating_mul(400).saturating_add(year + next), small(month), small(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries_is_read_back() {
        let (mut year, mut month, mut day) = (1970_u64, 1_u64, 1_u64);
        for days in 0..292_194_u64 {
            assert_eq!(days_since_1970(year, month, day), Some(days));
            let date = (i64::try_from(year).unwrap(), u8::try_from(month).unwrap(), u8::try_from(day).unwrap());
            assert_eq!(date_of(i64::try_from(days).unwrap()), date);
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(is_leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                _ if day == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
        assert_eq!(date_of(-1), (1969, 12, 31));
        assert_eq!(date_of(-719_468), (0, 3, 1));
    }

    #[test]
    fn both_forms_of_the_wire_are_one_moment() {
        let long = CivilTime::parse("20260105-14:31:01").unwrap();
        assert_eq!(CivilTime::parse("260105143101"), Some(long));
        assert_eq!(long.assume_utc(), UnixMillis::from_millis(1_767_623_461_000));
        assert_eq!(CivilTime::parse("19700101-00:00:00").unwrap().assume_utc(), UnixMillis::EPOCH);
        let leap = CivilTime::parse("20240229-23:59:59").unwrap();
        let parts = (leap.year(), leap.month(), leap.day(), leap.hour(), leap.minute(), leap.second());
        assert_eq!(parts, (2024, 2, 29, 23, 59, 59));
    }

    #[test]
    fn a_text_that_is_no_time_is_refused() {
        for text in [
            "",
            "20260105",
            "20260105 14:31:01",
            "20260105-14:31:1",
            "20260105-14:31:011",
            "20261305-14:31:01",
            "20260005-14:31:01",
            "20260100-14:31:01",
            "20260132-14:31:01",
            "20250229-14:31:01",
            "20260105-24:00:00",
            "20260105-23:60:00",
            "20260105-23:59:60",
            "19691231-23:59:59",
            "2026010a-14:31:01",
            "+60105143101",
            "260105 43101",
            "1767623461000",
        ] {
            assert_eq!(CivilTime::parse(text), None, "{text}");
        }
    }

    #[cfg(feature = "time")]
    #[test]
    fn the_crate_time_reads_the_same_parts() {
        for text in ["20260105-14:31:01", "20240229-00:00:00", "99991231-23:59:59"] {
            let civil = CivilTime::parse(text).unwrap();
            let other = civil.to_primitive().unwrap().assume_utc();
            assert_eq!(i128::from(civil.assume_utc().as_millis()) * 1_000_000, other.unix_timestamp_nanos(), "{text}");
        }
    }
}
