//! The subscription of a history: `smh` (docs/protocol.md §3.2).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::Serialize;

use super::{InvalidSubscribe, check_conid, check_exchange, generic, shortened};
use crate::key::Key;
use crate::payload::Subscribe;

/// Bars of a contract: `smh+265598+{"period":"2h","bar":"5min",…}` (docs/protocol.md §3.2).
///
/// The gateway ignores wrong arguments and replies with its default, so they are errors here. At
/// most five histories are active at a time. The documentation contradicts itself on whether a
/// history is one reply or a stream. In both cases it must be unsubscribed by the server id of the
/// reply.
///
/// Period, bar, source and columns are given as values or as the texts of the wire:
///
/// ```
/// use ibws_proto::{Subscribe, subscribe::{Bar, History, InvalidSubscribe, Period, Unit}};
///
/// let texts = History::new(265598).period("2h").bar("5min").source("trades").format(["%c", "%v"]);
/// let subscribe = Subscribe::try_from(texts)?;
/// let args = r#"{"period":"2h","bar":"5min","source":"trades","format":"%c/%v"}"#;
/// assert_eq!(subscribe.args.unwrap().as_str(), args);
///
/// let values = History::new(265598).period(Period::new(2, Unit::Hour)).bar(Bar::Min5);
/// assert!(Subscribe::try_from(values).is_ok());
///
/// let bad = Subscribe::try_from(History::new(265598).bar("7min")).unwrap_err();
/// assert_eq!(bad, InvalidSubscribe::Bar("7min".into()));
/// # Ok::<(), InvalidSubscribe>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a builder does nothing until it is converted and subscribed"]
pub struct History {
    conid: i64,
    exchange: Option<String>,
    primary: Option<String>,
    period: Option<Checked<Period>>,
    bar: Option<Checked<Bar>>,
    outside_rth: Option<bool>,
    source: Option<Checked<Source>>,
    format: Option<Checked<Vec<Column>>>,
}

/// An argument that was read when it was given, and is checked on conversion.
type Checked<T> = Result<T, InvalidSubscribe>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bar: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_rth: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
}

impl History {
    /// Subscribes to the history of a contract, with the gateway's defaults for all arguments.
    pub fn new(conid: i64) -> Self {
        Self {
            conid,
            exchange: None,
            primary: None,
            period: None,
            bar: None,
            outside_rth: None,
            source: None,
            format: None,
        }
    }

    /// Sets the exchange in the target, `265598@ARCA`, in the place of SMART routing.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.exchange = Some(name.into());
        self
    }

    /// Sets the argument `exchange`, the exchange of the contract.
    pub fn primary_exchange(mut self, name: impl Into<String>) -> Self {
        self.primary = Some(name.into());
        self
    }

    /// Sets the period that the history covers: a [`Period`] or its text, `2h`.
    pub fn period(mut self, period: impl TryInto<Period, Error: Into<InvalidSubscribe>>) -> Self {
        self.period = Some(period.try_into().map_err(Into::into));
        self
    }

    /// Sets the length of a bar: a [`Bar`] or its text, `5min`.
    pub fn bar(mut self, bar: impl TryInto<Bar, Error: Into<InvalidSubscribe>>) -> Self {
        self.bar = Some(bar.try_into().map_err(Into::into));
        self
    }

    /// Includes data from outside regular hours or not. The argument is sent as `outsideRth`, which
    /// the request and reply of the documentation have, while its table has `outsideRTH`.
    pub fn outside_rth(mut self, outside: bool) -> Self {
        self.outside_rth = Some(outside);
        self
    }

    /// Sets the prices that bars are made of: a [`Source`] or its text, `trades`.
    pub fn source(mut self, source: impl TryInto<Source, Error: Into<InvalidSubscribe>>) -> Self {
        self.source = Some(source.try_into().map_err(Into::into));
        self
    }

    /// Sets the columns and their order: each a [`Column`] or its text, `%c`.
    pub fn format(mut self, columns: impl IntoIterator<Item: TryInto<Column, Error: Into<InvalidSubscribe>>>) -> Self {
        self.format = Some(columns.into_iter().map(|column| column.try_into().map_err(Into::into)).collect());
        self
    }
}

impl TryFrom<History> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(request: History) -> Result<Self, InvalidSubscribe> {
        check_conid(request.conid)?;
        check_exchange(request.exchange.as_deref())?;
        check_exchange(request.primary.as_deref())?;
        let period = request.period.transpose()?;
        period.map_or(Ok(()), Period::check)?;
        let target = match &request.exchange {
            Some(exchange) => format!("{}@{exchange}", request.conid),
            None => request.conid.to_string(),
        };
        let args = Arguments {
            exchange: request.primary,
            period: period.map(|period| period.to_string()),
            bar: request.bar.transpose()?.map(Bar::as_str),
            outside_rth: request.outside_rth,
            source: request.source.transpose()?.map(Source::as_str),
            format: request.format.transpose()?.as_deref().map(columns).transpose()?,
        };
        generic(Key::MarketHistory, &target, Some(&args))
    }
}

fn columns(columns: &[Column]) -> Result<String, InvalidSubscribe> {
    let text = columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join("/");
    let twice = columns.iter().enumerate().any(|(at, column)| columns.iter().take(at).any(|earlier| earlier == column));
    if columns.is_empty() || twice { Err(InvalidSubscribe::Format(text)) } else { Ok(text) }
}

/// The period that a history covers, as a number of units: `2h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    count: u16,
    unit: Unit,
}

/// The unit of a [`Period`], with the numbers that the gateway accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Minutes: `min`, 1 to 30.
    Minute,
    /// Hours: `h`, 1 to 8.
    Hour,
    /// Days: `d`, 1 to 1000.
    Day,
    /// Weeks: `w`, 1 to 792.
    Week,
    /// Months: `m`, 1 to 182.
    Month,
    /// Years: `y`, 1 to 15.
    Year,
}

impl Unit {
    const ALL: [Self; 6] = [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    const fn text_and_most(self) -> (&'static str, u16) {
        match self {
            Self::Minute => ("min", 30),
            Self::Hour => ("h", 8),
            Self::Day => ("d", 1_000),
            Self::Week => ("w", 792),
            Self::Month => ("m", 182),
            Self::Year => ("y", 15),
        }
    }
}

impl Period {
    /// Returns a period of `count` units. A number that the gateway does not accept is an error on
    /// conversion to [`Subscribe`].
    #[must_use]
    pub const fn new(count: u16, unit: Unit) -> Self {
        Self { count, unit }
    }

    fn check(self) -> Result<(), InvalidSubscribe> {
        let (_, most) = self.unit.text_and_most();
        if (1..=most).contains(&self.count) { Ok(()) } else { Err(InvalidSubscribe::Period(self.to_string())) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.text_and_most().0)
    }
}

impl FromStr for Period {
    type Err = InvalidSubscribe;

    /// Reads a period, for example `2h`.
    fn from_str(text: &str) -> Result<Self, InvalidSubscribe> {
        let bad = || InvalidSubscribe::Period(shortened(text));
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = text.split_at_checked(digits).ok_or_else(bad)?;
        let unit = Unit::ALL.into_iter().find(|known| known.text_and_most().0 == unit).ok_or_else(bad)?;
        let period = Self::new(count.parse().map_err(|_| bad())?, unit);
        if count.starts_with('0') {
            return Err(bad());
        }
        period.check().map(|()| period)
    }
}

impl TryFrom<&str> for Period {
    type Error = InvalidSubscribe;

    fn try_from(text: &str) -> Result<Self, InvalidSubscribe> {
        text.parse()
    }
}

/// Declares an enumeration with the texts of the wire, and the error for another text.
macro_rules! wire_texts {
    ($(#[$meta:meta])* $name:ident, $error:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$doc])* $variant, )*
        }

        impl $name {
            /// Returns the text of the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidSubscribe;

            /// Reads the text of the wire.
            fn from_str(text: &str) -> Result<Self, InvalidSubscribe> {
                match text {
                    $( $text => Ok(Self::$variant), )*
                    _ => Err(InvalidSubscribe::$error(shortened(text))),
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidSubscribe;

            fn try_from(text: &str) -> Result<Self, InvalidSubscribe> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

wire_texts! {
    /// The length of a bar.
    Bar, Bar {
        /// A bar of 1 minute.
        Min1 = "1min",
        /// A bar of 2 minutes.
        Min2 = "2min",
        /// A bar of 3 minutes.
        Min3 = "3min",
        /// A bar of 5 minutes.
        Min5 = "5min",
        /// A bar of 10 minutes.
        Min10 = "10min",
        /// A bar of 15 minutes.
        Min15 = "15min",
        /// A bar of 30 minutes.
        Min30 = "30min",
        /// A bar of 1 hour.
        Hour1 = "1h",
        /// A bar of 2 hours.
        Hour2 = "2h",
        /// A bar of 3 hours.
        Hour3 = "3h",
        /// A bar of 4 hours.
        Hour4 = "4h",
        /// A bar of 8 hours.
        Hour8 = "8h",
        /// A bar of one day.
        Day1 = "1d",
        /// A bar of one week.
        Week1 = "1w",
        /// A bar of one month.
        Month1 = "1m",
    }
}

wire_texts! {
    /// The prices that bars are made of. An older copy of the documentation has `t` in an example,
    /// which its own table does not have.
    Source, Source {
        /// The middle between bid and ask.
        Midpoint = "midpoint",
        /// Prices of trades.
        Trades = "trades",
        /// Bid and ask prices.
        BidAsk = "bid_ask",
        /// Bid prices.
        Bid = "bid",
        /// Ask prices.
        Ask = "ask",
    }
}

wire_texts! {
    /// A column of a bar.
    Column, Format {
        /// First price.
        Open = "%o",
        /// Last price.
        Close = "%c",
        /// Highest price.
        High = "%h",
        /// Lowest price.
        Low = "%l",
        /// Volume; in the newer documentation only.
        Volume = "%v",
    }
}
