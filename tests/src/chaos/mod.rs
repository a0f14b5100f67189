//! Chaos: runs of a machine against the simulated gateway under random faults, with all invariants
//! checked after every step.
//!
//! A seed decides a run: small random settings, a random gateway, a random subset of the
//! [`faults`], commands, and the time between them. Half of the runs choose faults blindly; the
//! other half choose faults that have an effect in the present state. Half of the runs keep their
//! faults and end with a shutdown; in the other half the faults stop, and everything must recover
//! in bounded time. At its end a run is replayed in other ways, which must give the same outputs.
//!
//! ```
//! use ibws_testkit::chaos::{faults, run_chaos, run_chaos_with};
//! use ibws_proto::{Action, Output};
//!
//! let report = run_chaos(7)?;
//! assert!(report.reach.steps >= 300);
//! assert_eq!(faults().count(), 71);
//! // A rule of a test that does not hold: no dial at all. The message ends with a test to paste.
//! let no_dial = |output: &Output| match output {
//!     Output::Action(Action::Connect { .. }) => Err("a dial".to_owned()),
//!     _ => Ok(()),
//! };
//! let broken = run_chaos_with(7, Some(no_dial)).unwrap_err();
//! assert_eq!((broken.seed, broken.rule.as_str()), (7, "a dial"));
//! assert!(broken.test.contains("fn chaos_7()"));
//! # Ok::<(), Box<ibws_testkit::chaos::Broken>>(())
//! ```
//!
//! Rules with a state, and faults that a test chooses itself, belong to
//! [`World::rule`](crate::world::World::rule) and [`World::play`](crate::world::World::play).

mod backend;
mod client;
mod dial;
mod fault;
mod json;
mod protocol;
mod recovery;
mod report;
mod wire;

use core::fmt;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ibws_proto::{Config, ConnectionState, Instant, RequestId, SubscriptionKey};

pub use fault::{Bites, Fault, SOCKETS_ONLY, faults};
pub use report::Report;

use crate::frames::{KEYS, data};
use crate::gateway::{FrameKind, GatewayConfig, OpeningOrder, Success};
use crate::prng::Prng;
use crate::replay::{Rule, Step, panic_message};
use crate::tally::Reach;
use crate::walk::{ByteSource, step};
use crate::world::{World, sub};

/// Smallest number of steps of a run: inputs and commands.
pub const STEPS: usize = 300;
/// Smallest number of rounds of a run: a fault, a command, or time alone.
const ROUNDS: u32 = 40;
/// Largest number of steps.
const MOST_STEPS: usize = 4_000;
/// Largest number of rounds.
const MOST_ROUNDS: u32 = 400;

/// A run that broke a rule.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The seed, which repeats the run.
    pub seed: u64,
    /// The rule that was broken.
    pub rule: String,
    /// The timeline, with virtual times.
    pub timeline: String,
    /// The shortest timeline that was found to break a rule.
    pub shrunk: String,
    /// The code of a test that fails as long as the rule is broken.
    pub test: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, rule, timeline, shrunk, test } = self;
        writeln!(f, "chaos seed {seed}: {rule}\n\n{timeline}\nchaos seed {seed}: {rule}\n")?;
        if !shrunk.is_empty() {
            writeln!(f, "The fewest steps that break a rule:\n{shrunk}")?;
        }
        write!(f, "A test for it (use ibws_testkit::replay::prelude::*):\n\n{test}")
    }
}

/// Runs one seed.
///
/// # Errors
/// The rule that was broken, with everything that led there.
pub fn run_chaos(seed: u64) -> Result<Report, Box<Broken>> {
    run_chaos_with(seed, None)
}

/// Runs one seed with an additional rule for every output.
///
/// # Errors
/// The rule that was broken, with everything that led there.
pub fn run_chaos_with(seed: u64, rule: Option<Rule>) -> Result<Report, Box<Broken>> {
    let mut run = Run::new(seed, rule);
    let outcome = catch_unwind(AssertUnwindSafe(|| run.run()));
    let rule = match outcome {
        Ok(Ok(())) => return Ok(run.report()),
        Ok(Err(rule)) => rule,
        Err(panic) => panic_message(&*panic),
    };
    let (shrunk, test) = match run.world.transcript().shrunk() {
        Some((shrunk, broken)) => {
            let name = format!("chaos_{seed}");
            (format!("{}{broken}\n", shrunk.timeline()), shrunk.as_test(&name))
        }
        // No step breaks a rule: something that should have happened did not.
        None => (String::new(), format!("#[test]\nfn chaos_{seed}() {{\n    run_chaos({seed}).unwrap();\n}}\n")),
    };
    Err(Box::new(Broken { seed, rule, timeline: run.world.timeline(), shrunk, test }))
}

struct Run {
    world: World,
    chance: Prng,
    is_blind: bool,
    recovers: bool,
    /// The faults of this run, each with the time at which it ends if it is active.
    faults: Vec<(&'static Fault, Option<Instant>)>,
    requests: Vec<RequestId>,
    report: Report,
}

impl Run {
    fn new(seed: u64, rule: Option<Rule>) -> Self {
        // The name is part of the seed, and another one would give other runs.
        let mut chance = Prng::part(seed, "storm", 0);
        let (is_blind, recovers) = (chance.chance(1, 2), chance.chance(1, 2));
        let config = settings(seed, &mut chance);
        let gateway = gateway(seed, &config, &mut chance);
        let mut world = World::remembering(config, gateway, rule);
        world.note(&format!("chaos seed {seed}: blind {is_blind}, recovers {recovers}"));
        world.link.clock_late = chance.millis(0, 20);
        world.link.clock_back = chance.millis(0, 4);
        world.link.latency = chance.millis(0, 60);
        let session = world.gateway.session().to_owned();
        world.keep_secret(&session);
        world.link.session = Some(session);
        world.link.keeps_session = chance.chance(1, 2);
        let share = chance.between(1, 8).unsigned_abs();
        let faults = faults().filter(|_| chance.chance(share, 8)).map(|fault| (fault, None)).collect();
        Self { world, chance, is_blind, recovers, faults, requests: Vec::new(), report: Report::default() }
    }

    fn run(&mut self) -> Result<(), String> {
        self.world.start();
        for key in self.few_keys() {
            self.requests.push(self.world.subscribe(key));
        }
        let mut rounds = 0;
        while self.goes_on(rounds) {
            rounds += 1;
            self.pass_time();
            self.heal_some();
            self.act();
        }
        if self.recovers {
            recovery::run(&mut self.world)?;
        } else {
            let drain = self.chance.chance(1, 2);
            recovery::stop(&mut self.world, drain)?;
        }
        if self.world.gateway.pacing_violations() > 0 {
            return Err("the client exceeded the pacing of REST".into());
        }
        self.world.transcript().check_replays()
    }

    fn goes_on(&self, rounds: u32) -> bool {
        let steps = self.world.transcript().taken().len();
        (steps < STEPS || rounds < ROUNDS) && steps < MOST_STEPS && rounds < MOST_ROUNDS
    }

    fn few_keys(&mut self) -> Vec<&'static str> {
        let count = self.chance.below(6);
        (0..count).map(|_| *self.chance.pick(&KEYS)).collect()
    }

    /// Lets time pass: mostly a little, sometimes until something is due, sometimes much.
    fn pass_time(&mut self) {
        let due = self.world.machine().next_wake().map_or(Duration::ZERO, |(at, _)| at.since(self.world.now()));
        let span = match self.chance.below(8) {
            0 => Duration::ZERO,
            1 => due.min(Duration::from_secs(60)),
            2 | 3 => self.chance.millis(0, 300),
            4 | 5 => self.chance.millis(0, 3_000),
            _ => self.chance.millis(0, 12_000),
        };
        self.world.run(span);
    }

    fn heal_some(&mut self) {
        let now = self.world.now();
        for (fault, until) in &mut self.faults {
            if until.take_if(|until| *until <= now).is_some()
                && let Some(heal) = fault.heal
            {
                self.world.note(&format!("healed: {}", fault.name));
                heal(&mut self.world);
            }
        }
    }

    /// Injects a fault, submits a command, or does nothing.
    fn act(&mut self) {
        match self.chance.below(10) {
            0 => {}
            1..=5 if !self.faults.is_empty() => self.fault(),
            _ => self.command(),
        }
    }

    fn fault(&mut self) {
        let machine = self.world.machine();
        let state = machine.status().state;
        let bites = |fault: &Fault| match fault.bites {
            Bites::Dialling => !state.has_socket(),
            Bites::Connected => state.has_socket(),
            Bites::Ready => state == ConnectionState::Ready,
            Bites::Always => true,
        };
        let fit: Vec<_> = (0..self.faults.len()).filter(|n| self.is_blind || bites(self.faults[*n].0)).collect();
        if fit.is_empty() {
            return;
        }
        let (fault, until) = &mut self.faults[*self.chance.pick(&fit)];
        // Without a connection a fault of the connection has no effect, and is not counted.
        if matches!(fault.bites, Bites::Dialling | Bites::Always) || self.world.conn().is_some() {
            *self.report.faults.entry(fault.number).or_default() += 1;
        }
        self.world.note(&format!("fault {}: {}", fault.number, fault.name));
        if fault.heal.is_some() {
            *until = Some(self.world.now() + self.chance.millis(0, 40_000));
        }
        (fault.inject)(&mut self.world, &mut self.chance);
    }

    fn command(&mut self) {
        let status = self.world.machine().status();
        if !self.is_blind && status.state == ConnectionState::Stopped && self.chance.chance(3, 4) {
            self.world.start();
            return;
        }
        let mut bytes = [0; 32];
        bytes.fill_with(|| self.chance.next().to_le_bytes()[0]);
        let step = step::command(&mut ByteSource::new(&bytes), self.world.machine(), &self.requests);
        if let Step::Command(command) = step {
            self.requests.push(self.world.submit(command));
        }
    }

    fn report(mut self) -> Report {
        let time = self.world.now().since(Instant::ORIGIN);
        let mut report = core::mem::take(&mut self.report);
        for (_, output) in self.world.outputs_at() {
            report.reach.see(output);
        }
        let steps = self.world.transcript().taken().len() as u64;
        let transitions = self.world.transcript().checked().checker().transitions().clone();
        report.reach = Reach { runs: 1, steps, transitions, ..report.reach };
        Report { recovered: u64::from(self.recovers), time, ..report }
    }
}

/// Settings with which everything happens soon, or the default ones; never so small that the run
/// livelocks.
fn settings(seed: u64, chance: &mut Prng) -> Config {
    let mut bytes = [0; 160];
    bytes.fill_with(|| chance.next().to_le_bytes()[0]);
    let mut config = step::config(&mut ByteSource::new(&bytes));
    config.seed = seed;
    for interval in [&mut config.tic_interval, &mut config.ping_interval] {
        *interval = interval.map(|interval| interval.max(Duration::from_millis(200)));
    }
    // A dial takes time even without a fault.
    config.connect_timeout = config.connect_timeout.max(Duration::from_millis(500));
    // So does a pong, because of the latency of the link.
    config.ping_reply_limit = config.ping_reply_limit.max(Duration::from_millis(500));
    // So does the first frame of a stream, which every subscribe starts again.
    config.refusal_max = config.refusal_max.max(Duration::from_millis(500));
    config.max_lines += 2;
    config.max_histories += 1;
    config
}

/// A gateway whose greeting comes before the client takes its silence for the end: only frames
/// count as life.
fn gateway(seed: u64, config: &Config, chance: &mut Prng) -> GatewayConfig {
    let mut gateway = GatewayConfig::seeded(seed);
    if chance.chance(1, 3) {
        gateway.opening = OpeningOrder::StatusFirst;
    }
    if chance.chance(1, 2) {
        gateway.frames = FrameKind::Text;
    }
    if chance.chance(1, 4) {
        gateway.success = Success::After(chance.millis(0, 7_000).min(config.silence_limit));
    }
    gateway.authenticated = !chance.chance(1, 8);
    gateway.competing = chance.chance(1, 8);
    gateway
}

/// A key for which `fits` holds: mostly of a subscription that the machine holds, otherwise any.
fn some_key(world: &World, chance: &mut Prng, fits: impl Fn(&SubscriptionKey) -> bool) -> SubscriptionKey {
    let held = world.machine().subscriptions();
    let held: Vec<_> = held.iter().map(|info| &info.key).filter(|key| fits(key)).collect();
    if !held.is_empty() && chance.chance(3, 4) {
        return (*chance.pick(&held)).clone();
    }
    let all: Vec<_> = KEYS.into_iter().map(sub).filter(|key| fits(key)).collect();
    chance.pick(&all).clone()
}

/// A data frame, mostly of a subscription that the machine holds.
fn some_data(world: &World, chance: &mut Prng) -> Vec<u8> {
    data(&some_key(world, chance, |_| true)).to_vec()
}
