//! Rows: the objects that a message lists. One bad row is that row's error, never the loss of those beside it.

use alloc::borrow::Cow;
use core::marker::PhantomData;

use crate::frame::{Elements, Json, Kind, RowError, RowReason};

/// An object inside a message, read in one walk.
pub trait Row<'a>: Sized {
    /// The documented keys; all others are found with [`unknown`](Self::unknown).
    const KEYS: &'static [&'static str];

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`] if the value is no object, or has a key twice that says whom the row is about.
    fn from_json(json: Json<'a>) -> Result<Self, RowError>;

    /// Reads the next element as a row, as [`from_json`](Self::from_json) does.
    #[doc(hidden)]
    #[inline]
    fn next_of(elements: &mut Elements<'a>) -> Option<Result<Self, RowError>> {
        elements.next().map(Self::from_json)
    }

    /// The row's own JSON.
    fn json(&self) -> Json<'a>;

    /// The documented members that are there, under the documented spelling of their keys.
    fn known(&self) -> impl Iterator<Item = (&'static str, Json<'a>)>;

    /// The members that no documentation names, and those of a key that stands once more.
    fn unknown(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)>;

    /// A member by its key, documented or not.
    fn member(&self, key: &str) -> Option<Json<'a>> {
        self.json().get(key)
    }
}

pub(crate) fn row_error(json: Json<'_>, reason: RowReason) -> RowError {
    RowError { reason, text: json.text().into() }
}

/// Iterator over the rows of a message. An object where an array is documented is one row, since the documentation and
/// the wire differ in that (docs/protocol.md §4.4, §4.5); anything else that is no array is one bad row.
#[derive(Clone, Debug)]
pub struct Rows<'a, R> {
    rows: Elements<'a>,
    row: PhantomData<fn() -> R>,
}

impl<'a, R> Rows<'a, R> {
    pub(crate) fn of(json: Option<Json<'a>>) -> Self {
        let json = json.unwrap_or(Json("null"));
        let one = !matches!(json.kind(), Kind::Array | Kind::Null);
        Self { rows: if one { Elements::one(json) } else { json.elements() }, row: PhantomData }
    }
}

impl<'a, R: Row<'a>> Iterator for Rows<'a, R> {
    type Item = Result<R, RowError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        R::next_of(&mut self.rows)
    }
}

/// An object as a row; where it is absent or `null`, an empty one.
pub(crate) fn one<'a, R: Row<'a>>(json: Option<Json<'a>>) -> Result<R, RowError> {
    R::from_json(json.filter(|json| !json.is_null()).unwrap_or(Json("{}")))
}
