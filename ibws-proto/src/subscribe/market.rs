//! `smd`: market data (docs/protocol.md §3.1).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use serde::Serialize;

use super::{InvalidSubscribe, check_conid, check_exchange, request, shortened};
use crate::field::Field;
use crate::key::Key;
use crate::payload::Subscribe;

/// Market data of one contract or combo: `smd+265598+{"fields":["31","84"]}` (docs/protocol.md §3.1).
///
/// The gateway keeps one set of fields per contract. Whether sending a second set adds to the first or replaces it, the
/// sources contradict each other; unsubscribing before is safe under both readings.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a request does nothing until it is subscribed with"]
pub struct MarketData {
    /// The contract, or a combo's spread.
    conid: i64,
    legs: Option<Vec<(i64, i64)>>,
    exchange: Option<String>,
    fields: Option<Vec<Field>>,
}

#[derive(Serialize)]
struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field>>,
}

impl MarketData {
    /// Market data of a contract, over SMART routing. Without [`fields`](Self::fields) none are named: what the gateway
    /// sends then is not known.
    pub fn new(conid: i64) -> Self {
        Self { conid, legs: None, exchange: None, fields: None }
    }

    /// Market data of a combo: contracts and their ratios, negative ones sold.
    ///
    /// The number of the spread is 0, as documented and as IBKR's own samples send; one client used the true number and
    /// got frames as well, see [`spread_conid`](Self::spread_conid).
    pub fn combo(legs: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self { conid: 0, legs: Some(legs.into_iter().collect()), exchange: None, fields: None }
    }

    /// From this exchange instead of SMART: `265598@ARCA`. A combo has no place for one: there it is an error.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.exchange = Some(name.into());
        self
    }

    /// With the spread's own number; of a single contract, its number.
    pub fn spread_conid(mut self, conid: i64) -> Self {
        self.conid = conid;
        self
    }

    /// The fields to send, in this order.
    pub fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields = Some(fields.into_iter().collect());
        self
    }
}

impl TryFrom<MarketData> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(wanted: MarketData) -> Result<Self, InvalidSubscribe> {
        check_exchange(wanted.exchange.as_deref())?;
        let target = match (&wanted.legs, &wanted.exchange) {
            (Some(_), Some(exchange)) => return Err(InvalidSubscribe::Exchange(shortened(exchange))),
            (Some(legs), None) => combo(wanted.conid, legs)?,
            (None, Some(exchange)) => format!("{}@{exchange}", wanted.conid),
            (None, None) => wanted.conid.to_string(),
        };
        if wanted.legs.is_none() {
            check_conid(wanted.conid)?;
        }
        let fields = wanted.fields.as_deref().unwrap_or_default();
        for (at, field) in fields.iter().enumerate() {
            if !field.is_listed() || *field == Field::VOLUME_RAW {
                return Err(InvalidSubscribe::UnknownFieldError(field.to_string()));
            }
            if fields.iter().take(at).any(|earlier| earlier == field) {
                return Err(InvalidSubscribe::Twice(field.to_string()));
            }
        }
        request(Key::MarketData, &target, Some(&Arguments { fields: wanted.fields }))
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
        // Writing to a String does not fail.
        let _ = write!(target, "{comma}{conid}/{ratio}");
    }
    Ok(target)
}
