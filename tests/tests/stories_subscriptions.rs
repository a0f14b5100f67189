//! Tests of subscriptions: confirmation, refusal, renewal and unsubscribe. All times are virtual
//! and exact. The brackets above a test name the public issues that it covers.

use ibws_proto::{
    Command, CommandError, ConnectionState, Event, GapCause, Instant, Key, Modify, Reply, Subscribe, SubscribeOutcome,
    SubscriptionState, UnsubscribeOutcome, rest::RestRequest,
};
use ibws_testkit::Recovery;
use ibws_testkit::world::{QUOTES, World, args, ms, secs, settled, sub, world};

/// Returns the times at which the subscription failed.
fn failures_of(world: &World, key: &str) -> Vec<Instant> {
    world
        .subscription_states(key)
        .into_iter()
        .filter(|(_, to)| *to == SubscriptionState::Failed)
        .map(|(at, _)| at)
        .collect()
}

#[test]
fn an_unconfirmed_subscribe_is_sent_5_times_2_s_apart_then_fails_and_is_retried_after_30_s() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    let requested_at = world.now();
    let request = world.subscribe(QUOTES);
    let (at, reply) = world.wait_for_reply(request);
    assert_eq!(reply, Err(CommandError::Unconfirmed { key: sub("md+265598"), attempts: 5 }));
    assert_eq!(at, requested_at + secs(10));
    assert_eq!(world.written("smd"), [0, 2, 4, 6, 8].map(|after| requested_at + secs(after)));
    assert_eq!(failures_of(&world, "md+265598"), [requested_at + secs(10)]);
    world.run_until(requested_at + secs(10 + 60));
    assert_eq!(world.written("smd")[5..], [requested_at + secs(40)], "a retry after the failure is a single write");
    world.gateway.set_confirmations(true);
    world.run(secs(10));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active, "the subscription is kept");
}

// [ibeam #281]
#[test]
fn a_refusal_applies_to_the_unconfirmed_subscriptions_of_its_channel_with_backoff() {
    let mut world = settled(&["md+8314", "pl"]);
    world.gateway.refuse("smd", "No accounts", Some(3), Recovery::Never);
    let requested_at = world.now();
    world.subscribe(QUOTES);
    world.run(secs(40));
    let refused =
        world.subscription_states("md+265598").into_iter().filter(|(_, to)| *to == SubscriptionState::Refused).count();
    assert_eq!(refused, 3);
    let written = world.written("smd+265598");
    assert_eq!((written.len(), written[0]), (4, requested_at));
    for (pair, wait) in written.windows(2).zip([2_000, 4_000, 8_000]) {
        let waited = pair[1].since(pair[0]);
        assert!(waited >= ms(wait * 8 / 10) && waited <= ms(wait * 12 / 10 + 20), "{waited:?} of {wait} ms");
    }
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    for other in ["md+8314", "pl"] {
        assert!(
            world.subscription_states(other).iter().all(|(_, to)| *to != SubscriptionState::Refused),
            "{other} was confirmed before the refusal"
        );
    }
    let error = world.messages().find(|message| message.key == Some(Key::Error)).unwrap();
    assert_eq!(error.subscription, None, "an error is never delivered as data");
}

// A refusal of a channel does not name the subscription that the gateway refused.
#[test]
fn data_after_a_refusal_of_its_channel_confirms_a_subscription() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe(QUOTES);
    world.subscribe("md+8314");
    world.run(ms(50));
    world.gateway_sends(r#"{"error":"No accounts","code":500,"topic":"smd"}"#);
    world.gateway_sends(r#"{"31":"271.50","conidEx":"265598","conid":265598,"topic":"smd+265598"}"#);
    world.run(ms(50));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    assert_eq!(world.subscription_state("md+8314"), SubscriptionState::Refused);
}

#[test]
fn late_data_ends_the_gap_of_a_failed_stream() {
    let mut world = settled(&[QUOTES]);
    world.gateway.set_confirmations(false);
    world.cut();
    world.run(secs(15));
    assert_eq!((world.subscription_state("md+265598"), world.gaps().len()), (SubscriptionState::Failed, 1));
    assert_eq!(world.resumptions().len(), 0, "a subscription that is written is not a stream that flows");
    world.gateway_sends(r#"{"31":"271.50","conidEx":"265598","conid":265598,"topic":"smd+265598"}"#);
    world.run(ms(20));
    assert_eq!((world.subscription_state("md+265598"), world.resumptions().len()), (SubscriptionState::Active, 1));
}

// [bezant]
#[test]
fn refused_orders_are_retried_within_one_gap_and_the_refusal_is_never_data() {
    for primes in [true, false] {
        let mut world = settled(&[]);
        world.link.rest = Some((ms(50), primes));
        world.gateway.refuse("sor", "unable to subscribe", Some(3), Recovery::Never);
        let requested_at = world.now();
        world.subscribe("or");
        world.run(secs(30));
        let sent = world.written("sor");
        // A retry that must be primed waits for its turn, 5 s after another call for orders.
        let turn = if primes { 5_000 } else { 0 };
        for (pair, wait) in sent.windows(2).zip([2_000, 4_000, 8_000]) {
            let waited = pair[1].since(pair[0]);
            assert!(waited >= ms(wait * 8 / 10) && waited <= ms(wait * 12 / 10 + 70 + turn), "{waited:?} of {wait} ms");
        }
        let primed: Vec<_> = world
            .rest_requests()
            .filter(|(_, request)| matches!(request, RestRequest::Prime(_)))
            .map(|(at, _)| at)
            .collect();
        assert_eq!((primed[0], sent[0]), (requested_at, requested_at + ms(50)), "priming precedes the first write");
        if primes {
            // Priming younger than 5 s is not repeated: the first retry goes without.
            assert_eq!(primed[1..], [sent[2], sent[3]].map(|at| Instant::from_nanos(at.as_nanos() - 50_000_000)));
            assert_eq!(sent.len(), 4, "{}", world.timeline());
        } else {
            // While priming fails, it is repeated in its own time, and retries do not wait for it.
            assert!(sent.len() == 4 && primed.len() >= 3, "{sent:?} {primed:?}");
        }
        assert!(matches!(world.subscription_state("or"), SubscriptionState::Quiet | SubscriptionState::Active));
        assert!(world.messages().all(|message| message.frame.get("error").is_none() || message.subscription.is_none()));
        // Orders are written but never confirmed, so the refusal opens a gap that begins at the
        // write.
        let gaps: Vec<_> = world.gaps().iter().map(|gap| gap.since).collect();
        assert_eq!((gaps, world.resumptions().len()), (vec![sent[0]], 1));
    }
}

#[test]
fn priming_without_a_result_delays_orders_by_5_s() {
    let mut world = settled(&[]);
    world.link.rest = None;
    let requested_at = world.now();
    world.subscribe("or");
    world.run(secs(10));
    assert_eq!(world.written("sor"), [requested_at + secs(5)]);
}

// [bezant]
#[test]
fn orders_need_no_confirmation_and_are_not_retried() {
    let mut world = settled(&[]);
    let request = world.subscribe("or");
    assert_eq!(world.wait_for_reply(request).1, Ok(Reply::Subscribed(SubscribeOutcome::Quiet)));
    world.run(ms(200));
    assert_eq!(world.subscription_state("or"), SubscriptionState::Quiet);
    world.run(secs(3_600));
    assert_eq!(world.written("sor").len(), 1);
}

// [ibind #145]
#[test]
fn market_data_is_renewed_before_10_minutes_without_a_gap() {
    let mut world = settled(&[QUOTES]);
    world.run(secs(3_600));
    let sent = world.written("smd+265598");
    assert!(sent.len() >= 7, "{sent:?}");
    for pair in sent.windows(2) {
        let age = pair[1].since(pair[0]);
        assert!(age > secs(500) && age < secs(550), "{age:?}");
    }
    assert_eq!(world.written("umd+265598")[..], sent[1..], "each renewal unsubscribes and subscribes at the same time");
    assert_eq!(world.gaps().len(), 0);
    let at: Vec<_> =
        world.messages().filter(|message| message.subscription.is_some()).map(|message| message.at).collect();
    assert!(at.windows(2).all(|pair| pair[1].since(pair[0]) < secs(10)), "data never pauses for 10 s");
}

// `since` must be exact. If a renewal is not confirmed, nothing is known of the stream since the
// time of the renewal.
#[test]
fn the_gap_of_a_failed_renewal_begins_with_the_renewal() {
    let mut world = settled(&[QUOTES]);
    world.gateway.set_confirmations(false);
    world.run(secs(600));
    let sent = world.written("smd+265598");
    assert_eq!((world.gaps()[0].since, &world.gaps()[0].cause), (sent[1], &GapCause::Unconfirmed));
    // The retry after 30 s belongs to the same gap, which only a frame ends.
    assert_eq!(sent[6..], [sent[1] + secs(10 + 30), sent[1] + secs(10 + 30 + 2 + 30)]);
    assert_eq!(failures_of(&world, "md+265598").len(), 3);
    assert_eq!((world.gaps().len(), world.resumptions().len()), (1, 0));
    world.gateway.set_confirmations(true);
    world.run(secs(60));
    let first_data = world.messages().find(|message| message.key == Some(Key::MarketData) && message.at > sent[6]);
    assert_eq!((world.gaps().len(), world.resumptions()[0].at), (1, first_data.unwrap().at));
}

// [ibind]
#[test]
fn unsubscribing_a_ladder_covers_its_account_and_restores_the_other_ladders() {
    let mut world = settled(&["bd+DU1234567+265598", "bd+DU1234567+8314"]);
    let requested_at = world.now();
    let request = world.unsubscribe("bd+DU1234567+265598", false);
    assert_eq!(world.wait_for_reply(request).1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
    world.run(secs(5));
    assert_eq!(world.written("ubd+DU1234567"), [requested_at]);
    assert_eq!(world.written("sbd+DU1234567+8314").last(), Some(&requested_at));
    let conn = world.conn().unwrap();
    assert_eq!(world.gateway.subscriptions(conn.0).collect::<Vec<_>>(), ["sbd+DU1234567+8314"]);
}

#[test]
fn modifying_one_ladder_at_once_keeps_the_other_ladders_of_its_account() {
    let mut world = settled(&["bd+DU1234567+265598", "bd+DU1234567+8314"]);
    world.submit(Command::Modify(Modify { apply_now: true, ..Modify::new(sub("bd+DU1234567+265598")) }));
    world.run(secs(5));
    let conn = world.conn().unwrap();
    let active: Vec<_> = world.gateway.subscriptions(conn.0).collect();
    assert_eq!(active, ["sbd+DU1234567+265598", "sbd+DU1234567+8314"]);
}

// [ibind]
#[test]
fn a_history_unsubscribe_waits_for_the_server_id_and_names_it() {
    let mut world = settled(&[]);
    let requested_at = world.now();
    world.subscribe("mh+265598+{}");
    let request = world.unsubscribe("mh+265598", false);
    assert_eq!(world.reply(request), None, "the server id is not known yet");
    world.run(ms(1));
    assert_eq!(world.subscription_state("mh+265598"), SubscriptionState::Unsubscribing);
    let (at, reply) = world.wait_for_reply(request);
    assert_eq!(reply, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
    let written = world.written("umh+");
    assert_eq!(written, [at]);
    assert!(at > requested_at + ms(60) && at < requested_at + ms(300));
    assert_eq!(world.subscription_state("mh+265598"), SubscriptionState::Removed);

    let confirmed = world.subscribe("mh+8314+{}");
    assert_eq!(world.wait_for_reply(confirmed).1, Ok(Reply::Subscribed(SubscribeOutcome::Active)));
    assert_eq!(world.machine().server_ids(Key::MarketHistory).unwrap().values().collect::<Vec<_>>(), [&Some(8314)]);
    let request = world.unsubscribe("mh+8314", true);
    assert_eq!(world.wait_for_reply(request).1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Confirmed)));
}

#[test]
fn a_history_unsubscribe_without_a_server_id_fails_with_server_id_unknown() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe("mh+265598+{}");
    let requested_at = world.now();
    let request = world.unsubscribe("mh+265598", true);
    let second = world.unsubscribe("mh+265598", false);
    let (at, reply) = world.wait_for_reply(request);
    assert_eq!(reply, Err(CommandError::ServerIdUnknown(sub("mh+265598"))));
    assert_eq!(at, requested_at + secs(10));
    assert_eq!(world.wait_for_reply(second).1, reply, "both unsubscribes complete alike");
    assert_eq!(world.written("umh").len(), 0);
}

// An unsubscribe that was never written is not reported as sent.
#[test]
fn resubscribing_a_history_before_its_server_id_supersedes_the_unsubscribe() {
    let mut world = settled(&[]);
    world.subscribe("mh+265598+{}");
    let request = world.unsubscribe("mh+265598", true);
    world.subscribe("mh+265598+{}");
    assert_eq!(world.wait_for_reply(request).1, Err(CommandError::Superseded));
    world.run(secs(3));
    assert_eq!(world.subscription_state("mh+265598"), SubscriptionState::Active);
}

// [ibind]
#[test]
fn server_ids_are_cleared_on_reconnect() {
    let mut world = settled(&["mh+265598+{}"]);
    let old = world.machine().server_ids(Key::MarketHistory).unwrap();
    world.cut();
    world.run(ms(20));
    assert_eq!(world.machine().server_ids(Key::MarketHistory).unwrap().len(), 0);
    world.run(secs(5));
    let new = world.machine().server_ids(Key::MarketHistory).unwrap();
    assert!(new.len() == 1 && new != old);
    assert_eq!(world.machine().server_ids(Key::MarketData), None);
}

// [ibind #100]
#[test]
fn a_sixth_history_fails_with_a_budget_error_and_is_not_written() {
    let mut world = settled(&["mh+1+{}", "mh+2+{}", "mh+3+{}", "mh+4+{}", "mh+5+{}"]);
    let sixth = world.subscribe("mh+6+{}");
    assert_eq!(world.reply(sixth).unwrap().1, Err(CommandError::Budget { key: sub("mh+6"), limit: 5 }));
    assert_eq!(world.written("smh").len(), 5);
    world.unsubscribe("mh+1", true);
    world.run(secs(1));
    let again = world.subscribe("mh+6+{}");
    assert_eq!(world.wait_for_reply(again).1, Ok(Reply::Subscribed(SubscribeOutcome::Active)));
}

#[test]
fn a_confirmation_without_a_topic_completes_the_first_unsubscribe_written() {
    let mut world = settled(&["sd+DU1234567+{}", "sd+U12345678+{}", "ld+DU1234567+{}"]);
    world.gateway.set_confirmations(false);
    let first = world.unsubscribe("sd+DU1234567", true);
    let second = world.unsubscribe("sd+U12345678", true);
    let ledger = world.unsubscribe("ld+DU1234567", true);
    world.gateway_sends(r#"{"result":"unsubscribed from summary"}"#);
    world.run(secs(1));
    assert_eq!(world.reply(first).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Confirmed)));
    assert_eq!(
        (world.reply(second), world.reply(ledger)),
        (None, None),
        "one confirmation completes one unsubscribe of its kind"
    );
    world.run(secs(20));
    let unconfirmed = |key| Err(CommandError::Unconfirmed { key: sub(key), attempts: 5 });
    assert_eq!(world.reply(second).unwrap().1, unconfirmed("sd+U12345678"), "the other unsubscribes time out");
    assert_eq!(world.reply(ledger).unwrap().1, unconfirmed("ld+DU1234567"));
}

#[test]
fn a_resubscribed_summary_still_consumes_its_pending_confirmation() {
    let mut world = settled(&["sd+DU1234567+{}", "sd+U12345678+{}"]);
    world.gateway.set_confirmations(false);
    let first = world.unsubscribe("sd+DU1234567", true);
    world.subscribe("sd+DU1234567+{}");
    assert_eq!(world.reply(first).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Sent)));
    let second = world.unsubscribe("sd+U12345678", true);
    world.gateway_sends(r#"{"result":"unsubscribed from summary"}"#);
    world.run(ms(100));
    assert_eq!(world.reply(second), None, "that confirmation belongs to the first unsubscribe");
    world.gateway_sends(r#"{"result":"unsubscribed from summary"}"#);
    world.run(ms(100));
    assert_eq!(world.reply(second).unwrap().1, Ok(Reply::Unsubscribed(UnsubscribeOutcome::Confirmed)));
}

// [openalgo #1784]
#[test]
fn a_failed_unsubscribe_is_not_resubscribed_on_reconnect() {
    let mut world = settled(&["ld+DU1234567"]);
    world.gateway.set_confirmations(false);
    let request = world.unsubscribe("ld+DU1234567", true);
    assert!(matches!(world.wait_for_reply(request).1, Err(CommandError::Unconfirmed { attempts: 5, .. })));
    assert_eq!(world.written("uld").len(), 5);
    world.cut();
    world.run(secs(30));
    assert_eq!(world.written("sld").len(), 1);
    assert_eq!(world.machine().subscriptions().len(), 0);
}

// A subscription that is unsubscribed while it is priming must not return with the REST result.
#[test]
fn orders_unsubscribed_while_priming_are_not_subscribed_by_the_rest_result() {
    let mut world = settled(&["or"]);
    world.run(secs(10));
    world.link.rest = Some((secs(1), true));
    world.submit(Command::Recreate);
    assert_eq!(world.machine().status().rest_requests, 1, "priming is pending");
    world.unsubscribe("or", true);
    assert_eq!(world.machine().rest_needs(), [], "nobody needs it any more");
    world.run(secs(30));
    assert_eq!(world.written("sor").len(), 1);
    assert_eq!(world.subscription_state("or"), SubscriptionState::Removed);
}

// [ThetaDataDx #803, rust-ibapi #836, #415]
#[test]
fn handles_share_one_subscription_and_the_last_release_ends_it() {
    let mut world = settled(&[QUOTES]);
    let second = world.subscribe(QUOTES);
    let third = world.subscribe(QUOTES);
    assert_eq!(world.reply(third).unwrap().1, Ok(Reply::Subscribed(SubscribeOutcome::Active)));
    world.cut();
    world.run(secs(5));
    assert_eq!(world.written("smd").len(), 2, "several subscribes write one text a connection");
    world.submit(Command::Release(second));
    world.submit(Command::Release(second));
    world.run(secs(1));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    world.submit(Command::Release(third));
    assert_eq!(world.written("umd").len(), 0);
    let first = world.trace().iter().find_map(|entry| match &entry.content {
        ibws_testkit::world::Content::Command(id, Command::Subscribe(_)) => Some(*id),
        _ => None,
    });
    world.submit(Command::Release(first.unwrap()));
    assert_eq!((world.written("umd").len(), world.subscription_state("md+265598")), (1, SubscriptionState::Removed));
}

// [ibind]
#[test]
fn other_arguments_for_a_live_key_conflict_and_modify_changes_them() {
    let mut world = settled(&[QUOTES]);
    let conflict = world.subscribe(r#"md+265598+{"fields":["31"]}"#);
    assert_eq!(world.reply(conflict).unwrap().1, Err(CommandError::Conflict(sub("md+265598"))));
    let modify = |apply_now| Modify {
        args: Some(Some(args(r#"{"fields":["31"]}"#))),
        apply_now,
        ..Modify::new(sub("md+265598"))
    };
    world.submit(Command::Modify(modify(false)));
    world.run(secs(1));
    assert_eq!(
        (world.written("smd").len(), world.written("umd").len()),
        (1, 0),
        "a modify without `apply_now` writes nothing"
    );
    let requested_at = world.now();
    world.submit(Command::Modify(modify(true)));
    world.run(secs(5));
    assert_eq!(world.written("umd"), [requested_at]);
    assert_eq!(world.written(r#"smd+265598+{"fields":["31"]}"#), [requested_at]);
    assert_eq!((world.gaps().len(), world.subscription_state("md+265598")), (0, SubscriptionState::Active));
    let unknown = world.submit(Command::Modify(Modify { key: sub("pl"), ..modify(false) }));
    assert_eq!(world.reply(unknown).unwrap().1, Err(CommandError::UnknownSubscription(sub("pl"))));
}

// [IBKR samples]
#[test]
fn exchanges_and_combos_are_separate_subscriptions() {
    let combo = "md+28812380;;;265598/1,8314/-1";
    let mut world = settled(&[QUOTES, "md+265598@ARCA", combo]);
    world.run(secs(10));
    for key in ["md+265598", "md+265598@ARCA", combo] {
        assert_eq!(world.subscription_state(key), SubscriptionState::Active, "{key}");
        let topic = format!("s{key}");
        assert!(world.data(key).iter().all(|frame| frame.topic().as_deref() == Some(&topic)), "{key}");
    }
}

#[test]
fn a_frame_that_matches_two_subscriptions_is_assigned_to_neither() {
    let mut world = settled(&[QUOTES, "md+265598@ARCA", "md+8314@ARCA"]);
    world.gateway_sends(r#"{"31":"1.00","conid":265598,"topic":"smd+265598@IBIS"}"#);
    world.gateway_sends(r#"{"31":"1.00","conid":8314,"topic":"smd+8314"}"#);
    world.gateway_sends(r#"{"31":"1.00","conidEx":"265598@ARCA","conid":265598,"topic":"smd+265598@IBIS"}"#);
    world.run(ms(20));
    let messages: Vec<_> = world.messages().filter(|message| message.frame.text().contains("1.00\"")).collect();
    let assigned: Vec<_> = messages.iter().map(|message| message.subscription.clone()).collect();
    assert_eq!(assigned, [None, Some(sub("md+8314@ARCA")), Some(sub("md+265598@ARCA"))]);
}

#[test]
fn a_market_data_frame_without_conid_or_values_is_delivered_as_data() {
    let mut world = settled(&[QUOTES]);
    let before = world.data("md+265598").len();
    world.gateway_sends(r#"{"_updated":1767623400000,"topic":"smd+265598"}"#);
    world.run(ms(20));
    assert_eq!(world.data("md+265598").len(), before + 1);
}

// [ibkrdotnet #79]
#[test]
fn a_tic_completes_once_and_a_later_unknown_topic_error_is_tolerated() {
    let mut world = settled(&[QUOTES]);
    let tic = world.submit(Command::Tic);
    let (at, reply) = world.wait_for_reply(tic);
    assert_eq!((at, reply), (Instant::from_millis(5_020), Ok(Reply::Tic)));
    world.gateway_sends(r#"{"error":"Topic unknown 'tic'","code":1}"#);
    world.run(secs(1));
    assert_eq!((world.dials().len(), world.subscription_state("md+265598")), (1, SubscriptionState::Active));
    let tics = world.messages().filter(|message| message.frame.topic().as_deref() == Some("tic"));
    assert_eq!(tics.count(), 4, "each of the four frames is delivered");
}

#[test]
fn a_subscription_that_needs_no_confirmation_is_not_retried_and_has_no_gap() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    let requested_at = world.now();
    for key in ["md+265598", "pl"] {
        let subscribe = Subscribe::new(sub(key)).args(args("{}")).needs_confirmation(false);
        let sent = world.submit(Command::Subscribe(subscribe));
        assert_eq!(world.reply(sent).unwrap().1, Ok(Reply::Subscribed(SubscribeOutcome::Quiet)));
    }
    world.run(secs(100));
    assert_eq!(world.written("smd").len(), 1);
    // The stream has a period, so its silence shows that the gateway does not hold it.
    assert_eq!(world.written("spl"), [0, 30, 60, 90].map(|after| requested_at + secs(after)));
    world.cut();
    world.run(secs(10));
    assert_eq!((world.written("smd").len(), world.written("spl").len()), (2, 5));
    assert!(world.events().all(|(_, event)| !matches!(event, Event::Gap(_))), "a stream that never flowed has no gap");
}

#[test]
fn a_closing_connection_makes_no_rest_request() {
    let mut world = world();
    world.settle(&["or"]);
    world.run(secs(30));
    world.link.replies_to_close = false;
    world.submit(Command::HardReset { restart: false });
    world.submit(Command::Invalidate(Some(sub("or"))));
    let requests = world.rest_requests().count();
    world.gateway_sends(r#"{"topic":"sor","args":[]}"#);
    world.run(ms(100));
    assert_eq!(
        (world.connection_state(), world.resumptions().len(), world.rest_requests().count()),
        (ConnectionState::Closing, 1, requests)
    );
    world.run(secs(30));
    let is_reconcile = |request: &RestRequest| matches!(request, RestRequest::Reconcile { .. });
    assert_eq!(
        world.rest_requests().filter(|(_, request)| is_reconcile(request)).count(),
        2,
        "beside the one after the first subscribe, the reconciliation follows once data arrives again"
    );
}
