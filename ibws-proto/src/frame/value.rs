//! Reading one member of a message: what a bad value costs is that value, and the error says which.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::json::{Json, Kind};
use super::number::Number;

/// What an accessor gives: the value, `None` where the wire left it out or says it has none, or the error of that field.
pub type FieldResult<T> = Result<Option<T>, FieldError>;

/// A field whose value is not what it should be. It costs neither the row nor the message.
///
/// One word: an accessor that succeeds does not pay for the error it might have been.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{:?} should be {}, and is {}", self.key(), self.expected(), self.text())]
pub struct FieldError(Box<FieldFault>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct FieldFault {
    key: Cow<'static, str>,
    text: Box<str>,
    expected: Expected,
}

impl FieldError {
    /// The key on the wire.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// The value's JSON text, as it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it should have been.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.0.expected
    }
}

/// What a value should have been.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Expected {
    /// Text, or a number taken as text.
    #[error("text")]
    Text,
    /// A number, in any of the wire's ways of writing one.
    #[error("a number")]
    Number,
    /// A whole number of 64 bits.
    #[error("a whole number")]
    Whole,
    /// A percentage.
    #[error("a percentage")]
    Percent,
    /// A price, with or without its mark.
    #[error("a price")]
    Price,
    /// A truth value: `true`, `"true"`, `1`, `"1"` and their opposites.
    #[error("true or false")]
    Flag,
    /// An array of texts.
    #[error("a list of texts")]
    Texts,
    /// An object.
    #[error("an object")]
    Object,
    /// `price/volume/…`, as `high` and `low` of a history have it.
    #[error("numbers joined by slashes")]
    Slashed,
}

/// A row that cannot be read as one; the rows beside it can.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}: {text}")]
pub struct RowError {
    /// Why.
    pub reason: RowReason,
    /// The row's JSON text, as it came.
    pub text: Box<str>,
}

/// Why a row cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowReason {
    /// It is no object.
    #[error("the row is no object")]
    NotAnObject,
    /// A key that says whom the row is about stands twice: which one is meant is never guessed.
    #[error("the row has {0:?} twice")]
    Duplicate(&'static str),
}

/// A type that a member can be read as.
pub trait FromJson<'a>: Sized {
    /// Reads the value; `None` where it says that there is none (`null`, and for numbers `""`, `-` and `N/A`).
    ///
    /// # Errors
    /// What was expected instead.
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected>;
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
    FieldError(Box::new(FieldFault { key: key.into(), text: json.text().into(), expected }))
}

/// Does a text say that there is no value (docs/protocol.md §7.10)?
pub(crate) fn is_absent(text: &str) -> bool {
    matches!(text, "" | "-" | "N/A")
}

impl<'a> FromJson<'a> for Cow<'a, str> {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        if json.is_null() {
            return Ok(None);
        }
        json.scalar().map(Some).ok_or(Expected::Text)
    }
}

impl<'a> FromJson<'a> for Number<'a> {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        read_number(json, Expected::Number)
    }
}

/// A number, or what `expected` says. It is read as it is written: a digit that is spelled as an escape makes it none, and
/// in return a number borrows its text.
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

/// Any value at all, `null` included.
impl<'a> FromJson<'a> for Json<'a> {
    #[inline]
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        Ok(Some(json))
    }
}
