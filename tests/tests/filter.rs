//! Compares the text-opcode filter with a slow and simple model of frames.

use ibws_proto::transport::TextFilter;
use proptest::collection::vec;
use proptest::prelude::*;

/// A frame as it is on the wire, with its length in the form `form`.
#[derive(Clone, Debug)]
struct Frame {
    first: u8,
    mask: Option<[u8; 4]>,
    form: u8,
    payload: Vec<u8>,
}

impl Frame {
    fn write(&self, first: u8, out: &mut Vec<u8>) {
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        let length = self.payload.len();
        out.push(first);
        match (self.form, length) {
            (0, 0..=125) => out.push(mask_bit | u8::try_from(length).expect("short")),
            (0 | 1, _) => {
                out.push(mask_bit | 126);
                out.extend(u16::try_from(length).expect("at most 600").to_be_bytes());
            }
            _ => {
                out.push(mask_bit | 127);
                out.extend((length as u64).to_be_bytes());
            }
        }
        out.extend(self.mask.iter().flatten());
        out.extend(&self.payload);
    }
}

fn frame() -> impl Strategy<Value = Frame> {
    // Text frames, and payload bytes that look like text headers, are frequent, because they are
    // what the filter could get wrong.
    let first = prop_oneof![Just(0x81), Just(0x01), Just(0x80), Just(0x89), Just(0x88), any::<u8>()];
    let byte = prop_oneof![Just(0x81), any::<u8>()];
    let payload = prop_oneof![4 => vec(byte.clone(), 0..20), 1 => vec(byte, 120..600)];
    (first, proptest::option::of(any::<[u8; 4]>()), 0_u8..3, payload).prop_map(|(first, mask, form, payload)| Frame {
        first,
        mask,
        form,
        payload,
    })
}

fn filtered_whole(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    TextFilter::new().apply(&mut out);
    out
}

fn filtered_in_pieces(bytes: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut out, mut filter, mut at) = (bytes.to_vec(), TextFilter::new(), 0);
    for size in sizes.iter().cycle().take(out.len() * 2) {
        let end = (at + size).min(out.len());
        filter.apply(&mut out[at..end]);
        at = end;
    }
    filter.apply(&mut out[at..]);
    out
}

/// Returns the code of the first Close among `frames`. No library accepts a masked one, so the
/// bytes that follow its header may count as the code.
fn close_code(frames: &[Frame]) -> Option<u16> {
    let close = frames.iter().find(|frame| frame.first & 0x0f == 8)?;
    let body: Vec<u8> = close.mask.iter().flatten().chain(&close.payload).copied().collect();
    body.first_chunk().map(|code| u16::from_be_bytes(*code))
}

proptest! {
    #[test]
    fn the_code_of_the_first_close_is_independent_of_where_the_stream_is_cut(
        frames in vec(frame(), 0..8),
        sizes in vec(1_usize..9, 1..8),
    ) {
        let mut sent = Vec::new();
        frames.iter().for_each(|frame| frame.write(frame.first, &mut sent));
        let (mut filter, mut sizes, mut rest) = (TextFilter::new(), sizes.iter().cycle(), &mut sent[..]);
        while !rest.is_empty() {
            let size = sizes.next().copied().unwrap_or(1).min(rest.len());
            let (piece, tail) = rest.split_at_mut(size);
            filter.apply(piece);
            rest = tail;
        }
        prop_assert_eq!(filter.close_code(), close_code(&frames));
    }

    #[test]
    fn valid_frames_change_in_their_text_opcode_only(frames in vec(frame(), 0..12)) {
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for frame in &frames {
            frame.write(frame.first, &mut sent);
            let opcode = if frame.first & 0x0f == 1 { 2 } else { frame.first & 0x0f };
            frame.write(frame.first & 0xf0 | opcode, &mut expected);
        }
        prop_assert_eq!(filtered_whole(&sent), expected);
    }

    #[test]
    fn output_is_independent_of_where_the_stream_is_cut(frames in vec(frame(), 0..8), sizes in vec(0_usize..9, 1..8)) {
        let mut sent = Vec::new();
        frames.iter().for_each(|frame| frame.write(frame.first, &mut sent));
        prop_assert_eq!(filtered_in_pieces(&sent, &sizes), filtered_whole(&sent));
    }

    #[test]
    fn noise_changes_only_in_its_text_opcodes(noise in vec(any::<u8>(), 0..300), sizes in vec(0_usize..9, 1..8)) {
        let out = filtered_whole(&noise);
        prop_assert_eq!(filtered_in_pieces(&noise, &sizes), &out[..]);
        prop_assert!(noise.iter().zip(&out).all(|(a, b)| a == b || (a & 0x0f == 1 && *b == a & 0xf0 | 2)));
        prop_assert_eq!(filtered_whole(&out), out, "a second filter changes nothing");
    }
}
