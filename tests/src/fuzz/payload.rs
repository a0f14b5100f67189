//! Builds payloads from arbitrary text and parses them again.

use ibws_proto::message::OrderStatus;
use ibws_proto::subscribe::{self, Bar, Column, Period, Source, exercise};
use ibws_proto::{
    Field, Key, Subscribe, SubscriptionKey,
    subscribe::{Args, ReferenceProcessor, SubscriptionProcessor, WireProcessor},
};
use serde_json::{Map, Value};

/// Uses arbitrary text as a key, as a subscription, and line by line as the arguments of every
/// typed subscription. Each payload must consist of a verb, a channel, a target and JSON, and must
/// parse to what was requested.
///
/// # Panics
/// If a payload does not.
pub fn payload(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = SubscriptionKey::parse(&text) {
        assert_eq!(key.as_str(), text);
        assert_eq!(SubscriptionKey::new(key.key(), key.target()), Ok(key.clone()));
        assert!(key.conid().is_none_or(|conid| key.target().contains(&conid.unsigned_abs().to_string())));
        assert!(key.account().is_none_or(|account| key.target().starts_with(account)));
        round(&Subscribe::new(key));
    }
    if let Ok(subscribe) = Subscribe::parse(&text) {
        round(&subscribe);
    }
    if let Ok(args) = Args::from_text(&text) {
        for key in Key::ALL.into_iter().filter_map(|key| SubscriptionKey::new(key, "265598").ok()) {
            round(&Subscribe::new(key).args(args.clone()));
        }
    }
    let lines: Vec<&str> = text.split('\n').take(32).collect();
    typed(&lines);
}

/// Builds each typed subscription that accepts these arguments.
fn typed(lines: &[&str]) {
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let conid = line(0).parse().unwrap_or(265_598);
    let (name, rest) = (line(1), lines.get(2..).unwrap_or_default());
    let own = || rest.iter().map(|text| String::from(*text));
    let fields = || rest.iter().filter_map(|text| text.parse::<Field>().ok());
    let numbers: Vec<i64> = rest.iter().filter_map(|text| text.parse().ok()).collect();
    let legs = numbers.as_chunks::<2>().0.iter().map(|[conid, ratio]| (*conid, *ratio));

    let mut history = subscribe::History::new(conid).exchange(name);
    for text in rest {
        if let Ok(period) = text.parse::<Period>() {
            history = history.period(period);
        } else if let Ok(bar) = text.parse::<Bar>() {
            history = history.bar(bar);
        } else if let Ok(source) = text.parse::<Source>() {
            history = history.source(source);
        } else if let Ok(outside) = text.parse() {
            history = history.outside_rth(outside);
        } else {
            history = history.format(text.split('/').filter_map(|column| column.parse::<Column>().ok()));
        }
    }
    let mut orders = subscribe::Orders::new();
    for text in own() {
        orders = orders.filter(OrderStatus::from_text(text));
    }
    let days = u8::try_from(conid & 0xff).unwrap_or_default();
    let requests = [
        subscribe::MarketData::new(conid).fields(fields()).try_into(),
        subscribe::MarketData::new(conid).exchange(name).fields(fields()).try_into(),
        subscribe::MarketData::combo(legs).spread_conid(conid).exchange(name).fields(fields()).try_into(),
        subscribe::History::new(conid).primary_exchange(name).try_into(),
        history.try_into(),
        subscribe::Ladder::new(name, conid).try_into(),
        subscribe::Ladder::new(name, conid).exchange(line(2)).try_into(),
        orders.try_into(),
        subscribe::Pnl::new().try_into(),
        subscribe::Trades::new().days(days).realtime_updates_only(conid < 0).try_into(),
        subscribe::Summary::new(name).keys(own()).fields(own()).try_into(),
        subscribe::Ledger::new(name).keys(own()).fields(own()).try_into(),
    ];
    for subscribe in requests.iter().flatten() {
        round(subscribe);
    }
    let quantity = u32::try_from(conid & 0xffff).unwrap_or_default();
    let texts = [exercise::open(conid), exercise::act(name, line(2)), exercise::submit(name, quantity, conid < 0)];
    for text in texts.iter().flatten() {
        let (head, json) = text.split_once("+{").unwrap_or_else(|| panic!("{text}"));
        assert!(matches!(head, "shs+exercise" | "inp+exercise"), "{text}");
        object(&format!("{{{json}"));
    }
}

/// Checks that the payload parses to what was requested, and contains nothing else.
fn round(requested: &Subscribe) {
    let channel = requested.key.as_str();
    let args = requested.args.as_ref();
    let text = WireProcessor.subscribe_payload(channel, args);
    let (verb, key, json) = parts(&text);
    assert_eq!((verb, &key, json), ('s', &requested.key, args.map(Args::as_str)), "{text}");
    // A channel that needs a target cannot be parsed without one, and the generic form may omit
    // arguments.
    if let (Ok(read), Some(_)) = (Subscribe::parse(text.get(1..).unwrap_or_default()), args) {
        assert_eq!((&read.key, read.args.as_ref()), (&requested.key, args), "{text}");
        assert_eq!(WireProcessor.subscribe_payload(read.key.as_str(), read.args.as_ref()), text);
    } else {
        assert!(args.is_none() || key.target().is_empty(), "{text}");
    }

    let spaced = ReferenceProcessor.subscribe_payload(channel, args);
    let (verb, key, json) = parts(&spaced);
    assert_eq!((verb, &key), ('s', &requested.key), "{spaced}");
    assert_eq!(json.and_then(object), args.and_then(|args| object(args.as_str())), "{spaced}");

    for ended in [
        WireProcessor.unsubscribe_payload(channel, None),
        WireProcessor.unsubscribe_payload(channel, args),
        ReferenceProcessor.unsubscribe_payload(channel, args),
    ] {
        let (verb, key, json) = parts(&ended);
        assert_eq!((verb, &key), ('u', &requested.key), "{ended}");
        json.map(object);
    }
}

/// Splits a payload into verb, key and JSON, without the library's own parser.
fn parts(text: &str) -> (char, SubscriptionKey, Option<&str>) {
    let (head, json) = match text.find("+{") {
        Some(at) => (text.get(..at), text.get(at + 1..)),
        None => (Some(text), None),
    };
    let head = head.unwrap_or_default();
    let (verb, channel) = (head.chars().next().unwrap_or_default(), head.get(1..3).unwrap_or_default());
    let target = match head.get(3..) {
        Some("") => "",
        rest => rest.and_then(|rest| rest.strip_prefix('+')).unwrap_or_else(|| panic!("{text}")),
    };
    let key = Key::from_channel(channel).unwrap_or_else(|error| panic!("{text}: {error}"));
    (verb, SubscriptionKey::new(key, target).unwrap_or_else(|error| panic!("{text}: {error}")), json)
}

/// Parses an object; `None` if the text is JSON that `serde_json` cannot build, because of a lone
/// surrogate or a number out of range.
fn object(text: &str) -> Option<Map<String, Value>> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        panic!("{text}: {error}");
    }
    serde_json::from_str(text).ok()
}
