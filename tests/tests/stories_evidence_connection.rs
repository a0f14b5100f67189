//! Tests of what a connection may be believed: its first frame, the gate, and the probe of silence.
//! All times are virtual and exact.

use std::time::Duration;

use ibws_proto::{
    Command, CommandError, Config, ConnectionLoss, ConnectionState, Event, GapCause, Input, Instant, Output, ReadyGate,
    Reply, SubscriptionState,
    rest::{RestRequest, SessionNeed},
    status::HealthReason,
};
use ibws_testkit::world::{Dial, QUOTES, World, at, ms, secs, silent_gateway};

const GREETING: &str = r#"{"topic":"system","success":"simulated"}"#;
const HEARTBEAT: &str = r#"{"topic":"system","hb":1}"#;
const WAITING: &str = r#"{"message":"waiting for session"}"#;
const AUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":true}}"#;
const UNAUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":false}}"#;
const SESSION: &str = "00112233445566778899aabbccddeeff";

/// Time from the dial to the open socket.
const DIAL: Duration = Duration::from_millis(100);
/// Time that a frame takes.
const LATENCY: Duration = Duration::from_millis(10);

fn with_gate(ready_gate: ReadyGate) -> Config {
    Config { ready_gate, ..Config::default() }
}

/// Sends frames on the present connection at the time `at`; they arrive one latency later.
fn send(world: &mut World, at: Instant, frames: &[&str]) {
    world.run_until(at);
    world.gateway_delivers(frames);
}

/// Every end of a connection that was opened: how long it was open, and why it ended.
fn lifetimes(world: &World) -> Vec<(Duration, GapCause)> {
    let mut opened = None;
    let mut ended = Vec::new();
    for (at, event) in world.events() {
        let Event::State(change) = event else { continue };
        match (change.state, opened) {
            (ConnectionState::Open, _) => opened = Some(at),
            (ConnectionState::Backoff | ConnectionState::Stopped, Some(since)) => {
                ended.extend(change.cause.clone().map(|cause| (at.since(since), cause)));
                opened = None;
            }
            _ => {}
        }
    }
    ended
}

/// The pauses before each dial.
fn pauses(world: &World) -> Vec<Duration> {
    let pause = |event: &Event| if let Event::State(change) = event { change.delay } else { None };
    world.events().filter_map(|(_, event)| pause(event)).collect()
}

fn was_ready(world: &World) -> bool {
    world.connection_states().iter().any(|(_, state)| *state == ConnectionState::Ready)
}

/// Returns `true` if `pause` is `whole` or up to 10 % less.
fn is_jittered(pause: Duration, whole: u64) -> bool {
    pause <= secs(whole) && pause >= secs(whole) * 9 / 10
}

const NO_FIRST_FRAME: GapCause = GapCause::Connection(ConnectionLoss::NoFirstFrame);

#[test]
fn silent_connections_end_after_20_30_45_and_60_s_and_a_frame_restarts_that() {
    let mut world = silent_gateway(Config::default());
    world.start();
    world.subscribe(QUOTES);
    while lifetimes(&world).len() < 6 {
        world.run(secs(1));
    }
    assert_eq!(lifetimes(&world), [20, 30, 45, 60, 60, 60].map(|open| (secs(open), NO_FIRST_FRAME)));
    assert_eq!(world.texts().count(), 0, "a socket that sent nothing is not written to");
    assert!(!was_ready(&world));
    while world.connection_state() != ConnectionState::Open {
        world.run(ms(100));
    }
    world.run(secs(59));
    world.gateway_sends("{");
    world.run(LATENCY);
    world.reset();
    while lifetimes(&world).len() < 9 {
        world.run(secs(1));
    }
    assert_eq!(lifetimes(&world)[7..], [20, 30].map(|open| (secs(open), NO_FIRST_FRAME)));
}

#[test]
fn a_silent_connection_counts_as_an_attempt_of_start() {
    let mut world = silent_gateway(Config::default());
    let started = world.start();
    let (at, reply) = world.wait_for_reply(started);
    let Err(CommandError::GaveUp { attempts: 10, last }) = &reply else { panic!("{reply:?}") };
    assert_eq!(
        last.detail.as_ref(),
        "the gateway accepted the connection but sent nothing; check that it is logged in"
    );
    let open = secs(20 + 30 + 45 + 7 * 60) + DIAL * 10;
    let waited: Duration = pauses(&world).iter().sum();
    assert_eq!(at, Instant::ORIGIN + open + waited);
    assert_eq!((world.dials().len(), world.connection_state()), (10, ConnectionState::Stopped));
}

#[test]
fn a_silent_connection_never_resets_the_backoff() {
    let mut refused = silent_gateway(Config::default());
    refused.link.dials_to = Dial::refused();
    let started = refused.start();
    let _ = refused.wait_for_reply(started);
    let mut silent = silent_gateway(Config::default());
    let started = silent.start();
    let _ = silent.wait_for_reply(started);
    assert_eq!(pauses(&silent).len(), 9);
    assert_eq!(pauses(&silent), pauses(&refused), "the same seed draws the same pauses under the same bounds");
}

#[test]
fn pings_and_pongs_are_no_first_frame() {
    for gate in [ReadyGate::Off, ReadyGate::Wait(secs(5)), ReadyGate::Strict] {
        let mut world = silent_gateway(Config { ping_interval: Some(secs(2)), ..with_gate(gate) });
        let started = world.start();
        world.subscribe(QUOTES);
        for _ in 0..19 {
            world.run(secs(1));
            world.input(Input::Pinged(world.conn().unwrap()));
        }
        assert!(world.recent_inputs().any(|input| matches!(input, Input::Pong(_))), "the peer replies to pings");
        assert_eq!(world.machine().health(world.now()).reason, HealthReason::NothingReceived);
        world.run(secs(2));
        assert_eq!(lifetimes(&world), [(secs(20), NO_FIRST_FRAME)], "{gate:?}");
        assert_eq!(world.reply(started), None);
        assert!(!was_ready(&world));
    }
}

#[test]
fn any_frame_is_a_first_frame() {
    for frame in ["{", "", "ech+hb", WAITING, HEARTBEAT, r#"{"error":"Topic unknown 'x'","code":1}"#] {
        let mut world = silent_gateway(Config::default());
        world.start();
        send(&mut world, at(20_000), &[frame]);
        world.run(secs(5));
        assert_eq!(lifetimes(&world), [], "{frame:?}");
    }
}

#[test]
fn with_the_gate_off_texts_go_out_at_once_and_ready_needs_a_frame() {
    let mut world = silent_gateway(with_gate(ReadyGate::Off));
    let started = world.start();
    let ready = world.submit(Command::WaitReady);
    world.subscribe(QUOTES);
    world.subscribe("pl");
    world.run(secs(10));
    assert_eq!((world.written("smd")[0], world.written("spl")[0]), (at(100), at(100)));
    assert_eq!(world.connection_state(), ConnectionState::Open);
    assert_eq!((world.reply(started), world.reply(ready)), (None, None));
    send(&mut world, at(12_000), &[HEARTBEAT]);
    assert_eq!(world.reply(started), Some(&(at(12_010), Ok(Reply::Started))));
    assert_eq!(world.connection_state(), ConnectionState::Open, "the first `sts` has 1 s");
    world.run(secs(1));
    assert_eq!(world.connection_states().last(), Some(&(at(13_010), ConnectionState::Ready)));
}

#[test]
fn the_waiting_gate_opens_at_the_greeting_or_at_the_later_of_its_end_and_the_first_frame() {
    for (frame, first_at, opens_at) in [
        (GREETING, 2_000, 2_010),
        (GREETING, 8_000, 8_010),
        (HEARTBEAT, 2_000, 5_100),
        (HEARTBEAT, 8_000, 8_010),
        ("{", 2_000, 5_100),
        ("{", 19_000, 19_010),
    ] {
        let mut world = silent_gateway(Config::default());
        let started = world.start();
        world.subscribe("pl");
        send(&mut world, at(first_at), &[frame]);
        world.run(secs(6));
        assert_eq!(world.written("spl").first(), Some(&at(opens_at)), "{frame} at {first_at}");
        assert_eq!(world.reply(started), Some(&(at(opens_at), Ok(Reply::Started))));
    }
}

#[test]
fn the_strict_gate_opens_at_the_greeting_only() {
    let mut world = silent_gateway(with_gate(ReadyGate::Strict));
    let started = world.start();
    world.subscribe(QUOTES);
    send(&mut world, at(1_000), &[HEARTBEAT, AUTHENTICATED]);
    for beat in 2..6 {
        send(&mut world, at(beat * 10_000), &[HEARTBEAT]);
    }
    assert_eq!((world.texts().count(), world.reply(started)), (0, None));
    send(&mut world, at(55_000), &[GREETING]);
    assert_eq!(world.written("smd"), [at(55_010)]);
    assert_eq!(world.reply(started), Some(&(at(55_010), Ok(Reply::Started))));
    assert_eq!((world.connection_state(), world.dials().len()), (ConnectionState::Ready, 1));
}

#[test]
fn a_later_start_gets_no_reply_from_a_socket_that_sent_nothing() {
    let mut world = silent_gateway(Config::default());
    world.start();
    send(&mut world, at(1_000), &[GREETING, AUTHENTICATED]);
    world.reset();
    world.run(secs(3));
    assert_eq!(world.connection_state(), ConnectionState::Open);
    let again = world.start();
    world.run(secs(10));
    assert_eq!(world.reply(again), None);
    let greeted_at = world.now();
    send(&mut world, greeted_at, &[GREETING]);
    assert_eq!(world.reply(again), Some(&(greeted_at + LATENCY, Ok(Reply::Started))));
}

#[test]
fn a_greeting_14_s_after_waiting_for_session_opens_the_gate_of_the_same_socket() {
    let mut world = silent_gateway(Config::default());
    (world.link.session, world.link.authorised) = (Some(SESSION.into()), false);
    let started = world.start();
    world.subscribe(QUOTES);
    send(&mut world, at(200), &[WAITING]);
    world.run_until(at(14_200));
    assert_eq!((world.texts().count(), world.reply(started)), (0, None), "the gate waits for the session");
    assert_eq!(world.machine().health(world.now()).reason, HealthReason::WaitingForSession);
    send(&mut world, at(14_200), &[GREETING]);
    assert_eq!(world.reply(started), Some(&(at(14_210), Ok(Reply::Started))));
    assert_eq!(world.written("smd"), [], "the first `sts` has its second, however late the greeting was");
    send(&mut world, at(14_300), &[AUTHENTICATED]);
    assert_eq!(world.written("smd"), [at(14_310)]);
    world.run_until(at(38_000));
    assert_eq!((world.dials().len(), lifetimes(&world)), (1, vec![]));
}

#[test]
fn a_missing_session_is_requested_until_the_gateway_greets() {
    let mut world = silent_gateway(Config::default());
    (world.link.rest, world.link.authorised) = (Some((ms(50), false)), false);
    world.start();
    send(&mut world, at(1_000), &[WAITING]);
    for beat in [11, 21, 31] {
        send(&mut world, at(beat * 1_000), &[HEARTBEAT]);
    }
    let requests: Vec<_> = world.rest_requests().map(|(at, request)| (at, request.clone())).collect();
    assert!(requests.iter().all(|(_, request)| *request == RestRequest::Session(SessionNeed::Missing)));
    let pauses: Vec<_> = requests.windows(2).map(|pair| pair[1].0.since(pair[0].0) - ms(50)).collect();
    assert_eq!(requests[0].0, at(1_010));
    for (pause, whole) in pauses.iter().zip([5_000, 10_000]) {
        assert!(*pause >= ms(whole * 9 / 10) && *pause <= ms(whole * 11 / 10), "{pauses:?}");
    }
    assert_eq!(requests.len(), 3);
    send(&mut world, at(32_000), &[GREETING, AUTHENTICATED]);
    assert_eq!(world.machine().rest_needs(), [], "a gateway that greeted waits for no session");
    for beat in 4..10 {
        send(&mut world, at(beat * 10_000), &[HEARTBEAT]);
    }
    assert_eq!((world.rest_requests().count(), world.dials().len()), (3, 1));
}

/// Runs while the gateway sends `frame` on each connection every 10 s, and returns how long each
/// connection lasted after its first frame.
fn not_greeted(world: &mut World, frame: &str, losses: usize) -> Vec<Duration> {
    while lifetimes(world).len() < losses {
        if world.conn().is_some() {
            world.gateway_sends(frame);
        }
        world.run(secs(10));
    }
    let mut first = None;
    let mut lasted = Vec::new();
    for (at, output) in world.outputs_at() {
        match output {
            Output::Event(Event::Message(message)) if first.is_none_or(|(conn, _)| conn != message.conn) => {
                first = Some((message.conn, at));
            }
            Output::Event(Event::State(change))
                if change.cause == Some(GapCause::Connection(ConnectionLoss::NotGreeted)) =>
            {
                lasted.extend(first.map(|(_, since)| at.since(since)));
            }
            _ => {}
        }
    }
    lasted
}

#[test]
fn a_connection_that_is_not_greeted_is_redialled_at_growing_intervals() {
    let mut strict = silent_gateway(with_gate(ReadyGate::Strict));
    let mut waiting = silent_gateway(Config::default());
    let mut off = silent_gateway(with_gate(ReadyGate::Off));
    for (world, frame) in [(&mut strict, HEARTBEAT), (&mut waiting, WAITING), (&mut off, WAITING)] {
        world.start();
        let lasted = not_greeted(world, frame, 5);
        assert_eq!(lasted[..2], [secs(60); 2], "{lasted:?}");
        for (open, whole) in lasted[2..].iter().zip([120, 300, 300]) {
            assert!(is_jittered(*open, whole), "{lasted:?}");
        }
    }
    assert!(!was_ready(&strict) && !was_ready(&waiting));
    assert_eq!(strict.texts().count() + waiting.texts().count(), 0);
}

#[test]
fn a_start_on_connections_that_are_not_greeted_fails_after_its_attempts() {
    let mut world = silent_gateway(with_gate(ReadyGate::Strict));
    let started = world.start();
    not_greeted(&mut world, HEARTBEAT, 10);
    let Some((_, Err(CommandError::GaveUp { attempts: 10, last }))) = world.reply(started) else {
        panic!("{:?}", world.reply(started))
    };
    assert_eq!(last.detail.as_ref(), "the gateway sent no greeting; dialling anew");
    assert_eq!(world.connection_state(), ConnectionState::Stopped);
}

/// Returns a world with an idle connection in the state `state`: 1 s after the start, nothing has
/// been received since `at`.
fn idle(state: ConnectionState) -> (World, Instant) {
    let mut world = silent_gateway(Config { tic_interval: None, ping_interval: Some(secs(3)), ..Config::default() });
    world.start();
    let frames: &[&str] = match state {
        ConnectionState::Ready => &[GREETING, AUTHENTICATED],
        ConnectionState::Open => &[GREETING, UNAUTHENTICATED],
        _ => &[GREETING, AUTHENTICATED, UNAUTHENTICATED],
    };
    send(&mut world, at(990), frames);
    assert_eq!(world.connection_state(), state);
    (world, at(1_000))
}

const SILENT: GapCause = GapCause::Connection(ConnectionLoss::Silent);

#[test]
fn silence_is_probed_by_tic_in_every_state_and_ends_the_connection_20_s_later() {
    for state in [ConnectionState::Open, ConnectionState::Ready, ConnectionState::Degraded] {
        let (mut world, last) = idle(state);
        world.run_until(last + secs(60));
        assert_eq!(world.written("tic"), [last + secs(25)], "{state:?}: pongs are no life");
        assert_eq!(lifetimes(&world), [((last + secs(45)).since(Instant::ORIGIN + DIAL), SILENT)]);
    }
}

#[test]
fn any_frame_is_a_reply_to_the_probe() {
    for frame in [r#"{"error":"Topic unknown 'tic'","code":1}"#, r#"{"topic":"tic","alive":true}"#, "{", WAITING] {
        let (mut world, last) = idle(ConnectionState::Ready);
        send(&mut world, last + secs(44), &[frame]);
        let replied = last + secs(44) + LATENCY;
        world.run_until(replied + secs(50));
        assert_eq!(world.written("tic"), [last + secs(25), replied + secs(25)], "{frame}");
        assert_eq!(lifetimes(&world), [((replied + secs(45)).since(Instant::ORIGIN + DIAL), SILENT)]);
    }
}

#[test]
fn without_permission_to_write_there_is_no_probe_and_the_connection_ends_at_the_same_time() {
    let mut world = silent_gateway(with_gate(ReadyGate::Strict));
    world.start();
    send(&mut world, at(990), &[AUTHENTICATED]);
    world.run(secs(60));
    assert_eq!(world.texts().count(), 0);
    assert_eq!(lifetimes(&world)[0], ((at(1_000) + secs(45)).since(Instant::ORIGIN + DIAL), SILENT));
}

#[test]
fn with_heartbeats_the_connection_ends_25_s_after_the_last_frame_without_a_probe() {
    let mut world = silent_gateway(Config { tic_interval: None, ..Config::default() });
    world.start();
    send(&mut world, at(990), &[GREETING, AUTHENTICATED, HEARTBEAT]);
    send(&mut world, at(20_000), &["{"]);
    world.run(secs(60));
    assert_eq!(world.texts().count(), 0);
    assert_eq!(lifetimes(&world)[0], ((at(20_010) + secs(25)).since(Instant::ORIGIN + DIAL), SILENT));
}

#[test]
fn a_connection_without_a_frame_holds_no_active_stream() {
    let mut world = silent_gateway(with_gate(ReadyGate::Off));
    world.start();
    world.subscribe("or");
    world.subscribe(QUOTES);
    world.run(secs(19));
    assert_ne!(world.subscription_state("md+265598"), SubscriptionState::Active);
    assert_eq!((world.gaps().len(), world.resumptions().len()), (0, 0));
}

#[test]
fn a_connection_that_is_drained_is_not_probed() {
    let config = Config { tic_interval: None, drain_timeout: secs(60), silence_limit: secs(5), ..Config::default() };
    let mut world = silent_gateway(config);
    world.start();
    world.subscribe("sd+DU1234567+{}");
    send(&mut world, at(990), &[GREETING, AUTHENTICATED]);
    send(&mut world, at(1_990), &[r#"{"topic":"ssd+DU1234567","result":[]}"#]);
    let stopped = world.submit(Command::Shutdown { drain: true });
    world.run(secs(30));
    let texts: Vec<_> = world.texts().map(|(.., text)| text).collect();
    assert_eq!(texts[0], "ssd+DU1234567+{}");
    assert!(texts[1..].iter().all(|text| text.starts_with("usd")), "{texts:?}");
    assert!(matches!(world.wait_for_reply(stopped).1, Ok(Reply::Stopped)));
}
