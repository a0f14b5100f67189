//! The subscription of market data: `smd` (docs/protocol.md §3.1).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use serde::Serialize;

use super::{InvalidSubscribe, check_conid, check_exchange, generic, shortened};
use crate::field::Field;
use crate::key::Key;
use crate::payload::Subscribe;

/// Market data of one contract or combo: `smd+265598+{"fields":["31","84"]}` (docs/protocol.md
/// §3.1).
///
/// The gateway keeps one set of fields for a contract. Sources contradict each other on whether a
/// second set is added to the first or replaces it. Unsubscribing first is safe under both
/// readings.
///
/// A field is given as a constant, as a name or as the text of its number:
///
/// ```
/// use ibws_proto::{Field, Subscribe, subscribe::{InvalidSubscribe, MarketData}};
///
/// let apple = MarketData::new(265598);
/// let by_name = Subscribe::try_from(apple.clone().fields(["last_price", "bid_price"]))?;
/// let by_constant = Subscribe::try_from(apple.clone().fields([Field::LAST, Field::BID]))?;
/// assert_eq!(by_name.args, by_constant.args);
///
/// let misspelt = Subscribe::try_from(apple.fields(["lastprice"])).unwrap_err();
/// assert_eq!(misspelt, InvalidSubscribe::UnknownField("lastprice".into()));
/// # Ok::<(), InvalidSubscribe>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a builder does nothing until it is converted and subscribed"]
pub struct MarketData {
    /// The number of the contract, or of the spread of a combo.
    conid: i64,
    legs: Option<Vec<(i64, i64)>>,
    exchange: Option<String>,
    fields: Option<Result<Vec<Field>, InvalidSubscribe>>,
}

#[derive(Serialize)]
struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field>>,
}

impl MarketData {
    /// Subscribes to the market data of a contract, over SMART routing. Without
    /// [`fields`](Self::fields) the text lists no fields; what the gateway sends then is not known.
    pub fn new(conid: i64) -> Self {
        Self { conid, legs: None, exchange: None, fields: None }
    }

    /// Subscribes to the market data of a combo of contracts with their ratios. A contract with a
    /// negative ratio is sold.
    ///
    /// The number of the spread is 0, as documented and as IBKR's own samples send it. One client
    /// sent the true number, which [`spread_conid`](Self::spread_conid) sets, and received frames
    /// as well.
    pub fn combo(legs: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self { conid: 0, legs: Some(legs.into_iter().collect()), exchange: None, fields: None }
    }

    /// Sets the exchange, `265598@ARCA`, in the place of SMART routing. A combo with an exchange is
    /// an error, because its target has no place for one.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.exchange = Some(name.into());
        self
    }

    /// Sets the number of the spread of a combo, or of a single contract its number.
    pub fn spread_conid(mut self, conid: i64) -> Self {
        self.conid = conid;
        self
    }

    /// Sets the fields and their order: constants, or texts with the name or the number of a field
    /// each. A text that is neither is an error on conversion to [`Subscribe`].
    pub fn fields(mut self, fields: impl IntoIterator<Item: TryInto<Field, Error: Into<InvalidSubscribe>>>) -> Self {
        self.fields = Some(fields.into_iter().map(|field| field.try_into().map_err(Into::into)).collect());
        self
    }
}

impl TryFrom<MarketData> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(request: MarketData) -> Result<Self, InvalidSubscribe> {
        check_exchange(request.exchange.as_deref())?;
        let target = match (&request.legs, &request.exchange) {
            (Some(_), Some(exchange)) => return Err(InvalidSubscribe::Exchange(shortened(exchange))),
            (Some(legs), None) => combo(request.conid, legs)?,
            (None, Some(exchange)) => format!("{}@{exchange}", request.conid),
            (None, None) => request.conid.to_string(),
        };
        if request.legs.is_none() {
            check_conid(request.conid)?;
        }
        let given = request.fields.transpose()?;
        let fields = given.as_deref().unwrap_or_default();
        for (at, field) in fields.iter().enumerate() {
            if !field.is_listed() || *field == Field::VOLUME_RAW {
                return Err(InvalidSubscribe::UnknownField(field.to_string()));
            }
            if fields.iter().take(at).any(|earlier| earlier == field) {
                return Err(InvalidSubscribe::Twice(field.to_string()));
            }
        }
        generic(Key::MarketData, &target, Some(&Arguments { fields: given }))
    }
}

fn combo(spread: i64, legs: &[(i64, i64)]) -> Result<String, InvalidSubscribe> {
    if spread < 0 {
        return Err(InvalidSubscribe::Conid(spread));
    }
    if legs.len() < 2 {
        return Err(InvalidSubscribe::Legs);
    }
    let mut target = format!("{spread};;;");
    for (at, (conid, ratio)) in legs.iter().enumerate() {
        check_conid(*conid)?;
        if *ratio == 0 || legs.iter().take(at).any(|(earlier, _)| earlier == conid) {
            return Err(InvalidSubscribe::Legs);
        }
        let comma = if at == 0 { "" } else { "," };
        // Writing to a `String` does not fail.
        let _ = write!(target, "{comma}{conid}/{ratio}");
    }
    Ok(target)
}
