//! Tests of long runs and of many clients: a month of nightly resets, a day of late heartbeats, a
//! thousand clients that reconnect at once. All times are virtual.

use std::time::Duration;

use ibws_proto::{
    Action, CloseCause, Command, Config, ConnId, ConnectionLoss, ConnectionState, Event, GapCause, Input, Instant,
    Machine, Output, SubscriptionState,
};
use ibws_testkit::frames::{AUTHENTICATED, SUCCESS};
use ibws_testkit::world::{Dial, QUOTES, World, ms, secs};
use ibws_testkit::{GatewayConfig, Prng};

const CHANNELS: [&str; 9] = [
    QUOTES,
    r#"md+8314+{"fields":["31"]}"#,
    "mh+265598+{}",
    "bd+DU1234567+265598",
    "or",
    "pl",
    "tr",
    "sd+DU1234567+{}",
    "ld+DU1234567+{}",
];

/// Returns `true` if every subscription is active, quiet or renewing and none has a gap.
fn all_active(world: &World) -> bool {
    let fine =
        |state| matches!(state, SubscriptionState::Active | SubscriptionState::Quiet | SubscriptionState::Expiring);
    let infos = world.machine().subscriptions();
    infos.len() == CHANNELS.len() && infos.iter().all(|info| fine(info.state) && info.gap_since.is_none())
}

/// Returns the causes of lost connections, without those of failed dials.
fn losses(world: &World) -> Vec<GapCause> {
    let loss = |event: &Event| match event {
        Event::State(change) => {
            change.cause.clone().filter(|cause| !matches!(cause, GapCause::Connection(ConnectionLoss::Connect(_))))
        }
        _ => None,
    };
    world.events().filter_map(|(_, event)| loss(event)).collect()
}

/// Ends the session and the connection, and refuses dials for one to two minutes. Then a new
/// session is available.
fn nightly_reset(world: &mut World, chance: &mut Prng) {
    world.gateway.set_authenticated(false);
    world.gateway.relogin(chance.hex(32));
    world.link.dials_to = Dial::refused();
    world.cut();
    world.run(chance.millis(60_000, 120_000));
    world.link.dials_to = Dial::Opens;
    world.gateway.set_authenticated(true);
    world.run(secs(60));
}

#[test]
#[expect(clippy::print_stdout, reason = "prints the figures, with --nocapture")]
fn thirty_days_with_a_reset_each_night_lose_no_subscription_and_grow_no_table() {
    let days = if cfg!(debug_assertions) { 2 } else { 30 };
    let mut chance = Prng::new(30);
    let mut gateway = GatewayConfig::seeded(30);
    // Slow market data keeps the run short. The content of the streams does not matter here.
    gateway.pace = 60;
    let mut world = World::new(Config { seed: 30, ..Config::default() }, gateway);
    // Heartbeats and all other frames arrive up to 0.9 s late.
    world.link.jitter = ms(900);
    world.link.clock_late = ms(20);
    world.settle(&CHANNELS);
    world.run(secs(60));
    assert!(all_active(&world), "{}", world.timeline());
    let mut entries = Vec::new();
    let (mut gaps, mut renewals, mut frames) = (0, 0, 0);
    for day in 0..days {
        world.forget();
        for _hour in 0..24 {
            world.run(secs(3_600));
            assert!(all_active(&world), "day {day}: {:?}", world.machine().subscriptions());
        }
        assert_eq!((losses(&world), world.gaps().len()), (vec![], 0), "day {day}: a reset without a cause");
        renewals += world.written("smd+265598").len();
        frames += world.messages().count();
        entries.push(world.machine().entries());
        world.forget();
        nightly_reset(&mut world, &mut chance);
        assert!(all_active(&world), "after the reset of day {day}\n{}", world.timeline());
        // The loss of the authentication or of the connection may arrive first. Both are one
        // outage, and so one gap a stream.
        assert_eq!(world.gaps().len(), CHANNELS.len(), "one outage is one gap a stream");
        assert_eq!(world.resumptions().len(), CHANNELS.len());
        gaps += world.gaps().len();
    }
    println!(
        "{days} days: {frames} frames, {renewals} renewals of one quote, {gaps} gaps, entries each day {entries:?}"
    );
    // A renewal follows every 8.55 to 9 minutes.
    assert!((days * 155..=days * 169).contains(&renewals), "{renewals}");
    // The number of requests in progress at the end of a day differs by a few entries. The number
    // of kept entries does not grow.
    let (least, most) = (entries.iter().min().unwrap(), entries.iter().max().unwrap());
    assert!(most - least <= 8, "{entries:?}");
}

#[test]
fn heartbeats_up_to_19_9_s_apart_cause_no_loss_in_a_day() {
    for keep_alive in [false, true] {
        // Without tics and pings of the client, the gateway sends only heartbeats.
        let tic_interval = keep_alive.then(|| secs(30));
        let config = Config { tic_interval, ping_interval: tic_interval, ..Config::default() };
        let mut world = World::new(config, GatewayConfig::default());
        world.gateway.set_heartbeats(false);
        world.link.latency = Duration::ZERO;
        world.settle(&[]);
        let mut chance = Prng::new(199);
        while world.now() < Instant::ORIGIN + secs(24 * 3_600) {
            world.gateway_sends(r#"{"topic":"system","hb":1767623400000}"#);
            let pause = if chance.chance(1, 3) { ms(19_900) } else { chance.millis(100, 19_900) };
            world.run(pause);
        }
        assert_eq!(
            (losses(&world), world.connection_state(), world.dials().len()),
            (vec![], ConnectionState::Ready, 1)
        );
    }
}

#[test]
fn a_dead_link_is_detected_25_s_after_its_last_byte_at_any_time() {
    let seeds = if cfg!(debug_assertions) { 20 } else { 300 };
    for seed in 0..seeds {
        let mut chance = Prng::part(seed, "dead link", 0);
        let mut world = World::new(Config { seed, ..Config::default() }, GatewayConfig::seeded(seed));
        world.link.jitter = chance.millis(0, 2_000);
        world.settle(&CHANNELS);
        // Heartbeats have been received by then.
        world.run(secs(15) + chance.millis(0, 60_000));
        world.freeze();
        world.run(secs(3));
        let last = world.last_received_at().unwrap();
        world.run(secs(30));
        let detected = world
            .connection_states()
            .iter()
            .find(|(at, to)| *at > last && *to == ConnectionState::Backoff)
            .map(|(at, _)| *at);
        assert_eq!(detected, Some(last + secs(25)), "seed {seed}\n{}", world.timeline());
    }
}

/// Returns every output of a machine except the frames, with a gateway whose clock starts at
/// `epoch_ms`.
fn outputs_without_frames(epoch_ms: u64) -> Vec<String> {
    let mut gateway = GatewayConfig::seeded(35);
    gateway.epoch_ms = epoch_ms;
    let mut world = World::new(Config::default(), gateway);
    world.settle(&CHANNELS);
    world.run(secs(1_800));
    let is_frame = |output: &Output| matches!(output, Output::Event(Event::Message(_)));
    world.outputs_at().filter(|(_, output)| !is_frame(output)).map(|(at, output)| format!("{at} {output:?}")).collect()
}

#[test]
fn the_clock_of_the_gateway_changes_no_output() {
    const NOW: u64 = 1_767_623_400_000;
    // The clock of the server sets the offset of the heartbeats. Differences that are multiples of
    // the heartbeat period keep that offset.
    const HOUR: u64 = 3_600_000;
    const TEN_YEARS: u64 = 87_660 * HOUR;
    let right = outputs_without_frames(NOW);
    assert!(right.len() > 50);
    for wrong in [NOW - HOUR, NOW + HOUR, NOW - TEN_YEARS, NOW + TEN_YEARS, 0] {
        assert_eq!(outputs_without_frames(wrong), right, "{wrong}");
    }
}

#[test]
fn heartbeats_without_a_valid_time_count_as_heartbeats() {
    for time in ["\"NaN\"", "null", "-1", "1e400", "{}", "0", "99999999999999999999999"] {
        let mut world = World::new(Config { tic_interval: None, ..Config::default() }, GatewayConfig::default());
        world.gateway.set_heartbeats(false);
        world.settle(&[]);
        for _ in 0..360 {
            world.gateway_sends(format!(r#"{{"topic":"system","hb":{time}}}"#));
            world.run(secs(10));
        }
        assert_eq!((losses(&world), world.dials().len()), (vec![], 1), "{time}");
        // The frames counted as heartbeats, so silence alone means that the connection is dead, and
        // no ping precedes the reset.
        let pings = |output: &Output| matches!(output, Output::Action(Action::Ping { .. }));
        world.forget();
        world.freeze();
        world.run(secs(27));
        assert_eq!(losses(&world), [ConnectionLoss::Silent.into()], "{time}");
        assert!(world.outputs_at().filter(|(_, output)| pings(output)).count() <= 1);
    }
}

/// Returns the delay of the first dial of a ready machine whose connection is cut at `cut`.
fn first_dial(seed: u64, cut: Instant) -> Duration {
    let mut machine = Machine::new(Config { seed, ..Config::default() }, Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    for frame in [SUCCESS, AUTHENTICATED] {
        machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), frame.into()));
    }
    assert_eq!(machine.status().state, ConnectionState::Ready);
    machine.handle(cut, Input::Closed(ConnId(1), CloseCause::Eof));
    while machine.poll().is_some() {}
    let (at, _) = machine.next_wake().unwrap();
    machine.handle(at, Input::Tick);
    let mut outputs = std::iter::from_fn(|| machine.poll());
    assert!(outputs.any(|output| matches!(output, Output::Action(Action::Connect { .. }))));
    at.since(cut)
}

#[test]
#[expect(clippy::print_stdout, reason = "prints the figure, with --nocapture")]
fn a_thousand_clients_cut_off_together_do_not_dial_together() {
    let cut = Instant::ORIGIN + secs(20);
    let mut dials: Vec<_> = (0..1_000).map(|seed| first_dial(seed, cut)).collect();
    dials.sort();
    let within = |from: &Duration| dials.iter().filter(|at| (*from..*from + ms(100)).contains(*at)).count();
    let most = dials.iter().map(within).max().unwrap();
    println!("at most {most} of 1,000 dial within any 100 ms, all within {:?}", dials.last().unwrap());
    assert!(most <= 150, "{most} of 1,000 dial within 100 ms");
    assert!(*dials.last().unwrap() <= secs(1));
}
