//! Data frames that carry a number as the member `n`, so that a test can account for each of them.

use std::fmt::Write as _;

use ibws_proto::{Key, SubscriptionKey};

use crate::prng::Prng;

/// A frame of this subscription with the number `n` and one row or field that depends on it.
pub(crate) fn plain(key: &SubscriptionKey, n: u64) -> String {
    let rest = match key.key() {
        Key::MarketData => format!(r#""{}":"{n}""#, 7_000 + n % 9),
        Key::PriceLadder => format!(r#""data":[{{"row":{},"price":{n}}}]"#, n % 8),
        Key::Orders => format!(r#""args":[{{"orderId":{},"filledQuantity":{n}}}]"#, n % 20),
        Key::Trades => format!(r#""args":[{{"execution_id":"{n}","price":"{n}"}}]"#),
        _ => r#""args":{}"#.to_owned(),
    };
    format!(r#"{{"topic":"s{key}","n":{n},{rest}}}"#)
}

/// A frame of this topic with random fields or rows that hold the number `n`. Without `numbered`,
/// frames with rows hold it in their rows only.
pub(crate) fn random(topic: &str, key: Key, n: u64, numbered: bool, chance: &mut Prng) -> String {
    match key {
        Key::MarketData => quote(topic, n, chance),
        Key::PriceLadder => rows(topic, "data", n, numbered, chance, ladder_row),
        Key::Orders => rows(topic, "args", n, numbered, chance, order_row),
        Key::Trades => rows(topic, "args", n, numbered, chance, execution_row),
        _ => format!("{{\"topic\":\"{topic}\",\"n\":{n},\"args\":{{}}}}"),
    }
}

fn quote(topic: &str, n: u64, chance: &mut Prng) -> String {
    // Market data has no rows: its number is a member like every other field.
    let mut text = format!("{{\"topic\":\"{topic}\",\"n\":{n}");
    for field in ["31", "84", "86", "7059", "\\u0035\\u0035", "70"] {
        if chance.chance(1, 3) {
            // Writing to a String cannot fail.
            let _ = write!(text, ",\"{field}\":\"{n}.{}\"", chance.below(10));
        }
    }
    if chance.chance(1, 20) {
        // A doubled field: the folds must agree on the value that counts.
        let _ = write!(text, ",\"84\":\"{n}.84\"");
    }
    if chance.chance(1, 60) {
        let _ = write!(text, ",\"7220\":\"{}\"", "x".repeat(5_000));
    }
    text + "}"
}

type MakeRow = fn(u64, &mut Prng) -> String;

fn rows(topic: &str, list: &str, n: u64, numbered: bool, chance: &mut Prng, row: MakeRow) -> String {
    let mut rows: Vec<_> = (0..chance.below(4)).map(|_| row(n, chance)).collect();
    if chance.chance(1, 40) {
        rows.push("5".into());
    }
    let mut beside = if numbered { format!(",\"n\":{n}") } else { String::new() };
    if chance.chance(1, 4) {
        let _ = write!(beside, ",\"beside{}\":{n}", chance.below(3));
    }
    format!("{{\"topic\":\"{topic}\",\"{list}\":[{}]{beside}}}", rows.join(","))
}

fn order_row(n: u64, chance: &mut Prng) -> String {
    let mut row = format!("{{\"orderId\":{},\"acct\":\"DU1234567\"", chance.below(3));
    for key in ["conid", "orderDesc", "status", "price", "ticker", "avgPrice"] {
        if chance.chance(1, 2) {
            let _ = write!(row, ",\"{key}\":\"{n}\"");
        }
    }
    row + "}"
}

fn execution_row(n: u64, chance: &mut Prng) -> String {
    let mut row = format!("{{\"execution_id\":\"0000{}\"", chance.below(3));
    for key in ["commission", "conid", "price"] {
        match chance.below(5) {
            0 => drop(write!(row, ",\"{key}\":null")),
            1 => drop(write!(row, ",\"{key}\":\"\"")),
            2 => {}
            _ => drop(write!(row, ",\"{key}\":\"{n}\"")),
        }
    }
    row + "}"
}

fn ladder_row(n: u64, chance: &mut Prng) -> String {
    let mut row = format!("{{\"row\":{},\"price\":{n}", chance.below(4));
    for key in ["ask", "bid", "focus"] {
        if chance.chance(1, 2) {
            let _ = write!(row, ",\"{key}\":{n}");
        }
    }
    row + "}"
}
