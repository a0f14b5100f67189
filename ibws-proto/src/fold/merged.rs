//! A row that several rows were merged into.

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
/// The largest size of a merged row in bytes, for the same reason.
const MOST_BYTES: usize = 1 << 20;

/// A row merged from several, as JSON text of its own. [`row`](Self::row) reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Merged(Box<str>);

impl Merged {
    /// Copies a row; `None` if it exceeds the limits.
    pub(crate) fn new(row: Json<'_>) -> Option<Self> {
        fits(row).then(|| Self(row.text().into()))
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
        mut take: impl FnMut(Option<usize>, Option<Json<'_>>) -> bool,
    ) -> bool {
        if !fits(row) {
            return false;
        }
        let mut text = String::with_capacity(self.0.len() + row.text().len());
        let mut count = 0_usize;
        let mut push = |key: &str, value: Json<'_>| {
            text.push(if text.is_empty() { '{' } else { ',' });
            // The text of a key was JSON before, so it can be written as JSON.
            text.push_str(&serde_json::to_string(key).unwrap_or_default());
            text.push(':');
            text.push_str(value.text());
            count += 1;
        };
        let (known, news): (Vec<_>, Vec<_>) = (self.json().members().collect(), row.members().collect());
        // Of a key that occurs twice in a row the first value counts, as in every accessor.
        for (at, (key, value)) in known.iter().enumerate() {
            let new = news.iter().find(|(other, _)| other == key).map(|(_, new)| *new);
            let taken = take(Some(at), new);
            push(key, new.filter(|_| taken).unwrap_or(*value));
        }
        for (at, (key, value)) in news.iter().enumerate() {
            let first = !news.iter().take(at).any(|(earlier, _)| earlier == key);
            if first && !known.iter().any(|(other, _)| other == key) {
                take(None, Some(*value));
                push(key, *value);
            }
        }
        if count > MOST_MEMBERS || text.len() > MOST_BYTES {
            return false;
        }
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        self.0 = text.into();
        true
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

fn fits(row: Json<'_>) -> bool {
    row.text().len() <= MOST_BYTES && row.members().take(MOST_MEMBERS + 1).count() <= MOST_MEMBERS
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
