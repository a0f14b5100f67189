//! The names, topics and channels of a [`Key`], and the identity of a subscription.

pub(crate) mod by_name;
mod counts;

use alloc::sync::Arc;
use alloc::{format, string::String};
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::counts::KeyCounts;
use crate::escape;
use crate::mask::{Masked, excerpt_within};
pub use crate::topic::Key;
use crate::topic::Topic;

/// The greatest number of characters of a text of the application that an error repeats.
const MAX_SHOWN: usize = 40;

impl Key {
    /// Returns the key of a two-letter channel.
    ///
    /// # Errors
    /// [`UnknownChannelError`] for anything but the eight channels.
    pub fn from_channel(channel: &str) -> Result<Self, UnknownChannelError> {
        Self::ALL
            .into_iter()
            .find(|key| key.channel() == Some(channel))
            .ok_or_else(|| UnknownChannelError { channel: excerpt_within(channel, MAX_SHOWN).into() })
    }

    /// Returns the two-letter channel; `None` for an unsolicited key.
    #[must_use]
    pub const fn channel(self) -> Option<&'static str> {
        match self.rules() {
            Some(rules) => Some(rules.name),
            None => None,
        }
    }

    /// Returns the two-letter channel, or the topic of an unsolicited key: `md`, `system`. Logs and
    /// metrics name a key so.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self.rules() {
            Some(rules) => rules.name,
            None => self.topic(),
        }
    }

    /// Returns `true` if the channel needs an authenticated brokerage session. `pl`, `sd` and `ld`
    /// do not (docs/protocol.md §8.1).
    #[must_use]
    pub const fn needs_brokerage_session(self) -> bool {
        match self.rules() {
            Some(rules) => rules.needs_brokerage_session,
            None => false,
        }
    }

    /// Returns `true` if the gateway confirms a subscription of this key with a frame. It never
    /// confirms `bd` and `or` (docs/protocol.md §3).
    #[must_use]
    pub const fn is_confirmed(self) -> bool {
        match self.rules() {
            Some(rules) => rules.confirmed,
            None => true,
        }
    }

    /// Returns `true` if the gateway confirms an unsubscribe of this key with a frame: `sd`, `ld`
    /// and `mh`. On every other channel an unsubscribe is over as soon as it is sent
    /// (docs/protocol.md §3).
    #[must_use]
    pub const fn is_unsubscribe_confirmed(self) -> bool {
        match self.rules() {
            Some(rules) => rules.unsubscribe_confirmed,
            None => false,
        }
    }

    /// Returns `true` for the six keys that cannot be subscribed to.
    #[must_use]
    pub const fn is_unsolicited(self) -> bool {
        self.rules().is_none()
    }

    /// Returns the key of a frame's topic, `smd+265598` or `system`; `None` for a topic without a
    /// key.
    #[must_use]
    pub fn from_topic(topic: &str) -> Option<Self> {
        Topic::parse(topic.as_bytes())?.key()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Key {
    type Err = UnknownKeyError;

    /// Reads the name. `AUTHENTICATION`, the spelling in the documentation of the reference, is
    /// read as well.
    fn from_str(name: &str) -> Result<Self, UnknownKeyError> {
        if name == "AUTHENTICATION" {
            return Ok(Self::AuthenticationStatus);
        }
        Self::ALL
            .into_iter()
            .find(|key| key.name() == name)
            .ok_or_else(|| UnknownKeyError { name: excerpt_within(name, MAX_SHOWN).into() })
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

/// The error for a text that is none of the eight channels.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown channel \"{channel}\": use md, mh, bd, or, pl, tr, sd or ld")]
#[non_exhaustive]
pub struct UnknownChannelError {
    /// The start of the text that was given, as [`excerpt`](crate::excerpt) shows it.
    pub channel: String,
}

/// The error for a text that is not the name of a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown key \"{name}\": use a name as Key::name returns it, for example MARKET_DATA")]
#[non_exhaustive]
pub struct UnknownKeyError {
    /// The start of the text that was given, as [`excerpt`](crate::excerpt) shows it.
    pub name: String,
}

/// The identity of a subscription: its channel and its whole target, `md+265598@ARCA`,
/// `bd+DU1234567+265598`, `or`.
///
/// The target is opaque text. A clone costs a reference count.
#[derive(Clone)]
pub struct SubscriptionKey {
    text: Arc<str>,
}

impl SubscriptionKey {
    /// Returns the key of `channel` and `target`. An empty `target` means that there is none.
    ///
    /// # Errors
    /// [`SubscriptionKeyError`] if `channel` is unsolicited, or if the target cannot be written to
    /// the wire: it is longer than 256 bytes, holds a control character, a brace, a quote or a
    /// backslash, or has an empty part.
    pub fn new(channel: Key, target: &str) -> Result<Self, SubscriptionKeyError> {
        let name = channel.channel().ok_or(SubscriptionKeyError::Unsolicited(channel))?;
        if target.is_empty() {
            return Ok(Self { text: name.into() });
        }
        let broken = |c: char| c.is_control() || matches!(c, '{' | '}' | '"' | '\\');
        if target.len() > 256
            || target.contains(broken)
            || target.split('+').any(|part| part.trim() != part || part.is_empty())
        {
            return Err(SubscriptionKeyError::Target(excerpt_within(target, MAX_SHOWN).into()));
        }
        Ok(Self { text: format!("{name}+{target}").into() })
    }

    /// Reads a key, for example `md+265598`.
    ///
    /// # Errors
    /// Those of [`SubscriptionKey::new`], and an unknown channel.
    pub fn parse(text: &str) -> Result<Self, SubscriptionKeyError> {
        let (channel, target) = text.split_once('+').map_or((text, None), |(channel, target)| (channel, Some(target)));
        let key = Key::from_channel(channel)?;
        match target {
            Some("") => Err(SubscriptionKeyError::Target(String::new())),
            target => Self::new(key, target.unwrap_or_default()),
        }
    }

    /// Returns a key that sorts before every other, for the start of a range.
    pub(crate) fn floor() -> Self {
        Self { text: Arc::from("") }
    }

    /// Returns the key of the channel.
    #[must_use]
    #[inline]
    pub fn key(&self) -> Key {
        // The channel was checked when the text was made.
        Key::of_channel(self.text.as_bytes()).unwrap_or(Key::MarketData)
    }

    /// Returns the two-letter channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.text.get(..2).unwrap_or_default()
    }

    /// Returns the text after the channel and its `+`; empty for `or`, `pl`, `tr`.
    #[must_use]
    pub fn target(&self) -> &str {
        self.text.get(3..).unwrap_or_default()
    }

    /// Returns the whole identity, `md+265598`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the contract number in the target of `md` and `mh` (before an `@EXCHANGE`) and of
    /// `bd` (its second part).
    #[must_use]
    pub fn conid(&self) -> Option<i64> {
        let target = self.target();
        let part = match self.key() {
            Key::MarketData | Key::MarketHistory => target.split('@').next()?,
            Key::PriceLadder => target.split('+').nth(1)?,
            _ => return None,
        };
        part.parse().ok()
    }

    /// Returns the account in the target of `sd`, `ld` and `bd`.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match self.key() {
            Key::AccountSummary | Key::AccountLedger | Key::PriceLadder => {
                self.target().split('+').next().filter(|account| !account.is_empty())
            }
            _ => None,
        }
    }
}

impl PartialEq for SubscriptionKey {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Nearly all equal keys are clones of one.
        Arc::ptr_eq(&self.text, &other.text) || self.text == other.text
    }
}

impl Eq for SubscriptionKey {}

impl PartialOrd for SubscriptionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SubscriptionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl core::hash::Hash for SubscriptionKey {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Borrow<str> for SubscriptionKey {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SubscriptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Writes the text with accounts masked, `sd+DU…567`, because `Debug` output reaches logs.
/// [`Display`](fmt::Display) writes all of it.
impl fmt::Debug for SubscriptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Masked(&self.text), f)
    }
}

impl FromStr for SubscriptionKey {
    type Err = SubscriptionKeyError;

    fn from_str(text: &str) -> Result<Self, SubscriptionKeyError> {
        Self::parse(text)
    }
}

impl Serialize for SubscriptionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        escape::string(&self.text, serializer)
    }
}

impl<'de> Deserialize<'de> for SubscriptionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The error for a text that is not the identity of a subscription.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionKeyError {
    /// The channel is not one of the eight.
    #[error(transparent)]
    Channel(#[from] UnknownChannelError),
    /// The key is unsolicited, so there is nothing to subscribe to.
    #[error("{0} is unsolicited: the gateway sends it without a subscription")]
    Unsolicited(Key),
    /// The target cannot be written to the wire.
    #[error(
        "bad target \"{0}\": write it as on the wire, 265598, 265598@ARCA, DU1234567 or DU1234567+265598 (256 bytes at most)"
    )]
    Target(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_from_its_name_channel_and_topic() {
        for key in Key::ALL {
            assert_eq!(key.name().parse(), Ok(key));
            if let Some(channel) = key.channel() {
                assert_eq!(Key::from_channel(channel), Ok(key));
                assert_eq!(Key::from_topic(&format!("s{channel}+1")), Some(key));
            }
        }
        assert_eq!("AUTHENTICATION".parse(), Ok(Key::AuthenticationStatus));
        assert!(Key::from_channel("xx").is_err());
        assert_eq!(Key::from_topic("actABC"), None);
    }

    #[test]
    fn a_target_is_opaque_text() {
        for text in ["md+265598", "md+265598@ARCA", "md+0;;;1/1,2/-1", "bd+DU1234567+265598+ARCA", "or", "sd+DU1234567"]
        {
            assert_eq!(SubscriptionKey::parse(text).unwrap().as_str(), text);
        }
        for text in ["xx+1", "md+", "md+1+{}", "md+1\n", "md++1", "", "md 1", "md+ 1"] {
            assert!(SubscriptionKey::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(SubscriptionKey::parse("md+265598@ARCA").unwrap().conid(), Some(265_598));
        assert_eq!(SubscriptionKey::parse("bd+DU1234567+265598").unwrap().conid(), Some(265_598));
        assert_eq!(SubscriptionKey::parse("bd+DU1234567+265598").unwrap().account(), Some("DU1234567"));
        assert_eq!(SubscriptionKey::parse("md+0;;;1/1,2/-1").unwrap().conid(), None);
    }
}
