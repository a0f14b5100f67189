//! The line of a message, with the text of its frame.

use alloc::borrow::Cow;

use bytes::Bytes;
use serde::de::Error as _;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::at_ms;
use super::text::Text;
use crate::escape::RawJson;
use crate::event::Message;
use crate::frame::{Frame, Json, Shape};
use crate::key::{Key, SubscriptionKey};

/// A `data` or an `error` line: a message of the gateway.
///
/// It is an `error` line if the shape of the frame is [`Shape::Error`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MessageLine {
    /// The kind of message; `None` for an unknown topic or shape.
    pub key: Option<Key>,
    /// The frame. The session in `tic` is written as `"***"`.
    pub frame: Frame,
    /// Number of earlier messages of its stream that a queue merged into it.
    pub merged: u64,
    /// The subscription it belongs to, if it belongs to exactly one.
    pub channel: Option<SubscriptionKey>,
    /// The number of the connection that received it.
    pub conn: Option<u64>,
    /// When it was received, in milliseconds of the writer's monotonic clock.
    pub at_ms: Option<u64>,
    /// When the earliest message merged into it was received, on the same clock. `None` if none is.
    pub since_ms: Option<u64>,
}

impl From<&Message> for MessageLine {
    fn from(message: &Message) -> Self {
        Self {
            key: message.key,
            frame: message.frame.clone(),
            merged: message.merged,
            channel: message.subscription.clone(),
            conn: Some(message.conn.0),
            at_ms: at_ms(message.at),
            since_ms: at_ms(message.since).filter(|_| message.merged > 0),
        }
    }
}

/// The members of a line that is read. What the frame holds as well is taken from there.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(default)]
    key: Option<Key>,
    #[serde(default)]
    topic: Option<Text>,
    #[serde(default)]
    lossy: bool,
    #[serde(default)]
    merged: u64,
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(default)]
    channel: Option<SubscriptionKey>,
    #[serde(default)]
    conn: Option<u64>,
    #[serde(default)]
    at_ms: Option<u64>,
    #[serde(default)]
    since_ms: Option<u64>,
    #[serde(default)]
    joined: bool,
}

impl MessageLine {
    /// Returns the type of the line.
    pub(super) fn name(&self) -> &'static str {
        if self.frame.shape() == Shape::Error { "error" } else { "data" }
    }

    pub(super) fn read(text: &str, is_error: bool) -> Result<Self, serde_json::Error> {
        let read: Read<'_> = serde_json::from_str(text)?;
        let message = read.message.get();
        // Only the frame that is not JSON has a topic and is written as a string.
        let text: Cow<'_, str> = match Json(message).as_str() {
            Some(echo) if read.topic.is_some() => echo,
            _ => Cow::Borrowed(message),
        };
        let mut frame = Frame::decode(Bytes::from(text.into_owned())).map_err(serde_json::Error::custom)?;
        if (frame.shape() == Shape::Error) != is_error {
            return Err(serde_json::Error::custom("the type of the line is not that of its message"));
        }
        if read.lossy {
            frame = frame.into_lossy();
        }
        if read.joined {
            frame = frame.into_joined();
        }
        let key = if is_error { Some(Key::Error) } else { read.key };
        let Read { merged, channel, conn, at_ms, since_ms, .. } = read;
        Ok(Self { key, frame, merged, channel, conn, at_ms, since_ms })
    }
}

impl Serialize for MessageLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = &self.frame;
        let mut map = serializer.serialize_map(None)?;
        let topic = match frame.shape() {
            Shape::Echo => Some(Cow::Borrowed(frame.text().trim())),
            _ => frame.topic(),
        };
        let topic = topic.map(|topic| Text::from(&*topic));
        if frame.shape() == Shape::Error {
            map.serialize_entry("topic", &topic)?;
            map.serialize_entry("error", &RawJson(frame.get("error").map_or("null", Json::text)))?;
            if let Some(code) = frame.get("code") {
                map.serialize_entry("code", &RawJson(code.text()))?;
            }
        } else {
            map.serialize_entry("key", &self.key)?;
            map.serialize_entry("topic", &topic)?;
        }
        if frame.is_lossy() {
            map.serialize_entry("lossy", &true)?;
        }
        if self.merged > 0 {
            map.serialize_entry("merged", &self.merged)?;
        }
        match frame.shape() {
            Shape::Echo => map.serialize_entry("message", &Text::from(frame.text()))?,
            _ => map.serialize_entry("message", &RawJson(&frame.redacted()))?,
        }
        // What a later version of the schema added follows the message.
        if let Some(channel) = &self.channel {
            map.serialize_entry("channel", channel)?;
        }
        for (name, number) in [("conn", self.conn), ("at_ms", self.at_ms), ("since_ms", self.since_ms)] {
            if let Some(number) = number {
                map.serialize_entry(name, &number)?;
            }
        }
        if frame.is_joined() {
            map.serialize_entry("joined", &true)?;
        }
        map.end()
    }
}
