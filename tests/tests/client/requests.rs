//! Requests: what `subscribe` takes, and what a bad request is.

use ibws_proto::subscribe::{InvalidSubscribe, MarketData, ParseSubscribeError, Trades};
use ibws_proto::{CommandError, Field, SubscribeOutcome, SubscriptionKey};

use super::*;

#[test]
fn subscribe_takes_typed_requests_keys_and_texts_alike() {
    let (runtime, client) = ready();
    let typed = MarketData::new(265598).fields([Field::LAST, Field::BID, Field::ASK]);
    let typed = runtime.block_on(client.subscribe(typed)).unwrap();
    let key = SubscriptionKey::parse("md+8314").unwrap();
    let by_key = runtime.block_on(client.subscribe(key)).unwrap();
    let by_text = runtime.block_on(client.subscribe(r#"md+756733+{"fields":["31"]}"#)).unwrap();
    let generic = runtime.block_on(client.subscribe(Subscribe::parse("pl").unwrap())).unwrap();
    for subscription in [&typed, &by_key, &by_text, &generic] {
        assert_eq!(subscription.known_outcome(), SubscribeOutcome::Active, "{:?}", subscription.key());
    }
    let written: Vec<_> = runtime.gateway(|gateway| gateway.log().map(|received| received.text.clone()).collect());
    for text in
        [r#"smd+265598+{"fields":["31","84","86"]}"#, "smd+8314+{}", r#"smd+756733+{"fields":["31"]}"#, "spl+{}"]
    {
        assert!(written.iter().any(|line| line == text), "{text} is not among {written:?}");
    }
}

#[test]
fn a_bad_request_is_a_typed_error_at_the_call_and_nothing_is_sent() {
    let (runtime, client) = ready();
    let error = runtime.block_on(client.subscribe(Trades::new().days(8))).err();
    assert_eq!(error, Some(CommandError::Invalid(InvalidSubscribe::Days(8))));
    assert_eq!(client.subscribe_nowait(MarketData::new(-1)).err(), Some(InvalidSubscribe::Conid(-1)));
    let error = client.subscribe_nowait("md").err();
    assert!(matches!(error, Some(InvalidSubscribe::Text(ParseSubscribeError::TargetMissing(_)))), "{error:?}");
    // The error is that of the request, not a text about it.
    let error = runtime.block_on(client.subscribe("zz+1")).err().unwrap();
    assert_eq!(error.to_string(), r#"unknown channel "zz": use md, mh, bd, or, pl, tr, sd or ld"#);
    runtime.run(ms(1_000));
    assert!(client.subscriptions().is_empty());
    assert_eq!(runtime.gateway(|gateway| gateway.log().filter(|received| received.text.starts_with('s')).count()), 0);
}
