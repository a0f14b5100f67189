//! A row of a table, with what decides whether a snapshot may change it.

use alloc::vec::Vec;

use super::merged::Merged;
use crate::frame::Json;

/// Where a row comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// The stream, with the number of marks taken so far.
    Stream(u64),
    /// A snapshot, with the number of its mark.
    Snapshot(u64),
}

/// A row with the origin of its members.
///
/// An origin is a number: of a member that the stream set, how many marks had been taken; of a
/// member that a snapshot set, the number of its mark. A mark numbered `m` is taken when `m` marks
/// exist, so an origin above `m` means "set by the stream since, or by a snapshot with a later
/// mark".
#[derive(Clone, Debug)]
pub(super) struct Filed {
    pub(super) row: Merged,
    /// The origin of each member, in the order of the row. Missing ones are 0, so that a table
    /// without marks keeps none.
    origins: Vec<u64>,
    /// The greatest origin of a row that was filed here.
    seen: u64,
    /// The mark of a complete snapshot that did not list the row.
    unlisted: Option<u64>,
}

impl Source {
    fn origin(self) -> u64 {
        match self {
            Self::Stream(origin) | Self::Snapshot(origin) => origin,
        }
    }

    /// Whether it may replace a member with this origin.
    fn may_replace(self, origin: u64) -> bool {
        match self {
            Self::Stream(_) => true,
            Self::Snapshot(mark) => origin <= mark,
        }
    }
}

impl Filed {
    /// Copies a row; `None` if it exceeds the limits. A value for which `blank` returns `true`
    /// counts as set by nobody.
    pub(super) fn new(row: Json<'_>, source: Source, blank: impl Fn(Json<'_>) -> bool) -> Option<Self> {
        let origin = source.origin();
        let origin_of = |value| if blank(value) { 0 } else { origin };
        let origins = match origin {
            0 => Vec::new(),
            _ => row.members().map(|(_, value)| origin_of(value)).collect(),
        };
        Some(Self { row: Merged::new(row)?, origins, seen: origin, unlisted: None })
    }

    /// Merges with a row. Returns `false` if the result would exceed the limits; then nothing
    /// changes.
    pub(super) fn merge(&mut self, row: Json<'_>, source: Source, blank: impl Fn(Json<'_>) -> bool) -> bool {
        let Self { row: merged, origins: known, .. } = self;
        let tracked = source.origin() > 0 || !known.is_empty();
        let mut origins = Vec::with_capacity(if tracked { known.len() } else { 0 });
        let done = merged.merge_with(row, |at, new| {
            let known = at.map(|at| known.get(at).copied().unwrap_or_default());
            let (taken, origin) = match (known, new) {
                (Some(origin), None) => (false, origin),
                (Some(origin), Some(new)) if blank(new) || !source.may_replace(origin) => (false, origin),
                (None, Some(new)) if blank(new) => (true, 0),
                _ => (true, source.origin()),
            };
            if tracked {
                origins.push(origin);
            }
            taken
        });
        if !done {
            return false;
        }
        self.origins = origins;
        self.seen = self.seen.max(source.origin());
        // A row of the stream shows that the order is there; so does a snapshot that is no older.
        if self.unlisted.is_some_and(|unlisted| source.may_replace(unlisted)) {
            self.unlisted = None;
        }
        true
    }

    /// Notes that the complete snapshot with this mark did not list the row. That means nothing if
    /// the stream had the row since the mark, or a snapshot with a later mark listed it. Returns
    /// whether it means something.
    pub(super) fn unlist(&mut self, mark: u64) -> bool {
        let counts = self.seen <= mark;
        if counts {
            self.unlisted = self.unlisted.max(Some(mark));
        }
        counts
    }

    /// Whether the newest complete snapshot that concerns the row did not list it.
    pub(super) fn is_unlisted(&self) -> bool {
        self.unlisted.is_some()
    }
}
