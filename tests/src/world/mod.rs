//! The virtual world: a machine and a simulated gateway, a link between them, and a virtual clock.
//!
//! Nothing here waits. The clock jumps to the next moment at which the machine, the gateway or the
//! link has something to do, so an hour costs only what happens in it. The invariants check every
//! step; a broken one panics with the whole timeline, the seed and how to replay the run. A test
//! can add rules of its own ([`World::rule`]) and faults at given times ([`World::play`]).
//!
//! ```
//! use ibws_testkit::world::{self, Fault, QUOTES, Schedule, secs};
//!
//! let mut world = world::settled(&[QUOTES]);
//! // The connection ends after 10 s, and the first dial after that is refused.
//! let faults = Schedule::seeded(0).at(secs(10), Fault::RefuseDials(1)).at(secs(10), Fault::Cut);
//! world.play(&faults, secs(60));
//! assert_eq!(world.dials().len(), 3);
//! assert_eq!(world.gaps().len(), 1);
//! assert_eq!(world.resumptions().len(), 1);
//! ```

mod actions;
mod fault;
mod link;
mod prelude;
mod queries;
mod rest;
mod rules;
mod schedule;
mod send;
mod trace;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ibws_proto::{
    CloseCause, Command, CommandError, Config, ConnId, ConnectError, Input, Instant, Machine, Reply, RequestId,
    rest::{RestRequest, RestRequestId, RestResult},
};

use crate::gateway::{Gateway, GatewayConfig};
use crate::opaque::opaque;
use crate::prng::Prng;
use crate::replay::{Rule, Transcript};

pub use fault::Fault;
pub(crate) use fault::LineState;
pub use link::{Dial, Link};
pub use prelude::{QUOTES, args, at, ms, secs, settled, settled_with, silent_gateway, sub, without_handler, world};
pub use rest::{days_since, rest_result};
pub(crate) use rules::report;
pub use rules::{Moment, Rules, Violation, seeds};
pub use schedule::Schedule;
pub use trace::{Content, Entry};

/// Steps without time passing after which a world counts as livelocked.
const STEPS_AT_ONCE: u32 = 10_000;
/// Past inputs that are kept, so that a story can repeat them.
const RECENT_INPUTS: usize = 32;

/// Something that is on its way over the link.
#[derive(Clone, Debug)]
enum InFlight {
    /// An input for the machine.
    Input(Input),
    /// A dial that succeeds.
    Open(ConnId),
    /// A dial that fails.
    Fail(ConnId, ConnectError),
    /// A text for the gateway.
    Text(ConnId, String),
    /// A ping of the client.
    Ping(ConnId),
    /// A Close of the client.
    Close(ConnId, u16),
    /// The calls of a request to the REST handler, whose result takes this long.
    RestCall(RestRequestId, RestRequest, Duration),
    /// The result of a request to the REST handler.
    RestDone(RestRequestId, RestResult),
    /// The session provider has finished: it has the session, or there is none.
    Provided(ConnId),
}

/// A machine, a gateway, and the link between them.
pub struct World {
    transcript: Transcript,
    /// The peer. Stories make it misbehave.
    pub gateway: Gateway,
    /// The link. Stories break it.
    pub link: Link,
    now: Instant,
    in_flight: BTreeMap<(Instant, u64), InFlight>,
    posted: u64,
    /// When the last item in this direction arrives, by connection. Later items arrive no earlier,
    /// so each direction keeps its order.
    last_in: BTreeMap<ConnId, Instant>,
    /// The same for the other direction.
    last_out: BTreeMap<ConnId, Instant>,
    /// When a link with limited bandwidth has delivered everything that is queued on it.
    free_in: Instant,
    /// Draws jitter and lateness.
    chance: Prng,
    /// Connections that both sides hold open.
    up: BTreeSet<ConnId>,
    /// Half-open connections, with what the gateway sent while nothing passed.
    frozen: BTreeMap<ConnId, Vec<Input>>,
    /// What the client wrote while its writes are blocked.
    stuck: Vec<InFlight>,
    /// The newest inputs, newest last.
    recent_inputs: VecDeque<Input>,
    trace: Vec<Entry>,
    /// The rules that a test added.
    rules: Rules,
    /// The schedules that were played.
    played: Vec<Schedule>,
    /// The faults of the line that last.
    line: LineState,
    replies: BTreeMap<RequestId, (Instant, Result<Reply, CommandError>)>,
    /// When the REST handler last made each call that it repeats once a second at most.
    called: BTreeMap<&'static str, Instant>,
    /// The earliest time of the next call for orders.
    orders_free_at: Instant,
}

opaque!(World);

impl World {
    /// Makes a world at time zero.
    #[must_use]
    pub fn new(config: Config, gateway: GatewayConfig) -> Self {
        Self::of(Transcript::new(config, Instant::ORIGIN).forgetful(), gateway)
    }

    /// Makes a world that remembers every step, so that the run can be replayed. `rule` checks
    /// every output in addition to the invariants.
    #[must_use]
    pub fn remembering(config: Config, gateway: GatewayConfig, rule: Option<Rule>) -> Self {
        Self::of(Transcript::new(config, Instant::ORIGIN).with_rule(rule), gateway)
    }

    fn of(transcript: Transcript, gateway: GatewayConfig) -> Self {
        Self {
            transcript,
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
            recent_inputs: VecDeque::new(),
            trace: Vec::new(),
            rules: Rules::new(),
            played: Vec::new(),
            line: LineState::default(),
            replies: BTreeMap::new(),
            called: BTreeMap::new(),
            orders_free_at: Instant::ORIGIN,
        }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        self.transcript.checked().machine()
    }

    /// The present virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Submits a command to the machine.
    ///
    /// # Panics
    /// If an invariant breaks; the message holds the timeline.
    pub fn submit(&mut self, command: Command) -> RequestId {
        match self.transcript.submit(self.now, command.clone()) {
            Ok((id, outputs)) => {
                self.note_down(Content::Command(id, command));
                self.outputs(outputs);
                id
            }
            Err(rule) => self.broken(&rule),
        }
    }

    /// Gives an input to the machine, as a link would.
    ///
    /// # Panics
    /// If an invariant breaks; the message holds the timeline.
    pub fn input(&mut self, input: Input) {
        if input != Input::Tick {
            self.note_down(Content::Input(input.clone()));
        }
        if !matches!(input, Input::Tick) {
            if self.recent_inputs.len() == RECENT_INPUTS {
                self.recent_inputs.pop_front();
            }
            self.recent_inputs.push_back(input.clone());
        }
        // Two readers of the clock can disagree, so an input may carry an earlier time. A tick may
        // not: a driver that wakes for a timer reads the clock after the timer was due.
        let back = self.link.clock_back;
        let slip = if back.is_zero() || input == Input::Tick { 0 } else { self.chance.below(back.as_nanos() as u64) };
        let at = Instant::from_nanos(self.now.as_nanos().saturating_sub(slip));
        match self.transcript.handle(at, input) {
            Ok(outputs) => self.outputs(outputs),
            Err(rule) => self.broken(&rule),
        }
    }

    /// Lets `span` pass.
    ///
    /// # Panics
    /// If an invariant breaks or the world livelocks; the message holds the timeline.
    pub fn run(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Lets time pass until `end`, inclusive of what is due at `end`.
    ///
    /// # Panics
    /// Like [`run`](Self::run).
    pub fn run_until(&mut self, end: Instant) {
        let mut steps = 0;
        // A story may have changed the gateway so that it has something to send.
        self.gateway.tick(self.now);
        self.collect();
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            steps = if next > self.now { 0 } else { steps + 1 };
            if steps > STEPS_AT_ONCE {
                self.broken("livelock: time stands still");
            }
            // Each wake-up is late by itself, not because the one before it was late as well.
            let late = Duration::from_nanos(self.chance.below(self.link.clock_late.as_nanos() as u64));
            self.now = self.now.max(next + late);
            self.step();
        }
        self.now = self.now.max(end);
        self.gateway.tick(self.now);
        self.collect();
    }

    /// Lets time pass until the request has its reply, and returns the reply with its time.
    ///
    /// # Panics
    /// Like [`run`](Self::run), and if there is no reply within an hour.
    pub fn wait_for_reply(&mut self, id: RequestId) -> (Instant, Result<Reply, CommandError>) {
        let end = self.now + Duration::from_secs(3_600);
        loop {
            if let Some(reply) = self.replies.get(&id) {
                return reply.clone();
            }
            match self.next_moment().filter(|next| *next <= end) {
                Some(next) => self.run_until(next),
                None => self.broken(&format!("{id} has no reply after an hour")),
            }
        }
    }

    /// The reply to a request, with its time; `None` while the request waits.
    #[must_use]
    pub fn reply(&self, id: RequestId) -> Option<&(Instant, Result<Reply, CommandError>)> {
        self.replies.get(&id)
    }

    /// The timeline: everything that happened.
    #[must_use]
    pub fn trace(&self) -> &[Entry] {
        &self.trace
    }

    fn next_moment(&self) -> Option<Instant> {
        let in_flight = self.in_flight.first_key_value().map(|((at, _), _)| *at);
        [self.machine().poll_timeout(), self.gateway.next_wake(), in_flight].into_iter().flatten().min()
    }

    /// Does one thing that is due: delivers an item of the link, ticks the gateway, or ticks the
    /// machine.
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
                        self.gateway.send_opening_now(conn.0);
                        self.gateway.tick(self.now);
                    }
                }
            }
            InFlight::Fail(conn, error) => self.input(Input::ConnectFailed(conn, error)),
            InFlight::Text(conn, text) => self.gateway.received(self.now, conn.0, text.as_bytes()),
            InFlight::Ping(conn) if self.link.replies_to_pings && self.reaches(conn) => {
                self.post_in(Input::Pong(conn));
            }
            InFlight::Close(conn, code) if self.reaches(conn) => {
                let replies = self.gateway.replies_to_close();
                self.gateway.closed(self.now, conn.0);
                self.up.remove(&conn);
                self.post_in(Input::Closed(
                    conn,
                    if replies { CloseCause::Close(Some(code)) } else { CloseCause::Eof },
                ));
            }
            InFlight::Ping(_) | InFlight::Close(..) => {}
            InFlight::Provided(conn) => self.provided(conn),
            InFlight::RestCall(id, request, after) => {
                let wait = self.rest_wait(&request);
                if wait.is_zero() {
                    let result = self.make_rest_calls(&request);
                    self.post(after, InFlight::RestDone(id, result));
                } else {
                    self.post(wait, InFlight::RestCall(id, request, after));
                }
            }
            InFlight::RestDone(id, result) => self.input(Input::RestDone(id, result)),
        }
    }

    fn note_down(&mut self, content: Content) {
        let broken = self.rules.check(&Moment::new(self.now, &content, Some(&self.gateway))).err();
        self.trace.push(Entry { at: self.now, content });
        if let Some(broken) = broken {
            self.broken(&broken.to_string());
        }
    }

    fn broken(&self, rule: &str) -> ! {
        if self.transcript.remembers() {
            // The owner of a remembering world prints the transcript, which shows more than a
            // panic.
            std::panic::resume_unwind(Box::new(rule.to_owned()));
        }
        panic!("{}", report(rule, self.gateway.seed(), &self.played, &self.timeline()))
    }
}
