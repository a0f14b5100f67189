//! Values within values.

use super::super::quotes::Quotes;
use super::Cursor;

impl<'a> Cursor<'a> {
    /// Scans the array or object at `at` if all in it has the form of nearly all: no white space, no
    /// escape, ASCII. Its strings lie between the next `quotes`, so none is searched for its end.
    /// Returns the end, and the quotes behind it; `None` for another form and for what is not JSON.
    #[inline(never)]
    pub(super) fn plain_nested(
        &self,
        mut at: usize,
        mut quotes: Quotes<'a, false>,
    ) -> Option<(usize, Quotes<'a, false>)> {
        let text = self.text;
        // Bit 0 is the innermost level; it is set in an object and clear in an array.
        let mut objects: u128 = 0;
        let mut depth: u32 = 0;
        loop {
            // A value begins here.
            match *text.get(at)? {
                open @ (b'{' | b'[') => {
                    if depth == self.levels {
                        return None;
                    }
                    depth += 1;
                    at += 1;
                    let is_object = open == b'{';
                    objects = objects << 1 | u128::from(is_object);
                    let is_empty = *text.get(at)? == if is_object { b'}' } else { b']' };
                    if !is_empty {
                        if is_object {
                            at = plain_key(text, at, &mut quotes)?;
                        }
                        continue;
                    }
                }
                // The next quote is this one.
                b'"' => {
                    quotes.next()?;
                    at = quotes.next()? + 1;
                }
                _ => {
                    let mut value = Self { at, ..*self };
                    value.scalar().ok()?;
                    at = value.at;
                }
            }
            // A value ended. Close what closes, then go on with the next value.
            loop {
                let in_object = objects & 1 == 1;
                let byte = *text.get(at)?;
                at += 1;
                if byte == b',' {
                    if in_object {
                        at = plain_key(text, at, &mut quotes)?;
                    }
                    break;
                }
                if byte != if in_object { b'}' } else { b']' } {
                    return None;
                }
                objects >>= 1;
                depth -= 1;
                if depth == 0 {
                    return Some((at, quotes));
                }
            }
        }
    }
}

/// Takes the key at `at`, and returns the position behind its colon.
#[inline(always)]
fn plain_key(text: &[u8], at: usize, quotes: &mut Quotes<'_, false>) -> Option<usize> {
    let (open, close) = (quotes.next()?, quotes.next()?);
    (open == at && text.get(close + 1) == Some(&b':')).then_some(close + 2)
}
