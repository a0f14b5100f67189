//! Rows by key: filing, merging, and the snapshots that are taken in.

use alloc::collections::btree_map::Values;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use super::filed::{Filed, Source};
use super::filing::{Filing, Merging};
use super::reconcile::{Mark, Reconciled};
use crate::event::Event;
use crate::frame::RowError;
use crate::key::Key;
use crate::mask::Masked;
use crate::message::Row;

/// Rows by key, up to a limit.
#[derive(Clone)]
pub(super) struct Table<K> {
    pub(super) rows: BTreeMap<K, Filed>,
    limit: usize,
    pub(super) refused: u64,
    /// The number of marks taken, which is the number of the next one.
    pub(super) marks: u64,
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
    pub(super) fn new(limit: usize) -> Self {
        let (refused, marks, first_mark) = (0, 0, 0);
        Self { rows: BTreeMap::new(), limit, refused, marks, first_mark, complete: None, event_mark: None }
    }

    pub(super) fn refuse(&mut self) -> bool {
        self.refused = self.refused.saturating_add(1);
        false
    }

    /// Files a row: merges it with the row of its key, or replaces that.
    pub(super) fn file<'a, R: Merging<'a>>(&mut self, key: K, row: &R, source: Source) -> bool {
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

    pub(super) fn mark(&mut self) -> Mark {
        let mark = Mark(self.marks);
        self.marks = self.marks.saturating_add(1);
        mark
    }

    /// Returns the mark for the next snapshot: it is taken before the first event, and again when
    /// the stream of orders resumes, because the snapshot is requested after that.
    pub(super) fn mark_by(&mut self, event: &Event) -> Mark {
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
    pub(super) fn reconcile<'a, R: Filing<'a, Key = K>>(
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
    pub(super) fn unlist(&mut self, mark: Mark, listed: &BTreeSet<K>) -> usize {
        self.complete = self.complete.max(Some(mark.0));
        self.rows
            .iter_mut()
            .filter(|(key, _)| !listed.contains(key))
            .filter_map(|(_, row)| row.unlist(mark.0).then_some(()))
            .count()
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.first_mark = self.marks;
        self.complete = None;
        self.event_mark = None;
    }
}

/// An iterator over the rows of a table as typed ones, by ascending key.
#[derive(Clone)]
pub struct TableIter<'a, K, R> {
    rows: Values<'a, K, Filed>,
    row: PhantomData<fn() -> R>,
}

impl<'a, K, R> TableIter<'a, K, R> {
    pub(super) fn new(table: &'a Table<K>) -> Self {
        Self { rows: table.rows.values(), row: PhantomData }
    }
}

impl<'a, K, R: Row<'a>> Iterator for TableIter<'a, K, R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        // A row of a table was read as this type before, so none is skipped.
        self.rows.find_map(|filed| filed.row.row().ok())
    }
}

impl<K, R> fmt::Debug for TableIter<'_, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows.clone().map(|filed| &filed.row)).finish()
    }
}
