//! The key of a member as it lies in a text, and the word that it is compared by.

use super::scan::Span;

/// The bytes of a word.
pub(crate) const WORD: usize = 16;

/// A key without its quotes, in its text.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    /// The text up to the end of the key.
    text: &'a [u8],
    len: usize,
}

impl<'a> Key<'a> {
    /// Returns the key of the last `len` bytes of a text.
    #[inline(always)]
    pub(crate) fn at_end(text: &'a [u8], len: usize) -> Self {
        Self { text, len }
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.text.get(self.text.len().wrapping_sub(self.len)..).unwrap_or_default()
    }

    /// Returns the [`word`] of the key. What precedes the key in the text is read with it and
    /// masked, because a loop over its bytes would cost several times as much.
    #[inline(always)]
    pub(crate) fn word(self) -> u128 {
        match self.text.last_chunk() {
            Some(chunk) => u128::from_le_bytes(*chunk) & MASKS.get(self.len).copied().unwrap_or(u128::MAX),
            None => word_at_start(self.bytes()),
        }
    }
}

/// Returns the [`word`] of a key that begins a text.
#[cold]
fn word_at_start(key: &[u8]) -> u128 {
    let mut last = [0; WORD];
    last.iter_mut().rev().zip(key.iter().rev()).for_each(|(place, byte)| *place = *byte);
    u128::from_le_bytes(last)
}

/// Takes the members of an object one after the other.
pub(crate) trait Visit {
    /// Takes a member by its key and the place of its value in the object.
    fn member(&mut self, key: Key<'_>, value: Span);
}

/// The bytes of a word that belong to a key, by its length.
#[expect(clippy::indexing_slicing, reason = "runs at compile time alone")]
const MASKS: [u128; WORD + 1] = {
    let mut masks = [0; WORD + 1];
    let mut len = 1;
    while len <= WORD {
        masks[len] = u128::MAX << (8 * (WORD - len));
        len += 1;
    }
    masks
};

/// Returns the last 16 bytes of a key, and zeros before a shorter one. A key of up to 16 bytes is
/// determined by them and its length. Long keys differ at their ends as a rule.
pub(crate) const fn word(key: &[u8]) -> u128 {
    let (mut word, mut rest, mut shift) = (0, key, 128);
    while let ([before @ .., byte], 8..) = (rest, shift) {
        shift -= 8;
        word |= (*byte as u128) << shift;
        rest = before;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_key_does_not_depend_on_what_precedes_it() {
        let text = b"0123456789abcdefghijklmnopqrstuvwxyz";
        for end in 0..=text.len() {
            for start in 0..=end {
                let key = Key::at_end(&text[..end], end - start);
                assert_eq!((key.bytes(), key.len()), (&text[start..end], end - start));
                assert_eq!(key.word(), word(&text[start..end]), "{start}..{end}");
            }
        }
    }
}
