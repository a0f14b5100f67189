//! The closing quotes of a text, found in blocks of 64 bytes.

use wide::u8x16;

/// The bytes of a block.
const BLOCK: usize = 64;

/// Walks over the quotes that close a string, in a text that holds ASCII only, no escape and no
/// control character. It ends before the first block that holds another byte. In a text that is
/// `KNOWN` to be JSON, it ends before an escape only.
pub(crate) struct ClosingQuotes<'a, const KNOWN: bool> {
    text: &'a [u8],
    /// The position of the present block.
    base: usize,
    /// The closing quotes of the present block that were not returned yet, the first in bit 0.
    marks: u64,
    /// Every bit is set if the next block begins in a string.
    in_string: u64,
}

impl<'a, const KNOWN: bool> ClosingQuotes<'a, KNOWN> {
    /// Returns the walk from the position `at` on, which lies outside of a string.
    #[inline(always)]
    pub(crate) fn new(text: &'a [u8], at: usize) -> Self {
        let mut quotes = Self { text, base: at, marks: 0, in_string: 0 };
        quotes.load();
        quotes
    }

    /// Returns the position of the next closing quote.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            self.base = self.base.saturating_add(BLOCK);
            if self.base >= self.text.len() {
                return None;
            }
            self.load();
        }
        let at = self.base + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(at)
    }

    /// Marks the closing quotes of the present block, or ends the walk.
    #[inline(always)]
    fn load(&mut self) {
        let block = self.text.get(self.base..).and_then(|rest| rest.first_chunk());
        let quotes = match block {
            Some(block) => marks::<KNOWN>(block),
            None => last_marks::<KNOWN>(self.text, self.base),
        };
        let Some(quotes) = quotes else {
            self.base = self.text.len();
            return;
        };
        // From an opening quote to the byte before the closing one.
        let inside = parities(quotes) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(inside >> (BLOCK - 1));
        self.marks = quotes & !inside;
    }
}

/// Marks the quotes of what remains of the text from `at` on, which is shorter than a block.
#[inline(never)]
fn last_marks<const KNOWN: bool>(text: &[u8], at: usize) -> Option<u64> {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(block) = text.last_chunk() {
        // What is before `at` was seen, or is of no interest.
        let before = u32::try_from(BLOCK - rest.len()).unwrap_or(u32::MAX);
        return marks::<KNOWN>(block).map(|marks| marks.unbounded_shr(before));
    }
    let mut block = [b' '; BLOCK];
    block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    marks::<KNOWN>(&block)
}

/// Marks the quotes of a block, the first in bit 0. Returns `None` if the block holds a backslash,
/// and if it is not `KNOWN` also for a control character or a byte that is not ASCII.
#[inline(always)]
fn marks<const KNOWN: bool>(block: &[u8; BLOCK]) -> Option<u64> {
    let (vectors, _) = block.as_chunks::<16>();
    let (mut marks, mut others) = (0, u8x16::ZERO);
    for (vector, shift) in vectors.iter().zip([0, 16, 32, 48]) {
        let bytes = u8x16::new(*vector);
        // The high bit of each byte of `others` counts. That of a byte is set if it is not ASCII.
        others |= bytes.simd_eq(u8x16::splat(b'\\'));
        if !KNOWN {
            others |= bytes | bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        }
        marks |= u64::from(bytes.simd_eq(u8x16::splat(b'"')).to_bitmask()) << shift;
    }
    (others.to_bitmask() == 0).then_some(marks)
}

/// Returns a word in which a bit is set if an odd number of the bits up to it are set in `marks`.
#[inline(always)]
fn parities(mut marks: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        marks ^= marks << shift;
    }
    marks
}
