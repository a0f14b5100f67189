//! Frames of the gateway, valid and broken.

use ::proptest::collection::vec;
use ::proptest::prelude::*;
use ::proptest::sample::select;
use bytes::Bytes;

use super::known;
use crate::frames::{self, KEYS, Kind, OTHER_FRAMES, data, frame};

/// Valid frames of every kind that the kit knows, with random values and keys in random order, and
/// the small frames that a session consists of.
pub fn frames() -> impl Strategy<Value = Bytes> {
    const SESSION: [&str; 5] =
        [frames::HEARTBEAT, frames::SUCCESS, frames::AUTHENTICATED, frames::UNAUTHENTICATED, frames::WAITING];
    prop_oneof![
        1 => select(&SESSION[..]).prop_map(Bytes::from),
        2 => select(&KEYS[..]).prop_map(|key| data(&known(key))),
        3 => select(Kind::ALL).prop_flat_map(frames_of),
    ]
}

/// Valid frames of one kind.
pub fn frames_of(kind: Kind) -> impl Strategy<Value = Bytes> {
    (0..10_000_u64).prop_map(move |seed| Bytes::from(frame(kind, seed)))
}

/// One edit of a frame. Places are shares of its length, so that they fit every frame.
#[derive(Clone, Debug)]
enum Edit {
    Cut(u16),
    Replace(u16, u8),
    Insert(u16, Vec<u8>),
    Twice,
}

impl Edit {
    fn apply(&self, raw: &mut Vec<u8>) {
        let place = |share: u16, most: usize| usize::from(share) * most / (usize::from(u16::MAX) + 1);
        match self {
            Self::Cut(share) => raw.truncate(place(*share, raw.len())),
            Self::Replace(share, byte) => {
                let at = place(*share, raw.len());
                if let Some(old) = raw.get_mut(at) {
                    *old = *byte;
                }
            }
            Self::Insert(share, bytes) => {
                let at = place(*share, raw.len());
                drop(raw.splice(at..at, bytes.iter().copied()));
            }
            Self::Twice => raw.extend_from_within(..),
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<u16>().prop_map(Edit::Cut),
        (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (any::<u16>(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        Just(Edit::Twice),
    ]
}

/// Frames with one to four edits: cut, with other or additional bytes, or doubled; and odd frames
/// that gateways have sent. Some of them are valid JSON still.
pub fn broken_frames() -> impl Strategy<Value = Bytes> {
    let edited = (frames(), vec(edits(), 1..5)).prop_map(|(frame, edits)| {
        let mut raw = frame.to_vec();
        edits.iter().for_each(|edit| edit.apply(&mut raw));
        Bytes::from(raw)
    });
    prop_oneof![1 => select(&OTHER_FRAMES[..]).prop_map(Bytes::from), 3 => edited]
}

/// Valid frames, and a quarter of broken ones.
pub fn any_frames() -> impl Strategy<Value = Bytes> {
    prop_oneof![3 => frames(), 1 => broken_frames()]
}
