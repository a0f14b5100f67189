//! The settings by name, the values that a variable or a file can hold, and what is wrong with a
//! bad one.

use core::fmt;
use core::time::Duration;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::format;
use std::string::{String, ToString};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error_text::debug_with_text;
use crate::excerpt;
use crate::transport::{Endpoint, EndpointError, Fingerprint};

/// A setting that cannot be used. Each names its key or variable.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The value is not one that the setting takes.
    #[error("{name} takes {takes}, not {value}")]
    BadValue {
        /// The key or the variable.
        name: &'static str,
        /// What it takes.
        takes: &'static str,
        /// The value, with account ids masked; its kind if it may hold a secret.
        value: Box<str>,
    },
    /// The address cannot be used. The error never holds its query.
    #[error("{name} takes an address such as wss://localhost:5000/v1/api/ws: {source}")]
    BadUrl {
        /// The key or the variable.
        name: &'static str,
        /// What is wrong.
        source: EndpointError,
    },
    /// The file that the setting names cannot be used.
    #[error("{name} takes the path of a certificate file, and {path} cannot be used: {reason}")]
    BadFile {
        /// The key or the variable.
        name: &'static str,
        /// The path.
        path: Box<str>,
        /// What is wrong.
        reason: Box<str>,
    },
    /// The value switches the checks of certificates off, which is not possible.
    #[error(
        "{name} takes the path of a PEM file with the authorities to trust; certificate checks cannot be switched off: \
         pin the certificate of the gateway instead (`Trust::ExactCert`, or the setting trust = \"pin:FILE\")"
    )]
    ChecksOff {
        /// The key or the variable.
        name: &'static str,
    },
    /// No setting has this key.
    #[error("{key} is no setting; the settings are: {}", Setting::keys())]
    UnknownKey {
        /// The key.
        key: Box<str>,
    },
    /// The key occurs twice.
    #[error("{key} occurs twice: remove one of the two")]
    Twice {
        /// The key.
        key: &'static str,
    },
    /// The text is not in its format, or one of its settings cannot be used.
    #[error("the settings cannot be read: {reason}")]
    Unreadable {
        /// What is wrong, with the line and the column.
        reason: Box<str>,
    },
}

debug_with_text!(SettingsError { BadValue, BadUrl, BadFile, ChecksOff, UnknownKey, Twice, Unreadable });

/// A setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setting {
    AccountId,
    Url,
    Host,
    Port,
    CaCert,
    Trust,
    PingInterval,
    MaxPongAge,
    Timeout,
    SubscriptionRetries,
    SubscriptionTimeout,
    LogRawMessages,
}

impl Setting {
    pub(super) const ALL: [Self; 12] = [
        Self::AccountId,
        Self::Url,
        Self::Host,
        Self::Port,
        Self::CaCert,
        Self::Trust,
        Self::PingInterval,
        Self::MaxPongAge,
        Self::Timeout,
        Self::SubscriptionRetries,
        Self::SubscriptionTimeout,
        Self::LogRawMessages,
    ];

    /// Its key in a file.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::Url => "url",
            Self::Host => "host",
            Self::Port => "port",
            Self::CaCert => "cacert",
            Self::Trust => "trust",
            Self::PingInterval => "ping_interval",
            Self::MaxPongAge => "max_pong_age",
            Self::Timeout => "timeout",
            Self::SubscriptionRetries => "subscription_retries",
            Self::SubscriptionTimeout => "subscription_timeout",
            Self::LogRawMessages => "log_raw_messages",
        }
    }

    /// Its variable, if the reference has one.
    pub(super) const fn variable(self) -> Option<&'static str> {
        match self {
            Self::AccountId => Some("IBIND_ACCOUNT_ID"),
            Self::Url => Some("IBIND_WS_URL"),
            Self::CaCert => Some("IBIND_CACERT"),
            Self::PingInterval => Some("IBIND_WS_PING_INTERVAL"),
            Self::MaxPongAge => Some("IBIND_WS_MAX_PING_INTERVAL"),
            Self::Timeout => Some("IBIND_WS_TIMEOUT"),
            Self::SubscriptionRetries => Some("IBIND_WS_SUBSCRIPTION_RETRIES"),
            Self::SubscriptionTimeout => Some("IBIND_WS_SUBSCRIPTION_TIMEOUT"),
            Self::LogRawMessages => Some("IBIND_WS_LOG_RAW_MESSAGES"),
            Self::Host | Self::Port | Self::Trust => None,
        }
    }

    /// What it takes, as errors say it.
    pub(super) const fn takes(self) -> &'static str {
        match self {
            Self::AccountId => "an account id of 2 to 16 letters and digits, such as DU1234567",
            Self::Url => "an address such as wss://localhost:5000/v1/api/ws",
            Self::Host => "a name or an IP address, such as localhost",
            Self::Port => "a whole number from 1 to 65535",
            Self::CaCert => "the path of a PEM file with the authorities to trust",
            Self::Trust => "webpki, stock, ca:FILE, pin:FILE or sha256:HEX",
            Self::PingInterval | Self::MaxPongAge | Self::Timeout | Self::SubscriptionTimeout => {
                "a number of seconds above 0 and up to 1000000000"
            }
            Self::SubscriptionRetries => "a whole number from 1 to 4294967295",
            Self::LogRawMessages => "true or false",
        }
    }

    fn keys() -> String {
        let mut keys = String::new();
        for setting in Self::ALL {
            let separator = if keys.is_empty() { "" } else { ", " };
            [separator, setting.key()].iter().for_each(|part| keys.push_str(part));
        }
        keys
    }
}

/// A value of a file or a variable.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    /// A value of a kind that no setting takes.
    Other(&'static str),
}

impl Value {
    /// Returns the text; `None` if it is another kind of value, or blank.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    pub(super) fn account(&self) -> Option<String> {
        let fits = |text: &String| (2..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        self.text().filter(fits)
    }

    pub(super) fn host(&self) -> Option<String> {
        self.text().filter(|host| Endpoint::gateway(host, 1).is_ok())
    }

    /// Returns a trust in its written form; its files are read later.
    pub(super) fn trust(&self) -> Option<String> {
        self.text().filter(|text| match text.split_once(':') {
            None => matches!(&**text, "webpki" | "stock"),
            Some(("sha256", hex)) => hex.parse::<Fingerprint>().is_ok(),
            Some((kind, path)) => matches!(kind, "ca" | "pin") && !path.is_empty(),
        })
    }

    pub(super) fn whole(&self, min: u64, max: u64) -> Option<u64> {
        let number = match self {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| (min..=max).contains(number))
    }

    pub(super) fn seconds(&self) -> Option<Duration> {
        const MAX: Duration = Duration::from_secs(1_000_000_000);
        let span = match self {
            Self::Whole(seconds) => Duration::from_secs(*seconds),
            Self::Number(seconds) => Duration::try_from_secs_f64(*seconds).ok()?,
            Self::Text(text) => Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()?,
            _ => return None,
        };
        Some(span).filter(|span| !span.is_zero() && *span <= MAX)
    }

    /// Returns a boolean, in the words that the reference takes.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Text(text) => match &*text.trim().to_ascii_lowercase() {
                "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
                "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the value for an error.
    pub(super) fn shown(&self) -> Box<str> {
        match self {
            Self::Bool(value) => excerpt(&value.to_string()),
            Self::Whole(number) => excerpt(&number.to_string()),
            Self::Number(number) => excerpt(&number.to_string()),
            Self::Text(text) => excerpt(&format!("{text:?}")),
            Self::Null | Self::Other(_) => self.kind().into(),
        }
    }

    /// Returns the kind of the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(text) if text.trim().is_empty() => "a blank text",
            Self::Text(_) => "a text",
            Self::Other(kind) => kind,
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or a boolean")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        // A negative number is no count; as a number it is shown and refused. The few digits that a
        // large one loses do not matter.
        #[allow(clippy::cast_precision_loss)]
        Ok(u64::try_from(value).map_or(Value::Number(value as f64), Value::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a table"))
    }
}
