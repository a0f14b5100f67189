//! Tests of dialling: attempts, the delays between them, and refusals of the gateway. All times are
//! virtual and exact. The brackets above a test name the public issues that it covers.

use std::time::Duration;

use ibws_proto::{
    Action, CommandError, Config, ConnectErrorKind, ConnectionLoss, ConnectionState, Event, Instant, Output, Reply,
    SubscriptionState,
};
use ibws_testkit::GatewayConfig;
use ibws_testkit::world::{Dial, QUOTES, World, ms, secs, world};

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
fn retry_delays_reset_only_30_s_after_the_greeting() {
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
    assert!(delays(secs(29)) > secs(4), "a connection that was greeted 29 s ago does not reset the delay");
    assert!(delays(secs(31)) <= secs(1), "a connection that was greeted 31 s ago resets the delay");
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
fn http_401_fails_the_start_after_its_attempts_at_the_ordinary_delays() {
    let mut world = world();
    world.link.dials_to = Dial::Fails(ConnectErrorKind::AuthenticationRequired, None);
    let started = world.start();
    let (at, reply) = world.wait_for_reply(started);
    assert!(matches!(reply, Err(CommandError::AuthenticationRequired(_))), "{reply:?}");
    assert!(at < Instant::from_millis(60_000), "{at:?}");
    assert_eq!((world.dials().len(), world.connection_state()), (10, ConnectionState::Stopped));
    world.run(secs(3_600));
    assert_eq!(world.dials().len(), 10);
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
