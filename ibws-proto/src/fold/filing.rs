//! The rules by which rows are filed: the key of a row, and whether it replaces the row with that
//! key or is merged with it.

use alloc::boxed::Box;

use crate::frame::Json;
use crate::message::{Execution, LadderRow, LedgerRow, Order, PnlRow, Row, SummaryRow};

/// A row that a table stores under a key that is a member of it.
pub(crate) trait Filing<'a>: Merging<'a> {
    /// The type of the key.
    type Key: Ord;

    /// Returns the key of the row; `None` if it has none or an unreadable one.
    fn filed_under(&self) -> Option<Self::Key>;
}

/// A row that a table merges with the row of the same key.
pub(crate) trait Merging<'a>: Row<'a> {
    /// Returns `true` if the row replaces the row with its key, and `false` if it is merged with
    /// that.
    fn replaces(&self) -> bool;

    /// Returns `true` for a value that, merged, does not replace a known one.
    fn keeps_known(_: Json<'_>) -> bool {
        false
    }
}

impl<'a> Filing<'a> for Order<'a> {
    type Key = i64;

    fn filed_under(&self) -> Option<i64> {
        self.order_id().ok().flatten()
    }
}

impl<'a> Merging<'a> for Order<'a> {
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
}

impl<'a> Merging<'a> for Execution<'a> {
    fn replaces(&self) -> bool {
        false
    }

    fn keeps_known(value: Json<'_>) -> bool {
        matches!(value.text(), "null" | "\"\"")
    }
}

impl<'a> Filing<'a> for SummaryRow<'a> {
    type Key = Box<str>;

    fn filed_under(&self) -> Option<Box<str>> {
        self.key().ok().flatten().map(Into::into)
    }
}

impl<'a> Merging<'a> for SummaryRow<'a> {
    fn replaces(&self) -> bool {
        true
    }
}

impl<'a> Filing<'a> for LedgerRow<'a> {
    type Key = Box<str>;

    fn filed_under(&self) -> Option<Box<str>> {
        self.key().ok().flatten().map(Into::into)
    }
}

impl<'a> Merging<'a> for LedgerRow<'a> {
    fn replaces(&self) -> bool {
        false
    }
}

impl<'a> Filing<'a> for LadderRow<'a> {
    type Key = i64;

    fn filed_under(&self) -> Option<i64> {
        self.row().ok().flatten()
    }
}

impl<'a> Merging<'a> for LadderRow<'a> {
    fn replaces(&self) -> bool {
        true
    }
}

// Nothing suggests that a row is a change of the one before (docs/protocol.md §3.5).
impl<'a> Merging<'a> for PnlRow<'a> {
    fn replaces(&self) -> bool {
        true
    }
}
