//! A message in pieces: the gateway hands on a message that its backend fragmented as separate
//! complete messages, each a part of the JSON (docs/protocol.md §1.8).
//!
//! | state | what comes | next state | what is emitted |
//! |---|---|---|---|
//! | nothing held | a readable frame | nothing held | the frame |
//! | nothing held | an object that ends early, within the limits | held | nothing yet |
//! | nothing held | any other malformed frame | nothing held | the frame, as malformed |
//! | held | a frame that stands alone | nothing held | failure, then the frame |
//! | held | a frame that begins with a topic of its own | as with nothing held | failure, then as above |
//! | held | a frame that continues the object | held | nothing yet |
//! | held | a frame that completes it, and the whole is readable | nothing held | the whole, joined |
//! | held | a frame that completes it, and the whole is not | nothing held | failure, with the frame |
//! | held | a frame that does neither, or exceeds a limit | as with nothing held | failure, then as above |
//! | held | 1 s since the first piece, or the end of the connection | nothing held | failure |
//!
//! *Stands alone*: it is readable, and has a topic or is an echo. A fragment comes with no other
//! message in between, so the object that is held is then known to be incomplete. A readable frame
//! without a topic can be a piece, such as `5` or the row of a list; it is held as long as it
//! continues the object, and never longer than the object.
//!
//! *Failure*: each piece is emitted by itself in its order, as malformed, or as the readable frame
//! that it is; and the streams that the object may belong to have a gap.
//!
//! What a peer can do with it is bounded. At most 1 MiB in at most 64 pieces is held; each byte is
//! read a fixed number of times, however it is cut; and a failure copies the pieces, so that a
//! small one that a consumer keeps does not keep the others.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::frame::{Frame, FrameError, FrameErrorKind, JsonError, Prefix, Progress, Shape, begins_with_topic};
use crate::time::Instant;

/// How long the pieces of a message may take, from the first one on. Fragments follow at once.
pub(super) const JOIN_WITHIN: Duration = Duration::from_secs(1);
/// The greatest number of bytes that are held.
const MOST_BYTES: usize = 1 << 20;
/// The greatest number of pieces that are held.
const MOST_PIECES: usize = 64;

/// The pieces that are held.
#[derive(Debug, Default)]
pub(super) struct Pieces(Option<Box<Held>>);

struct Held {
    /// The pieces, one after the other.
    bytes: Vec<u8>,
    /// Where each piece ends.
    ends: Vec<usize>,
    prefix: Prefix,
    deadline: Instant,
    complete_until: Instant,
}

/// Writes no byte of the pieces, which may hold a session.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("bytes", &self.bytes.len())
            .field("ends", &self.ends)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .field("complete_until", &self.complete_until)
            .finish()
    }
}

/// What becomes of a frame while pieces are held.
#[derive(Debug)]
pub(super) enum Offered {
    /// It is held with them.
    Held,
    /// It completes the message.
    Joined(Frame),
    /// They cannot be joined. The frame, as it reads by itself, is none of them; `None` if it is.
    Failed(FailedPieces, Option<Result<Frame, FrameError>>),
}

/// Pieces that cannot be joined.
#[derive(Debug)]
pub(super) struct FailedPieces {
    /// The pieces in order, each as it reads by itself; the first is malformed.
    pub(super) pieces: Vec<Result<Frame, FrameError>>,
    /// When the last frame before the first piece arrived.
    pub(super) complete_until: Instant,
}

impl Pieces {
    /// Whether pieces are held.
    #[inline]
    pub(super) fn is_holding(&self) -> bool {
        self.0.is_some()
    }

    /// When the pieces that are held fail.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.as_ref().map(|held| held.deadline)
    }

    /// When the last frame before the pieces arrived: what they were part of may be missing since
    /// then.
    pub(super) fn complete_until(&self) -> Option<Instant> {
        self.0.as_ref().map(|held| held.complete_until)
    }

    /// The number of pieces that are held.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.ends.len())
    }

    /// Holds a malformed frame that arrived at `now` if it can be the first piece of a message.
    /// `complete_until` is when the frame before it arrived. Call this when nothing is held.
    pub(super) fn begin(&mut self, frame: &FrameError, complete_until: Instant, now: Instant) -> bool {
        if !is_first_piece(frame) || frame.raw.len() > MOST_BYTES {
            return false;
        }
        let mut prefix = Prefix::new();
        if prefix.feed(&frame.raw) != Progress::Open {
            return false;
        }
        self.0 = Some(Box::new(Held {
            bytes: frame.raw.to_vec(),
            ends: [frame.raw.len()].into(),
            prefix,
            deadline: now + JOIN_WITHIN,
            complete_until,
        }));
        true
    }

    /// Takes the next frame.
    pub(super) fn offer(&mut self, raw: Bytes) -> Offered {
        let frame = Frame::decode(raw.clone());
        let is_separate = match &frame {
            Ok(frame) => frame.topic().is_some() || frame.shape() == Shape::Echo,
            Err(_) => begins_with_topic(&raw),
        };
        let progress = match &mut self.0 {
            Some(held) if !is_separate && held.has_room(raw.len()) => held.prefix.feed(&raw),
            _ => Progress::Broken,
        };
        if let (Some(held), Progress::Open | Progress::Complete) = (&mut self.0, progress) {
            held.bytes.extend_from_slice(&raw);
            held.ends.push(held.bytes.len());
        }
        match progress {
            Progress::Open => Offered::Held,
            Progress::Complete => self.join(),
            Progress::Broken => Offered::Failed(self.fail(), Some(frame)),
        }
    }

    /// Reads the whole.
    fn join(&mut self) -> Offered {
        let whole = self.0.as_ref().map(|held| held.bytes.clone()).unwrap_or_default();
        match Frame::decode(whole.into()) {
            Ok(frame) => {
                self.0 = None;
                Offered::Joined(frame.into_joined())
            }
            Err(_) => Offered::Failed(self.fail(), None),
        }
    }

    /// Ends the wait for the rest of the message.
    pub(super) fn fail(&mut self) -> FailedPieces {
        let Some(held) = self.0.take() else {
            return FailedPieces { pieces: Vec::new(), complete_until: Instant::ORIGIN };
        };
        let starts = core::iter::once(0).chain(held.ends.iter().copied());
        let pieces = starts.zip(&held.ends).filter_map(|(start, end)| held.bytes.get(start..*end));
        FailedPieces {
            pieces: pieces.map(|piece| Frame::decode(Bytes::copy_from_slice(piece))).collect(),
            complete_until: held.complete_until,
        }
    }
}

impl Held {
    fn has_room(&self, bytes: usize) -> bool {
        self.ends.len() < MOST_PIECES && self.bytes.len().saturating_add(bytes) <= MOST_BYTES
    }
}

/// Whether a malformed frame is an object that ends early.
pub(super) fn is_first_piece(frame: &FrameError) -> bool {
    matches!(frame.kind, FrameErrorKind::Json(JsonError::Truncated(_)))
        && frame.raw.trim_ascii_start().first() == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Instant = Instant::ORIGIN;

    fn held(first: &str) -> Pieces {
        let mut pieces = Pieces::default();
        let malformed = Frame::decode(Bytes::copy_from_slice(first.as_bytes())).unwrap_err();
        assert!(pieces.begin(&malformed, AT, AT), "{first}");
        pieces
    }

    fn offer(pieces: &mut Pieces, frame: &[u8]) -> Offered {
        pieces.offer(Bytes::copy_from_slice(frame))
    }

    /// The bytes of the pieces, and whether each is readable by itself.
    fn failed(failure: FailedPieces) -> Vec<(String, bool)> {
        let text = |raw: &Bytes| String::from_utf8_lossy(raw).into_owned();
        failure
            .pieces
            .into_iter()
            .map(|piece| match piece {
                Ok(frame) => (text(frame.raw()), true),
                Err(malformed) => (text(&malformed.raw), false),
            })
            .collect()
    }

    #[test]
    fn a_message_cut_anywhere_is_joined() {
        let whole =
            "{\"topic\":\"sor\",\"args\":[{\"orderId\":1,\"n\":\"\u{2122}\\u00e4\"},{\"message\":\"x\"}]}".as_bytes();
        for one in 1..whole.len() {
            for two in one..whole.len() {
                let mut pieces = Pieces::default();
                let malformed = Frame::decode(Bytes::copy_from_slice(&whole[..one])).unwrap_err();
                assert!(pieces.begin(&malformed, AT, AT));
                let parts = [&whole[one..two], &whole[two..]];
                let mut joined = None;
                for part in parts.iter().filter(|part| !part.is_empty()) {
                    assert!(joined.is_none());
                    joined = match offer(&mut pieces, part) {
                        Offered::Held => None,
                        Offered::Joined(frame) => Some(frame),
                        Offered::Failed(failure, _) => panic!("{one} {two}: {failure:?}"),
                    };
                }
                let joined = joined.unwrap();
                assert!(joined.is_joined() && !joined.is_lossy());
                assert_eq!(joined.raw(), whole);
                assert!(!pieces.is_holding());
            }
        }
    }

    #[test]
    fn a_frame_that_stands_alone_is_never_a_piece() {
        for frame in [
            &br#"{"topic":"system","hb":1}"#[..],
            br#"{"error":"x","topic":"smd"}"#,
            b"ech+hb",
            br#"{"topic":"smd+1","31":"#,
        ] {
            let mut pieces = held(r#"{"topic":"sor","args":["#);
            let Offered::Failed(failure, Some(own)) = offer(&mut pieces, frame) else { panic!() };
            assert_eq!(failed(failure), [(r#"{"topic":"sor","args":["#.into(), false)]);
            assert_eq!(own.map_or_else(|malformed| malformed.raw, |frame| frame.raw().clone()), frame);
            assert!(!pieces.is_holding());
        }
    }

    #[test]
    fn a_readable_frame_is_held_while_it_continues_the_object() {
        let row = r#"{"orderId":1}"#;
        let mut pieces = held(r#"{"topic":"sor","args":["#);
        assert!(matches!(offer(&mut pieces, row.as_bytes()), Offered::Held));
        assert!(matches!(offer(&mut pieces, b"]}"), Offered::Joined(_)));
        // After a complete value a row continues nothing.
        let mut pieces = held(r#"{"topic":"sor","args":[1"#);
        assert!(matches!(offer(&mut pieces, row.as_bytes()), Offered::Failed(_, Some(Ok(_)))));
        // The row was none after all: it is emitted as the frame that it is, in its place.
        let mut pieces = held(r#"{"topic":"sor","args":["#);
        assert!(matches!(offer(&mut pieces, row.as_bytes()), Offered::Held));
        assert!(matches!(offer(&mut pieces, b","), Offered::Held));
        let Offered::Failed(failure, Some(Err(last))) = offer(&mut pieces, b"}") else { panic!() };
        let expected = [(r#"{"topic":"sor","args":["#.into(), false), (row.into(), true), (String::from(","), false)];
        assert_eq!((failed(failure), &last.raw[..]), (expected.into(), &b"}"[..]));
    }

    #[test]
    fn a_whole_that_cannot_be_read_fails_with_its_last_piece() {
        let mut pieces = held(r#"{"topic":"sor","#);
        let Offered::Failed(failure, None) = offer(&mut pieces, br#""topic":"str"}"#) else { panic!() };
        assert_eq!(failed(failure), [(r#"{"topic":"sor","#.into(), false), (r#""topic":"str"}"#.into(), false)]);
    }

    #[test]
    fn only_an_object_that_ends_early_is_a_first_piece() {
        for other in ["", "x", "[1,", "\"a", "{\"a\":x", "{}}", "{\"topic\":\"a\",\"topic\":\"b\"}"] {
            let malformed = Frame::decode(Bytes::copy_from_slice(other.as_bytes())).unwrap_err();
            assert!(!Pieces::default().begin(&malformed, AT, AT), "{other}");
        }
        let long = alloc::format!("{{\"a\":\"{}", "x".repeat(MOST_BYTES));
        let malformed = Frame::decode(Bytes::from(long)).unwrap_err();
        assert!(is_first_piece(&malformed) && !Pieces::default().begin(&malformed, AT, AT));
    }

    #[test]
    fn pieces_have_a_limit_of_bytes_and_of_frames() {
        let mut pieces = held("{\"a\":\"");
        for _ in 1..MOST_PIECES {
            assert!(matches!(offer(&mut pieces, b"x"), Offered::Held));
        }
        assert_eq!(pieces.len(), MOST_PIECES);
        let Offered::Failed(failure, Some(Err(_))) = offer(&mut pieces, b"\"}") else { panic!() };
        assert_eq!(failure.pieces.len(), MOST_PIECES);
        let mut pieces = held("{\"a\":\"");
        let half = "x".repeat(MOST_BYTES / 2);
        assert!(matches!(offer(&mut pieces, half.as_bytes()), Offered::Held));
        assert!(matches!(offer(&mut pieces, half.as_bytes()), Offered::Failed(..)));
        let mut pieces = held("{\"a\":\"");
        let rest = alloc::format!("{}\"}}", "x".repeat(MOST_BYTES - 8));
        assert!(matches!(offer(&mut pieces, rest.as_bytes()), Offered::Joined(_)));
    }
}
