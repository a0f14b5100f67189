//! A week of virtual days with two session keepers that share a pacer: every night the daily reset
//! with a person who logs in again in the morning, then maintenance, a competing login and a
//! restart of the gateway. With `--nocapture` it prints a table of days.

use std::collections::BTreeMap;
use std::time::Duration;

use ibws_proto::Instant;
use ibws_proto::keeper::{Call, KeeperConfig, KeeperState};
use ibws_testkit::keeper::KeeperWorld;
use ibws_testkit::world::{at, ms, secs};
use ibws_testkit::{GatewayConfig, Prng, RestFault};

const DAY: Duration = Duration::from_secs(86_400);
/// How long a keeper may take beyond the pause that is in force when a trouble ends.
const ALLOWANCE: Duration = Duration::from_secs(60);

/// One trouble: its name, how long it lasted, and how long both keepers took to be back.
struct Trouble {
    name: &'static str,
    lasted: Duration,
    recovery: Duration,
}

fn is_back(world: &KeeperWorld) -> bool {
    (0..world.keepers()).all(|index| world.state(index) == KeeperState::Authenticated)
        && world.gateway.is_authenticated()
}

/// Makes a trouble that ends within `act`, and waits until both keepers are back, which must be in
/// time. Afterwards an hour passes.
fn trouble(world: &mut KeeperWorld, name: &'static str, act: impl FnOnce(&mut KeeperWorld)) -> Trouble {
    assert!(is_back(world), "{name} begins at {}", world.now());
    let began = world.now();
    act(world);
    let ended = world.now();
    let next = (0..world.keepers()).filter_map(|index| world.keeper(index).state().next_try).max();
    let limit = next.unwrap_or(ended).max(ended) + ALLOWANCE;
    while !is_back(world) {
        assert!(world.now() <= limit, "{name}: not back at {}\n{}", world.now(), world.timeline(0));
        world.run(ms(500));
    }
    let recovery = world.now().since(ended);
    world.run(secs(3_600));
    Trouble { name, lasted: ended.since(began), recovery }
}

/// The brokerage session ends at midnight, and `ssodh/init` fails for minutes. Then the login
/// itself is over, until a person logs in again, which is another session.
fn night(world: &mut KeeperWorld, chance: &mut Prng) {
    let reset = chance.millis(120_000, 600_000);
    world.gateway.daily_reset(reset);
    world.run(reset.saturating_sub(secs(30)));
    world.gateway.set_rest_fault(Some(RestFault::NotLoggedIn));
    world.run(chance.millis(3_600_000, 7 * 3_600_000));
    for index in 0..world.keepers() {
        let state = world.keeper(index).state();
        assert_eq!(state.state, KeeperState::LoggedOut, "{state}");
        assert_eq!(state.advice.as_deref(), Some("log in at https://localhost:5000"));
    }
    world.gateway.relogin(chance.hex(32));
    world.gateway.set_authenticated(true);
    world.gateway.set_rest_fault(None);
}

fn maintenance(world: &mut KeeperWorld) {
    world.gateway.set_rest_fault(Some(RestFault::Unavailable));
    world.run(secs(600));
    world.gateway.set_authenticated(false);
    world.line.refuses = true;
    world.run(secs(300));
    world.line.refuses = false;
    world.run(secs(300));
    world.gateway.set_rest_fault(None);
}

fn competing(world: &mut KeeperWorld, span: Duration) {
    world.gateway.set_competing(true);
    world.gateway.set_authenticated(false);
    world.run(span);
    for index in 0..world.keepers() {
        assert_eq!(world.state(index), KeeperState::Competing);
    }
    world.gateway.set_competing(false);
}

fn restart(world: &mut KeeperWorld, chance: &mut Prng) {
    world.line.refuses = true;
    world.gateway.set_authenticated(false);
    world.gateway.relogin(chance.hex(32));
    world.run(chance.millis(20_000, 90_000));
    world.line.refuses = false;
}

/// The calls of a keeper by path, and how long it was in each state from `from` to now.
fn figures(
    world: &KeeperWorld,
    index: usize,
    from: Instant,
) -> (BTreeMap<&'static str, u32>, BTreeMap<KeeperState, Duration>) {
    let mut calls = BTreeMap::new();
    for (_, call) in world.calls(index) {
        *calls.entry(call.path().rsplit('/').next().unwrap_or_default()).or_default() += 1;
    }
    let mut spans: BTreeMap<_, Duration> = BTreeMap::new();
    let (mut state, mut since) = (KeeperState::Authenticated, from);
    for (at, event) in world.events(index) {
        *spans.entry(state).or_default() += at.since(since);
        (state, since) = (event.state, *at);
    }
    *spans.entry(state).or_default() += world.now().since(since);
    (calls, spans)
}

#[test]
#[expect(clippy::print_stdout, reason = "prints the table of days, with --nocapture")]
fn a_week_of_days_is_survived_by_two_keepers_without_a_hand_but_the_login() {
    let mut chance = Prng::new(7);
    let configs = (0..2).map(|seed| KeeperConfig { seed, ..KeeperConfig::default() }).collect();
    let mut world = KeeperWorld::new(configs, GatewayConfig::seeded(7));
    world.line.jitter = ms(300);
    world.run(secs(60));
    for day in 1..=7_u32 {
        world.forget();
        let from = world.now();
        let mut troubles = vec![trouble(&mut world, "reset and login", |world| night(world, &mut chance))];
        troubles.push(trouble(&mut world, "maintenance", maintenance));
        let span = chance.millis(600_000, 7_200_000);
        troubles.push(trouble(&mut world, "competing login", |world| competing(world, span)));
        troubles.push(trouble(&mut world, "restart", |world| restart(world, &mut chance)));
        troubles.push(trouble(&mut world, "timeout", |world| world.gateway.set_authenticated(false)));
        world.run_until(at(0) + DAY * day);
        assert!(is_back(&world), "day {day}");
        let texts = troubles.iter().map(|Trouble { name, lasted, recovery }| {
            format!("{name} {} min, back after {:.1} s", lasted.as_secs() / 60, recovery.as_secs_f64())
        });
        println!("day {day}: {}", texts.collect::<Vec<_>>().join(" | "));
        for index in 0..world.keepers() {
            let (calls, states) = figures(&world, index, from);
            let minutes: Vec<_> =
                states.iter().map(|(state, span)| format!("{state} {:.1}", span.as_secs_f64() / 60.0)).collect();
            println!("  keeper {index}: calls {calls:?}; minutes {}", minutes.join(", "));
            assert!(world.calls(index).iter().all(|(_, call)| *call != Call::Init { compete: true }));
            // A tickle in 51 to 57 s while all is well, and somewhat more under troubles.
            assert!((1_400..2_000).contains(&calls["tickle"]), "{calls:?}");
            assert!(calls["init"] < 200, "{calls:?}");
            // Every state of the day was an event, and the session was there for most of it.
            assert!(states[&KeeperState::Authenticated] > DAY / 2, "{states:?}");
            for state in
                [KeeperState::LoggedOut, KeeperState::Unavailable, KeeperState::Competing, KeeperState::Opening]
            {
                assert!(states.contains_key(&state), "day {day}: never {state}");
            }
        }
        assert_eq!((world.gateway.pacing_violations(), world.gateway.is_in_penalty_box()), (0, false));
    }
}
