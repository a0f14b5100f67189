//! Tables of rows by key, and the state of the session (docs/protocol.md §3.3, §3.4, §3.6, §3.7,
//! §4.3).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::filed::{Filed, Source};
use super::filing::Filing;
use super::merged::Merged;
use super::reconcile::{Mark, Reconciled};
use crate::connect::ConnId;
use crate::event::Event;
use crate::frame::RowError;
use crate::key::Key;
use crate::mask::Masked;
use crate::message::{
    Body, Execution, Ladder, LadderRow, Ledger, LedgerRow, Order, OrderStatus, Orders, Row, SessionState, Status,
    Summary, SummaryRow, Trades,
};

/// Rows by key, up to a limit.
#[derive(Clone)]
struct Table<K> {
    rows: BTreeMap<K, Filed>,
    limit: usize,
    refused: u64,
    /// The number of marks taken, which is the number of the next one.
    marks: u64,
    /// The first mark that was taken since the table was cleared.
    first_mark: u64,
    /// The latest mark of a complete snapshot.
    complete: Option<u64>,
    /// The mark of the last event that requires one.
    event_mark: Option<Mark>,
}

/// Writes keys and rows with accounts and sessions masked, because `Debug` output reaches logs.
impl<K: fmt::Debug> fmt::Debug for Table<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows.iter().map(|(key, row)| (format!("{key:?}"), row));
        f.debug_map().entries(rows.map(|(key, row)| (Written(key), row))).finish()
    }
}

/// Writes a text masked and without quotes of its own.
struct Written(String);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Masked(&self.0), f)
    }
}

impl<K: Ord + Clone> Table<K> {
    fn new(limit: usize) -> Self {
        let (refused, marks, first_mark) = (0, 0, 0);
        Self { rows: BTreeMap::new(), limit, refused, marks, first_mark, complete: None, event_mark: None }
    }

    fn refuse(&mut self) -> bool {
        self.refused = self.refused.saturating_add(1);
        false
    }

    /// Files a row: merges it with the row of its key, or replaces that.
    fn file<'a, R: Filing<'a>>(&mut self, key: K, row: &R, source: Source) -> bool {
        let room = self.rows.len() < self.limit;
        match self.rows.get_mut(&key) {
            Some(filed) if !row.replaces() => {
                return filed.merge(row.json(), source, R::keeps_known) || self.refuse();
            }
            None if !room => return self.refuse(),
            _ => {}
        }
        let Some(mut filed) = Filed::new(row.json(), source, R::keeps_known) else { return self.refuse() };
        if let (Source::Snapshot(mark), Some(complete)) = (source, self.complete)
            && complete > mark
        {
            // A later snapshot, which is complete, did not list it.
            filed.unlist(complete);
        }
        self.rows.insert(key, filed);
        true
    }

    fn mark(&mut self) -> Mark {
        let mark = Mark(self.marks);
        self.marks = self.marks.saturating_add(1);
        mark
    }

    /// Returns the mark for the next snapshot: it is taken before the first event, and again when
    /// the stream of orders resumes, because the snapshot is requested after that.
    fn mark_by(&mut self, event: &Event) -> Mark {
        let resumes = matches!(event, Event::Resumed(resumed) if resumed.key.key() == Key::Orders);
        match self.event_mark {
            Some(mark) if !resumes => mark,
            _ => {
                let mark = self.mark();
                self.event_mark = Some(mark);
                mark
            }
        }
    }

    /// Files the rows of a snapshot. Returns what it changed, and the keys that it lists if all of
    /// its rows have one.
    fn reconcile<'a, R: Filing<'a, Key = K>>(
        &mut self,
        mark: Mark,
        rows: impl IntoIterator<Item = Result<R, RowError>>,
    ) -> (Reconciled, Option<BTreeSet<K>>) {
        let mut changed = Reconciled::default();
        if mark.0 < self.first_mark {
            return (changed, None);
        }
        let mut listed = Some(BTreeSet::new());
        for row in rows {
            let key = row.as_ref().ok().and_then(Filing::filed_under);
            let filed = match (&row, key) {
                (Ok(row), Some(key)) => {
                    if let Some(listed) = &mut listed {
                        listed.insert(key.clone());
                    }
                    self.file(key, row, Source::Snapshot(mark.0))
                }
                _ => {
                    listed = None;
                    self.refuse()
                }
            };
            changed.filed += usize::from(filed);
            changed.refused += usize::from(!filed);
        }
        (changed, listed)
    }

    /// Notes which rows a complete snapshot does not list. Returns their number.
    fn unlist(&mut self, mark: Mark, listed: &BTreeSet<K>) -> usize {
        self.complete = self.complete.max(Some(mark.0));
        self.rows
            .iter_mut()
            .filter(|(key, _)| !listed.contains(key))
            .filter_map(|(_, row)| row.unlist(mark.0).then_some(()))
            .count()
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.first_mark = self.marks;
        self.complete = None;
        self.event_mark = None;
    }
}

/// Declares a table with the type of its key, its rows and its default limit.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident, $key:ty, $borrowed:ty, $body:ident, $row:ident, $limit:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name(Table<$key>);

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $name {
            #[doc = concat!("Returns an empty table for ", stringify!($limit), " rows.")]
            #[must_use]
            pub fn new() -> Self {
                Self::with_limit($limit)
            }

            /// Returns an empty table for `limit` rows.
            #[must_use]
            pub fn with_limit(limit: usize) -> Self {
                Self(Table::new(limit))
            }

            /// Folds the rows of a frame and returns how many were filed.
            pub fn apply(&mut self, message: &$body<'_>) -> usize {
                let filed = |row: &Result<$row<'_>, RowError>| match row {
                    Ok(row) => self.row(row),
                    Err(_) => self.0.refuse(),
                };
                message.rows().filter(filed).count()
            }

            /// Folds a row. Returns `false` if it has no readable key or there is no room.
            pub fn row(&mut self, row: &$row<'_>) -> bool {
                let Some(key) = row.filed_under() else { return self.0.refuse() };
                self.0.file(key, row, Source::Stream(self.0.marks))
            }

            /// Returns the row of a key as a typed one.
            #[must_use]
            pub fn get(&self, key: &$borrowed) -> Option<$row<'_>> {
                self.0.rows.get(key).and_then(|filed| filed.row.row().ok())
            }

            /// Returns all rows by ascending key.
            pub fn rows(&self) -> impl Iterator<Item = (&$key, &Merged)> {
                self.0.rows.iter().map(|(key, filed)| (key, &filed.row))
            }

            /// Returns the number of rows.
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.rows.len()
            }

            /// Returns `true` if the table has no rows.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.rows.is_empty()
            }

            /// Returns the number of rows that were not filed: bad rows, rows without a key, and
            /// rows without room.
            #[must_use]
            pub fn refused(&self) -> u64 {
                self.0.refused
            }

            /// Removes all rows.
            pub fn clear(&mut self) {
                self.0.clear();
            }
        }
    };
}

table! {
    /// The user's own orders by `orderId` (docs/protocol.md §3.4).
    ///
    /// Every row is merged with what is known, a full row too: a second full row may lack a key
    /// that the first one had.
    ///
    /// The stream has no snapshot. Orders from before it began, and changes during a gap, are known
    /// to REST only. [`mark`](Self::mark) and [`reconcile`](Self::reconcile) take such a snapshot
    /// in without undoing what the stream has sent since:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use ibws_proto::fold::{OrderBook, OrdersReply};
    /// use ibws_proto::message::OrderStatus;
    /// use ibws_proto::{Body, Frame};
    ///
    /// let mut book = OrderBook::new();
    /// // When the task that feeds the book has read `Event::Resumed`, before the request:
    /// let mark = book.mark();
    /// // While `GET /iserver/account/orders` is pending, the stream goes on:
    /// let row = br#"{"topic":"sor","args":[{"orderId":7,"status":"Filled"}]}"#;
    /// let frame = Frame::decode(Bytes::from_static(row)).unwrap();
    /// let Body::Orders(orders) = frame.body() else { panic!() };
    /// book.apply(&orders);
    /// // The reply is older than that row:
    /// let body =
    ///     br#"{"orders":[{"orderId":7,"status":"Submitted","side":"BUY"}],"snapshot":true}"#;
    /// let reply = OrdersReply::parse(body).unwrap();
    /// book.reconcile(mark, reply.rows(), reply.is_snapshot());
    /// let order = book.get(&7).unwrap();
    /// assert_eq!(order.status(), Ok(Some(OrderStatus::Filled)), "the stream is newer");
    /// assert!(order.side().unwrap().is_some(), "the snapshot adds what the stream did not send");
    /// ```
    OrderBook, i64, i64, Orders, Order, 10_000
}

table! {
    /// Executions by `execution_id` (docs/protocol.md §3.6).
    ///
    /// The gateway sends several copies of each, with and without the commission, in no certain
    /// order. A copy in which a known key is absent, `null` or `""` does not erase it. A snapshot
    /// of REST is taken in by [`mark`](Self::mark) and [`reconcile`](Self::reconcile), and erases
    /// nothing either.
    Executions, Box<str>, str, Trades, Execution, 100_000
}

table! {
    /// Values of one account by `key` (docs/protocol.md §3.7). Each row replaces the one with its
    /// key.
    SummaryTable, Box<str>, str, Summary, SummaryRow, 1_024
}

table! {
    /// Balances of one account by `key` (docs/protocol.md §3.7). A row is merged, so that the blank
    /// row of a currency without a change does not erase its balances.
    LedgerTable, Box<str>, str, Ledger, LedgerRow, 1_024
}

table! {
    /// Rows of one ladder by number (docs/protocol.md §3.3). Each row replaces the one with its
    /// number.
    LadderBook, i64, i64, Ladder, LadderRow, 4_096
}

impl OrderBook {
    /// Applies an event of the stream of orders. A message of orders is folded, and
    /// [`CaughtUp`](crate::CaughtUp) is reconciled with the mark that was taken when the stream
    /// began or resumed. Other events change nothing. Returns whether the event concerns orders.
    ///
    /// Give it every event of the subscription, in order, from a stream that was opened before the
    /// subscribe; then the book becomes what the gateway lists, and an order that the stream never
    /// mentioned is in it as well. No other call of [`mark`](Self::mark) is needed.
    ///
    /// ```
    /// use ibws_proto::fold::OrderBook;
    /// use ibws_proto::{Event, Item};
    ///
    /// fn on_item(book: &mut OrderBook, item: &Item) {
    ///     match item {
    ///         Item::Event(event) => {
    ///             book.apply_event(event);
    ///             if let Event::CaughtUp(caught_up) = event {
    ///                 let changed = caught_up.orders().count();
    ///                 println!("{changed} orders changed in the gap");
    ///             }
    ///         }
    ///         Item::Lost(lost) => println!("{lost:?}"),
    ///     }
    /// }
    /// # on_item(&mut OrderBook::new(), &Item::Event(Event::Competing(true)));
    /// ```
    pub fn apply_event(&mut self, event: &Event) -> bool {
        let mark = self.0.mark_by(event);
        match event {
            Event::Message(message) => match message.frame.body() {
                Body::Orders(orders) => {
                    self.apply(&orders);
                    true
                }
                _ => false,
            },
            Event::CaughtUp(caught_up) => {
                // These rows may be older than what the table has of an order.
                let is_unknown = |row: &Order<'_>| row.filed_under().is_some_and(|order| self.get(&order).is_none());
                let earlier: Vec<_> = caught_up.earlier_orders().flatten().filter(is_unknown).collect();
                self.reconcile(mark, earlier.into_iter().map(Ok), false);
                self.reconcile(mark, caught_up.snapshot().rows(), caught_up.snapshot().is_snapshot());
                true
            }
            Event::Resumed(resumed) => resumed.key.key() == Key::Orders,
            _ => false,
        }
    }

    /// Returns a mark for [`reconcile`](Self::reconcile). Take it before the request for the
    /// snapshot is made, and when every row from before the gap is folded.
    pub fn mark(&mut self) -> Mark {
        self.0.mark()
    }

    /// Takes in the rows of `GET /iserver/account/orders`, which was called after `mark`.
    ///
    /// Of each order, a member that the stream has set since the mark stays, and so does one from a
    /// snapshot with a later mark. All others become those of the snapshot. A member that the
    /// snapshot lacks stays, because the rows of REST are not known to be whole. So a snapshot that
    /// comes late, twice or after a later one does no harm. A mark from before
    /// [`clear`](Self::clear) changes nothing.
    ///
    /// Set `complete` only for a reply with `snapshot:true` to a call without `filters` and without
    /// `force=true`; the reply to a forced call is empty. Then an order that the rows do not list
    /// is [unlisted](Self::is_unlisted), unless the stream had a row of it since the mark. If a row
    /// cannot be read, no order becomes unlisted, because that row may be about it.
    pub fn reconcile<'a>(
        &mut self,
        mark: Mark,
        rows: impl IntoIterator<Item = Result<Order<'a>, RowError>>,
        complete: bool,
    ) -> Reconciled {
        let (mut changed, listed) = self.0.reconcile(mark, rows);
        if let Some(listed) = listed.filter(|_| complete) {
            changed.unlisted = self.0.unlist(mark, &listed);
        }
        changed
    }

    /// Returns `true` for an order that has ended in an unknown way: a complete snapshot no longer
    /// listed it, and its status is neither `Filled` nor `Cancelled`. The order stays in the table.
    /// A later row of it, or a later snapshot that lists it, ends this.
    #[must_use]
    pub fn is_unlisted(&self, order: &i64) -> bool {
        let ended = |status| matches!(status, Ok(Some(OrderStatus::Filled | OrderStatus::Cancelled)));
        self.0.rows.get(order).is_some_and(Filed::is_unlisted)
            && !self.get(order).is_some_and(|row| ended(row.status()))
    }
}

impl Executions {
    /// Applies an event of the streams of orders and executions. A message of executions is folded,
    /// and the executions of [`CaughtUp`](crate::CaughtUp) are reconciled with the mark that was
    /// taken when the stream of orders began or resumed. Other events change nothing. Returns
    /// whether the event concerns executions.
    ///
    /// Give it every event of the subscriptions to `or` and `tr`, in order. No other call of
    /// [`mark`](Self::mark) is needed.
    pub fn apply_event(&mut self, event: &Event) -> bool {
        let mark = self.0.mark_by(event);
        match event {
            Event::Message(message) => match message.frame.body() {
                Body::Trades(trades) => {
                    self.apply(&trades);
                    true
                }
                _ => false,
            },
            Event::CaughtUp(caught_up) => {
                self.reconcile(mark, caught_up.executions().map(Ok));
                if let Some(trades) = caught_up.trades() {
                    self.reconcile(mark, trades.rows());
                }
                true
            }
            _ => false,
        }
    }

    /// Returns a mark for [`reconcile`](Self::reconcile). Take it before the request for the
    /// snapshot is made, and when every row from before the gap is folded.
    pub fn mark(&mut self) -> Mark {
        self.0.mark()
    }

    /// Takes in the rows of `GET /iserver/account/trades`, which was called after `mark`.
    ///
    /// Of each execution, a member that the stream has set since the mark stays, and so does one
    /// from a snapshot with a later mark. All others become those of the snapshot. A member that
    /// the snapshot lacks, or has as `null` or `""`, stays. An execution that the snapshot does not
    /// list stays, because a call returns those of some days only. A mark from before
    /// [`clear`](Self::clear) changes nothing.
    pub fn reconcile<'a>(
        &mut self,
        mark: Mark,
        rows: impl IntoIterator<Item = Result<Execution<'a>, RowError>>,
    ) -> Reconciled {
        self.0.reconcile(mark, rows).0
    }
}

/// The state of the session, merged from frames of which some have a single key (docs/protocol.md
/// §4.3). It never spans connections.
#[derive(Clone, Debug, Default)]
pub struct StatusFold {
    conn: Option<ConnId>,
    state: Option<Merged>,
    refused: u64,
}

impl StatusFold {
    /// Returns the state of a session without a frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds a frame. Returns `false` if it is of an older connection or its `args` are not an
    /// object; then nothing changes. A frame of a newer connection clears the state first.
    pub fn apply(&mut self, conn: ConnId, status: &Status<'_>) -> bool {
        if self.conn.is_some_and(|current| conn < current) {
            return false;
        }
        if self.conn.replace(conn) != Some(conn) {
            self.state = None;
        }
        let filed = match (status.args(), &mut self.state) {
            (Ok(state), Some(merged)) => merged.merge(state.json(), |_| false),
            (Ok(state), none) => {
                *none = Merged::new(state.json());
                none.is_some()
            }
            (Err(_), _) => false,
        };
        self.refused = self.refused.saturating_add(u64::from(!filed));
        filed
    }

    /// Returns the merged state; `None` before the first frame.
    #[must_use]
    pub fn state(&self) -> Option<SessionState<'_>> {
        self.state.as_ref()?.row().ok()
    }

    /// Returns the number of frames that were not folded.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
