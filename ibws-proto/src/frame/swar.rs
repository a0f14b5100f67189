//! Searches in text that read 16 bytes at a time, or 8 as one word (SIMD within a register).

#[cfg(feature = "simd")]
use wide::u8x16;

/// Returns the position of the next quote, backslash or control character from `at` on, or the end
/// of the text.
#[inline(always)]
pub(crate) fn plain_end(text: &[u8], at: usize) -> usize {
    #[cfg(feature = "simd")]
    let at = match find_by_vectors(text, at, |bytes| {
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control
    }) {
        Ok(found) => return found,
        Err(rest) => rest,
    };
    plain_end_by_words(text.get(at..).unwrap_or_default(), at)
}

/// Returns the position of the first byte from `at` on that `mark` marks, by setting all its bits.
///
/// # Errors
/// The position of the rest, which is shorter than a vector and was not searched.
#[cfg(feature = "simd")]
#[inline(always)]
fn find_by_vectors(text: &[u8], mut at: usize, mark: impl Fn(u8x16) -> u8x16) -> Result<usize, usize> {
    let mut rest = text.get(at..).unwrap_or_default();
    while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
        let marks = mark(u8x16::new(*chunk)).to_bitmask();
        if marks != 0 {
            return Ok(at + marks.trailing_zeros() as usize);
        }
        at += 16;
        rest = tail;
    }
    Err(at)
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
pub(crate) fn digits_end(text: &[u8], at: usize) -> usize {
    #[cfg(feature = "simd")]
    let at = match find_by_vectors(text, at, |bytes| {
        let values = bytes - u8x16::splat(b'0');
        !values.min(u8x16::splat(9)).simd_eq(values)
    }) {
        Ok(found) => return found,
        Err(rest) => rest,
    };
    at + text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Returns the position of the next byte from `at` on that ends a number or a literal, or the end
/// of the text.
#[inline(always)]
pub(crate) fn scalar_end(text: &[u8], at: usize) -> usize {
    #[cfg(feature = "simd")]
    let at = match find_by_vectors(text, at, |bytes| {
        // A bracket differs from a brace in one bit, which no other byte of a number or literal has
        // in common with them.
        bytes.simd_eq(u8x16::splat(b','))
            | (bytes | u8x16::splat(0x20)).simd_eq(u8x16::splat(b'}'))
            | bytes.min(u8x16::splat(b' ')).simd_eq(bytes)
    }) {
        Ok(found) => return found,
        Err(rest) => rest,
    };
    let goes_on = |byte: &&u8| !matches!(byte, b',' | b'}' | b']' | 0..=b' ');
    at + text.get(at..).unwrap_or_default().iter().take_while(goes_on).count()
}

/// Returns `true` if the text holds a backslash. It is read by words; the last one may overlap the
/// one before.
#[inline(always)]
pub(crate) fn has_escape(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let marks = |word: u64| {
        let word = word ^ (ONES * b'\\' as u64);
        word.wrapping_sub(ONES) & !word & HIGH
    };
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let mut all = marks(u64::from_le_bytes(*first)) | marks(u64::from_le_bytes(*last));
        let mut rest = text.get(8..).unwrap_or_default();
        while rest.len() > 8
            && let Some((chunk, tail)) = rest.split_first_chunk()
        {
            all |= marks(u64::from_le_bytes(*chunk));
            rest = tail;
        }
        return all != 0;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let word = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        return marks(word) != 0;
    }
    matches!(text, [b'\\', ..] | [_, b'\\', ..] | [_, _, b'\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that end plain text, and their neighbours: those that differ from one of them by
    /// one, or in the high bit.
    const BYTES: [u8; 11] = [0x00, 0x1f, 0x20, b'!', b'"', b'#', b'[', b'\\', b']', 0xa2, 0xdc];

    /// Calls `visit` with every text of `N` of these bytes.
    fn every<const N: usize>(bytes: &[u8], mut visit: impl FnMut(&[u8; N])) {
        for mut number in 0..bytes.len().pow(u32::try_from(N).unwrap()) {
            let text = [(); N].map(|()| {
                let byte = bytes[number % bytes.len()];
                number /= bytes.len();
                byte
            });
            visit(&text);
        }
    }

    fn compare(text: &[u8]) {
        for at in 0..=text.len() {
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let end = at + text[at..].iter().position(ends).unwrap_or(text.len() - at);
            assert_eq!(plain_end(text, at), end, "{text:x?} from {at}");
        }
        assert_eq!(has_escape(text), text.contains(&b'\\'), "{text:x?}");
    }

    #[test]
    fn every_short_text_ends_where_its_bytes_end_it() {
        every::<4>(&BYTES, |tail| {
            // The four bytes stand in one word, across two, and after the last.
            for plain in [0, 3, 6, 12] {
                compare(&[&[b'a'; 12][..plain], tail].concat());
            }
        });
        // Whole words of the bytes that a search could mistake for one another.
        every::<8>(&[0x1f, b'"', b'#', b'\\'], |word| compare(word));
    }
}
