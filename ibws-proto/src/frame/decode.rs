//! Decodes a frame: scans its text, and finds what decides where it belongs.
//!
//! A frame is large, and it is written member by member. A processor waits for such writes when the
//! whole is read at once soon after, so moving a frame that was just decoded costs about as much as
//! a tenth of the scan. It can therefore be decoded in the [place](Frame::read) where it stays.

use alloc::boxed::Box;
use core::mem::replace;

use bytes::Bytes;

use super::scan::{self, Scan};
use super::spans::{Member, Spans};
use super::{Frame, FrameError, FrameErrorKind, JsonError, Shape, Span, repair};

impl Frame {
    /// Decodes the bytes of one frame, text or binary alike.
    ///
    /// Bytes that are not UTF-8 do not cost the message: they are replaced by U+FFFD and the frame
    /// is marked
    /// [lossy](Self::is_lossy) (docs/protocol.md §1.6).
    ///
    /// # Errors
    /// [`FrameError`], with the bytes, if they are not JSON, or if `topic`, `conid` or `orderId`
    /// occurs twice at the top level. Such a key decides where the message belongs, and the crate
    /// does not guess which of the two counts. Two limits bound the memory of a decoded frame: it
    /// has at most 65,536 places that are not UTF-8, and at most 131,072 members at its top level.
    pub fn decode(raw: Bytes) -> Result<Self, FrameError> {
        let mut frame = Self::empty();
        frame.read(raw).map(|()| frame)
    }

    /// Returns a frame that was not read yet.
    pub(crate) const fn empty() -> Self {
        Self {
            raw: Bytes::new(),
            repaired: None,
            members: Spans::new(),
            topic: Span::NONE,
            shape: Shape::Unknown,
            escaped: false,
            joined: false,
        }
    }

    /// Decodes a frame into this place, whatever it holds.
    ///
    /// # Errors
    /// As [`decode`](Self::decode). The place holds an empty frame then.
    #[inline]
    pub(crate) fn read(&mut self, raw: Bytes) -> Result<(), FrameError> {
        self.raw = raw;
        self.repaired = None;
        self.members.clear();
        (self.topic, self.shape, self.escaped, self.joined) = (Span::NONE, Shape::Unknown, false, false);
        let scanned = scan::scan(&self.raw, &mut self.members);
        // Nearly all frames are ASCII, and most of them were found to be by the scan.
        let is_utf8 = matches!(scanned, Ok(Scan::Object { is_ascii: true, .. }))
            || self.raw.is_ascii()
            || core::str::from_utf8(&self.raw).is_ok();
        let read = if is_utf8 { self.scanned(scanned) } else { self.repair() };
        read.map_err(|kind| FrameError { raw: replace(self, Self::empty()).raw, kind })
    }

    /// Repairs a frame that is not UTF-8, and scans the text.
    #[cold]
    fn repair(&mut self) -> Result<(), FrameErrorKind> {
        let text = repair::repaired(&self.raw).ok_or(FrameErrorKind::NotText)?;
        self.members.clear();
        let scanned = scan::scan(&text, &mut self.members);
        self.repaired = Some(Box::new(text));
        self.scanned(scanned)
    }

    /// Finishes a frame with the result of the scan of its text.
    #[inline(always)]
    fn scanned(&mut self, scanned: Result<Scan, JsonError>) -> Result<(), FrameErrorKind> {
        match scanned {
            Ok(Scan::Object { escaped, .. }) => {
                self.escaped = escaped;
                self.classify()
            }
            Ok(Scan::Other) => Ok(()),
            Err(_) if self.bytes().trim_ascii() == b"ech+hb" => {
                self.members.clear();
                self.shape = Shape::Echo;
                Ok(())
            }
            Err(error) => Err(FrameErrorKind::Json(error)),
        }
    }

    #[inline(always)]
    fn written_keys(&self) -> RoutingKeys {
        let (mut keys, bytes) = (RoutingKeys::default(), self.bytes());
        for member in self.members.named() {
            keys.add(bytes.get(member.key()).unwrap_or_default(), member);
        }
        keys
    }

    #[cold]
    fn decoded_keys(&self) -> RoutingKeys {
        let mut keys = RoutingKeys::default();
        self.members.iter().for_each(|member| keys.add(self.key_text(member).as_bytes(), member));
        keys
    }

    /// Finds in one walk over the keys the shape, the topic, and the keys that must not occur
    /// twice.
    fn classify(&mut self) -> Result<(), FrameErrorKind> {
        let keys = if self.escaped { self.decoded_keys() } else { self.written_keys() };
        let RoutingKeys { topic, error, message, result, twice, .. } = keys;
        if let Some(key) = twice {
            return Err(FrameErrorKind::Duplicate(key));
        }
        let string_topic = topic.filter(|member| self.bytes().get(member.value().start) == Some(&b'"'));
        self.shape = match (error, string_topic.is_some(), topic.is_some()) {
            (true, ..) => Shape::Error,
            (_, true, _) => Shape::Topic,
            (_, _, false) if message => Shape::Message,
            (_, _, false) if result => Shape::Result,
            _ => Shape::Unknown,
        };
        self.topic = string_topic.map_or(Span::NONE, |member| Span::new(member.value().start, member.value().end));
        Ok(())
    }
}

/// The keys that decide what a frame is. All of them have 5 to 7 bytes.
#[derive(Default)]
struct RoutingKeys {
    topic: Option<Member>,
    error: bool,
    message: bool,
    result: bool,
    conid: bool,
    order_id: bool,
    /// A key that must not occur twice and does.
    twice: Option<&'static str>,
}

impl RoutingKeys {
    #[inline(always)]
    fn add(&mut self, key: &[u8], member: Member) {
        match key {
            b"topic" if self.topic.replace(member).is_some() => self.twice = Some("topic"),
            b"conid" if replace(&mut self.conid, true) => self.twice = Some("conid"),
            b"orderId" if replace(&mut self.order_id, true) => self.twice = Some("orderId"),
            b"error" => self.error = true,
            b"message" => self.message = true,
            b"result" => self.result = true,
            _ => {}
        }
    }
}
