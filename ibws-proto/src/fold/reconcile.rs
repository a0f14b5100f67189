//! How a table takes a snapshot of REST: it never undoes what the stream has set since the request
//! for it.

/// A moment of a table, before a snapshot is requested. It belongs to the table that returned it.
///
/// Take it in the task that feeds the table, when that has read every row from before the gap: for
/// a gap, when it has read [`Event::Resumed`](crate::Event::Resumed) from the queue that delivers
/// the rows. Take it before the request is made. Then each change is in the snapshot, or in a row
/// that is folded after the mark, or in both. A mark is cheap: it holds one number, and any number
/// of marks may exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark(pub(super) u64);

/// What a snapshot changed in a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Reconciled {
    /// Number of rows that were filed.
    pub filed: usize,
    /// Number of rows that were not: bad rows, rows without a key, and rows without room.
    pub refused: usize,
    /// Number of orders that a complete snapshot did not list although the table holds them.
    pub unlisted: usize,
}
