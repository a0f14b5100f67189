//! History and the price ladder: `smh` and `sbd` (docs/protocol.md §3.2, §3.3).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use super::macros::{body, row};
use super::rows::Rows;
use crate::field::Availability;
use crate::frame::{
    Exact, Expected, FieldResult, FromJson, Json, Number, RowError, field_error, is_absent, lookup, read_number,
    split_numbers,
};
use crate::time::{CivilTime, UnixMillis};

body! {
    /// Bars of a contract's history (docs/protocol.md §3.2). The frame has no `conid`; the topic
    /// names the contract.
    ///
    /// Two factors apply, and nothing else is scaled:
    ///
    /// * The prices in `high` and `low` are multiplied by `priceFactor`, as documented.
    ///   [`high_price`](Self::high_price) and [`low_price`](Self::low_price) divide them by it.
    /// * The volume `v` of a bar is to be multiplied by `volumeFactor`, and [`Bar::volume`] does
    ///   that. One client found over REST that the factor varies by contract and that the product
    ///   is whole. No source states whether it concerns the volumes in `high` and `low` too, so
    ///   those stay as they are.
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"smh+265598","priceFactor":100,"volumeFactor":100,
    ///     "high":"18290/5210/25","data":[{"o":181.20,"c":181.55,"h":181.60,"l":181.05,
    ///     "v":38.7,"t":1767623700000}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::History(history) = frame.body() else { panic!() };
    /// assert_eq!(history.high_price().unwrap().unwrap().to_string(), "182.9");
    /// let bar = history.bars().next().unwrap().unwrap();
    /// assert_eq!(bar.close().unwrap().unwrap().to_f64(), Some(181.55));
    /// assert_eq!(bar.volume().unwrap().unwrap().to_i64(), Some(3_870));
    /// assert_eq!(bar.time().unwrap().unwrap().to_string(), "2026-01-05T14:35:00.000Z");
    /// ```
    History ["data"] {
        /// Id by which the history is unsubscribed. It is documented as a string; a number is read
        /// as well.
        server_id: Cow<'a, str> = "serverId",
        /// Symbol of the contract.
        symbol: Cow<'a, str>,
        /// Name of the company.
        text: Cow<'a, str>,
        /// Factor of the prices in [`high`](Self::high) and [`low`](Self::low), which
        /// [`high_price`](Self::high_price) and [`low_price`](Self::low_price) apply. The prices of
        /// the bars have no factor.
        price_factor: i64 = "priceFactor",
        /// Start of the period, `yyyyMMdd-HH:mm:ss`. No source states its time zone.
        start_time: Cow<'a, str> = "startTime",
        /// Highest price of the period, with its factor; [`high_price`](Self::high_price) is
        /// without.
        high: Extreme<'a>,
        /// Lowest price of the period, with its factor; [`low_price`](Self::low_price) is without.
        low: Extreme<'a>,
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
        /// Factor of the volumes, which [`Bar::volume`] applies; it varies by contract.
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
        points: i64,
    }
}

impl<'a> History<'a> {
    /// Returns the bars in order, with their volumes in units.
    pub fn bars(&self) -> impl Iterator<Item = Result<Bar<'a>, RowError>> + use<'a> {
        let volume_factor = self.volume_factor();
        self.rows().map(move |row| Ok(Bar { row: row?, volume_factor: volume_factor.clone() }))
    }

    /// Returns the bars in order as rows, with the numbers of the wire.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, HistoryBar<'a>> {
        Rows::of(self.member("data"))
    }

    /// Returns the start of the period. It has no time zone, because no source states one; the
    /// first bar has the moment in UTC.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the value is no such time.
    #[doc(alias = "startTime")]
    pub fn start(&self) -> FieldResult<CivilTime> {
        lookup("startTime", self.member("startTime"))
    }

    /// Returns the highest price of the period: the one in [`high`](Self::high), divided by
    /// [`price_factor`](Self::price_factor) without rounding. `None` if the frame lacks one of
    /// them.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if one of them cannot be read, the factor is not
    /// above 0, or the quotient is no decimal number.
    #[doc(alias = "priceFactor")]
    pub fn high_price(&self) -> FieldResult<Exact> {
        self.unscaled("high", self.high()?)
    }

    /// Returns the lowest price of the period, as [`high_price`](Self::high_price) returns the
    /// highest.
    ///
    /// # Errors
    /// Those of [`high_price`](Self::high_price).
    #[doc(alias = "priceFactor")]
    pub fn low_price(&self) -> FieldResult<Exact> {
        self.unscaled("low", self.low()?)
    }

    fn unscaled(&self, key: &'static str, extreme: Option<Extreme<'a>>) -> FieldResult<Exact> {
        let factor = factor("priceFactor", self.price_factor()?)?;
        let (Some(extreme), Some(factor)) = (extreme, factor) else { return Ok(None) };
        let price = Exact::from_number(extreme.price).and_then(|price| price.checked_div(factor));
        scaled(key, extreme.price, price)
    }
}

/// Checks a factor.
fn factor(key: &'static str, factor: Option<i64>) -> FieldResult<i64> {
    match factor {
        Some(factor) if factor <= 0 => Err(field_error(key, Json(&factor.to_string()), Expected::Factor)),
        factor => Ok(factor),
    }
}

/// Returns a scaled number, or the error that there is none.
fn scaled(key: &'static str, number: Number<'_>, scaled: Option<Exact>) -> FieldResult<Exact> {
    scaled.map(Some).ok_or_else(|| field_error(key, Json(number.text()), Expected::Scalable))
}

/// A bar of a history, with its volume in units.
#[derive(Clone, Debug)]
pub struct Bar<'a> {
    row: HistoryBar<'a>,
    volume_factor: FieldResult<i64>,
}

impl<'a> Bar<'a> {
    /// Returns the first price of the bar, which has no factor.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
    #[doc(alias = "o")]
    pub fn open(&self) -> FieldResult<Number<'a>> {
        self.row.open()
    }

    /// Returns the highest price of the bar, which has no factor.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
    #[doc(alias = "h")]
    pub fn high(&self) -> FieldResult<Number<'a>> {
        self.row.high()
    }

    /// Returns the lowest price of the bar, which has no factor.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
    #[doc(alias = "l")]
    pub fn low(&self) -> FieldResult<Number<'a>> {
        self.row.low()
    }

    /// Returns the last price of the bar, which has no factor.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
    #[doc(alias = "c")]
    pub fn close(&self) -> FieldResult<Number<'a>> {
        self.row.close()
    }

    /// Returns the volume of the bar in units: that of the wire times
    /// [`History::volume_factor`], without rounding. `None` if the bar has no volume, or the frame
    /// no factor, because the unit is not known then.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if volume or factor cannot be read, or the factor
    /// is not above 0.
    #[doc(alias = "v")]
    pub fn volume(&self) -> FieldResult<Exact> {
        let factor = factor("volumeFactor", self.volume_factor.clone()?)?;
        let (Some(volume), Some(factor)) = (self.row.volume()?, factor) else { return Ok(None) };
        scaled("v", volume, Exact::from_number(volume).and_then(|volume| volume.checked_mul(factor)))
    }

    /// Returns the start of the bar.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if the value is of another kind.
    #[doc(alias = "t")]
    pub fn time(&self) -> FieldResult<UnixMillis> {
        self.row.time()
    }

    /// Returns the row of the wire.
    #[must_use]
    pub fn row(&self) -> HistoryBar<'a> {
        self.row
    }
}

row! {
    /// A bar of a history as a row, with the numbers of the wire. A [`Bar`] applies their factors.
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
        /// Start of the bar.
        time: UnixMillis = "t",
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
    ///
    /// ```
    /// use ibws_proto::{Body, Frame};
    ///
    /// let text = r#"{"topic":"sbd+DU1234567+265598","data":[{"row":0,"price":"5 @ 182.46"}]}"#;
    /// let frame = Frame::decode(text.into()).unwrap();
    /// let Body::Ladder(ladder) = frame.body() else { panic!() };
    /// assert_eq!(ladder.conid(), Some(265598));
    /// let price = ladder.rows().next().unwrap().unwrap().price().unwrap().unwrap();
    /// assert_eq!((price.size.unwrap().to_i64(), price.price.text().trim()), (Some(5), "182.46"));
    /// ```
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
        row: i64,
        /// Whether the last trade was made at this row.
        focus: bool,
        /// The price. It may have a size before it, `100 @ 181.20`; no source states whose size
        /// that is.
        price: LadderPrice<'a>,
        /// Size that is offered.
        ask: Number<'a>,
        /// Size that is bid.
        bid: Number<'a>,
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
