//! The closing quotes of a text, found in blocks of 64 bytes.

use wide::u8x16;

/// The bytes of a block.
const BLOCK: usize = 64;

/// Walks over the quotes that close a string, in a text that holds ASCII only, no escape and no
/// control character. It ends before the first block that holds another byte.
pub(crate) struct ClosingQuotes<'a> {
    /// The text from the next block on.
    rest: &'a [u8],
    /// The position of the present block.
    base: usize,
    /// The closing quotes of the present block that were not returned yet, the first in bit 0.
    marks: u64,
    /// Every bit is set if the next block begins in a string.
    in_string: u64,
}

impl<'a> ClosingQuotes<'a> {
    /// Returns the walk from `at` on, which lies outside of a string.
    #[inline(always)]
    pub(crate) fn new(text: &'a [u8], at: usize) -> Self {
        let mut quotes = Self { rest: text.get(at..).unwrap_or_default(), base: at, marks: 0, in_string: 0 };
        quotes.load();
        quotes
    }

    /// Returns the position of the next closing quote.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            if self.rest.is_empty() {
                return None;
            }
            self.base += BLOCK;
            self.load();
        }
        let at = self.base + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(at)
    }

    /// Marks the closing quotes of the next block.
    #[inline(always)]
    fn load(&mut self) {
        let mut last = [b' '; BLOCK];
        let (block, rest): (&[u8; BLOCK], _) = match self.rest.split_first_chunk() {
            Some(block) => block,
            None => {
                last.iter_mut().zip(self.rest).for_each(|(place, byte)| *place = *byte);
                (&last, &[][..])
            }
        };
        let (quotes, is_plain) = marks(block);
        // From an opening quote to the byte before the closing one.
        let inside = parities(quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(inside >> (BLOCK - 1));
        (self.marks, self.rest) = if is_plain { (quotes & !inside, rest) } else { (0, &[][..]) };
    }
}

/// Marks the quotes of a block, the first in bit 0. Returns `false` as well if the block holds a
/// backslash, a control character, or a byte that is not ASCII.
#[inline(always)]
fn marks(block: &[u8; BLOCK]) -> (u64, bool) {
    let (vectors, _) = block.as_chunks::<16>();
    let (mut marks, mut others) = (0, u8x16::ZERO);
    for (vector, shift) in vectors.iter().zip([0, 16, 32, 48]) {
        let bytes = u8x16::new(*vector);
        // The high bit of each byte of `others` counts. That of a byte is set if it is not ASCII.
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        others |= bytes | control | bytes.simd_eq(u8x16::splat(b'\\'));
        marks |= u64::from(bytes.simd_eq(u8x16::splat(b'"')).to_bitmask()) << shift;
    }
    (marks, others.to_bitmask() == 0)
}

/// Returns a word in which a bit is set if an odd number of the bits up to it are set in `marks`.
#[inline(always)]
fn parities(mut marks: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        marks ^= marks << shift;
    }
    marks
}
