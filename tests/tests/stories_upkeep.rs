//! Tests of the upkeep of streams: pacing, renewal, staleness, invalidation and assumed states. All
//! times are virtual and exact.

use std::collections::BTreeSet;

use ibws_proto::{
    Body, Command, CommandError, Config, Event, GapCause, Instant, Json, Modify, Renewal, Reply, StateCause, Subscribe,
    SubscriptionState, fold::Executions, status::HealthReason, subscribe::Staleness,
};
use ibws_testkit::world::{QUOTES, World, ms, secs, settled, sub, world};
use ibws_testkit::{GatewayConfig, Recovery};

/// The time of each event, with the `since` that it reports.
type Reported = Vec<(Instant, Instant)>;

/// Returns the `Stale` events and the `Fresh` events.
fn silences(world: &World) -> (Reported, Reported) {
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

/// Returns every state of a subscription with its cause.
fn states(world: &World, key: &str) -> Vec<(SubscriptionState, StateCause)> {
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

/// Returns a world without `tic`, in which the machine does not detect a new login: streams stop,
/// heartbeats continue.
fn world_without_tic(channels: &[&str]) -> World {
    let mut world = World::new(Config { tic_interval: None, ..Config::default() }, GatewayConfig::default());
    world.settle(channels);
    world
}

#[test]
fn a_ledger_that_stops_on_a_healthy_link_is_stale_after_30_s_sent_again_and_fresh_on_data() {
    let mut world = world_without_tic(&["ld+DU1234567", QUOTES]);
    world.run(secs(60));
    assert_eq!(silences(&world).0, [], "the ledger arrives every 10 s");
    world.gateway.relogin("another");
    world.run(secs(45));
    let last = last_data(&world, "ld+DU1234567");
    assert_eq!(
        silences(&world),
        (vec![(last + secs(30), last)], vec![]),
        "reported once; quotes have no period and so no limit"
    );
    assert_eq!(world.written("sld")[1..], [last + secs(30), last + secs(30 + 12)]);
    assert_eq!(world.subscription_state("ld+DU1234567"), SubscriptionState::Expiring);
    let info = world.machine().subscriptions().into_iter().find(|info| info.key == sub("ld+DU1234567")).unwrap();
    assert_eq!(info.stale_since, Some(last));
    world.gateway_sends(r#"{"topic":"sld+DU1234567","result":[]}"#);
    world.run(secs(1));
    let fresh = last_data(&world, "ld+DU1234567");
    assert_eq!((silences(&world).1, world.gaps().len()), (vec![(fresh, last)], 0));
    // The next silence is reported as well. Nothing confirms the ledger this time, so a gap
    // replaces the silence once five attempts of 12 s have ended, and begins where the silence
    // began.
    let writes = world.written("sld").len();
    world.run(secs(3_600));
    assert_eq!(silences(&world).0[1..], [(fresh + secs(30), fresh)]);
    let attempts = [0, 12, 24, 36, 48].map(|after| fresh + secs(30 + after));
    assert_eq!(world.written("sld")[writes..writes + 5], attempts);
    let ledger = sub("ld+DU1234567");
    let gaps: Vec<_> =
        world.gaps().into_iter().filter(|gap| gap.key == ledger).map(|gap| (gap.since, gap.cause.clone())).collect();
    assert_eq!(gaps, [(fresh, GapCause::Unconfirmed)]);
    assert_eq!(world.subscription_state("ld+DU1234567"), SubscriptionState::Failed);
    world.gateway_sends(r#"{"topic":"sld+DU1234567","result":[]}"#);
    world.run(secs(1));
    let resumed: Vec<_> = world.resumptions().iter().map(|end| (end.since, end.at)).collect();
    assert_eq!(resumed, [(fresh, last_data(&world, "ld+DU1234567"))]);
    assert_eq!(silences(&world).1.len(), 1, "the end of the gap ends the silence, without a `Fresh` event");
}

#[test]
fn the_staleness_limit_can_be_set_changed_and_disabled() {
    let mut world = world_without_tic(&[]);
    world.submit(Command::Subscribe(Subscribe::new(sub("md+265598")).staleness(Staleness::After(secs(40)))));
    world.submit(Command::Subscribe(Subscribe::new(sub("ld+DU1234567")).staleness(Staleness::Off)));
    world.run(secs(30));
    world.gateway.relogin("another");
    world.run(secs(60));
    let last = last_data(&world, "md+265598");
    assert_eq!(silences(&world).0, [(last + secs(40), last)]);
    // A limit that has already passed is reported at once. This stream was not watched before, so
    // its silence is counted from the change.
    let staleness = Some(Staleness::After(secs(5)));
    let changed = world.now();
    world.submit(Command::Modify(Modify { staleness, ..Modify::new(sub("ld+DU1234567")) }));
    world.run(secs(60));
    assert_eq!(silences(&world).0[1..], [(changed + secs(5), changed)]);
}

#[test]
fn a_gap_replaces_a_silence_and_begins_where_it_began() {
    let mut world = world_without_tic(&["ld+DU1234567"]);
    world.run(secs(20));
    world.gateway.relogin("another");
    world.run(secs(120));
    let last = last_data(&world, "ld+DU1234567");
    world.cut();
    world.run(secs(10));
    assert_eq!(world.gaps()[0].since, last, "nothing is known of the stream since its last message");
    assert_eq!(silences(&world).1, [], "the end of the gap ends the silence, without a `Fresh` event");
    assert_eq!(world.subscription_state("ld+DU1234567"), SubscriptionState::Active);
}

#[test]
fn a_hundred_subscriptions_are_restored_25_at_once_4_times_a_second() {
    let lines: Vec<String> = (1..=100).map(|conid| format!("md+{conid}")).collect();
    let mut world = settled(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.run(secs(5));
    world.cut();
    let down = world.now();
    world.run(secs(20));
    let sent: Vec<_> = world.written("smd").into_iter().filter(|at| *at > down).collect();
    let slots: Vec<_> = sent.iter().map(|at| at.since(sent[0])).collect();
    assert_eq!(slots.len(), 100);
    for (n, slot) in slots.iter().enumerate() {
        assert_eq!(*slot, ms(250) * (n as u32 / 25));
    }
    let ends = world.resumptions();
    assert_eq!(ends.len(), 100);
    for end in ends {
        let first =
            world.messages().find(|message| message.subscription.as_ref() == Some(&end.key) && message.at > down);
        assert_eq!(end.at, first.unwrap().at, "{}: the gap ends with the first frame of its own stream", end.key);
    }
    assert!(lines.iter().all(|line| world.subscription_state(line) == SubscriptionState::Active));
}

#[test]
fn assigned_slots_end_with_the_connection() {
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
        world.connection_states().into_iter().rfind(|(_, state)| *state == ibws_proto::ConnectionState::Ready).unwrap();
    assert_eq!(sent[0], ready);
    assert_eq!(sent.iter().map(|at| at.since(sent[0]).as_secs()).collect::<Vec<_>>(), [0, 2, 4, 6]);
}

// A subscription keeps its slot, so repeated `Recreate` commands starve no subscription.
#[test]
fn recreating_faster_than_the_pace_postpones_no_slot() {
    let config = Config { resubscribe_burst: 1, resubscribe_pause: secs(1), ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.settle(&["pl", "sd+DU1234567+{}", "tr"]);
    let before = world.now();
    for _ in 0..20 {
        world.submit(Command::Recreate);
        world.run(ms(200));
    }
    for text in ["spl", "ssd", "str"] {
        let again = world.written(text).into_iter().filter(|at| *at >= before).count();
        assert!(again > 0, "{text} was not written again\n{}", world.timeline());
    }
}

#[test]
fn without_recreate_on_reconnect_nothing_is_resubscribed_until_requested() {
    let config = Config { recreate_on_reconnect: false, ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.settle(&[QUOTES, "pl"]);
    world.cut();
    world.run(secs(30));
    assert_eq!((world.written("smd").len(), world.subscription_state("md+265598")), (1, SubscriptionState::Pending));
    world.subscribe("pl");
    world.run(secs(1));
    assert_eq!(world.subscription_state("pl"), SubscriptionState::Active, "a subscribe command is enough");
    let recreate = world.submit(Command::Recreate);
    assert_eq!(world.reply(recreate).unwrap().1, Ok(Reply::Recreated(2)));
    world.run(secs(1));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
}

#[test]
fn simultaneous_renewals_are_paced_and_open_no_gap() {
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
    // The application requested all six at once, and the machine does not delay requests. What the
    // machine repeats by itself is written two at a time.
    for three in sent[6..].windows(3) {
        assert!(three[2].since(three[0]) >= secs(3), "{three:?}");
    }
    assert_eq!(world.gaps().len(), 0);
    assert!(lines.iter().all(|line| world.subscription_state(line) == SubscriptionState::Active));
}

#[test]
fn market_data_can_be_renewed_without_unsubscribing_first() {
    let mut world = World::new(Config { renewal: Renewal::Resubscribe, ..Config::default() }, GatewayConfig::default());
    world.settle(&[QUOTES]);
    world.run(secs(3_600));
    assert_eq!((world.written("umd").len(), world.gaps().len()), (0, 0));
    assert!(world.written("smd").len() >= 7);
    assert!(last_data(&world, "md+265598") + secs(30) > world.now(), "data still arrives");
}

#[test]
fn the_renewal_of_a_subscription_can_be_modified() {
    let mut world = settled(&["md+265598", "md+8314", "md+756733", "pl"]);
    let change = |key: &str, renew_after, renewal| {
        Command::Modify(Modify { renew_after: Some(renew_after), renewal, ..Modify::new(sub(key)) })
    };
    world.submit(change("md+265598", Some(secs(100)), None));
    world.submit(change("md+8314", Some(secs(100)), Some(Some(Renewal::Resubscribe))));
    world.submit(change("md+756733", None, None));
    // The age concerns market data only.
    world.submit(change("pl", Some(secs(100)), None));
    world.run(secs(540));
    let renewals = |world: &World, channel: &str| {
        (world.written(&format!("s{channel}")).len() - 1, world.written(&format!("u{channel}")).len())
    };
    assert_eq!(renewals(&world, "md+265598"), (5, 5));
    assert_eq!(renewals(&world, "md+8314"), (5, 0), "resubscribed, without unsubscribing first");
    assert_eq!((renewals(&world, "md+756733"), renewals(&world, "pl")), ((0, 0), (0, 0)));
    // A longer age does not put off the renewal that is due, and the default form is restored.
    let due = world.written("smd+8314").last().unwrap().since(Instant::ORIGIN) + secs(100);
    world.submit(change("md+8314", Some(secs(3_600)), Some(None)));
    world.run(secs(200));
    assert_eq!(renewals(&world, "md+8314"), (6, 1));
    assert!(world.written("smd+8314")[6].since(Instant::ORIGIN) <= due);
    assert_eq!(world.gaps().len(), 0);
}

#[test]
fn each_subscription_can_have_a_renewal_of_its_own() {
    let mut world = world();
    let requests = [
        Subscribe::parse("md+265598").unwrap(),
        Subscribe::parse("md+8314").unwrap().renewal(Renewal::Resubscribe),
        Subscribe::parse("md+756733").unwrap().renew_after(secs(100)),
        Subscribe::parse("md+320227571").unwrap().renew_after(None),
        // The age concerns market data only.
        Subscribe::parse("pl").unwrap().renew_after(secs(100)),
    ];
    for request in requests {
        world.submit(Command::Subscribe(request));
    }
    world.settle(&[]);
    world.run(secs(541));
    let renewals = |world: &World, channel: &str| {
        (world.written(&format!("s{channel}")).len() - 1, world.written(&format!("u{channel}")).len())
    };
    assert_eq!(renewals(&world, "md+265598"), (1, 1));
    assert_eq!(renewals(&world, "md+8314"), (1, 0), "resubscribed, without unsubscribing first");
    assert_eq!(renewals(&world, "md+756733"), (5, 5));
    assert_eq!(renewals(&world, "md+320227571"), (0, 0));
    assert_eq!(renewals(&world, "pl"), (0, 0));
    assert_eq!(world.gaps().len(), 0);
}

#[test]
fn each_state_change_has_its_cause() {
    use StateCause as Cause;
    use SubscriptionState::{Active, Degraded, Expiring, Failed, Pending, Refused, Removed, Subscribing};
    let mut world = world();
    world.subscribe("md+999");
    world.settle(&[]);
    world.run(secs(560));
    // The REST handler reports success, and 5 s later the connection would be replaced.
    world.gateway.set_authenticated(false);
    world.run(secs(4));
    world.gateway.set_authenticated(true);
    world.run(secs(16));
    world.gateway.refuse("smd", "No accounts", Some(1), Recovery::Never);
    world.cut();
    world.run(secs(30));
    world.gateway.set_confirmations(false);
    world.submit(Command::Recreate);
    world.run(secs(60));
    world.gateway.set_confirmations(true);
    world.unsubscribe("md+999", false);
    let mut observed = states(&world, "md+999");
    // Each write of one round emits an event. One of them is enough here.
    observed.dedup();
    assert_eq!(
        observed,
        [
            (Pending, Cause::Requested),
            (Subscribing, Cause::Ready),
            (Active, Cause::Confirmed),
            (Expiring, Cause::Renewed),
            (Active, Cause::Confirmed),
            (Degraded, Cause::Unauthenticated),
            (Subscribing, Cause::Ready),
            (Active, Cause::Confirmed),
            (Pending, Cause::Lost),
            (Subscribing, Cause::Ready),
            (Refused, Cause::Refused),
            (Subscribing, Cause::Retried),
            (Active, Cause::Confirmed),
            (Subscribing, Cause::Requested),
            (Subscribing, Cause::Unconfirmed),
            (Failed, Cause::Unconfirmed),
            (Subscribing, Cause::Retried),
            (Failed, Cause::Unconfirmed),
            (Removed, Cause::Requested),
        ]
    );
    world.subscribe("sd+DU1234567");
    world.subscribe("or");
    world.run(secs(1));
    world.unsubscribe("sd+DU1234567", true);
    world.run(secs(3));
    let ends = [(SubscriptionState::Unsubscribing, Cause::Requested), (Removed, Cause::UnsubscribeConfirmed)];
    assert_eq!(states(&world, "sd+DU1234567")[2..], ends);
    assert_eq!(states(&world, "or")[..2], [(Pending, Cause::Requested), (SubscriptionState::Quiet, Cause::Primed)]);
}

#[test]
fn an_invalidated_subscription_is_a_gap_until_it_is_recreated_or_data_arrives() {
    let mut world = settled(&[QUOTES, "pl"]);
    let requested_at = world.now();
    let id = world.submit(Command::Invalidate(Some(sub("md+265598"))));
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Invalidated(1)));
    assert_eq!((world.gaps()[0].cause.clone(), world.gaps().len()), (GapCause::Invalidated, 1));
    assert!(world.gaps()[0].since <= requested_at);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Pending);
    world.run(secs(30));
    assert_eq!(world.written("smd").len(), 1, "an invalidation writes nothing");
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active, "data of this connection confirms it");
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
fn a_state_set_by_the_application_is_assumed_until_data_or_a_loss() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe(QUOTES);
    world.run(secs(20));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Failed);
    let assume = |active| Command::Modify(Modify { active: Some(active), ..Modify::new(sub("md+265598")) });
    let info = |world: &World| world.machine().subscriptions().remove(0);
    world.submit(assume(true));
    assert_eq!((info(&world).state, info(&world).assumed), (SubscriptionState::Active, true));
    assert_eq!(states(&world, "md+265598").last(), Some(&(SubscriptionState::Active, StateCause::Assumed)));
    world.gateway_sends(r#"{"31":"271.50","conidEx":"265598","conid":265598,"topic":"smd+265598"}"#);
    world.run(secs(1));
    assert_eq!(
        (info(&world).state, info(&world).assumed),
        (SubscriptionState::Active, false),
        "data confirms the state"
    );
    world.submit(assume(false));
    assert_eq!((info(&world).state, info(&world).assumed), (SubscriptionState::Pending, false));
    world.submit(assume(true));
    world.cut();
    world.run(ms(100));
    assert_eq!(
        (info(&world).state, info(&world).assumed),
        (SubscriptionState::Pending, false),
        "a loss ends the assumption"
    );
    let id = world.submit(assume(true));
    assert_eq!(
        world.wait_for_reply(id).1,
        Err(CommandError::NotReady(HealthReason::NotConnected)),
        "without a connection no subscription can be active"
    );
}

// The gateway repeats executions, and replays them on each subscribe (docs/protocol.md §3.6).
#[test]
fn executions_repeated_and_replayed_on_each_subscribe_merge_and_lose_no_key() {
    let mut world = settled(&["tr"]);
    world.run(secs(20));
    let count = world.data("tr").len();
    world.cut();
    world.run(secs(60));
    let frames = world.data("tr");
    assert!(frames.len() > count, "the gateway replays every execution");
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
            // The merged row has every key that any earlier row of the execution had.
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

/// Returns the keys of the only row of a frame.
fn frame_keys(frame: &ibws_proto::Frame) -> BTreeSet<String> {
    let rows = frame.get("args").map(Json::elements).into_iter().flatten();
    rows.flat_map(|row| row.members().map(|(key, _)| key.into_owned()).collect::<Vec<_>>()).collect()
}
