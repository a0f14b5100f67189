//! Exact arithmetic on numbers of the wire.

use alloc::format;
use core::fmt;

use serde::{Serialize, Serializer};

use super::number::Number;

/// The largest power of ten of an [`Exact`], and of its inverse. Prices, volumes and amounts stay
/// far below; it bounds the length of the text.
const MAX_EXPONENT: i32 = 64;

/// A decimal number that was computed from numbers of the wire, without rounding.
///
/// Accessors that apply a factor of the wire return it, for example
/// [`Bar::volume`](crate::message::Bar::volume) and
/// [`History::high_price`](crate::message::History::high_price). A result that is no decimal
/// number, or has more digits than 127 bits hold, is an error there and never a rounded value.
///
/// ```
/// use ibws_proto::frame::{Exact, Number};
///
/// let price = Exact::from_number(Number::parse("18290").unwrap()).unwrap();
/// let scaled = price.checked_div(100).unwrap();
/// assert_eq!(scaled.to_string(), "182.9");
/// assert_eq!(scaled.to_f64(), Some(182.9));
/// assert_eq!(scaled.to_i64(), None, "it has a fraction");
/// assert_eq!(price.checked_div(3), None, "no decimal number is the third part");
/// assert_eq!(scaled.checked_mul(100).unwrap().to_i64(), Some(18_290));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exact {
    /// The digits, without zeros at the end; 0 only with the exponent 0.
    mantissa: i128,
    /// The power of ten of the mantissa.
    exponent: i32,
}

impl Exact {
    /// Returns the number digit for digit; `None` if its digits exceed 64 bits or its power of ten
    /// exceeds 64.
    #[must_use]
    pub fn from_number(number: Number<'_>) -> Option<Self> {
        let (is_negative, mantissa, exponent) = number.parts()?;
        let mantissa = i128::from(mantissa);
        Self::new(if is_negative { -mantissa } else { mantissa }, exponent)
    }

    fn new(mut mantissa: i128, mut exponent: i32) -> Option<Self> {
        if mantissa == 0 {
            return Some(Self { mantissa, exponent: 0 });
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.checked_add(1)?;
        }
        (exponent.unsigned_abs() <= MAX_EXPONENT.unsigned_abs()).then_some(Self { mantissa, exponent })
    }

    /// Returns the product; `None` if its digits exceed 127 bits.
    #[must_use]
    pub fn checked_mul(self, factor: i64) -> Option<Self> {
        Self::new(self.mantissa.checked_mul(factor.into())?, self.exponent)
    }

    /// Returns the quotient; `None` if it is no decimal number of up to 127 bits, or if the divisor
    /// is 0.
    #[must_use]
    pub fn checked_div(self, divisor: i64) -> Option<Self> {
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        let mut rest = i128::from(divisor);
        if rest == 0 {
            return None;
        }
        // A half is 5 tenths, and a fifth is 2 tenths. No other prime divides a power of ten.
        for (prime, other) in [(2, 5), (5, 2)] {
            while rest % prime == 0 {
                rest /= prime;
                if mantissa % prime == 0 {
                    mantissa /= prime;
                } else {
                    mantissa = mantissa.checked_mul(other)?;
                    exponent = exponent.checked_sub(1)?;
                }
            }
        }
        if mantissa.checked_rem(rest)? != 0 {
            return None;
        }
        Self::new(mantissa.checked_div(rest)?, exponent)
    }

    /// Returns the nearest `f64`; `None` if the number is beyond its range.
    #[must_use]
    pub fn to_f64(self) -> Option<f64> {
        // The standard library rounds a decimal text once.
        let text = format!("{}e{}", self.mantissa, self.exponent);
        text.parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// Returns the whole number; `None` if it has a fraction or is beyond the range.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        i64::try_from(self.mantissa.checked_mul(power)?).ok()
    }

    /// Returns the decimal number digit for digit; `None` if it has more than 28 digits or is
    /// beyond the range.
    #[cfg(feature = "decimal")]
    #[must_use]
    pub fn to_decimal(self) -> Option<rust_decimal::Decimal> {
        let (mantissa, scale) = match u32::try_from(self.exponent) {
            Ok(power) => (self.mantissa.checked_mul(10_i128.checked_pow(power)?)?, 0),
            Err(_) => (self.mantissa, self.exponent.unsigned_abs()),
        };
        rust_decimal::Decimal::try_from_i128_with_scale(mantissa, scale).ok()
    }
}

/// Writes all digits, without an exponent and without zeros at the end of the fraction.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}", self.mantissa.unsigned_abs());
        let fraction = usize::try_from(self.exponent.min(0).unsigned_abs()).unwrap_or_default();
        let zeros = usize::try_from(self.exponent.max(0)).unwrap_or_default();
        // The digits with a zero before the point at least.
        let padded = format!("{digits:0>width$}{:0<zeros$}", "", width = fraction.saturating_add(1));
        let (whole, rest) = padded.split_at_checked(padded.len().saturating_sub(fraction)).unwrap_or((&padded, ""));
        let point = if rest.is_empty() { "" } else { "." };
        f.pad_integral(self.mantissa >= 0, "", &format!("{whole}{point}{rest}"))
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Serialises the digits as a string, so that none is lost.
impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn exact(text: &str) -> Option<Exact> {
        Exact::from_number(Number::parse(text).unwrap())
    }

    #[test]
    fn a_number_is_taken_digit_for_digit() {
        for (text, written, whole) in [
            ("0", "0", Some(0)),
            ("-0.00", "0", Some(0)),
            ("64.780", "64.78", None),
            ("-1.47", "-1.47", None),
            ("3,700", "3700", Some(3_700)),
            ("14.6M", "14600000", Some(14_600_000)),
            ("0.05", "0.05", None),
            ("1.46E7", "14600000", Some(14_600_000)),
            ("12e-3", "0.012", None),
            ("-9223372036854775808", "-9223372036854775808", Some(i64::MIN)),
        ] {
            let read = exact(text).unwrap();
            assert_eq!((read.to_string().as_str(), read.to_i64()), (written, whole), "{text}");
            assert_eq!(read.to_f64().unwrap(), Number::parse(text).unwrap().to_f64().unwrap(), "{text}");
            assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{written}\""));
        }
        assert_eq!(exact("1234567890123456789012345678901234567890"), None, "beyond 64 bits");
        assert_eq!((exact("1e65"), exact("1e-65")), (None, None));
        assert_eq!(exact("1e64").unwrap().to_string().len(), 65);
        assert_eq!(exact("0e400").unwrap().to_i64(), Some(0));
        assert_eq!(format!("{:>8}|{:+}", exact("-1.5").unwrap(), exact("2").unwrap()), "    -1.5|+2");
    }

    #[test]
    fn a_product_and_a_quotient_are_exact_or_refused() {
        assert_eq!(exact("38.7").unwrap().checked_mul(100), exact("3870"));
        assert_eq!(exact("0.1").unwrap().checked_mul(3), exact("0.3"));
        for (text, divisor, quotient) in [
            ("18290", 100, Some("182.9")),
            ("18290", -100, Some("-182.9")),
            ("1", 64, Some("0.015625")),
            ("7", 250, Some("0.028")),
            ("9", 3, Some("3")),
            ("9", 6, Some("1.5")),
            ("10", 3, None),
            ("1", 7, None),
            ("0", 7, Some("0")),
            ("1", 0, None),
        ] {
            let divided = exact(text).unwrap().checked_div(divisor);
            assert_eq!(divided, quotient.map(|text| exact(text).unwrap()), "{text} / {divisor}");
        }
        let large = exact("18446744073709551615").unwrap();
        assert_eq!(large.checked_mul(i64::MAX).and_then(|product| product.checked_mul(i64::MAX)), None);
        assert_eq!(large.checked_mul(i64::MIN).unwrap().checked_div(i64::MIN), Some(large));
    }

    #[cfg(feature = "decimal")]
    #[test]
    fn a_decimal_has_the_same_digits() {
        for text in ["64.78", "-1.47", "14600000", "0.012", "0"] {
            assert_eq!(exact(text).unwrap().to_decimal().unwrap().to_string(), text);
        }
        assert_eq!(exact("1e60").unwrap().to_decimal(), None);
    }
}
