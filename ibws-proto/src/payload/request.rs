//! Requests to subscribe and to unsubscribe: the key, the arguments, and how they are treated.

use core::str::FromStr;
use core::time::Duration;

use super::{Args, ArgsError, Processor};
use crate::key::{Key, SubscriptionKey, SubscriptionKeyError};

/// The request for a subscription, in the generic form that every typed builder converts to.
///
/// ```
/// use core::time::Duration;
/// use ibws_proto::Subscribe;
/// use ibws_proto::subscribe::{MarketData, Staleness};
///
/// let subscribe = Subscribe::try_from(MarketData::new(265598).fields(["last_price"])).unwrap();
/// let subscribe = subscribe.staleness(Staleness::After(Duration::from_secs(60)));
/// assert_eq!(subscribe.key.as_str(), "md+265598");
/// assert_eq!(subscribe.args.unwrap().as_str(), r#"{"fields":["31"]}"#);
/// ```
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// The channel and target of the subscription.
    pub key: SubscriptionKey,
    /// The JSON arguments; `None` sends none. [`Subscribe::new`] sets `{}` for a channel that takes
    /// JSON.
    pub args: Option<Args>,
    /// Whether the subscription becomes active only on a frame of the gateway. `None` uses
    /// [`Key::is_confirmed`].
    pub needs_confirmation: Option<bool>,
    /// The processor of this subscription; `None` uses that of the client.
    pub processor: Option<Processor>,
    /// The silence after which the subscription is reported as stale. Default:
    /// [`Staleness::Channel`].
    pub staleness: Staleness,
    /// How market data is renewed; `None` uses [`Config::renewal`](crate::Config::renewal).
    pub renewal: Option<Renewal>,
    /// The age at which market data is renewed, 1 ms at least; `Some(None)` never renews it, `None`
    /// uses [`Config::renew_market_data`](crate::Config::renew_market_data).
    pub renew_after: Option<Option<Duration>>,
}

/// How market data is renewed before the gateway ends the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Renewal {
    /// Sends `umd`, then `smd`. This form is known to work (docs/protocol.md §3.1).
    #[default]
    UnsubscribeFirst,
    /// Sends `smd` alone, which is one text less. Whether it extends the stream was never measured.
    Resubscribe,
}

/// The silence of a stream on a healthy connection after which
/// [`Event::Stale`](crate::Event::Stale) reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Staleness {
    /// The default of the channel: 30 s for `ld`, which is sent every 10 s, and for `pl`, which is
    /// sent about every second (docs/protocol.md §5). Other channels have no known period and are
    /// never reported.
    #[default]
    Channel,
    /// No silence is reported.
    Off,
    /// A silence of this length is reported; 1 ms at least.
    After(Duration),
}

impl Staleness {
    /// Returns the limit for a stream of `key`; `None` if no silence is reported.
    #[must_use]
    pub fn limit(self, key: Key) -> Option<Duration> {
        match self {
            Self::Channel => key.rules()?.stale_after,
            Self::Off => None,
            Self::After(limit) => Some(limit.max(Duration::from_millis(1))),
        }
    }
}

impl Subscribe {
    /// Returns a subscription with the arguments `{}`, or without arguments for `bd`, which takes
    /// none.
    #[must_use]
    pub fn new(key: SubscriptionKey) -> Self {
        let json = key.key().rules().is_some_and(|rules| rules.subscribe_json);
        let args = json.then(Args::empty);
        Self {
            key,
            args,
            needs_confirmation: None,
            processor: None,
            staleness: Staleness::Channel,
            renewal: None,
            renew_after: None,
        }
    }

    /// Reads a wire text without its first letter: `md+265598+{"fields":["31"]}`, `or`,
    /// `sd+DU1234567`.
    ///
    /// # Errors
    /// [`ParseSubscribeError`] for an unknown channel, a bad or missing target, or arguments that
    /// are not a JSON object.
    pub fn parse(text: &str) -> Result<Self, ParseSubscribeError> {
        let (name, args) = text.split_once("+{").map_or((text, None), |(name, _)| (name, text.get(name.len() + 1..)));
        let key = SubscriptionKey::parse(name.trim())?;
        let takes_target = key.key().rules().is_some_and(|rules| rules.takes_target);
        if takes_target && key.target().is_empty() {
            return Err(ParseSubscribeError::TargetMissing(key));
        }
        let mut subscribe = Self::new(key);
        if let Some(args) = args {
            subscribe.args = Some(Args::from_text(args)?);
        }
        Ok(subscribe)
    }

    /// Sets the arguments.
    #[must_use]
    pub fn args(mut self, args: impl Into<Option<Args>>) -> Self {
        self.args = args.into();
        self
    }

    /// Sets whether the subscription becomes active only on a frame of the gateway.
    #[must_use]
    pub fn needs_confirmation(mut self, needs: bool) -> Self {
        self.needs_confirmation = Some(needs);
        self
    }

    /// Sets the silence after which the subscription is reported as stale.
    #[must_use]
    pub fn staleness(mut self, staleness: Staleness) -> Self {
        self.staleness = staleness;
        self
    }

    /// Sets the processor of this subscription.
    #[must_use]
    pub fn processor(mut self, processor: Processor) -> Self {
        self.processor = Some(processor);
        self
    }

    /// Sets how this subscription is renewed. It concerns market data only.
    #[must_use]
    pub fn renewal(mut self, renewal: Renewal) -> Self {
        self.renewal = Some(renewal);
        self
    }

    /// Sets the age at which this subscription is renewed; `None` never renews it. It concerns
    /// market data only: the gateway ends no other stream by age (docs/protocol.md §3.1).
    #[must_use]
    pub fn renew_after(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.renew_after = Some(age.into());
        self
    }
}

/// The request that unsubscribes, with what its text is made of.
#[derive(Clone, Debug)]
pub struct Unsubscribe {
    /// The subscription to remove.
    pub key: SubscriptionKey,
    /// Repeats the unsubscribe until the gateway confirms it, on a channel whose unsubscribes it
    /// confirms ([`Key::is_unsubscribe_confirmed`]). Otherwise the request succeeds as soon as the
    /// text is sent. Default: `false`.
    pub needs_confirmation: bool,
    /// The JSON arguments of the text. Default: `None`, which leaves them to the processor.
    pub args: Option<Args>,
    /// The processor that builds the text. Default: `None`, which uses that of the subscription.
    pub processor: Option<Processor>,
}

impl Unsubscribe {
    /// Returns an unsubscribe of `key` that needs no confirmation.
    #[must_use]
    pub fn new(key: SubscriptionKey) -> Self {
        Self { key, needs_confirmation: false, args: None, processor: None }
    }

    /// Sets whether the unsubscribe is repeated until the gateway confirms it.
    #[must_use]
    pub fn needs_confirmation(mut self, needs: bool) -> Self {
        self.needs_confirmation = needs;
        self
    }

    /// Sets the arguments.
    #[must_use]
    pub fn args(mut self, args: impl Into<Option<Args>>) -> Self {
        self.args = args.into();
        self
    }

    /// Sets the processor of this unsubscribe.
    #[must_use]
    pub fn processor(mut self, processor: Processor) -> Self {
        self.processor = Some(processor);
        self
    }
}

/// Reads a wire text without its first letter, as [`Subscribe::parse`] does.
impl FromStr for Subscribe {
    type Err = ParseSubscribeError;

    fn from_str(text: &str) -> Result<Self, ParseSubscribeError> {
        Self::parse(text)
    }
}

/// Reads a wire text without its first letter, as [`Subscribe::parse`] does.
impl TryFrom<&str> for Subscribe {
    type Error = ParseSubscribeError;

    fn try_from(text: &str) -> Result<Self, ParseSubscribeError> {
        Self::parse(text)
    }
}

impl From<SubscriptionKey> for Subscribe {
    fn from(key: SubscriptionKey) -> Self {
        Self::new(key)
    }
}

impl From<SubscriptionKey> for Unsubscribe {
    fn from(key: SubscriptionKey) -> Self {
        Self::new(key)
    }
}

/// The error for a text that is not a subscription.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseSubscribeError {
    /// The channel or its target is bad.
    #[error(transparent)]
    Key(#[from] SubscriptionKeyError),
    /// The arguments are bad.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The channel requires a target.
    #[error("{0} needs a target: write md+265598 or mh+265598, sd+DU1234567 or ld+DU1234567, bd+DU1234567+265598")]
    TargetMissing(SubscriptionKey),
}
