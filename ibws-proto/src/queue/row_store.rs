//! The rows that a fold has filed, in the order of their keys.
//!
//! A fold may hold tens of thousands of rows. As allocations of their own, they would stay in the
//! arena of the thread that made them once the fold is dropped. They lie in blocks instead, whose
//! allocations are large as soon as there are many rows.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem::size_of;
use core::ops::Range;

use crate::fold::Merged;
use crate::frame::{Json, Large};
use crate::mask::Discreet;

/// The maximum size to which a row grows by merging.
pub(super) const MAX_ROW: usize = 16 * 1024;
/// The largest number of rows of a block.
const MAX_ENTRIES: usize = 4 * 1024;
/// The largest size of the texts of a block.
const MAX_TEXTS: usize = 256 * 1024;
/// The size of the texts for which a block has room at first.
const FIRST_TEXTS: usize = 256;

/// What an allocator takes for itself with each allocation. It is counted, because small folds are
/// little more than their allocations. glibc takes 8 to 23 bytes.
pub(super) const ALLOCATION: usize = 16;

/// The identity of a row among the rows of its stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum RowKey {
    Number(i64),
    Text(Discreet<Box<str>>),
}

/// The same, with the text in its block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyRef<'a> {
    Number(i64),
    Text(&'a str),
}

/// Rows by their keys.
#[derive(Clone, Default)]
pub(super) struct RowStore {
    /// The blocks in the order of the keys; none of them is empty.
    blocks: Vec<Block>,
    bytes: usize,
}

/// Rows whose keys follow each other.
#[derive(Clone, Default)]
struct Block {
    entries: Large<Entry>,
    /// The texts of the rows, each behind the text of its key if it has one.
    texts: Large<u8>,
    /// The bytes of `texts` that belong to no entry.
    unused: usize,
    /// The bytes that are held by the rows that did not fit into one.
    more: usize,
}

/// One row of a block.
#[derive(Clone)]
struct Entry {
    /// The key if it is a number.
    number: i64,
    /// Where the text of the key begins.
    start: u32,
    /// The length of the text of the key, [`NUMBER`] if the key is a number.
    key_len: u32,
    row_len: u32,
    /// Set if the row replaces what was known before; otherwise it is a change to it.
    replaces: bool,
    /// The rows that would not fit into one.
    #[expect(
        clippy::box_collection,
        reason = "nearly every row has none, and a list would make its entry half larger"
    )]
    more: Option<Box<Vec<Merged>>>,
}

/// The length of the text of a key that is a number.
const NUMBER: u32 = u32::MAX;

/// A row that is to be stored.
pub(super) struct NewRow<'a> {
    pub(super) key: RowKey,
    pub(super) json: Json<'a>,
    pub(super) replaces: bool,
}

impl From<i64> for RowKey {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Box<str>> for RowKey {
    fn from(text: Box<str>) -> Self {
        Self::Text(Discreet(text))
    }
}

impl RowKey {
    fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Self::Number(number) => KeyRef::Number(*number),
            Self::Text(text) => KeyRef::Text(text),
        }
    }

    /// Returns the text of the key, which is stored before the row.
    fn text(&self) -> &str {
        match self {
            Self::Number(_) => "",
            Self::Text(text) => text,
        }
    }
}

impl RowStore {
    /// Returns the bytes that the rows hold.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes + self.blocks.capacity() * size_of::<Block>()
    }

    /// Merges a row into the one with its key, or adds it. A value for which `is_blank` returns
    /// `true` does not replace another. `is_same` returns `true` if the row replaces all members of
    /// the known one and is written as a merge of the two would be. Returns the size of the row.
    pub(super) fn add(
        &mut self,
        row: &NewRow<'_>,
        is_blank: fn(Json<'_>) -> bool,
        is_same: impl FnOnce(Json<'_>) -> bool,
    ) -> usize {
        let (number, at) = self.place(row);
        let Some(block) = self.blocks.get_mut(number) else { return 0 };
        let before = block.held_bytes();
        let at = at.unwrap_or_else(|at| {
            block.insert(at, row);
            at
        });
        let length = block.update(at, row, is_blank, is_same).unwrap_or(0);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(block.held_bytes());
        length
    }

    /// Returns the number of the block of a row, which has room for it, and the place in the block
    /// where the row is or is to be inserted.
    fn place(&mut self, row: &NewRow<'_>) -> (usize, Result<usize, usize>) {
        let key = row.key.as_ref();
        loop {
            let number = self.blocks.partition_point(|block| block.first() <= Some(key)).saturating_sub(1);
            let blocks = self.blocks.len();
            let Some(block) = self.blocks.get_mut(number) else {
                self.blocks.reserve_exact(1);
                self.blocks.push(Block::default());
                return (0, Err(0));
            };
            let at = block.find(key);
            if block.has_room(row, at.is_err()) {
                return (number, at);
            }
            let before = block.held_bytes();
            let is_last = number + 1 == blocks && at == Err(block.entries.0.len());
            let mut added = None;
            if is_last {
                // Ascending keys, which numbers of orders are, fill each block.
                added = Some(Block::large());
            } else if block.unused >= MAX_TEXTS / 4 || block.entries.0.len() < 2 {
                block.compact(MAX_TEXTS);
            } else {
                added = Some(block.split());
            }
            self.bytes = self.bytes.saturating_sub(before).saturating_add(block.held_bytes());
            if let Some(mut block) = added {
                let (number, is_empty) = (number + 1, block.entries.0.is_empty());
                if is_empty {
                    block.insert(0, row);
                }
                self.bytes = self.bytes.saturating_add(block.held_bytes());
                self.blocks.insert(number, block);
                if is_empty {
                    return (number, Ok(0));
                }
            }
        }
    }

    /// Adds the rows of a newer store, each block of which is released once its rows are added.
    /// Returns the size of the largest row that this changes.
    pub(super) fn append(&mut self, newer: Self, is_blank: fn(Json<'_>) -> bool) -> usize {
        let mut longest = 0;
        for block in newer.blocks {
            for entry in &block.entries.0 {
                for (at, json) in block.rows(entry).enumerate() {
                    let replaces = entry.replaces && at == 0;
                    let row = NewRow { key: block.key(entry).into(), json, replaces };
                    longest = longest.max(self.add(&row, is_blank, |_| false));
                }
            }
        }
        longest
    }

    /// Returns the size of all rows, and of a separator behind each of them.
    pub(super) fn text_bytes(&self) -> usize {
        self.blocks.iter().flat_map(Block::all_rows).map(|row| row.text().len() + 1).sum()
    }

    /// Appends the rows as an array. Each block is released once its rows are written, because the
    /// rows may hold most of a client's memory.
    pub(super) fn write(self, text: &mut String) {
        let mut separator = '[';
        for block in self.blocks {
            for row in block.all_rows() {
                text.push(separator);
                text.push_str(row.text());
                separator = ',';
            }
        }
        if separator == '[' {
            text.push('[');
        }
        text.push(']');
    }
}

/// Shows no rows, because they have accounts.
impl fmt::Debug for RowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowStore").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl From<KeyRef<'_>> for RowKey {
    fn from(key: KeyRef<'_>) -> Self {
        match key {
            KeyRef::Number(number) => Self::Number(number),
            KeyRef::Text(text) => Box::<str>::from(text).into(),
        }
    }
}

impl Entry {
    fn key_bytes(&self) -> usize {
        if self.key_len == NUMBER { 0 } else { self.key_len as usize }
    }

    /// Returns where the row lies in the texts of the block.
    fn row(&self) -> Range<usize> {
        let start = self.start as usize + self.key_bytes();
        start..start + self.row_len as usize
    }

    /// Returns the bytes of the texts that belong to the entry.
    fn text_bytes(&self) -> usize {
        self.key_bytes() + self.row_len as usize
    }

    fn more_bytes(&self) -> usize {
        let Some(more) = &self.more else { return 0 };
        let texts = more.iter().map(|row| ALLOCATION + row.json().text().len());
        2 * ALLOCATION + size_of::<Vec<Merged>>() + more.capacity() * size_of::<Merged>() + texts.sum::<usize>()
    }
}

impl Block {
    /// Creates a block that does not grow.
    fn large() -> Self {
        let (entries, texts) = (Vec::with_capacity(MAX_ENTRIES), Vec::with_capacity(MAX_TEXTS));
        Self { entries: Large(entries), texts: Large(texts), unused: 0, more: 0 }
    }

    fn held_bytes(&self) -> usize {
        let entries = self.entries.0.capacity() * size_of::<Entry>();
        2 * ALLOCATION + entries + self.texts.0.capacity() + self.more
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.texts.0.get(range).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }

    fn key(&self, entry: &Entry) -> KeyRef<'_> {
        match entry.key_len {
            NUMBER => KeyRef::Number(entry.number),
            length => KeyRef::Text(self.text(entry.start as usize..entry.start as usize + length as usize)),
        }
    }

    /// Returns the key of the first row.
    fn first(&self) -> Option<KeyRef<'_>> {
        self.entries.0.first().map(|entry| self.key(entry))
    }

    fn find(&self, key: KeyRef<'_>) -> Result<usize, usize> {
        self.entries.0.binary_search_by(|entry| self.key(entry).cmp(&key))
    }

    /// Returns the rows of an entry: one as a rule.
    fn rows<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = Json<'a>> {
        let first = (entry.row_len > 0).then(|| Json(self.text(entry.row())));
        first.into_iter().chain(entry.more.iter().flat_map(|more| more.iter().map(Merged::json)))
    }

    fn all_rows(&self) -> impl Iterator<Item = Json<'_>> {
        self.entries.0.iter().flat_map(|entry| self.rows(entry))
    }

    /// Returns `true` if the row can be merged into one of the block, or inserted.
    fn has_room(&self, row: &NewRow<'_>, is_new: bool) -> bool {
        let size = row.key.text().len() + row.json.text().len().max(MAX_ROW);
        (!is_new || self.entries.0.len() < MAX_ENTRIES) && self.texts.0.len() + size <= MAX_TEXTS
    }

    /// Inserts the key of a row.
    fn insert(&mut self, at: usize, row: &NewRow<'_>) {
        let (number, text) = match &row.key {
            RowKey::Number(number) => (*number, None),
            RowKey::Text(text) => (0, Some(text)),
        };
        let start = self.push(row.key.text());
        let key_len = text.map_or(NUMBER, |text| as_u32(text.len()));
        let entry = Entry { number, start, key_len, row_len: 0, replaces: row.replaces, more: None };
        self.entries.0.insert(at, entry);
    }

    /// Merges a row into the one at `at`. Returns the size of the result.
    fn update(
        &mut self,
        at: usize,
        row: &NewRow<'_>,
        is_blank: fn(Json<'_>) -> bool,
        is_same: impl FnOnce(Json<'_>) -> bool,
    ) -> Option<usize> {
        let json = row.json;
        let entry = self.entries.0.get_mut(at)?;
        let more_before = entry.more_bytes();
        if row.replaces {
            (entry.more, entry.replaces) = (None, true);
        }
        let fits = |known: Json<'_>| known.text().len() + json.text().len() <= MAX_ROW;
        let length = match &mut entry.more {
            Some(more) => {
                let is_merged = more.last_mut().is_some_and(|last| {
                    if is_same(last.json()) {
                        return Merged::new(json).map(|row| *last = row).is_some();
                    }
                    fits(last.json()) && last.merge(json, is_blank)
                });
                if !is_merged {
                    more.extend(Merged::new(json));
                }
                more.last().map_or(0, |row| row.json().text().len())
            }
            None => {
                let range = entry.row();
                let known = self.texts.0.get(range).and_then(|text| core::str::from_utf8(text).ok()).map(Json);
                let known = known.filter(|known| !known.text().is_empty() && !row.replaces);
                match known {
                    Some(known) if is_same(known) => self.set(at, json.text())?,
                    Some(known) => match fits(known).then(|| Merged::of(known, json, is_blank)).flatten() {
                        Some(text) => self.set(at, &text)?,
                        None => {
                            entry.more = Merged::new(json).map(|row| Box::new(alloc::vec![row]));
                            json.text().len()
                        }
                    },
                    None => self.set(at, json.text())?,
                }
            }
        };
        let more_now = self.entries.0.get(at).map_or(0, Entry::more_bytes);
        self.more = self.more.saturating_sub(more_before).saturating_add(more_now);
        Some(length)
    }

    /// Replaces the row at `at` by `text`, for which there is room. Returns its size.
    fn set(&mut self, at: usize, text: &str) -> Option<usize> {
        let entry = self.entries.0.get(at)?;
        if text.len() > entry.row().len() {
            self.reserve(entry.key_bytes() + text.len());
        }
        let entry = self.entries.0.get_mut(at)?;
        let (row, key) = (entry.row(), entry.start as usize..entry.row().start);
        if text.len() <= row.len() {
            self.unused += row.len() - text.len();
        } else if row.end == self.texts.0.len() {
            // The row is the last one, as a new one is, and stays in its place.
            self.texts.0.resize(row.start + text.len(), 0);
        } else {
            self.unused += entry.text_bytes();
            entry.start = as_u32(self.texts.0.len());
            self.texts.0.extend_from_within(key);
            self.texts.0.resize(self.texts.0.len() + text.len(), 0);
        }
        entry.row_len = as_u32(text.len());
        self.texts.0.get_mut(entry.row())?.copy_from_slice(text.as_bytes());
        Some(text.len())
    }

    /// Appends a text, for which there is room, and returns where it begins.
    fn push(&mut self, text: &str) -> u32 {
        self.reserve(text.len());
        let start = as_u32(self.texts.0.len());
        self.texts.0.extend_from_slice(text.as_bytes());
        start
    }

    /// Makes room for `size` bytes of texts. May move the texts.
    fn reserve(&mut self, size: usize) {
        let texts = &mut self.texts.0;
        let needed = texts.len() + size;
        if needed <= texts.capacity() {
            return;
        }
        let doubled = |needed: usize| (2 * needed).clamp(FIRST_TEXTS, MAX_TEXTS.max(needed));
        if self.unused > texts.len() / 2 {
            return self.compact(doubled(needed - self.unused));
        }
        texts.reserve_exact(doubled(needed) - texts.len());
    }

    /// Moves the texts into a list of their own with room for `capacity` bytes.
    fn compact(&mut self, capacity: usize) {
        let mut texts = Vec::with_capacity(capacity);
        for entry in &mut self.entries.0 {
            let from = entry.start as usize;
            entry.start = as_u32(texts.len());
            texts.extend_from_slice(self.texts.0.get(from..from + entry.text_bytes()).unwrap_or_default());
        }
        (self.texts, self.unused) = (Large(texts), 0);
    }

    /// Moves the second half of the rows to a block of their own.
    fn split(&mut self) -> Self {
        let mut upper = Self::large();
        let middle = self.entries.0.len() / 2;
        for mut entry in self.entries.0.drain(middle..) {
            let from = entry.start as usize;
            entry.start = as_u32(upper.texts.0.len());
            let text = self.texts.0.get(from..from + entry.text_bytes()).unwrap_or_default();
            upper.texts.0.extend_from_slice(text);
            upper.more += entry.more_bytes();
            upper.entries.0.push(entry);
        }
        self.more -= upper.more;
        self.compact(MAX_TEXTS);
        upper
    }
}

/// Returns a place in a block, which is far smaller than 4 GiB.
fn as_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NUMBER)
}

#[cfg(test)]
mod tests;
