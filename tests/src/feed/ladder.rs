//! The BookTrader ladder: rows of prices, with asks above and bids below (docs/protocol.md §3.3).

use super::prices::Quote;
use super::quote::price;
use crate::json::{Json, members};
use crate::prng::Prng;

/// Rows on each side of the last price.
const DEPTH: i64 = 8;

/// The frame of one ladder. All values are strings and the topic has no exchange, as in the newer
/// documentation.
pub(crate) fn frame(account: &str, conid: u64, quote: Option<Quote>, chance: &mut Prng) -> String {
    let mut rows = Vec::new();
    if let Some(quote) = quote {
        let (top, bottom) = (quote.ask + DEPTH, quote.bid - DEPTH);
        for (row, level) in (bottom..=top).rev().enumerate() {
            let is_last = level == quote.last;
            let shown = if is_last { format!("{} @ {}", quote.last_size, price(level)) } else { price(level) };
            let mut values = members([
                ("row", Json::int(row)),
                ("focus", Json::int(u8::from(is_last))),
                ("price", Json::text(shown)),
            ]);
            let size = if level == quote.ask {
                quote.ask_size
            } else if level == quote.bid {
                quote.bid_size
            } else {
                100 * (1 + chance.below(30))
            };
            if level >= quote.ask {
                values.push(("ask".into(), Json::text(size.to_string())));
            } else if level <= quote.bid {
                values.push(("bid".into(), Json::text(size.to_string())));
            }
            rows.push(Json::Object(values));
        }
    }
    let topic = format!("sbd+{account}+{conid}");
    Json::object([("topic", Json::text(topic)), ("data", Json::List(rows))]).to_string()
}
