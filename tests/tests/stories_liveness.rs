//! Stories of silence, resets and stopping. All times are virtual and exact. In brackets: where users were bitten.

use std::time::Duration;

use ibws_proto::{
    Action, Command, CommandError, Config, ConnectionLoss, ConnectionState, Event, GapCause, HealthReason, Instant,
    Output, Reply, RequestId, SubscriptionState,
};
use ibws_testkit::world::{Dial, QUOTES, World, ms, secs, world};
use ibws_testkit::{GatewayConfig, Success as Greeting};

fn losses(world: &World) -> Vec<(Instant, GapCause)> {
    let loss = |event: &Event| match event {
        Event::State(change) if change.state == ConnectionState::Backoff => change.cause.clone(),
        _ => None,
    };
    world.events().filter_map(|(at, event)| Some((at, loss(event)?))).collect()
}

fn pings(world: &World) -> Vec<Instant> {
    let is = |output: &Output| matches!(output, Output::Action(Action::Ping { .. }));
    world.outputs_at().filter(|(_, output)| is(output)).map(|(at, _)| at).collect()
}

#[test]
fn a_half_open_link_is_noticed_25_s_after_the_last_byte_once_heartbeats_were_seen() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.run(secs(30));
    world.freeze();
    world.run(ms(20));
    let last = world.last_received_at().unwrap();
    world.run(secs(60));
    assert_eq!(losses(&world), [(last + secs(25), ConnectionLoss::Silent.into())]);
    assert_eq!(world.gaps()[0].since, last, "messages may be missing since the last byte");
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    assert_eq!(world.dials().len(), 2);
}

#[test]
fn before_heartbeats_a_ping_asks_after_25_s_and_20_s_later_the_link_is_dead() {
    let config = Config { ping_interval: None, tic_interval: None, ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.gateway.set_heartbeats(false);
    world.start();
    world.run(ms(500));
    world.freeze();
    world.run(ms(20));
    let last = world.last_received_at().unwrap();
    world.run(secs(50));
    assert_eq!(pings(&world), [last + secs(25)]);
    assert_eq!(losses(&world), [(last + secs(45), ConnectionLoss::Silent.into())]);
}

#[test]
fn a_gateway_that_has_nothing_to_say_but_answers_pings_lives() {
    let config = Config { tic_interval: None, ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.gateway.set_heartbeats(false);
    world.settle(&[]);
    world.run(secs(3_600));
    assert_eq!((losses(&world).len(), world.connection_state()), (0, ConnectionState::Ready));
}

// What silence calls for changes with the byte that ends it, however the two limits stand to each other.
#[test]
fn a_byte_after_a_probe_starts_the_silence_over() {
    let mut config = Config { ping_interval: None, tic_interval: None, ..Config::default() };
    (config.silence_limit, config.ping_reply_limit) = (secs(5), secs(20));
    let mut world = World::new(config, GatewayConfig::default());
    world.gateway.set_heartbeats(false);
    world.link.replies_to_pings = false;
    world.settle(&[]);
    let last = world.last_received_at().unwrap();
    world.run_until(last + secs(7));
    world.gateway_sends(r#"{"topic":"xyz"}"#);
    world.run(secs(7));
    assert_eq!(pings(&world), [last + secs(5), last + secs(12) + ms(10)]);
}

// A34 [pykiteconnect #230], A36 [kerosene #13]
#[test]
fn what_we_send_is_no_sign_of_life() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.run(secs(30));
    world.freeze();
    world.run(ms(20));
    let last = world.last_received_at().unwrap();
    for _ in 0..30 {
        world.submit(Command::Tic);
        world.submit(Command::SendText("ech+hb".into()));
        world.run(secs(1));
    }
    assert_eq!(losses(&world)[0], (last + secs(25), ConnectionLoss::Silent.into()));
}

#[test]
fn a_freeze_that_ends_in_time_costs_nothing() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.run(secs(30));
    world.freeze();
    world.run(secs(20));
    world.thaw();
    world.run(secs(30));
    assert_eq!((losses(&world).len(), world.gaps().len()), (0, 0));
}

#[test]
fn missing_pongs_end_a_connection_on_which_data_flows() {
    let mut world = world();
    world.link.replies_to_pings = false;
    world.settle(&[QUOTES]);
    let opened =
        world.connection_states().iter().find(|(_, to)| *to == ConnectionState::Open).map(|(at, _)| *at).unwrap();
    world.run(secs(310));
    assert_eq!(losses(&world), [(opened + secs(300), ConnectionLoss::PongMissing.into())]);
}

// A35 [ibind]
#[test]
fn a_gateway_whose_clock_is_off_by_ten_years_changes_nothing() {
    let told = |epoch_ms: u64| {
        let mut gateway = GatewayConfig::default();
        gateway.epoch_ms = epoch_ms;
        let mut world = World::new(Config::default(), gateway);
        world.settle(&[QUOTES]);
        world.run(secs(600));
        assert_eq!((losses(&world).len(), world.dials().len()), (0, 1));
        world.machine().health(world.now()).reason
    };
    let now = GatewayConfig::default().epoch_ms;
    for skew in [0, 3_600_000, 315_576_000_000] {
        assert_eq!(told(now - skew), HealthReason::Fine);
        assert_eq!(told(now + skew), HealthReason::Fine);
    }
}

// A33 [ibind]
#[test]
fn the_age_of_the_last_connection_says_nothing_about_the_fresh_one() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.run(secs(30));
    world.link.dials_to = Dial::refused();
    world.cut();
    world.run(secs(600));
    world.link.dials_to = Dial::Opens;
    while world.connection_state() != ConnectionState::Open {
        world.run(ms(10));
    }
    let check = world.submit(Command::CheckHealth);
    let ping = world.submit(Command::CheckPing);
    assert_eq!(world.reply(check).unwrap().1, Ok(Reply::Healthy(true)));
    assert_eq!(world.reply(ping).unwrap().1, Ok(Reply::Healthy(true)));
    world.run(secs(40));
    assert_eq!(world.connection_state(), ConnectionState::Ready);
}

#[test]
fn a_clock_that_jumps_eight_hours_is_a_silent_link_and_nothing_worse() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.run(secs(30));
    world.freeze();
    world.run(secs(8 * 3_600));
    world.thaw();
    world.run(secs(10));
    assert_eq!(
        (world.connection_state(), world.subscription_state("md+265598")),
        (ConnectionState::Ready, SubscriptionState::Active)
    );
}

/// Every phase in which a command can come, and a world in it.
fn connection_states() -> Vec<(&'static str, World)> {
    let idle = world();
    let mut connecting = world();
    connecting.link.dials_to = Dial::Hangs;
    connecting.start();
    connecting.run(ms(500));
    let mut gateway = GatewayConfig::default();
    gateway.success = Greeting::After(secs(4));
    let mut open = World::new(Config::default(), gateway);
    open.start();
    open.run(ms(500));
    let mut ready = world();
    ready.settle(&[QUOTES, "or", "sd+DU1234567+{}", "mh+265598+{}"]);
    let mut degraded = world();
    degraded.settle(&[QUOTES]);
    degraded.gateway.set_authenticated(false);
    degraded.run(secs(1));
    let mut backoff = world();
    backoff.link.dials_to = Dial::refused();
    backoff.start();
    while backoff.connection_state() != ConnectionState::Backoff {
        backoff.run(ms(10));
    }
    let mut closing = world();
    closing.settle(&[QUOTES]);
    closing.link.replies_to_close = false;
    closing.submit(Command::Disconnect);
    let mut worlds = vec![
        ("idle", idle),
        ("connecting", connecting),
        ("open", open),
        ("ready", ready),
        ("degraded", degraded),
        ("backoff", backoff),
        ("closing", closing),
    ];
    for (name, world) in &mut worlds {
        let phase = format!("{:?}", world.connection_state()).to_lowercase();
        assert_eq!(*name, phase);
        world.subscribe("pl");
    }
    worlds
}

fn within(world: &mut World, asked: Instant, id: RequestId, limit: Duration) -> Result<Reply, CommandError> {
    let (at, answer) = world.wait_for_reply(id);
    assert!(at <= asked + limit, "answered after {:?}:\n{}", at.since(asked), world.timeline());
    answer
}

#[test]
fn a_shutdown_with_drain_ends_within_3_s_from_every_phase() {
    for answers in [true, false] {
        for (phase, mut world) in connection_states() {
            world.link.replies_to_close = answers && phase != "closing";
            world.gateway.set_confirmations(answers);
            let asked = world.now();
            let first = world.submit(Command::Shutdown { drain: true });
            let second = world.submit(Command::Shutdown { drain: false });
            assert_eq!(within(&mut world, asked, first, secs(3)), Ok(Reply::Stopped), "{phase}");
            assert_eq!(within(&mut world, asked, second, secs(3)), Ok(Reply::Stopped), "{phase}");
            assert_eq!(
                (world.connection_state(), world.machine().subscriptions().len()),
                (ConnectionState::Stopped, 0),
                "{phase}"
            );
            assert_eq!(world.machine().status().requests, 0, "{phase}: {}", world.timeline());
            assert_eq!(world.machine().next_wake(), None, "{phase}");
        }
    }
}

#[test]
fn a_drain_waits_for_confirmations_only() {
    let mut world = world();
    world.settle(&[QUOTES, "sd+DU1234567+{}", "mh+265598+{}"]);
    let asked = world.now();
    let stopped = world.submit(Command::Shutdown { drain: true });
    for text in ["umd+265598+{}", "usd+DU1234567+{}", "umh+"] {
        assert_eq!(world.written(text), [asked], "all at once: {text}");
    }
    assert_eq!(world.wait_for_reply(stopped).0, asked + ms(40), "a round trip for them, another for Close");

    let mut silent = self::world();
    silent.settle(&[QUOTES, "sd+DU1234567+{}"]);
    silent.gateway.set_confirmations(false);
    silent.link.replies_to_close = false;
    let asked = silent.now();
    let stopped = silent.submit(Command::Shutdown { drain: true });
    assert_eq!(silent.wait_for_reply(stopped).0, asked + secs(3), "2 s for confirmations, 1 s for Close");
}

#[test]
fn a_hard_reset_is_legal_from_every_phase() {
    for restart in [true, false] {
        for answers in [true, false] {
            for (phase, mut world) in connection_states() {
                world.link.replies_to_close = answers && phase != "closing";
                world.link.dials_to = Dial::Opens;
                world.gateway.set_authenticated(true);
                let asked = world.now();
                let reset = world.submit(Command::HardReset { restart });
                assert_eq!(within(&mut world, asked, reset, secs(5)), Ok(Reply::Reset), "{phase}");
                world.run(secs(30));
                let stays = phase == "idle" && !restart;
                let expected = if stays { ConnectionState::Stopped } else { ConnectionState::Ready };
                assert_eq!(world.connection_state(), expected, "{phase}, restart {restart}: {}", world.timeline());
                let pl = if stays { SubscriptionState::Pending } else { SubscriptionState::Active };
                assert_eq!(world.subscription_state("pl"), pl, "{phase}");
            }
        }
    }
}

#[test]
fn a_disconnect_stays_disconnected_until_start_and_keeps_the_intents() {
    for (phase, mut world) in connection_states() {
        world.link.dials_to = Dial::Opens;
        world.gateway.set_authenticated(true);
        let asked = world.now();
        let disconnect = world.submit(Command::Disconnect);
        assert_eq!(within(&mut world, asked, disconnect, secs(5)), Ok(Reply::Disconnected), "{phase}");
        let dials = world.dials().len();
        world.run(secs(600));
        assert_eq!((world.connection_state(), world.dials().len()), (ConnectionState::Stopped, dials), "{phase}");
        let start = world.start();
        assert_eq!(world.wait_for_reply(start).1, Ok(Reply::Started), "{phase}");
        world.run(secs(5));
        assert_eq!(world.subscription_state("pl"), SubscriptionState::Active, "{phase}");
    }
}

// A40 [rust-ibapi #816]
#[test]
fn requests_bound_to_a_lost_connection_are_answered_with_the_reason_before_the_next_dial() {
    let mut world = world();
    world.settle(&["sd+DU1234567+{}"]);
    world.gateway.set_confirmations(false);
    let requests = [world.subscribe(QUOTES), world.unsubscribe("sd+DU1234567", true), world.submit(Command::Tic)];
    world.freeze();
    let lost = world.now();
    world.input(ibws_proto::Input::Closed(world.conn().unwrap(), Some(1000)));
    for request in requests {
        let expected = (lost, Err(CommandError::ConnectionLost(ConnectionLoss::Closed(1000))));
        assert_eq!(world.reply(request), Some(&expected));
    }
    world.gateway.set_confirmations(true);
    world.run(secs(5));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active, "what was wanted stays wanted");
    assert_eq!(world.subscription_state("sd+DU1234567"), SubscriptionState::Removed);
}

#[test]
fn a_second_shutdown_supersedes_the_start_between_the_two() {
    let mut world = world();
    world.settle(&[QUOTES]);
    let first = world.submit(Command::Shutdown { drain: false });
    let start = world.start();
    let second = world.submit(Command::Shutdown { drain: false });
    world.run(secs(5));
    assert_eq!((world.connection_state(), world.dials().len()), (ConnectionState::Stopped, 1));
    assert_eq!(world.wait_for_reply(start).1, Err(CommandError::ShutDown));
    assert_eq!(
        [world.wait_for_reply(first).1, world.wait_for_reply(second).1],
        [Ok(Reply::Stopped), Ok(Reply::Stopped)]
    );
}

#[test]
fn a_shutdown_answers_what_it_supersedes() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.link.replies_to_close = false;
    let disconnect = world.submit(Command::Disconnect);
    let start = world.start();
    world.submit(Command::Shutdown { drain: true });
    assert_eq!(world.wait_for_reply(disconnect).1, Err(CommandError::ShutDown));
    assert_eq!(world.wait_for_reply(start).1, Err(CommandError::ShutDown));
}

// Nothing goes out after our Close, though the host's answer comes, or fails to come, after it.
#[test]
fn orders_that_are_primed_when_the_connection_is_closed_are_not_written_any_more() {
    for primes in [None, Some((secs(3), true))] {
        let mut world = world();
        world.settle(&[]);
        world.link.rest = primes;
        world.link.replies_to_close = false;
        world.subscribe("or");
        world.run(ms(500));
        world.submit(Command::Disconnect);
        world.run(secs(60));
        assert_eq!(world.written("sor").len(), 0);
    }
}

#[test]
fn tic_goes_out_every_30_s_of_readiness_and_can_be_switched_off() {
    let mut world = world();
    world.settle(&[]);
    world.run(secs(125));
    let ready =
        world.connection_states().iter().find(|(_, to)| *to == ConnectionState::Ready).map(|(at, _)| *at).unwrap();
    assert_eq!(world.written("tic"), [30, 60, 90, 120].map(|after| ready + secs(after)));
    let mut off = World::new(Config { tic_interval: None, ..Config::default() }, GatewayConfig::default());
    off.settle(&[]);
    off.run(secs(300));
    assert_eq!(off.texts().count(), 0);
}
