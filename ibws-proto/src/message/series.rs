//! History and the price ladder: `smh` and `sbd` (docs/protocol.md §3.2, §3.3).

use alloc::borrow::Cow;
use alloc::string::String;

use super::macros::{body, row};
use super::rows::Rows;
use crate::field::Availability;
use crate::frame::{Expected, FieldResult, FromJson, Json, Number, is_absent, read_number, split_numbers};

body! {
    /// Bars of a contract's history (docs/protocol.md §3.2). The frame has no `conid`; the topic
    /// names the contract.
    History ["data"] {
        /// Id by which the history is unsubscribed. It is documented as a string; a number is read
        /// as well.
        server_id: Cow<'a, str> = "serverId",
        /// Symbol of the contract.
        symbol: Cow<'a, str> = "symbol",
        /// Name of the company.
        text: Cow<'a, str> = "text",
        /// Factor of the prices in [`high`](Self::high) and [`low`](Self::low).
        price_factor: i64 = "priceFactor",
        /// Start of the period, `yyyyMMdd-HH:mm:ss`.
        start_time: Cow<'a, str> = "startTime",
        /// Highest price of the period.
        high: Extreme<'a> = "high",
        /// Lowest price of the period.
        low: Extreme<'a> = "low",
        /// Length of the period, `7200s`.
        time_period: Cow<'a, str> = "timePeriod",
        /// Length of a bar in seconds.
        bar_length: i64 = "barLength",
        /// Availability of the data; histories know `S` (streaming) besides the letters of field
        /// 6509.
        availability: Availability<'a> = "mdAvailability",
        /// Milliseconds that the gateway took for the request.
        delay: i64 = "mktDataDelay",
        /// Whether the bars include data from outside regular hours.
        outside_rth: bool = "outsideRth",
        /// Factor of the volumes; it varies by contract.
        volume_factor: i64 = "volumeFactor",
        /// Number of the rule by which prices are displayed.
        price_display_rule: i64 = "priceDisplayRule",
        /// Argument of the rule by which prices are displayed.
        price_display_value: Cow<'a, str> = "priceDisplayValue",
        /// Whether prices may be negative.
        negative_capable: bool = "negativeCapable",
        /// Version of the message.
        message_version: i64 = "messageVersion",
        /// Number of bars. The printed sample of the documentation has one fewer.
        points: i64 = "points",
    }
}

impl<'a> History<'a> {
    /// Returns the bars in order.
    #[must_use]
    pub fn bars(&self) -> Rows<'a, HistoryBar<'a>> {
        Rows::of(self.member("data"))
    }
}

row! {
    /// A bar of a history.
    HistoryBar [] {
        /// First price of the bar.
        open: Number<'a> = "o",
        /// Last price of the bar.
        close: Number<'a> = "c",
        /// Highest price of the bar.
        high: Number<'a> = "h",
        /// Lowest price of the bar.
        low: Number<'a> = "l",
        /// Volume of the bar; times [`History::volume_factor`] it is in units.
        volume: Number<'a> = "v",
        /// Start of the bar in milliseconds since 1970.
        time: i64 = "t",
    }
}

/// The value of `high` and `low` of a history, `18127/21043/35` (docs/protocol.md §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Extreme<'a> {
    /// The price, multiplied by [`History::price_factor`].
    pub price: Number<'a>,
    /// The volume of that bar.
    pub volume: Option<Number<'a>>,
    /// Documented as the volume outside regular hours; the values of samples fit the minutes from
    /// the start.
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
    /// Rows of the BookTrader ladder (docs/protocol.md §3.3). The topic is `sbd` in the older
    /// documentation and `sbd+ACCOUNT+CONID` in the newer one; both are read.
    Ladder ["data"] {}
}

impl<'a> Ladder<'a> {
    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, LadderRow<'a>> {
        Rows::of(self.member("data"))
    }

    /// Returns the account in the topic, if it has one.
    #[must_use]
    pub fn account(&self) -> Option<String> {
        self.topic()?.split('+').nth(1).map(String::from)
    }

    /// Returns the contract in the topic, if it has one.
    #[must_use]
    pub fn conid(&self) -> Option<i64> {
        self.topic()?.split('+').nth(2)?.parse().ok()
    }
}

row! {
    /// A row of a ladder: a price, and the size that is bid or offered there.
    LadderRow [] {
        /// Number of the row.
        row: i64 = "row",
        /// Whether the last trade was made at this row.
        focus: bool = "focus",
        /// The price. It may have a size before it, `100 @ 181.20`; no source states whose size
        /// that is.
        price: LadderPrice<'a> = "price",
        /// Size that is offered.
        ask: Number<'a> = "ask",
        /// Size that is bid.
        bid: Number<'a> = "bid",
    }
}

/// The price of a ladder row: a number, or `size @ price` (docs/protocol.md §3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LadderPrice<'a> {
    /// The size before the `@`.
    pub size: Option<Number<'a>>,
    /// The price itself.
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
    /// Returns the price without the size before it.
    ///
    /// # Errors
    /// Those of [`price`](Self::price).
    pub fn price_number(&self) -> FieldResult<Number<'a>> {
        Ok(self.price()?.map(|price| price.price))
    }
}
