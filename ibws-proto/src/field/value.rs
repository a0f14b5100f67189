//! Values of fields, read from their text on demand (docs/protocol.md §3.1, §7.10).

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;

use serde::{Serialize, Serializer};

use super::{Availability, Field};
use crate::frame::{Expected, FieldError, FieldResult, FromJson, Json, Number, field_error, is_absent, read_number};
use crate::mask::Masked;

/// The value of a field, as text.
///
/// A value is read in the same way whether the wire has a string or a number. Field 83 is a number
/// there, nearly every other a string.
///
/// ```
/// use bytes::Bytes;
/// use ibws_proto::{Body, Field, Frame, field::Mark};
///
/// let text = br#"{"topic":"smd+265598","31":"C271.50","88":"3,700","83":-0.42,"86":"N/A"}"#;
/// let frame = Frame::decode(Bytes::from_static(text)).unwrap();
/// let Body::MarketData(data) = frame.body() else { panic!() };
/// let last = data.get(Field::LAST).unwrap().price().unwrap().unwrap();
/// assert_eq!((last.mark, last.value.to_f64()), (Some(Mark::Close), Some(271.5)));
/// assert_eq!(data.get(Field::BID_SIZE).unwrap().size().unwrap().unwrap().to_i64(), Some(3_700));
/// let change = data.get(Field::CHANGE_PERCENT).unwrap().percent().unwrap().unwrap();
/// assert_eq!(change.to_f64(), Some(-0.42));
/// assert!(data.get(Field::ASK).unwrap().is_absent());
/// assert_eq!(data.get(Field::ASK).unwrap().price(), Ok(None));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    field: Field,
    json: Json<'a>,
}

impl<'a> Value<'a> {
    pub(crate) fn new(field: Field, json: Json<'a>) -> Self {
        Self { field, json }
    }

    /// Returns the field that the value belongs to.
    #[must_use]
    pub fn field(self) -> Field {
        self.field
    }

    /// Returns the JSON of the value.
    #[must_use]
    pub fn json(self) -> Json<'a> {
        self.json
    }

    /// Returns the unescaped text of a string, and the JSON of any other value.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        self.json.as_str().unwrap_or(Cow::Borrowed(self.json.text()))
    }

    /// Returns `true` if the text states that there is no value: `""`, `-`, `N/A` or `null`.
    #[must_use]
    pub fn is_absent(self) -> bool {
        self.json.is_null() || self.json.as_str().is_some_and(|text| is_absent(&text))
    }

    /// Reads text; `None` if there is no value.
    ///
    /// # Errors
    /// [`FieldError`] if the value is neither a string nor a number.
    #[inline]
    pub fn string(self) -> FieldResult<Cow<'a, str>> {
        Ok(self.read(Expected::Text, Cow::from_json)?.filter(|text| !is_absent(text)))
    }

    /// Reads a price with the mark before it. A mark is documented for field 31 only; clients
    /// report `C` on others.
    ///
    /// # Errors
    /// [`FieldError`] if the value is not a price.
    #[inline]
    pub fn price(self) -> FieldResult<Price<'a>> {
        self.read(Expected::Price, Price::from_json)
    }

    /// Reads a number in any form of the wire.
    ///
    /// # Errors
    /// [`FieldError`] if the value is not a number.
    #[inline]
    pub fn number(self) -> FieldResult<Number<'a>> {
        self.read(Expected::Number, Number::from_json)
    }

    /// Reads a size or volume: `500`, `3,700`, `14.6M`.
    ///
    /// # Errors
    /// [`FieldError`] if the value is not a number.
    #[inline]
    pub fn size(self) -> FieldResult<Number<'a>> {
        self.number()
    }

    /// Reads a percentage with or without its sign `%`: 0.45 for `+0.45%`.
    ///
    /// # Errors
    /// [`FieldError`] if the value is not a percentage.
    #[inline]
    pub fn percent(self) -> FieldResult<Number<'a>> {
        self.read(Expected::Percent, |json| {
            match json.quoted().map(str::trim_ascii_end).and_then(|text| text.strip_suffix('%')) {
                Some(bare) => Number::parse(bare).map(Some).ok_or(Expected::Percent),
                None => read_number(json, Expected::Percent),
            }
        })
    }

    /// Reads a truth value that is written as 1 or 0 (fields 7184 and 7768).
    ///
    /// # Errors
    /// [`FieldError`] if the value is not a truth value.
    pub fn flag(self) -> FieldResult<bool> {
        self.read(Expected::Flag, bool::from_json)
    }

    /// Reads the availability of the data (field 6509).
    ///
    /// # Errors
    /// [`FieldError`] if the value is not text.
    pub fn availability(self) -> FieldResult<Availability<'a>> {
        self.read(Expected::Text, Availability::from_json)
    }

    #[inline(always)]
    fn read<T>(self, expected: Expected, read: impl FnOnce(Json<'a>) -> Result<Option<T>, Expected>) -> FieldResult<T> {
        match read(self.json) {
            Ok(value) => Ok(value),
            Err(_) => Err(self.error(expected)),
        }
    }

    #[cold]
    #[inline(never)]
    fn error(self, expected: Expected) -> FieldError {
        field_error(self.field.to_string(), self.json, expected)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, Masked(self.json.text()))
    }
}

/// Serialises the JSON of the wire.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

/// A price and the mark before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Price<'a> {
    /// The mark, if the price is not that of a trade or quote of today.
    pub mark: Option<Mark>,
    /// The price itself.
    pub value: Number<'a>,
}

/// The mark before a price, a letter (docs/protocol.md §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Mark {
    /// `C`: the price of the previous close.
    Close,
    /// `H`: trading is halted.
    Halted,
}

impl<'a> FromJson<'a> for Price<'a> {
    #[inline(always)]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        let quoted = json.quoted();
        let (mark, bare) = match quoted.map(str::as_bytes) {
            Some([b'C', ..]) => (Mark::Close, quoted.and_then(|text| text.get(1..))),
            Some([b'H', ..]) => (Mark::Halted, quoted.and_then(|text| text.get(1..))),
            _ => return Ok(read_number(json, Expected::Price)?.map(|value| Self { mark: None, value })),
        };
        let value = bare.and_then(Number::parse).ok_or(Expected::Price)?;
        Ok(Some(Self { mark: Some(mark), value }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &'static str) -> Value<'static> {
        Value::new(Field::LAST, Json(json))
    }

    #[test]
    fn a_price_is_read_with_its_mark() {
        for (json, mark, float) in [
            (r#""271.50""#, None, 271.5),
            (r#""C418.25""#, Some(Mark::Close), 418.25),
            (r#""H12.5""#, Some(Mark::Halted), 12.5),
            ("420.25", None, 420.25),
            (r#""1,234.50""#, None, 1_234.5),
            (r#""C-3.10""#, Some(Mark::Close), -3.1),
        ] {
            let price = value(json).price().unwrap().unwrap();
            assert_eq!((price.mark, price.value.to_f64()), (mark, Some(float)), "{json}");
        }
        for json in [r#""C""#, r#""CH1""#, r#""X1""#, "true", "[]", r#""1.2.3""#] {
            let error = value(json).price().unwrap_err();
            assert_eq!((error.key(), error.text()), ("31", json));
        }
    }

    #[test]
    fn a_text_for_no_value_is_absent() {
        for json in [r#""""#, r#""-""#, r#""N/A""#, "null"] {
            let value = value(json);
            assert!(value.is_absent(), "{json}");
            assert_eq!(value.price(), Ok(None));
            assert_eq!(value.size(), Ok(None));
            assert_eq!(value.percent(), Ok(None));
            assert_eq!(value.string(), Ok(None));
        }
        assert!(!value("0").is_absent());
    }

    #[test]
    fn a_percentage_is_read_with_and_without_its_sign() {
        for (json, float) in [(r#""+0.45%""#, 0.45), ("-1.47", -1.47), (r#""3.6""#, 3.6), (r#""12.5 %""#, 12.5)] {
            assert_eq!(value(json).percent().unwrap().unwrap().to_f64(), Some(float), "{json}");
        }
        assert!(value(r#""%""#).percent().is_err());
        assert!(value("{}").percent().is_err());
    }
}
