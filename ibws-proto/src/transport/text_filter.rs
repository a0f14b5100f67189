//! The text-opcode filter under the WebSocket library: a byte that is not UTF-8 never ends a
//! connection, and the code of a Close is known as it was received.

/// The opcode of a text frame (RFC 6455 §5.2).
const TEXT: u8 = 0x1;
/// The opcode of a binary frame (RFC 6455 §5.2).
const BINARY: u8 = 0x2;
/// The opcode of a Close frame (RFC 6455 §5.2).
const CLOSE: u8 = 0x8;

/// Replaces the text opcode of frames with the binary one, in place, and changes nothing else.
///
/// WebSocket libraries must fail a connection over a text frame that is not UTF-8; the gateway
/// sends such frames (docs/protocol.md §1.6). Under this filter they arrive as binary frames, which
/// the library does not validate and the core decodes.
///
/// The filter takes every byte that the peer sends after the HTTP upgrade, in order and cut
/// anywhere: the output does not depend on the cuts. It reads frame headers and the code of a Close
/// only, so its cost grows with the number of frames and not with the number of bytes. It refuses
/// nothing: reserved opcodes, masked server frames and absurd lengths pass unchanged, and the
/// library refuses them.
///
/// ```
/// use ibws_proto::transport::TextFilter;
///
/// let mut bytes = *b"\x81\x02hi";
/// TextFilter::new().apply(&mut bytes);
/// assert_eq!(&bytes, b"\x82\x02hi");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TextFilter {
    position: Position,
    close: Close,
}

/// What has been read of the first Close frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Close {
    /// None has arrived.
    #[default]
    Awaited,
    /// Its header and, with `Some`, the first byte of its code.
    Begun(Option<u8>),
    /// All that matters: the code, or its absence.
    Read(Option<u16>),
}

impl Close {
    /// Takes the next bytes of the payload of the frame.
    fn push(self, payload: &[u8]) -> Self {
        match (self, payload) {
            (Self::Begun(None), &[high, low, ..]) | (Self::Begun(Some(high)), &[low, ..]) => {
                Self::Read(Some(u16::from_be_bytes([high, low])))
            }
            (Self::Begun(None), &[high]) => Self::Begun(Some(high)),
            (unchanged, _) => unchanged,
        }
    }
}

/// The place of the next byte in the stream of frames.
#[derive(Clone, Copy, Debug, Default)]
enum Position {
    /// At the first header byte: flags and opcode.
    #[default]
    Opcode,
    /// At the second header byte: mask bit and the short length.
    Length,
    /// Inside a 16- or 64-bit length.
    LongLength { remaining: u8, value: u64, masked: bool },
    /// Inside the masking key, if any, and the payload, which are skipped.
    Payload { remaining: u64 },
}

impl Position {
    /// Returns the place after a complete header.
    const fn after_header(payload: u64, masked: bool) -> Self {
        // A masking key is skipped with the payload. The sum saturates, because 2^64-1 bytes never
        // end anyway.
        match payload.saturating_add(if masked { 4 } else { 0 }) {
            0 => Self::Opcode,
            remaining => Self::Payload { remaining },
        }
    }
}

impl TextFilter {
    /// Creates a filter at the start of a stream of frames.
    #[must_use]
    pub const fn new() -> Self {
        Self { position: Position::Opcode, close: Close::Awaited }
    }

    /// Returns the code of the first Close frame that has passed; `None` if it has no code, or if
    /// none has passed.
    ///
    /// WebSocket libraries replace a code that may not go over the wire (RFC 6455 §7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        match self.close {
            Close::Read(code) => code,
            Close::Awaited | Close::Begun(_) => None,
        }
    }

    /// Filters the next bytes of the stream in place.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        loop {
            if let Position::Payload { remaining } = self.position {
                let skipped = usize::try_from(remaining).unwrap_or(usize::MAX).min(rest.len());
                if let Close::Begun(_) = self.close {
                    self.close = self.close.push(rest.get(..skipped).unwrap_or_default());
                }
                rest = rest.get_mut(skipped..).unwrap_or_default();
                // `skipped` fits into u64, because it is at most `remaining`.
                self.position = Position::after_header(remaining.saturating_sub(skipped as u64), false);
            }
            let Some((byte, tail)) = rest.split_first_mut() else { return };
            rest = tail;
            self.position = match self.position {
                Position::Opcode => {
                    if let Close::Begun(_) = self.close {
                        self.close = Close::Read(None);
                    }
                    match *byte & 0x0f {
                        TEXT => *byte = *byte & 0xf0 | BINARY,
                        CLOSE if self.close == Close::Awaited => self.close = Close::Begun(None),
                        _ => {}
                    }
                    Position::Length
                }
                Position::Length => {
                    let masked = *byte & 0x80 != 0;
                    match *byte & 0x7f {
                        126 => Position::LongLength { remaining: 2, value: 0, masked },
                        127 => Position::LongLength { remaining: 8, value: 0, masked },
                        short => Position::after_header(u64::from(short), masked),
                    }
                }
                Position::LongLength { remaining, value, masked } => {
                    let value = value << 8 | u64::from(*byte);
                    match remaining {
                        0 | 1 => Position::after_header(value, masked),
                        more => Position::LongLength { remaining: more - 1, value, masked },
                    }
                }
                // Not reached, because `rest` is empty while payload remains. The byte would be
                // payload.
                Position::Payload { remaining } => Position::after_header(remaining.saturating_sub(1), false),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::TextFilter;

    fn filtered(bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        TextFilter::new().apply(&mut out);
        out
    }

    #[test]
    fn a_text_frame_becomes_binary_and_its_payload_stays_unchanged() {
        // The payload looks like text headers and must not change.
        assert_eq!(filtered(b"\x81\x04\x81\x01\x81\x99"), b"\x82\x04\x81\x01\x81\x99");
    }

    #[test]
    fn fragments_keep_continuations_and_control_frames_between_them() {
        let fragmented = b"\x01\x01a\x89\x01p\x00\x01b\x80\x01c\x81\x00";
        assert_eq!(filtered(fragmented), b"\x02\x01a\x89\x01p\x00\x01b\x80\x01c\x82\x00");
    }

    #[test]
    fn all_three_length_forms_and_the_masking_key_are_skipped() {
        let mut stream = Vec::new();
        stream.extend_from_slice(b"\x81\x7e\x00\x7e");
        stream.extend_from_slice(&[0x81; 126]);
        stream.extend_from_slice(b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x02\x81\x81\x81\x81\x81\x81");
        stream.extend_from_slice(b"\x81\x80\x81\x81\x81\x81");
        stream.extend_from_slice(b"\x81\x00");
        let headers = [0, 130, 146, 152];
        for (at, (before, after)) in stream.iter().zip(filtered(&stream)).enumerate() {
            assert_eq!(after, if headers.contains(&at) { 0x82 } else { *before }, "byte {at}");
        }
    }

    #[test]
    fn a_length_of_2_to_the_64_minus_1_does_not_overflow() {
        let claim = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04\x81\x01";
        let mut expected = claim.to_vec();
        expected[0] = 0x82;
        assert_eq!(filtered(claim), expected);
    }

    #[test]
    fn the_code_of_the_first_close_is_read_wherever_it_is_cut() {
        for (stream, code) in [
            (&b"\x81\x02hi\x88\x02\x03\xe7\x88\x02\x03\xe8"[..], Some(999)),
            (b"\x88\x05\x03\xed\xff\xff\xff", Some(1005)),
            (b"\x88\x7e\x00\x02\x03\xe8", Some(1000)),
            (b"\x88\x00\x81\x02\x03\xe8\x88\x02\x03\xe8", None),
            (b"\x88\x01\x03\x81\x02\xe8\xe8", None),
            (b"\x88\x02\x03", None),
            (b"\x81\x04\x88\x02\x03\xe8", None),
        ] {
            for cut in 0..=stream.len() {
                let (mut filter, mut bytes) = (TextFilter::new(), stream.to_vec());
                let (first, second) = bytes.split_at_mut(cut);
                filter.apply(first);
                filter.apply(second);
                assert_eq!(filter.close_code(), code, "{stream:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn filtering_byte_by_byte_gives_the_same_bytes() {
        let whole = b"\x01\x01a\x89\x00\x80\x7e\x00\x01b\xc1\x00\x81\x02\x81\x81";
        let mut filter = TextFilter::new();
        let mut bytes = *whole;
        bytes.chunks_mut(1).for_each(|byte| filter.apply(byte));
        assert_eq!(bytes.as_slice(), filtered(whole));
    }
}
