//! One pass over the text of a frame, which validates the JSON and records where its top-level
//! members lie.
//!
//! This is the hot path of the crate, so the scanner is the project's own: it validates the
//! grammar, records spans and builds nothing. It accepts what `serde_json` accepts when it skips a
//! value (`IgnoredAny`), with two deliberate differences: it refuses nesting deeper than
//! [`MAX_DEPTH`], the limit that `serde_json` has when it builds a value, and more members than
//! [`MAX_MEMBERS`]. Differential tests compare the two.

mod scalar;

use core::fmt;
use core::ops::Range;

#[cfg(feature = "simd")]
use super::quotes::Quotes;
use super::spans::{Member, Spans};
use super::swar::plain_end;

/// The deepest nesting of arrays and objects that is accepted.
pub(crate) const MAX_DEPTH: u32 = 127;

/// The greatest number of members of the top-level object. Messages of the gateway have less than a
/// thousand. Without this limit the table of members could take several times the text.
pub(super) const MAX_MEMBERS: usize = 128 * 1024;

/// A range of bytes in a text of less than 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The span of an absent value; no value is empty.
    pub(crate) const NONE: Self = Self { start: 0, end: 0 };

    /// Returns the span from `start` to `end`. A scanned text is shorter than 4 GiB.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "longer texts are refused")]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Returns the text of the span; `None` for [`NONE`](Self::NONE).
    #[inline(always)]
    pub(crate) fn of(self, text: &str) -> Option<&str> {
        if self == Self::NONE { None } else { text.get(self.range()) }
    }

    #[inline(always)]
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the number of bytes.
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        self.end.wrapping_sub(self.start) as usize
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
                return Err(JsonError::TooManyMembers(key.start));
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

    /// Scans members as long as they have the form of nearly all: no white space, no escape, ASCII,
    /// and a string or a scalar as the value. Stops before a member of another form, and before one
    /// that cannot be chained. Returns `true` if the object has ended.
    #[cfg(feature = "simd")]
    #[inline(always)]
    fn plain_members(&mut self, spans: &mut Spans) -> bool {
        let text = self.text;
        let mut quotes = Quotes::new(text, self.at);
        loop {
            // Anything but a key with both of its quotes is for the caller to find.
            let (Some(open), Some(close)) = (quotes.next(), quotes.next()) else { return false };
            let Some(&[b':', first]) = text.get(close + 1..).and_then(|rest| rest.first_chunk()) else { return false };
            if open != self.at {
                return false;
            }
            let value_end = match first {
                // The next quote is this one.
                b'"' => match (quotes.next(), quotes.next()) {
                    (Some(_), Some(end)) => end + 1,
                    _ => return false,
                },
                b'{' | b'[' => return false,
                _ => {
                    let mut value = Self { at: close + 2, ..*self };
                    if value.scalar().is_err() {
                        return false;
                    }
                    value.at
                }
            };
            let separator = text.get(value_end);
            if !matches!(separator, Some(b',' | b'}')) || !spans.chain(close, value_end) {
                return false;
            }
            self.at = value_end + 1;
            if separator == Some(&b'}') {
                return true;
            }
        }
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

    /// Does the same as [`value`](Self::value) in a text that was scanned before. A number or
    /// literal is known to be valid, so it ends where something else begins.
    #[inline(always)]
    pub(crate) fn known_value(&mut self) -> Option<()> {
        match self.next_token()? {
            b'"' => {
                self.at += 1;
                self.string_tail().ok()?;
            }
            b'{' | b'[' => self.nested().ok()?,
            _ => {
                let rest = self.text.get(self.at..)?;
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
            }
        }
        Some(())
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
