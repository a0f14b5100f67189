//! Profit and loss by account and model (docs/protocol.md §3.5).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use super::filed::Source;
use super::table::Table;
use crate::frame::RowError;
use crate::message::{Pnl, PnlRow};

/// The default limit of rows.
const LIMIT: usize = 1_024;

/// Profit and loss by the name of its row, `DU1234567.Core` (docs/protocol.md §3.5). Each row
/// replaces the one with its name.
///
/// ```
/// use ibws_proto::{Body, Frame, fold::PnlTable};
///
/// let text = r#"{"topic":"spl","args":{"DU1234567.Core":{"dpl":-41.5,"upl":1820.0}}}"#;
/// let frame = Frame::decode(text.into()).unwrap();
/// let Body::Pnl(pnl) = frame.body() else { panic!() };
/// let mut table = PnlTable::new();
/// table.apply(&pnl);
/// for (name, row) in table.iter() {
///     assert_eq!(name, "DU1234567.Core");
///     assert_eq!(row.daily_pnl().unwrap().unwrap().to_f64(), Some(-41.5));
/// }
/// ```
#[derive(Clone)]
pub struct PnlTable(Table<Box<str>>);

/// Writes names and rows with accounts masked, as every table does.
impl fmt::Debug for PnlTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PnlTable").field(&self.0).finish()
    }
}

impl Default for PnlTable {
    fn default() -> Self {
        Self::new()
    }
}

impl PnlTable {
    /// Returns an empty table for 1,024 rows.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(LIMIT)
    }

    /// Returns an empty table for `limit` rows.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self(Table::new(limit))
    }

    /// Folds the rows of a frame and returns how many were filed.
    pub fn apply(&mut self, pnl: &Pnl<'_>) -> usize {
        let mut filed = |(name, row): (Cow<'_, str>, Result<PnlRow<'_>, RowError>)| match row {
            Ok(row) => self.0.file(name.into(), &row, Source::Stream(0)),
            Err(_) => self.0.refuse(),
        };
        pnl.rows().map(|row| usize::from(filed(row))).sum()
    }

    /// Returns the row with this name, `DU1234567.Core`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<PnlRow<'_>> {
        self.0.rows.get(name).and_then(|filed| filed.row.row().ok())
    }

    /// Returns all rows with their names, by ascending name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, PnlRow<'_>)> {
        self.0.rows.iter().filter_map(|(name, filed)| Some((&**name, filed.row.row().ok()?)))
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

    /// Returns the number of rows that were not filed: bad rows, and rows without room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
