//! What the stream of orders lost in a gap, as a REST snapshot shows it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem::size_of;

use crate::frame::Json;
use crate::key::SubscriptionKey;
use crate::message::{Execution, Order, Row, Rows};
use crate::rest::{OrdersReply, SnapshotReplies, TradesReply};
use crate::time::Instant;

/// What the stream of orders lost in a gap, and what existed before the stream began.
///
/// The machine emits it once the REST handler has replied with a
/// [`RestReply::Snapshot`](crate::rest::RestReply::Snapshot): after each
/// [`Resumed`](crate::Resumed) of `or`, and after the first subscribe, because the stream begins
/// without the present orders (docs/protocol.md §3.4).
///
/// It lists each change and each execution once. The gateway repeats executions on `tr`, so one
/// that is listed here may come there as well, with the same
/// [`execution_id`](crate::message::Execution::execution_id).
///
/// [`OrderBook::apply_event`](crate::fold::OrderBook::apply_event) and
/// [`Executions::apply_event`](crate::fold::Executions::apply_event) take it in without undoing
/// what the stream has sent since [`Resumed`](crate::Resumed).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaughtUp {
    /// The subscription of the stream.
    pub key: SubscriptionKey,
    /// Since when changes were missing: the start of the earliest gap that this makes up for, or
    /// the moment of the first subscribe.
    pub since: Instant,
    /// When the snapshot was taken in.
    pub at: Instant,
    /// Number of earlier ones that a queue merged into this one, because its consumer was slow. If
    /// it is not 0, `tr` may have delivered an execution of an earlier one meanwhile.
    pub merged: u64,
    /// Number of orders and executions that the machine no longer remembers, because there were
    /// more than it remembers: at least the latest 2,000 orders and 10,000 executions. If it is not
    /// 0, a change or an execution may be listed again.
    pub forgotten: u64,
    found: Arc<Found>,
}

/// What a snapshot holds, and which of it is new.
#[derive(Clone, PartialEq, Eq)]
struct Found {
    replies: SnapshotReplies,
    /// The places of the changed rows among those of the snapshot, ascending.
    orders: Vec<usize>,
    /// The same for the executions.
    executions: Vec<usize>,
    /// Changed rows of snapshots that were merged, which the snapshot does not list: a JSON array,
    /// or nothing.
    earlier_orders: String,
    /// The same for the executions.
    earlier_executions: String,
}

impl CaughtUp {
    pub(crate) fn new(
        key: SubscriptionKey,
        (since, at): (Instant, Instant),
        forgotten: u64,
        replies: SnapshotReplies,
        (orders, executions): (Vec<usize>, Vec<usize>),
    ) -> Self {
        let (earlier_orders, earlier_executions) = (String::new(), String::new());
        let found = Arc::new(Found { replies, orders, executions, earlier_orders, earlier_executions });
        Self { key, since, at, merged: 0, forgotten, found }
    }

    /// Returns the orders that changed in the gap, each once, as rows of the snapshot.
    ///
    /// An order has changed if the stream never had a row of it, or if its state, a quantity, a
    /// price or its type differs from what was delivered last. A member that the stream has sent
    /// since the gap is newer than the snapshot and does not count. An order that the snapshot no
    /// longer lists has ended in an unknown way and is not among them; see
    /// [`OrderBook::is_unlisted`](crate::fold::OrderBook::is_unlisted).
    pub fn orders(&self) -> impl Iterator<Item = Order<'_>> {
        let Found { replies, orders, earlier_orders, .. } = &*self.found;
        picked(replies.orders.rows(), orders).chain(rows_of(earlier_orders))
    }

    /// Returns the executions that neither the stream of executions nor an earlier `CaughtUp`
    /// delivered since orders were subscribed to, each once. Without a subscription to `tr` these
    /// are all since the `CaughtUp` before; the first one lists those of the days that the REST
    /// handler requested. Empty if the handler requests none.
    pub fn executions(&self) -> impl Iterator<Item = Execution<'_>> {
        let Found { replies, executions, earlier_executions, .. } = &*self.found;
        let rows = replies.trades.as_ref().map(TradesReply::rows);
        rows.into_iter().flat_map(|rows| picked(rows, executions)).chain(rows_of(earlier_executions))
    }

    /// Returns the whole reply with the orders.
    #[must_use]
    pub fn snapshot(&self) -> &OrdersReply<'static> {
        &self.found.replies.orders
    }

    /// Returns the whole reply with the executions; `None` if the REST handler requests none.
    #[must_use]
    pub fn trades(&self) -> Option<&TradesReply<'static>> {
        self.found.replies.trades.as_ref()
    }

    /// Returns the changed orders of merged snapshots that [`snapshot`](Self::snapshot) does not
    /// list.
    pub(crate) fn earlier_orders(&self) -> Rows<'_, Order<'_>> {
        Rows::of(Some(Json(&self.found.earlier_orders)))
    }

    /// Returns the bytes that its texts and lists hold.
    pub(crate) fn held_bytes(&self) -> usize {
        let Found { replies, orders, executions, earlier_orders, earlier_executions } = &*self.found;
        let bodies =
            replies.orders.json().text().len() + replies.trades.as_ref().map_or(0, |rows| rows.json().text().len());
        let places = (orders.capacity() + executions.capacity()) * size_of::<usize>();
        size_of::<Found>() + bodies + places + earlier_orders.capacity() + earlier_executions.capacity()
    }

    /// Merges an earlier one into this one: what that lists, this lists as well, by its own row of
    /// it if it has one.
    pub(crate) fn absorb(&mut self, earlier: &Self) {
        let found = Arc::make_mut(&mut self.found);
        let Found { replies, orders, executions, earlier_orders, earlier_executions } = found;
        let places = places(replies.orders.rows(), |row| row.order_id().ok().flatten());
        absorb(earlier.orders(), |row| row.order_id().ok().flatten(), &places, orders, earlier_orders);
        let id = |row: &Execution<'_>| row.execution_id().ok().flatten().map(|id| Box::<str>::from(&*id));
        let places = places_of_trades(replies.trades.as_ref(), id);
        absorb(earlier.executions(), id, &places, executions, earlier_executions);
        self.since = self.since.min(earlier.since);
        self.merged = self.merged.saturating_add(earlier.merged).saturating_add(1);
    }
}

/// Returns the rows at these places, which are ascending.
fn picked<'a, R: Row<'a> + 'a>(rows: Rows<'a, R>, places: &'a [usize]) -> impl Iterator<Item = R> + 'a {
    let mut places = places.iter().copied().peekable();
    rows.enumerate().filter_map(move |(at, row)| places.next_if_eq(&at).and(row.ok()))
}

fn rows_of<'a, R: Row<'a> + 'a>(array: &'a str) -> impl Iterator<Item = R> + 'a {
    Rows::<R>::of(Some(Json(array))).filter_map(Result::ok)
}

/// Returns the place of the first row with each id.
fn places<'a, R: Row<'a>, I: Ord>(rows: Rows<'a, R>, id: impl Fn(&R) -> Option<I>) -> BTreeMap<I, usize> {
    let mut places = BTreeMap::new();
    for (at, row) in rows.enumerate() {
        if let Some(id) = row.ok().and_then(|row| id(&row)) {
            places.entry(id).or_insert(at);
        }
    }
    places
}

fn places_of_trades<'a>(
    trades: Option<&'a TradesReply<'static>>,
    id: impl Fn(&Execution<'a>) -> Option<Box<str>>,
) -> BTreeMap<Box<str>, usize> {
    trades.map_or_else(BTreeMap::new, |trades| places(trades.rows(), id))
}

/// Adds rows to those that are picked, or to the text of those that have no place.
fn absorb<'a, R: Row<'a>, I: Ord>(
    rows: impl Iterator<Item = R>,
    id: impl Fn(&R) -> Option<I>,
    places: &BTreeMap<I, usize>,
    picked: &mut Vec<usize>,
    earlier: &mut String,
) {
    let mut all: BTreeSet<usize> = picked.iter().copied().collect();
    for row in rows {
        match id(&row).and_then(|id| places.get(&id)) {
            Some(place) => drop(all.insert(*place)),
            None => {
                earlier.truncate(earlier.len().saturating_sub(1));
                earlier.push(if earlier.is_empty() { '[' } else { ',' });
                earlier.push_str(row.json().text());
                earlier.push(']');
            }
        }
    }
    *picked = all.into_iter().collect();
}

/// Shows numbers only: the rows hold accounts.
impl fmt::Debug for CaughtUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaughtUp")
            .field("key", &self.key)
            .field("since", &self.since)
            .field("at", &self.at)
            .field("merged", &self.merged)
            .field("forgotten", &self.forgotten)
            .field("orders", &self.orders().count())
            .field("executions", &self.executions().count())
            .finish()
    }
}

/// An attempt to make up for a gap of the orders did not succeed: what was lost is still unknown.
/// Emitted after each such attempt, until [`CaughtUp`] follows or the next gap begins.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CatchUpPending {
    /// The subscription of the stream.
    pub key: SubscriptionKey,
    /// Since when changes are missing.
    pub since: Instant,
    /// When the attempt ended.
    pub at: Instant,
    /// Why it did not succeed.
    pub why: CatchUpReason,
    /// When the next attempt starts, as in
    /// [`RestReport::next_try`](crate::rest::RestReport::next_try); `None` without a REST handler.
    pub next_try: Option<Instant>,
}

/// Why an attempt to make up for a gap did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CatchUpReason {
    /// There is no REST handler. Reported once on each connection.
    NoHandler,
    /// The REST handler failed for this reason, or a body that it returned cannot be read.
    Failed(Box<str>),
    /// The gateway's list of orders is not complete yet.
    Incomplete,
    /// No result arrived within [`Config::rest_timeout`](crate::Config::rest_timeout).
    TimedOut,
}

impl fmt::Display for CatchUpReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHandler => "there is no REST handler",
            Self::Failed(reason) => reason,
            Self::Incomplete => "the gateway's list of orders is not complete yet",
            Self::TimedOut => "the REST handler did not reply in time",
        })
    }
}
