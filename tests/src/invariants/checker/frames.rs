//! The rules about frames: each is emitted once, in its order, and at once unless it may be a piece
//! of a message whose rest is missing.

use core::time::Duration;

use bytes::Bytes;
use ibws_proto::{
    ConnId, Frame, Instant,
    frame::{FrameErrorKind, JsonError, Shape},
};

use super::{Checker, Verdict};

/// The limits for the pieces of a message (docs/protocol.md §1.8).
const MOST_BYTES: usize = 1 << 20;
const MOST_PIECES: usize = 64;
const JOIN_WITHIN: Duration = Duration::from_secs(1);

/// Returns `true` for the beginning of an object.
pub(super) fn is_first_piece(raw: &[u8]) -> bool {
    let ends_early = |kind| matches!(kind, FrameErrorKind::Json(JsonError::Truncated(_)));
    raw.trim_ascii_start().starts_with(b"{")
        && Frame::decode(Bytes::copy_from_slice(raw)).is_err_and(|error| ends_early(error.kind))
}

/// A frame that arrived on the live connection.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) conn: ConnId,
    pub(super) raw: Bytes,
    pub(super) at: Instant,
    /// It arrived in an earlier step.
    pub(super) is_held: bool,
}

impl Arrived {
    pub(super) fn new(conn: ConnId, raw: &Bytes, at: Instant) -> Self {
        Self { conn, raw: raw.clone(), at, is_held: false }
    }
}

impl Checker {
    /// The frame of an event is exactly the first frame without an event, or if it was joined, the
    /// first ones together. So each frame is emitted once, and in its order.
    pub(super) fn accepted(&mut self, raw: &Bytes, is_joined: bool) -> Verdict {
        let mut whole = Vec::new();
        let mut pieces = 0;
        while pieces == 0 || (is_joined && whole.len() < raw.len()) {
            let Some(piece) = self.frames.pop_front() else {
                return Err(format!("an event for the frame {raw:?}, which was not given"));
            };
            whole.extend_from_slice(&piece.raw);
            pieces += 1;
        }
        self.emitted += pieces;
        if raw == &whole && (pieces > 1) == is_joined {
            return Ok(());
        }
        Err(format!("an event for the frame {raw:?}, joined: {is_joined}; expected {:?}", Bytes::from(whole)))
    }

    /// A message in pieces shows what it shows when its last piece is there.
    pub(super) fn joined(&mut self, frame: &Frame) {
        if let Some(live) = &mut self.live {
            let greeted = live.greeted;
            live.frame(self.now, frame);
            self.restarts |= live.greeted && !greeted;
        }
    }

    /// A frame has no event only while it may be a piece of a message whose rest is missing: for
    /// less than a second, within the limits, and as long as no frame has come that stands alone. A
    /// connection that ends while its last frame is given need not read that one.
    pub(super) fn holds_pieces_only(&mut self) -> Verdict {
        let live = self.live.as_ref().filter(|live| !live.over).map(|live| live.conn);
        self.frames.retain(|frame| frame.is_held || Some(frame.conn) == live);
        let Some(first) = self.frames.front() else { return Ok(()) };
        let whole: Vec<u8> = self.frames.iter().flat_map(|piece| piece.raw.iter().copied()).collect();
        let stands_alone = |piece: &Arrived| {
            Frame::decode(piece.raw.clone()).is_ok_and(|frame| frame.topic().is_some() || frame.shape() == Shape::Echo)
        };
        let holds = Some(first.conn) == live
            && is_first_piece(&first.raw)
            && is_first_piece(&whole)
            && whole.len() <= MOST_BYTES
            && self.frames.len() <= MOST_PIECES
            && self.now.since(first.at) < JOIN_WITHIN
            && !self.frames.iter().any(stands_alone);
        if holds { Ok(()) } else { Err(format!("the frames {:?} have no event", self.frames)) }
    }
}
