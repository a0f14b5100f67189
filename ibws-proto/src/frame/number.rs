//! Numbers as the gateway writes them. The text is kept, and conversions happen on demand.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::IntErrorKind;

use serde::{Serialize, Serializer};

/// A number that keeps its text (docs/protocol.md §7.10).
///
/// The gateway writes numbers as JSON numbers or as strings, with thousands separators (`3,700`),
/// with a suffix (`14.6M`), in E notation (`2.02E8`), with a sign (`+0.45`). All of these forms are
/// read. None is rounded until the caller converts it to a type that rounds.
///
/// ```
/// use ibws_proto::frame::Number;
///
/// let volume: Number<'_> = Number::parse("14.6M").unwrap();
/// assert_eq!(volume.text(), "14.6M");
/// assert_eq!(volume.to_i64(), Some(14_600_000));
/// assert_eq!(Number::parse("64.780").unwrap().to_f64(), Some(64.78));
/// assert!(Number::parse("1,5").is_none(), "not a thousands separator");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    text: &'a str,
    digits: Digits,
}

/// The value of the text in two machine words. A struct of this size is returned in registers. A
/// larger one goes through memory, and passing it costs more than reading the number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Digits {
    /// The digits without point and separators, if they fit in 64 bits.
    mantissa: u64,
    /// The flags in the upper bits, and in the lower 32 the power of ten of the mantissa, with that
    /// of the suffix.
    rest: u64,
}

const NEGATIVE: u64 = 1 << 32;
const TOO_LONG: u64 = 1 << 33;
const NO_NUMBER: u64 = 1 << 34;

impl Digits {
    const NONE: Self = Self { mantissa: 0, rest: NO_NUMBER };

    #[inline(always)]
    fn new(mantissa: u64, exponent: i32, negative: bool) -> Self {
        Self { mantissa, rest: u64::from(exponent.cast_unsigned()) | if negative { NEGATIVE } else { 0 } }
    }

    #[inline(always)]
    fn has(self, flag: u64) -> bool {
        self.rest & flag != 0
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the exponent is what lies below the flags")]
    fn exponent(self) -> i32 {
        (self.rest as u32).cast_signed()
    }
}

/// The powers of ten that an `f64` holds exactly.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

impl<'a> Number<'a> {
    /// Reads a number: sign, digits with or without thousands separators, fraction, exponent, and
    /// one of the suffixes `K`, `M`, `B`, `T`. Returns `None` for anything else, the empty text
    /// included.
    #[must_use]
    #[inline(always)]
    pub fn parse(text: &'a str) -> Option<Self> {
        let digits = read(text.as_bytes());
        if digits.has(NO_NUMBER) { None } else { Some(Self { text, digits }) }
    }

    /// Returns the text as it was received.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.text
    }

    /// Returns `true` if the text has a minus sign.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.digits.has(NEGATIVE)
    }

    /// Returns the nearest `f64`; `None` if the number is beyond its range.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "mantissas of up to 53 bits only")]
    pub fn to_f64(self) -> Option<f64> {
        // Both factors are exact and one operation rounds once, so the result is the nearest `f64`.
        let (mantissa, exponent) = (self.digits.mantissa, self.digits.exponent());
        if !self.digits.has(TOO_LONG)
            && mantissa <= 1 << 53
            && let Some(&power) = EXACT.get(exponent.unsigned_abs() as usize)
        {
            let mantissa = mantissa as f64;
            let size = if exponent < 0 { mantissa / power } else { mantissa * power };
            return Some(if self.digits.has(NEGATIVE) { -size } else { size });
        }
        self.to_f64_by_text()
    }

    #[inline(never)]
    fn to_f64_by_text(self) -> Option<f64> {
        self.plain().parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// Returns the whole number; `None` if it has a fraction other than zero or is beyond the
    /// range.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        let (mantissa, exponent) = (self.digits.mantissa, self.digits.exponent());
        if self.digits.rest == 0 {
            return i64::try_from(mantissa).ok();
        }
        if self.digits.has(TOO_LONG) {
            return None;
        }
        let mut size = i128::from(mantissa);
        if size != 0 {
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent >= 0 {
                size = size.checked_mul(power)?;
            } else {
                if size.checked_rem(power)? != 0 {
                    return None;
                }
                size = size.checked_div(power)?;
            }
        }
        i64::try_from(if self.digits.has(NEGATIVE) { -size } else { size }).ok()
    }

    /// Returns the sign, the digits and their power of ten; `None` if the digits exceed 64 bits.
    pub(crate) fn parts(self) -> Option<(bool, u64, i32)> {
        let is_short = !self.digits.has(TOO_LONG);
        is_short.then(|| (self.digits.has(NEGATIVE), self.digits.mantissa, self.digits.exponent()))
    }

    /// Returns the decimal number digit for digit, with the decimals that were written; `None` if
    /// it has more than 28 digits or is beyond the range.
    #[cfg(feature = "decimal")]
    #[must_use]
    pub fn to_decimal(self) -> Option<rust_decimal::Decimal> {
        use rust_decimal::Decimal;
        let (mantissa, exponent) = (self.digits.mantissa, self.digits.exponent());
        if self.digits.has(TOO_LONG) {
            let plain = self.plain();
            let (digits, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
            let exponent: i32 = exponent.parse().ok()?;
            let mut decimal = Decimal::from_str_exact(digits).ok()?;
            if exponent >= 0 {
                decimal = decimal.checked_mul(Decimal::from(10_u128.checked_pow(exponent.unsigned_abs())?))?;
            } else {
                decimal.set_scale(decimal.scale().checked_add(exponent.unsigned_abs())?).ok()?;
            }
            return Some(decimal);
        }
        let mantissa = i128::from(mantissa) * if self.digits.has(NEGATIVE) { -1 } else { 1 };
        if exponent <= 0 {
            return Decimal::try_from_i128_with_scale(mantissa, exponent.unsigned_abs()).ok();
        }
        let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
        Decimal::try_from_i128_with_scale(mantissa.checked_mul(power)?, 0).ok()
    }

    /// Returns the text in the form that the standard library reads: without separators, the suffix
    /// as an exponent.
    fn plain(self) -> String {
        let mut plain: String = self.text.trim_ascii().chars().filter(|c| *c != ',').collect();
        if let Some(power) = plain.bytes().last().and_then(suffix) {
            plain.pop();
            plain.push('e');
            plain.push(char::from(b'0' + power / 10));
            plain.push(char::from(b'0' + power % 10));
        }
        plain.make_ascii_lowercase();
        plain
    }
}

/// Returns the numbers that `text` joins with `separator`; `None` if a part is not a number.
pub(crate) fn split_numbers(text: &str, separator: char) -> Option<Vec<Number<'_>>> {
    text.split(separator).map(Number::parse).collect()
}

/// Returns the power of ten of a suffix.
fn suffix(byte: u8) -> Option<u8> {
    Some(match byte {
        b'K' | b'k' => 3,
        b'M' | b'm' => 6,
        b'B' | b'b' => 9,
        b'T' | b't' => 12,
        _ => return None,
    })
}

/// Reads a number. Nearly every number is digits with a point, some have a small power of ten.
#[inline(never)]
fn read(text: &[u8]) -> Digits {
    // Most balances of a ledger are `0.0`.
    if let [whole @ b'0'..=b'9', b'.', tenth @ b'0'..=b'9'] = *text {
        return Digits::new(u64::from(whole - b'0') * 10 + u64::from(tenth - b'0'), -1, false);
    }
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut mantissa, mut rest) = digits_of(0, digits);
    let mut count = digits.len().wrapping_sub(rest.len());
    let mut exponent = 0;
    if let [b'.', fraction @ ..] = rest {
        (mantissa, rest) = digits_of(mantissa, fraction);
        let decimals = fraction.len().wrapping_sub(rest.len());
        count = count.wrapping_add(decimals);
        exponent = -i32::try_from(decimals).unwrap_or(i32::MAX);
    }
    if let [b'E', power @ b'0'..=b'9'] = rest {
        exponent = exponent.wrapping_add(i32::from(power - b'0'));
        rest = &[];
    }
    // Any 19 digits fit in 64 bits.
    if rest.is_empty() && (1..=19).contains(&count) {
        Digits::new(mantissa, exponent, negative)
    } else {
        read_any(text)
    }
}

/// Appends the digits at the start of a text to a number that may overflow. Returns what follows
/// them as well.
#[inline(always)]
fn digits_of(mut number: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let Some((eight, rest)) = text.split_first_chunk()
        && let Some(digits) = eight_digits(u64::from_le_bytes(*eight))
    {
        number = number.wrapping_mul(100_000_000).wrapping_add(digits);
        text = rest;
    }
    while let [byte, rest @ ..] = text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        text = rest;
    }
    (number, text)
}

/// Returns the number that eight digits write, the first in the lowest byte; `None` if a byte is no
/// digit. Digits are added in pairs, then pairs, then fours.
#[inline(always)]
fn eight_digits(word: u64) -> Option<u64> {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    // The upper half of a digit is 3, and remains 3 when 6 is added.
    let halves = (word ^ each(b'0')) | (word.wrapping_add(each(6)) ^ each(b'0'));
    if halves & each(0xf0) != 0 {
        return None;
    }
    let ones = word & each(0x0f);
    let pairs = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// Does the same as [`read`] for every form of a number.
#[inline(never)]
fn read_any(text: &[u8]) -> Digits {
    try_read(text).unwrap_or(Digits::NONE)
}

fn try_read(text: &[u8]) -> Option<Digits> {
    let (negative, text) = match text.trim_ascii() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut digits = Reader { mantissa: Some(0), count: 0 };
    let mut rest = digits.take(text);
    // Commas are accepted only between thousands: the crate does not guess whether `1,5` is 15 or
    // 1.5.
    if let [b',', ..] = rest {
        if !(1..=3).contains(&digits.count) {
            return None;
        }
        while let [b',', tail @ ..] = rest {
            let before = digits.count;
            rest = digits.take(tail);
            if digits.count - before != 3 {
                return None;
            }
        }
    }
    let mut exponent = 0_i32;
    if let [b'.', tail @ ..] = rest {
        let before = digits.count;
        rest = digits.take(tail);
        exponent = -i32::try_from(digits.count - before).ok()?;
    }
    if digits.count == 0 {
        return None;
    }
    match rest {
        [] => {}
        [b'e' | b'E', power @ ..] => {
            let power = core::str::from_utf8(power).ok().filter(|power| !power.is_empty())?;
            match power.parse::<i32>() {
                Ok(power) => exponent = exponent.saturating_add(power),
                // An exponent beyond 32 bits is valid, although hardly any type holds the number.
                Err(error) if matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => {
                    digits.mantissa = None;
                }
                Err(_) => return None,
            }
        }
        [byte] => exponent = exponent.saturating_add(i32::from(suffix(*byte)?)),
        _ => return None,
    }
    Some(match digits.mantissa {
        Some(mantissa) => Digits::new(mantissa, exponent, negative),
        None => Digits { mantissa: 0, rest: Digits::new(0, exponent, negative).rest | TOO_LONG },
    })
}

/// Collects digits.
struct Reader {
    /// The digits as a number; `None` once they do not fit in 64 bits.
    mantissa: Option<u64>,
    count: u32,
}

impl Reader {
    /// Takes the digits at the start of `text` and returns what follows.
    fn take<'a>(&mut self, mut text: &'a [u8]) -> &'a [u8] {
        while let [digit @ b'0'..=b'9', rest @ ..] = text {
            let digit = u64::from(digit - b'0');
            self.mantissa = self.mantissa.and_then(|m| m.checked_mul(10)?.checked_add(digit));
            self.count = self.count.saturating_add(1);
            text = rest;
        }
        text
    }
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

impl fmt::Debug for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Serialises the text as it was received, so that no digit is lost.
impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_number_is_read_in_every_form_of_the_wire() {
        for (text, float, whole) in [
            ("0", 0.0, Some(0)),
            ("-1.47", -1.47, None),
            ("+0.45", 0.45, None),
            ("3,700", 3_700.0, Some(3_700)),
            ("1,234,567.5", 1_234_567.5, None),
            ("14.6M", 14_600_000.0, Some(14_600_000)),
            ("1.2K", 1_200.0, Some(1_200)),
            ("7b", 7e9, Some(7_000_000_000)),
            ("1.46E7", 1.46e7, Some(14_600_000)),
            ("2.0417309865130227E8", 2.041_730_986_513_022_7e8, None),
            ("1.0", 1.0, Some(1)),
            ("-0", -0.0, Some(0)),
            (".5", 0.5, None),
            ("5.", 5.0, Some(5)),
            (" 7 ", 7.0, Some(7)),
            ("9223372036854775807", 9_223_372_036_854_775_807_f64, Some(i64::MAX)),
            ("1234567890123456789012345678901234567890", 1.234_567_890_123_456_8e39, None),
            ("0e400", 0.0, Some(0)),
        ] {
            let number = Number::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(number.to_f64().map(f64::to_bits), Some(float.to_bits()), "{text}");
            assert_eq!(number.to_i64(), whole, "{text}");
            assert_eq!(number.to_string(), text);
        }
    }

    #[test]
    fn eight_digits_are_read_at_once_and_no_other_bytes() {
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                let mut text = *b"83071629";
                text[at] = byte;
                let number = core::str::from_utf8(&text).ok().filter(|_| byte.is_ascii_digit());
                let number = number.and_then(|text| text.parse().ok());
                assert_eq!(eight_digits(u64::from_le_bytes(text)), number, "{text:x?}");
            }
        }
    }

    /// Every text of up to eight bytes of those that numbers have is read as the slower reader of
    /// every form reads it, alone and behind digits.
    #[test]
    fn the_quick_reader_agrees_with_the_reader_of_every_form() {
        const BYTES: &[u8] = b"05.-E";
        for len in 0..=6 {
            for mut number in 0..BYTES.len().pow(len) {
                let tail: Vec<u8> = (0..len)
                    .map(|_| {
                        let byte = BYTES[number % BYTES.len()];
                        number /= BYTES.len();
                        byte
                    })
                    .collect();
                for head in
                    ["", "-", "1234567", "12345678", "1234567890123.5", "1234567890123456789", "-98765432.12345678"]
                {
                    let text = [head.as_bytes(), &tail].concat();
                    assert!(read(&text) == read_any(&text), "{}", core::str::from_utf8(&text).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_text_that_is_not_a_number_is_refused() {
        for text in [
            "", "-", "+", "N/A", "1,5", "1,23,456", ",500", "1234,567", "1.2.3", "1e", "1e+", "NaN", "inf", "0x10",
            "1 2", "C1", "1KK", "K", ".", "--1", "1,", "12%",
        ] {
            assert_eq!(Number::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_too_large_keeps_its_text() {
        for text in ["1e400", "-1e400", "1e99999999999999999999"] {
            let number = Number::parse(text).unwrap();
            assert_eq!((number.to_f64(), number.to_i64()), (None, None), "{text}");
            assert_eq!(number.text(), text);
        }
        assert_eq!(Number::parse("1e-99999999999999999999").unwrap().to_f64(), Some(0.0));
    }

    #[test]
    fn a_float_equals_that_of_the_standard_library() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let text = alloc::format!("{}.{:04}", state >> 40, state >> 20 & 0x3ff);
            assert_eq!(Number::parse(&text).unwrap().to_f64(), text.parse().ok(), "{text}");
        }
    }

    #[cfg(feature = "decimal")]
    #[test]
    fn a_decimal_keeps_every_digit_that_was_written() {
        for (text, decimal) in [
            ("64.780", Some("64.780")),
            ("-1.47", Some("-1.47")),
            ("3,700", Some("3700")),
            ("14.6M", Some("14600000")),
            ("1.46E7", Some("14600000")),
            ("2.0417309865130227E8", Some("204173098.65130227")),
            ("12345678901234567890.12345678", Some("12345678901234567890.12345678")),
            ("12345678901234567890.123E2", Some("1234567890123456789012.300")),
            ("0.12345678901234567890123456789012", None),
            ("1e400", None),
        ] {
            let read = Number::parse(text).unwrap().to_decimal().map(|d| d.to_string());
            assert_eq!(read.as_deref(), decimal, "{text}");
        }
    }
}
