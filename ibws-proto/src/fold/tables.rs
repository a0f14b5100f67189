//! Tables of rows by key, and the state of the session (docs/protocol.md §3.3, §3.4, §3.6, §3.7,
//! §4.3).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::filed::{Filed, Source};
use super::filing::Filing;
use super::merged::Merged;
use super::reconcile::{Mark, Reconciled};
use super::table::{Table, TableIter};
use crate::connect::ConnId;
use crate::event::Event;
use crate::frame::RowError;
use crate::key::Key;
use crate::message::{
    Body, Execution, Ladder, LadderRow, Ledger, LedgerRow, Order, Orders, Row, SessionState, Status, Summary,
    SummaryRow, Trades,
};

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

            /// Returns all rows as typed ones, by ascending key.
            pub fn iter(&self) -> TableIter<'_, $key, $row<'_>> {
                TableIter::new(&self.0)
            }

            /// Returns all rows as JSON with their keys, by ascending key.
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

        impl<'a> IntoIterator for &'a $name {
            type Item = $row<'a>;
            type IntoIter = TableIter<'a, $key, $row<'a>>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
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
    ///
    /// ```
    /// use ibws_proto::{Body, Frame, fold::Executions};
    ///
    /// let text = r#"{"topic":"str","args":[{"execution_id":"a.1","size":3.0,"price":"181.90"},
    ///     {"execution_id":"a.1","commission":"1.02"}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Trades(trades) = frame.body() else { panic!() };
    /// let mut executions = Executions::new();
    /// executions.apply(&trades);
    /// assert_eq!(executions.len(), 1, "two copies of one execution");
    /// for execution in &executions {
    ///     assert_eq!(execution.price().unwrap().unwrap().to_f64(), Some(181.9));
    ///     assert_eq!(execution.commission().unwrap().unwrap().to_f64(), Some(1.02));
    /// }
    /// ```
    Executions, Box<str>, str, Trades, Execution, 100_000
}

table! {
    /// Values of one account by `key` (docs/protocol.md §3.7). Each row replaces the one with its
    /// key.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame, fold::SummaryTable};
    ///
    /// let text = r#"{"topic":"ssd+DU1234567","result":[
    ///     {"key":"ExcessLiquidity-S","currency":"USD","monetaryValue":240100.5}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Summary(summary) = frame.body() else { panic!() };
    /// let mut table = SummaryTable::new();
    /// table.apply(&summary);
    /// let liquidity = table.get("ExcessLiquidity-S").unwrap();
    /// assert_eq!(liquidity.monetary_value().unwrap().unwrap().to_f64(), Some(240_100.5));
    /// ```
    SummaryTable, Box<str>, str, Summary, SummaryRow, 1_024
}

table! {
    /// Balances of one account by `key` (docs/protocol.md §3.7). A row is merged, so that the blank
    /// row of a currency without a change does not erase its balances.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame, fold::LedgerTable};
    ///
    /// let text = r#"{"topic":"sld+DU1234567","result":[{"key":"LedgerListUSD","secondKey":"USD",
    ///     "settledCash":1520.25}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Ledger(ledger) = frame.body() else { panic!() };
    /// let mut table = LedgerTable::new();
    /// table.apply(&ledger);
    /// for row in &table {
    ///     assert_eq!(row.second_key().unwrap().unwrap(), "USD");
    ///     assert_eq!(row.settled_cash().unwrap().unwrap().text(), "1520.25");
    /// }
    /// ```
    LedgerTable, Box<str>, str, Ledger, LedgerRow, 1_024
}

table! {
    /// Rows of one ladder by number (docs/protocol.md §3.3). Each row replaces the one with its
    /// number.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame, fold::LadderBook};
    ///
    /// let text = r#"{"topic":"sbd+DU1234567+265598","data":[{"row":1,"price":"5 @ 182.46"},
    ///     {"row":0,"price":"182.47","ask":"300"}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Ladder(ladder) = frame.body() else { panic!() };
    /// let mut book = LadderBook::new();
    /// book.apply(&ladder);
    /// let prices = book.iter().map(|row| row.price_number().unwrap().unwrap().to_f64());
    /// assert_eq!(prices.collect::<Vec<_>>(), [Some(182.47), Some(182.46)]);
    /// ```
    LadderBook, i64, i64, Ladder, LadderRow, 4_096
}

impl OrderBook {
    /// Returns the orders that may still be filled, by ascending number: those whose state is
    /// [open](crate::message::OrderStatus::is_open), without the [unlisted](Self::is_unlisted)
    /// ones.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame, fold::OrderBook};
    ///
    /// let text = r#"{"topic":"sor","args":[{"orderId":7,"status":"Submitted","side":"BUY"},
    ///     {"orderId":8,"status":"Filled"}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Orders(orders) = frame.body() else { panic!() };
    /// let mut book = OrderBook::new();
    /// book.apply(&orders);
    /// for order in &book {
    ///     println!("{:?} {:?}", order.order_id(), order.status());
    /// }
    /// let open: Vec<_> = book.open_orders().map(|order| order.order_id()).collect();
    /// assert_eq!(open, [Ok(Some(7))]);
    /// ```
    pub fn open_orders(&self) -> impl Iterator<Item = Order<'_>> {
        let is_open = |order: &Order<'_>| order.status().ok().flatten().is_some_and(|state| state.is_open());
        let is_listed = |order: &Order<'_>| order.filed_under().is_some_and(|number| !self.is_unlisted(&number));
        self.iter().filter(move |order| is_open(order) && is_listed(order))
    }

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
        let is_done = |row: Order<'_>| row.status().ok().flatten().is_some_and(|state| state.is_done());
        self.0.rows.get(order).is_some_and(Filed::is_unlisted) && !self.get(order).is_some_and(is_done)
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
///
/// ```
/// use ibws_proto::{Body, ConnId, Frame, fold::StatusFold};
///
/// let mut fold = StatusFold::new();
/// for args in [r#"{"authenticated":true,"competing":false}"#, r#"{"competing":true}"#] {
///     let frame = Frame::decode(format!(r#"{{"topic":"sts","args":{args}}}"#).into()).unwrap();
///     let Body::Status(status) = frame.body() else { panic!() };
///     fold.apply(ConnId(1), &status);
/// }
/// let state = fold.state().unwrap();
/// assert_eq!(state.authenticated(), Ok(Some(true)), "unchanged by the second frame");
/// assert_eq!(state.competing(), Ok(Some(true)));
/// ```
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
