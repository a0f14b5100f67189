//! Tests of long runs and of many clients: a month of nightly resets, a day of late heartbeats, a
//! thousand clients that reconnect at once. All times are virtual.

use std::collections::BTreeMap;
use std::time::Duration;

use ibws_proto::{
    Action, CloseCause, Command, Config, ConnId, ConnectionLoss, ConnectionState, Event, GapCause, Input, Instant,
    Machine, Output, SubscriptionState,
};
use ibws_testkit::frames::{AUTHENTICATED, SUCCESS};
use ibws_testkit::world::{Dial, QUOTES, World, ms, secs};
use ibws_testkit::{GatewayConfig, Prng, RestFault};

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

/// The channels that need the brokerage session, and those that do not.
const GATED: usize = 6;
const UNGATED: usize = 3;
/// What the gateway must hold on the one connection; a history is a single reply.
const HELD: [&str; 8] =
    ["sbd+DU1234567+265598", "sld+DU1234567", "smd+265598", "smd+8314", "sor", "spl", "ssd+DU1234567", "str"];

/// One trouble of a day: the gaps by cause, the dials, and the time until all flowed after its end.
struct Trouble {
    name: &'static str,
    gaps: BTreeMap<&'static str, usize>,
    dials: usize,
    recovery: Duration,
}

/// The short name of a cause, for the table.
fn cause_name(cause: &GapCause) -> &'static str {
    match cause {
        GapCause::Unauthenticated => "unauthenticated",
        GapCause::Connection(ConnectionLoss::Closed(_)) => "closed",
        GapCause::Connection(ConnectionLoss::Cut) => "cut",
        GapCause::Connection(ConnectionLoss::NotAuthenticated) => "dialled again",
        _ => "other",
    }
}

/// Returns `true` if every stream flows, by the client's account and by the gateway's.
fn flows(world: &World) -> bool {
    let conn = world.gateway.connections().last().unwrap_or_default();
    all_active(world) && world.gateway.subscriptions(conn).eq(HELD)
}

/// Makes trouble and ends it, waits until everything flows, and checks that each gap was reported
/// once and ended.
fn trouble(world: &mut World, name: &'static str, limit: Duration, act: impl FnOnce(&mut World)) -> Trouble {
    world.forget();
    act(world);
    let ended = world.now();
    while !flows(world) {
        assert!(world.now().since(ended) < limit, "{name}: {:?}", world.machine().subscriptions());
        world.run(secs(1));
    }
    let recovery = world.now().since(ended);
    world.run(secs(120));
    assert!(flows(world), "{name}: {:?}", world.machine().subscriptions());
    let gaps: Vec<_> = world.gaps().iter().map(|gap| (gap.key.clone(), gap.since)).collect();
    let mut ends: Vec<_> = world.resumptions().iter().map(|end| (end.key.clone(), end.since)).collect();
    for gap in &gaps {
        let at = ends.iter().position(|end| end == gap);
        ends.remove(at.unwrap_or_else(|| panic!("{name}: the gap {gap:?} was reported twice or did not end")));
    }
    assert!(ends.is_empty(), "{name}: {ends:?}");
    let mut by_cause = BTreeMap::new();
    for gap in world.gaps() {
        *by_cause.entry(cause_name(&gap.cause)).or_default() += 1;
    }
    Trouble { name, gaps: by_cause, dials: world.dials().len(), recovery }
}

/// The backend goes away behind a standing gateway.
fn absent_backend(world: &mut World, span: Duration) {
    world.gateway.lose_backend();
    world.run(span);
    world.gateway.restore_backend();
}

/// Another login takes the brokerage session for an hour.
fn competing_login(world: &mut World) {
    world.gateway.set_competing(true);
    world.gateway.set_authenticated(false);
    world.run(secs(3_600));
    world.gateway.set_competing(false);
}

/// Every REST call fails for 20 min, in the middle of which the connection is cut.
fn maintenance(world: &mut World) {
    world.gateway.set_rest_fault(Some(RestFault::Unavailable));
    world.run(secs(600));
    world.cut();
    world.run(secs(600));
    world.gateway.set_rest_fault(None);
}

/// The troubles of one day, with undisturbed hours between them.
fn troubled_day(world: &mut World, chance: &mut Prng) -> Vec<Trouble> {
    let (away, reset) = (chance.millis(60_000, 900_000), chance.millis(120_000, 600_000));
    let mut day = Vec::new();
    // The longest pause while the backend is away is the limit of a silent connection, 60 s.
    day.push(trouble(world, "backend away", secs(120), |world| absent_backend(world, away)));
    world.run(secs(5 * 3_600));
    // Without a session the REST handler asks at least once in 60 s, and dials lie 15 min apart.
    day.push(trouble(world, "competing login", secs(960), competing_login));
    world.run(secs(6 * 3_600));
    day.push(trouble(world, "backend away", secs(120), |world| absent_backend(world, 2 * away)));
    world.run(secs(4 * 3_600));
    day.push(trouble(world, "maintenance", secs(120), maintenance));
    world.run(secs(4 * 3_600));
    day.push(trouble(world, "daily reset", secs(960), |world| {
        world.gateway.daily_reset(reset);
        world.run(reset);
    }));
    let midnight = world.now().as_nanos().div_ceil(DAY_NANOS) * DAY_NANOS;
    world.run_until(Instant::from_nanos(midnight));
    day
}

const DAY_NANOS: u64 = 86_400_000_000_000;

#[test]
#[expect(clippy::print_stdout, reason = "prints the table of days, with --nocapture")]
fn thirty_days_of_resets_maintenance_and_absent_backends_lose_no_stream() {
    let days = if cfg!(debug_assertions) { 2 } else { 30 };
    let mut chance = Prng::new(31);
    let mut gateway = GatewayConfig::seeded(31);
    gateway.pace = 60;
    let mut world = World::new(Config { seed: 31, ..Config::default() }, gateway.as_measured());
    world.link.jitter = ms(300);
    world.link.keeps_session = true;
    world.settle(&CHANNELS);
    world.run(secs(60));
    assert!(flows(&world), "{}", world.timeline());
    println!("day  gaps by cause, dials and recovery of each trouble");
    let mut entries = Vec::new();
    for day in 1..=days {
        let troubles = troubled_day(&mut world, &mut chance);
        let texts = troubles.iter().map(|trouble| {
            let Trouble { name, gaps, dials, recovery } = trouble;
            format!("{name}: {gaps:?}, {dials} dials, {} s", recovery.as_secs())
        });
        println!("{day:>3}  {}", texts.collect::<Vec<_>>().join(" | "));
        assert!(flows(&world), "day {day}: {:?}", world.machine().subscriptions());
        for Trouble { name, gaps, .. } in &troubles {
            let count = |cause: &str| gaps.get(cause).copied().unwrap_or_default();
            let all: usize = gaps.values().sum();
            let expected = match *name {
                "backend away" => count("closed") == CHANNELS.len() && all == CHANNELS.len(),
                "maintenance" => count("cut") == CHANNELS.len() && all == CHANNELS.len(),
                // The streams that need no session flow on, but for each connection that is dialled
                // anew for the others.
                _ => {
                    let dialled = count("dialled again");
                    count("unauthenticated") == GATED && dialled % UNGATED == 0 && all == GATED + dialled
                }
            };
            assert!(expected, "day {day}, {name}: {gaps:?}");
        }
        assert_eq!((world.gateway.pacing_violations(), world.gateway.is_in_penalty_box()), (0, false), "day {day}");
        entries.push(world.machine().entries());
    }
    println!("entries at the end of each day: {entries:?}");
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
