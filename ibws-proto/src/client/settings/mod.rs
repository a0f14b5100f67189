//! Settings of a client from outside the program: the environment variables of the reference, and a
//! configuration file.

mod value;

use core::fmt;
use core::time::Duration;
use std::ffi::OsString;
use std::string::{String, ToString};
use std::vec::Vec;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

pub use self::value::SettingsError;
use self::value::{Setting, Value};
use super::builder::Builder;
use crate::transport::{Endpoint, Plaintext, Runtime, Trust};
use crate::{Account, ReadyGate, excerpt};

/// Settings of a [`Builder`] as plain data, for a configuration file.
///
/// Every setting is optional, and one that is absent leaves the builder as it is. The type
/// implements `Serialize` and `Deserialize`, so a program can use any format that has strings,
/// numbers and booleans, such as TOML; for JSON there are [`from_json`](Self::from_json) and
/// [`to_json`](Self::to_json). An unknown key, a key that occurs twice, and a bad value are errors
/// that name the key and what it takes.
///
/// ```
/// use ibws_proto::client::Settings;
///
/// let settings = Settings::from_json(r#"{"account_id": "DU1234567", "timeout": 7.5}"#)?;
/// assert_eq!(settings.timeout, Some(std::time::Duration::from_millis(7500)));
///
/// let error = Settings::from_json(r#"{"subscription_retries": 0}"#).unwrap_err();
/// assert!(error.to_string().contains("subscription_retries takes a whole number from 1"));
/// # Ok::<(), ibws_proto::client::SettingsError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Settings {
    /// The account that the session must serve, as
    /// [`Config::account`](crate::Config::account). Variable: `IBIND_ACCOUNT_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The whole address, as [`Builder::url`]. Variable: `IBIND_WS_URL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The host of the gateway, as [`Builder::host`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port of the gateway, as [`Builder::port`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path of a PEM file with the authorities to trust, as [`Trust::CaPem`]. Variable:
    /// `IBIND_CACERT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cacert: Option<String>,
    /// The certificates to accept, as [`Builder::trust`]: `webpki`, `stock`, `ca:FILE`, `pin:FILE`
    /// or `sha256:HEX`. It takes precedence over `cacert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// The interval of WebSocket pings, as [`Config::ping_interval`](crate::Config::ping_interval);
    /// in a file a number of seconds. Variable: `IBIND_WS_PING_INTERVAL`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub ping_interval: Option<Duration>,
    /// The greatest age of the last pong, as
    /// [`Config::max_pong_age`](crate::Config::max_pong_age); in a file a number of seconds.
    /// Variable: `IBIND_WS_MAX_PING_INTERVAL`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub max_pong_age: Option<Duration>,
    /// The wait for the greeting and for the end of a connection, as
    /// [`ReadyGate::Wait`] and [`Config::close_timeout`](crate::Config::close_timeout); in a file a
    /// number of seconds. Variable: `IBIND_WS_TIMEOUT`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub timeout: Option<Duration>,
    /// The number of attempts to subscribe, as
    /// [`Config::subscription_retries`](crate::Config::subscription_retries). Variable:
    /// `IBIND_WS_SUBSCRIPTION_RETRIES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_retries: Option<u32>,
    /// The wait for the confirmation of a subscription, as
    /// [`Config::subscription_timeout`](crate::Config::subscription_timeout); in a file a number of
    /// seconds. Variable: `IBIND_WS_SUBSCRIPTION_TIMEOUT`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub subscription_timeout: Option<Duration>,
    /// Whether received messages are logged, as [`Builder::log_raw_messages`]. Variable:
    /// `IBIND_WS_LOG_RAW_MESSAGES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_raw_messages: Option<bool>,
}

impl Settings {
    /// Reads the variables of the environment that the reference reads. One that is unset or empty
    /// is absent.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable and what it takes.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// As [`from_env`](Self::from_env), with `variable` in place of the environment.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable and what it takes.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        for setting in Setting::ALL {
            let Some(name) = setting.variable() else { continue };
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else { continue };
            let value = text.into_string().map_or(Value::Other("bytes that are not UTF-8"), Value::Text);
            settings.set(setting, name, value)?;
        }
        Ok(settings)
    }

    /// Reads a JSON object whose members are the settings.
    ///
    /// # Errors
    /// [`SettingsError::Unreadable`], whose text names the key and what it takes.
    pub fn from_json(text: &str) -> Result<Self, SettingsError> {
        let unreadable = |error: serde_json::Error| SettingsError::Unreadable { reason: error.to_string().into() };
        serde_json::from_str(text).map_err(unreadable)
    }

    /// Returns the settings as a JSON object, without the absent ones. The address may hold a token
    /// in its query.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Neither strings nor numbers can fail to serialize.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Sets one setting; `name` is what the error calls it.
    fn set(&mut self, setting: Setting, name: &'static str, value: Value) -> Result<(), SettingsError> {
        let bad = || SettingsError::BadValue { name, takes: setting.takes(), value: value.shown() };
        match setting {
            Setting::AccountId => self.account_id = Some(value.account().ok_or_else(bad)?),
            Setting::Url => {
                let url = value.text().ok_or(SettingsError::BadValue {
                    name,
                    takes: setting.takes(),
                    value: value.kind().into(),
                })?;
                // Whether plaintext is permitted is known when the settings are applied.
                Endpoint::parse(&url, Plaintext::OnLoopback)
                    .map_err(|source| SettingsError::BadUrl { name, source })?;
                self.url = Some(url);
            }
            Setting::Host => self.host = Some(value.host().ok_or_else(bad)?),
            Setting::Port => self.port = Some(value.whole(1, u64::from(u16::MAX)).and_then(narrow).ok_or_else(bad)?),
            Setting::CaCert if value.boolean() == Some(false) => return Err(SettingsError::ChecksOff { name }),
            Setting::CaCert => {
                let path = value.text().filter(|_| value.boolean().is_none());
                self.cacert = Some(path.ok_or_else(bad)?);
            }
            Setting::Trust => self.trust = Some(value.trust().ok_or_else(bad)?),
            Setting::PingInterval => self.ping_interval = Some(value.seconds().ok_or_else(bad)?),
            Setting::MaxPongAge => self.max_pong_age = Some(value.seconds().ok_or_else(bad)?),
            Setting::Timeout => self.timeout = Some(value.seconds().ok_or_else(bad)?),
            Setting::SubscriptionRetries => {
                let count = value.whole(1, u64::from(u32::MAX)).and_then(narrow);
                self.subscription_retries = Some(count.ok_or_else(bad)?);
            }
            Setting::SubscriptionTimeout => self.subscription_timeout = Some(value.seconds().ok_or_else(bad)?),
            Setting::LogRawMessages => self.log_raw_messages = Some(value.boolean().ok_or_else(bad)?),
        }
        Ok(())
    }
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Option<T> {
    T::try_from(number).ok()
}

/// Writes a duration as a number of seconds, whole if it is.
fn seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) if span.subsec_nanos() == 0 => serializer.serialize_u64(span.as_secs()),
        Some(span) => serializer.serialize_f64(span.as_secs_f64()),
        None => serializer.serialize_none(),
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

/// Reads the settings key by key, so that each error names its key.
struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
        let mut settings = Settings::default();
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let setting = Setting::ALL.into_iter().find(|setting| setting.key() == key);
            let setting = setting.ok_or_else(|| de::Error::custom(SettingsError::UnknownKey { key: excerpt(&key) }))?;
            if seen.contains(&setting) {
                return Err(de::Error::custom(SettingsError::Twice { key: setting.key() }));
            }
            seen.push(setting);
            match map.next_value()? {
                Value::Null => {}
                value => settings.set(setting, setting.key(), value).map_err(de::Error::custom)?,
            }
        }
        Ok(settings)
    }
}

/// Neither the query of the address nor the account is shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(|url| Endpoint::parse(url, Plaintext::OnLoopback).ok());
        f.debug_struct("Settings")
            .field("account_id", &self.account_id.as_deref().map(Account::new))
            .field("url", &url)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("cacert", &self.cacert)
            .field("trust", &self.trust)
            .field("ping_interval", &self.ping_interval)
            .field("max_pong_age", &self.max_pong_age)
            .field("timeout", &self.timeout)
            .field("subscription_retries", &self.subscription_retries)
            .field("subscription_timeout", &self.subscription_timeout)
            .field("log_raw_messages", &self.log_raw_messages)
            .finish()
    }
}

impl<R: Runtime> Builder<R> {
    /// Applies the environment variables of the reference: `IBIND_ACCOUNT_ID`, `IBIND_WS_URL`,
    /// `IBIND_CACERT`, `IBIND_WS_PING_INTERVAL`, `IBIND_WS_MAX_PING_INTERVAL`, `IBIND_WS_TIMEOUT`,
    /// `IBIND_WS_SUBSCRIPTION_RETRIES`, `IBIND_WS_SUBSCRIPTION_TIMEOUT` and
    /// `IBIND_WS_LOG_RAW_MESSAGES`. [`Settings`] describes each. A variable that is unset or empty
    /// changes nothing. Times are in seconds.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable and what it takes. `IBIND_CACERT=False`, which switches
    /// the checks of certificates off in the reference, is [`SettingsError::ChecksOff`].
    pub fn from_env(self) -> Result<Self, SettingsError> {
        let settings = Settings::from_env()?;
        self.apply(&settings, |setting| setting.variable().unwrap_or(setting.key()))
    }

    /// Applies settings, and reads the certificate files that they name.
    ///
    /// # Errors
    /// [`SettingsError`] names the key and what it takes.
    pub fn settings(self, settings: &Settings) -> Result<Self, SettingsError> {
        self.apply(settings, Setting::key)
    }

    fn apply(mut self, settings: &Settings, name: impl Fn(Setting) -> &'static str) -> Result<Self, SettingsError> {
        if let Some(url) = &settings.url {
            let bad = |source| SettingsError::BadUrl { name: name(Setting::Url), source };
            Endpoint::parse(url, self.plaintext).map_err(bad)?;
            self = self.url(url.clone());
        }
        if let Some(host) = &settings.host {
            self = self.host(host.clone());
        }
        if let Some(port) = settings.port {
            self = self.port(port);
        }
        let trust = match (&settings.trust, &settings.cacert) {
            (Some(trust), _) => Some(read_trust(name(Setting::Trust), trust)?),
            (None, Some(path)) => Some(read_certificates(name(Setting::CaCert), path, Trust::CaPem)?),
            (None, None) => None,
        };
        if let Some(trust) = trust {
            self = self.trust(trust);
        }
        if let Some(is_on) = settings.log_raw_messages {
            self = self.log_raw_messages(is_on);
        }
        Ok(self.configure(|config| {
            if let Some(id) = &settings.account_id {
                config.account = Some(Account::new(id.as_str()));
            }
            config.ping_interval = settings.ping_interval.or(config.ping_interval);
            config.max_pong_age = settings.max_pong_age.or(config.max_pong_age);
            if let Some(timeout) = settings.timeout {
                config.ready_gate = ReadyGate::Wait(timeout);
                config.close_timeout = timeout;
            }
            if let Some(count) = settings.subscription_retries {
                config.subscription_retries = count;
            }
            if let Some(timeout) = settings.subscription_timeout {
                config.subscription_timeout = timeout;
            }
        }))
    }
}

/// Reads a trust in the form of [`Settings::trust`], with its certificate file.
fn read_trust(name: &'static str, text: &str) -> Result<Trust, SettingsError> {
    let bad = || SettingsError::BadValue { name, takes: Setting::Trust.takes(), value: excerpt(text) };
    match text.split_once(':') {
        None if text == "webpki" => Ok(Trust::WebPki),
        None if text == "stock" => Ok(Trust::StockCertificate),
        Some(("sha256", hex)) => hex.parse().map(Trust::ExactSha256).map_err(|_| bad()),
        Some(("ca", path)) => read_certificates(name, path, Trust::CaPem),
        Some(("pin", path)) => read_certificates(name, path, Trust::ExactCert),
        _ => Err(bad()),
    }
}

/// Reads a file of certificates and, where TLS is built in, checks that they can be used.
fn read_certificates(name: &'static str, path: &str, trust: impl Fn(Vec<u8>) -> Trust) -> Result<Trust, SettingsError> {
    let bad =
        |reason: &dyn ToString| SettingsError::BadFile { name, path: excerpt(path), reason: reason.to_string().into() };
    let trust = trust(std::fs::read(path).map_err(|error| bad(&error))?);
    #[cfg(feature = "tls")]
    trust.check().map_err(|error| bad(&error))?;
    Ok(trust)
}

#[cfg(test)]
mod tests;
