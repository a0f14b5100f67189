//! `smh`: history (docs/protocol.md §3.2).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::Serialize;

use super::{InvalidSubscribe, check_conid, check_exchange, request, shortened};
use crate::key::Key;
use crate::payload::Subscribe;

/// Bars of a contract: `smh+265598+{"period":"2h","bar":"5min",…}` (docs/protocol.md §3.2).
///
/// The gateway ignores wrong arguments and answers with its default, so they are errors here. At most five histories run
/// at a time. The documentation contradicts itself on whether one answers once or streams; it is to be unsubscribed in
/// both cases, by the server id of its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a request does nothing until it is subscribed with"]
pub struct History {
    conid: i64,
    exchange: Option<String>,
    primary: Option<String>,
    period: Option<Period>,
    bar: Option<Bar>,
    outside_rth: Option<bool>,
    source: Option<Source>,
    format: Option<Vec<Column>>,
}

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
    /// History of a contract, with the gateway's defaults for all arguments.
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

    /// From this exchange instead of SMART, in the target: `265598@ARCA`.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.exchange = Some(name.into());
        self
    }

    /// The argument `exchange`: exchange of the contract.
    pub fn primary_exchange(mut self, name: impl Into<String>) -> Self {
        self.primary = Some(name.into());
        self
    }

    /// How far back.
    pub fn period(mut self, period: Period) -> Self {
        self.period = Some(period);
        self
    }

    /// Span of one bar.
    pub fn bar(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self
    }

    /// With data from outside regular hours? Sent as `outsideRth`: so the documentation's request and reply spell it,
    /// while its table has `outsideRTH`.
    pub fn outside_rth(mut self, outside: bool) -> Self {
        self.outside_rth = Some(outside);
        self
    }

    /// What the bars are made of.
    pub fn source(mut self, source: Source) -> Self {
        self.source = Some(source);
        self
    }

    /// Which columns, in this order.
    pub fn format(mut self, columns: impl IntoIterator<Item = Column>) -> Self {
        self.format = Some(columns.into_iter().collect());
        self
    }
}

impl TryFrom<History> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(wanted: History) -> Result<Self, InvalidSubscribe> {
        check_conid(wanted.conid)?;
        check_exchange(wanted.exchange.as_deref())?;
        check_exchange(wanted.primary.as_deref())?;
        if let Some(period) = wanted.period {
            period.check()?;
        }
        let target = match &wanted.exchange {
            Some(exchange) => format!("{}@{exchange}", wanted.conid),
            None => wanted.conid.to_string(),
        };
        let args = Arguments {
            exchange: wanted.primary,
            period: wanted.period.map(|period| period.to_string()),
            bar: wanted.bar.map(Bar::as_str),
            outside_rth: wanted.outside_rth,
            source: wanted.source.map(Source::as_str),
            format: wanted.format.as_deref().map(columns).transpose()?,
        };
        request(Key::MarketHistory, &target, Some(&args))
    }
}

fn columns(columns: &[Column]) -> Result<String, InvalidSubscribe> {
    let text = columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join("/");
    let twice = columns.iter().enumerate().any(|(at, column)| columns.iter().take(at).any(|earlier| earlier == column));
    if columns.is_empty() || twice { Err(InvalidSubscribe::Format(text)) } else { Ok(text) }
}

/// How far back a history reaches: a number of units, `2h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    count: u16,
    unit: Unit,
}

/// Unit of a [`Period`], with the numbers that the gateway takes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// `min`, 1 to 30.
    Minute,
    /// `h`, 1 to 8.
    Hour,
    /// `d`, 1 to 1000.
    Day,
    /// `w`, 1 to 792.
    Week,
    /// `m`, 1 to 182.
    Month,
    /// `y`, 1 to 15.
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
    /// So many units. A number that the gateway does not take is an error when it is subscribed with.
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

    /// Reads `2h`.
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

/// An enumeration with the wire's words, and the error of a word that is none.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $error:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$doc])* $variant, )*
        }

        impl $name {
            /// The wire's word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidSubscribe;

            /// Reads the wire's word.
            fn from_str(text: &str) -> Result<Self, InvalidSubscribe> {
                match text {
                    $( $text => Ok(Self::$variant), )*
                    _ => Err(InvalidSubscribe::$error(shortened(text))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// Span of one bar.
    Bar, Bar {
        /// `1min`
        Min1 = "1min",
        /// `2min`
        Min2 = "2min",
        /// `3min`
        Min3 = "3min",
        /// `5min`
        Min5 = "5min",
        /// `10min`
        Min10 = "10min",
        /// `15min`
        Min15 = "15min",
        /// `30min`
        Min30 = "30min",
        /// `1h`
        Hour1 = "1h",
        /// `2h`
        Hour2 = "2h",
        /// `3h`
        Hour3 = "3h",
        /// `4h`
        Hour4 = "4h",
        /// `8h`
        Hour8 = "8h",
        /// `1d`
        Day1 = "1d",
        /// `1w`
        Week1 = "1w",
        /// `1m`
        Month1 = "1m",
    }
}

words! {
    /// What bars are made of. An older copy of the documentation has `t` in an example; its own table does not know it.
    Source, Source {
        /// Halfway between bid and ask.
        Midpoint = "midpoint",
        /// Trades.
        Trades = "trades",
        /// Bid and ask.
        BidAsk = "bid_ask",
        /// Bid.
        Bid = "bid",
        /// Ask.
        Ask = "ask",
    }
}

words! {
    /// A column of the bars.
    Column, Format {
        /// First price.
        Open = "%o",
        /// Last price.
        Close = "%c",
        /// Highest price.
        High = "%h",
        /// Lowest price.
        Low = "%l",
        /// Volume; known to the newer documentation alone.
        Volume = "%v",
    }
}
