//! Tests of waiting: the pauses after a refused upgrade, what health and errors name as the reason,
//! and the wait for a connection on which every subscription may be sent. All times are virtual and
//! exact.

use std::time::Duration;

use ibws_proto::{
    Command, CommandError, Config, ConnectErrorKind, ConnectionLoss, ConnectionState, Event, Instant, Modify,
    ReadyGate, Reply, status::HealthReason,
};
use ibws_testkit::world::{Dial, QUOTES, World, secs, settled_with, silent_gateway, sub, without_handler};

const GREETING: &str = r#"{"topic":"system","success":"simulated"}"#;
const HEARTBEAT: &str = r#"{"topic":"system","hb":1}"#;
const WAITING: &str = r#"{"message":"waiting for session"}"#;
const AUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":true}}"#;
const UNAUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":false}}"#;
const COMPETING: &str = r#"{"topic":"sts","args":{"authenticated":false,"competing":true}}"#;
/// Time from the dial to its outcome.
const DIAL: Duration = Duration::from_millis(100);
/// Time that a frame takes.
const LATENCY: Duration = Duration::from_millis(10);

/// The pauses before each dial.
fn pauses(world: &World) -> Vec<Duration> {
    let pause = |event: &Event| if let Event::State(change) = event { change.delay } else { None };
    world.events().filter_map(|(_, event)| pause(event)).collect()
}

/// Returns `true` if `pause` is `whole` or up to 10 % less.
fn is_jittered(pause: Duration, whole: u64) -> bool {
    pause <= secs(whole) && pause >= secs(whole) * 9 / 10
}

#[test]
fn a_refused_upgrade_fails_start_at_the_ordinary_pauses() {
    let mut unreachable = silent_gateway(Config::default());
    unreachable.link.dials_to = Dial::refused();
    let started = unreachable.start();
    let _ = unreachable.wait_for_reply(started);
    for kind in [ConnectErrorKind::AuthenticationRequired, ConnectErrorKind::Status(429), ConnectErrorKind::Status(503)]
    {
        let mut world = silent_gateway(Config::default());
        world.link.dials_to = Dial::Fails(kind, None);
        let started = world.start();
        let (at, reply) = world.wait_for_reply(started);
        match kind {
            ConnectErrorKind::AuthenticationRequired => {
                assert!(matches!(reply, Err(CommandError::AuthenticationRequired(_))), "{reply:?}");
            }
            _ => assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 10, .. })), "{reply:?}"),
        }
        assert_eq!(pauses(&world), pauses(&unreachable));
        assert!(at <= Instant::from_millis(1_000 + 1_000 + 2_000 + 4_000 + 6 * 8_000), "about a minute: {at:?}");
        assert_eq!(world.connection_state(), ConnectionState::Stopped);
    }
}

#[test]
fn once_connected_the_pauses_after_refused_upgrades_grow_from_8_s_to_5_min() {
    for kind in [ConnectErrorKind::AuthenticationRequired, ConnectErrorKind::Status(429), ConnectErrorKind::Status(503)]
    {
        let mut world = silent_gateway(Config::default());
        world.start();
        world.run(secs(1));
        world.gateway_delivers(&[GREETING, AUTHENTICATED]);
        world.link.dials_to = Dial::Fails(kind, None);
        world.reset();
        world.run(secs(1_500));
        let grown = pauses(&world);
        for (pause, whole) in grown[1..].iter().zip([8, 16, 32, 64, 128, 256, 300, 300]) {
            assert!(is_jittered(*pause, whole), "{kind:?}: {grown:?}");
        }
        assert!(grown.len() >= 9, "{grown:?}");
        // An upgrade that succeeds restarts the pauses.
        world.link.dials.push_back(Dial::Resets);
        let before = grown.len();
        while pauses(&world).len() < before + 3 {
            world.run(secs(1));
        }
        assert!(is_jittered(pauses(&world)[before + 1], 8), "{:?}", &pauses(&world)[before..]);
    }
}

#[test]
fn other_http_errors_keep_the_ordinary_pauses() {
    let mut world = silent_gateway(Config::default());
    world.start();
    world.run(secs(1));
    world.gateway_delivers(&[GREETING, AUTHENTICATED]);
    world.link.dials_to = Dial::Fails(ConnectErrorKind::Status(500), None);
    world.reset();
    world.run(secs(600));
    assert!(pauses(&world).iter().all(|pause| *pause <= secs(8)));
}

#[test]
fn retry_after_is_obeyed_up_to_15_min_and_reported() {
    for (requested, waits) in [(90, 90), (900, 900), (3_600, 900), (86_400, 900)] {
        let mut world = silent_gateway(Config::default());
        world.link.dials.push_back(Dial::Fails(ConnectErrorKind::Status(503), Some(secs(requested))));
        world.start();
        world.run(secs(1_000));
        assert_eq!(pauses(&world)[0], secs(waits));
        assert_eq!(world.dials()[1].since(world.dials()[0]), secs(waits) + DIAL);
    }
}

#[test]
fn health_names_what_the_connection_waits_for() {
    let mut world = silent_gateway(Config::default());
    let reason = |world: &World| {
        let health = world.machine().health(world.now());
        assert_eq!(health.healthy, health.reason == HealthReason::Fine);
        health.reason
    };
    assert_eq!(reason(&world), HealthReason::NotConnected);
    world.start();
    world.subscribe(QUOTES);
    world.run(secs(1));
    assert_eq!(reason(&world), HealthReason::NothingReceived);
    for (frame, expected) in [
        (HEARTBEAT, HealthReason::NotGreeted),
        (WAITING, HealthReason::WaitingForSession),
        (GREETING, HealthReason::NotReady),
        (UNAUTHENTICATED, HealthReason::NotAuthenticated),
        (COMPETING, HealthReason::Competing),
        (AUTHENTICATED, HealthReason::Fine),
        (UNAUTHENTICATED, HealthReason::Competing),
    ] {
        world.gateway_delivers(&[frame]);
        assert_eq!(reason(&world), expected, "{frame}");
    }
    world.reset();
    world.run(LATENCY);
    assert_eq!(reason(&world), HealthReason::NotConnected);
}

#[test]
fn the_error_of_a_request_that_needs_a_ready_connection_names_what_it_waits_for() {
    let mut world = silent_gateway(Config::default());
    world.start();
    world.subscribe(QUOTES);
    world.run(secs(1));
    let assume = || Command::Modify(Modify { active: Some(true), ..Modify::new(sub("md+265598")) });
    for (frame, expected) in [
        (
            None,
            "not ready: the gateway accepted the connection but has sent nothing; check that it is logged in; repeat \
             the request when the connection is ready",
        ),
        (Some(HEARTBEAT), "the gateway has not greeted"),
        (Some(WAITING), "the gateway waits for a session; check that the session provider has one"),
        (Some(GREETING), "the connection is not ready yet, or is being closed"),
        (Some(UNAUTHENTICATED), "the brokerage session is not authenticated; log in again"),
        (Some(COMPETING), "another login competes for the brokerage session; end one of the two"),
    ] {
        if let Some(frame) = frame {
            world.gateway_delivers(&[frame]);
        }
        for command in [Command::Tic, Command::SendText("ech+hb".into()), Command::Recreate, assume()] {
            let id = world.submit(command);
            let error = world.wait_for_reply(id).1.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn wait_ready_gets_its_reply_when_every_subscription_may_be_sent() {
    let mut world = silent_gateway(Config::default());
    world.start();
    world.subscribe(QUOTES);
    let ready = world.submit(Command::WaitReady);
    world.run(secs(1));
    for frame in [WAITING, GREETING, UNAUTHENTICATED] {
        world.gateway_delivers(&[frame]);
        assert_eq!(world.reply(ready), None, "{frame}");
    }
    world.gateway_delivers(&[AUTHENTICATED]);
    assert_eq!(world.reply(ready), Some(&(world.now(), Ok(Reply::Ready))));
    let again = world.submit(Command::WaitReady);
    assert_eq!(world.reply(again), Some(&(world.now(), Ok(Reply::Ready))));
    world.reset();
    world.run(LATENCY);
    let later = world.submit(Command::WaitReady);
    world.run(secs(10));
    assert_eq!(world.reply(later), None, "a loss does not end the wait");
    world.gateway_delivers(&[GREETING, AUTHENTICATED]);
    assert_eq!(world.reply(later), Some(&(world.now(), Ok(Reply::Ready))));
}

#[test]
fn wait_ready_needs_no_authentication_where_only_ungated_channels_are_requested() {
    let mut world = silent_gateway(Config::default());
    world.start();
    world.subscribe("pl");
    world.subscribe("sd+DU1234567+{}");
    let ready = world.submit(Command::WaitReady);
    world.run(secs(1));
    world.gateway_delivers(&[GREETING, UNAUTHENTICATED]);
    assert_eq!(world.reply(ready), Some(&(world.now(), Ok(Reply::Ready))));

    world.subscribe(QUOTES);
    let gated = world.submit(Command::WaitReady);
    world.run(secs(1));
    assert_eq!(world.reply(gated), None);
    world.unsubscribe("md+265598", false);
    assert_eq!(world.reply(gated), Some(&(world.now(), Ok(Reply::Ready))), "what it waited for is not requested now");
}

#[test]
fn wait_ready_fails_when_the_client_gives_up() {
    let mut world = silent_gateway(Config { max_connection_attempts: Some(2), ..Config::default() });
    let start = world.start();
    let ready = world.submit(Command::WaitReady);
    let (at, reply) = world.wait_for_reply(ready);
    assert!(matches!(&reply, Err(CommandError::GaveUp { attempts: 2, .. })), "{reply:?}");
    assert_eq!(world.reply(start), Some(&(at, reply)));

    let mut world = settled_with(Config { max_reconnect_attempts: Some(3), ..Config::default() }, &[]);
    world.link.dials_to = Dial::refused();
    world.cut();
    world.run(LATENCY);
    let ready = world.submit(Command::WaitReady);
    let reply = world.wait_for_reply(ready).1;
    assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 3, .. })), "{reply:?}");

    let mut world = settled_with(Config { restart_on_critical: false, ..without_handler() }, &[QUOTES]);
    world.gateway.set_authenticated(false);
    world.run(secs(1));
    let ready = world.submit(Command::WaitReady);
    world.cut();
    assert_eq!(world.wait_for_reply(ready).1, Err(CommandError::ConnectionLost(ConnectionLoss::Cut)));
}

#[test]
fn wait_ready_fails_when_the_certificate_is_refused() {
    let mut world = silent_gateway(Config::default());
    world.link.dials_to = Dial::Fails(ConnectErrorKind::Trust, None);
    world.start();
    let ready = world.submit(Command::WaitReady);
    let reply = world.wait_for_reply(ready).1;
    assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 1, .. })), "{reply:?}");

    let mut world = settled_with(Config::default(), &[]);
    world.link.dials.push_back(Dial::Fails(ConnectErrorKind::Trust, None));
    world.cut();
    world.run(LATENCY);
    let ready = world.submit(Command::WaitReady);
    let (_, reply) = world.wait_for_reply(ready);
    assert!(matches!(reply, Err(CommandError::GaveUp { attempts: 1, .. })), "{reply:?}");
    world.run(secs(10));
    assert_eq!(world.connection_state(), ConnectionState::Ready, "a client that was connected dials on");
}

#[test]
fn wait_ready_fails_at_a_shutdown_a_disconnect_and_a_cancel() {
    for (end, expected) in [
        (Command::Shutdown { drain: true }, CommandError::ShutDown),
        (Command::Shutdown { drain: false }, CommandError::ShutDown),
        (Command::Disconnect, CommandError::Superseded),
    ] {
        for replies_to_close in [true, false] {
            let mut world = silent_gateway(Config::default());
            world.link.replies_to_close = replies_to_close;
            world.start();
            world.subscribe(QUOTES);
            let ready = world.submit(Command::WaitReady);
            world.run(secs(1));
            world.submit(end.clone());
            let during = world.submit(Command::WaitReady);
            assert_eq!(world.wait_for_reply(ready).1, Err(expected.clone()));
            assert_eq!(world.wait_for_reply(during).1, Err(expected.clone()));
            world.run(secs(10));
            let after = world.submit(Command::WaitReady);
            let error = CommandError::NotReady(HealthReason::NotConnected);
            assert_eq!(world.reply(after), Some(&(world.now(), Err(error))));
        }
    }
    let mut world = silent_gateway(Config::default());
    world.start();
    let ready = world.submit(Command::WaitReady);
    world.run(secs(1));
    world.submit(Command::Cancel(ready));
    assert_eq!(world.reply(ready), Some(&(world.now(), Err(CommandError::Cancelled))));
}

#[test]
fn wait_ready_outlasts_a_reset_and_a_start_that_follows_a_disconnect() {
    let mut world = settled_with(without_handler(), &[QUOTES]);
    world.gateway.set_authenticated(false);
    world.run(secs(1));
    let before = world.submit(Command::WaitReady);
    world.submit(Command::HardReset { restart: true });
    let during = world.submit(Command::WaitReady);
    world.run(secs(3));
    assert_eq!((world.reply(before), world.reply(during)), (None, None));
    world.gateway.set_authenticated(true);
    world.run(LATENCY);
    for id in [before, during] {
        assert_eq!(world.reply(id), Some(&(world.now(), Ok(Reply::Ready))));
    }
    world.submit(Command::Disconnect);
    world.start();
    let later = world.submit(Command::WaitReady);
    assert_eq!(world.wait_for_reply(later).1, Ok(Reply::Ready));
}

#[test]
fn with_the_gate_off_wait_ready_needs_a_frame() {
    let mut world = silent_gateway(Config { ready_gate: ReadyGate::Off, ..Config::default() });
    world.start();
    let ready = world.submit(Command::WaitReady);
    world.run(secs(10));
    assert_eq!(world.reply(ready), None);
    world.gateway_delivers(&[AUTHENTICATED]);
    assert_eq!(world.reply(ready), Some(&(world.now(), Ok(Reply::Ready))));
}
