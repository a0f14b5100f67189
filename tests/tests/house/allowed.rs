//! Reads the list of names that may keep a retired word.

use std::cell::Cell;

use crate::glob::matches;
use crate::report::Offence;

/// The list, and its path in the repository.
pub(crate) const LIST: &str = include_str!("allowed.txt");
pub(crate) const PATH: &str = "tests/tests/house/allowed.txt";

/// A line of the list: `word  target  reason`, the target being `identifier`, `path/of.rs` or
/// `path/of.rs:identifier`.
struct Entry<'a> {
    line: usize,
    word: &'a str,
    /// A pattern of paths; `*` if none is given.
    path: &'a str,
    /// A pattern of identifiers; `*` if none is given.
    identifier: &'a str,
    used: Cell<bool>,
}

/// The entries, and the lines that are none.
pub(crate) struct Allowed<'a> {
    entries: Vec<Entry<'a>>,
    malformed: Vec<Offence>,
}

impl<'a> Allowed<'a> {
    /// Reads a list. Columns are at least two spaces apart; lines with `#` in front are comments.
    pub(crate) fn parse(list: &'a str) -> Self {
        let mut allowed = Self { entries: Vec::new(), malformed: Vec::new() };
        for (at, line) in list.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
            match (columns.next(), columns.next(), columns.next()) {
                (Some(word), Some(target), Some(_)) => {
                    let (path, identifier) = match target.split_once(':') {
                        Some(both) => both,
                        None if target.contains('/') => (target, "*"),
                        None => ("*", target),
                    };
                    allowed.entries.push(Entry { line: at + 1, word, path, identifier, used: Cell::new(false) });
                }
                _ => allowed.malformed.push(Offence::new(
                    PATH,
                    at + 1,
                    format!("the entry \"{line}\" has no three columns"),
                    "write `word  identifier, path or path:identifier  reason`, two spaces apart",
                )),
            }
        }
        allowed
    }

    /// Returns `true` if `identifier` in the file at `path` may hold `word`.
    pub(crate) fn permits(&self, word: &str, path: &str, identifier: &str) -> bool {
        let mut permitted = false;
        for entry in self.entries.iter().filter(|entry| entry.word == word) {
            if matches(entry.path, path) && matches(entry.identifier, identifier) {
                entry.used.set(true);
                permitted = true;
            }
        }
        permitted
    }

    /// Returns the lines that cannot be read, and the entries that have permitted nothing.
    pub(crate) fn offences(self) -> Vec<Offence> {
        let unused = self.entries.iter().filter(|entry| !entry.used.get()).map(|entry| {
            let Entry { word, path, identifier, .. } = entry;
            let wrong = format!("no `{identifier}` in `{path}` holds the retired word \"{word}\"");
            Offence::new(PATH, entry.line, wrong, "remove the entry")
        });
        unused.chain(self.malformed.iter().cloned()).collect()
    }
}

#[test]
fn entry_permits_its_word_at_its_target_only() {
    let list = "# reasons\n\nhost  ibws-*/endpoint.rs  part of a URL\nstatus  *OrderStatus  a wire key\n\
                status  ibws-proto/src/machine/*:status  the getter\n";
    let allowed = Allowed::parse(list);
    assert!(allowed.permits("host", "ibws-proto/src/transport/endpoint.rs", "host"));
    assert!(allowed.permits("status", "any.rs", "OrderStatus"));
    assert!(allowed.permits("status", "ibws-proto/src/machine/mod.rs", "status"));
    assert!(!allowed.permits("host", "ibws-proto/src/key.rs", "host"));
    assert!(!allowed.permits("status", "any.rs", "status"));
    assert!(!allowed.permits("status", "ibws-proto/src/machine/mod.rs", "old_status"));
    assert!(!allowed.permits("phase", "ibws-proto/src/endpoint.rs", "phase"));
    assert_eq!(allowed.offences(), []);
}

#[test]
fn entry_without_use_or_reason_is_an_offence() {
    let offences = Allowed::parse("host  a/*  a URL\nstatus Status").offences();
    let found: Vec<_> = offences.iter().map(|it| (it.line, it.wrong.as_str())).collect();
    let unused = "no `*` in `a/*` holds the retired word \"host\"";
    assert_eq!(found, [(1, unused), (2, "the entry \"status Status\" has no three columns")]);
}
