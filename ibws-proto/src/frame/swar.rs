//! Searches in text that read eight bytes at a time (SIMD within a register).

/// Returns the position of the next quote, backslash or control character from `at` on, or the end
/// of the text.
#[inline(always)]
pub(crate) fn plain_end(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let mut rest = text.get(at..).unwrap_or_default();
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // Each term sets the high bit of every byte that matches. A false mark can only be above a
        // true one, and the lowest mark is the one that is used.
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
        rest = tail;
    }
    at + rest.iter().take_while(|&&byte| byte != b'"' && byte != b'\\' && byte >= 0x20).count()
}

/// Returns `true` if the text holds a backslash. The last eight bytes are read as one word, even
/// where they overlap the word before.
#[inline(always)]
pub(crate) fn has_escape(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let marks = |chunk: &[u8; 8]| {
        let word = u64::from_le_bytes(*chunk) ^ (ONES * b'\\' as u64);
        word.wrapping_sub(ONES) & !word & HIGH
    };
    let Some(last) = text.last_chunk::<8>() else { return text.contains(&b'\\') };
    let (chunks, _) = text.as_chunks::<8>();
    chunks.iter().map(marks).fold(marks(last), |all, marks| all | marks) != 0
}
