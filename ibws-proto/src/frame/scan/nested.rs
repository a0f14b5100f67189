//! Values within values.

use super::super::quotes::ClosingQuotes;
use super::Cursor;

/// Why a run of members or elements ended.
enum End {
    /// An array or object begins.
    Opened,
    /// The object or array ended.
    Closed,
}

impl<'a> Cursor<'a> {
    /// Scans the array or object at `at` if all in it has the form of nearly all: no white space,
    /// no escape, ASCII. Its strings end at the next `quotes`, so none is searched for its
    /// end. Returns the end, and the quotes behind it; `None` for another form and for what is not
    /// JSON.
    #[inline(never)]
    pub(super) fn plain_nested(
        &self,
        at: usize,
        quotes: ClosingQuotes<'a, false>,
    ) -> Option<(usize, ClosingQuotes<'a, false>)> {
        let mut nested = Self { at, ..*self };
        let mut quotes = quotes;
        // Bit 0 is the innermost level; it is set in an object and clear in an array.
        let mut objects: u128 = 0;
        let mut depth: u32 = 0;
        let mut end = End::Opened;
        loop {
            if matches!(end, End::Opened) {
                if depth == self.levels {
                    return None;
                }
                depth += 1;
                let is_object = nested.peek() == Some(b'{');
                objects = objects << 1 | u128::from(is_object);
                nested.at += 1;
                if nested.peek()? != if is_object { b'}' } else { b']' } {
                    end = nested.plain_run(is_object, &mut quotes)?;
                    continue;
                }
                nested.at += 1;
            }
            objects >>= 1;
            depth -= 1;
            if depth == 0 {
                return Some((nested.at, quotes));
            }
            end = nested.plain_rest(objects & 1 == 1, &mut quotes)?;
        }
    }

    /// Scans the members or elements that remain behind a value.
    #[inline(always)]
    fn plain_rest(&mut self, in_object: bool, quotes: &mut ClosingQuotes<'_, false>) -> Option<End> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                self.plain_run(in_object, quotes)
            }
            close if close == if in_object { b'}' } else { b']' } => {
                self.at += 1;
                Some(End::Closed)
            }
            _ => None,
        }
    }

    /// Scans members or elements up to one that is an array or object, or to the end of all.
    #[inline(always)]
    fn plain_run(&mut self, in_object: bool, quotes: &mut ClosingQuotes<'_, false>) -> Option<End> {
        if in_object { self.plain_values::<true>(quotes) } else { self.plain_values::<false>(quotes) }
    }

    #[inline(always)]
    fn plain_values<const KEYS: bool>(&mut self, quotes: &mut ClosingQuotes<'_, false>) -> Option<End> {
        let text = self.text;
        loop {
            if KEYS {
                if self.peek()? != b'"' {
                    return None;
                }
                let close = quotes.next()?;
                if text.get(close + 1) != Some(&b':') {
                    return None;
                }
                self.at = close + 2;
            }
            match self.peek()? {
                b'"' => self.at = quotes.next()? + 1,
                b'{' | b'[' => return Some(End::Opened),
                _ => self.scalar().ok()?,
            }
            match self.peek()? {
                b',' => self.at += 1,
                close if close == if KEYS { b'}' } else { b']' } => {
                    self.at += 1;
                    return Some(End::Closed);
                }
                _ => return None,
            }
        }
    }
}
