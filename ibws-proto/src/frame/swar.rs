//! Searches in text that read 16 bytes at a time, or 8 as one word (SIMD within a register).

/// Returns the position of the next quote, backslash or control character from `at` on, or the end
/// of the text.
#[inline(always)]
#[cfg_attr(not(feature = "simd"), expect(unused_mut, reason = "only vectors advance them"))]
pub(crate) fn plain_end(text: &[u8], mut at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    #[cfg(feature = "simd")]
    while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
        let marks = vector_marks(*chunk);
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
        rest = tail;
    }
    plain_end_by_words(rest, at)
}

/// Marks the quotes, backslashes and control characters among 16 bytes, the first in bit 0.
#[cfg(feature = "simd")]
#[inline(always)]
fn vector_marks(chunk: [u8; 16]) -> u32 {
    use wide::u8x16;
    let bytes = u8x16::new(chunk);
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let marks = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control;
    marks.to_bitmask()
}

/// Returns the same as [`plain_end`] for the `rest` of the text from `at` on.
#[inline(always)]
fn plain_end_by_words(mut rest: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
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

/// Returns the position of the next byte from `at` on that is no decimal digit, or the end of the
/// text.
#[inline(always)]
#[cfg_attr(not(feature = "simd"), expect(unused_mut, reason = "only vectors advance them"))]
pub(crate) fn digits_end(text: &[u8], mut at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    #[cfg(feature = "simd")]
    while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
        use wide::u8x16;
        let values = u8x16::new(*chunk) - u8x16::splat(b'0');
        let others = !values.min(u8x16::splat(9)).simd_eq(values).to_bitmask() & 0xffff;
        if others != 0 {
            return at + others.trailing_zeros() as usize;
        }
        at += 16;
        rest = tail;
    }
    at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
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
