//! Unsolicited frames: notifications and bulletins, in the array shapes that were captured
//! (docs/protocol.md §4.4, §4.5).

use super::instruments::INSTRUMENTS;
use super::quote::price;
use crate::json::{Json, members};
use crate::prng::Prng;

/// The next unsolicited frame.
pub(crate) fn frame(chance: &mut Prng) -> String {
    let share = &INSTRUMENTS[chance.below(INSTRUMENTS.len() as u64) as usize];
    if chance.chance(2, 3) {
        let limit = price(share.start + chance.between(-2_000, 2_000));
        let text = format!("The simulated day order BUY 10 {} Limit {limit} ends with this session", share.symbol);
        return notice(&(100 + chance.below(900)).to_string(), &text);
    }
    let message =
        format!("[Simulated bulletin]\nTrading in {} goes on as before.\nNothing needs to be done.", share.symbol);
    let row = members([
        ("id", Json::int(chance.below(2_000_000_000))),
        ("exchanges", Json::null()),
        ("message", Json::text(message)),
    ]);
    Json::frame("blt", Json::List(vec![Json::Object(row)]))
}

/// A prompt about an order, which waits for one of its options (docs/protocol.md §4.4).
pub(crate) fn prompt(order_id: u64, req_id: &str, text: &str, options: &[&str]) -> String {
    let row = [
        ("orderId", Json::int(order_id)),
        ("reqId", Json::text(req_id)),
        ("dismissable", Json::EMPTY),
        ("text", Json::text(text)),
        ("options", Json::texts(options)),
        ("type", Json::text("M")),
        ("messageId", Json::text("p12")),
        ("prompt", Json::bool(true)),
    ];
    Json::frame("ntf", Json::List(vec![Json::object(row)]))
}

/// A notification that is only read, not a prompt that needs a reply.
pub(crate) fn notice(id: &str, text: &str) -> String {
    let row = [("id", Json::text(id)), ("text", Json::text(text)), ("title", Json::null()), ("url", Json::null())];
    Json::frame("ntf", Json::List(vec![Json::object(row)]))
}
