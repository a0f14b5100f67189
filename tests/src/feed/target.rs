//! The target of a market data request: a contract, a contract at an exchange, or a combo
//! (docs/protocol.md §3.1).

/// Legs of a combo that are priced; real combos have a handful.
const MAX_LEGS: usize = 8;
/// Largest ratio of a leg; a larger one would overflow the sum of prices.
const MAX_RATIO: i64 = 10_000;

/// The target of a request, with its text, which every reply echoes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) text: String,
    /// The number at its start: a share's conid or a combo's spread conid, which may be 0; 0
    /// without a number.
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

/// Parses a leg such as `265598/-1`. A leg that cannot be read becomes one of contract 0, which has
/// no quote.
fn leg(text: &str) -> (u64, i64) {
    let (conid, ratio) = text.split_once('/').unwrap_or((text, "1"));
    let ratio = ratio.trim().parse().ok().filter(|ratio: &i64| ratio.abs() <= MAX_RATIO && *ratio != 0);
    match (conid.trim().parse(), ratio) {
        (Ok(conid), Some(ratio)) => (conid, ratio),
        _ => (0, 1),
    }
}
