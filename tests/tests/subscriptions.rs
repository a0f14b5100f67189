//! Tests of outgoing texts: typed subscriptions produce every documented text, and written texts
//! read back.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use ibws_proto::message::OrderStatus;
use ibws_proto::subscribe::{self, Column, InvalidSubscribe};
use ibws_proto::{
    Field, Key, Subscribe, SubscriptionKey,
    subscribe::{Args, SubscriptionProcessor, WireProcessor},
};
use proptest::prelude::*;
use serde_json::Value;

fn text(subscribe: &Subscribe) -> String {
    WireProcessor.subscribe_payload(subscribe.key.as_str(), subscribe.args.as_ref())
}

/// Returns JSON without white space. The texts of these tests have none inside strings.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Returns the text that a typed subscription produces for the request in `frame`, or `None` if no
/// typed subscription covers it.
fn typed(frame: &str) -> Option<String> {
    let (verb, rest) = frame.split_at_checked(1)?;
    let (head, json) = rest.split_once("+{").map_or((rest, None), |(head, json)| (head, Some(format!("{{{json}"))));
    if verb == "u" {
        let given = json.as_deref().map(Args::from_text).transpose().ok()?;
        // The typed form of an unsubscribe takes no arguments. It writes `{}` where the channel
        // takes arguments, else none.
        return given.is_none_or(|given| given.as_str() == "{}").then(|| WireProcessor.unsubscribe_payload(head, None));
    }
    match head {
        "hs+exercise" => {
            let conid = serde_json::from_str::<Value>(&json?).ok()?["CEX"].as_str()?.parse().ok()?;
            return subscribe::exercise::open(conid).ok();
        }
        "np+exercise" => {
            let json: Value = serde_json::from_str(&json?).ok()?;
            let (id, action) = (json["data"]["id"].as_str()?, json["data"]["user_action"].as_str()?);
            let Some(exercise) = json["data"].get("exercise") else { return subscribe::exercise::act(id, action).ok() };
            let quantity = u32::try_from(exercise["value"].as_u64()?).ok()?;
            return subscribe::exercise::submit(id, quantity, exercise["make_final"].as_bool()?).ok();
        }
        _ => {}
    }
    let key = SubscriptionKey::parse(head).ok()?;
    let args: Option<Value> = json.map(|json| serde_json::from_str(&json).ok()).unwrap_or(None);
    build(&key, args.as_ref()).ok().flatten().map(|subscribe| text(&subscribe))
}

/// Returns the typed subscription with this key and these arguments, or `None` if there is none.
fn build(key: &SubscriptionKey, args: Option<&Value>) -> Result<Option<Subscribe>, InvalidSubscribe> {
    let empty = Value::Object(serde_json::Map::new());
    let args = args.unwrap_or(&empty);
    let texts = |name: &str| -> Option<Vec<String>> {
        Some(args.get(name)?.as_array()?.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
    };
    let target: Vec<&str> = key.target().split('+').collect();
    Ok(Some(match key.key() {
        Key::MarketData => {
            let combo = key.target().split_once(";;;");
            let mut request = match combo {
                Some((spread, legs)) => {
                    let legs = legs.split(',').filter_map(|leg| {
                        let (conid, ratio) = leg.split_once('/')?;
                        Some((conid.parse().ok()?, ratio.parse().ok()?))
                    });
                    subscribe::MarketData::combo(legs).spread_conid(spread.parse().unwrap())
                }
                None => subscribe::MarketData::new(key.conid().unwrap()),
            };
            if let Some(fields) = texts("fields") {
                let fields: Result<Vec<Field>, _> = fields.iter().map(|field| field.parse()).collect();
                let Ok(fields) = fields else { return Ok(None) };
                request = request.fields(fields);
            }
            request.try_into()?
        }
        Key::MarketHistory => {
            let mut request = subscribe::History::new(key.conid().unwrap());
            if let Some(exchange) = args["exchange"].as_str() {
                request = request.primary_exchange(exchange);
            }
            if let Some(period) = args["period"].as_str() {
                request = request.period(period);
            }
            if let Some(bar) = args["bar"].as_str() {
                request = request.bar(bar);
            }
            if let Some(outside) = args["outsideRth"].as_bool() {
                request = request.outside_rth(outside);
            }
            if let Some(source) = args["source"].as_str() {
                request = request.source(source);
            }
            if let Some(format) = args["format"].as_str() {
                let columns: Result<Vec<Column>, _> = format.split('/').map(str::parse).collect();
                request = request.format(columns?);
            }
            request.try_into()?
        }
        Key::PriceLadder => {
            let request = subscribe::Ladder::new(target[0], key.conid().unwrap());
            match target.get(2) {
                Some(exchange) => request.exchange(*exchange).try_into()?,
                None => request.try_into()?,
            }
        }
        Key::Orders => match texts("filters") {
            Some(filters) => subscribe::Orders::new().filter(OrderStatus::from_text(filters[0].clone())).try_into()?,
            None => subscribe::Orders::new().try_into()?,
        },
        Key::Pnl => subscribe::Pnl::new().try_into()?,
        Key::Trades => {
            let mut request = subscribe::Trades::new();
            if let Some(only) = args["realtimeUpdatesOnly"].as_bool() {
                request = request.realtime_updates_only(only);
            }
            if let Some(days) = args["days"].as_u64() {
                request = request.days(u8::try_from(days).unwrap());
            }
            request.try_into()?
        }
        Key::AccountSummary => {
            let mut request = subscribe::Summary::new(key.target());
            if let (Some(keys), Some(fields)) = (texts("keys"), texts("fields")) {
                request = request.keys(keys).fields(fields);
            }
            request.try_into()?
        }
        Key::AccountLedger => {
            let mut request = subscribe::Ledger::new(key.target());
            if let (Some(keys), Some(fields)) = (texts("keys"), texts("fields")) {
                request = request.keys(keys).fields(fields);
            }
            request.try_into()?
        }
        _ => return Ok(None),
    }))
}

/// Returns the text that the generic form produces, with any target, any arguments, or none.
fn generic(frame: &str) -> Option<String> {
    let (verb, rest) = frame.split_at_checked(1)?;
    let (head, args) = rest.split_once("+{").map_or((rest, None), |(head, _)| (head, rest.get(head.len() + 1..)));
    let args = args.map(Args::from_text).transpose().ok()?;
    let key = SubscriptionKey::parse(head).ok()?;
    match verb {
        "s" => Some(text(&Subscribe::new(key).args(args))),
        "u" => Some(WireProcessor.unsubscribe_payload(key.as_str(), args.as_ref())),
        _ => None,
    }
}

/// Documented or recorded texts that no typed subscription produces, with the reason; `true` where
/// the generic form produces them.
const EXCEPTIONS: &[(&str, bool, &str)] = &[
    (r#""89""#, true, "field 89 is in no table: the gateway ignores it"),
    (r#""tempo""#, true, "an undocumented argument"),
    (r#"sor+{"days""#, true, "an undocumented argument"),
    (r#"["cancelled"]"#, true, "a status in small letters, against the documentation"),
    (r#""source":"t""#, true, "an older copy's source, not in its own table"),
    ("utr+{}", true, "the older documentation's form; recordings have utr"),
    ("umh+{341115}", false, "the braces of the documentation's placeholder, taken literally"),
    ("upl{}", false, "a typo of upl+{}"),
    ("{'session'", false, "no JSON, and no subscription"),
    (r#"{"session""#, false, "no subscription: the reply to `waiting for session`"),
    ("tic", false, "no subscription: the keep-alive"),
    ("ech+hb", false, "no subscription: the echo"),
    ("spd", false, "an undocumented topic, plain text"),
    ("sdr+", false, "an undocumented topic, plain text"),
];

#[test]
fn a_typed_subscription_produces_every_documented_text() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/frames.jsonl");
    let Ok(lines) = std::fs::read_to_string(path) else {
        eprintln!("skipped: the documented frames are not beside the checkout");
        return;
    };
    let mut used = vec![false; EXCEPTIONS.len()];
    let mut produced = 0;
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["dir"] != "out" || line["kind"] == "synthetic" {
            continue;
        }
        let frame = line["frame"].as_str().unwrap();
        let expected = bare(frame);
        if frame == "sor" || frame == "spl" {
            // Bare topics: the typed form writes `+{}`, which is documented. The generic form
            // writes either.
            assert_eq!(generic(frame).as_deref(), Some(frame));
            continue;
        }
        // An exception matches arguments by a part of the text, and everything else by its
        // beginning.
        let is = |part: &str| {
            if part.starts_with(['"', '[']) { expected.contains(part) } else { expected.starts_with(part) }
        };
        match EXCEPTIONS.iter().position(|(part, ..)| is(part)) {
            Some(at) => {
                used[at] = true;
                let (_, by_generic, reason) = EXCEPTIONS[at];
                assert_ne!(
                    typed(frame).map(|text| bare(&text)).as_ref(),
                    Some(&expected),
                    "the exception is not needed: {reason}"
                );
                assert_eq!(generic(frame).map(|text| bare(&text)) == Some(expected), by_generic, "{frame}: {reason}");
            }
            None => {
                assert_eq!(typed(frame).map(|text| bare(&text)), Some(expected), "{frame}");
                produced += 1;
            }
        }
    }
    let unused: Vec<_> = EXCEPTIONS.iter().zip(used).filter(|(_, used)| !used).map(|((part, ..), _)| part).collect();
    assert!(unused.is_empty(), "exceptions that match no line: {unused:?}");
    assert!(produced > 30, "{produced}");
}

/// Generates typed subscriptions of every channel.
fn any_subscribe() -> impl Strategy<Value = Subscribe> {
    let fields: Vec<Field> = Field::all().filter(|field| *field != Field::VOLUME_RAW).collect();
    let conid = 1..9_999_999_i64;
    let account = prop_oneof![Just("DU1234567"), Just("U12345678")];
    let names = || proptest::collection::btree_set("[A-Za-z][A-Za-z-]{0,12}", 0..4);
    prop_oneof![
        (conid.clone(), proptest::sample::subsequence(fields, 0..20), any::<bool>()).prop_map(
            |(conid, fields, arca)| {
                let request = subscribe::MarketData::new(conid).fields(fields);
                if arca { request.exchange("ARCA") } else { request }.try_into().unwrap()
            }
        ),
        (proptest::collection::btree_map(1..99_999_i64, 1..9_i64, 2..5))
            .prop_map(|legs| { subscribe::MarketData::combo(legs).try_into().unwrap() }),
        (conid.clone(), 1..8_u16, any::<bool>()).prop_map(|(conid, count, outside)| {
            let period = subscribe::Period::new(count, subscribe::Unit::Hour);
            subscribe::History::new(conid)
                .period(period)
                .bar(subscribe::Bar::Min5)
                .outside_rth(outside)
                .try_into()
                .unwrap()
        }),
        (account.clone(), conid)
            .prop_map(|(account, conid)| subscribe::Ladder::new(account, conid).try_into().unwrap()),
        (1..8_u8).prop_map(|days| subscribe::Trades::new().days(days).try_into().unwrap()),
        (account.clone(), names(), names()).prop_map(|(account, keys, fields)| {
            subscribe::Summary::new(account).keys(keys).fields(fields).try_into().unwrap()
        }),
        (account, names()).prop_map(|(account, keys)| subscribe::Ledger::new(account).keys(keys).try_into().unwrap()),
        Just(subscribe::Pnl::new().try_into().unwrap()),
        Just(subscribe::Orders::new().filter(OrderStatus::Filled).try_into().unwrap()),
    ]
}

proptest! {
    #[test]
    fn written_subscriptions_read_back(subscribe in any_subscribe()) {
        let written = text(&subscribe);
        let read = Subscribe::parse(written.strip_prefix('s').unwrap()).unwrap();
        prop_assert_eq!(&read.key, &subscribe.key);
        prop_assert_eq!(&read.args, &subscribe.args);
        prop_assert_eq!(text(&read), written);
    }

    #[test]
    fn arguments_of_any_json_object_read_back(
        members in proptest::collection::btree_map("\\PC{0,8}", prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from), "\\PC{0,8}".prop_map(Value::from)], 0..6),
    ) {
        let args = Args::from_value(&members).unwrap();
        let subscribe = Subscribe::new(SubscriptionKey::parse("md+7").unwrap()).args(args.clone());
        let read = Subscribe::parse(text(&subscribe).strip_prefix('s').unwrap()).unwrap();
        prop_assert_eq!(read.args, Some(args));
    }

    #[test]
    fn parsing_any_text_does_not_panic(given in "\\PC{0,40}") {
        let _ = Subscribe::parse(&given);
        let _ = (given.parse::<Field>(), given.parse::<subscribe::Period>(), given.parse::<subscribe::Bar>());
    }
}
