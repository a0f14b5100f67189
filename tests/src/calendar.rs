//! Dates as the gateway writes them, from milliseconds since 1970, in UTC.

const DAY_MS: u64 = 86_400_000;

/// Year, month, day, hour, minute, second.
fn parts(epoch_ms: u64) -> (u64, u64, u64, u64, u64, u64) {
    // The conversion of days to a civil date counts in eras of 400 years that begin on the first of
    // March.
    let days = epoch_ms / DAY_MS + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let second = epoch_ms % DAY_MS / 1_000;
    (year, month, day, second / 3_600, second / 60 % 60, second % 60)
}

/// A date such as `20260105-14:30:00`, the form of executions and history (docs/protocol.md §3.6).
pub(crate) fn dashed(epoch_ms: u64) -> String {
    let (year, month, day, hour, minute, second) = parts(epoch_ms);
    format!("{year:04}{month:02}{day:02}-{hour:02}:{minute:02}:{second:02}")
}

/// A date such as `260105143000`, the form of an order's `lastExecutionTime` (docs/protocol.md
/// §3.4).
pub(crate) fn compact(epoch_ms: u64) -> String {
    let (year, month, day, hour, minute, second) = parts(epoch_ms);
    format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}", year % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_year_ends_come_out_right() {
        assert_eq!(dashed(0), "19700101-00:00:00");
        assert_eq!(dashed(951_782_400_000), "20000229-00:00:00");
        assert_eq!(dashed(1_767_225_599_000), "20251231-23:59:59");
        assert_eq!(compact(1_767_225_600_000), "260101000000");
    }
}
