//! Numbers and literals.

use super::super::swar::digits_end;
use super::{Cursor, JsonError};

impl Cursor<'_> {
    /// Scans a number or one of the three literals.
    #[inline(always)]
    pub(super) fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.literal(),
        }
    }

    #[inline(never)]
    fn literal(&mut self) -> Result<(), JsonError> {
        let literal: &[u8] = match self.peek() {
            Some(b't') => b"true",
            Some(b'f') => b"false",
            Some(b'n') => b"null",
            _ => return Err(self.error()),
        };
        for &byte in literal {
            if self.peek() != Some(byte) {
                return Err(self.error());
            }
            self.at += 1;
        }
        Ok(())
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let first = start + usize::from(self.peek() == Some(b'-'));
        self.at = first;
        self.digits();
        // Most numbers have no power, and no leading zero but one alone.
        let digits = self.at.wrapping_sub(first);
        if digits == 1 || digits > 1 && self.text.get(first) != Some(&b'0') {
            let point = self.at;
            if self.peek() == Some(b'.') {
                self.at += 1;
                self.digits();
            }
            if self.at != point + 1 && !matches!(self.peek(), Some(b'e' | b'E')) {
                return Ok(());
            }
        }
        self.at = start;
        self.any_number()
    }

    #[inline(never)]
    fn any_number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            // No digit may follow a leading zero. The caller finds such a digit as an unexpected
            // byte.
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.error()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error());
        }
        self.digits();
        Ok(())
    }

    #[inline(always)]
    fn digits(&mut self) {
        self.at = digits_end(self.text, self.at);
    }
}
