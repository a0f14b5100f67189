//! The one way of plain text to a terminal. What it writes is masked, and shows characters that a
//! terminal would obey, or not show, as escapes.

use core::fmt;
use std::io::{self, Write as _};

use ibws_proto::excerpt_within;

/// The greatest number of characters of a field of a row.
pub(super) const FIELD: usize = 40;
/// The greatest number of characters of a text that is a sentence, and of a described row.
pub(super) const TEXT: usize = 160;
/// The greatest number of characters of a line, which may hold an error with its advice.
const LINE: usize = 600;
/// The greatest number of characters of an error that ends the program.
const ERROR: usize = 1_000;

/// Lines for a terminal.
pub(super) struct Lines<'a>(pub(super) &'a mut Vec<u8>);

impl Lines<'_> {
    /// Adds a line. Line ends in `text` are escaped, so that it is one line.
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) {
        self.0.extend_from_slice(excerpt_within(&text.to_string(), LINE).as_bytes());
        self.0.push(b'\n');
    }
}

/// Returns the first `width` characters of a text, masked and escaped.
pub(super) fn cut(text: &str, width: usize) -> String {
    excerpt_within(text, width).into()
}

/// Writes an error of the program to standard error, on one line.
pub(super) fn error(text: &str) {
    let _ = writeln!(io::stderr(), "watch: {}", excerpt_within(text, ERROR));
}
