//! Reads one member of a message. A bad value is an error of that member only, and the error names
//! it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::json::{Json, Kind};
use super::number::Number;
use crate::mask::{Discreet, excerpt};
use crate::time::{CivilTime, UnixMillis};

/// The result of an accessor: the value, `None` if the member is absent or states that it has no
/// value, or the error of that member.
pub type FieldResult<T> = Result<Option<T>, FieldError>;

/// A member whose value is of another kind than documented. The row and the message remain
/// readable.
///
/// The error is one machine word, so that an accessor that succeeds does not pay for its size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{}\" is {}, expected {}", excerpt(self.key()), excerpt(self.text()), self.expected())]
pub struct FieldError(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    key: Discreet<Cow<'static, str>>,
    text: Discreet<Box<str>>,
    expected: Expected,
}

impl FieldError {
    /// Returns the key on the wire.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// Returns the JSON text of the value as it was received.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns what the value should have been.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.0.expected
    }
}

/// The kind of value that an accessor expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Expected {
    /// A string, or a number that is taken as text.
    #[error("text")]
    Text,
    /// A number in any form of the wire.
    #[error("a number")]
    Number,
    /// A whole number of 64 bits.
    #[error("a whole number")]
    Whole,
    /// A percentage, with or without its sign.
    #[error("a percentage")]
    Percent,
    /// A price, with or without its mark.
    #[error("a price")]
    Price,
    /// A truth value: `true`, `"true"`, `1`, `"1"`, or one of their opposites.
    #[error("true or false")]
    Flag,
    /// An array of strings or numbers.
    #[error("a list of texts")]
    Texts,
    /// A JSON object.
    #[error("an object")]
    Object,
    /// Numbers joined by slashes, as in `high` and `low` of a history.
    #[error("numbers joined by slashes")]
    Slashed,
    /// A date and a time of day in one of the two forms of the wire.
    #[error("a time as yyyyMMdd-HH:mm:ss or yyMMddHHmmss")]
    Civil,
    /// A factor that scales the numbers of the message: a whole number above 0.
    #[error("a factor, a whole number above 0")]
    Factor,
    /// A number that its factor scales without rounding.
    #[error("a number that its factor scales without rounding")]
    Scalable,
}

/// A row that cannot be read. The rows beside it can.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {}", excerpt(text))]
#[non_exhaustive]
pub struct RowError {
    /// The reason.
    #[source]
    pub reason: RowReason,
    /// The JSON text of the row as it was received.
    pub text: Box<str>,
}

/// Writes the text with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowError").field("reason", &self.reason).field("text", &Discreet(&*self.text)).finish()
    }
}

/// The reason why a row cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowReason {
    /// The row is not an object.
    #[error("the row is not an object")]
    NotAnObject,
    /// A key that identifies the row occurs twice. The crate does not guess which of the two
    /// counts.
    #[error("the row has {0:?} twice")]
    Duplicate(&'static str),
}

/// A type that an accessor can read a member as.
pub trait FromJson<'a>: Sized {
    /// Reads the value; `None` if it states that there is no value (`null`, and for numbers `""`,
    /// `-` and `N/A`).
    ///
    /// # Errors
    /// The kind of value that was expected instead.
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected>;

    /// Does the same for a value that is known to hold no escape.
    ///
    /// # Errors
    /// Those of [`from_json`](Self::from_json).
    #[doc(hidden)]
    #[inline(always)]
    fn from_plain(json: Json<'a>) -> Result<Option<Self>, Expected> {
        Self::from_json(json)
    }
}

/// Reads a member of a row that may be absent. `is_plain` is set if the row is known to hold no
/// escape.
#[inline(always)]
pub(crate) fn lookup_in_row<'a, T: FromJson<'a>>(
    key: &'static str,
    json: Option<Json<'a>>,
    is_plain: bool,
) -> FieldResult<T> {
    match json {
        Some(json) if is_plain => T::from_plain(json).map_err(|expected| field_error(key, json, expected)),
        json => lookup(key, json),
    }
}

/// Reads a member that may be absent.
#[inline(always)]
pub(crate) fn lookup<'a, T: FromJson<'a>>(key: &'static str, json: Option<Json<'a>>) -> FieldResult<T> {
    let Some(json) = json else { return Ok(None) };
    match T::from_json(json) {
        Ok(value) => Ok(value),
        Err(expected) => Err(field_error(key, json, expected)),
    }
}

#[cold]
#[inline(never)]
pub(crate) fn field_error(key: impl Into<Cow<'static, str>>, json: Json<'_>, expected: Expected) -> FieldError {
    FieldError(Box::new(Inner { key: Discreet(key.into()), text: Discreet(json.text().into()), expected }))
}

/// Returns `true` for a text that states that there is no value (docs/protocol.md §7.10).
pub(crate) fn is_absent(text: &str) -> bool {
    matches!(text, "" | "-" | "N/A")
}

impl<'a> FromJson<'a> for Cow<'a, str> {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        match json.scalar() {
            Some(text) => Ok(Some(text)),
            None if json.is_null() => Ok(None),
            None => Err(Expected::Text),
        }
    }

    #[inline(always)]
    fn from_plain(json: Json<'a>) -> Result<Option<Self>, Expected> {
        match json.quoted() {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => Self::from_json(json),
        }
    }
}

impl<'a> FromJson<'a> for Number<'a> {
    // Its result is too large for registers, and the digits alone are not.
    #[inline(always)]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        read_number(json, Expected::Number)
    }
}

/// Reads a number; the error is `expected`. The text is read as it is written, so that a number can
/// borrow it. In return a digit that is written as an escape is not read.
#[inline(always)]
pub(crate) fn read_number(json: Json<'_>, expected: Expected) -> Result<Option<Number<'_>>, Expected> {
    let text = json.quoted().unwrap_or(json.text());
    match Number::parse(text) {
        Some(number) => Ok(Some(number)),
        None if json.is_null() || json.quoted().is_some_and(is_absent) => Ok(None),
        None => Err(expected),
    }
}

impl<'a> FromJson<'a> for i64 {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        match read_number(json, Expected::Whole)? {
            Some(number) => number.to_i64().map(Some).ok_or(Expected::Whole),
            None => Ok(None),
        }
    }
}

impl<'a> FromJson<'a> for UnixMillis {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        Ok(i64::from_json(json)?.map(Self::from_millis))
    }
}

impl<'a> FromJson<'a> for CivilTime {
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        match Cow::from_json(json).map_err(|_| Expected::Civil)? {
            Some(text) if !is_absent(&text) => Self::parse(&text).map(Some).ok_or(Expected::Civil),
            _ => Ok(None),
        }
    }
}

impl<'a> FromJson<'a> for bool {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        match json.text() {
            "true" | "\"true\"" | "1" | "\"1\"" => Ok(Some(true)),
            "false" | "\"false\"" | "0" | "\"0\"" => Ok(Some(false)),
            "null" | "\"\"" => Ok(None),
            _ => Err(Expected::Flag),
        }
    }
}

impl<'a> FromJson<'a> for Vec<Cow<'a, str>> {
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        match json.kind() {
            Kind::Null => Ok(None),
            Kind::Array => json
                .elements()
                .map(|element| element.scalar().ok_or(Expected::Texts))
                .collect::<Result<_, _>>()
                .map(Some),
            _ => Err(Expected::Texts),
        }
    }
}

/// Reads any value, `null` included.
impl<'a> FromJson<'a> for Json<'a> {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        Ok(Some(json))
    }
}
