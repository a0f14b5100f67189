//! A frame as it was received: its bytes, whether they were repaired, and where its members lie.
//!
//! This module is the lowest layer of the crate. It reads JSON and knows no message.

mod decode;
mod error;
mod exact;
mod json;
mod key;
mod large;
mod merge;
mod number;
mod prefix;
#[cfg(feature = "simd")]
mod quotes;
mod repair;
pub(crate) mod scan;
mod spans;
mod swar;
mod value;
mod walk;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use bytes::Bytes;
use serde::{Serialize, Serializer};

pub(crate) use error::Piece;
pub use error::{FrameError, FrameErrorKind};
pub use exact::Exact;
pub use json::{Elements, Json, Kind, Members};
pub(crate) use key::{Key, Visit, WORD, word};
pub(crate) use large::Large;
#[cfg(feature = "websocket")]
pub(crate) use large::shared;
pub use number::Number;
pub(crate) use number::split_numbers;
pub(crate) use prefix::{Prefix, Progress, TopicPart, begins_with_topic, topic_of_prefix};
pub use scan::JsonError;
pub(crate) use scan::Span;
use spans::{MIN_NAME, Member, Spans};
pub(crate) use swar::has_escape;
pub use value::{Expected, FieldError, FieldResult, FromJson, RowError, RowReason};
pub(crate) use value::{field_error, is_absent, lookup, lookup_in_row, read_number};
pub(crate) use walk::{Spelled, Walk};

use crate::mask::{HIDDEN, Masked, Quoted};

/// The size in bytes up to which a message may share the buffer that it was received in. A larger
/// message has a buffer of its own size, so that copying it would save nothing.
pub(crate) const MAX_SHARED: usize = 16 * 1024;

/// Copies bytes that may share the buffer that they were received in.
pub(crate) fn copied(bytes: &[u8]) -> Option<Bytes> {
    (bytes.len() <= MAX_SHARED).then(|| Bytes::copy_from_slice(bytes))
}

/// The topic of the frame whose `id` is the session (docs/protocol.md §3.8).
const TIC: &str = "tic";

/// One frame of the gateway, scanned and not parsed.
///
/// Decoding is lazy. [`decode`](Self::decode) walks the bytes once and records where the top-level
/// members lie. An accessor reads its value when it is called. The frame shares the buffer that the
/// socket filled, until a queue that keeps it copies it out.
///
/// ```
/// use bytes::Bytes;
/// use ibws_proto::Frame;
///
/// let text = br#"{"topic":"smd+265598","31":"271.50"}"#;
/// let frame = Frame::decode(Bytes::from_static(text)).unwrap();
/// assert_eq!(frame.topic().as_deref(), Some("smd+265598"));
/// assert_eq!(frame.get("31").unwrap().as_str().unwrap(), "271.50");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    raw: Bytes,
    /// The repaired text if `raw` is not UTF-8. Otherwise `raw` is the text: a second handle on it
    /// would cost an allocation.
    repaired: Option<Box<Bytes>>,
    members: Spans,
    /// The value of a string topic, else [`Span::NONE`].
    topic: Span,
    shape: Shape,
    /// Set if some key holds an escape, so that keys must be decoded before they are compared.
    escaped: bool,
    joined: bool,
}

/// The shape of a frame, which decides how its topic is read.
///
/// A frame with an `error` is an error whatever its topic, because error frames carry the topics of
/// data (docs/protocol.md §4.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// An object with a string `topic`.
    Topic,
    /// An object with an `error`, whatever its topic.
    Error,
    /// An object without `topic` that has a `message` (`waiting for session`, `Unsubscribed
    /// 990017`).
    Message,
    /// An object without `topic` that has a `result` (`unsubscribed from summary`, or rows).
    Result,
    /// The bare text `ech+hb`, the one documented frame that is not JSON (docs/protocol.md §3.8).
    Echo,
    /// JSON of any other shape.
    Unknown,
}

impl Frame {
    /// Returns the bytes as they were received.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the text: the bytes as they were received, with U+FFFD where they were not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// Returns the text for a log or a recording: that of [`text`](Self::text), with the value
    /// `"***"` in place of each `id` of a frame with the topic `tic`, which is the session
    /// (docs/protocol.md §3.8). Everything else is unchanged, accounts included.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use ibws_proto::Frame;
    ///
    /// let text = br#"{"topic":"tic","alive":true,"id":"00112233445566778899aabbccddeeff"}"#;
    /// let frame = Frame::decode(Bytes::from_static(text)).unwrap();
    /// assert_eq!(frame.redacted(), r#"{"topic":"tic","alive":true,"id":"***"}"#);
    /// ```
    #[must_use]
    pub fn redacted(&self) -> Cow<'_, str> {
        let text = self.text();
        let is_tic = self.topic().is_some_and(|topic| topic.split('+').next() == Some(TIC));
        if !is_tic {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
        for member in self.members.iter().filter(|member| self.key_text(*member) == "id") {
            shown.push_str(text.get(from..member.value().start).unwrap_or_default());
            shown.push('"');
            shown.push_str(HIDDEN);
            shown.push('"');
            from = member.value().end;
        }
        shown.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(shown)
    }

    /// Returns the whole frame as one value; `null` for the bare text of an echo.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        Json(if self.shape == Shape::Echo { "null" } else { self.text().trim_ascii() })
    }

    fn bytes(&self) -> &[u8] {
        self.repaired.as_deref().unwrap_or(&self.raw)
    }

    /// Returns `true` if the frame held bytes that are not UTF-8.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.repaired.is_some()
    }

    /// Returns `true` if the message arrived in pieces, which were joined: the gateway hands on a
    /// message that its backend fragmented as separate messages (docs/protocol.md §1.8).
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.joined
    }

    /// Marks the frame as joined from pieces.
    pub(crate) fn into_joined(mut self) -> Self {
        self.joined = true;
        self
    }

    /// Returns the shape of the frame.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the `topic` if the frame has one and it is a string.
    #[must_use]
    pub fn topic(&self) -> Option<Cow<'_, str>> {
        if self.topic == Span::NONE {
            return None;
        }
        let written = self.topic_bytes();
        if has_escape(written) {
            return Json(self.slice(self.topic.range())).as_str();
        }
        core::str::from_utf8(written).ok().map(Cow::Borrowed)
    }

    /// Returns the topic between its quotes, with its escapes.
    pub(crate) fn topic_bytes(&self) -> &[u8] {
        match self.bytes().get(self.topic.range()) {
            Some([b'"', topic @ .., b'"']) => topic,
            _ => &[],
        }
    }

    /// Returns the value of a top-level key. If the key occurs twice the first value counts, here
    /// and in every accessor and fold.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Json<'_>> {
        self.get_bytes(key.as_bytes())
    }

    /// Returns the same as [`get`](Self::get) for a key as bytes.
    pub(crate) fn get_bytes(&self, key: &[u8]) -> Option<Json<'_>> {
        self.find(key).map(|member| self.value(member))
    }

    fn find(&self, key: &[u8]) -> Option<Member> {
        if self.escaped {
            return self.members.iter().find(|member| self.key_text(*member).as_bytes() == key);
        }
        let bytes = self.bytes();
        // Most keys differ in length, so most comparisons do not read the text.
        let found = |member: &Member| member.key_len() == key.len() && bytes.get(member.key()) == Some(key);
        match *key {
            [one, two] => self.members.short(bytes, [one, two]),
            [one, two, three, four] => self.members.short(bytes, [one, two, three, four]),
            _ if key.len() >= MIN_NAME => self.members.named().find(found),
            _ => self.members.iter().find(found),
        }
    }

    /// Returns the keys and values of the top-level object in the order of the wire.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (Cow<'_, str>, Json<'_>)> {
        self.members.iter().map(|member| (self.key_text(member), self.value(member)))
    }

    /// Returns the same as [`members`](Self::members) from a text that the caller holds. Market
    /// data is read this way, which is the hot path.
    #[inline]
    pub(crate) fn walk<'a>(&'a self, text: &'a str) -> Walk<'a> {
        Walk::new(self, text)
    }

    /// Returns keys and values as [`members`](Self::members) does, and each key as it is written,
    /// with quotes and escapes.
    pub(crate) fn spelled(&self) -> impl Iterator<Item = Spelled<'_>> {
        let text = self.text();
        self.members.iter().filter_map(move |member| {
            let written = member.key().start.checked_sub(1)?..member.key().end.checked_add(1)?;
            let key = if self.escaped { self.key_text(member) } else { Cow::Borrowed(text.get(member.key())?) };
            Some(Spelled { key, written: text.get(written)?, value: text.get(member.value())? })
        })
    }

    /// Copies the bytes out of the buffer that they were received in, with `copy`, unless it
    /// returns `None`, and releases memory that is allocated and not used. A small frame that is
    /// kept would otherwise keep the whole buffer.
    pub(crate) fn detach(&mut self, mut copy: impl FnMut(&[u8]) -> Option<Bytes>) {
        // The text of a merged frame is the frame itself.
        let is_itself = |repaired: &Bytes| repaired.as_ptr() == self.raw.as_ptr();
        let is_same = self.repaired.as_deref().is_some_and(is_itself);
        if let Some(raw) = copy(&self.raw) {
            self.raw = raw;
        }
        if let Some(repaired) = self.repaired.as_deref_mut() {
            let text = if is_same { Some(self.raw.clone()) } else { copy(repaired) };
            *repaired = text.unwrap_or_else(|| core::mem::take(repaired));
        }
        self.release_spare();
    }

    /// Takes the bytes as they were received out of a frame that is not used again.
    pub(crate) fn take_raw(&mut self) -> Bytes {
        core::mem::take(&mut self.raw)
    }

    /// Takes the repaired text, if it is not the bytes themselves, out of a frame that is not used
    /// again.
    pub(crate) fn take_repaired(&mut self) -> Option<Bytes> {
        let repaired = self.repaired.take()?;
        (repaired.as_ptr() != self.raw.as_ptr()).then_some(*repaired)
    }

    /// Releases memory that is allocated and not used.
    pub(crate) fn release_spare(&mut self) {
        self.members.release_spare();
    }

    /// Returns the bytes that the frame holds outside of itself once it is
    /// [detached](Self::detach).
    pub(crate) fn held_bytes(&self) -> usize {
        let repaired = self.repaired.as_deref().filter(|repaired| repaired.as_ptr() != self.raw.as_ptr());
        self.raw.len() + repaired.map_or(0, Bytes::len) + self.members.held_bytes()
    }

    /// Marks the frame as lossy, because one of the frames that it was merged from is.
    pub(crate) fn into_lossy(mut self) -> Self {
        self.repaired = Some(Box::new(self.raw.clone()));
        self
    }

    fn key_text(&self, member: Member) -> Cow<'_, str> {
        let key = self.slice(member.key());
        if !self.escaped || !key.contains('\\') {
            return Cow::Borrowed(key);
        }
        // With its quotes the key is a JSON string. A key with an unpaired surrogate stays as it is
        // written.
        let quoted = member.key().start.saturating_sub(1)..member.key().end.saturating_add(1);
        Json(self.slice(quoted)).as_str().unwrap_or(Cow::Borrowed(key))
    }

    fn value(&self, member: Member) -> Json<'_> {
        Json(self.slice(member.value()))
    }

    fn slice(&self, range: core::ops::Range<usize>) -> &str {
        self.bytes().get(range).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Writes the text with the session and accounts masked, because `Debug` output reaches logs.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&Quoted(Masked(&self.redacted()))).finish()
    }
}

/// Serialises the JSON of the frame, and the bare text of an echo as a string.
impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape() {
            Shape::Echo => serializer.serialize_str(self.text().trim()),
            _ => self.json().serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::repair::MAX_BAD_PLACES;
    use super::*;

    fn decode(text: &'static str) -> Frame {
        Frame::decode(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_frame_with_an_error_has_the_error_shape_whatever_its_topic() {
        assert_eq!(decode(r#"{"error":"No accounts","code":500,"topic":"smd"}"#).shape(), Shape::Error);
        assert_eq!(decode(r#"{"topic":"system","error":"x"}"#).shape(), Shape::Error);
        assert_eq!(decode(r#"{"message":"waiting for session"}"#).shape(), Shape::Message);
        assert_eq!(decode(r#"{"result":"unsubscribed from summary"}"#).shape(), Shape::Result);
        assert_eq!(decode("ech+hb").shape(), Shape::Echo);
        assert_eq!(decode(r#"{"topic":5}"#).shape(), Shape::Unknown);
        assert_eq!(decode("[]").shape(), Shape::Unknown);
    }

    #[test]
    fn a_byte_that_is_not_utf8_becomes_u_fffd_and_the_frame_is_lossy() {
        let frame = Frame::decode(Bytes::from_static(b"{\"topic\":\"str\",\"n\":\"ACME\x99\"}")).unwrap();
        assert!(frame.is_lossy());
        assert_eq!(frame.get("n").unwrap().as_str().unwrap(), "ACME\u{fffd}");
        assert!(frame.raw().contains(&0x99));
    }

    #[test]
    fn a_frame_with_too_many_bad_places_is_malformed_and_keeps_its_bytes() {
        let text = |places: usize| {
            let bad = [0xff].repeat(places);
            Bytes::from([br#"{"topic":"str","n":""#, &bad[..], br#""}"#].concat())
        };
        assert!(Frame::decode(text(MAX_BAD_PLACES)).unwrap().is_lossy());
        let raw = text(MAX_BAD_PLACES + 1);
        assert_eq!(Frame::decode(raw.clone()), Err(FrameError { raw, kind: FrameErrorKind::NotText }));
    }

    #[test]
    fn a_detached_frame_has_a_buffer_of_its_own_and_the_same_contents() {
        let mut buffer = br#"{"topic":"smd+1","31":"1.10"}"#.to_vec();
        let length = buffer.len();
        buffer.resize(100_000, b' ');
        let buffer = Bytes::from(buffer);
        let mut frame = Frame::decode(buffer.slice(..length)).unwrap();
        let before = frame.clone();
        frame.detach(copied);
        assert_eq!((&frame, frame.held_bytes()), (&before, length));
        assert_ne!(frame.raw().as_ptr(), buffer.as_ptr());
        drop(before);
        assert!(buffer.is_unique());
        // A large frame stays where it is: its buffer is its own.
        let text = alloc::format!("{{\"31\":\"{}\"}}", "1".repeat(MAX_SHARED));
        let mut frame = Frame::decode(Bytes::from(text)).unwrap();
        let place = frame.raw().as_ptr();
        frame.detach(copied);
        assert_eq!(frame.raw().as_ptr(), place);
    }

    #[test]
    fn a_detached_merged_frame_shares_its_text_with_its_bytes() {
        let mut frame = decode(r#"{"topic":"smd+1"}"#).into_lossy();
        frame.detach(copied);
        assert!(frame.is_lossy());
        assert_eq!(frame.held_bytes(), frame.raw().len());
    }

    #[test]
    fn a_routing_key_that_occurs_twice_is_an_error() {
        for text in [
            r#"{"topic":"sor","topic":"str"}"#,
            r#"{"topic":"smd+1","conid":1,"conid":2}"#,
            r#"{"topic":"sor","\u0074opic":"str"}"#,
        ] {
            assert!(matches!(
                Frame::decode(Bytes::from_static(text.as_bytes())),
                Err(FrameError { kind: FrameErrorKind::Duplicate(_), .. })
            ));
        }
    }

    #[test]
    fn an_escaped_key_is_decoded_before_it_is_compared() {
        let frame = decode(r#"{"\u0074opic":"s\u006dd+1","\ud800":1}"#);
        assert_eq!(frame.topic().unwrap(), "smd+1");
        assert_eq!(frame.members().len(), 2);
    }
}
