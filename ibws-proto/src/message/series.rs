//! `smh` and `sbd`: history and the price ladder (docs/protocol.md §3.2, §3.3).

use alloc::borrow::Cow;
use alloc::string::String;

use super::macros::{body, row};
use super::rows::Rows;
use crate::field::Availability;
use crate::frame::{Expected, FieldResult, FromJson, Json, Number, is_absent, read_number, split_numbers};

body! {
    /// Bars of a contract's history (docs/protocol.md §3.2). There is no `conid`: the topic names the contract.
    History ["data"] {
        /// What the history is unsubscribed by. Documented as a string; a number is read as well.
        server_id: Cow<'a, str> = "serverId",
        /// Symbol of the contract.
        symbol: Cow<'a, str> = "symbol",
        /// Name of the company.
        text: Cow<'a, str> = "text",
        /// What prices in [`high`](Self::high) and [`low`](Self::low) are multiplied with.
        price_factor: i64 = "priceFactor",
        /// Start, `yyyyMMdd-HH:mm:ss`.
        start_time: Cow<'a, str> = "startTime",
        /// Highest bar.
        high: Extreme<'a> = "high",
        /// Lowest bar.
        low: Extreme<'a> = "low",
        /// Span, `7200s`.
        time_period: Cow<'a, str> = "timePeriod",
        /// Seconds in a bar.
        bar_length: i64 = "barLength",
        /// How the data comes; `S` (streaming) is known beside the letters of field 6509.
        availability: Availability<'a> = "mdAvailability",
        /// Milliseconds that the gateway took for the request.
        delay: i64 = "mktDataDelay",
        /// Does it hold data from outside regular hours?
        outside_rth: bool = "outsideRth",
        /// What volumes are multiplied with; varies by contract.
        volume_factor: i64 = "volumeFactor",
        /// How prices are to be shown, by number of the rule.
        price_display_rule: i64 = "priceDisplayRule",
        /// How prices are to be shown.
        price_display_value: Cow<'a, str> = "priceDisplayValue",
        /// May prices be negative?
        negative_capable: bool = "negativeCapable",
        /// Version of the message.
        message_version: i64 = "messageVersion",
        /// Number of bars. The printed sample of the documentation has one fewer.
        points: i64 = "points",
    }
}

impl<'a> History<'a> {
    /// The bars, in order.
    #[must_use]
    pub fn bars(&self) -> Rows<'a, HistoryBar<'a>> {
        Rows::of(self.member("data"))
    }
}

row! {
    /// One bar of a history.
    HistoryBar [] {
        /// First price.
        open: Number<'a> = "o",
        /// Last price.
        close: Number<'a> = "c",
        /// Highest price.
        high: Number<'a> = "h",
        /// Lowest price.
        low: Number<'a> = "l",
        /// Volume, to be multiplied with the history's `volumeFactor`.
        volume: Number<'a> = "v",
        /// Start of the bar, in milliseconds since 1970.
        time: i64 = "t",
    }
}

/// `high` and `low` of a history: `18127/21043/35` (docs/protocol.md §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extreme<'a> {
    /// Price multiplied with the history's `priceFactor`.
    pub price: Number<'a>,
    /// Volume of that bar.
    pub volume: Option<Number<'a>>,
    /// Documented as the volume outside regular hours; samples look like minutes from the start.
    pub third: Option<Number<'a>>,
}

impl<'a> FromJson<'a> for Extreme<'a> {
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        if json.is_null() {
            return Ok(None);
        }
        let text = json.quoted().unwrap_or(json.text());
        if is_absent(text) {
            return Ok(None);
        }
        let mut parts = split_numbers(text, '/').filter(|parts| parts.len() <= 3).ok_or(Expected::Slashed)?.into_iter();
        match parts.next() {
            Some(price) => Ok(Some(Self { price, volume: parts.next(), third: parts.next() })),
            None => Err(Expected::Slashed),
        }
    }
}

body! {
    /// Rows of the BookTrader ladder (docs/protocol.md §3.3). The topic is `sbd` in the older documentation, and
    /// `sbd+ACCOUNT+CONID` in the newer one; both are read.
    Ladder ["data"] {}
}

impl<'a> Ladder<'a> {
    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, LadderRow<'a>> {
        Rows::of(self.member("data"))
    }

    /// The account in the topic, where it has one.
    #[must_use]
    pub fn account(&self) -> Option<String> {
        self.topic()?.split('+').nth(1).map(String::from)
    }

    /// The contract in the topic, where it has one.
    #[must_use]
    pub fn conid(&self) -> Option<i64> {
        self.topic()?.split('+').nth(2)?.parse().ok()
    }
}

row! {
    /// One row of a ladder: a price, and what is bid or offered there.
    LadderRow [] {
        /// Number of the row.
        row: i64 = "row",
        /// Is it the row of the last trade?
        focus: bool = "focus",
        /// The price. It may have a size before it, `100 @ 181.20`; no source states whose size that is.
        price: LadderPrice<'a> = "price",
        /// Size offered.
        ask: Number<'a> = "ask",
        /// Size bid.
        bid: Number<'a> = "bid",
    }
}

/// Price of a ladder row: a number, or `size @ price` (docs/protocol.md §3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LadderPrice<'a> {
    /// The size before the `@`.
    pub size: Option<Number<'a>>,
    /// The price.
    pub price: Number<'a>,
}

impl<'a> FromJson<'a> for LadderPrice<'a> {
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        let Some(text) = json.quoted().filter(|text| text.contains('@')) else {
            return Ok(read_number(json, Expected::Price)?.map(|price| Self { size: None, price }));
        };
        let mut parts = split_numbers(text, '@').filter(|parts| parts.len() == 2).ok_or(Expected::Price)?;
        let price = parts.pop().ok_or(Expected::Price)?;
        Ok(Some(Self { size: parts.pop(), price }))
    }
}

impl<'a> LadderRow<'a> {
    /// The price alone, whichever way it is written.
    ///
    /// # Errors
    /// As [`price`](Self::price).
    pub fn price_number(&self) -> FieldResult<Number<'a>> {
        Ok(self.price()?.map(|price| price.price))
    }
}
