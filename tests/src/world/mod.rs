//! The virtual world: a machine and a simulated gateway, a link between them, and time that jumps.
//!
//! Nothing here waits. The clock moves to the next moment at which the machine, the gateway or the link has something
//! to do, so an hour costs what happens in it. Every step is checked by the invariants; a broken one panics with
//! the whole timeline.

mod link;
mod prelude;
mod send;
mod tell;
mod trace;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ibws_proto::{
    Command, CommandError, Config, ConnId, ConnectError, Input, Instant, Machine, Reply, RequestId, RestRequest,
    RestRequestId,
};

use crate::gateway::{Gateway, GatewayConfig};
use crate::prng::Prng;
use crate::replay::{Rule, Transcript};

pub use link::{Dial, Link};
pub use prelude::{QUOTES, ms, secs, world};
pub use tell::{args, sub};
pub use trace::{Entry, What};

/// More steps than this without time passing is a livelock.
const STEPS_AT_ONCE: u32 = 10_000;
/// Inputs of the past that may come again.
const HEARD: usize = 32;

/// Something on its way.
#[derive(Clone, Debug)]
enum InFlight {
    /// To the machine.
    Input(Input),
    /// The dial has gone through.
    Open(ConnId),
    /// The dial has failed.
    Fail(ConnId, ConnectError),
    /// To the gateway.
    Text(ConnId, String),
    /// Our ping.
    Ping(ConnId),
    /// Our Close.
    Close(ConnId, u16),
    /// The host has done what it was asked for, or failed to.
    RestDone(RestRequestId, RestRequest, bool),
    /// The host has found the session, or that there is none.
    Provided(ConnId),
}

/// A machine, a gateway, and the link between them.
pub struct World {
    told: Transcript,
    /// The peer; stories misbehave through it.
    pub gateway: Gateway,
    /// The wire; stories break it.
    pub link: Link,
    now: Instant,
    in_flight: BTreeMap<(Instant, u64), InFlight>,
    posted: u64,
    /// When the last thing on its way arrives, each way, by connection: the order is kept.
    last_in: BTreeMap<ConnId, Instant>,
    last_out: BTreeMap<ConnId, Instant>,
    /// When the narrow link has passed on what is on it.
    free_in: Instant,
    /// Decides what is left to chance: jitter, latency.
    chance: Prng,
    /// Connections that both sides hold open.
    up: BTreeSet<ConnId>,
    /// Half-open ones, with what the gateway sent into the void.
    frozen: BTreeMap<ConnId, Vec<Input>>,
    /// What was written while writes block.
    stuck: Vec<InFlight>,
    /// What came last on connections, for the day when it comes again.
    heard: VecDeque<Input>,
    trace: Vec<Entry>,
    answers: BTreeMap<RequestId, (Instant, Result<Reply, CommandError>)>,
}

impl World {
    /// A world at time zero.
    #[must_use]
    pub fn new(config: Config, gateway: GatewayConfig) -> Self {
        Self::of(Transcript::new(config, Instant::ORIGIN).forgetful(), gateway)
    }

    /// The same that remembers every step, so that it can be told again; with a rule of the caller's own.
    #[must_use]
    pub fn remembering(config: Config, gateway: GatewayConfig, rule: Option<Rule>) -> Self {
        Self::of(Transcript::new(config, Instant::ORIGIN).with_rule(rule), gateway)
    }

    fn of(told: Transcript, gateway: GatewayConfig) -> Self {
        Self {
            told,
            chance: Prng::part(gateway.seed, "world", 0),
            gateway: Gateway::new(gateway),
            link: Link::default(),
            now: Instant::ORIGIN,
            in_flight: BTreeMap::new(),
            posted: 0,
            last_in: BTreeMap::new(),
            last_out: BTreeMap::new(),
            free_in: Instant::ORIGIN,
            up: BTreeSet::new(),
            frozen: BTreeMap::new(),
            stuck: Vec::new(),
            heard: VecDeque::new(),
            trace: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        self.told.checked().machine()
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Hands a command to the machine.
    ///
    /// # Panics
    /// With the timeline, if an invariant breaks.
    pub fn submit(&mut self, command: Command) -> RequestId {
        match self.told.submit(self.now, command.clone()) {
            Ok((id, outputs)) => {
                self.note_down(What::Command(id, command));
                self.outputs(outputs);
                id
            }
            Err(rule) => self.broken(&rule),
        }
    }

    /// Hands an input to the machine, as a link would.
    ///
    /// # Panics
    /// With the timeline, if an invariant breaks.
    pub fn input(&mut self, input: Input) {
        if input != Input::Tick {
            self.note_down(What::Input(input.clone()));
        }
        if !matches!(input, Input::Tick) {
            if self.heard.len() == HEARD {
                self.heard.pop_front();
            }
            self.heard.push_back(input.clone());
        }
        // Two who read the clock may disagree; who wakes for a timer reads it after that.
        let back = self.link.clock_back;
        let slip = if back.is_zero() || input == Input::Tick { 0 } else { self.chance.below(back.as_nanos() as u64) };
        let at = Instant::from_nanos(self.now.as_nanos().saturating_sub(slip));
        match self.told.handle(at, input) {
            Ok(outputs) => self.outputs(outputs),
            Err(rule) => self.broken(&rule),
        }
    }

    /// Lets this much time pass.
    ///
    /// # Panics
    /// With the timeline, if an invariant breaks or the world livelocks.
    pub fn run(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Lets time pass until `end`; what is due at that moment has happened.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_until(&mut self, end: Instant) {
        let mut steps = 0;
        // What a story did to the gateway may have made it speak.
        self.gateway.tick(self.now);
        self.collect();
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            steps = if next > self.now { 0 } else { steps + 1 };
            if steps > STEPS_AT_ONCE {
                self.broken("livelock: time stands still");
            }
            // Late by itself, not because what came before it was late as well.
            let late = Duration::from_nanos(self.chance.below(self.link.clock_late.as_nanos() as u64));
            self.now = self.now.max(next + late);
            self.step();
        }
        self.now = self.now.max(end);
        self.gateway.tick(self.now);
        self.collect();
    }

    /// Lets time pass until the request is answered; at most an hour.
    ///
    /// # Panics
    /// As [`run`](Self::run), and if there is no answer by then.
    pub fn answer(&mut self, id: RequestId) -> (Instant, Result<Reply, CommandError>) {
        let end = self.now + Duration::from_secs(3_600);
        loop {
            if let Some(answer) = self.answers.get(&id) {
                return answer.clone();
            }
            match self.next_moment().filter(|next| *next <= end) {
                Some(next) => self.run_until(next),
                None => self.broken(&format!("{id} is not answered")),
            }
        }
    }

    /// The answer to a request, if it is there.
    #[must_use]
    pub fn answered(&self, id: RequestId) -> Option<&(Instant, Result<Reply, CommandError>)> {
        self.answers.get(&id)
    }

    /// Everything that happened.
    #[must_use]
    pub fn trace(&self) -> &[Entry] {
        &self.trace
    }

    fn next_moment(&self) -> Option<Instant> {
        let in_flight = self.in_flight.first_key_value().map(|((at, _), _)| *at);
        [self.machine().poll_timeout(), self.gateway.next_wake(), in_flight].into_iter().flatten().min()
    }

    /// One thing that is due: a in_flight, or the gateway, or the machine.
    fn step(&mut self) {
        if let Some(entry) = self.in_flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let in_flight = entry.remove();
            self.deliver(in_flight);
        } else if self.gateway.next_wake().is_some_and(|at| at <= self.now) {
            self.gateway.tick(self.now);
        } else {
            self.input(Input::Tick);
        }
        self.collect();
    }

    fn deliver(&mut self, in_flight: InFlight) {
        match in_flight {
            InFlight::Input(input) => self.input(input),
            InFlight::Open(conn) => {
                if self.machine().status().conn == Some(conn) {
                    self.up.insert(conn);
                    self.gateway.opened(self.now, conn.0, self.link.authorised);
                    self.input(Input::Opened(conn));
                    if self.link.glued {
                        self.gateway.hasten_opening(conn.0);
                        self.gateway.tick(self.now);
                    }
                }
            }
            InFlight::Fail(conn, error) => self.input(Input::ConnectFailed(conn, error)),
            InFlight::Text(conn, text) => self.gateway.received(self.now, conn.0, text.as_bytes()),
            InFlight::Ping(conn) if self.link.answers_pings && self.hears(conn) => {
                self.post_in(Input::Pong(conn));
            }
            InFlight::Close(conn, code) if self.hears(conn) => {
                self.gateway.closed(self.now, conn.0);
                self.up.remove(&conn);
                self.post_in(Input::Closed(conn, Some(code)));
            }
            InFlight::Ping(_) | InFlight::Close(..) => {}
            InFlight::Provided(conn) => self.provided(conn),
            InFlight::RestDone(id, request, done) => {
                // What the host's calls do to the gateway (docs/protocol.md §1.3, §3.4).
                let paths: &[_] = match request {
                    RestRequest::Prime(_) => &["/v1/api/iserver/accounts", "/v1/api/iserver/account/orders"],
                    RestRequest::Reconcile { .. } => &["/v1/api/iserver/account/orders"],
                    _ => &[],
                };
                for path in paths {
                    let _ = self.gateway.rest(self.now, "GET", path, "force=true");
                }
                self.input(Input::RestDone(id, done));
            }
        }
    }

    fn note_down(&mut self, what: What) {
        self.trace.push(Entry { at: self.now, what });
    }

    fn broken(&self, rule: &str) -> ! {
        if self.told.remembers() {
            // Whoever lets it remember tells the story better than a panic does.
            std::panic::resume_unwind(Box::new(rule.to_owned()));
        }
        panic!("{rule}\n{}", self.timeline())
    }
}
