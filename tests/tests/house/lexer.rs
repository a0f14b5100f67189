//! Splits Rust source into identifiers, punctuation, texts and comments.
//!
//! The lexer knows where strings, characters and comments end. It skips numbers and lifetimes.

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident,
    Punct,
    /// The content of a string literal, without its quotes.
    Text,
    Comment(Comment),
}

/// Facts about a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    /// `///` and `//!`, or their block forms.
    pub(crate) doc: bool,
    /// `//!`, which documents the enclosing item.
    pub(crate) inner: bool,
    /// Only spaces precede it on its line.
    pub(crate) own_line: bool,
}

/// A token as a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) line: usize,
}

/// Returns the tokens of `source`, in order.
pub(crate) fn lex(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < source.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Moves on by `len` bytes and counts the lines in them.
    fn advance(&mut self, len: usize) {
        self.line += self.rest().get(..len).map_or(0, |text| text.matches('\n').count());
        self.at = (self.at + len).min(self.source.len());
    }

    /// Adds a token of `len` bytes, without the first `open` and the last `close` of them.
    fn token(&mut self, kind: Kind, len: usize, open: usize, close: usize) {
        let (start, end) = (self.at + open, (self.at + len).saturating_sub(close));
        self.tokens.push(Token { kind, start, end: end.max(start), line: self.line });
        if matches!(kind, Kind::Ident | Kind::Punct) { self.at += len } else { self.advance(len) }
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        match first {
            _ if first.is_whitespace() => {
                self.advance(rest.find(|letter: char| !letter.is_whitespace()).unwrap_or(rest.len()));
            }
            '/' if rest.starts_with("//") => self.comment(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => self.comment(block_len(rest)),
            '\'' => self.quote(0),
            'b' if rest.starts_with("b'") => self.quote(1),
            'b' | 'c' | 'r' | '"' if let Some((open, hashes)) = string_start(rest) => self.string(open, hashes),
            _ if first.is_alphabetic() || first == '_' => {
                let raw = if rest.starts_with("r#") { 2 } else { 0 };
                let name = rest.get(raw..).unwrap_or_default();
                self.token(Kind::Ident, raw + name_len(name), raw, 0);
            }
            _ if first.is_ascii_digit() => self.at += name_len(rest),
            _ => self.token(Kind::Punct, first.len_utf8(), 0, 0),
        }
    }

    fn comment(&mut self, len: usize) {
        let text = self.rest().get(..len).unwrap_or_default();
        let inner = text.starts_with("//!") || text.starts_with("/*!");
        let outer = (text.starts_with("///") && !text.starts_with("////")) || text.starts_with("/** ");
        let before = self.source.get(..self.at).unwrap_or_default();
        let own_line = before.rsplit('\n').next().unwrap_or_default().trim().is_empty();
        self.token(Kind::Comment(Comment { doc: inner || outer, inner, own_line }), len, 0, 0);
    }

    /// Adds a string whose content begins after `open` bytes; `hashes` is `None` if it is not raw.
    fn string(&mut self, open: usize, hashes: Option<usize>) {
        let body = self.rest().get(open..).unwrap_or_default();
        let close = hashes.map_or(1, |hashes| hashes + 1);
        let end = match hashes {
            Some(hashes) => body.find(&format!("\"{}", "#".repeat(hashes))),
            None => unescaped_quote(body),
        };
        match end {
            Some(end) => self.token(Kind::Text, open + end + close, open, close),
            None => self.token(Kind::Text, open + body.len(), open, 0),
        }
    }

    /// Skips a character literal or a lifetime, whose quote is `open` bytes from here.
    fn quote(&mut self, open: usize) {
        let mut chars = self.rest().char_indices().skip(open + 1);
        let (first, second) = (chars.next(), chars.next());
        let len = match (first, second) {
            (Some((_, '\\')), Some((at, escaped))) => {
                let from = at + escaped.len_utf8();
                from + self.rest().get(from..).and_then(|rest| rest.find('\'')).map_or(0, |end| end + 1)
            }
            (Some(_), Some((at, '\''))) => at + 1,
            _ => open + 1 + name_len(self.rest().get(open + 1..).unwrap_or_default()),
        };
        self.advance(len);
    }
}

/// Returns the length of the opening quote with its prefix, and the number of `#` of a raw string.
fn string_start(rest: &str) -> Option<(usize, Option<usize>)> {
    let prefix = rest.bytes().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let (letters, tail) = rest.split_at(prefix);
    if !["", "b", "c", "r", "br", "cr"].contains(&letters) {
        return None;
    }
    let hashes = tail.bytes().take_while(|byte| *byte == b'#').count();
    let raw = letters.ends_with('r');
    (tail.as_bytes().get(hashes) == Some(&b'"') && (raw || hashes == 0))
        .then_some((prefix + hashes + 1, raw.then_some(hashes)))
}

fn unescaped_quote(body: &str) -> Option<usize> {
    let mut bytes = body.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

fn name_len(rest: &str) -> usize {
    rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
}

/// Returns the length of a block comment, with those nested in it.
fn block_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if tail.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests;
