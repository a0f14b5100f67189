//! Where the values of the rows of a message lie, by which a message that has the same rows with
//! other values is recognised without reading it.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::mem::size_of;

use crate::event::Message;
use crate::fold::Merging as _;
use crate::frame::{FromJson as _, Json, Key as JsonKey, Kind, Span, Visit};
use crate::key::Key;
use crate::message::Execution;

/// The largest size in bytes of a frame whose layout is kept. No row of it needs to be split when
/// it is merged: see [`Folded`](super::rows::Folded).
pub(super) const MAX_LAYOUT_BYTES: usize = 4 * 1024;
/// The largest number of members of a row, as of one that is folded.
const MAX_MEMBERS: usize = 96;
/// The number of bytes that two texts are compared by.
const BLOCK: usize = 32;
/// The number of bytes of a word.
const WORD: usize = 8;

/// The places of all values of the rows of a message, in order.
///
/// Only a message that merging would not write in another way has a layout: its rows have no white
/// space, no key with an escape and none that occurs twice.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    values: Vec<Place>,
    /// The places in the text that was followed last.
    before: Vec<Place>,
    /// Where the first row begins.
    start: u16,
    /// The number of values of the rows that are read.
    rows_end: usize,
    rows: usize,
    /// Whether a value that is empty leaves the known value in place, as in executions.
    keeps_known: bool,
}

/// The place of a value in the bytes of the frame.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u16,
    end: u16,
    /// Set if the value identifies its row, in messages of this key.
    identifies: Option<Key>,
}

/// What a message is to the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Following {
    /// It has the same rows with newer values, and replaces all of the older one.
    Replaces,
    /// It has other rows with the same members, or leaves a value in place.
    Resembles,
    /// It has to be read.
    Differs,
}

impl Place {
    /// Returns the place of a value in its row. One that is too far away is one that no text has.
    fn within(value: Span) -> Self {
        let at = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
        Self { start: at(value.range().start), end: at(value.range().end), identifies: None }
    }
}

/// Collects the places of the values of a row.
struct Values<'a>(&'a mut Vec<Place>);

impl Visit for Values<'_> {
    #[inline(always)]
    fn member(&mut self, _: JsonKey<'_>, value: Span) {
        self.0.push(Place::within(value));
    }
}

impl Layout {
    /// Returns the layout of a message; `None` if it has none. Each of its rows can be folded.
    pub(super) fn of(message: &Message, list: &str) -> Option<Self> {
        let frame = &message.frame;
        let is_plain = frame.raw().len() <= MAX_LAYOUT_BYTES && !frame.is_lossy() && frame.members().len() == 2;
        if !is_plain {
            return None;
        }
        let text = frame.text();
        let rows = frame.get(list).filter(|rows| rows.kind() == Kind::Array)?;
        let mut layout = Self {
            values: Vec::with_capacity(32),
            before: Vec::new(),
            start: 0,
            rows_end: 0,
            rows: 0,
            keeps_known: message.key == Some(Key::Trades),
        };
        let mut elements = rows.elements();
        while let Some((row, _)) = elements.next_with(&mut Values(&mut layout.values)) {
            layout.add(text, row, message.key?)?;
        }
        layout.values.shrink_to_fit();
        Some(layout)
    }

    /// Adds the values of a row, which are the last ones and still have their places in the row.
    fn add(&mut self, text: &str, row: Json<'_>, key: Key) -> Option<()> {
        let (row_start, row_end) = place(text, row)?;
        let bytes = text.as_bytes();
        let values = self.values.get_mut(self.rows_end..)?;
        if values.len() > MAX_MEMBERS {
            return None;
        }
        if self.rows == 0 {
            self.start = u16::try_from(row_start).ok()?;
        }
        let mut keys = [(0, 0); MAX_MEMBERS];
        let (mut at, mut is_identified) = (row_start, false);
        for (number, value) in values.iter_mut().enumerate() {
            value.start = value.start.checked_add(u16::try_from(row_start).ok()?)?;
            value.end = value.end.checked_add(u16::try_from(row_start).ok()?)?;
            let start = usize::from(value.start);
            let [b'{' | b',', b'"', name @ .., b'"', b':'] = bytes.get(at..start)? else { return None };
            let before = keys.get(..number)?.iter();
            let occurs = |&(from, to): &(usize, usize)| to - from == name.len() && bytes.get(from..to) == Some(name);
            if name.contains(&b'\\') || before.clone().any(occurs) {
                return None;
            }
            *keys.get_mut(number)? = (at + 2, at + 2 + name.len());
            let is_identity = match key {
                Key::Orders => name == b"orderId",
                Key::Trades => name == b"execution_id",
                _ => name == b"row",
            };
            if is_identity {
                value.identifies =
                    Some(key).filter(|key| is_identity_of(*key, text.get(start..usize::from(value.end))));
                is_identified = value.identifies.is_some();
            }
            at = value.end.into();
        }
        self.rows_end = self.values.len();
        self.rows += 1;
        (is_identified && at + 1 == row_end).then_some(())
    }

    /// Returns the bytes that the layout holds.
    pub(super) fn held_bytes(&self) -> usize {
        (self.values.capacity() + self.before.capacity()) * size_of::<Place>()
    }

    /// Makes the layout that of the text `newer`, if it differs from the text `older`, whose layout
    /// this is, in values only. Otherwise the layout is that of no text.
    pub(super) fn follow(&mut self, older: &[u8], newer: &[u8]) -> Following {
        self.before.clone_from(&self.values);
        self.followed(older, newer).unwrap_or(Following::Differs)
    }

    /// Makes the layout that of the text `older` of the last [`follow`](Self::follow) again, or, if
    /// it is that, of the text `newer`.
    pub(super) fn swap(&mut self) {
        core::mem::swap(&mut self.values, &mut self.before);
    }

    fn followed(&mut self, older: &[u8], newer: &[u8]) -> Option<Following> {
        let mut following = Following::Replaces;
        // Both texts up to here are compared, and all values before `next` have their new places.
        let (mut at, mut new_at, mut next) = (0, 0, 0);
        loop {
            let (old_rest, new_rest) = (older.get(at..)?, newer.get(new_at..)?);
            let same = common_prefix(old_rest, new_rest);
            let differs = at + same;
            let is_over = same == old_rest.len() && same == new_rest.len();
            let passed = self.values.get(next..)?;
            let passed = passed.partition_point(|value| is_over || usize::from(value.end) < differs);
            self.shift(next, passed, at, new_at);
            next += passed;
            if is_over {
                return Some(following).filter(|_| newer.len() <= MAX_LAYOUT_BYTES);
            }
            let value = self.values.get_mut(next)?;
            let (start, end) = (usize::from(value.start), usize::from(value.end));
            if differs < start {
                return None;
            }
            // The texts are the same from `at` to the value.
            let new_start = new_at + (start - at);
            let new_end = value_end(newer, new_start)?;
            let text = newer.get(new_start..new_end)?;
            if let Some(key) = value.identifies {
                following =
                    Some(Following::Resembles).filter(|_| is_identity_of(key, core::str::from_utf8(text).ok()))?;
            }
            if self.keeps_known && core::str::from_utf8(text).is_ok_and(is_blank) {
                following = Following::Resembles;
            }
            (value.start, value.end) = (u16::try_from(new_start).ok()?, u16::try_from(new_end).ok()?);
            (at, new_at) = (end, new_end);
            next += 1;
        }
    }

    /// Returns the only row of the text, whose layout this is; `None` if it has another number of
    /// rows, or rows of a ladder.
    pub(super) fn only_row<'a>(&'a self, text: &'a str) -> Option<OnlyRow<'a>> {
        let identity = self.values.iter().find_map(|value| Some((*value, value.identifies?)));
        let (identity, key) = identity.filter(|(_, key)| self.rows == 1 && *key != Key::PriceLadder)?;
        let range = usize::from(self.start)..usize::from(self.values.last()?.end) + 1;
        let value = |place: &Place| text.get(usize::from(place.start)..usize::from(place.end));
        Some(OnlyRow {
            layout: self,
            json: Json(text.get(range)?),
            key,
            identity: Json(value(&identity)?),
            keeps_known: self.keeps_known && self.values.iter().any(|place| value(place).is_some_and(is_blank)),
        })
    }

    /// Moves values as far as the newer text is behind the older one.
    fn shift(&mut self, from: usize, count: usize, at: usize, new_at: usize) {
        if at == new_at {
            return;
        }
        // Neither text is longer than `MAX_LAYOUT_BYTES`, so no place overflows.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        let distance = new_at.wrapping_sub(at) as u16;
        for value in self.values.iter_mut().skip(from).take(count) {
            value.start = value.start.wrapping_add(distance);
            value.end = value.end.wrapping_add(distance);
        }
    }
}

/// The only row of a message.
pub(super) struct OnlyRow<'a> {
    layout: &'a Layout,
    pub(super) json: Json<'a>,
    pub(super) key: Key,
    /// The value that identifies it.
    pub(super) identity: Json<'a>,
    /// It has a value that leaves a known value in place.
    keeps_known: bool,
}

impl OnlyRow<'_> {
    /// Returns `true` if it replaces all members of the known row, and a merge of the two would be
    /// written as it is.
    pub(super) fn stands_for(&self, known: Json<'_>) -> bool {
        let known = known.text().as_bytes();
        if self.keeps_known || known.len() > MAX_LAYOUT_BYTES {
            return false;
        }
        let mut layout = Layout { values: self.layout.values.clone(), before: Vec::new(), ..*self.layout };
        layout.shift(0, layout.values.len(), layout.start.into(), 0);
        layout.followed(self.json.text().as_bytes(), known).is_some()
    }
}

/// Returns `true` for a value that does not replace a known one, in rows of executions.
fn is_blank(value: &str) -> bool {
    Execution::keeps_known(Json(value))
}

/// Returns where a value lies in the text that it is part of.
fn place(text: &str, value: Json<'_>) -> Option<(usize, usize)> {
    let start = (value.text().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some((start, start + value.text().len()))
}

/// Returns `true` if a row of the key is known by this value.
fn is_identity_of(key: Key, value: Option<&str>) -> bool {
    let Some(value) = value.map(Json) else { return false };
    match key {
        Key::Trades => matches!(Cow::from_json(value), Ok(Some(_))),
        _ => matches!(i64::from_json(value), Ok(Some(_))),
    }
}

/// Returns the number of bytes that are the same at the beginning of both.
#[inline(always)]
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let (mut at, most) = (0, one.len().min(other.len()));
    while let (Some(a), Some(b)) = (chunk::<BLOCK>(one, at), chunk::<BLOCK>(other, at))
        && a == b
    {
        at += BLOCK;
    }
    while let (Some(a), Some(b)) = (chunk::<WORD>(one, at), chunk::<WORD>(other, at)) {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differs != 0 {
            return at + differs.trailing_zeros() as usize / 8;
        }
        at += WORD;
    }
    while at < most && one.get(at) == other.get(at) {
        at += 1;
    }
    at
}

#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

/// Returns the end of the value that begins at `start` in a text that is JSON; `None` for an
/// object, an array, and a string with an escape.
fn value_end(text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let length = match rest.first()? {
        b'"' => {
            let inner = rest.get(1..)?;
            let end = inner.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            (inner.get(end) == Some(&b'"')).then_some(end + 2)?
        }
        b'{' | b'[' => return None,
        _ => rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))?,
    };
    Some(start + length)
}
