//! Tests of unsubscribing: what confirms an unsubscribe, what does not, and what is never written
//! twice. All times are virtual and exact.

use ibws_proto::{Command, Key, Reply, SubscriptionState, UnsubscribeOutcome};
use ibws_testkit::world::{ms, secs, settled};

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
    let id_of = |conid: i64| ids.iter().find(|(_, of)| **of == conid).unwrap().0.clone();
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
        let id = first.iter().find(|(_, of)| **of == conid).unwrap().0;
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
    let mut world = settled(&["md+265598", "ld+DU1234567", "or", "mh+8314+{}"]);
    world.gateway.set_confirmations(false);
    let id = world.machine().server_ids(Key::MarketHistory).unwrap().keys().next().unwrap().clone();
    let history = format!("umh+{id}");
    let cases =
        [("md+265598", "umd+265598"), ("ld+DU1234567", "uld+DU1234567"), ("or", "uor"), ("mh+8314", history.as_str())];
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
