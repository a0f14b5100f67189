//! The session keeper before the simulated gateway: one or several keepers, one pacer, the REST
//! half of a gateway, and a virtual clock that jumps.
//!
//! A [`Judge`] for each keeper checks every output: no call without a reason, no call in the
//! penalty box, never `compete`, no secret in anything that is shown. Its rules are in
//! [`invariants::list`](crate::invariants::list).
//!
//! ```
//! use ibws_proto::keeper::KeeperState;
//! use ibws_testkit::{GatewayConfig, RestFault, keeper::KeeperWorld, world::secs};
//!
//! let mut world = KeeperWorld::one(GatewayConfig::seeded(1));
//! world.run(secs(1));
//! assert_eq!(world.state(0), KeeperState::Authenticated);
//! // Every call fails for ten minutes; the keeper retries by itself.
//! world.gateway.set_rest_fault(Some(RestFault::Unavailable));
//! world.run(secs(600));
//! assert_ne!(world.state(0), KeeperState::Authenticated);
//! world.gateway.set_rest_fault(None);
//! world.run(secs(120));
//! assert_eq!(world.state(0), KeeperState::Authenticated);
//! ```

mod chaos;
mod judge;
mod line;
mod trouble;

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::Instant;
use ibws_proto::keeper::{
    Call, CallError, CallId, CallResult, Keeper, KeeperConfig, KeeperEvent, KeeperInput, KeeperOutput, KeeperState,
    Pace as _, Pacer, Ticket,
};
use ibws_proto::rest::{RestRequest, RestResult};

use crate::gateway::{Gateway, GatewayConfig};
use crate::opaque::opaque;
use crate::prng::Prng;

pub use chaos::{KeeperReport, run_keeper_chaos};
pub use judge::Judge;
pub use line::Line;
pub use trouble::{TROUBLES, Trouble};

/// Steps without time passing after which a world counts as livelocked.
const STEPS_AT_ONCE: u32 = 1_000;

/// Something that is on its way.
enum InFlight {
    /// A call on its way to the gateway.
    Call(usize, CallId, Call),
    /// The result of a call on its way to its keeper.
    Result(usize, CallId, CallResult),
}

/// One keeper, and what it has emitted.
struct Place {
    keeper: Keeper,
    judge: Judge,
    calls: Vec<(Instant, Call)>,
    events: Vec<(Instant, KeeperEvent)>,
    results: Vec<(Instant, Ticket, RestResult)>,
    /// When a dial was given a session, and whether there was one.
    dials: Vec<(Instant, Ticket, bool)>,
    /// How often the session id changed.
    sessions: u32,
}

/// Keepers that share one pacer, a gateway, and the line between them.
pub struct KeeperWorld {
    /// The peer. Stories make it misbehave.
    pub gateway: Gateway,
    /// The line to it. Stories break it.
    pub line: Line,
    pacer: Pacer,
    places: Vec<Place>,
    now: Instant,
    in_flight: BTreeMap<(Instant, u64), InFlight>,
    posted: u64,
    chance: Prng,
    /// When a reply 429 last arrived.
    penalised_at: Option<Instant>,
    tickets: u64,
}

opaque!(KeeperWorld);

impl KeeperWorld {
    /// Makes a world with one keeper for each of `configs`, at time zero.
    #[must_use]
    pub fn new(configs: Vec<KeeperConfig>, gateway: GatewayConfig) -> Self {
        let keepers = configs.len();
        let place = |config: KeeperConfig| Place {
            judge: Judge::new(config.clone(), keepers),
            keeper: Keeper::new(config, Instant::ORIGIN),
            calls: Vec::new(),
            events: Vec::new(),
            results: Vec::new(),
            dials: Vec::new(),
            sessions: 0,
        };
        Self {
            chance: Prng::part(gateway.seed, "keeper", 0),
            gateway: Gateway::new(gateway),
            line: Line::default(),
            pacer: Pacer::default(),
            places: configs.into_iter().map(place).collect(),
            now: Instant::ORIGIN,
            in_flight: BTreeMap::new(),
            posted: 0,
            penalised_at: None,
            tickets: 0,
        }
    }

    /// Makes a world with one keeper that has the default settings.
    #[must_use]
    pub fn one(gateway: GatewayConfig) -> Self {
        Self::new(vec![KeeperConfig::default()], gateway)
    }

    /// The present virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The number of keepers.
    #[must_use]
    pub fn keepers(&self) -> usize {
        self.places.len()
    }

    /// Keeper number `index`.
    #[must_use]
    pub fn keeper(&self, index: usize) -> &Keeper {
        &self.places[index].keeper
    }

    /// The state of keeper number `index`.
    #[must_use]
    pub fn state(&self, index: usize) -> KeeperState {
        self.keeper(index).state().state
    }

    /// The calls that a keeper has made, with their times.
    #[must_use]
    pub fn calls(&self, index: usize) -> &[(Instant, Call)] {
        &self.places[index].calls
    }

    /// The events of a keeper, with their times.
    #[must_use]
    pub fn events(&self, index: usize) -> &[(Instant, KeeperEvent)] {
        &self.places[index].events
    }

    /// The results of the requests of a keeper, with their times.
    pub fn results(&self, index: usize) -> &[(Instant, Ticket, RestResult)] {
        &self.places[index].results
    }

    /// When dials were given a session, and whether there was one.
    #[must_use]
    pub fn dials(&self, index: usize) -> &[(Instant, Ticket, bool)] {
        &self.places[index].dials
    }

    /// How often a keeper has reported another session id.
    #[must_use]
    pub fn sessions(&self, index: usize) -> u32 {
        self.places[index].sessions
    }

    /// Until when the pacer refuses every call.
    #[must_use]
    pub fn boxed_until(&self) -> Option<Instant> {
        self.pacer.boxed_until(self.now)
    }

    /// Returns `true` if a call of this keeper is pending.
    #[must_use]
    pub fn is_call_pending(&self, index: usize) -> bool {
        self.places[index].judge.is_call_pending()
    }

    /// Forgets what was noted, so that a world that runs for days keeps a bounded amount of memory.
    pub fn forget(&mut self) {
        for place in &mut self.places {
            place.calls.clear();
            place.events.clear();
            place.results.clear();
            place.dials.clear();
        }
    }

    /// Gives a request to a keeper.
    ///
    /// # Panics
    /// If the judge finds a fault.
    pub fn serve(&mut self, index: usize, request: RestRequest) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.input(index, KeeperInput::Serve { ticket, request });
        ticket
    }

    /// Requests the session for a dial.
    ///
    /// # Panics
    /// If the judge finds a fault.
    pub fn dial(&mut self, index: usize) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.input(index, KeeperInput::SessionNeeded(ticket));
        ticket
    }

    /// Gives an input to a keeper, and takes its outputs.
    ///
    /// # Panics
    /// If the judge finds a fault.
    pub fn input(&mut self, index: usize, input: KeeperInput) {
        // Two readers of the clock can disagree, so an input may carry an earlier time.
        let slip = self.chance.below(self.line.clock_back.as_nanos() as u64 + 1);
        let at = Instant::from_nanos(self.now.as_nanos().saturating_sub(slip));
        let place = &mut self.places[index];
        place.judge.on_input(self.now, &input);
        place.keeper.handle(if input == KeeperInput::Tick { self.now } else { at }, input);
        self.take_outputs(index);
    }

    /// Lets `span` pass.
    ///
    /// # Panics
    /// If the judge finds a fault, or time stands still.
    pub fn run(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Lets time pass until `end`.
    ///
    /// # Panics
    /// Like [`run`](Self::run).
    pub fn run_until(&mut self, end: Instant) {
        let mut steps = 0;
        (0..self.places.len()).for_each(|index| self.take_outputs(index));
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            steps = if next > self.now { 0 } else { steps + 1 };
            assert!(steps < STEPS_AT_ONCE, "livelock at {}: {:?}", self.now, self.places[0].keeper);
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(end);
        self.gateway.tick(self.now);
    }

    fn next_moment(&self) -> Option<Instant> {
        let keepers = self.places.iter().filter_map(|place| place.keeper.poll_timeout());
        let in_flight = self.in_flight.first_key_value().map(|((at, _), _)| *at);
        keepers.chain(in_flight).chain(self.gateway.next_wake()).min()
    }

    fn step(&mut self) {
        if self.gateway.next_wake().is_some_and(|at| at <= self.now) {
            self.gateway.tick(self.now);
        } else if let Some(entry) = self.in_flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                InFlight::Call(index, id, call) => self.arrive(index, id, &call),
                InFlight::Result(index, id, result) => {
                    if result.as_ref().is_ok_and(|reply| reply.status == 429) {
                        self.penalised_at = Some(self.now);
                    }
                    self.input(index, KeeperInput::Done(id, result));
                }
            }
        } else {
            let is_due = |place: &Place| place.keeper.poll_timeout().is_some_and(|at| at <= self.now);
            let due: Vec<_> = (0..self.places.len()).filter(|index| is_due(&self.places[*index])).collect();
            due.into_iter().for_each(|index| self.input(index, KeeperInput::Tick));
        }
    }

    /// A call arrives at the gateway, or what is on the way takes it.
    fn arrive(&mut self, index: usize, id: CallId, call: &Call) {
        let result = self.line.carry(&mut self.gateway, self.now, call, &mut self.chance);
        if let Some(result) = result {
            let after = self.line.latency(&mut self.chance);
            self.post(after, InFlight::Result(index, id, result));
        }
    }

    fn post(&mut self, after: Duration, in_flight: InFlight) {
        self.posted += 1;
        self.in_flight.insert((self.now + after, self.posted), in_flight);
    }

    fn take_outputs(&mut self, index: usize) {
        loop {
            let place = &mut self.places[index];
            let Some(output) = place.keeper.poll(self.now, &mut self.pacer) else { return };
            let session = self.gateway.session().to_owned();
            let fault = place.judge.on_output(self.now, &output, self.penalised_at, &session);
            if let Err(fault) = fault {
                panic!("at {}, keeper {index}: {fault}\n{}", self.now, self.timeline(index));
            }
            match output {
                KeeperOutput::Call { id, call } => {
                    place.calls.push((self.now, call.clone()));
                    let after = self.line.latency(&mut self.chance);
                    self.post(after, InFlight::Call(index, id, call));
                }
                KeeperOutput::Abandon(id) => {
                    self.in_flight.retain(|_, item| match item {
                        InFlight::Call(of, call, _) | InFlight::Result(of, call, _) => (*of, *call) != (index, id),
                    });
                }
                KeeperOutput::Served { ticket, result } => place.results.push((self.now, ticket, result)),
                KeeperOutput::SessionReady { ticket, result } => {
                    place.dials.push((self.now, ticket, result.is_ok()));
                }
                KeeperOutput::Session(_) => place.sessions += 1,
                KeeperOutput::Event(event) => place.events.push((self.now, event)),
            }
        }
    }

    /// The calls and events of a keeper as text, a line for each.
    #[must_use]
    pub fn timeline(&self, index: usize) -> String {
        let place = &self.places[index];
        let calls = place.calls.iter().map(|(at, call)| (*at, format!("call {call}")));
        let events = place.events.iter().map(|(at, event)| (*at, format!("event {event}")));
        let results = place.results.iter().map(|(at, ticket, result)| (*at, format!("served {ticket} {result:?}")));
        let mut lines: Vec<_> = calls.chain(events).chain(results).collect();
        lines.sort();
        lines.into_iter().map(|(at, line)| format!("{at} {line}\n")).collect()
    }

    /// The error of a connection that is refused.
    fn refused() -> CallError {
        use ibws_proto::{ConnectError, ConnectErrorKind};
        CallError::Connect(ConnectError::new(ConnectErrorKind::Unreachable, "the connection was refused"))
    }
}
