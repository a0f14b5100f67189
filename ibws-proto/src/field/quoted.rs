//! The accessors that a frame of market data and a quote share, so that both read a field alike.

pub(crate) use super::{Availability, Price};
use super::{Mark, Timing, Value};
use crate::frame::FieldResult;
pub(crate) use crate::frame::Number;

/// Declares the accessors inside the implementation of a type whose method `get` returns the value
/// of a field with the lifetime `$life`.
///
/// Each is a field, its key on the wire, and the function that reads its value.
macro_rules! quote_accessors {
    ($life:lifetime) => {
        $crate::field::quoted::accessors! { $life
            /// Returns the price of the most recent trade, without the mark before it.
            ///
            /// If nothing was traded today, it is the close of the day before:
            /// [`is_closing_price`](Self::is_closing_price).
            LAST "31" "last_price": last, price -> Number;
            /// Returns the price of the most recent trade with the mark before it.
            LAST "31" "last_price": last_with_mark, marked -> Price;
            /// Returns the highest bid price.
            BID "84" "bid_price": bid, price -> Number;
            /// Returns the lowest ask price.
            ASK "86" "ask_price": ask, price -> Number;
            /// Returns the units bid for at the bid price.
            ///
            /// Older documentation divides the sizes of US shares by 100, the present one does not
            /// (docs/protocol.md §3.1). The number is the one of the wire.
            BID_SIZE "88" "bid_size": bid_size, number -> Number;
            /// Returns the units offered at the ask price, in the unit of
            /// [`bid_size`](Self::bid_size).
            ASK_SIZE "85" "ask_size": ask_size, number -> Number;
            /// Returns the units of the last trade.
            LAST_SIZE "7059" "last_size": last_size, number -> Number;
            /// Returns the day's first price.
            OPEN "7295" "open": open, price -> Number;
            /// Returns the day's highest price.
            HIGH "70" "high": high, price -> Number;
            /// Returns the day's lowest price.
            LOW "71" "low": low, price -> Number;
            /// Returns the closing price of the day before.
            PRIOR_CLOSE "7741" "prior_close": prior_close, price -> Number;
            /// Returns the last price minus the close of the day before.
            CHANGE "82" "change": change, number -> Number;
            /// Returns the change since the close of the day before, in percent.
            CHANGE_PERCENT "83" "change_percent": change_percent, percent -> Number;
            /// Returns the volume of the day from the number beside field 87 (`87_raw`), which was
            /// recorded in E notation.
            VOLUME_RAW "87_raw" "volume_raw": volume_raw, number -> Number;
            /// Returns the availability of the data. The gateway sends it in the first frame only
            /// (docs/protocol.md §3.1).
            AVAILABILITY "6509" "market_data_availability": availability, letters -> Availability;
        }

        /// Returns the volume of the day, in the most exact form that is there: field 7762, the
        /// number beside field 87 (`87_raw`), or field 87 itself, which the gateway shortens to
        /// `14.6M`. Its text is of any of these forms; for people, format
        /// [`to_f64`](crate::frame::Number::to_f64) of it.
        ///
        /// # Errors
        /// [`FieldError`](crate::frame::FieldError) if that field is not a number.
        #[doc(alias = "87")]
        #[doc(alias = "7762")]
        pub fn volume(&self) -> $crate::frame::FieldResult<$crate::frame::Number<$life>> {
            use $crate::Field;
            let fields = [Field::VOLUME_LONG, Field::VOLUME_RAW, Field::VOLUME];
            $crate::field::quoted::first_number(fields.map(|field| self.get(field)))
        }

        /// Returns `true` if trading is halted: the last price has the mark `H` (docs/protocol.md
        /// §3.1). `None` if there is no last price.
        ///
        /// # Errors
        /// [`FieldError`](crate::frame::FieldError) if field 31 is not a price.
        #[doc(alias = "31")]
        pub fn is_halted(&self) -> $crate::frame::FieldResult<bool> {
            $crate::field::quoted::has_mark(self.get($crate::Field::LAST), $crate::field::Mark::Halted)
        }

        /// Returns `true` if the last price is the close of the day before: it has the mark `C`
        /// (docs/protocol.md §3.1). `None` if there is no last price.
        ///
        /// # Errors
        /// [`FieldError`](crate::frame::FieldError) if field 31 is not a price.
        #[doc(alias = "31")]
        pub fn is_closing_price(&self) -> $crate::frame::FieldResult<bool> {
            $crate::field::quoted::has_mark(self.get($crate::Field::LAST), $crate::field::Mark::Close)
        }

        /// Returns `true` if the data is 15 to 20 minutes late, live or frozen: field 6509 begins
        /// with `D` or `Y` (docs/protocol.md §3.1). `None` if field 6509 is not there.
        ///
        /// # Errors
        /// [`FieldError`](crate::frame::FieldError) if field 6509 is not text.
        #[doc(alias = "6509")]
        pub fn is_delayed(&self) -> $crate::frame::FieldResult<bool> {
            $crate::field::quoted::is_delayed(self.get($crate::Field::AVAILABILITY))
        }
    };
}

/// Declares accessors of one field each.
macro_rules! accessors {
    ($life:lifetime $(
        $(#[$doc:meta])*
        $field:ident $key:literal $field_name:literal: $method:ident, $read:ident -> $result:ident;
    )*) => { $(
        $(#[$doc])*
        ///
        #[doc = concat!("Reads field ", $key, " (`", $field_name, "`).")]
        ///
        /// # Errors
        /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
        #[doc(alias = $key)]
        pub fn $method(&self) -> $crate::frame::FieldResult<$crate::field::quoted::$result<$life>> {
            $crate::field::quoted::$read(self.get($crate::Field::$field))
        }
    )* };
}

pub(crate) use {accessors, quote_accessors};

/// Reads a price without the mark before it. The mark is documented for field 31, and one client
/// has seen it on others.
pub(crate) fn price(value: Option<Value<'_>>) -> FieldResult<Number<'_>> {
    Ok(marked(value)?.map(|price| price.value))
}

pub(crate) fn marked(value: Option<Value<'_>>) -> FieldResult<Price<'_>> {
    value.map_or(Ok(None), Value::price)
}

pub(crate) fn number(value: Option<Value<'_>>) -> FieldResult<Number<'_>> {
    value.map_or(Ok(None), Value::number)
}

pub(crate) fn percent(value: Option<Value<'_>>) -> FieldResult<Number<'_>> {
    value.map_or(Ok(None), Value::percent)
}

pub(crate) fn letters(value: Option<Value<'_>>) -> FieldResult<Availability<'_>> {
    value.map_or(Ok(None), Value::availability)
}

/// Reads the first value that states a number.
pub(crate) fn first_number<'a, const N: usize>(values: [Option<Value<'a>>; N]) -> FieldResult<Number<'a>> {
    for value in values {
        if let Some(read) = number(value)? {
            return Ok(Some(read));
        }
    }
    Ok(None)
}

/// Returns whether a price has this mark; `None` if there is no price.
pub(crate) fn has_mark(value: Option<Value<'_>>, mark: Mark) -> FieldResult<bool> {
    Ok(marked(value)?.map(|price| price.mark == Some(mark)))
}

/// Returns whether the data is late; `None` if its age is not stated.
pub(crate) fn is_delayed(value: Option<Value<'_>>) -> FieldResult<bool> {
    let timing = letters(value)?.and_then(|letters| letters.timing());
    Ok(timing.map(|timing| matches!(timing, Timing::Delayed | Timing::FrozenDelayed)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::fold::Quote;
    use crate::{Body, ConnId, Frame, Instant};

    const FIRST: &str = r#"{"topic":"smd+7","31":"H12.50","84":"12.40","86":"C12.60","88":"3,700","85":"500",
        "7059":"100","87":"14.6M","87_raw":1.4612345E7,"83":-0.42,"82":"-0.05","70":"12.90","71":"12.10",
        "7295":"12.2","7741":"12.55","6509":"YPB"}"#;

    /// Runs the same checks on a frame and on a quote of it.
    macro_rules! on_both {
        ($text:expr, |$data:ident| $check:expr) => {{
            let frame = Frame::decode(Bytes::from($text)).unwrap();
            let Body::MarketData($data) = frame.body() else { panic!("{frame:?}") };
            let mut quote = Quote::new();
            assert!(quote.apply(ConnId(1), Instant::ORIGIN, &$data));
            $check;
            let $data = &quote;
            $check;
        }};
    }

    #[test]
    fn a_frame_and_its_quote_have_the_same_values() {
        on_both!(FIRST, |data| {
            let text = |number: FieldResult<Number<'_>>| number.unwrap().map(|number| alloc::format!("{number}"));
            let texts = [
                (data.last(), "12.50"),
                (data.bid(), "12.40"),
                (data.ask(), "12.60"),
                (data.bid_size(), "3,700"),
                (data.ask_size(), "500"),
                (data.last_size(), "100"),
                (data.open(), "12.2"),
                (data.high(), "12.90"),
                (data.low(), "12.10"),
                (data.prior_close(), "12.55"),
                (data.change(), "-0.05"),
                (data.change_percent(), "-0.42"),
                (data.volume(), "1.4612345E7"),
            ];
            for (number, expected) in texts {
                assert_eq!(text(number).as_deref(), Some(expected));
            }
            assert_eq!(data.last_with_mark().unwrap().unwrap().mark, Some(Mark::Halted));
            assert_eq!((data.is_halted(), data.is_closing_price()), (Ok(Some(true)), Ok(Some(false))));
            assert_eq!(data.is_delayed(), Ok(Some(true)));
            assert!(data.availability().unwrap().unwrap().book());
        });
    }

    #[test]
    fn an_absent_value_is_none_and_a_bad_one_an_error_of_its_accessor() {
        on_both!(r#"{"topic":"smd+7","31":"N/A","84":true,"87":"14.6M","6509":{}}"#, |data| {
            assert_eq!((data.last(), data.ask()), (Ok(None), Ok(None)));
            assert_eq!((data.is_halted(), data.is_closing_price()), (Ok(None), Ok(None)));
            assert_eq!(data.bid().unwrap_err().key(), "84");
            assert_eq!(data.is_delayed().unwrap_err().key(), "6509");
            assert_eq!(data.volume().unwrap().unwrap().to_i64(), Some(14_600_000));
        });
        on_both!(r#"{"topic":"smd+7","7762":"14612346","87":"14.6M","31":"C1.5","6509":"RB"}"#, |data| {
            assert_eq!(data.volume().unwrap().unwrap().to_i64(), Some(14_612_346));
            assert_eq!((data.is_halted(), data.is_closing_price()), (Ok(Some(false)), Ok(Some(true))));
            assert_eq!(data.is_delayed(), Ok(Some(false)));
        });
        on_both!(r#"{"topic":"smd+7","6509":""}"#, |data| assert_eq!(data.is_delayed(), Ok(None)));
    }
}
