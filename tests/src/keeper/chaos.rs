//! Chaos runs of keepers: a seed decides how many keepers there are, their settings, the troubles
//! and the requests. When the troubles end, every keeper must be back in time.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::Instant;
use ibws_proto::keeper::{CallError, CallId, KeeperConfig, KeeperInput, KeeperState, Ticket};
use ibws_proto::rest::{RestReply, RestRequest, SessionNeed};

use super::KeeperWorld;
use super::trouble::{TROUBLES, end_all};
use crate::gateway::GatewayConfig;
use crate::prng::Prng;
use crate::tally::tally;
use crate::world::{secs, sub};

/// Steps of the run before the troubles end.
const STEPS: usize = 60;
/// How long a keeper may take beyond the longest pause that is in force when the troubles end.
const ALLOWANCE: Duration = Duration::from_secs(60);

tally! {
    /// What chaos runs of keepers did and reached.
    pub struct KeeperReport {
        /// The number of runs.
        runs: u64,
        /// Keepers in all runs.
        keepers: u64,
        /// Virtual time.
        time: Duration,
        /// Calls, by their path.
        calls: BTreeMap<&'static str, u64>,
        /// States that were entered.
        states: BTreeMap<KeeperState, u64>,
        /// Troubles, by their name.
        troubles: BTreeMap<&'static str, u64>,
        /// Requests that were carried out.
        served: u64,
        /// Requests that failed with a reason.
        refused: u64,
        /// The sum of all times from the end of the troubles until a keeper was back.
        recovery: Duration,
    }
}

impl fmt::Display for KeeperReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, keepers, served, refused, .. } = self;
        let mean = self.recovery.as_secs_f64() / self.keepers.max(1) as f64;
        writeln!(f, "{runs} runs, {keepers} keepers, {} virtual hours", self.time.as_secs() / 3_600)?;
        writeln!(f, "back after {mean:.1} s on average; {served} requests served, {refused} refused")?;
        self.states.iter().try_for_each(|(state, count)| writeln!(f, "{count:>10} x state {state}"))?;
        self.calls.iter().try_for_each(|(path, count)| writeln!(f, "{count:>10} x {path}"))?;
        self.troubles.iter().try_for_each(|(name, count)| writeln!(f, "{count:>10} x {name}"))
    }
}

/// Runs one seed.
///
/// # Errors
/// What a keeper did wrong, with its timeline.
///
/// # Panics
/// If a judge finds a fault; the message holds the timeline.
pub fn run_keeper_chaos(seed: u64) -> Result<KeeperReport, String> {
    let mut chance = Prng::part(seed, "keeper chaos", 0);
    let config = |number: u64| KeeperConfig { seed: seed ^ number << 32, ..KeeperConfig::default() };
    let configs: Vec<_> = (0..1 + chance.below(3)).map(config).collect();
    let mut gateway = GatewayConfig::seeded(seed);
    gateway.authenticated = chance.chance(1, 2);
    let mut world = KeeperWorld::new(configs, gateway);
    let mut report = KeeperReport { runs: 1, keepers: world.keepers() as u64, ..KeeperReport::default() };
    // A few kinds of trouble in each run, so that the penalty box is not in all of them.
    let troubles: Vec<_> = (0..=chance.below(4)).map(|_| *chance.pick(&TROUBLES)).collect();
    world.run(chance.millis(0, 5_000));
    for _ in 0..STEPS {
        match chance.below(10) {
            0..3 => {
                let trouble = chance.pick(&troubles);
                *report.troubles.entry(trouble.name).or_default() += 1;
                (trouble.inject)(&mut world, &mut chance);
            }
            3 => end_all(&mut world),
            _ => disturb(&mut world, &mut chance),
        }
        let longest = *chance.pick(&[500, 5_000, 60_000, 300_000]);
        world.run(chance.millis(0, longest));
    }
    end_all(&mut world);
    recover(&mut world, &mut report)?;
    check_requests(&mut world)?;
    if world.gateway.pacing_violations() > 0 {
        return Err(format!("{} calls too early\n{}", world.gateway.pacing_violations(), world.timeline(0)));
    }
    report.time = Duration::from_nanos(world.now().as_nanos());
    for index in 0..world.keepers() {
        for (_, call) in world.calls(index) {
            *report.calls.entry(call.path()).or_default() += 1;
        }
        for (_, event) in world.events(index) {
            *report.states.entry(event.state).or_default() += 1;
        }
        let served = world.results(index).iter().filter(|(_, _, result)| result.is_ok()).count() as u64;
        report.served += served;
        report.refused += world.results(index).len() as u64 - served;
    }
    Ok(report)
}

/// Gives a random keeper a random input.
fn disturb(world: &mut KeeperWorld, chance: &mut Prng) {
    let index = chance.below(world.keepers() as u64) as usize;
    let orders = sub("or");
    let since = Instant::from_nanos(chance.below(world.now().as_nanos() + 1));
    match chance.below(9) {
        0 => drop(world.serve(index, RestRequest::Session(SessionNeed::Missing))),
        1 => drop(world.serve(index, RestRequest::Session(SessionNeed::Unauthenticated))),
        2 => drop(world.serve(index, RestRequest::Prime(orders))),
        3 => drop(world.serve(index, RestRequest::Prime(sub("md+265598")))),
        4 => drop(world.serve(index, RestRequest::Reconcile { key: orders, since })),
        5 => drop(world.dial(index)),
        6 => {
            let ticket = world.serve(index, RestRequest::Reconcile { key: orders, since });
            world.run(chance.millis(0, 8_000));
            world.input(index, KeeperInput::Cancel(ticket));
        }
        7 => {
            let authenticated = world.gateway.is_authenticated();
            world.input(index, KeeperInput::Stream { authenticated });
        }
        _ => {
            world.line.clock_back = chance.millis(0, 50);
            let id = CallId(chance.below(200) + 1_000_000);
            world.input(index, KeeperInput::Done(id, Err(CallError::Broken("late".into()))));
            world.input(index, KeeperInput::Cancel(Ticket(u64::MAX)));
        }
    }
}

/// Waits until the troubles are over, and checks that each keeper is back in time and stays there.
fn recover(world: &mut KeeperWorld, report: &mut KeeperReport) -> Result<(), String> {
    while world.gateway.is_in_penalty_box() || world.gateway.is_in_reset() {
        world.run(secs(1));
    }
    let ended = world.now();
    // The pause in force: until the next attempt, the rest of the penalty box, the pause after a
    // call that is pending and will fail, or the wait for a session whose opening a trouble has
    // undone.
    let longest = (0..world.keepers()).map(|index| {
        let next = world.keeper(index).state().next_try.unwrap_or(ended);
        let pending = if world.is_call_pending(index) { ended + KeeperConfig::default().retry_max } else { ended };
        let is_opening = world.state(index) == KeeperState::Opening;
        let opening = if is_opening { ended + KeeperConfig::default().open_timeout } else { ended };
        next.max(pending).max(opening).max(world.boxed_until().unwrap_or(ended))
    });
    // Keepers of one session are back together: what one of them opens, the others see with their
    // next tickle.
    let limit = longest.max().unwrap_or(ended) + ALLOWANCE;
    for index in 0..world.keepers() {
        let is_back = |world: &KeeperWorld| world.state(index) == KeeperState::Authenticated;
        while !(is_back(world) && world.gateway.is_authenticated()) {
            if world.now() >= limit {
                let state = world.keeper(index).state();
                let late = world.now().since(ended);
                return Err(format!("keeper {index} is not back after {late:?}: {state}\n{}", world.timeline(index)));
            }
            world.run(secs(1));
        }
        report.recovery += world.now().since(ended);
    }
    for _ in 0..10 {
        world.run(secs(30));
        if let Some(index) = (0..world.keepers()).find(|index| world.state(*index) != KeeperState::Authenticated) {
            return Err(format!("keeper {index} is lost again\n{}", world.timeline(index)));
        }
    }
    Ok(())
}

/// Every request is carried out once all is well, for all keepers at once.
fn check_requests(world: &mut KeeperWorld) -> Result<(), String> {
    let since = world.now();
    let mut tickets = Vec::new();
    for index in 0..world.keepers() {
        if let Some(ticket) = world.places[index].judge.open().first() {
            return Err(format!("{ticket} has no result\n{}", world.timeline(index)));
        }
        tickets.push((index, world.serve(index, RestRequest::Prime(sub("or")))));
        tickets.push((index, world.serve(index, RestRequest::Session(SessionNeed::Unauthenticated))));
    }
    world.run(secs(30));
    for index in 0..world.keepers() {
        tickets.push((index, world.serve(index, RestRequest::Reconcile { key: sub("or"), since })));
    }
    world.run(secs(60));
    for (index, ticket) in tickets {
        let result = world.results(index).iter().find(|(_, of, _)| *of == ticket).map(|(_, _, result)| result);
        if !matches!(result, Some(Ok(RestReply::Complete | RestReply::Snapshot(_)))) {
            return Err(format!("keeper {index}: {ticket} ended with {result:?}\n{}", world.timeline(index)));
        }
    }
    Ok(())
}
