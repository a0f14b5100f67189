//! Tests of the connection: greeting, authentication, loss and reconnection. All times are virtual
//! and exact. The brackets above a test name the public issues that it covers.

use std::time::Duration;

use ibws_proto::{
    Action, Command, CommandError, Config, ConnId, ConnectErrorKind, ConnectionLoss, ConnectionState, Event, GapCause,
    Input, Instant, Key, Machine, Output, ReadyGate, Reply, Subscribe, SubscriptionState,
};
use ibws_testkit::world::{Dial, QUOTES, World, ms, secs, world};
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
fn a_gateway_that_sends_no_frame_is_subscribed_to_after_5_s() {
    let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.submit(Instant::ORIGIN, Command::Subscribe(Subscribe::parse(QUOTES).unwrap()));
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    let written = |machine: &mut Machine| {
        std::iter::from_fn(|| machine.poll())
            .filter(|out| matches!(out, Output::Action(Action::SendText { .. })))
            .count()
    };
    machine.handle(Instant::from_millis(4_999), Input::Tick);
    assert_eq!(written(&mut machine), 0);
    machine.handle(Instant::from_millis(5_000), Input::Tick);
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
    world.run(secs(40));
    let written = world.written("sor");
    assert_eq!(written.len(), 2, "{}", world.timeline());
    assert_eq!(
        written[1],
        Instant::from_millis(14_100 + 10 + 50),
        "the second write follows the greeting and the priming"
    );
    let conn = world.conn().unwrap();
    assert!(world.gateway.subscriptions(conn.0).any(|subscription| subscription == "sor"));
}

// [ibind #81]
#[test]
fn late_authentication_subscribes_everything() {
    for late in [10, 3_600] {
        let mut gateway = GatewayConfig::default();
        gateway.authenticated = false;
        let mut world = World::new(Config::default(), gateway);
        let started = world.start();
        let pending = world.subscribe(QUOTES);
        world.subscribe("pl");
        assert!(
            matches!(world.wait_for_reply(started).1, Ok(Reply::Started)),
            "an unauthenticated session is a state, not an error"
        );
        let (at, reply) = world.wait_for_reply(pending);
        assert_eq!(reply, Ok(Reply::Subscribed(ibws_proto::SubscribeOutcome::Pending)));
        assert_eq!(at, Instant::from_millis(10_000), "the attempts of a subscribe times its timeout");
        world.run_until(Instant::from_millis(late * 1_000 + 1_000));
        assert_eq!(world.connection_state(), ConnectionState::Open);
        assert_eq!(world.texts().count(), 0);
        world.gateway.set_authenticated(true);
        let restored_at = world.now();
        world.run(secs(3));
        assert_eq!(world.written("smd"), [restored_at + ms(10)], "{}", world.timeline());
        assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
        assert_eq!(world.subscription_state("pl"), SubscriptionState::Active);
        assert_eq!(world.dials().len(), 1);
    }
}

// [ibind #25]
#[test]
fn lost_authentication_degrades_writes_nothing_and_recovers_without_a_command() {
    let mut world = world();
    world.settle(&[QUOTES, "or"]);
    let lost = world.now();
    world.gateway.set_authenticated(false);
    world.run(secs(3_600));
    assert_eq!(world.connection_state(), ConnectionState::Degraded);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Degraded);
    assert!(last(&world) <= Some(lost + ms(10)), "{}", world.timeline());
    assert_eq!(world.dials().len(), 1, "lost authentication causes no dial");
    let gaps: Vec<_> = world.gaps().iter().map(|gap| (gap.since, gap.cause.clone())).collect();
    assert_eq!(gaps, vec![(lost + ms(10), GapCause::Unauthenticated); 2]);

    let restored_at = world.now();
    world.gateway.set_authenticated(true);
    world.run(secs(5));
    assert_eq!(world.connection_state(), ConnectionState::Ready);
    assert_eq!(world.written("smd").last(), Some(&(restored_at + ms(10))));
    assert_eq!(world.written("sor").last(), Some(&(restored_at + ms(60))), "priming precedes the write");
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    assert_eq!(world.resumptions().len(), 2);
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

// [ibkr-conduit #167]
#[test]
fn a_long_outage_is_retried_without_limit_and_with_capped_delays() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.link.dials_to = Dial::refused();
    world.cut();
    world.run(secs(4 * 3_600));
    let dials = world.dials();
    assert!(dials.len() > 2_000, "{}", dials.len());
    let longest = dials.windows(2).skip(1).map(|pair| pair[1].since(pair[0])).max().unwrap();
    assert!(longest <= secs(8) + ms(100) && longest > secs(7), "{longest:?}");
    world.link.dials_to = Dial::Opens;
    world.run(secs(10));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    assert_eq!((world.gaps().len(), world.resumptions().len()), (1, 1), "one outage is one gap");
    assert!(world.resumptions()[0].attempts > 2_000);
}

// [rumqtt #918, Lean #6006]
#[test]
fn retry_delays_reset_only_after_30_s_in_ready() {
    let delays = |up: Duration| {
        let mut world = world();
        world.start();
        for _ in 0..60 {
            while world.connection_state() != ConnectionState::Ready {
                world.run(ms(50));
            }
            world.run(up);
            world.cut();
            world.run(ms(20));
        }
        let delays = world.events().filter_map(|(_, event)| match event {
            Event::State(change) => change.delay,
            _ => None,
        });
        delays.max().unwrap()
    };
    assert!(delays(secs(29)) > secs(4), "a connection that was ready for 29 s does not reset the delay");
    assert!(delays(secs(31)) <= secs(1), "a connection that was ready for 31 s resets the delay");
}

#[test]
fn start_fails_after_10_attempts() {
    let mut world = world();
    world.link.dials_to = Dial::refused();
    let started = world.start();
    let (_, reply) = world.wait_for_reply(started);
    assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 10, .. })), "{reply:?}");
    assert_eq!((world.dials().len(), world.connection_state()), (10, ConnectionState::Stopped));
    world.run(secs(3_600));
    assert_eq!(world.dials().len(), 10);
    // A later `Start` dials again.
    world.link.dials_to = Dial::Opens;
    let again = world.start();
    assert_eq!(world.wait_for_reply(again).1, Ok(Reply::Started));
}

#[test]
fn a_refused_certificate_fails_the_start_at_once() {
    let mut world = world();
    world.link.dials_to = Dial::Fails(ConnectErrorKind::Trust, None);
    let started = world.start();
    let (at, reply) = world.wait_for_reply(started);
    assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 1, .. })), "{reply:?}");
    assert_eq!(at, Instant::from_millis(100));
}

#[test]
fn http_401_fails_the_start_at_once_and_is_retried_once_a_minute() {
    let mut world = world();
    world.link.dials_to = Dial::Fails(ConnectErrorKind::AuthenticationRequired, None);
    let started = world.start();
    assert!(matches!(world.wait_for_reply(started).1, Err(CommandError::AuthenticationRequired(_))));
    world.run(secs(3_600));
    let dials = world.dials();
    assert!(dials.windows(2).all(|pair| pair[1].since(pair[0]) == secs(60) + ms(100)));
    assert_eq!(dials.len(), 60);
}

#[test]
fn retry_after_of_the_gateway_delays_the_next_dial() {
    let mut world = world();
    world.link.dials.push_back(Dial::Fails(ConnectErrorKind::Status(429), Some(secs(90))));
    world.start();
    world.run(secs(100));
    let dials = world.dials();
    assert_eq!(dials[1].since(dials[0]), secs(90) + ms(100));
}

#[test]
fn retry_after_delays_the_next_dial_by_15_min_at_most_and_is_reported() {
    for (requested, pause) in [(secs(899), secs(899)), (secs(900), secs(900)), (secs(3_600), secs(900))] {
        let mut world = world();
        world.link.dials.push_back(Dial::Fails(ConnectErrorKind::Status(503), Some(requested)));
        world.start();
        world.run(secs(1_000));
        let dials = world.dials();
        assert_eq!(dials[1].since(dials[0]), pause + ms(100), "{requested:?}");
        let delay = |event: &Event| match event {
            Event::State(change) => change.delay,
            _ => None,
        };
        let delays: Vec<_> = world.events().filter_map(|(_, event)| delay(event)).collect();
        assert_eq!(delays, [pause]);
    }
}

#[test]
fn a_dial_without_outcome_is_abandoned_after_30_s() {
    let mut world = world();
    world.link.dials.push_back(Dial::Hangs);
    world.start();
    world.run(secs(35));
    let abandoned = world.outputs_at().find(|(_, output)| matches!(output, Output::Action(Action::Abandon { .. })));
    assert_eq!(abandoned.map(|(at, _)| at), Some(Instant::from_millis(30_000)));
    assert_eq!(world.connection_state(), ConnectionState::Ready);
}

// A `Start` during an outage completes in bounded time, although the machine continues to dial.
#[test]
fn a_start_during_an_outage_fails_after_its_attempts() {
    let mut world = world();
    world.settle(&[]);
    world.link.dials_to = Dial::refused();
    world.cut();
    world.run(secs(1));
    let started = world.start();
    let (_, reply) = world.wait_for_reply(started);
    assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 10, .. })), "{reply:?}");
    let dials = world.dials().len();
    assert_eq!(dials, 1 + 10, "the start fails only after all of its attempts");
    world.run(secs(60));
    assert!(world.dials().len() > dials);
    assert_eq!(world.machine().stats().dials, world.dials().len() as u64);
}

#[test]
fn a_start_completes_when_reconnecting_ends_for_good() {
    let config = Config { restart_on_critical: false, ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.settle(&[]);
    world.close(1000);
    world.run(ms(20));
    world.link.dials_to = Dial::refused();
    let started = world.start();
    assert!(matches!(world.wait_for_reply(started).1, Err(CommandError::ConnectionLost(ConnectionLoss::Connect(_)))));
    assert_eq!(world.connection_state(), ConnectionState::Stopped);
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
        .filter(|entry| matches!(&entry.what, ibws_testkit::world::What::Input(ibws_proto::Input::Frame(..))));
    assert_eq!(arrived.count() as u64, stats.frames);
}
