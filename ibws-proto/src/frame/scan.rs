//! One pass over the text of a frame, which validates the JSON and records where its top-level
//! members lie.
//!
//! This is the hot path of the crate, so the scanner is the project's own: it validates the
//! grammar, records spans and builds nothing. It accepts what `serde_json` accepts when it skips a
//! value (`IgnoredAny`), with two deliberate differences: it refuses nesting deeper than
//! [`MAX_DEPTH`], the limit that `serde_json` has when it builds a value, and more members than
//! [`MAX_MEMBERS`]. Differential tests compare the two.

mod known;
#[cfg(feature = "simd")]
mod nested;
mod scalar;

use core::fmt;
use core::ops::Range;

#[cfg(feature = "simd")]
use super::quotes::ClosingQuotes;
use super::spans::{Member, Spans};
use super::swar::plain_end;

/// The deepest nesting of arrays and objects that is accepted.
pub(crate) const MAX_DEPTH: u32 = 127;

/// The greatest number of members of the top-level object. Messages of the gateway have less than a
/// thousand. Without this limit the table of members could take several times the text.
pub(super) const MAX_MEMBERS: usize = 128 * 1024;

/// A range of bytes in a text of less than 4 GiB: the start in the lower half, the end in the upper
/// one. As one word it is compared and moved at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(u64);

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.range().fmt(f)
    }
}

impl Span {
    /// The span of an absent value; no value is empty.
    pub(crate) const NONE: Self = Self(0);

    /// Returns the span from `start` to `end`. A scanned text is shorter than 4 GiB.
    #[inline(always)]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self(start as u64 | (end as u64) << 32)
    }

    /// Returns the text of the span; `None` for [`NONE`](Self::NONE).
    #[inline(always)]
    pub(crate) fn of(self, text: &str) -> Option<&str> {
        if self == Self::NONE { None } else { text.get(self.range()) }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    pub(crate) fn range(self) -> Range<usize> {
        self.0 as u32 as usize..(self.0 >> 32) as usize
    }

    /// Returns the number of bytes.
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        let Range { start, end } = self.range();
        end.wrapping_sub(start)
    }
}

/// The result of a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Scan {
    /// An object. `escaped` is set if some key holds an escape, `is_ascii` if the text is known to
    /// hold ASCII only.
    Object { escaped: bool, is_ascii: bool },
    /// Valid JSON of another shape.
    Other,
}

/// The reason why a text is not JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is empty or white space.
    #[error("the frame is empty")]
    Empty,
    /// The text ends inside a value.
    #[error("the JSON ends early, at byte {0}")]
    Truncated(u32),
    /// A byte is not allowed at its position.
    #[error("unexpected byte at {0}")]
    Unexpected(u32),
    /// Bytes follow the value.
    #[error("bytes follow the JSON value, from byte {0}")]
    Trailing(u32),
    /// The value is nested deeper than 127 levels.
    #[error("nested deeper than 127 levels, at byte {0}")]
    TooDeep(u32),
    /// The top-level object has more than 131,072 members.
    #[error("more than {MAX_MEMBERS} members, at byte {0}")]
    TooManyMembers(u32),
    /// The text has 4 GiB or more.
    #[error("the frame is too large")]
    TooLarge,
}

/// Scans a text, and appends the places of the members of its top-level object to `spans`.
#[inline(always)]
pub(super) fn scan(text: &[u8], spans: &mut Spans) -> Result<Scan, JsonError> {
    if u32::try_from(text.len()).is_err() {
        return Err(JsonError::TooLarge);
    }
    let mut cursor = Cursor::new(text);
    let scan = match cursor.next_token() {
        None => return Err(JsonError::Empty),
        Some(b'{') => {
            cursor.at += 1;
            cursor.levels -= 1;
            cursor.members(spans)?
        }
        Some(_) => {
            cursor.value()?;
            Scan::Other
        }
    };
    match cursor.next_token() {
        None => Ok(scan),
        Some(_) => Err(JsonError::Trailing(cursor.offset())),
    }
}

/// Checks that a text is JSON. Returns `true` if it is an object.
pub(crate) fn validate(text: &[u8]) -> Result<bool, JsonError> {
    Ok(matches!(scan(text, &mut Spans::default())?, Scan::Object { .. }))
}

/// A position in a text, from which values are scanned.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    /// The number of levels that a value may nest from here on.
    levels: u32,
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("at", &self.at).field("levels", &self.levels).finish_non_exhaustive()
    }
}

impl<'a> Cursor<'a> {
    /// Returns a cursor at the first byte.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, levels: MAX_DEPTH }
    }

    /// Returns the position in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Takes `byte` if it is the next token.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.next_token() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Returns the position for an error.
    #[cold]
    fn offset(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    /// Returns the error for the byte at the position, or for its absence.
    #[cold]
    fn error(&self) -> JsonError {
        if self.at < self.text.len() {
            JsonError::Unexpected(self.offset())
        } else {
            JsonError::Truncated(self.offset())
        }
    }

    /// Skips white space and returns the byte after it without taking it.
    #[inline(always)]
    pub(crate) fn next_token(&mut self) -> Option<u8> {
        // The gateway writes no white space.
        match self.peek()? {
            b' ' | b'\n' | b'\r' | b'\t' => self.skip_white_space(),
            byte => Some(byte),
        }
    }

    #[cold]
    fn skip_white_space(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.next_token() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error())
    }

    /// Scans the members of the top-level object, whose opening brace was taken.
    #[inline(always)]
    fn members(&mut self, spans: &mut Spans) -> Result<Scan, JsonError> {
        // A chain begins at the first byte.
        #[cfg(feature = "simd")]
        if self.at == 1 && self.plain_members(spans) {
            return Ok(Scan::Object { escaped: false, is_ascii: true });
        }
        self.any_members(spans)
    }

    /// Scans the members that remain.
    #[inline(never)]
    fn any_members(&mut self, spans: &mut Spans) -> Result<Scan, JsonError> {
        let mut escaped = false;
        if spans.len() == 0 && self.next_token() == Some(b'}') {
            self.at += 1;
            return Ok(Scan::Object { escaped, is_ascii: false });
        }
        loop {
            self.expect(b'"')?;
            let start = self.at;
            escaped |= self.string_tail()?;
            let key = Span::new(start, self.at.saturating_sub(1));
            self.expect(b':')?;
            self.next_token();
            let start = self.at;
            self.value()?;
            if spans.len() == MAX_MEMBERS {
                self.at = key.range().start;
                return Err(JsonError::TooManyMembers(self.offset()));
            }
            spans.push(Member::new(key, Span::new(start, self.at)));
            match self.next_token() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Scan::Object { escaped, is_ascii: false });
                }
                _ => return Err(self.error()),
            }
        }
    }

    /// Scans members as long as they have the form of nearly all: no white space, no escape, ASCII.
    /// Stops before a member of another form, and before one
    /// that cannot be chained. Returns `true` if the object has ended.
    #[cfg(feature = "simd")]
    #[inline(always)]
    fn plain_members(&mut self, spans: &mut Spans) -> bool {
        let text = self.text;
        let pair = |at: usize| text.get(at..).and_then(<[u8]>::first_chunk);
        if text.get(self.at) != Some(&b'"') {
            return false;
        }
        let mut quotes = ClosingQuotes::<false>::new(text, self.at);
        let mut chain = spans.chain();
        let is_whole = loop {
            // A quote opens the key.
            let Some(key_end) = quotes.next() else { break false };
            let value_end = match pair(key_end + 1) {
                Some(b":\"") => match quotes.next() {
                    Some(close) => close + 1,
                    None => break false,
                },
                Some(b":{" | b":[") => match self.plain_nested(key_end + 2, quotes) {
                    Some((end, behind)) => {
                        quotes = behind;
                        end
                    }
                    None => break false,
                },
                Some([b':', _]) => {
                    let mut value = Self { at: key_end + 2, ..*self };
                    if value.scalar().is_err() {
                        break false;
                    }
                    value.at
                }
                _ => break false,
            };
            // A quote must open the next key as well.
            let is_last = pair(value_end) != Some(b",\"");
            if is_last && text.get(value_end) != Some(&b'}') || !chain.push(key_end, value_end) {
                break false;
            }
            if is_last {
                break true;
            }
        };
        if let Some(end) = chain.finish() {
            self.at = end + 1;
        }
        is_whole
    }

    /// Scans one value of any kind. Nested values are walked with a stack of bits and without
    /// recursion, so that a frame of a million brackets costs a bounded amount.
    #[inline(always)]
    pub(crate) fn value(&mut self) -> Result<(), JsonError> {
        match self.next_token() {
            Some(b'"') => {
                self.at += 1;
                self.string_tail().map(drop)
            }
            Some(b'{' | b'[') => self.nested(),
            Some(_) => self.scalar(),
            None => Err(self.error()),
        }
    }

    fn nested(&mut self) -> Result<(), JsonError> {
        // Bit 0 is the innermost level; it is set in an object and clear in an array.
        let mut objects: u128 = 0;
        let mut depth: u32 = 0;
        loop {
            // A value begins here.
            match self.next_token() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == self.levels {
                        return Err(JsonError::TooDeep(self.offset()));
                    }
                    depth += 1;
                    self.at += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    if open == b'{' {
                        if self.next_token() != Some(b'}') {
                            self.key()?;
                            continue;
                        }
                    } else if self.next_token() != Some(b']') {
                        continue;
                    }
                }
                Some(b'"') => {
                    self.at += 1;
                    self.string_tail()?;
                }
                Some(_) => self.scalar()?,
                None => return Err(self.error()),
            }
            // A value ended. Close what closes, then go on with the next value.
            loop {
                let in_object = objects & 1 == 1;
                match self.next_token() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(close @ (b'}' | b']')) if (close == b'}') == in_object => {
                        self.at += 1;
                        objects >>= 1;
                        depth -= 1;
                        if depth == 0 {
                            return Ok(());
                        }
                    }
                    _ => return Err(self.error()),
                }
            }
        }
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(), JsonError> {
        self.expect(b'"')?;
        self.string_tail()?;
        self.expect(b':')
    }

    /// Scans the rest of a string whose opening quote was taken. Returns `true` if it holds an
    /// escape.
    #[inline(always)]
    pub(crate) fn string_tail(&mut self) -> Result<bool, JsonError> {
        // Nearly every string ends where its plain bytes end.
        self.at = plain_end(self.text, self.at);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(false);
        }
        self.string_rest()
    }

    #[cold]
    fn string_rest(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                _ => return Err(self.error()),
            }
            self.at = plain_end(self.text, self.at);
        }
    }

    /// Scans what follows a backslash. Surrogates are paired when the string is read, not here.
    fn escape(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.error());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.error()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
