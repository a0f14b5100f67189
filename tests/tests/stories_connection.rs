//! Tests of the connection: greeting, authentication and loss. All times are virtual and exact. The
//! brackets above a test name the public issues that it covers.

use std::time::Duration;

use ibws_proto::{
    Action, Command, Config, ConnId, ConnectionLoss, ConnectionState, Event, GapCause, Input, Instant, Key, Machine,
    Output, ReadyGate, Reply, Subscribe, SubscriptionState,
};
use ibws_testkit::world::{QUOTES, World, ms, secs, world};
use ibws_testkit::{GatewayConfig, OpeningOrder, Success as Greeting};

fn greeting_after(after: Duration) -> World {
    let mut gateway = GatewayConfig::default();
    gateway.success = Greeting::After(after);
    World::new(Config::default(), gateway)
}

fn last(world: &World) -> Option<Instant> {
    world.texts().last().map(|(at, ..)| at)
}

#[test]
fn a_stream_survives_a_dropped_connection_and_shuts_down() {
    let mut world = world();
    let started = world.start();
    let subscribed = world.subscribe(QUOTES);
    world.run(secs(20));
    assert!(matches!(world.reply(started), Some((_, Ok(Reply::Started)))));
    let (at, reply) = world.wait_for_reply(subscribed);
    assert!(matches!(reply, Ok(Reply::Subscribed(ibws_proto::SubscribeOutcome::Active))), "{reply:?}");
    assert!(at < Instant::from_millis(1_000), "{at:?}");
    assert_eq!(world.written("smd+265598").len(), 1);
    let before = world.data("md+265598").len();
    assert!(before > 3);

    world.cut();
    world.run(secs(20));
    assert_eq!(world.dials().len(), 2);
    assert_eq!(world.written("smd+265598").len(), 2);
    assert!(world.data("md+265598").len() > before);
    assert_eq!((world.gaps().len(), world.resumptions().len()), (1, 1));

    let stopped = world.submit(Command::Shutdown { drain: true });
    let requested_at = world.now();
    let (at, reply) = world.wait_for_reply(stopped);
    assert_eq!(reply, Ok(Reply::Stopped));
    assert_eq!(at, requested_at + ms(20), "a drain without pending confirmations lasts one round trip of Close");
    assert_eq!(world.written("umd+265598").len(), 1);
    assert_eq!(world.connection_state(), ConnectionState::Stopped);
    world.run(secs(3_600));
    assert_eq!(world.dials().len(), 2, "no dial follows a shutdown");
}

// [ibkrdotnet #73]
#[test]
fn no_connection_is_written_to_before_its_greeting() {
    let mut world = greeting_after(ms(3_000));
    world.start();
    world.subscribe(QUOTES);
    world.subscribe("or");
    let mut connections = 0;
    while connections < 4 {
        connections += 1;
        world.run(secs(120));
        world.cut();
    }
    let opened: Vec<_> = world
        .connection_states()
        .into_iter()
        .filter(|(_, to)| *to == ConnectionState::Open)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(opened.len(), connections);
    for (at, _, text) in world.texts() {
        let open = opened.iter().rev().find(|open| **open <= at).copied().unwrap();
        assert!(at >= open + ms(3_010), "{text} at {at:?}, opened at {open:?}");
    }
    assert!(world.gateway.log().all(|received| received.honoured), "{:?}", world.gateway.log().collect::<Vec<_>>());
    assert!(world.written("tic").len() >= 4 * 3);
}

#[test]
fn the_ready_gate_opens_after_5_s_without_a_greeting() {
    let mut gateway = GatewayConfig::default();
    gateway.success = Greeting::Never;
    let mut world = World::new(Config::default(), gateway);
    let started = world.start();
    world.subscribe(QUOTES);
    assert_eq!(world.wait_for_reply(started), (Instant::from_millis(5_100), Ok(Reply::Started)));
    world.run(secs(5));
    assert_eq!(world.written("smd"), [Instant::from_millis(5_100)]);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
}

#[test]
fn a_gateway_that_sends_no_frame_is_subscribed_to_at_its_first_frame() {
    let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.submit(Instant::ORIGIN, Command::Subscribe(Subscribe::parse(QUOTES).unwrap()));
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    let written = |machine: &mut Machine| {
        std::iter::from_fn(|| machine.poll())
            .filter(|out| matches!(out, Output::Action(Action::SendText { .. })))
            .count()
    };
    machine.handle(Instant::from_millis(19_000), Input::Tick);
    assert_eq!(written(&mut machine), 0, "a socket that sent nothing is not written to, whatever the gate");
    machine.handle(Instant::from_millis(19_001), Input::Frame(ConnId(1), "x".into()));
    assert_eq!(written(&mut machine), 1);
}

#[test]
fn with_the_gate_off_subscribing_starts_once_the_session_is_authenticated() {
    let mut gateway = GatewayConfig::default();
    gateway.opening = OpeningOrder::StatusFirst;
    gateway.success = Greeting::After(secs(2));
    let config = Config { ready_gate: ReadyGate::Off, ..Config::default() };
    let mut world = World::new(config, gateway);
    world.start();
    world.subscribe(QUOTES);
    world.run(secs(1));
    assert_eq!(world.written("smd").len(), 1, "{}", world.timeline());
    assert_eq!(world.connection_state(), ConnectionState::Ready);
}

// The gateway silently drops what is written before a late greeting. That includes `or`, which no
// frame ever confirms.
#[test]
fn a_greeting_after_the_gate_timeout_resubscribes_what_is_unconfirmed() {
    let mut world = greeting_after(secs(14));
    world.start();
    world.subscribe("or");
    world.run(secs(1));
    world.gateway_sends(r#"{"topic":"system","hb":1}"#);
    world.run(secs(40));
    assert_eq!(
        world.written("sor"),
        [Instant::from_millis(5_100 + 50), Instant::from_millis(15_100 + 50)],
        "after the gate and its priming; after the greeting, its priming 5 s after the last call for orders: {}",
        world.timeline()
    );
    let conn = world.conn().unwrap();
    assert!(world.gateway.subscriptions(conn.0).any(|subscription| subscription == "sor"));
}

// [ibind #81]
#[test]
fn late_authentication_subscribes_everything() {
    for (late, dials) in [(10, 1..=1), (3_600, 13..=16)] {
        let mut gateway = GatewayConfig::default();
        gateway.authenticated = false;
        let mut world = World::new(Config { rest_handler: false, ..Config::default() }, gateway);
        let started = world.start();
        let pending = world.subscribe(QUOTES);
        assert!(
            matches!(world.wait_for_reply(started).1, Ok(Reply::Started)),
            "an unauthenticated session is a state, not an error"
        );
        let (at, reply) = world.wait_for_reply(pending);
        assert_eq!(reply, Ok(Reply::Subscribed(ibws_proto::SubscribeOutcome::Pending)));
        assert_eq!(at, Instant::from_millis(10_000), "the attempts of a subscribe times its timeout");
        world.run_until(Instant::from_millis(late * 1_000 + 1_000));
        assert_eq!(world.connection_state(), ConnectionState::Open);
        let dialled = world.dials().len();
        assert!(dials.contains(&dialled), "after 30, 60 and 120 s, then every 5 min: {dialled}");
        assert_eq!(world.texts().count(), 0, "{}", world.timeline());
        world.gateway.set_authenticated(true);
        let restored_at = world.now();
        world.run(secs(3));
        assert_eq!(world.written("smd"), [restored_at + ms(10)], "{}", world.timeline());
        assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
        assert_eq!(world.dials().len(), dialled);
    }
}

// [ibind #25]
#[test]
fn lost_authentication_degrades_writes_nothing_and_recovers_without_a_command() {
    let mut world = World::new(Config { rest_handler: false, ..Config::default() }, GatewayConfig::default());
    world.settle(&[QUOTES, "or"]);
    let lost = world.now();
    world.gateway.set_authenticated(false);
    world.run(secs(25));
    assert_eq!(world.connection_state(), ConnectionState::Degraded);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Degraded);
    assert!(last(&world) <= Some(lost + ms(10)), "{}", world.timeline());
    assert_eq!(world.dials().len(), 1, "the first dial for a lost authentication comes after 27 s at the earliest");
    let gaps: Vec<_> = world.gaps().iter().map(|gap| (gap.since, gap.cause.clone())).collect();
    assert_eq!(gaps, vec![(lost + ms(10), GapCause::Unauthenticated); 2]);

    let restored_at = world.now();
    world.gateway.set_authenticated(true);
    world.run(secs(6));
    assert_eq!(world.connection_state(), ConnectionState::Ready);
    let texts: Vec<_> =
        world.texts().filter(|(at, ..)| *at >= restored_at).map(|(at, _, text)| (at, &text[..3])).collect();
    let at = restored_at + ms(10);
    assert_eq!(texts, [(at, "umd"), (at, "smd"), (at, "uor"), (at, "sor")], "each is unsubscribed first");
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    world.run(secs(10));
    assert_eq!(world.resumptions().len(), 2, "orders resume by a frame of the connection 5 s later");
}

// [ibind #25]
#[test]
fn partial_sts_frames_merge_and_keep_competing() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.gateway.set_competing(true);
    world.run(secs(1));
    let status = world.machine().status();
    assert_eq!(
        (status.authenticated, status.competing, status.state),
        (Some(true), Some(true), ConnectionState::Ready)
    );
    world.gateway_sends(r#"{"topic":"sts","args":{"message":""}}"#);
    world.run(secs(1));
    assert_eq!(world.machine().status(), status);
    world.gateway_sends(r#"{"topic":"sts","args":{"authenticated":false}}"#);
    world.run(secs(1));
    assert_eq!(world.machine().status().competing, Some(true));
    assert_eq!(world.connection_state(), ConnectionState::Degraded);
}

// [ibind #25]
#[test]
fn the_session_is_sent_only_on_request_of_the_gateway() {
    let session = "00112233445566778899aabbccddeeff".to_owned();
    let mut gateway = GatewayConfig::default();
    gateway.waiting_for_session = true;
    gateway.session = Some(session.clone());
    let sent = |world: &World| {
        let is = |output: &Output| matches!(output, Output::Action(Action::SendSession { .. }));
        world.outputs_at().filter(|(_, output)| is(output)).count()
    };
    let mut world = World::new(Config::default(), gateway.clone());
    world.link.session = Some(session);
    world.link.authorised = false;
    world.settle(&[QUOTES]);
    assert_eq!((sent(&world), world.connection_state()), (1, ConnectionState::Ready));
    // The frames of the gateway contain the session (`tic`). No other output of the machine does.
    let own = |output: &Output| !matches!(output, Output::Event(Event::Message(_)));
    let mut own_outputs = world.outputs_at().filter(|(_, output)| own(output));
    assert!(own_outputs.all(|(_, output)| !format!("{output:?}").contains("00112233")));

    let mut authorised = World::new(Config::default(), gateway.clone());
    authorised.link.session = Some("00112233445566778899aabbccddeeff".into());
    authorised.settle(&[QUOTES]);
    authorised.gateway_sends(r#"{"message":"welcome"}"#);
    authorised.gateway_sends(r#"{"message":"waiting for session"}"#);
    authorised.run(secs(1));
    assert_eq!((sent(&authorised), authorised.connection_state()), (0, ConnectionState::Ready));

    // A gateway that waits for the session is not merely silent. The gate stays closed, and an
    // event reports each request of the gateway once.
    let mut without = World::new(Config::default(), gateway);
    without.link.authorised = false;
    without.settle(&[QUOTES]);
    without.run(secs(60));
    assert_eq!(without.texts().count(), 0);
    assert!(without.events().any(|(_, event)| matches!(event, Event::Rest(_))));
}

// [bezant]
#[test]
fn a_changed_session_id_in_tic_reconnects_while_heartbeats_continue() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.run(secs(60));
    world.gateway.relogin("ffeeddccbbaa99887766554433221100");
    world.run(secs(30));
    let cause = world.events().find_map(|(_, event)| match event {
        Event::State(change) if change.state == ConnectionState::Backoff => change.cause.clone(),
        _ => None,
    });
    assert_eq!(cause, Some(ConnectionLoss::SessionChanged.into()));
    world.run(secs(15));
    assert_eq!(
        (world.connection_state(), world.subscription_state("md+265598")),
        (ConnectionState::Ready, SubscriptionState::Active)
    );
    assert_eq!(world.dials().len(), 2);
}

// [bezant] The new login comes while the session is not authenticated, or soon after the connection
// is ready.
#[test]
fn an_early_first_tic_detects_a_new_login_at_any_time() {
    for degraded in [true, false] {
        let config = Config { first_tic: Some(secs(1)), ..Config::default() };
        let mut world = World::new(config, GatewayConfig::default());
        world.settle(&[QUOTES]);
        if degraded {
            world.gateway.set_authenticated(false);
            world.run(secs(5));
        }
        world.gateway.relogin("ffeeddccbbaa99887766554433221100");
        world.gateway.set_authenticated(true);
        world.run(secs(45));
        assert_eq!(
            (world.dials().len(), world.subscription_state("md+265598")),
            (2, SubscriptionState::Active),
            "{degraded}"
        );
    }
}

// [ibind #7, #147]
#[test]
fn every_close_code_and_a_cut_reconnect() {
    for code in [Some(1000), Some(1001), Some(1006), Some(1011), Some(1012), Some(4000), None] {
        let mut world = world();
        world.settle(&[QUOTES]);
        match code {
            Some(code) => world.close(code),
            None => world.cut(),
        }
        world.run(secs(5));
        assert_eq!(
            (world.connection_state(), world.subscription_state("md+265598")),
            (ConnectionState::Ready, SubscriptionState::Active),
            "{code:?}"
        );
        assert_eq!(
            world.gaps()[0].cause,
            code.map_or(ConnectionLoss::Cut, |code| ConnectionLoss::Closed(Some(code))).into()
        );
    }
}

// The connection closes while it is not ready yet.
#[test]
fn a_close_before_the_greeting_does_not_block_the_next_connect() {
    let mut world = greeting_after(secs(2));
    world.start();
    world.subscribe(QUOTES);
    world.run(secs(1));
    world.close(1000);
    world.run(secs(8));
    assert_eq!(
        (world.connection_state(), world.subscription_state("md+265598")),
        (ConnectionState::Ready, SubscriptionState::Active)
    );
}

// [ibkrdotnet #69, ibeam #281]
#[test]
fn binary_and_text_frames_are_handled_alike() {
    let texts_with = |frames| {
        let mut gateway = GatewayConfig::default();
        gateway.frames = frames;
        let mut world = World::new(Config::default(), gateway);
        world.settle(&[QUOTES, "pl", "tr"]);
        world.messages().map(|message| message.frame.text().to_owned()).collect::<Vec<_>>()
    };
    let binary = texts_with(ibws_testkit::FrameKind::Binary);
    assert!(binary.len() > 20);
    assert_eq!(binary, texts_with(ibws_testkit::FrameKind::Text));
}

// [ibind #148]
#[test]
fn malformed_and_lossy_frames_do_not_end_the_connection() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.gateway_sends(b"{\"topic\":\"ntf\",\"args\":[{\"text\":\"ACME\x99\"}]}".to_vec());
    world.gateway_sends(b"{\"topic\":".to_vec());
    world.gateway_sends(b"ech+hb".to_vec());
    world.gateway_sends(br#"{"topic":"smd+265598","conid":1,"conid":2}"#.to_vec());
    world.gateway_sends(br#"{"topic":"xyz","args":{}}"#.to_vec());
    world.run(secs(5));
    let stats = world.machine().stats();
    assert_eq!((stats.malformed, stats.lossy, world.dials().len()), (2, 1, 1));
    let lossy = world.messages().find(|message| message.frame.is_lossy()).unwrap();
    assert_eq!(lossy.key, Some(Key::Notifications));
    assert!(world.messages().any(|message| message.key.is_none() && message.frame.topic().as_deref() == Some("xyz")));
    let arrived = world
        .trace()
        .iter()
        .filter(|entry| matches!(&entry.content, ibws_testkit::world::Content::Input(ibws_proto::Input::Frame(..))));
    assert_eq!(arrived.count() as u64, stats.frames);
}
