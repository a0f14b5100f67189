//! Folds messages of rows into one: what orders, executions and ladders add up to, row by row, by
//! the rules of the folds.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::layout::{Following, Layout, MAX_LAYOUT_BYTES};
use super::merge::{self, Object};
use super::row_store::{ALLOCATION, NewRow, RowKey, RowStore};
use crate::event::Message;
use crate::fold::{Filing, Merging as _};
use crate::frame::{Frame, FromJson as _, Json, Spelled};
use crate::key::Key;
use crate::message::{Body, Execution, LadderRow, Order, Rows};

/// The maximum size of a frame that is folded. Merging compares each member of one row with each of
/// another: this limit and the next two bound the work.
const MAX_FRAME_BYTES: usize = 256 * 1024;
/// The maximum size of a row that is folded; rows of orders have less than 2 KiB.
const MAX_ROW_BYTES: usize = 8 * 1024;
/// The maximum number of members of a row that is folded; rows of orders have some 40.
const MAX_MEMBERS: usize = 96;
/// Several messages of one stream of rows.
///
/// The rows of the newest message are filed when the next one comes, and not at all if that has the
/// same rows with newer values: an order that changes often costs a comparison of two texts for
/// each change. The result is the same, because every value that is not filed would have been
/// replaced. That includes the rows that do not fit into one (`row_store::MAX_ROW`): the rows of a
/// message with a [`Layout`] have 4 KiB together, and it is used while each filed row has no more.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    /// The newest message, which stands for all of them.
    pub(super) message: Message,
    /// The layout of the newest message if its rows are not filed yet.
    pending: Option<Layout>,
    /// The rows that are filed.
    rows: RowStore,
    /// Set once a filed row is too large for a message to remain pending.
    is_large: bool,
}

/// Shows that a message can be folded.
#[derive(Default)]
pub(super) struct Foldable {
    layout: Option<Layout>,
}

impl Folded {
    /// Returns `None` if the message cannot be folded with others, because one of its rows has no
    /// key or is too large.
    pub(super) fn check(message: &Message) -> Option<Foldable> {
        let layout = list_key(message.key).and_then(|list| Layout::of(message, list));
        if layout.is_some() {
            return Some(Foldable { layout });
        }
        let is_small = |row: Json<'_>| row.text().len() <= MAX_ROW_BYTES && row.members().count() <= MAX_MEMBERS;
        let is_foldable = message.frame.raw().len() <= MAX_FRAME_BYTES
            && for_each_row(&message.frame, |row| is_small(row.json))
            && message.frame.members().filter(|(key, _)| Some(&**key) == list_key(message.key)).count() <= 1
            && merge::is_mergeable(&without_rows(message));
        is_foldable.then_some(Foldable { layout })
    }

    /// Creates the fold of one message, which was checked.
    pub(super) fn from_message(message: Message, checked: Foldable) -> Self {
        let mut folded = Self { message, pending: None, rows: RowStore::default(), is_large: false };
        folded.read_newest(checked);
        folded
    }

    /// Adds a newer message, which was checked. What `newer` holds then is not used again.
    pub(super) fn add(&mut self, newer: &mut Message, checked: Foldable) {
        self.file_newest();
        let is_kept = self.replace_message(newer);
        self.read_newest(if is_kept { checked } else { Foldable::default() });
    }

    /// Adds a newer message without reading it, if its rows have the members of those of the newest
    /// one. What `newer` holds then is not used again. Otherwise returns `false`, and nothing
    /// changes but what is filed.
    pub(super) fn follow(&mut self, newer: &mut Message) -> bool {
        let Some(mut layout) = self.pending.take() else { return false };
        if newer.frame.is_lossy() {
            self.file(Some(&layout));
            return false;
        }
        let following = layout.follow(self.message.frame.raw(), newer.frame.raw());
        if following != Following::Replaces {
            layout.swap();
            self.file(Some(&layout));
            layout.swap();
        }
        if following == Following::Differs || self.is_large {
            return false;
        }
        merge::count(&self.message, newer);
        core::mem::swap(&mut self.message, newer);
        self.pending = Some(layout);
        true
    }

    /// Keeps the newest message as it is, if it has a layout, or files its rows.
    fn read_newest(&mut self, checked: Foldable) {
        self.pending = checked.layout.filter(|_| !self.is_large);
        if self.pending.is_none() {
            self.file(None);
        }
    }

    /// Files the rows of the newest message, if they are not.
    pub(super) fn file_newest(&mut self) {
        if let Some(layout) = self.pending.take() {
            self.file(Some(&layout));
        }
    }

    /// Files the rows of the newest message, which has this layout. If that shows where its only
    /// row lies, the row is not read.
    fn file(&mut self, layout: Option<&Layout>) {
        let (frame, is_blank) = (self.message.frame.clone(), blank_values(self.message.key));
        let only = layout.and_then(|layout| layout.only_row(frame.text()));
        if let Some(row) = only
            && let Some(key) = row_key(row.key, row.identity)
        {
            let changes = NewRow { key, json: row.json, replaces: false };
            return self.add_row(&changes, is_blank, |known| row.stands_for(known));
        }
        for_each_row(&frame, |row| {
            self.add_row(&row, is_blank, |_| false);
            true
        });
    }

    /// Adds a newer fold. Its message is not used again.
    pub(super) fn append(&mut self, newer: &mut Self) {
        self.file_newest();
        newer.file_newest();
        let rows = core::mem::take(&mut newer.rows);
        let longest = self.rows.append(rows, blank_values(newer.message.key));
        self.is_large = self.is_large || longest > MAX_LAYOUT_BYTES;
        self.replace_message(&mut newer.message);
    }

    /// Returns the bytes that its rows hold, beside those of the message.
    pub(super) fn held_bytes(&self) -> usize {
        self.rows.held_bytes() + self.pending.as_ref().map_or(0, |layout| ALLOCATION + layout.held_bytes())
    }

    /// Makes the newest message the one that stands for all, with the members beside the rows that
    /// only earlier ones had. Returns `false` if its frame is written anew for them.
    fn replace_message(&mut self, newer: &mut Message) -> bool {
        merge::count(&self.message, newer);
        let list = list_key(newer.key);
        let has_more = self.message.frame.members().any(|(key, _)| key != "topic" && Some(&*key) != list);
        if has_more {
            merge::frames(&mut without_rows(&self.message), &mut newer.frame, &mut false);
        }
        core::mem::swap(&mut self.message, newer);
        !has_more
    }

    /// Files a row, as [`RowStore::add`] does.
    fn add_row(&mut self, row: &NewRow<'_>, is_blank: fn(Json<'_>) -> bool, is_same: impl FnOnce(Json<'_>) -> bool) {
        let length = self.rows.add(row, is_blank, is_same);
        self.is_large = self.is_large || length > MAX_LAYOUT_BYTES;
    }

    /// Writes one message. A fold of it ends where a fold of all messages would have ended. Rows
    /// are released once they are written.
    pub(super) fn into_message(mut self) -> Message {
        self.file_newest();
        let Self { mut message, rows, .. } = self;
        let Some(list) = list_key(message.key) else { return message };
        let beside = |member: &Spelled<'_>| member.key != list;
        let beside_bytes =
            message.frame.spelled().filter(beside).map(|member| member.written.len() + member.value.len() + 2);
        let length = rows.text_bytes() + beside_bytes.sum::<usize>() + list.len() + 16;
        let mut object = Object::with_capacity(length);
        let mut rows = Some(rows);
        for member in message.frame.spelled() {
            if beside(&member) {
                object.push(&member);
            } else if let Some(rows) = rows.take() {
                rows.write(object.push_key(member.written));
            }
        }
        if let Some(rows) = rows {
            rows.write(object.push_key(&alloc::format!("\"{list}\"")));
        }
        if let Some(frame) = object.into_frame(message.frame.is_lossy()) {
            message.frame = frame;
        }
        message
    }
}

/// Returns the key of the member that lists the rows.
fn list_key(key: Option<Key>) -> Option<&'static str> {
    match key? {
        Key::Orders | Key::Trades => Some("args"),
        Key::PriceLadder => Some("data"),
        _ => None,
    }
}

/// Returns the key of a row that this value identifies.
fn row_key(key: Key, identity: Json<'_>) -> Option<RowKey> {
    match key {
        Key::Trades => Cow::from_json(identity).ok().flatten().map(|id| Box::<str>::from(id).into()),
        _ => i64::from_json(identity).ok().flatten().map(Into::into),
    }
}

/// Returns the frame of a message without its rows.
fn without_rows(message: &Message) -> Frame {
    let list = list_key(message.key);
    let mut object = Object::with_capacity(64);
    message.frame.spelled().filter(|member| Some(&*member.key) != list).for_each(|member| object.push(&member));
    object.into_frame(message.frame.is_lossy()).unwrap_or_else(|| message.frame.clone())
}

/// Returns the predicate for values that do not replace a known value, in rows of this key.
fn blank_values(key: Option<Key>) -> fn(Json<'_>) -> bool {
    match key {
        Some(Key::Trades) => Execution::keeps_known,
        _ => |_| false,
    }
}

/// Calls `visit` for each row of a frame. Returns `false` at the first row that has no key or for
/// which `visit` returns `false`.
fn for_each_row<'a>(frame: &'a Frame, visit: impl FnMut(NewRow<'a>) -> bool) -> bool {
    match frame.body() {
        Body::Orders(orders) => for_each::<Order<'a>>(orders.rows(), visit),
        Body::Trades(trades) => for_each::<Execution<'a>>(trades.rows(), visit),
        Body::Ladder(ladder) => for_each::<LadderRow<'a>>(ladder.rows(), visit),
        _ => false,
    }
}

fn for_each<'a, R: Filing<'a, Key: Into<RowKey>>>(
    mut rows: Rows<'a, R>,
    mut visit: impl FnMut(NewRow<'a>) -> bool,
) -> bool {
    rows.all(|row| {
        let Ok(row) = row else { return false };
        let key = row.filed_under().map(Into::into);
        key.is_some_and(|key| visit(NewRow { key, json: row.json(), replaces: row.replaces() }))
    })
}
