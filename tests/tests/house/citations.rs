//! Checks that every cited document is in the repository, and that every cited heading exists.
//!
//! A citation is `docs/protocol.md §3.1`, `docs/costs.md`, `docs/costs.md, "Heading"`,
//! `docs/costs.md, Heading` or `docs/costs.md#heading`. A standard is cited by its number:
//! `RFC 6455 §5.2`.

use crate::headings::{Heading, named_heading, number_len, resolve};
use crate::report::Offence;
use crate::sources::{File, Repository};
use crate::text::{Passage, passages};

/// The folder of this check. Its samples are wrong on purpose.
const SAMPLES: &str = "tests/tests/house/";
/// Words that number a document outside the repository, which anybody can open.
const STANDARDS: [&str; 3] = ["RFC", "X", "ECMA"];
/// What to write in place of a citation without a document or heading.
const REMEDY: &str = "cite `docs/<file>.md §N`, a heading of a document of the repository";

/// Returns the citations whose document or heading does not exist.
pub(crate) fn offences(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    let beside = beside();
    let cites = |file: &&File| [".md", "§", "scenarios", &beside].iter().any(|mark| file.text.contains(mark));
    for file in repository.files.iter().filter(|file| !file.path.starts_with(SAMPLES)).filter(cites) {
        for passage in passages(file) {
            Citations { repository, file, passage: &passage, offences: &mut offences }.check();
        }
    }
    offences
}

struct Citations<'a> {
    repository: &'a Repository,
    file: &'a File,
    passage: &'a Passage,
    offences: &'a mut Vec<Offence>,
}

impl Citations<'_> {
    fn check(&mut self) {
        self.documents();
        self.sections();
        self.catalogues();
        self.folders();
    }

    fn push(&mut self, at: usize, wrong: String) {
        self.offences.push(Offence::new(&self.file.path, self.passage.line(at), wrong, REMEDY));
    }

    fn headings(&self, path: &str) -> &[Heading] {
        self.repository.file(path).map_or(&[], |document| &document.headings)
    }

    /// Checks that each `….md` is a file, and that it has the heading that is named after it.
    fn documents(&mut self) {
        let text = &self.passage.text;
        for (end, _) in text.match_indices(".md") {
            let (start, cited) = path_before(text, end + 3);
            let tail = text.get(end + 3..).unwrap_or_default();
            let is_longer = tail.starts_with(|next: char| next.is_alphanumeric() || next == '_');
            if cited == ".md" || cited.contains("://") || is_longer || is_pattern(text, start) {
                continue;
            }
            let Some(path) = resolve(self.repository, &self.file.path, cited) else {
                // A list of sources names files of other repositories after their address.
                if self.file.path.ends_with(".md") && text.get(..start).unwrap_or_default().contains("https://") {
                    continue;
                }
                self.push(start, format!("there is no document `{cited}`"));
                continue;
            };
            if let Some(named) = named_heading(tail)
                && !self.headings(&path).iter().any(|heading| named.is(heading))
            {
                self.push(start, format!("`{path}` has no heading {named}"));
            }
        }
    }

    /// Checks that each `§N` follows the name of a document, and that the document has that
    /// section.
    fn sections(&mut self) {
        let text = &self.passage.text;
        // Where the last section ends, and its document; `Err` if that is unknown and reported.
        let mut last: Option<(usize, Result<Option<String>, ()>)> = None;
        for (at, mark) in text.match_indices('§') {
            let from = at + mark.len();
            let tail = text.get(from..).unwrap_or_default();
            let spaces = tail.len() - tail.trim_start().len();
            let number = tail.trim_start();
            let number = number.get(..number_len(number)).unwrap_or_default();
            let inherited = last.take().filter(|(end, _)| is_list(text.get(*end..at).unwrap_or_default()));
            let document = inherited.map(|(_, document)| document).unwrap_or_else(|| {
                self.document_before(at).map_err(|named| {
                    self.push(at, format!("`{named}§{number}` names no document of the repository"));
                })
            });
            if let Ok(Some(path)) = &document
                && !self.headings(path).iter().any(|heading| !number.is_empty() && heading.number == number)
            {
                self.push(at, format!("`{path}` has no heading `{number}`"));
            }
            last = Some((from + spaces + number.len(), document));
        }
    }

    /// Returns the path of the document that is named before the section at `at`, `None` if it is a
    /// standard, and the text that is there instead if it is neither.
    fn document_before(&self, at: usize) -> Result<Option<String>, String> {
        let text = self.passage.text.get(..at).unwrap_or_default();
        let before = text.trim_end_matches([' ', '`', ',', ')', ']', '"', '*']);
        let (start, cited) = path_before(before, before.len());
        let previous = before.get(..start).unwrap_or_default().trim_end();
        let numbered = cited.starts_with(|first: char| first.is_ascii_digit());
        let word =
            if numbered { previous.rsplit(|l: char| !l.is_alphanumeric()).next().unwrap_or_default() } else { cited };
        let standard = word.split(['.', '-']).next().unwrap_or_default();
        if STANDARDS.contains(&standard) {
            return Ok(None);
        }
        let of_itself = self.file.path.starts_with("ibws-proto/docs/") && !before.ends_with(".md");
        if of_itself {
            return Ok(Some(self.file.path.clone()));
        }
        // A document that does not exist is reported where its name stands.
        let named = cited.ends_with(".md").then(|| resolve(self.repository, &self.file.path, cited));
        named.ok_or_else(|| format!("{cited} "))
    }

    /// Reports numbers of a catalogue (`scenarios B 55`), which no document of the repository has.
    fn catalogues(&mut self) {
        let text = &self.passage.text;
        for (at, word) in text.match_indices("scenarios") {
            let tail = text.get(at + word.len()..).unwrap_or_default().trim_start_matches(['`', ' ']);
            let mut letters = tail.chars();
            let letter = letters.next().filter(|letter| matches!(letter, 'A'..='C'));
            if let Some(letter) = letter.filter(|_| letters.next().is_none_or(|next| !next.is_alphanumeric())) {
                self.push(at, format!("the catalogue `{word} {letter}` is not in the repository"));
            }
        }
    }

    /// Reports the folder beside the checkout. Tests may read it if they skip where it is missing.
    fn folders(&mut self) {
        let beside = beside();
        let skips = self.file.path.ends_with(".rs") && self.file.text.contains("skipped");
        if !skips && let Some(at) = self.passage.text.find(&beside) {
            self.push(at, format!("`{beside}` is not in the repository"));
        }
    }
}

/// The folder that may stand beside the checkout.
fn beside() -> String {
    ["..", "shared"].join("/")
}

/// Returns where the path that ends at `end` starts, and the path.
fn path_before(text: &str, end: usize) -> (usize, &str) {
    let head = text.get(..end).unwrap_or_default();
    let is_part = |letter: char| letter.is_alphanumeric() || "._-/:".contains(letter);
    let start = head.trim_end_matches(is_part).len();
    (start, head.get(start..).unwrap_or_default())
}

/// Returns `true` if the text before a path makes it a pattern (`*.md`, `<file>.md`, `{}.md`).
fn is_pattern(text: &str, start: usize) -> bool {
    text.get(..start).unwrap_or_default().ends_with(['*', '>', '}', '$'])
}

/// Returns `true` if the text between two sections continues a list of them: `§3.1, §3.2 and §4`.
fn is_list(between: &str) -> bool {
    let words = between.split([' ', ',', ';', '/', '–', '-', '`', '(', ')']).filter(|word| !word.is_empty());
    between.len() <= 8 && words.into_iter().all(|word| ["and", "or", "to"].contains(&word))
}

#[cfg(test)]
mod tests;
