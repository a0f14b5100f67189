//! Joins lines of a file into text that knows the line of each byte.

use crate::lexer::{Comment, Kind};
use crate::sources::File;

/// Joined lines, with a space for each line break.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) text: String,
    /// Offsets at which lines begin, with the number of the line.
    lines: Vec<(usize, usize)>,
}

impl Passage {
    /// Adds a line of the file, after a space.
    pub(crate) fn push(&mut self, line: usize, text: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.lines.push((self.text.len(), line));
        self.text.push_str(text);
    }

    /// Returns the line of the file with the byte at `offset`.
    pub(crate) fn line(&self, offset: usize) -> usize {
        let before = self.lines.partition_point(|(start, _)| *start <= offset);
        self.lines.get(before.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// A run of comment lines of one kind.
pub(crate) struct Block {
    pub(crate) kind: Comment,
    /// Number and content of each line, without the comment marker.
    pub(crate) lines: Vec<(usize, String)>,
}

/// Returns the comments of a file. Adjacent lines of one kind are one block.
pub(crate) fn blocks(file: &File) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for token in &file.tokens {
        let Kind::Comment(kind) = token.kind else { continue };
        let lines = file.source(token).lines().enumerate().map(|(at, line)| (token.line + at, content(line)));
        let follows = |block: &Block| {
            kind.own_line && block.kind == kind && block.lines.last().is_some_and(|(line, _)| line + 1 == token.line)
        };
        match blocks.last_mut().filter(|block| follows(block)) {
            Some(block) => block.lines.extend(lines),
            None => blocks.push(Block { kind, lines: lines.collect() }),
        }
    }
    blocks
}

/// Returns a line of a comment without its marker.
fn content(line: &str) -> String {
    let line = line.trim();
    let marker =
        ["///", "//!", "//", "/**", "/*!", "/*", "*/", "*"].into_iter().find(|marker| line.starts_with(marker));
    let line = marker.and_then(|marker| line.strip_prefix(marker)).unwrap_or(line);
    let line = line.strip_suffix("*/").unwrap_or(line);
    line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()
}

/// Returns the texts of a file: comments and strings of Rust, paragraphs and list items of others.
pub(crate) fn passages(file: &File) -> Vec<Passage> {
    if !file.path.ends_with(".rs") {
        return paragraphs(&file.text);
    }
    let mut passages = Vec::new();
    for block in blocks(file) {
        let mut passage = Passage::default();
        block.lines.iter().for_each(|(line, text)| passage.push(*line, text));
        passages.push(passage);
    }
    for token in file.tokens.iter().filter(|token| token.kind == Kind::Text) {
        let mut passage = Passage::default();
        let lines = file.source(token).lines().enumerate();
        lines.for_each(|(at, text)| passage.push(token.line + at, text));
        passages.push(passage);
    }
    passages.retain(|passage| !passage.is_empty());
    passages
}

/// Returns the paragraphs and list items of a text. Comments of TOML are text.
fn paragraphs(text: &str) -> Vec<Passage> {
    let mut paragraphs = vec![Passage::default()];
    for (at, line) in text.lines().enumerate() {
        let is_item = ["- ", "* ", "|"].iter().any(|marker| line.trim_start().starts_with(marker));
        let begins = is_item || line.trim_matches(['#', ' ']).is_empty();
        if begins {
            paragraphs.push(Passage::default());
        }
        if let Some(paragraph) = paragraphs.last_mut() {
            paragraph.push(at + 1, line.strip_prefix("# ").unwrap_or(line).trim());
        }
    }
    paragraphs
}

#[test]
fn passage_knows_the_line_of_each_byte() {
    let mut passage = Passage::default();
    passage.push(4, "see");
    passage.push(5, "there");
    assert_eq!(passage.text, "see there");
    assert_eq!([0, 3, 4, 8].map(|offset| passage.line(offset)), [4, 4, 5, 5]);
}

#[test]
fn blocks_join_adjacent_lines_of_one_kind() {
    let file = File::new("x.rs", "//! one\n//! two\n\n/// three\nfn x() {} // four\n// five\n/// six\n");
    let blocks: Vec<_> = blocks(&file).into_iter().map(|block| block.lines).collect();
    let line = |number, text: &str| (number, text.to_owned());
    let expected = [
        vec![line(1, "one"), line(2, "two")],
        vec![line(4, "three")],
        vec![line(5, "four")],
        vec![line(6, "five")],
        vec![line(7, "six")],
    ];
    assert_eq!(blocks, expected);
}

#[test]
fn passages_are_comments_and_strings() {
    let rust = File::new("x.rs", "// a\n// b\nlet c = \"d\ne\";");
    let texts: Vec<_> = passages(&rust).into_iter().map(|passage| passage.text).collect();
    assert_eq!(texts, ["a b", "d e"]);
}

#[test]
fn passages_of_other_files_are_paragraphs_and_items() {
    let texts = |path, text| passages(&File::new(path, text)).into_iter().map(|it| it.text).collect::<Vec<_>>();
    assert_eq!(texts("x.toml", "# see\n# there\nx = 1"), ["see there x = 1"]);
    assert_eq!(texts("x.md", "a\nb\n\nc\n- d\n  e\n- f"), ["a b", "c", "- d e", "- f"]);
}
