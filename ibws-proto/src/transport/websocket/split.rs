//! Splits large frames into fragments under the WebSocket library.
//!
//! The library reads frames into one buffer, grows that buffer to the largest frame, and cuts each
//! message from it. A small message would then keep a buffer of megabytes for as long as it is
//! kept, the buffer would never shrink, and the header of a frame alone would reserve its memory.
//! Split into fragments, a large message is collected by the library in a buffer of its own.

use core::ops::Range;

/// The longest header of a frame: two bytes, a 64-bit length, a masking key (RFC 6455 §5.2).
const MAX_HEADER: usize = 14;
/// The bit of the first byte that marks the last frame of a message.
const FIN: u8 = 0x80;
/// The bit of the opcode that marks a control frame.
const CONTROL: u8 = 0x08;
/// The opcode of a continuation, with no flags.
const CONTINUATION: u8 = 0x00;

/// Splits data frames that are longer than a piece. Everything else passes unchanged: control
/// frames, masked frames, and frames above the limit, which the library refuses.
#[derive(Debug)]
pub(super) struct Splitter {
    /// The largest payload that is not split.
    piece: u64,
    /// The largest payload that is accepted.
    max_frame: u64,
    position: Position,
    /// The header that is being received, or the one that is to be read next.
    header: Header,
}

/// The place of the next byte of the peer in the stream of frames.
#[derive(Clone, Copy, Debug)]
enum Position {
    /// In a header, of which [`Splitter::header`] holds what has been received.
    Header,
    /// In a payload that passes unchanged.
    Payload { remaining: u64 },
    /// In a piece of a payload. `after` bytes of the payload follow the piece; the last one has the
    /// flag `fin`.
    Piece { remaining: u64, after: u64, fin: u8 },
}

/// A header, or part of one.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    bytes: [u8; MAX_HEADER],
    range: (usize, usize),
}

impl Header {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.range.0..self.range.1).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.range.1) {
            *place = byte;
            self.range.1 += 1;
        }
    }

    /// Replaces the header by that of an unmasked frame of less than 64 KiB.
    fn set(&mut self, first: u8, length: u64) {
        *self = Self::default();
        self.push(first);
        match u8::try_from(length) {
            Ok(short @ 0..126) => self.push(short),
            _ => {
                self.push(126);
                length.to_be_bytes().into_iter().skip(6).for_each(|byte| self.push(byte));
            }
        }
    }

    /// Returns the length of the whole header, as far as it is known.
    fn length(bytes: &[u8]) -> usize {
        let second = bytes.get(1).copied().unwrap_or(0);
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if second & 0x80 == 0 { 0 } else { 4 }
    }

    /// Returns the length of the payload and whether it is masked, of a whole header.
    fn payload(bytes: &[u8]) -> (u64, bool) {
        let second = bytes.get(1).copied().unwrap_or(0);
        let extended = match second & 0x7f {
            126 => bytes.get(2..4),
            127 => bytes.get(2..10),
            short => return (u64::from(short), second & 0x80 != 0),
        };
        let value = extended.unwrap_or_default().iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        (value, second & 0x80 != 0)
    }
}

impl Splitter {
    /// Creates a splitter at the start of a stream of frames. `piece` is less than 64 KiB.
    pub(super) fn new(piece: u16, max_frame: usize) -> Self {
        Self {
            piece: u64::from(piece.max(1)),
            max_frame: max_frame as u64,
            position: Position::Header,
            header: Header::default(),
        }
    }

    /// Takes bytes of a header that are to be read before anything else.
    pub(super) fn take_header(&mut self, buf: &mut [u8]) -> usize {
        if matches!(self.position, Position::Header) {
            return 0;
        }
        let ready = self.header.bytes();
        let count = ready.len().min(buf.len());
        buf.iter_mut().zip(ready).for_each(|(place, byte)| *place = *byte);
        self.header.range.0 += count;
        count
    }

    /// Returns how many bytes of the peer may be read at once, of `max`.
    pub(super) fn limit(&self, max: usize) -> usize {
        match self.position {
            Position::Piece { remaining, .. } => usize::try_from(remaining).unwrap_or(max).min(max),
            Position::Header | Position::Payload { .. } => max,
        }
    }

    /// Takes the bytes that the peer sent, of which [`limit`](Self::limit) was the maximum. Returns
    /// how many of them can be read, and the range of those that must be put in again, after
    /// [`take_header`](Self::take_header) returned 0. The bytes between the two are held back.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) -> (usize, Range<usize>) {
        let mut at = 0;
        loop {
            match self.position {
                Position::Payload { remaining } => {
                    let passed = usize::try_from(remaining).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += passed;
                    let remaining = remaining - passed as u64;
                    if remaining > 0 {
                        self.position = Position::Payload { remaining };
                        return (at, at..at);
                    }
                    self.start_header();
                }
                Position::Piece { remaining, after, fin } => {
                    let passed = usize::try_from(remaining).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += passed;
                    let remaining = remaining - passed as u64;
                    if remaining > 0 {
                        self.position = Position::Piece { remaining, after, fin };
                    } else if after > 0 {
                        self.start_piece(CONTINUATION, after, fin);
                    } else {
                        self.start_header();
                        continue;
                    }
                    return (at, at..bytes.len());
                }
                Position::Header => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    // Nearly always a header is received whole, and passes without a copy.
                    if self.header.range == (0, 0) && rest.len() >= 2 && rest.len() >= Header::length(rest) {
                        let length = Header::length(rest);
                        if let Some(remaining) = self.passes(rest) {
                            at += length;
                            self.position = Position::Payload { remaining };
                            continue;
                        }
                    }
                    if rest.is_empty() {
                        return (at, at..at);
                    }
                    let taken = self.receive_header(rest);
                    return (at, at + taken..bytes.len());
                }
            }
        }
    }

    /// Returns the length of the payload if a frame with this header passes unchanged.
    fn passes(&self, header: &[u8]) -> Option<u64> {
        let (length, is_masked) = Header::payload(header);
        let is_control = header.first().is_some_and(|first| first & CONTROL != 0);
        let is_split = length > self.piece && length <= self.max_frame && !is_control && !is_masked;
        (!is_split).then_some(length)
    }

    /// Takes the bytes of a header one by one and returns their number.
    fn receive_header(&mut self, bytes: &[u8]) -> usize {
        for (taken, byte) in bytes.iter().enumerate() {
            self.header.push(*byte);
            let header = self.header.bytes();
            if header.len() >= 2 && header.len() == Header::length(header) {
                self.end_header();
                return taken + 1;
            }
        }
        bytes.len()
    }

    fn end_header(&mut self) {
        let header = self.header;
        match self.passes(header.bytes()) {
            Some(remaining) => self.position = Position::Payload { remaining },
            None => {
                let (length, _) = Header::payload(header.bytes());
                let first = header.bytes().first().copied().unwrap_or(0);
                self.start_piece(first & !FIN, length, first & FIN);
            }
        }
    }

    fn start_header(&mut self) {
        self.position = Position::Header;
        self.header = Header::default();
    }

    /// Begins the next piece of a payload of which `length` bytes are to come.
    fn start_piece(&mut self, first: u8, length: u64, fin: u8) {
        let remaining = length.min(self.piece);
        let after = length - remaining;
        self.header.set(if after == 0 { first | fin } else { first }, remaining);
        self.position = Position::Piece { remaining, after, fin };
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    /// Returns a frame in the shortest form.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(length as u8),
            length @ 126..0x1_0000 => {
                bytes.push(126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Returns what a reader with a buffer of `room` bytes reads, if the peer sends pieces of `cut`
    /// bytes.
    fn read(splitter: &mut Splitter, peer: &[u8], cut: usize, room: usize) -> Vec<u8> {
        let (mut out, mut held, mut buf) = (Vec::new(), Vec::new(), vec![0; room]);
        let mut pieces = peer.chunks(cut);
        loop {
            let count = splitter.take_header(&mut buf);
            if count > 0 {
                out.extend_from_slice(&buf[..count]);
                continue;
            }
            if held.is_empty() {
                let Some(piece) = pieces.next() else { return out };
                held.extend_from_slice(piece);
            }
            let count = splitter.limit(room).min(held.len());
            let taken: Vec<u8> = held.drain(..count).collect();
            let (readable, again) = splitter.put(&taken);
            out.extend_from_slice(&taken[..readable]);
            held.splice(..0, taken[again].iter().copied());
        }
    }

    #[test]
    fn a_large_frame_becomes_fragments_of_at_most_a_piece() {
        let payload: Vec<u8> = (0..25).collect();
        let expected = [
            frame(0x02, &payload[..10]),
            frame(0x00, &payload[10..20]),
            frame(0x80, &payload[20..]),
            // The first fragment of a message of two, and the last one.
            frame(0x41, &payload[..10]),
            frame(0x00, &payload[10..11]),
            frame(0x80, &payload[..10]),
        ];
        let sent = [frame(0x82, &payload), frame(0x41, &payload[..11]), frame(0x80, &payload[..10])];
        for cut in 1..60 {
            for room in 1..40 {
                let read = read(&mut Splitter::new(10, 1_000), &sent.concat(), cut, room);
                assert_eq!(read, expected.concat(), "cut {cut}, room {room}");
            }
        }
    }

    #[test]
    fn all_length_forms_are_split_and_written_in_their_shortest_form() {
        for length in [1_000, 70_000] {
            let payload = vec![0x81; length];
            let sent = [frame(0x81, &payload), frame(0x89, b"ping")].concat();
            let mut expected: Vec<u8> = Vec::new();
            for (at, piece) in payload.chunks(300).enumerate() {
                let fin = if (at + 1) * 300 >= length { 0x80 } else { 0 };
                expected.extend(frame(if at == 0 { 0x01 } else { 0x00 } | fin, piece));
            }
            expected.extend(frame(0x89, b"ping"));
            for cut in [1, 7, 301, 100_000] {
                assert_eq!(read(&mut Splitter::new(300, 100_000), &sent, cut, 512), expected, "cut {cut}");
            }
        }
    }

    #[test]
    fn what_the_library_refuses_passes_unchanged() {
        let long = [b'x'; 50];
        let masked = [&[0x82, 0x80 | 50, 1, 2, 3, 4][..], &long].concat();
        let control = frame(0x89, &long);
        let oversized = frame(0x82, &[b'y'; 101]);
        let absurd = [&[0x82, 127][..], &[0xff; 8], &long].concat();
        for sent in [frame(0x82, &long[..10]), frame(0x82, b""), masked, control, oversized, absurd] {
            for (cut, room) in [(1, 1), (3, 2), (1_000, 1_000)] {
                assert_eq!(read(&mut Splitter::new(10, 100), &sent, cut, room), sent);
            }
        }
    }
}
