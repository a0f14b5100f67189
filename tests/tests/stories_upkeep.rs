//! Stories of streams that are kept up: sent in turns, renewed, watched for silence, doubted and believed. All times are
//! virtual and exact.

use std::collections::BTreeSet;

use ibws_proto::{
    Body, Command, CommandError, Config, Event, GapCause, Instant, Json, Modify, Renewal, Reply, Staleness, StateCause,
    Subscribe, SubscriptionState, fold::Executions,
};
use ibws_testkit::world::{QUOTES, World, ms, secs, sub, world};
use ibws_testkit::{GatewayConfig, Recovery};

fn settled(channels: &[&str]) -> World {
    let mut world = world();
    world.settle(channels);
    world
}

/// When something was told, and since when it was so.
type Told = Vec<(Instant, Instant)>;

/// Silences, and their ends.
fn silences(world: &World) -> (Told, Told) {
    let begun = world.events().filter_map(|(at, event)| match event {
        Event::Stale(stale) => Some((at, stale.since)),
        _ => None,
    });
    let ended = world.events().filter_map(|(at, event)| match event {
        Event::Fresh(fresh) => Some((at, fresh.since)),
        _ => None,
    });
    (begun.collect(), ended.collect())
}

/// Every state of a subscription, and why.
fn life(world: &World, key: &str) -> Vec<(SubscriptionState, StateCause)> {
    let key = sub(key);
    world
        .events()
        .filter_map(|(_, event)| match event {
            Event::Subscription(event) if event.key == key => Some((event.state, event.cause)),
            _ => None,
        })
        .collect()
}

fn last_data(world: &World, key: &str) -> Instant {
    let key = sub(key);
    world.messages().filter(|message| message.subscription.as_ref() == Some(&key)).last().unwrap().at
}

/// A world in which a login anew goes unnoticed: streams die, heartbeats go on.
fn deaf(channels: &[&str]) -> World {
    let mut world = World::new(Config { tic_interval: None, ..Config::default() }, GatewayConfig::default());
    world.settle(channels);
    world
}

#[test]
fn a_ledger_that_stops_on_a_healthy_link_is_told_after_30_s_and_again_when_it_speaks() {
    let mut world = deaf(&["ld+DU1234567", QUOTES]);
    world.run(secs(60));
    assert_eq!(silences(&world).0, [], "it comes every 10 s");
    world.gateway.relogin("another");
    world.run(secs(3_600));
    let last = last_data(&world, "ld+DU1234567");
    assert_eq!(silences(&world), (vec![(last + secs(30), last)], vec![]), "told once; quotes have no period");
    assert_eq!(world.subscription_state("ld+DU1234567"), SubscriptionState::Active);
    let info = world.machine().subscriptions().into_iter().find(|info| info.key == sub("ld+DU1234567")).unwrap();
    assert_eq!(info.stale_since, Some(last));
    world.gateway_sends(r#"{"topic":"sld+DU1234567","result":[]}"#);
    world.run(secs(1));
    assert_eq!(silences(&world).1, [(last_data(&world, "ld+DU1234567"), last)]);
    world.run(secs(60));
    assert_eq!(silences(&world).0.len(), 2, "the next silence is told as well");
}

#[test]
fn a_limit_of_silence_can_be_set_changed_and_switched_off() {
    let mut world = deaf(&[]);
    world.submit(Command::Subscribe(Subscribe::new(sub("md+265598")).staleness(Staleness::After(secs(40)))));
    world.submit(Command::Subscribe(Subscribe::new(sub("ld+DU1234567")).staleness(Staleness::Off)));
    world.run(secs(30));
    world.gateway.relogin("another");
    world.run(secs(60));
    let last = last_data(&world, "md+265598");
    assert_eq!(silences(&world).0, [(last + secs(40), last)]);
    // A limit that has passed already is told at once; the silence is counted from now, it was not watched before.
    let staleness = Some(Staleness::After(secs(5)));
    let changed = world.now();
    world.submit(Command::Modify(Modify { staleness, ..Modify::new(sub("ld+DU1234567")) }));
    world.run(secs(60));
    assert_eq!(silences(&world).0[1..], [(changed + secs(5), changed)]);
}

#[test]
fn a_gap_takes_the_place_of_a_silence_and_begins_where_it_did() {
    let mut world = deaf(&["ld+DU1234567"]);
    world.run(secs(20));
    world.gateway.relogin("another");
    world.run(secs(120));
    let last = last_data(&world, "ld+DU1234567");
    world.cut();
    world.run(secs(10));
    assert_eq!(world.gaps()[0].since, last, "nothing is known of it since its last message");
    assert_eq!(silences(&world).1, [], "the end of the gap is what ends it");
    assert_eq!(world.subscription_state("ld+DU1234567"), SubscriptionState::Active);
}

#[test]
fn a_hundred_lines_are_replayed_25_at_once_4_times_a_second() {
    let lines: Vec<String> = (1..=100).map(|conid| format!("md+{conid}")).collect();
    let mut world = settled(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.run(secs(5));
    world.cut();
    let down = world.now();
    world.run(secs(20));
    let sent: Vec<_> = world.written("smd").into_iter().filter(|at| *at > down).collect();
    let turns: Vec<_> = sent.iter().map(|at| at.since(sent[0])).collect();
    assert_eq!(turns.len(), 100);
    for (n, turn) in turns.iter().enumerate() {
        assert_eq!(*turn, ms(250) * (n as u32 / 25));
    }
    let ends = world.resumptions();
    let (told, sent): (BTreeSet<_>, BTreeSet<_>) =
        (ends.iter().map(|end| end.at).collect(), sent.into_iter().collect());
    assert_eq!((ends.len(), told), (100, sent), "each gap ends with its own sending");
    assert!(lines.iter().all(|line| world.subscription_state(line) == SubscriptionState::Active));
}

#[test]
fn turns_that_were_given_are_over_with_the_connection() {
    let config = Config { resubscribe_burst: 1, resubscribe_pause: secs(2), ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.settle(&["md+1", "md+2", "md+3", "md+4"]);
    world.run(secs(10));
    world.cut();
    world.run(secs(3));
    world.cut();
    let down = world.now();
    world.run(secs(20));
    let sent: Vec<_> = world.written("smd").into_iter().filter(|at| *at > down).collect();
    let (ready, _) =
        world.connection_states().into_iter().rfind(|(_, phase)| *phase == ibws_proto::ConnectionState::Ready).unwrap();
    assert_eq!(sent[0], ready);
    assert_eq!(sent.iter().map(|at| at.since(sent[0]).as_secs()).collect::<Vec<_>>(), [0, 2, 4, 6]);
}

#[test]
fn renewals_that_fall_together_are_paced_and_tell_no_gap() {
    let config = Config {
        renew_market_data: Some(secs(20)),
        resubscribe_burst: 2,
        resubscribe_pause: secs(3),
        ..Config::default()
    };
    let mut world = World::new(config, GatewayConfig::default());
    let lines = ["md+1", "md+2", "md+3", "md+4", "md+5", "md+6"];
    world.settle(&lines);
    world.run(secs(300));
    let sent = world.written("smd");
    assert!(sent.len() > 60, "{}", sent.len());
    // All six were asked for at once, which nobody delays; what the machine repeats by itself comes two at a time.
    for three in sent[6..].windows(3) {
        assert!(three[2].since(three[0]) >= secs(3), "{three:?}");
    }
    assert_eq!(world.gaps().len(), 0);
    assert!(lines.iter().all(|line| world.subscription_state(line) == SubscriptionState::Active));
}

#[test]
fn market_data_can_be_renewed_without_leaving_first() {
    let mut world = World::new(Config { renewal: Renewal::Resubscribe, ..Config::default() }, GatewayConfig::default());
    world.settle(&[QUOTES]);
    world.run(secs(3_600));
    assert_eq!((world.written("umd").len(), world.gaps().len()), (0, 0));
    assert!(world.written("smd").len() >= 7);
    assert!(last_data(&world, "md+265598") + secs(30) > world.now(), "it flows");
}

#[test]
fn each_change_of_state_says_why() {
    use StateCause as By;
    use SubscriptionState::{Active, Degraded, Expiring, Failed, Pending, Refused, Removed, Subscribing};
    let mut world = world();
    world.subscribe("md+8314");
    world.settle(&[]);
    world.run(secs(560));
    world.gateway.set_authenticated(false);
    world.run(secs(10));
    world.gateway.set_authenticated(true);
    world.run(secs(10));
    world.gateway.refuse("smd", "No accounts", Some(1), Recovery::Never);
    world.cut();
    world.run(secs(30));
    world.gateway.set_confirmations(false);
    world.submit(Command::Recreate);
    world.run(secs(60));
    world.gateway.set_confirmations(true);
    world.unsubscribe("md+8314", false);
    let mut lived = life(&world, "md+8314");
    // Each sending of one round is told; its number is enough.
    lived.dedup();
    assert_eq!(
        lived,
        [
            (Pending, By::Requested),
            (Subscribing, By::Ready),
            (Active, By::Confirmed),
            (Expiring, By::Renewed),
            (Active, By::Confirmed),
            (Degraded, By::Unauthenticated),
            (Subscribing, By::Ready),
            (Active, By::Confirmed),
            (Pending, By::Lost),
            (Subscribing, By::Ready),
            (Refused, By::Refused),
            (Subscribing, By::Retried),
            (Active, By::Confirmed),
            (Subscribing, By::Requested),
            (Subscribing, By::Unconfirmed),
            (Failed, By::Unconfirmed),
            (Subscribing, By::Retried),
            (Failed, By::Unconfirmed),
            (Removed, By::Requested),
        ]
    );
    world.subscribe("sd+DU1234567");
    world.subscribe("or");
    world.run(secs(1));
    world.unsubscribe("sd+DU1234567", true);
    world.run(secs(3));
    let ends = [(SubscriptionState::Unsubscribing, By::Requested), (Removed, By::UnsubscribeConfirmed)];
    assert_eq!(life(&world, "sd+DU1234567")[2..], ends);
    assert_eq!(life(&world, "or")[..2], [(Pending, By::Requested), (SubscriptionState::Quiet, By::Primed)]);
}

#[test]
fn what_is_invalidated_is_a_gap_until_it_is_recreated_or_speaks() {
    let mut world = settled(&[QUOTES, "pl"]);
    let asked = world.now();
    let id = world.submit(Command::Invalidate(Some(sub("md+265598"))));
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Invalidated(1)));
    assert_eq!((world.gaps()[0].cause.clone(), world.gaps().len()), (GapCause::Invalidated, 1));
    assert!(world.gaps()[0].since <= asked);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Pending);
    world.run(secs(30));
    assert_eq!(world.written("smd").len(), 1, "nothing is sent for it");
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active, "data of this connection is evidence");
    assert_eq!(world.resumptions().len(), 1);
    let id = world.submit(Command::Invalidate(None));
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Invalidated(2)));
    let id = world.submit(Command::Recreate);
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Recreated(2)));
    world.run(secs(2));
    assert_eq!((world.written("smd").len(), world.written("spl").len(), world.resumptions().len()), (2, 2, 3));
    let id = world.submit(Command::Invalidate(Some(sub("md+1"))));
    assert_eq!(world.wait_for_reply(id).1, Err(CommandError::UnknownSubscription(sub("md+1"))));
}

#[test]
fn a_state_that_the_caller_sets_is_marked_as_assumed_until_something_shows() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe(QUOTES);
    world.run(secs(20));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Failed);
    let assume = |active| Command::Modify(Modify { active: Some(active), ..Modify::new(sub("md+265598")) });
    let info = |world: &World| world.machine().subscriptions().remove(0);
    world.submit(assume(true));
    assert_eq!((info(&world).state, info(&world).assumed), (SubscriptionState::Active, true));
    assert_eq!(life(&world, "md+265598").last(), Some(&(SubscriptionState::Active, StateCause::Assumed)));
    world.gateway_sends(r#"{"31":"271.50","conidEx":"265598","conid":265598,"topic":"smd+265598"}"#);
    world.run(secs(1));
    assert_eq!((info(&world).state, info(&world).assumed), (SubscriptionState::Active, false), "now it is known");
    world.submit(assume(false));
    assert_eq!((info(&world).state, info(&world).assumed), (SubscriptionState::Pending, false));
    world.submit(assume(true));
    world.cut();
    world.run(ms(100));
    assert_eq!((info(&world).state, info(&world).assumed), (SubscriptionState::Pending, false), "a loss ends it");
    let id = world.submit(assume(true));
    assert_eq!(world.wait_for_reply(id).1, Err(CommandError::NotReady), "without a connection nothing flows");
}

// A32 [docs/protocol.md §3.6]
#[test]
fn executions_that_come_several_times_and_again_on_each_subscribe_merge_and_lose_no_key() {
    let mut world = settled(&["tr"]);
    world.run(secs(20));
    let count = world.data("tr").len();
    world.cut();
    world.run(secs(60));
    let frames = world.data("tr");
    assert!(frames.len() > count, "replayed in full");
    let (mut merged, mut rows, mut paid) = (Executions::new(), 0, BTreeSet::new());
    let mut known = std::collections::BTreeMap::<String, BTreeSet<String>>::new();
    for frame in frames {
        let Body::Trades(trades) = frame.body() else { panic!("{frame:?}") };
        for row in trades.rows() {
            let row = row.expect("a row");
            let id = row.execution_id().unwrap().unwrap().into_owned();
            rows += 1;
            if row.commission().unwrap().is_some() {
                paid.insert(id.clone());
            }
            merged.row(&row);
            // No key that was ever there is missing from the merged row.
            let keys = known.entry(id.clone()).or_default();
            keys.extend(frame_keys(frame));
            let now: BTreeSet<_> = merged
                .rows()
                .find(|(key, _)| ***key == *id)
                .unwrap()
                .1
                .json()
                .members()
                .map(|(key, _)| key.into_owned())
                .collect();
            assert!(keys.is_subset(&now), "{id}: {keys:?} of {now:?}");
        }
    }
    assert!(rows >= 2 * merged.len() && !merged.is_empty(), "{rows} rows of {} executions", merged.len());
    for id in paid {
        assert!(merged.get(&id).unwrap().commission().unwrap().is_some(), "{id} keeps its commission");
    }
}

/// Keys of the one row of a frame.
fn frame_keys(frame: &ibws_proto::Frame) -> BTreeSet<String> {
    let rows = frame.get("args").map(Json::elements).into_iter().flatten();
    rows.flat_map(|row| row.members().map(|(key, _)| key.into_owned()).collect::<Vec<_>>()).collect()
}
