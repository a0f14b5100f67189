//! The texts that subscribe and unsubscribe: `s` or `u`, the channel, its target and its JSON
//! (docs/protocol.md §2, §3).

mod request;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use serde::Serialize;

pub use self::request::{ParseSubscribeError, Renewal, Staleness, Subscribe, Unsubscribe};
use crate::frame::scan;
use crate::key::Key;
use crate::mask::{Masked, excerpt};

/// The JSON arguments of a payload, kept as the text that is written to the wire. Key order and
/// spelling are the user's.
#[derive(Clone, PartialEq, Eq)]
pub struct Args(Arc<str>);

impl Args {
    /// Returns `{}`, which states that there are no arguments.
    #[must_use]
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// Serialises any value to compact JSON.
    ///
    /// # Errors
    /// [`ArgsError`] if the value cannot be serialised or is not an object.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, ArgsError> {
        Self::from_text(
            &serde_json::to_string(value).map_err(|error| ArgsError::NotJson(excerpt(&error.to_string()).into()))?,
        )
    }

    /// Takes JSON text as it is.
    ///
    /// # Errors
    /// [`ArgsError`] if the text is not JSON, is not an object, or is longer than 64 KiB.
    pub fn from_text(text: &str) -> Result<Self, ArgsError> {
        if text.len() > 65_536 {
            return Err(ArgsError::TooLong(text.len()));
        }
        match scan::validate(text.as_bytes()) {
            Ok(true) => Ok(Self(text.trim().into())),
            Ok(false) => Err(ArgsError::NotAnObject),
            Err(error) => Err(ArgsError::NotJson(error.to_string())),
        }
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Writes the text with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Masked(&self.0), f)
    }
}

/// The error for arguments that cannot be written to the wire.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// The arguments are not JSON.
    #[error("the arguments are not JSON ({0}): write an object, for example {{\"fields\":[\"31\"]}}")]
    NotJson(String),
    /// The arguments are JSON but not an object.
    #[error("the arguments are not a JSON object: write one, for example {{\"fields\":[\"31\"]}}")]
    NotAnObject,
    /// The arguments are longer than the gateway relays.
    #[error("the arguments have {0} bytes, more than the limit of 65536: shorten them")]
    TooLong(usize),
}

/// Builds the texts that subscribe and unsubscribe. A client and each subscription can have a
/// processor of the user's.
///
/// A [`Machine`](crate::Machine) calls it, and drops it, while it handles an input or a command. A
/// client calls it on its own task, when the text is to be written, and without any lock: a
/// processor may use the client. If it panics, the text is not sent, and
/// [`Event::ProcessorPanicked`](crate::Event::ProcessorPanicked) reports it.
pub trait SubscriptionProcessor: Send + Sync {
    /// Returns the text that subscribes to `channel` (`md+265598`): `s`, the channel, and `+` with
    /// the data if there is any.
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String;

    /// Returns the text that unsubscribes. `channel` is what the gateway expects: `mh+SERVERID`,
    /// `bd+ACCOUNT`, otherwise the channel as it was subscribed.
    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String;
}

/// Builds the texts that the gateway expects (docs/protocol.md §3): compact, and without JSON where
/// the gateway takes none (`utr`, `umh+SERVERID`, `ubd+ACCOUNT`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireProcessor;

impl SubscriptionProcessor for WireProcessor {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        payload('s', channel, data.map(Args::as_str))
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        let key = channel.get(..2).and_then(|name| Key::from_channel(name).ok());
        let json = key.and_then(Key::rules).is_none_or(|rules| rules.unsubscribe_json);
        payload('u', channel, data.map(Args::as_str).or(json.then_some("{}")))
    }
}

/// Builds the texts that the reference writes: JSON with `", "` and `": "`, and `+{}` after every
/// unsubscribe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReferenceProcessor;

impl SubscriptionProcessor for ReferenceProcessor {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        payload('s', channel, data.map(|data| spaced(data.as_str())).as_deref())
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        payload('u', channel, Some(&data.map_or_else(|| "{}".into(), |data| spaced(data.as_str()))))
    }
}

fn payload(verb: char, channel: &str, data: Option<&str>) -> String {
    let mut text = String::with_capacity(2 + channel.len() + data.map_or(0, str::len));
    text.push(verb);
    text.push_str(channel);
    if let Some(data) = data {
        text.push('+');
        text.push_str(data);
    }
    text
}

/// Returns JSON text with white space only after commas and colons, as Python's `json.dumps` writes
/// it.
fn spaced(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 4);
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted {
            text.push(c);
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            ' ' | '\n' | '\r' | '\t' => {}
            ',' | ':' => {
                text.push(c);
                text.push(' ');
            }
            _ => {
                quoted = c == '"';
                text.push(c);
            }
        }
    }
    text
}

/// A [`SubscriptionProcessor`] that subscriptions can share.
#[derive(Clone)]
pub struct Processor {
    processor: Arc<dyn SubscriptionProcessor>,
    /// Set for the default processor, which is no code of the application.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "only the client looks at it"))]
    is_default: bool,
}

impl Processor {
    /// Wraps `processor` for sharing.
    #[must_use]
    pub fn new(processor: impl SubscriptionProcessor + 'static) -> Self {
        Self { processor: Arc::new(processor), is_default: false }
    }

    /// Returns `true` if both are the same processor, not only equal ones.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.processor, &other.processor)
    }
}

#[cfg(feature = "client")]
impl Processor {
    /// Returns `true` for the default processor.
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }
}

impl Default for Processor {
    fn default() -> Self {
        Self { is_default: true, ..Self::new(WireProcessor) }
    }
}

impl core::ops::Deref for Processor {
    type Target = dyn SubscriptionProcessor;

    fn deref(&self) -> &Self::Target {
        &*self.processor
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Processor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_processor_writes_the_texts_of_the_gateway() {
        let wire = WireProcessor;
        let data = Args::from_text(r#"{"fields":["31","84"]}"#).unwrap();
        assert_eq!(wire.subscribe_payload("md+265598", Some(&data)), r#"smd+265598+{"fields":["31","84"]}"#);
        assert_eq!(wire.subscribe_payload("bd+DU1234567+265598", None), "sbd+DU1234567+265598");
        for (channel, text) in [
            ("md+265598", "umd+265598+{}"),
            ("mh+990017", "umh+990017"),
            ("bd+DU1234567", "ubd+DU1234567"),
            ("or", "uor+{}"),
            ("pl", "upl+{}"),
            ("tr", "utr"),
            ("sd+DU1234567", "usd+DU1234567+{}"),
            ("ld+DU1234567", "uld+DU1234567+{}"),
        ] {
            assert_eq!(wire.unsubscribe_payload(channel, None), text);
        }
    }

    #[test]
    fn the_reference_processor_spaces_its_json() {
        let reference = ReferenceProcessor;
        let data = Args::from_text("{\"foo\":\"b,a:r\\\" ,\", \"n\":[1,2]}").unwrap();
        assert_eq!(
            reference.subscribe_payload("md", Some(&Args::from_text(r#"{"foo":"bar"}"#).unwrap())),
            r#"smd+{"foo": "bar"}"#
        );
        assert_eq!(reference.subscribe_payload("md", None), "smd");
        assert_eq!(reference.unsubscribe_payload("md", None), "umd+{}");
        assert_eq!(reference.unsubscribe_payload("md", Some(&data)), "umd+{\"foo\": \"b,a:r\\\" ,\", \"n\": [1, 2]}");
    }

    #[test]
    fn a_subscription_is_read_from_the_text_of_the_wire() {
        let text = |given: &str| {
            let subscribe = Subscribe::parse(given).unwrap();
            WireProcessor.subscribe_payload(subscribe.key.as_str(), subscribe.args.as_ref())
        };
        assert_eq!(text(r#"md+265598+{"fields": ["31"]}"#), r#"smd+265598+{"fields": ["31"]}"#);
        assert_eq!(text("or"), "sor+{}");
        assert_eq!(text("bd+DU1234567+265598"), "sbd+DU1234567+265598");
        for bad in ["zz", "md", "md+1+{", "md+1+{]}", "sd", "md+{}", ""] {
            assert!(Subscribe::parse(bad).is_err(), "{bad}");
        }
    }
}
