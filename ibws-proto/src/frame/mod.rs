//! A frame as it came from the wire: its bytes, whether they had to be mended, and where its members lie.

mod json;
mod number;
pub(crate) mod scan;
mod swar;
mod value;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::{Serialize, Serializer};

pub use json::{Elements, Json, Kind, Members};
pub use number::Number;
pub(crate) use number::split_numbers;
pub use scan::JsonError;
pub(crate) use scan::Span;
use scan::{Member, Scan};
pub use value::{Expected, FieldError, FieldResult, FromJson, RowError, RowReason};
pub(crate) use value::{field_error, is_absent, lookup, read_number};

/// One frame of the gateway, scanned but not built into anything.
///
/// Decoding is lazy: making a `Frame` walks the bytes once and records where the top-level members lie; a value is read
/// when it is asked for. The frame shares the buffer that the socket filled.
///
/// ```
/// use bytes::Bytes;
/// use ibws_proto::Frame;
///
/// let frame = Frame::decode(Bytes::from_static(br#"{"topic":"smd+265598","31":"271.50"}"#)).unwrap();
/// assert_eq!(frame.topic().as_deref(), Some("smd+265598"));
/// assert_eq!(frame.get("31").unwrap().as_str().unwrap(), "271.50");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    raw: Bytes,
    /// The mended text, where `raw` is not UTF-8. Else `raw` is the text: a second handle on it would cost an allocation.
    mended: Option<Bytes>,
    members: Vec<Member>,
    topic: Option<Member>,
    shape: Shape,
    /// Some key holds an escape, so keys must be decoded before they are compared.
    escaped: bool,
}

/// What a frame is, before anyone looks at its topic. `error` is looked at before `topic`: error frames carry data topics
/// (docs/protocol.md §4.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// An object with a string `topic`.
    Topic,
    /// An object with an `error`, whatever its topic.
    Error,
    /// An object without `topic` that has a `message` (`waiting for session`, `Unsubscribed 990017`).
    Message,
    /// An object without `topic` that has a `result` (`unsubscribed from summary`, or rows).
    Result,
    /// The bare text `ech+hb`, the one documented frame that is not JSON (docs/protocol.md §3.8).
    Echo,
    /// JSON of a shape nobody has heard of.
    Unknown,
}

impl Frame {
    /// Decodes the bytes of one frame, text or binary alike.
    ///
    /// Bytes that are not UTF-8 never cost the message: they are replaced by U+FFFD and the frame is marked
    /// [`lossy`](Self::is_lossy) (docs/protocol.md §1.6).
    ///
    /// # Errors
    /// [`FrameError`], with the bytes, if they are no JSON, or if `topic`, `conid` or `orderId` stand twice at the top
    /// level: which of the two is meant is never guessed.
    pub fn decode(raw: Bytes) -> Result<Self, FrameError> {
        let mended = match core::str::from_utf8(&raw) {
            Ok(_) => None,
            Err(_) => Some(Bytes::from(String::from_utf8_lossy(&raw).into_owned())),
        };
        let frame = Self { raw, mended, members: Vec::new(), topic: None, shape: Shape::Unknown, escaped: false };
        match scan::scan(frame.bytes()) {
            Ok(Scan::Object { members, escaped }) => Self { members, escaped, ..frame }.classified(),
            Ok(Scan::Other) => Ok(frame),
            Err(_) if frame.bytes().trim_ascii() == b"ech+hb" => Ok(Self { shape: Shape::Echo, ..frame }),
            Err(fault) => Err(FrameError { raw: frame.raw, kind: FrameErrorKind::Json(fault) }),
        }
    }

    /// One walk over the keys: the shape, the topic, and the keys that must not stand twice.
    fn classified(mut self) -> Result<Self, FrameError> {
        let (mut topic, mut error, mut message, mut result) = (None, false, false, false);
        let (mut conid, mut order_id) = (false, false);
        let mut twice = None;
        let bytes = self.bytes();
        for member in &self.members {
            let decoded;
            let key = if self.escaped {
                decoded = self.key_text(*member).into_owned();
                decoded.as_bytes()
            } else if matches!(member.key_len(), 5..=7) {
                bytes.get(member.key()).unwrap_or_default()
            } else {
                // None of the keys looked for is shorter or longer.
                continue;
            };
            match key {
                b"topic" if topic.replace(*member).is_some() => twice = Some("topic"),
                b"conid" if core::mem::replace(&mut conid, true) => twice = Some("conid"),
                b"orderId" if core::mem::replace(&mut order_id, true) => twice = Some("orderId"),
                b"error" => error = true,
                b"message" => message = true,
                b"result" => result = true,
                _ => {}
            }
        }
        if let Some(key) = twice {
            return Err(FrameError { raw: self.raw, kind: FrameErrorKind::Duplicate(key) });
        }
        let string_topic = topic.filter(|member| self.bytes().get(member.value().start) == Some(&b'"'));
        self.shape = match (error, string_topic.is_some(), topic.is_some()) {
            (true, ..) => Shape::Error,
            (_, true, _) => Shape::Topic,
            (_, _, false) if message => Shape::Message,
            (_, _, false) if result => Shape::Result,
            _ => Shape::Unknown,
        };
        self.topic = string_topic;
        Ok(self)
    }

    /// The bytes as they came.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The text: the bytes as they came, or with U+FFFD where they were not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The whole frame as one value; `null` for the bare text of an echo.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        Json(if self.shape == Shape::Echo { "null" } else { self.text().trim_ascii() })
    }

    fn bytes(&self) -> &[u8] {
        self.mended.as_ref().unwrap_or(&self.raw)
    }

    /// Were there bytes that are not UTF-8?
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.mended.is_some()
    }

    /// What kind of frame it is.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The `topic`, where there is one and it is a string.
    #[must_use]
    pub fn topic(&self) -> Option<Cow<'_, str>> {
        self.value(self.topic?).as_str()
    }

    /// The topic between its quotes, escapes still in it.
    pub(crate) fn topic_bytes(&self) -> &[u8] {
        let quoted = self.topic.and_then(|topic| self.bytes().get(topic.value()));
        match quoted {
            Some([b'"', topic @ .., b'"']) => topic,
            _ => &[],
        }
    }

    /// The value of a top-level key; of the first one, should the key stand twice.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Json<'_>> {
        self.find(key).map(|member| self.value(*member))
    }

    /// As [`get`](Self::get), with the text taken before: checking that bytes are text costs less once than for each value.
    #[inline]
    pub(crate) fn get_in<'a>(&self, text: &'a str, key: &str) -> Option<Json<'a>> {
        text.get(self.find(key)?.value()).map(Json)
    }

    fn find(&self, key: &str) -> Option<&Member> {
        if self.escaped {
            return self.members.iter().find(|member| self.key_text(**member) == key);
        }
        let bytes = self.bytes();
        // Most keys differ in length: that is seen without looking at the text.
        let found = |member: &&Member| member.key_len() == key.len() && bytes.get(member.key()) == Some(key.as_bytes());
        self.members.iter().find(found)
    }

    /// Keys and values of the top-level object, in the order of the wire.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (Cow<'_, str>, Json<'_>)> {
        self.members.iter().map(|member| (self.key_text(*member), self.value(*member)))
    }

    /// As [`members`](Self::members), with the text taken before: the hot path of market data.
    #[inline]
    pub(crate) fn walk<'a>(&'a self, text: &'a str) -> Walk<'a> {
        Walk { frame: self, text, members: self.members.iter() }
    }

    /// Keys and values as [`members`](Self::members), and each key as it is written, quotes and escapes included.
    pub(crate) fn spelled(&self) -> impl Iterator<Item = Spelled<'_>> {
        let text = self.text();
        self.members.iter().filter_map(move |member| {
            let written = member.key().start.checked_sub(1)?..member.key().end.checked_add(1)?;
            let key = if self.escaped { self.key_text(*member) } else { Cow::Borrowed(text.get(member.key())?) };
            Some(Spelled { key, written: text.get(written)?, value: text.get(member.value())? })
        })
    }

    /// Marks it as lossy: it was put together from frames of which one is.
    pub(crate) fn into_lossy(mut self) -> Self {
        self.mended = Some(self.raw.clone());
        self
    }

    fn key_text(&self, member: Member) -> Cow<'_, str> {
        let key = self.slice(member.key());
        if !self.escaped || !key.contains('\\') {
            return Cow::Borrowed(key);
        }
        // With the quotes around it the key is a JSON string; one whose surrogates do not pair stays as it is written.
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

/// A member of a frame, to be written anew.
#[derive(Clone, Debug)]
pub(crate) struct Spelled<'a> {
    pub(crate) key: Cow<'a, str>,
    /// The key with its quotes, as it came.
    pub(crate) written: &'a str,
    /// The value's JSON.
    pub(crate) value: &'a str,
}

/// Iterator over the members of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    frame: &'a Frame,
    text: &'a str,
    members: core::slice::Iter<'a, Member>,
}

impl<'a> Walk<'a> {
    /// The next member of whose key `read` makes something.
    #[inline(always)]
    pub(crate) fn next_with<T>(&mut self, read: impl Fn(&[u8]) -> Option<T>) -> Option<(T, Json<'a>)> {
        loop {
            let member = self.members.next()?;
            let key = if self.frame.escaped {
                read(self.frame.key_text(*member).as_bytes())
            } else {
                read(self.text.as_bytes().get(member.key())?)
            };
            if let Some(key) = key {
                return Some((key, Json(self.text.get(member.value())?)));
            }
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&self.text()).finish()
    }
}

/// The frame's own JSON; the bare text of an echo as a string.
impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape() {
            Shape::Echo => serializer.serialize_str(self.text().trim()),
            _ => self.json().serialize(serializer),
        }
    }
}

/// A frame that could not be read: its bytes and the reason. It costs neither the connection nor the next frame.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct FrameError {
    /// The bytes as they came.
    pub raw: Bytes,
    /// Why.
    pub kind: FrameErrorKind,
}

/// Why a frame could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// Not JSON.
    #[error("{0}")]
    Json(JsonError),
    /// A key that decides where the message belongs stands twice.
    #[error("the key {0:?} stands twice")]
    Duplicate(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &'static str) -> Frame {
        Frame::decode(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn error_is_looked_at_before_topic() {
        assert_eq!(decode(r#"{"error":"No accounts","code":500,"topic":"smd"}"#).shape(), Shape::Error);
        assert_eq!(decode(r#"{"topic":"system","error":"x"}"#).shape(), Shape::Error);
        assert_eq!(decode(r#"{"message":"waiting for session"}"#).shape(), Shape::Message);
        assert_eq!(decode(r#"{"result":"unsubscribed from summary"}"#).shape(), Shape::Result);
        assert_eq!(decode("ech+hb").shape(), Shape::Echo);
        assert_eq!(decode(r#"{"topic":5}"#).shape(), Shape::Unknown);
        assert_eq!(decode("[]").shape(), Shape::Unknown);
    }

    #[test]
    fn a_bad_byte_costs_nothing_but_itself() {
        let frame = Frame::decode(Bytes::from_static(b"{\"topic\":\"str\",\"n\":\"ACME\x99\"}")).unwrap();
        assert!(frame.is_lossy());
        assert_eq!(frame.get("n").unwrap().as_str().unwrap(), "ACME\u{fffd}");
        assert!(frame.raw().contains(&0x99));
    }

    #[test]
    fn a_key_that_decides_is_never_guessed() {
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
    fn escaped_keys_are_the_keys_they_spell() {
        let frame = decode(r#"{"\u0074opic":"s\u006dd+1","\ud800":1}"#);
        assert_eq!(frame.topic().unwrap(), "smd+1");
        assert_eq!(frame.members().len(), 2);
    }
}
