//! Tests of a session that is not authenticated: when the machine dials anew, and what it requests
//! of the REST handler. All times are virtual and exact.

use std::time::Duration;

use ibws_proto::{
    Config, ConnectionLoss, ConnectionState, Event, GapCause, Instant, Key, ReadyGate, Reply, SubscriptionState,
    rest::{RestRequest, SessionNeed},
};
use ibws_testkit::GatewayConfig;
use ibws_testkit::world::{QUOTES, World, ms, secs, settled_with, silent_gateway, sub, without_handler};

const GREETING: &str = r#"{"topic":"system","success":"simulated"}"#;
const WAITING: &str = r#"{"message":"waiting for session"}"#;
const AUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":true}}"#;
const UNAUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":false}}"#;
const QUOTE: &str = r#"{"topic":"smd+265598","conid":265598,"31":"1"}"#;
const PNL: &str = r#"{"topic":"spl","args":{"DU1234567.Core":{"dpl":1.0}}}"#;
/// Time that a frame takes.
const LATENCY: Duration = Duration::from_millis(10);
const NOT_AUTHENTICATED: GapCause = GapCause::Connection(ConnectionLoss::NotAuthenticated);

/// Runs while the gateway greets each new connection, reports an unauthenticated session, and sends
/// `frame` each second.
fn run_unauthenticated(world: &mut World, span: Duration, frame: &str) {
    let end = world.now() + span;
    while world.now() < end {
        if world.conn().is_some() && !world.machine().status().greeted {
            world.gateway_sends(GREETING);
            world.gateway_sends(UNAUTHENTICATED);
        }
        world.gateway_sends(frame);
        world.run(secs(1));
    }
}

/// Every end of a connection, with its cause.
fn losses(world: &World) -> Vec<(Instant, GapCause)> {
    let cause = |event: &Event| match event {
        Event::State(change) if change.state == ConnectionState::Backoff => change.cause.clone(),
        _ => None,
    };
    world.events().filter_map(|(at, event)| Some((at, cause(event)?))).collect()
}

/// The pauses before each dial.
fn pauses(world: &World) -> Vec<Duration> {
    let pause = |event: &Event| if let Event::State(change) = event { change.delay } else { None };
    world.events().filter_map(|(_, event)| pause(event)).collect()
}

/// How long the session of each connection was not authenticated before the machine gave the
/// connection up for that.
fn unauthenticated_for(world: &World) -> Vec<Duration> {
    let mut since = None;
    let mut spans = Vec::new();
    for (at, event) in world.events() {
        match event {
            Event::Message(message) if message.key == Some(Key::AuthenticationStatus) => {
                let text = message.frame.text();
                since = if text.contains(r#""authenticated":false"#) { since.or(Some(at)) } else { None };
            }
            Event::State(change) if change.state == ConnectionState::Backoff => {
                let began = since.take();
                if change.cause == Some(NOT_AUTHENTICATED) {
                    spans.extend(began.map(|began| at.since(began)));
                }
            }
            _ => {}
        }
    }
    spans
}

/// Checks that each span is the whole number of seconds or up to 10 % less.
fn check_jittered(spans: &[Duration], whole: &[u64]) {
    assert_eq!(spans.len(), whole.len(), "{spans:?}");
    for (span, whole) in spans.iter().zip(whole) {
        assert!(*span <= secs(*whole) && *span >= secs(*whole) * 9 / 10, "{spans:?}: {whole} s");
    }
}

fn session_requests(world: &World) -> Vec<Instant> {
    let is = |request: &RestRequest| *request == RestRequest::Session(SessionNeed::Unauthenticated);
    world.rest_requests().filter(|(_, request)| is(request)).map(|(at, _)| at).collect()
}

#[test]
fn an_unauthenticated_session_is_redialled_after_30_60_120_and_300_s() {
    for rest in [None, Some((ms(50), false))] {
        let mut world = settled_with(Config { rest_handler: rest.is_some(), ..Config::default() }, &[QUOTES]);
        world.link.rest = rest;
        world.gateway.set_authenticated(false);
        world.run(secs(820));
        check_jittered(&unauthenticated_for(&world), &[30, 60, 120, 300, 300]);
        assert!(losses(&world).iter().all(|(_, cause)| *cause == NOT_AUTHENTICATED));
        let gaps: Vec<_> = world.gaps().iter().map(|gap| gap.cause.clone()).collect();
        assert_eq!(gaps, [GapCause::Unauthenticated], "one outage is one gap");
        assert_eq!(world.resumptions().len(), 0);
        world.gateway.set_authenticated(true);
        world.run(secs(2));
        assert_eq!(world.connection_state(), ConnectionState::Ready);
        assert_eq!(world.resumptions()[0].attempts, 5);
    }
}

#[test]
fn the_schedule_restarts_after_30_s_of_ready() {
    for (ready, next) in [(29, 120), (31, 30)] {
        let mut world = settled_with(without_handler(), &[QUOTES]);
        world.gateway.set_authenticated(false);
        world.run(secs(110));
        world.gateway.set_authenticated(true);
        world.run(secs(ready));
        assert_eq!(world.connection_state(), ConnectionState::Ready);
        world.gateway.set_authenticated(false);
        world.run(secs(130));
        check_jittered(&unauthenticated_for(&world)[..3], &[30, 60, next]);
    }
}

#[test]
fn the_need_exists_only_while_a_gated_subscription_is_requested() {
    let mut world = silent_gateway(Config::default());
    world.link.rest = Some((ms(50), false));
    world.start();
    world.subscribe("pl");
    run_unauthenticated(&mut world, secs(1_800), PNL);
    assert_eq!((world.dials().len(), session_requests(&world)), (1, vec![]));
    assert_eq!((world.machine().rest_needs(), world.connection_state()), (vec![], ConnectionState::Open));

    let needed_at = world.now();
    world.subscribe(QUOTES);
    assert_eq!(world.machine().rest_needs(), [RestRequest::Session(SessionNeed::Unauthenticated)]);
    run_unauthenticated(&mut world, secs(20), PNL);
    assert_eq!(session_requests(&world)[0], needed_at);
    world.unsubscribe("md+265598", false);
    assert_eq!(world.machine().rest_needs(), []);
    let requested = session_requests(&world).len();
    run_unauthenticated(&mut world, secs(1_800), PNL);
    assert_eq!((world.dials().len(), session_requests(&world).len()), (1, requested));

    let needed_at = world.now();
    world.subscribe("or");
    run_unauthenticated(&mut world, secs(61), PNL);
    let (lost_at, cause) = losses(&world)[0].clone();
    assert_eq!(cause, NOT_AUTHENTICATED);
    check_jittered(&[lost_at.since(needed_at)], &[60]);
}

#[test]
fn after_the_handlers_success_the_old_socket_has_5_s_and_only_the_first_time() {
    let mut world = settled_with(Config::default(), &[QUOTES]);
    let lost_at = world.now() + LATENCY;
    world.gateway.set_authenticated(false);
    world.run(secs(3_600));
    let spans = unauthenticated_for(&world);
    assert_eq!(losses(&world)[0], (lost_at + ms(50) + secs(5), NOT_AUTHENTICATED));
    check_jittered(&spans[1..4], &[60, 120, 300]);
    check_jittered(&spans[4..], &vec![300; spans.len() - 4]);
    assert!(world.dials().len() <= 17, "a handler that is wrong for ever causes no loop: {}", world.dials().len());
    let requests = session_requests(&world);
    let closest = requests.windows(2).skip(1).map(|pair| pair[1].since(pair[0])).min().unwrap();
    assert!(closest >= secs(20), "{closest:?}");
}

#[test]
fn an_sts_within_the_5_s_keeps_the_socket() {
    let mut world = settled_with(Config::default(), &[QUOTES]);
    world.gateway.set_authenticated(false);
    world.run(secs(4));
    world.gateway.set_authenticated(true);
    world.run(secs(120));
    assert_eq!((world.dials().len(), world.connection_state()), (1, ConnectionState::Ready));
    assert_eq!(world.machine().rest_needs(), []);
}

#[test]
fn gated_data_within_the_5_s_keeps_the_schedule_of_the_dial() {
    let mut world = settled_with(Config::default(), &[QUOTES]);
    world.gateway.set_authenticated(false);
    world.run(secs(4));
    world.gateway_delivers(&[QUOTE]);
    assert_eq!(world.resumptions().len(), 1, "data is evidence for its stream");
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Degraded, "it is still to be sent again");
    world.run(secs(60));
    check_jittered(&unauthenticated_for(&world)[..1], &[30]);
}

#[test]
fn while_ungated_streams_flow_it_is_redialled_after_1_5_10_and_15_min() {
    let mut world = silent_gateway(without_handler());
    world.start();
    world.subscribe("pl");
    world.subscribe(QUOTES);
    world.run(secs(1));
    world.gateway_delivers(&[GREETING, AUTHENTICATED, QUOTE, PNL, UNAUTHENTICATED]);
    run_unauthenticated(&mut world, secs(60 + 300 + 600 + 900 + 900 + 20), PNL);
    check_jittered(&unauthenticated_for(&world), &[60, 300, 600, 900, 900]);
    let causes = |key: &str| {
        let key = sub(key);
        let gaps = world.gaps().into_iter().filter(|gap| gap.key == key);
        gaps.map(|gap| gap.cause.clone()).collect::<Vec<_>>()
    };
    assert_eq!(causes("pl"), vec![NOT_AUTHENTICATED; 5], "their gap has a cause of its own");
    assert_eq!(causes("md+265598"), [GapCause::Unauthenticated]);
    let resumed = world.resumptions().into_iter().filter(|end| end.key == sub("pl")).count();
    assert_eq!((resumed, world.subscription_state("pl")), (5, SubscriptionState::Active));
    assert!(losses(&world).iter().all(|(_, cause)| *cause == NOT_AUTHENTICATED));
}

#[test]
fn dials_for_authentication_count_for_no_limit_of_attempts() {
    let config = Config { max_reconnect_attempts: Some(1), max_connection_attempts: Some(1), ..without_handler() };
    let mut gateway = GatewayConfig::default();
    gateway.authenticated = false;
    let mut world = World::new(config, gateway);
    world.settle(&[QUOTES]);
    world.run(secs(3_600));
    assert!(world.dials().len() > 10, "{}", world.dials().len());
    assert_eq!(world.connection_state(), ConnectionState::Open);
    let again = world.start();
    assert_eq!(world.wait_for_reply(again).1, Ok(Reply::Started), "an unauthenticated session is a state");
}

#[test]
fn the_backoff_restarts_30_s_after_the_greeting_without_authentication() {
    let longest = |up: Duration| {
        let mut gateway = GatewayConfig::default();
        gateway.authenticated = false;
        let mut world = World::new(Config::default(), gateway);
        world.start();
        for _ in 0..40 {
            while !world.machine().status().greeted {
                world.run(ms(10));
            }
            world.run(up);
            world.cut();
            world.run(ms(20));
        }
        pauses(&world).into_iter().max().unwrap()
    };
    assert!(longest(secs(29)) > secs(4));
    assert!(longest(secs(31)) <= secs(1));
}

#[test]
fn a_gateway_that_waits_for_a_session_is_served_before_an_unauthenticated_one() {
    let mut world = silent_gateway(Config { ready_gate: ReadyGate::Off, ..Config::default() });
    world.link.rest = Some((ms(50), false));
    world.start();
    world.subscribe(QUOTES);
    world.run(secs(1));
    let needs = |world: &World| world.machine().rest_needs();
    world.gateway_delivers(&[UNAUTHENTICATED]);
    assert_eq!(needs(&world), [RestRequest::Session(SessionNeed::Unauthenticated)]);
    world.gateway_delivers(&[WAITING]);
    assert_eq!(needs(&world), [RestRequest::Session(SessionNeed::Missing)]);
    world.gateway_delivers(&[GREETING]);
    assert_eq!(needs(&world), [RestRequest::Session(SessionNeed::Unauthenticated)]);
    world.gateway_delivers(&[AUTHENTICATED]);
    assert_eq!(needs(&world), []);
}
