//! Folds: what a stream of changes adds up to. Pure, optional, each a small type of its own.
//!
//! A stream delivers every frame, copies included; a fold is where copies vanish and changes merge (docs/protocol.md §7.8). None
//! of them reads a clock, and each holds a bounded number of entries, since what they are filed under comes from the wire:
//! what finds no room is counted in `refused`, never dropped silently. The order in which rows are folded is the wire's;
//! how they are spread over frames makes no difference.

mod filing;
mod merged;
mod quote;
mod tables;

pub(crate) use filing::Filing;
pub use merged::Merged;
pub use quote::Quote;
pub use tables::{Executions, LadderBook, LedgerTable, OrderBook, StatusFold, SummaryTable};
