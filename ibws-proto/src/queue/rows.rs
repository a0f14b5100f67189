//! Messages of rows as one: what orders, executions and ladders add up to, row by row, by the rules of the folds.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::size_of;

use super::merge::{self, Object};
use crate::event::Message;
use crate::fold::{Filing, Merged};
use crate::frame::{Frame, Json};
use crate::key::Key;
use crate::message::{Body, Execution, LadderRow, Order, Rows};

/// Largest frame and row that take part; rows of orders have some 40 members and less than 2 KiB. Merging compares each
/// member of one row with each of another: these bound the work.
const MOST_FRAME_BYTES: usize = 256 * 1024;
const MOST_ROW_BYTES: usize = 8 * 1024;
const MOST_MEMBERS: usize = 96;
/// A row grows by merging up to here.
const MOST_MERGED_BYTES: usize = 2 * MOST_ROW_BYTES;

/// Several messages of one stream of rows.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    /// The newest, which stands for all of them; its own rows are in `rows`.
    pub(super) message: Message,
    rows: BTreeMap<RowKey, Entry>,
    bytes: usize,
}

/// What a row is filed under.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum RowKey {
    Number(i64),
    Text(Box<str>),
}

impl From<i64> for RowKey {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Box<str>> for RowKey {
    fn from(text: Box<str>) -> Self {
        Self::Text(text)
    }
}

/// Content became of one order, execution or step of a ladder.
#[derive(Clone, Debug)]
struct Entry {
    /// One row as a rule; more where they would not fit into one.
    rows: Vec<Merged>,
    /// The first of them takes the place of what was known before; otherwise they are changes to it.
    replaces: bool,
}

impl Folded {
    /// May this message be folded with others: is each of its rows one that can be filed?
    pub(super) fn can(message: &Message) -> bool {
        let small = |row: Json<'_>| row.text().len() <= MOST_ROW_BYTES && row.members().count() <= MOST_MEMBERS;
        message.frame.raw().len() <= MOST_FRAME_BYTES
            && rows(&message.frame, |row| small(row.json))
            && message.frame.members().filter(|(key, _)| Some(&**key) == list(message.key)).count() <= 1
            && merge::fits(&without_rows(message))
    }

    /// The fold of one message.
    pub(super) fn of(message: Message) -> Self {
        let mut folded = Self { message, rows: BTreeMap::new(), bytes: 0 };
        let frame = folded.message.frame.clone();
        folded.file(&frame);
        folded
    }

    /// Folds a newer message.
    pub(super) fn then(&mut self, mut newer: Message) {
        self.file(&newer.frame);
        self.succeed(&mut newer);
    }

    /// Folds a newer fold.
    pub(super) fn then_folded(&mut self, newer: Self) {
        let Self { mut message, rows, .. } = newer;
        for (under, entry) in rows {
            for (at, row) in entry.rows.into_iter().enumerate() {
                let nothing = nothing_of(message.key);
                self.put(under.clone(), row.json(), entry.replaces && at == 0, nothing);
            }
        }
        self.succeed(&mut message);
    }

    /// Bytes held beside those of the message.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest message takes over, with whatever else the earlier ones told.
    fn succeed(&mut self, newer: &mut Message) {
        merge::count(&self.message, newer);
        let list = list(newer.key);
        let more = self.message.frame.members().any(|(key, _)| key != "topic" && Some(&*key) != list);
        if more && let Some(frame) = merge::frames(&without_rows(&self.message), &newer.frame) {
            newer.frame = frame;
        }
        core::mem::swap(&mut self.message, newer);
    }

    fn file(&mut self, frame: &Frame) {
        let nothing = nothing_of(self.message.key);
        rows(frame, |row| {
            self.put(row.under, row.json, row.replaces, nothing);
            true
        });
    }

    fn put(&mut self, under: RowKey, row: Json<'_>, replaces: bool, nothing: fn(Json<'_>) -> bool) {
        let named = size_of::<(RowKey, Entry)>() + if let RowKey::Text(text) = &under { text.len() } else { 0 };
        let entry = match self.rows.entry(under) {
            alloc::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            alloc::collections::btree_map::Entry::Vacant(place) => {
                self.bytes = self.bytes.saturating_add(named);
                place.insert(Entry { rows: Vec::new(), replaces })
            }
        };
        self.bytes = self.bytes.saturating_sub(entry.bytes());
        if replaces {
            entry.rows.clear();
            entry.replaces = true;
        }
        let fits = |last: &Merged| last.json().text().len() + row.text().len() <= MOST_MERGED_BYTES;
        if !entry.rows.last_mut().is_some_and(|last| fits(last) && last.merge(row, nothing)) {
            entry.rows.extend(Merged::new(row));
        }
        self.bytes = self.bytes.saturating_add(entry.bytes());
    }

    /// One message that, folded, leaves what all of them leave.
    pub(super) fn into_message(self) -> Message {
        let Self { mut message, rows, bytes } = self;
        let Some(list) = list(message.key) else { return message };
        let mut text = String::with_capacity(bytes);
        for (_, entry) in rows {
            for row in &entry.rows {
                text.push(if text.is_empty() { '[' } else { ',' });
                text.push_str(row.json().text());
            }
        }
        text.push_str(if text.is_empty() { "[]" } else { "]" });
        let mut object = Object::with_capacity(text.len() + 64);
        let mut listed = false;
        for member in message.frame.spelled() {
            if member.key == list {
                listed = true;
                object.value(member.written).push_str(&text);
            } else {
                object.push(&member);
            }
        }
        if !listed {
            object.value(&alloc::format!("\"{list}\"")).push_str(&text);
        }
        if let Some(frame) = object.into_frame(message.frame.is_lossy()) {
            message.frame = frame;
        }
        message
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.rows.iter().map(|row| size_of::<Merged>() + row.json().text().len()).sum()
    }
}

/// The member that lists the rows.
fn list(key: Option<Key>) -> Option<&'static str> {
    match key? {
        Key::Orders | Key::Trades => Some("args"),
        Key::PriceLadder => Some("data"),
        _ => None,
    }
}

/// The message's frame with no rows in it.
fn without_rows(message: &Message) -> Frame {
    let list = list(message.key);
    let mut object = Object::with_capacity(64);
    message.frame.spelled().filter(|member| Some(&*member.key) != list).for_each(|member| object.push(&member));
    object.into_frame(message.frame.is_lossy()).unwrap_or_else(|| message.frame.clone())
}

/// Which values leave what was known, in rows of this key.
fn nothing_of(key: Option<Key>) -> fn(Json<'_>) -> bool {
    match key {
        Some(Key::Trades) => Execution::keeps_known,
        _ => |_| false,
    }
}

/// A row that can be filed.
struct Filed<'a> {
    under: RowKey,
    json: Json<'a>,
    replaces: bool,
}

/// Hands out the rows of a frame; `false` at the first that cannot be filed, or for which `take` says so.
fn rows<'a>(frame: &'a Frame, take: impl FnMut(Filed<'a>) -> bool) -> bool {
    match frame.body() {
        Body::Orders(orders) => each::<Order<'a>>(orders.rows(), take),
        Body::Trades(trades) => each::<Execution<'a>>(trades.rows(), take),
        Body::Ladder(ladder) => each::<LadderRow<'a>>(ladder.rows(), take),
        _ => false,
    }
}

fn each<'a, R: Filing<'a, Key: Into<RowKey>>>(mut rows: Rows<'a, R>, mut take: impl FnMut(Filed<'a>) -> bool) -> bool {
    rows.all(|row| {
        let Ok(row) = row else { return false };
        let under = row.filed_under().map(Into::into);
        under.is_some_and(|under| take(Filed { under, json: row.json(), replaces: row.replaces() }))
    })
}
