//! Reads the headings of Markdown documents, and finds documents by the path that cites them.

use std::fmt;

use crate::sources::Repository;

/// Folders from which a path may cite a document: the root, and the crate that packs the documents.
const FOLDERS: [&str; 3] = ["", "ibws-proto/", "ibws-proto/docs/"];

/// A heading: `## 3.1 Market data`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// `3.1`, or nothing if it is not numbered.
    pub(crate) number: String,
    /// The text after the number.
    pub(crate) title: String,
    /// The name of the heading in a link.
    pub(crate) anchor: String,
}

/// Returns the headings of `markdown`, in order.
pub(crate) fn headings(markdown: &str) -> Vec<Heading> {
    let mut fence = false;
    let mut headings = Vec::new();
    for line in markdown.lines() {
        fence ^= line.trim_start().starts_with("```");
        let text = line.trim_start_matches('#');
        if !fence && text.len() < line.len() && text.starts_with(' ') {
            headings.push(heading(text.trim()));
        }
    }
    headings
}

fn heading(text: &str) -> Heading {
    let (first, tail) = text.split_once(' ').unwrap_or((text, ""));
    let number = first.trim_start_matches('§').trim_end_matches(['.', ':']);
    let numbered = !number.is_empty() && number_len(number) == number.len();
    let (number, title) = if numbered { (number, tail.trim()) } else { ("", text) };
    let is_kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    let anchor: String = text.to_lowercase().chars().filter(is_kept).collect();
    Heading { number: number.to_owned(), title: title.replace('`', ""), anchor: anchor.replace(' ', "-") }
}

/// A heading that is cited by its text or by its anchor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    Anchor(&'a str),
    Quoted(&'a str),
    /// The text that begins with the heading. Nothing marks where the heading ends.
    Open(&'a str),
}

impl Named<'_> {
    pub(crate) fn is(&self, heading: &Heading) -> bool {
        match self {
            Self::Anchor(anchor) => *anchor == heading.anchor,
            Self::Quoted(title) => *title == heading.title,
            Self::Open(text) => !heading.title.is_empty() && text.starts_with(&heading.title),
        }
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anchor(anchor) => write!(f, "`#{anchor}`"),
            Self::Quoted(title) => write!(f, "\"{title}\""),
            Self::Open(text) => write!(f, "that \"{}…\" begins with", text.chars().take(40).collect::<String>()),
        }
    }
}

/// Returns the heading that is named right after a path.
pub(crate) fn named_heading(tail: &str) -> Option<Named<'_>> {
    if let Some(anchor) = tail.strip_prefix('#') {
        let end = anchor.find(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter));
        return Some(Named::Anchor(anchor.get(..end.unwrap_or(anchor.len())).unwrap_or_default()));
    }
    let text = tail.trim_start_matches('`').strip_prefix(", ")?;
    if let Some(quoted) = text.strip_prefix(['"', '“']) {
        return quoted.find(['"', '”']).map(|end| Named::Quoted(quoted.get(..end).unwrap_or_default()));
    }
    text.starts_with(char::is_uppercase).then_some(Named::Open(text))
}

/// Returns the length of a section number (`3`, `3.1`, `8a`, `3.1.2`) at the beginning of `text`,
/// without a dot that ends a sentence.
pub(crate) fn number_len(text: &str) -> usize {
    let mut len = 0;
    loop {
        let part = text.get(len..).unwrap_or_default();
        let after_dot = if len == 0 { Some(part) } else { part.strip_prefix('.') };
        let Some(part) = after_dot else { return len };
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return len;
        }
        let mut tail = part.bytes().skip(digits);
        let letter = tail.next().is_some_and(|byte| byte.is_ascii_lowercase())
            && tail.next().is_none_or(|byte| !byte.is_ascii_alphanumeric());
        len += usize::from(len > 0) + digits + usize::from(letter);
    }
}

/// Returns the path in the repository of the document that a text in `file` cites as `cited`.
pub(crate) fn resolve(repository: &Repository, file: &str, cited: &str) -> Option<String> {
    let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let folders = std::iter::once(folder).chain(FOLDERS.iter().map(|folder| (*folder).to_owned()));
    let mut paths = folders.filter_map(|folder| normal(&format!("{folder}{cited}")));
    paths.find(|path| repository.file(path).is_some())
}

/// Returns the path without `.` and `..`, or `None` if it leads out of the repository.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_number_title_and_anchor() {
        let found =
            headings("# The wire\n#tag\n```sh\n# comment\n```\n## 3. Topics\n### 3.1 `smd`: quotes\n## 8a Seen\n");
        let parts: Vec<_> =
            found.iter().map(|it| (it.number.as_str(), it.title.as_str(), it.anchor.as_str())).collect();
        let expected = [
            ("", "The wire", "the-wire"),
            ("3", "Topics", "3-topics"),
            ("3.1", "smd: quotes", "31-smd-quotes"),
            ("8a", "Seen", "8a-seen"),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn number_ends_before_the_end_of_the_sentence() {
        let cases = [("3.1).", 3), ("3. It", 1), ("8a 2", 2), ("10.2.3;", 6), ("3and", 1), ("x", 0)];
        for (text, len) in cases {
            assert_eq!(number_len(text), len, "{text}");
        }
    }

    #[test]
    fn documents_are_found_from_the_root_the_crate_and_the_file() {
        let repository =
            Repository::sample(&[("README.md", ""), ("ibws-proto/docs/protocol.md", ""), ("a/README.md", "")]);
        let found = |file, cited| resolve(&repository, file, cited);
        for cited in ["docs/protocol.md", "protocol.md", "ibws-proto/docs/protocol.md"] {
            assert_eq!(found("a/src/lib.rs", cited).as_deref(), Some("ibws-proto/docs/protocol.md"), "{cited}");
        }
        assert_eq!(found("a/src/lib.rs", "../README.md").as_deref(), Some("a/README.md"));
        assert_eq!(found("a/src/lib.rs", "../../../protocol.md"), None);
        assert_eq!(found("a/src/lib.rs", "missing.md"), None);
    }
}
