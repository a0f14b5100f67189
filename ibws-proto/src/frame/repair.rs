//! The text of bytes that are not UTF-8.

use alloc::string::String;

use bytes::Bytes;

use super::large;

/// The greatest number of places of a text that are not UTF-8. The gateway cuts messages at 64 KiB,
/// so none of its own has more. Without this limit the text could take three times the message.
pub(super) const MAX_BAD_PLACES: usize = 64 * 1024;

/// Returns the text of bytes that are not UTF-8, with U+FFFD in place of what is not; `None` if
/// that is at more than [`MAX_BAD_PLACES`] places. Its size is computed first, because a text that
/// grows takes twice its size.
#[inline(never)]
pub(super) fn repaired(raw: &[u8]) -> Option<Bytes> {
    let chunks =
        || raw.utf8_chunks().map(|chunk| (chunk.valid(), if chunk.invalid().is_empty() { "" } else { "\u{fffd}" }));
    let (mut size, mut places) = (0, 0);
    for (valid, invalid) in chunks() {
        size += valid.len() + invalid.len();
        places += usize::from(!invalid.is_empty());
        if places > MAX_BAD_PLACES {
            return None;
        }
    }
    let mut text = String::with_capacity(size);
    for (valid, invalid) in chunks() {
        text.push_str(valid);
        text.push_str(invalid);
    }
    Some(large::shared(text.into_bytes()))
}
