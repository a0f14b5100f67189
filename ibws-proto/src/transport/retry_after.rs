//! The pause that a server requests with `Retry-After` (RFC 9110 §10.2.3).

use core::time::Duration;

use crate::time::days_since_1970;

/// Returns the pause that `value` requests: a number of seconds, or a date minus `date`, the
/// `Date` of the same response.
///
/// The clock of this machine is not used, because it may differ from that of the server. A date
/// without a `Date`, and every other text, is ignored. A date that has passed is a pause of zero.
pub(crate) fn pause(value: &[u8], date: Option<&[u8]>) -> Option<Duration> {
    if !value.is_empty() && value.iter().all(u8::is_ascii_digit) {
        let digits = value.iter().map(|byte| u64::from(byte.saturating_sub(b'0')));
        let seconds = digits.fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(digit));
        return Some(Duration::from_secs(seconds));
    }
    let seconds = |text: &[u8]| core::str::from_utf8(text).ok().and_then(http_date);
    Some(Duration::from_secs(seconds(value)?.saturating_sub(seconds(date?)?)))
}

/// Reads a date in one of the three forms of RFC 9110 §5.6.7, as seconds since 1970.
fn http_date(text: &str) -> Option<u64> {
    let (day, month, year, time) = match text.split_once(", ") {
        // `Sun, 06 Nov 1994 08:49:37 GMT`, or `Sunday, 06-Nov-94 08:49:37 GMT`.
        Some((_, rest)) => {
            let (date, time) = rest.strip_suffix(" GMT")?.rsplit_once(' ')?;
            let mut parts = date.split([' ', '-']);
            let parts = (parts.next()?, parts.next()?, parts.next()?, parts.next());
            let (day, month, year, None) = parts else { return None };
            (day, month, year, time)
        }
        // `Sun Nov  6 08:49:37 1994`.
        None => {
            let mut words = text.split_ascii_whitespace().skip(1);
            let words = (words.next()?, words.next()?, words.next()?, words.next()?, words.next());
            let (month, day, time, year, None) = words else { return None };
            (day, month, year, time)
        }
    };
    let month = MONTHS.iter().zip(1..).find_map(|(name, number)| (*name == month).then_some(number))?;
    let year = match (year.len(), number(year)?) {
        (4, year @ 1970..) => year,
        // Two digits name the nearest such year.
        (2, year) => year.saturating_add(if year < 70 { 2000 } else { 1900 }),
        _ => return None,
    };
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let mut parts = time.split(':').map(|part| number(part).filter(|_| part.len() == 2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    // 60 is a leap second.
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    Some(days * 86_400 + hours * 3_600 + minutes * 60 + seconds)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads up to four digits.
fn number(text: &str) -> Option<u64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_date_are_the_same_moment() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(http_date(text), Some(784_111_777), "{text}");
        }
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 23:59:60 GMT", 951_868_800),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
            ("Wednesday, 21-Oct-26 07:28:00 GMT", 1_792_567_680),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            assert_eq!(http_date(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_date() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Nov 1994 x 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_pause_is_in_seconds_or_up_to_a_date() {
        let date = Some(&b"Wed, 21 Oct 2026 07:28:00 GMT"[..]);
        for (value, date, expected) in [
            (&b"17"[..], None, Some(17)),
            (b"0", date, Some(0)),
            (b"99999999999999999999999", None, Some(u64::MAX)),
            (b"Wed, 21 Oct 2026 07:30:05 GMT", date, Some(125)),
            (b"Wednesday, 21-Oct-26 07:28:01 GMT", date, Some(1)),
            (b"Wed Oct 21 08:28:00 2026", date, Some(3_600)),
            (b"Wed, 21 Oct 2026 07:27:00 GMT", date, Some(0)),
            (b"Wed, 21 Oct 2026 07:30:05 GMT", None, None),
            (b"Wed, 21 Oct 2026 07:30:05 GMT", Some(b"today"), None),
            (b"-5", date, None),
            (b"1.5", date, None),
            (b"", date, None),
            (b"\xff", date, None),
        ] {
            assert_eq!(pause(value, date), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
