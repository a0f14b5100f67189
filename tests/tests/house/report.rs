//! Prints offences.

use std::fmt;

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offence {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) wrong: String,
    pub(crate) instead: String,
}

impl Offence {
    pub(crate) fn new(file: &str, line: usize, wrong: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, wrong: wrong.into(), instead: instead.into() }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.wrong, self.instead)
    }
}

/// Fails with the sorted list if there are offences.
#[track_caller]
pub(crate) fn assert_none(mut offences: Vec<Offence>) {
    offences.sort();
    offences.dedup();
    let list: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(list.is_empty(), "{} offences\n{}\n", list.len(), list.join("\n"));
}

#[test]
fn offence_prints_place_fault_and_remedy() {
    let offence = Offence::new("a.rs", 7, "`x` is wrong", "write `y`");
    assert_eq!(offence.to_string(), "a.rs:7: `x` is wrong: write `y`");
}

#[test]
#[should_panic(expected = "1 offences\na.rs:1: bad: good")]
fn an_offence_fails_the_check() {
    assert_none(vec![Offence::new("a.rs", 1, "bad", "good")]);
}
