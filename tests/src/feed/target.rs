//! The target of a market data request: a contract, a contract at an exchange, or a combo (docs/protocol.md §3.1).

/// Combos of real life have a handful of legs; the rest of a longer list is not priced.
const MAX_LEGS: usize = 8;
/// A ratio beyond this is no ratio, and would overflow the sum of prices.
const MAX_RATIO: i64 = 10_000;

/// What a client asked prices for, with its own text, which every reply echoes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) text: String,
    /// The number it starts with: a share's conid, a combo's spread conid (0 allowed); 0 if there is none.
    pub(crate) conid: u64,
    pub(crate) exchange: Option<String>,
    /// Conid and signed ratio, for combos only.
    pub(crate) legs: Vec<(u64, i64)>,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Self {
        let (contract, exchange) = match text.split_once('@') {
            Some((contract, exchange)) => (contract, Some(exchange.to_owned())),
            None => (text, None),
        };
        let (conid, legs) = match contract.split_once(";;;") {
            Some((spread, legs)) => (spread, legs.split(',').take(MAX_LEGS).map(leg).collect()),
            None => (contract, Vec::new()),
        };
        Self { text: text.to_owned(), conid: conid.trim().parse().unwrap_or(0), exchange, legs }
    }
}

/// `265598/-1`; what cannot be read becomes a leg in contract 0, which nobody quotes.
fn leg(text: &str) -> (u64, i64) {
    let (conid, ratio) = text.split_once('/').unwrap_or((text, "1"));
    let ratio = ratio.trim().parse().ok().filter(|ratio: &i64| ratio.abs() <= MAX_RATIO && *ratio != 0);
    match (conid.trim().parse(), ratio) {
        (Ok(conid), Some(ratio)) => (conid, ratio),
        _ => (0, 1),
    }
}
