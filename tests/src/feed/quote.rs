//! Market data fields by number, with the types and spellings of the wire (docs/protocol.md §3.1).

use ibws_proto::Instant;

use super::instruments::{self, LISTING};
use super::prices::{Market, Quote};
use super::target::Target;
use crate::json::{Json, Members};

/// The fields of a subscription that names none. What a real gateway sends is not known
/// (docs/protocol.md §3.1); most clients request last, bid and ask.
pub(crate) const DEFAULT_FIELDS: [&str; 4] = ["31", "84", "86", "6509"];

/// The values of `fields` for `target` at `now`. A contract without a quote has a dash as its
/// symbol, `N/A` as its price and nothing else: so a gateway shows that a conid is wrong.
pub(crate) fn values(market: &mut Market, target: &Target, fields: &[String], now: Instant) -> Members {
    let Some(quote) = market.quote(target, now) else {
        return vec![("55".to_owned(), Json::text("-")), ("31".to_owned(), Json::text("N/A"))];
    };
    let mut values = Members::new();
    for field in fields {
        if values.iter().any(|(known, _)| known == field) {
            continue;
        }
        if field == "87" {
            let (short, rounded) = abbreviated(quote.volume);
            values.push(("87".into(), Json::text(short)));
            values.push(("87_raw".into(), Json::double(rounded as f64)));
        } else if let Some(value) = value(field, target, &quote) {
            values.push((field.clone(), value));
        }
    }
    values
}

fn value(field: &str, target: &Target, quote: &Quote) -> Option<Json> {
    let share = if target.legs.is_empty() { instruments::by_conid(target.conid) } else { None };
    let share = share.as_ref();
    let exchange = target.exchange.as_deref().unwrap_or("SMART");
    let text = match field {
        "31" => price(quote.last),
        "55" => share.map_or("COMB", |share| &share.symbol).to_owned(),
        "70" => price(quote.high),
        "71" => price(quote.low),
        "82" => price(quote.last - quote.prior_close),
        // This is the only price field that is a JSON number (docs/protocol.md §3.1).
        "83" => return Some(Json::hundredths(change_percent(quote))),
        "84" => price(quote.bid),
        "85" => grouped(quote.ask_size),
        "86" => price(quote.ask),
        "88" => grouped(quote.bid_size),
        "6004" => exchange.to_owned(),
        "6008" => return Some(Json::int(target.conid)),
        "6070" => share.map_or("BAG", |_| "STK").to_owned(),
        "6509" => "RpB".to_owned(),
        "7051" => share?.company.to_string(),
        "7059" => grouped(quote.last_size),
        "7094" => format!("{}@{exchange}", target.conid),
        "7184" | "7768" => "1".to_owned(),
        "7219" | "7220" => share?.symbol.to_string(),
        "7221" => share.map(|_| LISTING)?.to_owned(),
        "7295" => price(quote.open),
        // Today's close is not known yet; the wire repeats yesterday's.
        "7296" | "7741" => price(quote.prior_close),
        "7635" => price(quote.last.clamp(quote.bid, quote.ask)),
        "7682" => price(quote.last - quote.open),
        "7762" => quote.volume.to_string(),
        _ => return None,
    };
    Some(Json::Text(text))
}

/// The change since yesterday's close, in hundredths of a percent.
pub(crate) fn change_percent(quote: &Quote) -> i64 {
    if quote.prior_close == 0 { 0 } else { (quote.last - quote.prior_close) * 10_000 / quote.prior_close.abs() }
}

/// A price such as `208.53`.
pub(crate) fn price(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// A number with grouped digits, such as `4,200`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An abbreviated number such as `14.7M`, and its value.
fn abbreviated(number: u64) -> (String, u64) {
    let (unit, letter) = match number {
        0..1_000 => return (number.to_string(), number),
        1_000..1_000_000 => (1_000, 'K'),
        _ => (1_000_000, 'M'),
    };
    let tenths = number / (unit / 10);
    (format!("{}.{}{letter}", tenths / 10, tenths % 10), tenths * (unit / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_on_the_wire() {
        assert_eq!([price(5), price(-207), price(20_853)], ["0.05", "-2.07", "208.53"]);
        assert_eq!([grouped(500), grouped(4_200), grouped(1_234_567)], ["500", "4,200", "1,234,567"]);
        assert_eq!(abbreviated(14_749_999), ("14.7M".to_owned(), 14_700_000));
        assert_eq!(abbreviated(1_299), ("1.2K".to_owned(), 1_200));
    }

    #[test]
    fn a_combo_is_priced_by_its_legs_and_stays_uncrossed() {
        let mut market = Market::new(3);
        let target = Target::parse("0;;;265598/1,272093/-1");
        for second in 0..600 {
            let quote = market.quote(&target, Instant::from_millis(second * 1_000)).unwrap();
            assert!(quote.bid < quote.last && quote.last < quote.ask, "{quote:?}");
        }
    }
}
