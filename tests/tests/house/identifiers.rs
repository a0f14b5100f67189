//! Checks that identifiers, and the names of programs and suites, hold no retired word.

use std::collections::HashMap;

use crate::allowed::{Allowed, LIST};
use crate::glob::matches;
use crate::lexer::{Kind, Token};
use crate::patterns::{Match, Patterns, defines, subject};
use crate::report::Offence;
use crate::retired::{RETIRED, Retired};
use crate::sources::{File, Repository};

/// Returns the retired words that no entry of the list permits, and the entries that permit
/// nothing.
pub(crate) fn offences(repository: &Repository) -> Vec<Offence> {
    check(repository.rust(), RETIRED, Allowed::parse(LIST))
}

fn check<'a>(files: impl Iterator<Item = &'a File>, retired: &[Retired], allowed: Allowed<'_>) -> Vec<Offence> {
    let mut offences = Vec::new();
    let patterns = Patterns::new(retired);
    let mut known: HashMap<(&str, &str), Vec<Match<'_>>> = HashMap::new();
    for file in files {
        for (identifier, place) in identifiers(file) {
            let key = (identifier, place.keyword);
            let found = known.entry(key).or_insert_with(|| patterns.find(identifier, place.keyword));
            for (row, pattern) in found.iter().filter(|(row, _)| matches(row.scope, &file.path)) {
                let word = subject(pattern);
                if !allowed.permits(word, &file.path, identifier) {
                    let times = if place.count > 1 { format!(" ({} times)", place.count) } else { String::new() };
                    let wrong = format!("`{identifier}`{times} holds the retired word \"{word}\"");
                    offences.push(Offence::new(&file.path, place.line, wrong, row.instead));
                }
            }
        }
    }
    offences.extend(allowed.offences());
    offences
}

/// The first place of an identifier in a file.
struct Place<'a> {
    line: usize,
    count: usize,
    /// The keyword that defines it there, or `""`.
    keyword: &'a str,
}

/// Returns the identifiers that a file introduces or uses by their bare name. Those that a keyword
/// defines are listed once more with the keyword.
///
/// Names after `.` and `::`, before `::` and in `use` are skipped: a name is reported where it is
/// defined, and the names of other crates are not the project's.
fn identifiers(file: &File) -> impl Iterator<Item = (&str, Place<'_>)> {
    let tokens: Vec<&Token> = file.tokens.iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
    let text = |at: Option<usize>| {
        let token = at.and_then(|at| tokens.get(at)).filter(|token| token.kind != Kind::Text);
        token.map_or("", |token| file.source(token))
    };
    let mut found: HashMap<(&str, &str), Place<'_>> = HashMap::new();
    let mut imports = false;
    for (at, token) in tokens.iter().enumerate() {
        let source = text(Some(at));
        let before = |count| text(at.checked_sub(count));
        let after = |count| text(Some(at + count));
        imports = source == "use" && after(1) != "<" || imports && source != ";";
        let is_member = before(1) == "." && before(2) != ".";
        let is_path = before(1) == ":" && before(2) == ":" || after(1) == ":" && after(2) == ":";
        if token.kind != Kind::Ident || is_member || is_path || imports && before(1) != "as" {
            continue;
        }
        let mut add = |keyword| {
            let place = Place { line: token.line, count: 0, keyword };
            found.entry((source, keyword)).or_insert(place).count += 1;
        };
        add("");
        if defines(before(1)) {
            add(before(1));
        }
    }
    if let Some(name) = target_name(&file.path) {
        found.entry((name, "")).or_insert(Place { line: 1, count: 1, keyword: "" });
    }
    found.into_iter().map(|((identifier, _), place)| (identifier, place))
}

/// Returns the name of the suite, benchmark, example or program whose main file this is.
fn target_name(path: &str) -> Option<&str> {
    let stem = path.strip_suffix("/main.rs").or_else(|| path.strip_suffix(".rs"))?;
    let (folder, name) = stem.rsplit_once('/')?;
    ["tests", "benches", "examples", "bin"].iter().any(|kind| folder.rsplit('/').next() == Some(kind)).then_some(name)
}

#[cfg(test)]
mod tests;
