//! `IbkrWsKey` and the payloads of `SubscriptionProcessor`.

use ibws_proto::Key;
use ibws_proto::subscribe::{Args, ReferenceProcessor, SubscriptionProcessor, WireProcessor};

use super::*;

/// The subscribed keys of the reference, with their channels.
pub(super) const SUBSCRIBED: [(&str, &str, Key); 8] = [
    ("ACCOUNT_SUMMARY", "sd", Key::AccountSummary),
    ("ACCOUNT_LEDGER", "ld", Key::AccountLedger),
    ("MARKET_DATA", "md", Key::MarketData),
    ("MARKET_HISTORY", "mh", Key::MarketHistory),
    ("PRICE_LADDER", "bd", Key::PriceLadder),
    ("ORDERS", "or", Key::Orders),
    ("PNL", "pl", Key::Pnl),
    ("TRADES", "tr", Key::Trades),
];

/// The unsolicited keys of the reference. Its code writes the second one so.
pub(super) const UNSOLICITED: [(&str, Key); 6] = [
    ("ACCOUNT_UPDATES", Key::AccountUpdates),
    ("AUTHENTICATION_STATUS", Key::AuthenticationStatus),
    ("BULLETINS", Key::Bulletins),
    ("ERROR", Key::Error),
    ("SYSTEM", Key::System),
    ("NOTIFICATIONS", Key::Notifications),
];

#[test]
fn ibkr_ws_key_subscribed() {
    for (name, channel, key) in SUBSCRIBED {
        assert_eq!((key.to_string(), name.parse(), key.channel()), (name.to_owned(), Ok(key), Some(channel)));
        assert_eq!(serde_json::to_string(&key).unwrap(), format!("\"{name}\""));
        assert_eq!(serde_json::from_str::<Key>(&format!("\"{name}\"")).unwrap(), key);
    }
    assert_eq!(Key::ALL.len(), SUBSCRIBED.len() + UNSOLICITED.len());
}

#[test]
fn ibkr_ws_key_unsolicited() {
    for (name, key) in UNSOLICITED {
        assert_eq!((key.to_string(), name.parse(), key.channel()), (name.to_owned(), Ok(key), None));
        assert!(key.is_unsolicited());
    }
    assert_eq!("AUTHENTICATION".parse(), Ok(Key::AuthenticationStatus));
    assert_eq!(serde_json::from_str::<Key>("\"AUTHENTICATION\"").unwrap(), Key::AuthenticationStatus);
}

#[test]
fn ibkr_ws_key_from_channel() {
    for (_, channel, key) in SUBSCRIBED {
        assert_eq!(Key::from_channel(channel), Ok(key));
    }
    assert_eq!(Key::from_channel("zz").unwrap_err().channel, "zz");
}

#[test]
fn make_subscribe_payload_data() {
    let data = Args::from_value(&serde_json::json!({"foo": "bar"})).unwrap();
    let several = Args::from_text(r#"{"b":1,"a":[1,2]}"#).unwrap();
    let [wire, reference]: [&dyn SubscriptionProcessor; 2] = [&WireProcessor, &ReferenceProcessor];
    for processor in [wire, reference] {
        assert_eq!(processor.subscribe_payload("md", None), "smd");
        assert_eq!(processor.subscribe_payload("md", Some(&Args::empty())), "smd+{}");
    }
    assert_eq!(reference.subscribe_payload("md", Some(&data)), r#"smd+{"foo": "bar"}"#);
    assert_eq!(wire.subscribe_payload("md", Some(&data)), r#"smd+{"foo":"bar"}"#);
    // The order of the keys is that of the application.
    assert_eq!(reference.subscribe_payload("md", Some(&several)), r#"smd+{"b": 1, "a": [1, 2]}"#);
}

#[test]
fn make_unsubscribe_payload_data() {
    let data = Args::from_text(r#"{"foo":"bar"}"#).unwrap();
    assert_eq!(ReferenceProcessor.unsubscribe_payload("md", Some(&data)), r#"umd+{"foo": "bar"}"#);
    assert_eq!(ReferenceProcessor.unsubscribe_payload("md", None), "umd+{}");
    assert_eq!(WireProcessor.unsubscribe_payload("md", None), "umd+{}");
    // The exceptions of the gateway, of which the reference knows none.
    for (channel, expected) in [("tr", "utr"), ("mh+990017", "umh+990017"), ("bd+DU1234567", "ubd+DU1234567")] {
        assert_eq!(WireProcessor.unsubscribe_payload(channel, None), expected);
    }
    // So does the client with the histories and ladders that it holds.
    let (runtime, client) = ready();
    let ladder = runtime.block_on(client.subscribe("bd+DU1234567+265598")).unwrap();
    drop(ladder);
    runtime.run(ms(10));
    assert_eq!(texts(&runtime, "u"), ["ubd+DU1234567"]);
}
