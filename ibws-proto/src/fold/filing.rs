//! How rows are filed: under what, and what a row does to the one that is there already.

use alloc::boxed::Box;

use crate::frame::Json;
use crate::message::{Execution, LadderRow, LedgerRow, Order, Row, SummaryRow};

/// A row that a table takes.
pub(crate) trait Filing<'a>: Row<'a> {
    /// What it is filed under.
    type Key: Ord;

    /// The row's own; `None` if it does not say, or not readably.
    fn filed_under(&self) -> Option<Self::Key>;

    /// Does it take the place of the row that is there? If not, it is merged with that.
    fn replaces(&self) -> bool;

    /// Does this value say so little that, merged, it leaves what was known?
    fn tells_nothing(_: Json<'_>) -> bool {
        false
    }
}

impl<'a> Filing<'a> for Order<'a> {
    type Key = i64;

    fn filed_under(&self) -> Option<i64> {
        self.order_id().ok().flatten()
    }

    // Even a full row may lack a key that an earlier one had (docs/protocol.md §3.4).
    fn replaces(&self) -> bool {
        false
    }
}

impl<'a> Filing<'a> for Execution<'a> {
    type Key = Box<str>;

    fn filed_under(&self) -> Option<Box<str>> {
        self.execution_id().ok().flatten().map(Into::into)
    }

    fn replaces(&self) -> bool {
        false
    }

    fn tells_nothing(value: Json<'_>) -> bool {
        matches!(value.text(), "null" | "\"\"")
    }
}

impl<'a> Filing<'a> for SummaryRow<'a> {
    type Key = Box<str>;

    fn filed_under(&self) -> Option<Box<str>> {
        self.key().ok().flatten().map(Into::into)
    }

    fn replaces(&self) -> bool {
        true
    }
}

impl<'a> Filing<'a> for LedgerRow<'a> {
    type Key = Box<str>;

    fn filed_under(&self) -> Option<Box<str>> {
        self.key().ok().flatten().map(Into::into)
    }

    fn replaces(&self) -> bool {
        false
    }
}

impl<'a> Filing<'a> for LadderRow<'a> {
    type Key = i64;

    fn filed_under(&self) -> Option<i64> {
        self.row().ok().flatten()
    }

    fn replaces(&self) -> bool {
        true
    }
}
