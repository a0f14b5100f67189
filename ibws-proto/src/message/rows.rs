//! Rows: the objects that a message lists. A bad row is an error of that row only.

use alloc::borrow::Cow;
use core::fmt;
use core::marker::PhantomData;

use super::slots::Slots;
use crate::frame::{Elements, FieldResult, FromJson, Json, Key, Kind, RowError, RowReason, Span, Visit, lookup_in_row};
use crate::mask::Discreet;

/// An object inside a message.
pub trait Row<'a>: Sized {
    /// The documented keys. [`unknown`](Self::unknown) returns the members with others.
    const KEYS: &'static [&'static str];

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`] if the value is no object, or has a key twice that identifies the row.
    fn from_json(json: Json<'a>) -> Result<Self, RowError> {
        Self::next_of(&mut Elements::one(json)).unwrap_or_else(|| Err(row_error(json, RowReason::NotAnObject)))
    }

    /// Reads the next element as a row, as [`from_json`](Self::from_json) does.
    #[doc(hidden)]
    fn next_of(elements: &mut Elements<'a>) -> Option<Result<Self, RowError>>;

    /// Returns the JSON of the row.
    fn json(&self) -> Json<'a>;

    /// Returns the documented members of the row, with the documented spelling of their keys.
    fn known(&self) -> impl Iterator<Item = (&'static str, Json<'a>)>;

    /// Returns the members that no accessor reads: those with an undocumented key, and those with a
    /// key that occurred before.
    fn unknown(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)>;

    /// Returns the first member with this key, documented or not.
    fn member(&self, key: &str) -> Option<Json<'a>> {
        self.json().get(key)
    }
}

/// The documented members of a row with `N` of them, found in one walk.
#[derive(Clone, Copy)]
pub(crate) struct RowView<'a, const N: usize> {
    json: Json<'a>,
    /// Where the members lie in `json`: half the size of the members themselves, since rows are
    /// moved.
    spans: [Span; N],
    /// 1 if the row is known to hold no escape, else 0: a word, because a processor waits when a
    /// row is copied by words and a byte of one was written alone.
    plain: u64,
}

impl<'a, const N: usize> RowView<'a, N> {
    /// A row without members.
    pub(crate) const EMPTY: Self = Self { json: Json("{}"), spans: [Span::NONE; N], plain: 0 };

    /// Reads the next element into this row, which is empty. The row is filled where it is, because
    /// moving it costs as much as reading several of its members. Returns `None` if there is no
    /// other element.
    #[inline(always)]
    pub(crate) fn fill(&mut self, elements: &mut Elements<'a>, keys: &'static Slots) -> Option<Result<(), RowError>> {
        let mut members = Members { keys, spans: &mut self.spans, twice: None };
        let (json, is_plain) = elements.next_with(&mut members)?;
        (self.json, self.plain) = (json, u64::from(is_plain));
        Some(if self.json.kind() != Kind::Object {
            Err(row_error(self.json, RowReason::NotAnObject))
        } else if let Some(key) = members.twice {
            Err(row_error(self.json, RowReason::Duplicate(key)))
        } else {
            Ok(())
        })
    }

    /// Returns the member in a slot.
    #[inline(always)]
    pub(crate) fn get(&self, slot: usize) -> Option<Json<'a>> {
        self.spans.get(slot)?.of(self.json.text()).map(Json)
    }

    /// Reads the member in a slot, whose documented key is `key`.
    #[inline(always)]
    pub(crate) fn read<T: FromJson<'a>>(&self, slot: usize, key: &'static str) -> FieldResult<T> {
        lookup_in_row(key, self.get(slot), self.plain == 1)
    }

    pub(crate) fn json(&self) -> Json<'a> {
        self.json
    }

    /// Returns the members in slots with their documented keys.
    pub(crate) fn known(&self, keys: &'static Slots) -> impl Iterator<Item = (&'static str, Json<'a>)> {
        let text = self.json.text();
        keys.keys().zip(self.spans).filter_map(move |(key, span)| Some((key, Json(span.of(text)?))))
    }

    /// Returns the members in no slot.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let (spans, text) = (self.spans, self.json.text());
        self.json.members().filter(move |(_, value)| {
            !spans.iter().filter_map(|span| span.of(text)).any(|known| core::ptr::eq(known, value.text()))
        })
    }
}

/// Sorts members into their slots.
struct Members<'a> {
    keys: &'static Slots,
    spans: &'a mut [Span],
    /// The first key that occurs twice and must not.
    twice: Option<&'static str>,
}

impl Visit for Members<'_> {
    #[inline(always)]
    fn member(&mut self, key: Key<'_>, value: Span) {
        let Some(slot) = self.keys.find(key) else { return };
        let Some(place) = self.spans.get_mut(slot) else { return };
        if *place == Span::NONE {
            *place = value;
        } else if self.twice.is_none() {
            self.twice = self.keys.unique(slot);
        }
    }
}

impl<const N: usize> fmt::Debug for RowView<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Discreet(self.json.text()), f)
    }
}

#[cold]
#[inline(never)]
pub(super) fn row_error(json: Json<'_>, reason: RowReason) -> RowError {
    RowError { reason, text: json.text().into() }
}

/// An iterator over the rows of a message.
///
/// An object in the place of an array is one row, because the documentation and the wire differ in
/// that (docs/protocol.md §4.4, §4.5). Any other value that is not an array is one bad row.
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

    /// Returns what the rows are read from, for a reader of other members.
    pub(crate) fn elements(self) -> Elements<'a> {
        self.rows
    }
}

impl<'a, R: Row<'a>> Iterator for Rows<'a, R> {
    type Item = Result<R, RowError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        R::next_of(&mut self.rows)
    }
}

/// Reads an object as a row; an absent one and `null` are a row without members.
pub(crate) fn one<'a, R: Row<'a>>(json: Option<Json<'a>>) -> Result<R, RowError> {
    R::from_json(json.filter(|json| !json.is_null()).unwrap_or(Json("{}")))
}
