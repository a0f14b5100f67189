//! Tables of rows by key, and the state of the session (docs/protocol.md §3.3, §3.4, §3.6, §3.7,
//! §4.3).

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use super::filing::Filing;
use super::merged::Merged;
use crate::connect::ConnId;
use crate::frame::{Json, RowError};
use crate::message::{
    Execution, Ladder, LadderRow, Ledger, LedgerRow, Order, Orders, Row, SessionState, Status, Summary, SummaryRow,
    Trades,
};

/// Rows by key, up to a limit.
#[derive(Clone, Debug)]
struct Table<K> {
    rows: BTreeMap<K, Merged>,
    limit: usize,
    refused: u64,
}

impl<K: Ord> Table<K> {
    fn new(limit: usize) -> Self {
        Self { rows: BTreeMap::new(), limit, refused: 0 }
    }

    fn refuse(&mut self) -> bool {
        self.refused = self.refused.saturating_add(1);
        false
    }

    /// Files a row: merges it with the row of its key, or replaces that.
    fn file(&mut self, key: K, row: Json<'_>, replace: bool, keep: impl Fn(Json<'_>) -> bool) -> bool {
        let room = self.rows.len() < self.limit;
        match self.rows.get_mut(&key) {
            Some(merged) if !replace => return merged.merge(row, keep) || self.refuse(),
            None if !room => return self.refuse(),
            _ => {}
        }
        let Some(merged) = Merged::new(row) else { return self.refuse() };
        self.rows.insert(key, merged);
        true
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
                self.0.file(key, row.json(), row.replaces(), $row::keeps_known)
            }

            /// Returns the row of a key as a typed one.
            #[must_use]
            pub fn get(&self, key: &$borrowed) -> Option<$row<'_>> {
                self.0.rows.get(key).and_then(|row| row.row().ok())
            }

            /// Returns all rows by ascending key.
            pub fn rows(&self) -> impl Iterator<Item = (&$key, &Merged)> {
                self.0.rows.iter()
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
                self.0.rows.clear();
            }
        }
    };
}

table! {
    /// The user's own orders by `orderId` (docs/protocol.md §3.4).
    ///
    /// Every row is merged with what is known, a full row too: a second full row may lack a key
    /// that the first one had. The orders that existed before the stream began are known to REST
    /// only.
    OrderBook, i64, i64, Orders, Order, 10_000
}

table! {
    /// Executions by `execution_id` (docs/protocol.md §3.6).
    ///
    /// The gateway sends several copies of each, with and without the commission, in no certain
    /// order. A copy in which a known key is absent, `null` or `""` does not erase it.
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
