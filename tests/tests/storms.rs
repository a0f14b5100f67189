//! Storms: the machine and the simulated gateway under random faults from a seed, then calm. When the faults stop, every
//! request is answered and every wanted subscription flows within the backoff cap plus 30 s.
//!
//! `IBWS_STORMS` sets the number of seeds; the default is 60, in release builds 400. A failure names its seed.

use std::time::Duration;

use ibws_proto::{Command, Config, ConnectErrorKind, Input, Phase, SessionNews, SubStatus};
use ibws_testkit::world::{Dial, World, sub};
use ibws_testkit::{GatewayConfig, Lift, OpeningOrder, Prng, Success};

const CHANNELS: [&str; 8] = [
    r#"md+265598+{"fields":["31","84"]}"#,
    r#"md+8314+{"fields":["31"]}"#,
    "mh+265598+{}",
    "bd+DU1234567+265598",
    "or",
    "pl",
    "sd+DU1234567+{}",
    "ld+DU1234567+{}",
];

fn fault(world: &mut World, chance: &mut Prng) {
    match chance.below(16) {
        0 => world.cut(),
        1 => world.close(*chance.pick(&[1000, 1001, 1006, 1011])),
        2 => world.freeze(),
        3 => world.thaw(),
        4 => world.link.dials_to = Dial::refused(),
        5 => world.link.dials_to = Dial::Opens,
        6 => world.link.dials.push_back(Dial::Hangs),
        7 => world.link.dials.push_back(Dial::Fails(ConnectErrorKind::Status(503), Some(chance.millis(0, 20_000)))),
        8 => world.gateway.set_authenticated(false),
        9 => world.gateway.set_authenticated(true),
        10 => world.gateway.set_confirmations(chance.chance(1, 2)),
        11 => {
            let topic: &&str = chance.pick(&["smd", "sor", "ssd"]);
            world.gateway.refuse(topic, "unable to subscribe", Some(3), Lift::Never);
        }
        12 => {
            let session = chance.hex(32);
            world.gateway.relogin(session);
            // On a connection that has been ready for a while `tic` shows it; before its first answer only the host can.
            let (since, phase) = world.phases().last().copied().unwrap_or((world.now(), Phase::Idle));
            let shows = phase == Phase::Ready && world.now() > since + Duration::from_secs(6);
            if let Some(conn) = world.conn().filter(|_| !shows) {
                world.input(Input::Session(conn, SessionNews::Changed));
            }
        }
        13 => world.link.latency = chance.millis(0, 2_000),
        14 => world.link.answers_pings = chance.chance(1, 2),
        _ => {
            let channel = *chance.pick(&CHANNELS);
            world.subscribe(channel);
        }
    }
    match chance.below(24) {
        0 => drop(world.submit(Command::HardReset { restart: chance.chance(1, 2) })),
        1 => drop(world.submit(Command::Recreate)),
        2 => {
            let key = *chance.pick(&["md+265598", "or", "sd+DU1234567", "mh+265598"]);
            world.unsubscribe(key, chance.chance(1, 2));
        }
        3 => drop(world.submit(Command::Tic)),
        _ => {}
    }
}

fn storm(seed: u64) {
    let mut chance = Prng::part(seed, "storm", 0);
    let mut gateway = GatewayConfig::seeded(seed);
    if chance.chance(1, 3) {
        gateway.opening = OpeningOrder::StatusFirst;
    }
    if chance.chance(1, 4) {
        gateway.success = Success::After(chance.millis(0, 7_000));
    }
    // A login anew can be seen only by comparing with the session id in an earlier `tic`.
    let first_tic = Some(Duration::from_secs(1));
    let mut world = World::new(Config { seed, max_connection_attempts: None, first_tic, ..Config::default() }, gateway);
    world.note(&format!("seed {seed}"));
    world.start();
    for _ in 0..40 {
        world.run(chance.millis(0, 12_000));
        fault(&mut world, &mut chance);
    }
    // Calm.
    world.note("calm");
    world.thaw();
    world.link.dials.clear();
    world.link.dials_to = Dial::Opens;
    world.link.latency = Duration::from_millis(10);
    world.link.answers_pings = true;
    world.gateway.set_confirmations(true);
    world.gateway.set_authenticated(true);
    for topic in ["smd", "sor", "ssd"] {
        world.gateway.allow(topic);
    }
    for channel in CHANNELS {
        world.subscribe(channel);
    }
    // Between a status that came first and a late greeting the gateway tells no change; it says it once more.
    world.run(Duration::from_secs(12));
    world.gateway.set_authenticated(true);
    // A dial that hangs, or a pause that was asked for, may still be under way; both are bounded.
    world.run(Duration::from_secs(30 + 20 + 8 + 30 + 30));
    let status = world.machine().status();
    assert_eq!((status.phase, status.requests), (Phase::Ready, 0), "seed {seed}\n{}", world.timeline());
    for key in ["md+265598", "md+8314", "mh+265598", "bd+DU1234567+265598", "or", "pl", "sd+DU1234567", "ld+DU1234567"]
    {
        let flows = matches!(world.status(key), SubStatus::Active | SubStatus::Quiet | SubStatus::Expiring);
        assert!(flows, "seed {seed}: {key} is {:?}\n{}", world.status(key), world.timeline());
        assert!(world.machine().subscription(&sub(key)).is_some());
    }
    let open = world.machine().subscriptions().into_iter().find(|info| info.gap_since.is_some());
    assert!(open.is_none(), "seed {seed}: a gap without an end: {open:?}\n{}", world.timeline());
}

#[test]
fn when_the_faults_stop_everything_flows_again() {
    let default = if cfg!(debug_assertions) { 60 } else { 400 };
    let seeds = std::env::var("IBWS_STORMS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default);
    for seed in 0..seeds {
        storm(seed);
    }
}
