//! Tests of unsubscribing: what confirms an unsubscribe, what does not, and what is never written
//! twice. All times are virtual and exact.

use ibws_proto::subscribe::{Args, Processor, ReferenceProcessor, SubscriptionProcessor};
use ibws_proto::{Command, Key, Reply, SubscriptionState, Unsubscribe, UnsubscribeOutcome};
use ibws_testkit::world::{ms, secs, settled, sub};

#[test]
fn data_during_an_unconfirmed_unsubscribe_repeats_no_write() {
    let mut world = settled(&["ld+DU1234567", "mh+265598+{}"]);
    world.gateway.set_confirmations(false);
    world.unsubscribe("ld+DU1234567", true);
    world.run(ms(50));
    world.gateway_sends(r#"{"topic":"sld+DU1234567","result":[]}"#);
    world.run(ms(50));
    assert_eq!(world.written("uld").len(), 1);
    assert_eq!(world.subscription_state("ld+DU1234567"), SubscriptionState::Unsubscribing);
}

#[test]
fn a_history_unsubscribe_waits_for_a_frame_with_a_server_id() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe("mh+265598+{}");
    world.run(ms(50));
    let request = world.unsubscribe("mh+265598", false);
    world.gateway_sends(r#"{"topic":"smh+265598","data":[]}"#);
    world.run(ms(50));
    assert_eq!((world.written("umh").len(), world.reply(request)), (0, None));
    world.gateway_sends(r#"{"topic":"smh+265598","serverId":"990017","data":[]}"#);
    world.run(ms(50));
    assert_eq!(world.texts().last().unwrap().2, "umh+990017");
    assert_eq!(world.reply(request).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
}

#[test]
fn history_unsubscribe_completes_only_on_its_own_server_id() {
    let mut world = settled(&["mh+265598+{}", "mh+8314+{}"]);
    world.gateway.set_confirmations(false);
    let ids = world.machine().server_ids(Key::MarketHistory).unwrap();
    let id_of = |conid: i64| ids.iter().find(|(_, of)| **of == Some(conid)).unwrap().0.clone();
    let request = world.unsubscribe("mh+265598", true);
    world.gateway_sends(format!(r#"{{"message":"Unsubscribed {}"}}"#, id_of(8314)));
    world.gateway_sends(r#"{"message":"Unsubscribed"}"#);
    world.run(ms(50));
    assert_eq!(world.reply(request), None, "a confirmation of another history, or of none, does not count");
    world.gateway_sends(format!(r#"{{"message":"Unsubscribed {}"}}"#, id_of(265_598)));
    world.run(ms(50));
    assert_eq!(world.reply(request).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Confirmed)));
    assert_eq!(world.subscription_state("mh+8314"), SubscriptionState::Active, "the other history is not unsubscribed");
    assert_eq!(world.machine().server_ids(Key::MarketData), None);
}

#[test]
fn recreated_histories_are_unsubscribed_first_so_that_none_counts_twice() {
    let mut world = settled(&["mh+265598+{}", "mh+8314+{}"]);
    let first = world.machine().server_ids(Key::MarketHistory).unwrap();
    let before = world.texts().count();
    world.submit(Command::Recreate);
    world.run(secs(2));
    let written: Vec<_> = world.texts().skip(before).map(|(.., text)| text.to_owned()).collect();
    let expected = [265_598, 8_314].map(|conid| {
        let id = first.iter().find(|(_, of)| **of == Some(conid)).unwrap().0;
        [format!("umh+{id}"), format!("smh+{conid}+{{}}")]
    });
    assert_eq!(written, expected.concat());
    let again = world.machine().server_ids(Key::MarketHistory).unwrap();
    assert_eq!((again.len(), world.subscription_state("mh+265598")), (2, SubscriptionState::Active));
    assert!(first.keys().all(|id| !again.contains_key(id)), "the server ids are new: {first:?}, {again:?}");
    assert_eq!(world.gaps().len(), 0);
}

/// A reply with the topic of the unsubscribe is accepted (docs/protocol.md §2).
#[test]
fn a_reply_with_the_topic_of_the_unsubscribe_confirms_it() {
    let mut world = settled(&["ld+DU1234567", "sd+DU1234567", "mh+8314+{}"]);
    world.gateway.set_confirmations(false);
    let id = world.machine().server_ids(Key::MarketHistory).unwrap().keys().next().unwrap().clone();
    let history = format!("umh+{id}");
    let cases = [("ld+DU1234567", "uld+DU1234567"), ("sd+DU1234567", "usd+DU1234567"), ("mh+8314", history.as_str())];
    for (key, topic) in cases {
        let reply = format!(r#"{{"topic":"{topic}"}}"#);
        world.gateway_delivers(&[&reply]);
        assert_eq!(world.subscription_state(key), SubscriptionState::Active, "nothing was unsubscribed");
        let request = world.unsubscribe(key, true);
        world.run(ms(50));
        assert_eq!((world.reply(request), world.subscription_state(key)), (None, SubscriptionState::Unsubscribing));
        world.gateway_delivers(&[&reply]);
        let confirmed = Ok(Reply::Unsubscribed(UnsubscribeOutcome::Confirmed));
        assert_eq!(world.reply(request), Some(&(world.now(), confirmed)), "{key}");
        assert_eq!(world.subscription_state(key), SubscriptionState::Removed);
    }
}

#[test]
fn a_result_after_the_reply_with_its_topic_confirms_no_other_account() {
    let mut world = settled(&["sd+DU1234567", "sd+U12345678"]);
    world.gateway.set_confirmations(false);
    world.unsubscribe("sd+DU1234567", true);
    world.unsubscribe("sd+U12345678", true);
    world.run(ms(50));
    world.gateway_delivers(&[r#"{"topic":"usd+DU1234567"}"#, r#"{"result":"unsubscribed from summary"}"#]);
    assert_eq!(world.subscription_state("sd+DU1234567"), SubscriptionState::Removed);
    assert_eq!(world.subscription_state("sd+U12345678"), SubscriptionState::Unsubscribing);
    world.gateway_delivers(&[r#"{"result":"unsubscribed from summary"}"#]);
    assert_eq!(world.subscription_state("sd+U12345678"), SubscriptionState::Removed);
}

// A confirmation that the gateway never sends was waited for, five times 2 s.
#[test]
fn an_unsubscribe_that_nothing_confirms_completes_as_soon_as_it_is_sent() {
    for key in ["md+265598", "bd+DU1234567+265598", "or", "pl", "tr"] {
        assert!(!sub(key).key().is_unsubscribe_confirmed());
        let mut world = settled(&[key]);
        let request = world.unsubscribe(key, true);
        let reply = Ok(Reply::Unsubscribed(UnsubscribeOutcome::NeverConfirmed));
        assert_eq!(world.reply(request), Some(&(world.now(), reply)), "{key}");
        assert_eq!(world.subscription_state(key), SubscriptionState::Removed);
        world.run(secs(30));
        assert_eq!(world.written("u").len(), 1, "{key}");
        // A gateway that confirms after all changes nothing, and a later subscribe is not its end.
        world.subscribe(key);
        world.gateway_delivers(&[&format!(r#"{{"topic":"u{key}"}}"#)]);
        world.run(secs(5));
        assert_ne!(world.subscription_state(key), SubscriptionState::Removed, "{key}");
    }
    let mut world = settled(&["md+265598"]);
    let request = world.unsubscribe("md+265598", false);
    assert_eq!(world.reply(request).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
}

/// Marks the texts that it builds.
struct Marked;

impl SubscriptionProcessor for Marked {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        ReferenceProcessor.subscribe_payload(channel, data)
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        format!(r#"u{channel}+{{"marked":{}}}"#, data.map_or("{}", Args::as_str))
    }
}

#[test]
fn one_unsubscribe_has_arguments_and_a_processor_of_its_own() {
    let mut world = settled(&["ld+DU1234567", "md+265598"]);
    world.gateway.set_confirmations(false);
    let args = Args::from_text(r#"{"a":1,"b":[2,3]}"#).unwrap();
    world.submit(Command::Unsubscribe(Unsubscribe::new(sub("md+265598")).args(args.clone())));
    let ledger = Unsubscribe::new(sub("ld+DU1234567")).needs_confirmation(true).args(args);
    let request = world.submit(Command::Unsubscribe(ledger.processor(Processor::new(Marked))));
    // Another request joins the one that is under way.
    let second = world.submit(Command::Unsubscribe(sub("ld+DU1234567").into()));
    assert_eq!(world.reply(second).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
    world.wait_for_reply(request).1.unwrap_err();
    let texts: Vec<_> = world.texts().map(|(.., text)| text).filter(|text| text.starts_with('u')).collect();
    let marked = r#"uld+DU1234567+{"marked":{"a":1,"b":[2,3]}}"#;
    assert_eq!(texts, [r#"umd+265598+{"a":1,"b":[2,3]}"#, marked, marked, marked, marked, marked]);
    // The next subscription of the key has the texts of the client again.
    world.gateway.set_confirmations(true);
    world.subscribe("ld+DU1234567");
    world.run(secs(15));
    world.unsubscribe("ld+DU1234567", false);
    assert_eq!(world.texts().last().unwrap().2, "uld+DU1234567+{}");
}

#[test]
fn a_server_id_is_visible_though_its_contract_is_unknown() {
    let mut world = settled(&["mh+265598+{}"]);
    world.subscribe("mh+0;;;265598/1,8314/-1+{}");
    world.run(ms(50));
    world.gateway_sends(r#"{"topic":"smh+0;;;265598/1,8314/-1","serverId":"990099","data":[]}"#);
    world.run(ms(50));
    let ids = world.machine().server_ids(Key::MarketHistory).unwrap();
    assert_eq!((ids.len(), ids["990099"]), (2, None));
    assert!(ids.values().any(|conid| *conid == Some(265_598)), "{ids:?}");
}
