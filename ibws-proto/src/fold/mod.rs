//! Folds: types that merge a stream of changes into its present state. They are pure and optional.
//!
//! A stream delivers every frame, copies included. A fold removes copies and merges changes
//! (docs/protocol.md §7.8). A fold reads no clock. It holds a bounded number of entries, because
//! the keys of the entries come from the wire. Rows without room are counted in `refused` and never
//! dropped silently. Rows are folded in the order of the wire; how they are spread over frames
//! makes no difference. Of a key that occurs twice in a row or frame the first value counts, as in
//! every accessor.

mod filed;
mod filing;
mod latest;
mod merged;
mod pnl;
mod quote;
mod reconcile;
mod table;
mod tables;

pub use crate::rest::{OrdersReply, ReplyError, TradesReply};
pub(crate) use filing::{Filing, Merging};
pub use latest::LatestValue;
pub use merged::Merged;
pub use pnl::PnlTable;
pub use quote::Quote;
pub use reconcile::{Mark, Reconciled};
pub use table::TableIter;
pub use tables::{Executions, LadderBook, LedgerTable, OrderBook, StatusFold, SummaryTable};
