//! Compares the text filter with a model that has the whole stream at once.

use ibws_proto::transport::TextFilter;

use super::pieces::Pieces;

/// Filters arbitrary bytes in arbitrary pieces, and checks that the result is that of a model which
/// reads one frame header after another from the whole stream.
///
/// # Panics
/// If it is not.
pub fn filter(data: &[u8]) {
    let (pieces, _) = Pieces::new(data);
    let (expected, code) = model(pieces.bytes());
    let mut filter = TextFilter::new();
    let mut filtered = Vec::new();
    for piece in pieces.cut(pieces.bytes()) {
        let mut piece = piece.to_vec();
        filter.apply(&mut piece);
        filtered.extend(piece);
    }
    assert_eq!((filtered, filter.close_code()), (expected, code), "in pieces");
}

/// The filtered stream, and the code of its first Close frame.
fn model(bytes: &[u8]) -> (Vec<u8>, Option<u16>) {
    let mut filtered = bytes.to_vec();
    let mut code = None;
    let mut at = 0_u128;
    while let Some(start) = usize::try_from(at).ok().filter(|start| *start < bytes.len()) {
        let frame = &bytes[start..];
        let opcode = frame[0] & 0x0f;
        if opcode == 1 {
            filtered[start] = frame[0] & 0xf0 | 2;
        }
        let Some(second) = frame.get(1) else { break };
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(long) = frame.get(2..2 + length_bytes) else { break };
        let length = match long {
            [] => u128::from(second & 0x7f),
            long => long.iter().fold(0, |length, byte| length << 8 | u128::from(*byte)),
        };
        // A masking key counts as payload: a server masks nothing, and the library refuses it.
        let payload = length + if second & 0x80 == 0 { 0 } else { 4 };
        if opcode == 8 && code.is_none() {
            let body = &frame[2 + length_bytes..];
            code = Some(match body {
                [high, low, ..] if payload >= 2 => Some(u16::from_be_bytes([*high, *low])),
                _ => None,
            });
        }
        at += 2 + length_bytes as u128 + payload;
    }
    (filtered, code.flatten())
}
