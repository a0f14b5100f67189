//! Events as lines of JSON, for files, pipes and message buses, and lines read back.
//!
//! [`Item`](crate::Item), [`Event`](crate::Event) and the types that they hold implement
//! `Serialize`. Each serialises as its line: one object, whose member `type` names its kind.
//! `docs/events.md` describes every type and member, with the version of the schema that introduced
//! it; `docs/events.schema.json` is the same as a JSON Schema. `watch --json` prints these lines.
//!
//! [`Line`] is the owned form. It is made of an item, takes the wall-clock time, is written by
//! `Display`, and is read back by [`Line::parse`] or `Deserialize`. An event cannot be read back
//! itself, because a line holds the text of an error and not the error. The message of a line is a
//! [`Frame`](crate::Frame) again, with its typed views. States, causes of states, outcomes, keys
//! and subscription keys serialise as their names, and are read back.
//!
//! ```
//! use core::time::Duration;
//!
//! use ibws_proto::line::{Content, Line};
//! use ibws_proto::{Body, Config, Event, Input, Instant, Item, Machine, Output};
//! # use ibws_proto::{Command, ConnId};
//!
//! # let now = Instant::ORIGIN;
//! # let mut machine = Machine::new(Config::default(), now);
//! # machine.submit(now, Command::Start);
//! # machine.handle(now, Input::Opened(ConnId(1)));
//! # while machine.poll().is_some() {}
//! let quote = r#"{"topic":"smd+265598","conid":265598,"31":"231.70"}"#;
//! machine.handle(now, Input::Frame(ConnId(1), quote.into()));
//! let Some(Output::Event(event)) = machine.poll() else { panic!() };
//! let item = Item::Event(event);
//!
//! // One line, with the wall-clock time that a client computes.
//! let written = Line::from(&item).with_time(Duration::from_millis(1_764_366_452_000)).to_string();
//! assert!(written.starts_with(r#"{"type":"data","key":"MARKET_DATA","topic":"smd+265598","#));
//! assert!(written.ends_with(r#""unix_ms":1764366452000}"#));
//!
//! // Elsewhere: the line is read, and its message has the typed view of a frame.
//! let line = Line::parse(&written).unwrap();
//! let Content::Message(message) = &line.content else { panic!() };
//! let Body::MarketData(data) = message.frame.body() else { panic!() };
//! assert_eq!(data.conid(), Ok(Some(265598)));
//! assert_eq!(line.to_string(), written);
//! ```
//!
//! # Accounts and sessions
//!
//! A line shows accounts as the gateway sent them, in messages and in the names of channels, so
//! treat lines as you treat messages. The session in `tic` is written as `"***"`, while the frame
//! of the event is unchanged; a frame or a typed view that is serialised by itself is no line, and
//! shows it. Reasons, causes and frames that could not be read are masked as an [`excerpt`] is.
//!
//! # Formats
//!
//! JSON repeats a message as the gateway wrote it, digit for digit, with escapes in place of
//! characters that a terminal would obey or not show. Formats that are not human-readable, as CBOR,
//! get the values, as [`Json`](crate::Json) serialises them. Another human-readable format needs
//! the value of `serde_json::to_value`, which fails for a number that it cannot hold, as `1e400`.
//! Lines are read from JSON only.

mod cause;
mod events;
mod kinds;
mod message;
mod text;
mod words;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use alloc::borrow::Cow;
use alloc::boxed::Box;

use serde::de::Error as _;
use serde::ser::{Serialize, Serializer};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::escape::RawJson;
use crate::mask::excerpt;
use crate::time::Instant;

pub use cause::Cause;
pub use kinds::{
    AccountLine, CatchUpPendingLine, CaughtUpLine, CompetingLine, FreshLine, GapLine, KeeperLine, LostLine,
    MalformedLine, ProcessorPanickedLine, RestLine, ResumedLine, SessionLine, StaleLine, StateLine, SubscriptionLine,
};
pub use message::MessageLine;
pub use text::{JsonText, Text};

/// The version of the schema that lines are written in. A later version adds types, members and
/// words, and neither changes nor removes any.
pub const SCHEMA_VERSION: u32 = 2;

/// The JSON Schema of lines, the content of `docs/events.schema.json`.
pub const SCHEMA: &str = include_str!("../../docs/events.schema.json");

/// A line of JSON: what it is about, and the wall-clock time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What the line is about.
    pub content: Content,
    /// The wall-clock time, in milliseconds since the start of 1970 in UTC; `None` if the writer
    /// gave none.
    pub unix_ms: Option<u64>,
}

/// Declares [`Content`], and how each kind is written and read.
macro_rules! contents {
    ($( $(#[$doc:meta])* $variant:ident($line:ident) = $name:literal ),* $(,)?) => {
        /// The kinds of lines.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Content {
            /// `data` and `error`: a message of the gateway.
            Message(MessageLine),
            $( $(#[$doc])* $variant($line), )*
            /// A line of a type that this version does not know, as it was written. A program
            /// ignores it.
            Unknown(JsonText),
        }

        impl Line {
            /// The types that lines have, as the member `type` names them.
            pub const TYPES: &'static [&'static str] = &["data", "error", $($name),*];
        }

        impl Serialize for Line {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match &self.content {
                    Content::Message(line) => self.tagged(line.name(), line, serializer),
                    $( Content::$variant(line) => self.tagged($name, line, serializer), )*
                    Content::Unknown(text) => RawJson(text.text()).serialize(serializer),
                }
            }
        }

        fn read(text: &str) -> Result<Line, serde_json::Error> {
            let Head { name, unix_ms } = serde_json::from_str(text)?;
            let content = match &*name {
                "data" | "error" => Content::Message(MessageLine::read(text, name == "error")?),
                $( $name => Content::$variant(serde_json::from_str(text)?), )*
                _ => Content::Unknown(serde_json::from_str(text)?),
            };
            Ok(Line { content, unix_ms })
        }
    };
}

contents! {
    /// `state`: the connection's state changed.
    State(StateLine) = "state",
    /// `subscription`: a subscription's state changed.
    Subscription(SubscriptionLine) = "subscription",
    /// `gap`: messages of a stream may be missing.
    Gap(GapLine) = "gap",
    /// `resumed`: a gap ended.
    Resumed(ResumedLine) = "resumed",
    /// `caught_up`: what the stream of orders lost is known.
    CaughtUp(CaughtUpLine) = "caught_up",
    /// `catch_up_pending`: what the stream of orders lost is still unknown.
    CatchUpPending(CatchUpPendingLine) = "catch_up_pending",
    /// `malformed`: a frame could not be read.
    Malformed(MalformedLine) = "malformed",
    /// `session`: a session is wanted, and there is none.
    Session(SessionLine) = "session",
    /// `stale`: a stream is silent.
    Stale(StaleLine) = "stale",
    /// `fresh`: a silent stream has a message again.
    Fresh(FreshLine) = "fresh",
    /// `competing`: another login competes, or no longer does.
    Competing(CompetingLine) = "competing",
    /// `account`: the session does not serve the configured account.
    Account(AccountLine) = "account",
    /// `lost`: a queue dropped events.
    Lost(LostLine) = "lost",
    /// `keeper`: the state of the session keeper changed.
    Keeper(KeeperLine) = "keeper",
    /// `rest`: a REST request ended.
    Rest(RestLine) = "rest",
    /// `processor_panicked`: a processor of the application panicked.
    ProcessorPanicked(ProcessorPanickedLine) = "processor_panicked",
}

/// What every line has.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    unix_ms: Option<u64>,
}

/// A line as it is written: its type, its members, the wall-clock time.
#[derive(serde::Serialize)]
struct Tagged<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    line: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    unix_ms: Option<u64>,
}

/// The error for a text that is not a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the line cannot be read: {reason}")]
#[non_exhaustive]
pub struct LineError {
    /// Why, as an [`excerpt`].
    pub reason: Box<str>,
}

impl Line {
    /// Reads a line, with or without its line end.
    ///
    /// # Errors
    /// [`LineError`] if the text is not one JSON object with a `type`, if a member of a known type
    /// is missing or is of another kind, or if it has a word that this version does not know.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        read(text).map_err(|error| LineError { reason: excerpt(&alloc::format!("{error}")) })
    }

    /// Sets the wall-clock time, as the time since the start of 1970 in UTC.
    ///
    /// That of an event which holds its time is the wall-clock time of
    /// [`Item::at`](crate::Item::at); that of another event is the time at which it was taken from
    /// its queue.
    #[must_use]
    pub fn with_time(self, since_1970: Duration) -> Self {
        Self { unix_ms: Some(millis(since_1970)), ..self }
    }

    /// Sets the wall-clock time. One before 1970 counts as the start of 1970.
    #[cfg(feature = "transport")]
    #[must_use]
    pub fn with_system_time(self, time: std::time::SystemTime) -> Self {
        self.with_time(time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default())
    }

    fn tagged<T: Serialize, S: Serializer>(&self, name: &str, line: &T, serializer: S) -> Result<S::Ok, S::Error> {
        Tagged { r#type: name, line, unix_ms: self.unix_ms }.serialize(serializer)
    }
}

/// Writes the line as JSON, without a line end. It shows accounts in full; `Debug` masks them.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        Self::parse(text)
    }
}

/// Reads a line from JSON.
impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        read(text.get()).map_err(D::Error::custom)
    }
}

/// Returns a moment in milliseconds since the origin of its clock, as the member of a line.
#[expect(clippy::unnecessary_wraps, reason = "a line of the first version has no such member")]
pub(crate) fn at_ms(at: Instant) -> Option<u64> {
    Some(at.as_nanos() / 1_000_000)
}

/// Returns whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
