//! The virtual world: a machine and a simulated gateway, a link between them, and time that jumps.
//!
//! Nothing here waits. The clock moves to the next moment at which the machine, the gateway or the link has something
//! to do, so an hour costs what happens in it. Every step is checked by the invariants; a broken one panics with
//! the whole timeline.

mod link;
mod tell;
mod trace;
mod words;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::{
    Action, Ask, AskId, Command, Config, ConnId, ConnectError, Failure, Input, Instant, Machine, Output, RequestId,
    SessionNews, Success,
};

use crate::gateway::{Gateway, GatewayConfig, GatewayOutput};
use crate::invariants::Checked;

pub use link::{Dial, Link};
pub use tell::{args, sub};
pub use trace::{Entry, What};
pub use words::{QUOTES, ms, secs, world};

/// More steps than this without time passing is a livelock.
const STEPS_AT_ONCE: u32 = 10_000;

/// Something on its way.
#[derive(Clone, Debug)]
enum Parcel {
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
    Answered(AskId, Ask, bool),
}

/// A machine, a gateway, and the link between them.
pub struct World {
    checked: Checked,
    /// The peer; stories misbehave through it.
    pub gateway: Gateway,
    /// The wire; stories break it.
    pub link: Link,
    now: Instant,
    parcels: BTreeMap<(Instant, u64), Parcel>,
    posted: u64,
    last_in: Instant,
    last_out: Instant,
    /// Connections that both sides hold open.
    up: BTreeSet<ConnId>,
    /// Half-open ones, with what the gateway sent into the void.
    frozen: BTreeMap<ConnId, Vec<Input>>,
    trace: Vec<Entry>,
    answers: BTreeMap<RequestId, (Instant, Result<Success, Failure>)>,
}

impl World {
    /// A world at time zero.
    #[must_use]
    pub fn new(config: Config, gateway: GatewayConfig) -> Self {
        Self {
            checked: Checked::new(config, Instant::ORIGIN),
            gateway: Gateway::new(gateway),
            link: Link::default(),
            now: Instant::ORIGIN,
            parcels: BTreeMap::new(),
            posted: 0,
            last_in: Instant::ORIGIN,
            last_out: Instant::ORIGIN,
            up: BTreeSet::new(),
            frozen: BTreeMap::new(),
            trace: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        self.checked.machine()
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
        match self.checked.submit(self.now, command.clone()) {
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
        match self.checked.handle(self.now, input) {
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
            self.now = self.now.max(next);
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
    pub fn answer(&mut self, id: RequestId) -> (Instant, Result<Success, Failure>) {
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
    pub fn answered(&self, id: RequestId) -> Option<&(Instant, Result<Success, Failure>)> {
        self.answers.get(&id)
    }

    /// Everything that happened.
    #[must_use]
    pub fn trace(&self) -> &[Entry] {
        &self.trace
    }

    fn next_moment(&self) -> Option<Instant> {
        let parcel = self.parcels.first_key_value().map(|((at, _), _)| *at);
        [self.machine().poll_timeout(), self.gateway.next_wake(), parcel].into_iter().flatten().min()
    }

    /// One thing that is due: a parcel, or the gateway, or the machine.
    fn step(&mut self) {
        if let Some(entry) = self.parcels.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let parcel = entry.remove();
            self.deliver(parcel);
        } else if self.gateway.next_wake().is_some_and(|at| at <= self.now) {
            self.gateway.tick(self.now);
        } else {
            self.input(Input::Tick);
        }
        self.collect();
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Input(input) => self.input(input),
            Parcel::Open(conn) => {
                if self.machine().status().conn == Some(conn) {
                    self.up.insert(conn);
                    self.gateway.opened(self.now, conn.0, self.link.authorised);
                    self.input(Input::Opened(conn));
                }
            }
            Parcel::Fail(conn, error) => self.input(Input::ConnectFailed(conn, error)),
            Parcel::Text(conn, text) => self.gateway.received(self.now, conn.0, text.as_bytes()),
            Parcel::Ping(conn) if self.link.answers_pings && self.hears(conn) => {
                self.post(self.link.latency, Parcel::Input(Input::Pong(conn)));
            }
            Parcel::Close(conn, code) if self.hears(conn) => {
                self.gateway.closed(self.now, conn.0);
                self.up.remove(&conn);
                self.post(self.link.latency, Parcel::Input(Input::Closed(conn, Some(code))));
            }
            Parcel::Ping(_) | Parcel::Close(..) => {}
            Parcel::Answered(id, ask, done) => {
                // What the host's calls do to the gateway (protocol §1.3, §3.4).
                let paths: &[_] = match ask {
                    Ask::Prime(_) => &["/v1/api/iserver/accounts", "/v1/api/iserver/account/orders"],
                    Ask::Reconcile { .. } => &["/v1/api/iserver/account/orders"],
                    _ => &[],
                };
                for path in paths {
                    let _ = self.gateway.rest(self.now, "GET", path, "force=true");
                }
                self.input(Input::Answered(id, done));
            }
        }
    }

    /// Does the peer hear what is written on this connection?
    fn hears(&self, conn: ConnId) -> bool {
        self.up.contains(&conn) && !self.frozen.contains_key(&conn)
    }

    fn outputs(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            self.note_down(What::Output(output.clone()));
            match output {
                Output::Action(action) => self.act(action),
                Output::Done(id, answer) => drop(self.answers.insert(id, (self.now, answer))),
                Output::Event(_) => {}
            }
        }
    }

    fn act(&mut self, action: Action) {
        let latency = self.link.latency;
        match action {
            Action::Connect { conn } => {
                let outcome = self.link.dials.pop_front().unwrap_or_else(|| self.link.dials_to.clone());
                match outcome {
                    Dial::Opens => self.post(self.link.dial, Parcel::Open(conn)),
                    Dial::Fails(kind, after) => self.post(self.link.dial, Parcel::Fail(conn, Dial::error(kind, after))),
                    Dial::Hangs => {}
                }
            }
            Action::SendText { conn, text } if self.hears(conn) => self.post(latency, Parcel::Text(conn, text)),
            Action::SendSession { conn } => match self.link.session.clone() {
                Some(session) => {
                    if self.hears(conn) {
                        self.post(latency, Parcel::Text(conn, format!("{{\"session\":\"{session}\"}}")));
                    }
                    self.post(Duration::ZERO, Parcel::Input(Input::Session(conn, SessionNews::Sent)));
                }
                None => self.post(Duration::ZERO, Parcel::Input(Input::Session(conn, SessionNews::Unavailable))),
            },
            Action::Ping { conn } if self.hears(conn) => self.post(latency, Parcel::Ping(conn)),
            Action::Close { conn, code } if self.hears(conn) && self.link.answers_close => {
                self.post(latency, Parcel::Close(conn, code));
            }
            Action::Abandon { conn } => {
                self.up.remove(&conn);
                self.frozen.remove(&conn);
                self.gateway.closed(self.now, conn.0);
            }
            Action::Ask { id, ask } => {
                if let Some((after, done)) = self.link.host {
                    self.post(after, Parcel::Answered(id, ask, done));
                }
            }
            Action::SendText { .. } | Action::Ping { .. } | Action::Close { .. } => {}
        }
    }

    fn post(&mut self, after: Duration, parcel: Parcel) {
        self.posted += 1;
        // Both directions keep their order, whatever the latency does meanwhile.
        let mut at = self.now + after;
        let way = match &parcel {
            Parcel::Input(_) => Some(&mut self.last_in),
            Parcel::Text(..) | Parcel::Ping(_) | Parcel::Close(..) => Some(&mut self.last_out),
            _ => None,
        };
        if let Some(last) = way {
            at = at.max(*last);
            *last = at;
        }
        self.parcels.insert((at, self.posted), parcel);
    }

    /// What the gateway has to say goes on its way.
    fn collect(&mut self) {
        while let Some((conn, output)) = self.gateway.poll() {
            let conn = ConnId(conn);
            let input = match output {
                GatewayOutput::Text(bytes) | GatewayOutput::Binary(bytes) => Input::Frame(conn, bytes.into()),
                GatewayOutput::Close(code) => Input::Closed(conn, Some(code)),
                GatewayOutput::Drop => Input::Closed(conn, None),
            };
            let ends = matches!(input, Input::Closed(..));
            if let Some(void) = self.frozen.get_mut(&conn) {
                void.push(input);
            } else if self.up.contains(&conn) {
                self.post(self.link.latency, Parcel::Input(input));
            }
            if ends {
                self.up.remove(&conn);
                self.gateway.closed(self.now, conn.0);
            }
        }
    }

    fn note_down(&mut self, what: What) {
        self.trace.push(Entry { at: self.now, what });
    }

    fn broken(&self, rule: &str) -> ! {
        panic!("{rule}\n{}", self.timeline())
    }
}
