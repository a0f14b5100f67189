//! Tests of silence, resets and stopping. All times are virtual and exact. The brackets above a
//! test name the public issues that it covers.

use std::time::Duration;

use ibws_proto::{
    Action, CloseCause, Command, CommandError, Config, ConnectionLoss, ConnectionState, Event, GapCause, Instant,
    Output, Reply, RequestId, SubscriptionState, status::HealthReason,
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
fn after_heartbeats_a_half_open_link_is_detected_25_s_after_the_last_byte() {
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
fn a_gap_begins_at_the_last_frame_or_with_a_limit_of_silence_at_the_streams_own() {
    let mut earlier = 0;
    for seed in 1..=20 {
        let mut world = World::new(Config::default(), GatewayConfig::seeded(seed));
        world.settle(&[QUOTES, "pl"]);
        world.run(secs(30));
        world.freeze();
        world.run(ms(20));
        let own = world.events().filter_map(|(at, event)| match event {
            Event::Message(message) => message.subscription.as_ref().filter(|key| key.as_str() == "pl").and(Some(at)),
            _ => None,
        });
        let (own, last) = (own.last().unwrap(), world.last_received_at().unwrap());
        world.run(secs(60));
        let since = |key| world.gaps().iter().find(|gap| gap.key.as_str() == key).unwrap().since;
        assert_eq!((since("md+265598"), since("pl")), (last, own), "seed {seed}");
        earlier += usize::from(own < last);
    }
    assert!(earlier > 3, "{earlier} of 20 gaps of `pl` began earlier");
}

#[test]
fn the_frame_that_ends_a_gap_is_delivered_before_the_end_of_the_gap() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.freeze();
    world.run(secs(60));
    let of_the_stream = world.events().filter_map(|(at, event)| match event {
        Event::Message(message) if message.subscription.is_some() => Some((at, "message")),
        Event::Gap(_) => Some((at, "gap")),
        Event::Resumed(_) => Some((at, "resumed")),
        _ => None,
    });
    let seen: Vec<_> = of_the_stream.skip_while(|(_, what)| *what != "gap").take(3).collect();
    assert_eq!(seen.iter().map(|(_, what)| *what).collect::<Vec<_>>(), ["gap", "message", "resumed"]);
    assert_eq!(seen[1].0, seen[2].0);
}

#[test]
fn before_heartbeats_silence_is_probed_after_25_s_and_the_link_ends_20_s_later() {
    let config = Config { ping_interval: None, tic_interval: None, ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.gateway.set_heartbeats(false);
    world.start();
    world.run(ms(500));
    world.freeze();
    world.run(ms(20));
    let last = world.last_received_at().unwrap();
    world.run(secs(50));
    assert_eq!(world.written("tic"), [last + secs(25)]);
    assert_eq!(losses(&world), [(last + secs(45), ConnectionLoss::Silent.into())]);
    assert_eq!(pings(&world), [], "a ping reaches the gateway only, and says nothing about its backend");
}

#[test]
fn an_idle_gateway_that_replies_to_tic_keeps_its_connection() {
    let config = Config { tic_interval: None, ..Config::default() };
    let mut world = World::new(config, GatewayConfig::default());
    world.gateway.set_heartbeats(false);
    world.settle(&[]);
    world.run(secs(3_600));
    assert_eq!((losses(&world).len(), world.connection_state()), (0, ConnectionState::Ready));
    assert!(world.written("tic").len() > 50, "the gateway has little else to send: {}", world.written("tic").len());
}

// A frame restarts the silence limit, whichever of the two limits is longer.
#[test]
fn a_frame_after_a_probe_restarts_the_silence_limit() {
    let mut config = Config { ping_interval: None, tic_interval: None, ..Config::default() };
    (config.silence_limit, config.ping_reply_limit) = (secs(5), secs(20));
    let mut world = World::new(config, GatewayConfig::default());
    world.gateway.set_heartbeats(false);
    world.settle(&[]);
    world.link.writes_block = true;
    let last = world.last_received_at().unwrap();
    world.run_until(last + secs(7));
    world.gateway_sends(r#"{"topic":"xyz"}"#);
    world.run(secs(7));
    assert_eq!(world.written("tic"), [last + secs(5), last + secs(12) + ms(10)]);
}

// [pykiteconnect #230, kerosene #13]
#[test]
fn sending_is_no_sign_of_life() {
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
fn a_freeze_below_the_silence_limit_causes_no_loss_and_no_gap() {
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
fn missing_pongs_end_a_connection_that_delivers_data() {
    let mut world = world();
    world.link.replies_to_pings = false;
    world.settle(&[QUOTES]);
    let opened =
        world.connection_states().iter().find(|(_, to)| *to == ConnectionState::Open).map(|(at, _)| *at).unwrap();
    world.run(secs(310));
    assert_eq!(losses(&world), [(opened + secs(300), ConnectionLoss::PongMissing.into())]);
}

// [ibind]
#[test]
fn a_gateway_clock_that_is_off_by_ten_years_has_no_effect() {
    let reason_at = |epoch_ms: u64| {
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
        assert_eq!(reason_at(now - skew), HealthReason::Fine);
        assert_eq!(reason_at(now + skew), HealthReason::Fine);
    }
}

// [ibind]
#[test]
fn health_of_a_new_connection_ignores_the_age_of_the_previous_one() {
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
fn a_clock_jump_of_eight_hours_recovers_like_a_silent_link() {
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

/// Returns a world in each connection state in which a command can arrive, with the state's name.
fn connection_states() -> Vec<(&'static str, World)> {
    let stopped = world();
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
        ("stopped", stopped),
        ("connecting", connecting),
        ("open", open),
        ("ready", ready),
        ("degraded", degraded),
        ("backoff", backoff),
        ("closing", closing),
    ];
    for (name, world) in &mut worlds {
        let state = format!("{:?}", world.connection_state()).to_lowercase();
        assert_eq!(*name, state);
        world.subscribe("pl");
    }
    worlds
}

/// Returns the reply to a request, which must complete within `limit` after `requested_at`.
fn within(world: &mut World, requested_at: Instant, id: RequestId, limit: Duration) -> Result<Reply, CommandError> {
    let (at, reply) = world.wait_for_reply(id);
    assert!(at <= requested_at + limit, "completed after {:?}:\n{}", at.since(requested_at), world.timeline());
    reply
}

#[test]
fn a_draining_shutdown_completes_within_3_s_in_every_state() {
    for replies in [true, false] {
        for (state, mut world) in connection_states() {
            world.link.replies_to_close = replies && state != "closing";
            world.gateway.set_confirmations(replies);
            let requested_at = world.now();
            let first = world.submit(Command::Shutdown { drain: true });
            let second = world.submit(Command::Shutdown { drain: false });
            assert_eq!(within(&mut world, requested_at, first, secs(3)), Ok(Reply::Stopped), "{state}");
            assert_eq!(within(&mut world, requested_at, second, secs(3)), Ok(Reply::Stopped), "{state}");
            assert_eq!(
                (world.connection_state(), world.machine().subscriptions().len()),
                (ConnectionState::Stopped, 0),
                "{state}"
            );
            assert_eq!(world.machine().status().requests, 0, "{state}: {}", world.timeline());
            assert_eq!(world.machine().next_wake(), None, "{state}");
        }
    }
}

#[test]
fn a_drain_waits_for_confirmations_only() {
    let mut world = world();
    world.settle(&[QUOTES, "sd+DU1234567+{}", "mh+265598+{}"]);
    let requested_at = world.now();
    let stopped = world.submit(Command::Shutdown { drain: true });
    for text in ["umd+265598+{}", "usd+DU1234567+{}", "umh+"] {
        assert_eq!(world.written(text), [requested_at], "the drain writes all unsubscribes at once: {text}");
    }
    assert_eq!(
        world.wait_for_reply(stopped).0,
        requested_at + ms(40),
        "one round trip for the confirmations, one for Close"
    );

    let mut silent = self::world();
    silent.settle(&[QUOTES, "sd+DU1234567+{}"]);
    silent.gateway.set_confirmations(false);
    silent.link.replies_to_close = false;
    let requested_at = silent.now();
    let stopped = silent.submit(Command::Shutdown { drain: true });
    assert_eq!(silent.wait_for_reply(stopped).0, requested_at + secs(3), "2 s for confirmations, 1 s for Close");
}

#[test]
fn a_hard_reset_is_legal_in_every_state() {
    for restart in [true, false] {
        for replies in [true, false] {
            for (state, mut world) in connection_states() {
                world.link.replies_to_close = replies && state != "closing";
                world.link.dials_to = Dial::Opens;
                world.gateway.set_authenticated(true);
                let requested_at = world.now();
                let reset = world.submit(Command::HardReset { restart });
                assert_eq!(within(&mut world, requested_at, reset, secs(5)), Ok(Reply::Reset), "{state}");
                world.run(secs(30));
                let stops = state == "stopped" && !restart;
                let expected = if stops { ConnectionState::Stopped } else { ConnectionState::Ready };
                assert_eq!(world.connection_state(), expected, "{state}, restart {restart}: {}", world.timeline());
                let pl = if stops { SubscriptionState::Pending } else { SubscriptionState::Active };
                assert_eq!(world.subscription_state("pl"), pl, "{state}");
            }
        }
    }
}

#[test]
fn a_disconnect_lasts_until_start_and_keeps_the_subscriptions() {
    for (state, mut world) in connection_states() {
        world.link.dials_to = Dial::Opens;
        world.gateway.set_authenticated(true);
        let requested_at = world.now();
        let disconnect = world.submit(Command::Disconnect);
        assert_eq!(within(&mut world, requested_at, disconnect, secs(5)), Ok(Reply::Disconnected), "{state}");
        let dials = world.dials().len();
        world.run(secs(600));
        assert_eq!((world.connection_state(), world.dials().len()), (ConnectionState::Stopped, dials), "{state}");
        let start = world.start();
        assert_eq!(world.wait_for_reply(start).1, Ok(Reply::Started), "{state}");
        world.run(secs(5));
        assert_eq!(world.subscription_state("pl"), SubscriptionState::Active, "{state}");
    }
}

// [rust-ibapi #816]
#[test]
fn requests_of_a_lost_connection_fail_with_the_cause_before_the_next_dial() {
    let mut world = world();
    world.settle(&["sd+DU1234567+{}"]);
    world.gateway.set_confirmations(false);
    let requests = [world.subscribe(QUOTES), world.unsubscribe("sd+DU1234567", true), world.submit(Command::Tic)];
    world.freeze();
    let lost = world.now();
    world.input(ibws_proto::Input::Closed(world.conn().unwrap(), CloseCause::Close(Some(1000))));
    for request in requests {
        let expected = (lost, Err(CommandError::ConnectionLost(ConnectionLoss::Closed(Some(1000)))));
        assert_eq!(world.reply(request), Some(&expected));
    }
    world.gateway.set_confirmations(true);
    world.run(secs(5));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active, "the subscription is kept");
    assert_eq!(world.subscription_state("sd+DU1234567"), SubscriptionState::Removed);
}

#[test]
fn a_second_shutdown_supersedes_a_start_after_the_first() {
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
fn a_shutdown_completes_the_requests_that_it_supersedes() {
    let mut world = world();
    world.settle(&[QUOTES]);
    world.link.replies_to_close = false;
    let disconnect = world.submit(Command::Disconnect);
    let start = world.start();
    world.submit(Command::Shutdown { drain: true });
    assert_eq!(world.wait_for_reply(disconnect).1, Err(CommandError::ShutDown));
    assert_eq!(world.wait_for_reply(start).1, Err(CommandError::ShutDown));
}

// Nothing is written after the client's Close, whether the REST result arrives after it or never.
#[test]
fn orders_that_are_priming_at_the_close_are_not_subscribed() {
    for rest in [None, Some((secs(3), true))] {
        let mut world = world();
        world.settle(&[]);
        world.link.rest = rest;
        world.link.replies_to_close = false;
        world.subscribe("or");
        world.run(ms(500));
        world.submit(Command::Disconnect);
        world.run(secs(60));
        assert_eq!(world.written("sor").len(), 0);
    }
}

#[test]
fn tic_is_written_every_30_s_while_ready_and_can_be_disabled() {
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
