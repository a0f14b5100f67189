//! Checks that doc comments are sentences, and that comment lines fit their width.

use crate::lexer::Kind;
use crate::report::Offence;
use crate::sources::File;
use crate::text::{Block, Passage, blocks};

/// The greatest number of columns of a comment line, indentation included.
const COLUMNS: usize = 100;

/// Returns the doc comments that ask a question or are a single word.
pub(crate) fn doc_offences<'a>(files: impl Iterator<Item = &'a File>) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        for block in blocks(file).iter().filter(|block| block.kind.doc) {
            let paragraphs = paragraphs(block);
            if let [only] = paragraphs.as_slice()
                && only.text.split_whitespace().count() == 1
            {
                let wrong = format!("the doc comment \"{}\" is a single word", only.text);
                offences.push(Offence::new(
                    &file.path,
                    only.line(0),
                    wrong,
                    "state in a sentence what the item is or does",
                ));
            }
            for passage in &paragraphs {
                for (line, question) in questions(passage) {
                    let wrong = format!("the doc comment asks a question, \"{question}\"");
                    let instead = "state what it is or does (\"Returns `true` if …\")";
                    offences.push(Offence::new(&file.path, line, wrong, instead));
                }
            }
        }
    }
    offences
}

/// Returns the comment lines that are too long. Lines with a URL and rows of a table may be longer.
pub(crate) fn width_offences<'a>(files: impl Iterator<Item = &'a File>) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        let lines: Vec<&str> = file.text.lines().collect();
        for token in &file.tokens {
            let Kind::Comment(comment) = token.kind else { continue };
            let line = lines.get(token.line - 1).copied().unwrap_or_default();
            let columns = line.chars().count();
            if comment.own_line && columns > COLUMNS && !is_unbreakable(file.source(token)) {
                let wrong = format!("the comment line has {columns} columns");
                offences.push(Offence::new(&file.path, token.line, wrong, format!("break it at {COLUMNS}")));
            }
        }
    }
    offences
}

fn is_unbreakable(comment: &str) -> bool {
    let text = comment.trim_start_matches(['/', '!', '*', ' ']);
    text.starts_with('|') || text.contains("://")
}

/// Returns the paragraphs and list items of a doc comment, without code, tables and headings.
fn paragraphs(block: &Block) -> Vec<Passage> {
    let mut paragraphs = vec![Passage::default()];
    let mut fence = false;
    for (line, text) in &block.lines {
        let text = text.trim();
        let is_fence = text.starts_with("```");
        fence ^= is_fence;
        let ends = is_fence || fence || text.is_empty() || text.starts_with(['|', '#']);
        let item = list_item(text);
        if ends || item.is_some() {
            paragraphs.push(Passage::default());
        }
        if !ends && let Some(paragraph) = paragraphs.last_mut() {
            paragraph.push(*line, item.unwrap_or(text));
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Returns the text of a list item, without its bullet or number.
fn list_item(text: &str) -> Option<&str> {
    let number = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let numbered = number.strip_prefix(". ").filter(|_| number.len() < text.len());
    text.strip_prefix("* ").or_else(|| text.strip_prefix("- ")).or(numbered)
}

/// Returns the sentences that end with a question mark, each with the line of the mark.
fn questions(passage: &Passage) -> Vec<(usize, String)> {
    let masked = mask(&passage.text);
    let mut found = Vec::new();
    let mut start = 0;
    for (at, letter) in masked.char_indices() {
        let after = masked.get(at + letter.len_utf8()..).unwrap_or_default();
        let ends = after.chars().next().is_none_or(|next| next.is_whitespace() || ")\"'”’*_,;".contains(next));
        if letter == '?' && ends {
            let sentence = passage.text.get(start..=at).unwrap_or_default().trim();
            found.push((passage.line(at), sentence.to_owned()));
        }
        if ends && ".?!".contains(letter) {
            start = at + 1;
        }
    }
    found
}

/// Returns the text with code spans and quotations overwritten, byte for byte. Their content is no
/// sentence of the comment.
fn mask(text: &str) -> String {
    let mut close = None;
    let mut masked = String::with_capacity(text.len());
    for letter in text.chars() {
        let blank = close.is_some();
        if close == Some(letter) {
            close = None;
        } else if close.is_none() {
            close = match letter {
                '`' | '"' => Some(letter),
                '“' => Some('”'),
                _ => None,
            };
        }
        if blank { masked.extend(std::iter::repeat_n('x', letter.len_utf8())) } else { masked.push(letter) }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(source: &str) -> Vec<String> {
        doc_offences([File::new("x.rs", source)].iter()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn questions_are_offences_wherever_they_stand() {
        assert!(
            doc("/// Is it young?\nfn x() {}").concat().starts_with("x.rs:1: the doc comment asks a question, \"Is it")
        );
        assert!(doc("//! States a fact. Does\n//! it hold? No.").concat().contains("x.rs:2: the doc comment asks a"));
        assert_eq!(doc("/// * Is it (or not?)").len(), 1);
        assert_eq!(doc("/// Can it be had? If not, why?").len(), 2);
    }

    #[test]
    fn single_words_are_offences() {
        assert!(doc("/// Which.\nid: u8").concat().contains("\"Which.\" is a single word"));
        assert_eq!(doc("/// `null`").len(), 1);
        assert_eq!(doc("//! Words.\n//!\n//! # More").len(), 1);
    }

    #[test]
    fn sentences_code_and_quotations_are_none() {
        for good in [
            "/// Returns `true` if the last pong is recent.",
            "/// Sends `what?` and the prompt \"Are you sure?\" as they are.",
            "/// Adds one.\n///\n/// ```\n/// let y = x()? ;\n/// // really?\n/// ```",
            "/// The URL `a?b=c`, or https://a.b/c?d=e of the page.",
            "// Why? A plain comment is free.",
            "/// | is it? | yes |",
            "//// Which.",
        ] {
            assert_eq!(doc(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn long_comment_lines_are_offences_unless_they_cannot_be_broken() {
        let offences = |source: &str| width_offences([File::new("x.rs", source)].iter()).len();
        let long = "ä".repeat(97);
        assert_eq!(offences(&format!("// {long}")), 0);
        assert_eq!(offences(&format!("// {long}!")), 1);
        assert_eq!(offences(&format!("    /// {long}")), 1);
        assert_eq!(offences(&format!("/// | {long} |\n//! https://a.b/{long}\nlet x = 1; // {long}\n")), 0);
        assert_eq!(offences(&format!("let x = \"\n// {long}!\";")), 0);
    }
}
