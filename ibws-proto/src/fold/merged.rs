//! A row that several rows were merged into.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, Serializer};

use crate::frame::{Json, RowError};
use crate::mask::Masked;
use crate::message::Row;

/// The largest number of members of a merged row. No known row comes near it; it bounds what a peer
/// can make the client hold.
const MOST_MEMBERS: usize = 512;
/// The number of members that a list has room for at first.
const USUAL_MEMBERS: usize = 40;
/// The largest size of a merged row in bytes, for the same reason.
const MOST_BYTES: usize = 1 << 20;

/// A row merged from several, as JSON text of its own. [`row`](Self::row) reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Merged(Box<str>);

impl Merged {
    /// Copies a row; `None` if it exceeds the limits.
    pub(crate) fn new(row: Json<'_>) -> Option<Self> {
        members(row).map(|_| Self(row.text().into()))
    }

    /// Replaces the members that `row` has, except those for whose new value `keep` returns `true`,
    /// and adds the others. Returns `false` if the result would exceed the limits; then nothing
    /// changes.
    pub(crate) fn merge(&mut self, row: Json<'_>, keep: impl Fn(Json<'_>) -> bool) -> bool {
        self.merge_with(row, |_, new| new.is_some_and(|new| !keep(new)))
    }

    /// Merges with `row`. `take` is called once for each member of the result in order, with the
    /// place of the known member and with the new value, and returns `true` if the new value
    /// replaces the known one; a member that is not known is always added. Returns `false` if the
    /// result would exceed the limits; then nothing changes.
    pub(crate) fn merge_with(
        &mut self,
        row: Json<'_>,
        take: impl FnMut(Option<usize>, Option<Json<'_>>) -> bool,
    ) -> bool {
        let text = merged(self.json(), row, take);
        text.map(|text| self.0 = text.into()).is_some()
    }

    /// Returns the text of `known` merged with `row`, as [`merge`](Self::merge) does; `None` if it
    /// would exceed the limits.
    pub(crate) fn of(known: Json<'_>, row: Json<'_>, keep: impl Fn(Json<'_>) -> bool) -> Option<String> {
        merged(known, row, |_, new| new.is_some_and(|new| !keep(new)))
    }

    /// Returns the row as JSON.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        Json(&self.0)
    }

    /// Reads the row as a typed one.
    ///
    /// # Errors
    /// Those of the row type. A row of one of the tables of this module reads as the row type of
    /// that table.
    pub fn row<'a, R: Row<'a>>(&'a self) -> Result<R, RowError> {
        R::from_json(self.json())
    }
}

/// Returns the text of `known` merged with `row`, with `take` as in [`Merged::merge_with`]; `None`
/// if it would exceed the limits.
fn merged(
    known: Json<'_>,
    row: Json<'_>,
    mut take: impl FnMut(Option<usize>, Option<Json<'_>>) -> bool,
) -> Option<String> {
    let news = members(row)?;
    let mut text = String::with_capacity(known.text().len() + row.text().len());
    let known = members(known).unwrap_or_default();
    let mut count = 0_usize;
    let mut push = |key: &Cow<'_, str>, value: Json<'_>| {
        text.push(if text.is_empty() { '{' } else { ',' });
        match key {
            Cow::Borrowed(written) if !written.as_bytes().contains(&b'\\') => {
                text.push('"');
                text.push_str(written);
                text.push('"');
            }
            // The text of a key was JSON before, so it can be written as JSON.
            key => text.push_str(&serde_json::to_string(key).unwrap_or_default()),
        }
        text.push(':');
        text.push_str(value.text());
        count += 1;
    };
    // Of a key that occurs twice in a row the first value counts, as in every accessor.
    let mut is_known = alloc::vec![false; news.len()];
    for (at, member) in known.iter().enumerate() {
        let place = news.iter().position(|new| new.has_key_of(member));
        let new = place.and_then(|place| news.get(place)).map(|new| new.value);
        if let Some(place) = place.and_then(|place| is_known.get_mut(place)) {
            *place = true;
        }
        let taken = take(Some(at), new);
        push(&member.key, new.filter(|_| taken).unwrap_or(member.value));
    }
    let others = news.iter().enumerate().zip(is_known).filter(|(_, is_known)| !is_known);
    for ((at, member), _) in others {
        if !news.iter().take(at).any(|earlier| earlier.has_key_of(member)) {
            take(None, Some(member.value));
            push(&member.key, member.value);
        }
    }
    if count > MOST_MEMBERS || text.len() > MOST_BYTES {
        return None;
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    Some(text)
}

/// A member of a row.
struct Member<'a> {
    key: Cow<'a, str>,
    /// The length and the last bytes of the key, by which most keys are told apart.
    tag: u64,
    value: Json<'a>,
}

impl Member<'_> {
    fn has_key_of(&self, other: &Self) -> bool {
        self.tag == other.tag && self.key == other.key
    }
}

fn tag(key: &str) -> u64 {
    let end = key.as_bytes().last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
    u64::from(end) << 32 | key.len() as u64
}

/// Returns the members of a row; `None` if it exceeds the limits.
fn members(row: Json<'_>) -> Option<Vec<Member<'_>>> {
    if row.text().len() > MOST_BYTES {
        return None;
    }
    let mut members = Vec::with_capacity(USUAL_MEMBERS);
    members.extend(row.members().take(MOST_MEMBERS + 1).map(|(key, value)| Member { tag: tag(&key), key, value }));
    (members.len() <= MOST_MEMBERS).then_some(members)
}

/// Writes the row with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Masked(&self.0), f)
    }
}

impl Serialize for Merged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_key_that_occurs_twice_the_first_value_counts_and_every_key_is_written_as_json() {
        let mut merged = Merged::new(Json(r#"{"a":1,"a":2,"b\"c":3,"\ud800":4}"#)).unwrap();
        let row = Json(r#"{"new":5,"a":6,"new":7,"a":8,"b\u0022c":9,"\ud800":10,"Z\u00fcrich":11,"Zürich":12}"#);
        assert!(merged.merge(row, |_| false));
        let expected = r#"{"a":6,"a":6,"b\"c":9,"\\ud800":10,"new":5,"Zürich":11}"#;
        assert_eq!(merged.json().text(), expected);
        assert!(merged.merge(Json(r#"{"b\"c":13}"#), |_| false));
        assert_eq!(merged.json().text(), expected.replace(":9", ":13"));
    }
}
