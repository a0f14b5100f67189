//! A frame that could not be read, and how its bytes are shown.

use alloc::string::{String, ToString as _};
use core::fmt;

use bytes::Bytes;

use super::repair::MAX_BAD_PLACES;
use super::scan::JsonError;
use crate::mask::{MaskedPiece, Quoted};

/// A frame that could not be read. It ends neither the connection nor the next frame.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct FrameError {
    /// The bytes as they were received.
    pub raw: Bytes,
    /// The reason.
    #[source]
    pub kind: FrameErrorKind,
}

impl FrameError {
    /// Returns the text for a log: that of the bytes, with U+FFFD where they are not UTF-8, and
    /// accounts and sessions masked. Such a frame may be a piece of a message, so every word of 8
    /// or more letters and digits that may be a part of a session is masked as well.
    #[must_use]
    pub fn redacted(&self) -> String {
        MaskedPiece(&String::from_utf8_lossy(&self.raw)).to_string()
    }
}

/// Writes the bytes as text, [redacted](FrameError::redacted).
impl fmt::Debug for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameError").field("raw", &Piece(&self.raw)).field("kind", &self.kind).finish()
    }
}

/// Writes bytes of the wire, which may be a piece of a message, as masked text.
pub(crate) struct Piece<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Quoted(MaskedPiece(&String::from_utf8_lossy(self.0))), f)
    }
}

/// The reason why a frame could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// The frame is not JSON.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// A key that decides where the message belongs occurs twice.
    #[error("the key {0:?} stands twice")]
    Duplicate(&'static str),
    /// The bytes are not UTF-8 at more than 65,536 places.
    #[error("the frame is no text: it is not UTF-8 at more than {MAX_BAD_PLACES} places")]
    NotText,
}
