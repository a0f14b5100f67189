//! What the streams of orders and executions have delivered, in few bytes for each: a snapshot of
//! REST is compared with it, so that only what is new is reported.
//!
//! Of an order, a hash of each decisive member is kept, and which of them the stream has set since
//! the last mark. A mark is taken when the stream resumes; a snapshot is requested after it, so a
//! member that was set since is as new as that of the snapshot, or newer. Of an execution, the hash
//! of its id is kept.
//!
//! There is one memory for all subscriptions to orders. The gateway has one stream of orders, so as
//! a rule there is one subscription.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::mem::replace;

use crate::frame::{Elements, Frame, Json, RowError};
use crate::message::{Body, Execution, Row as _, RowView, Slots};
use crate::rest::SnapshotReplies;

/// The members of an order that are read. The first [`DECISIVE`] of them are decisive: their change
/// is a change of the order. Others follow from them, or are in full rows only (docs/protocol.md
/// §3.4), so that the last value is out of date.
const MEMBERS: [&str; DECISIVE + 2] = [
    "status",
    "filledQuantity",
    "remainingQuantity",
    "totalSize",
    "totalCashSize",
    "price",
    "auxPrice",
    "avgPrice",
    "orderType",
    "order_cancellation_by_system_reason",
    "orderId",
    "conid",
];
const DECISIVE: usize = 10;
const ORDER_ID: u8 = 10;
const CONID: u8 = 11;
static SLOTS: Slots = Slots::of(&MEMBERS, &[ORDER_ID, CONID]);
/// The orders of one generation; two are remembered.
const ORDERS: usize = 2_000;
/// The executions of one generation; two are remembered.
const EXECUTIONS: usize = 10_000;

/// What has been delivered since orders were subscribed to.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    orders: Generations<i64, Known>,
    executions: Generations<u64, ()>,
    /// The number of the last mark.
    mark: u32,
}

/// What is known of an order.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The hash of each member, 0 for one that was never delivered.
    values: [u32; DECISIVE],
    /// The mark since which the stream has set the members of `set`.
    mark: u32,
    /// A bit for each member.
    set: u16,
}

/// Entries in two generations. When the newer one is full, the older one is forgotten, and the
/// newer one becomes the older one. An entry that is used becomes a newer one.
///
/// The lists are in the order of their keys, and are never released: what a map releases while
/// orders flood in would stay in the process, once for each thread that the task has run on.
#[derive(Debug)]
struct Generations<K, V> {
    newer: Vec<(K, V)>,
    older: Vec<(K, V)>,
    forgotten: u64,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self { newer: Vec::new(), older: Vec::new(), forgotten: 0 }
    }
}

impl<K: Ord + Copy, V: Default> Generations<K, V> {
    /// Calls `act` with the entry of a key, and with whether it was remembered. Up to `limit`
    /// entries are in one generation.
    fn note<T>(&mut self, key: K, limit: usize, act: impl FnOnce(&mut V, bool) -> T) -> T {
        let place = |list: &[(K, V)]| list.binary_search_by_key(&key, |(key, _)| *key);
        let at = place(&self.newer);
        if let Some((_, value)) = at.ok().and_then(|at| self.newer.get_mut(at)) {
            return act(value, true);
        }
        let older = place(&self.older).ok().map(|at| self.older.remove(at).1);
        let is_known = older.is_some();
        let mut value = older.unwrap_or_default();
        let result = act(&mut value, is_known);
        let mut at = at.unwrap_or_else(|at| at);
        if self.newer.len() >= limit {
            self.forgotten = self.forgotten.saturating_add(self.older.len() as u64);
            self.older.clear();
            core::mem::swap(&mut self.newer, &mut self.older);
            at = 0;
        }
        self.newer.insert(at, (key, value));
        result
    }
}

impl Delivered {
    /// The number of orders and executions that are no longer remembered.
    pub(super) fn forgotten(&self) -> u64 {
        self.orders.forgotten.saturating_add(self.executions.forgotten)
    }

    /// Takes a mark: what the stream sets from here on is newer than a snapshot that is requested
    /// later.
    pub(super) fn mark(&mut self) {
        self.mark = self.mark.wrapping_add(1);
    }

    /// Notes what a frame of orders or executions delivers.
    pub(super) fn note(&mut self, frame: &Frame) {
        match frame.body() {
            Body::Orders(orders) => {
                let mut elements = orders.rows().elements();
                while let Some(row) = OrderRow::next_of(&mut elements) {
                    if let Ok(row) = row {
                        self.note_order(&row);
                    }
                }
            }
            Body::Trades(trades) => {
                for row in trades.rows().flatten() {
                    self.executions.note(identity(&row), EXECUTIONS, |(), _| ());
                }
            }
            _ => {}
        }
    }

    fn note_order(&mut self, row: &OrderRow<'_>) {
        let Some(id) = row.order_id() else { return };
        let mark = self.mark;
        self.orders.note(id, ORDERS, |known, _| {
            if known.mark != mark {
                (known.mark, known.set) = (mark, 0);
            }
            for (at, slot) in known.values.iter_mut().enumerate() {
                if let Some(value) = row.value(at) {
                    *slot = value.hash;
                    known.set |= 1 << at;
                }
            }
        });
    }

    /// Takes in a snapshot that was requested after the last mark. Returns the places of the orders
    /// that it changes, and of the executions that were not delivered.
    pub(super) fn take_in(&mut self, replies: &SnapshotReplies) -> (Vec<usize>, Vec<usize>) {
        let mut listed = BTreeSet::new();
        let mut orders = Vec::new();
        for (at, row) in replies.orders.rows().enumerate() {
            let Some(Ok(row)) = row.ok().and_then(|row| OrderRow::next_of(&mut Elements::one(row.json()))) else {
                continue;
            };
            let Some(id) = row.order_id() else { continue };
            // A row that is listed twice is new once.
            if self.changes(id, &row) && listed.insert(id) {
                orders.push(at);
            }
        }
        let mut executions = Vec::new();
        let rows = replies.trades.iter().flat_map(|trades| trades.rows()).enumerate();
        for (at, row) in rows {
            let Ok(row) = row else { continue };
            if !self.executions.note(identity(&row), EXECUTIONS, |(), is_known| is_known) {
                executions.push(at);
            }
        }
        (orders, executions)
    }

    /// Notes a row of a snapshot. Returns whether it brings something new.
    fn changes(&mut self, id: i64, row: &OrderRow<'_>) -> bool {
        let mark = self.mark;
        self.orders.note(id, ORDERS, |known, is_known| {
            if known.mark != mark {
                (known.mark, known.set) = (mark, 0);
            }
            let mut is_new = !is_known;
            for (at, slot) in known.values.iter_mut().enumerate().filter(|(at, _)| known.set & (1 << at) == 0) {
                let Some(value) = row.value(at) else { continue };
                let before = replace(slot, value.hash);
                // A row of the stream leaves out what is not there yet, such as the average price.
                is_new |= if before == 0 { !value.is_nothing } else { before != value.hash };
            }
            is_new
        })
    }
}

/// The value of a member.
struct Value {
    hash: u32,
    /// It is zero, blank or no value.
    is_nothing: bool,
}

/// The [`MEMBERS`] of an order. Of a key that occurs twice the first value counts, as in every
/// accessor, and a row that is no [`Order`](crate::message::Order) is none here.
struct OrderRow<'a>(RowView<'a, { MEMBERS.len() }>);

impl<'a> OrderRow<'a> {
    fn next_of(elements: &mut Elements<'a>) -> Option<Result<Self, RowError>> {
        let mut row = Self(RowView::EMPTY);
        Some(row.0.fill(elements, &SLOTS)?.map(|()| row))
    }

    fn order_id(&self) -> Option<i64> {
        self.0.read(ORDER_ID.into(), "orderId").ok().flatten()
    }

    /// Returns a decisive member.
    fn value(&self, at: usize) -> Option<Value> {
        self.0.get(at).map(value_of)
    }
}

/// Reads a value. A number is the same however it is written, `"1.50"` or `1.5`, because the stream
/// and REST may differ in that (docs/protocol.md §7.10).
fn value_of(json: Json<'_>) -> Value {
    let text = json.scalar().unwrap_or_default();
    let is_number = text.bytes().next().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'-' | b'.'));
    match text.parse::<f64>() {
        // Both zeros are one number.
        Ok(number) if is_number => Value { hash: short((number + 0.0).to_bits()), is_nothing: number == 0.0 },
        _ => Value { hash: short(hash(&text)), is_nothing: text.is_empty() },
    }
}

/// Returns the identity of an execution: its id, or the whole row if that has none.
fn identity(row: &Execution<'_>) -> u64 {
    match row.execution_id() {
        Ok(Some(id)) if !id.is_empty() => hash(&id),
        _ => hash(row.json().text()),
    }
}

/// The same text has the same hash on every machine and in every run (FNV-1a with a last mixing).
fn hash(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    finish(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
}

/// Half of a hash, never 0.
fn short(hash: u64) -> u32 {
    let [_, _, _, _, upper @ ..] = finish(hash).to_le_bytes();
    u32::from_le_bytes(upper).max(1)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use bytes::Bytes;

    use super::*;
    use crate::rest::RestSnapshot;

    fn note(delivered: &mut Delivered, topic: &str, rows: &str) {
        let text = format!(r#"{{"topic":"{topic}","args":[{rows}]}}"#);
        delivered.note(&Frame::decode(Bytes::from(text)).unwrap());
    }

    fn take_in(delivered: &mut Delivered, orders: &str, trades: &str) -> (Vec<usize>, Vec<usize>) {
        let orders = format!(r#"{{"orders":[{orders}],"snapshot":true}}"#);
        let snapshot = RestSnapshot { orders: orders.into(), executions: Some(format!("[{trades}]").into()) };
        delivered.take_in(&snapshot.read().unwrap())
    }

    #[test]
    fn a_row_is_new_if_a_member_differs_from_what_was_delivered_last() {
        let mut delivered = Delivered::default();
        note(&mut delivered, "sor", r#"{"orderId":1,"status":"Submitted","price":"1.50","filledQuantity":0.0}"#);
        note(&mut delivered, "sor", r#"{"orderId":2,"status":"Submitted"},{"orderId":3,"status":"Submitted"}"#);
        delivered.mark();
        let rows = r#"{"orderId":1,"status":"Submitted","price":1.5,"filledQuantity":0,"avgPrice":"0.00","side":"BUY"},
            {"orderId":2,"status":"Filled"},{"orderId":3,"price":"2"},{"orderId":4},{"orderId":4},7,{"status":"Filled"}"#;
        assert_eq!(take_in(&mut delivered, rows, "").0, [1, 2, 3]);
        assert_eq!(take_in(&mut delivered, rows, "").0, [0_usize; 0], "once");
    }

    #[test]
    fn a_member_that_the_stream_has_set_since_the_mark_does_not_count() {
        let mut delivered = Delivered::default();
        note(&mut delivered, "sor", r#"{"orderId":1,"status":"Submitted","price":"1"}"#);
        delivered.mark();
        note(&mut delivered, "sor", r#"{"orderId":1,"status":"Filled"}"#);
        assert_eq!(take_in(&mut delivered, r#"{"orderId":1,"status":"Submitted","price":"1"}"#, "").0, [0_usize; 0]);
        assert_eq!(take_in(&mut delivered, r#"{"orderId":1,"status":"Submitted","price":"2"}"#, "").0, [0]);
        delivered.mark();
        assert_eq!(take_in(&mut delivered, r#"{"orderId":1,"status":"Cancelled"}"#, "").0, [0]);
    }

    #[test]
    fn an_execution_is_new_once_whoever_delivered_it() {
        let mut delivered = Delivered::default();
        note(&mut delivered, "str", r#"{"execution_id":"a"},{"execution_id":"a","commission":"1"}"#);
        let rows = r#"{"execution_id":"a"},{"execution_id":"b"},{"execution_id":"b"},{"size":1},{"size":2}"#;
        assert_eq!(take_in(&mut delivered, "", rows).1, [1, 3, 4]);
        assert_eq!(take_in(&mut delivered, "", rows).1, [0_usize; 0]);
        note(&mut delivered, "str", r#"{"execution_id":"c"}"#);
        assert_eq!(take_in(&mut delivered, "", r#"{"execution_id":"c"}"#).1, [0_usize; 0]);
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_counted() {
        let mut delivered = Delivered::default();
        let order = |id: usize| format!(r#"{{"orderId":{id},"status":"Submitted"}}"#);
        for id in 0..2 * ORDERS {
            note(&mut delivered, "sor", &order(id));
        }
        assert_eq!(delivered.forgotten(), 0);
        note(&mut delivered, "sor", &order(2 * ORDERS));
        assert_eq!(delivered.forgotten(), ORDERS as u64);
        assert_eq!(take_in(&mut delivered, &order(ORDERS), "").0, [0_usize; 0]);
        assert_eq!(take_in(&mut delivered, &order(0), "").0, [0], "it is not known any more");
    }
}
