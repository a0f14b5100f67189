//! The machine: the rules of the other files wired together. `connection` moves the lifecycle,
//! `inbound` reads frames, `submit` takes commands; this file holds the state and the interface.

mod commands;
mod connection;
mod frames;
mod teardown;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::command::{Command, ConnectionLoss, Reply, RequestId};
use crate::config::{Config, ReadyGate};
use crate::connect::ConnId;
use crate::event::{Input, Output, SessionUpdate};
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::liveness::{Health, HealthReason, Liveness, Verdict};
use crate::pending::{Requests, RestRequests, Wait};
use crate::random::{Backoff, Random};
use crate::rest::{RestOutcome, RestRequest, RestRequestId, SessionNeed};
use crate::session::Session;
use crate::state::SubscriptionState;
use crate::subscriptions::{Context, SubscriptionInfo, Table, WritePermission};
use crate::time::Instant;
use crate::timer::{Timer, Timers};

use teardown::Teardown;

/// The protocol, as a pure state machine: inputs and time go in, actions, events and answers come
/// out.
///
/// The contract, in three kinds of calls:
///
/// * [`handle`](Self::handle) and [`submit`](Self::submit) put something in. Both are total: they
///   never fail, never panic and never block, whatever comes and in whatever order. Both take the
///   present time; time that runs backwards is taken as standing still. Timers that are due fire
///   first.
/// * [`poll`](Self::poll) takes outputs out, in causal order. They were made when something was put
///   in, so any rhythm of polling gives the same ones. [`poll_timeout`](Self::poll_timeout) says
///   when to come back with [`Input::Tick`] if nothing else happens before.
/// * All other calls look and change nothing.
///
/// Every [`Action`](crate::Action) is an order to whoever holds the socket. A transport input names
/// the connection it is about; one about any connection but the present one is counted and changes
/// nothing.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    now: Instant,
    /// No timer is due before this moment: what a frame has to look at, and nothing more.
    due: Instant,
    random: Random,
    backoff: Backoff,
    state: ConnectionState,
    /// The connection that is dialled, open, or closing.
    conn: Option<ConnId>,
    last_conn: u64,
    /// Dials since the last ready connection.
    attempt: u32,
    /// `Start` has had its success, so that reconnecting has its own limit.
    started: bool,
    /// The wait for the greeting is over.
    gate_expired: bool,
    /// The wait for a first word on authentication is over.
    auth_expired: bool,
    /// The requested end of the connection that is under way.
    teardown: Option<Teardown>,
    timers: Timers,
    session: Session,
    /// What was last told of competing logins, on whichever connection.
    competing: bool,
    liveness: Liveness,
    table: Table,
    requests: Requests,
    rest: RestRequests,
    out: VecDeque<Output>,
    stats: Stats,
}

/// Counters since the machine was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Frames accepted, malformed ones included.
    pub frames: u64,
    /// Of these, malformed.
    pub malformed: u64,
    /// Of these, with bytes that were not UTF-8.
    pub lossy: u64,
    /// Inputs about a connection that was not the present one, or that made no sense in its state.
    pub stale: u64,
    /// Dials begun.
    pub dials: u64,
    /// Texts written.
    pub sent: u64,
    /// Transitions of subscriptions that were refused because the table does not list them; a bug
    /// if not 0.
    pub illegal_transitions: u64,
}

/// A summary of the machine's state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MachineStatus {
    /// State of the connection.
    pub state: ConnectionState,
    /// The present connection.
    pub conn: Option<ConnId>,
    /// Whether the gateway has greeted on it.
    pub greeted: bool,
    /// Whether its session is authenticated; `None` until the gateway reports it.
    pub authenticated: Option<bool>,
    /// Whether another session competes with it; `None` until the gateway reports it.
    pub competing: Option<bool>,
    /// Dials since the last ready connection.
    pub attempt: u32,
    /// Requested subscriptions.
    pub subscriptions: usize,
    /// Requests that wait for their reply.
    pub requests: usize,
    /// REST requests that wait for their result.
    pub rest_requests: usize,
}

/// What the machine will wake up for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum WakeReason {
    /// A timer of the connection.
    Timer(Timer),
    /// Silence must be judged.
    Silence,
    /// A subscription: its confirmation, its next try, its renewal.
    Subscription,
    /// A request has waited long enough.
    Request,
    /// A REST request has.
    Rest,
}

impl Machine {
    /// Later than any clock gets (292 years), and early enough that adding to it never saturates.
    const END_OF_TIME: Instant = Instant::from_nanos(u64::MAX / 2);

    /// A stopped machine. Settings that make no sense are raised to the least that does.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let config = config.floored();
        let now = now.min(Self::END_OF_TIME);
        Self {
            random: Random::new(config.seed),
            backoff: Backoff::new(config.backoff_min, config.backoff_max),
            now,
            due: now,
            state: ConnectionState::Stopped,
            conn: None,
            last_conn: 0,
            attempt: 0,
            started: false,
            gate_expired: false,
            auth_expired: false,
            teardown: None,
            timers: Timers::default(),
            session: Session::default(),
            competing: false,
            liveness: Liveness::new(now),
            table: Table::default(),
            requests: Requests::default(),
            rest: RestRequests::default(),
            out: VecDeque::new(),
            stats: Stats::default(),
            config,
        }
    }

    /// Takes an input, after the timers that are due by `now`.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.advance(now);
        match input {
            // The hot path: a frame of an active subscription moves no timer.
            Input::Frame(conn, raw) => {
                if self.frame(conn, raw) {
                    self.settle();
                }
                return;
            }
            Input::Tick => {}
            Input::Opened(conn) if self.is_now(conn, ConnectionState::Connecting) => self.opened(),
            Input::ConnectFailed(conn, error) if self.is_now(conn, ConnectionState::Connecting) => {
                self.lose(ConnectionLoss::Connect(error), false)
            }
            Input::Closed(conn, code) if self.conn == Some(conn) => self.closed(code),
            Input::Pong(conn) if self.has_socket(conn) => {
                let _ = self.liveness.received(self.now);
                self.liveness.pong(self.now);
                self.watch_pong();
            }
            Input::Pinged(conn) if self.has_socket(conn) => drop(self.liveness.received(self.now)),
            Input::RestDone(id, done) => {
                self.on_rest_result(id, if done { RestOutcome::Done } else { RestOutcome::Failed })
            }
            Input::Session(conn, news) if self.has_socket(conn) => match news {
                SessionUpdate::Sent => self.timers.set(Timer::Session, None),
                SessionUpdate::Unavailable => self.session_missing(),
                SessionUpdate::Changed if self.state != ConnectionState::Closing => {
                    self.lose(ConnectionLoss::SessionChanged, true)
                }
                SessionUpdate::Changed => {}
            },
            _ => self.stats.stale += 1,
        }
        self.settle();
    }

    /// Takes a request and gives it its number. The answer comes as [`Output::Done`], exactly once;
    /// it may be there already when this returns.
    pub fn submit(&mut self, now: Instant, command: Command) -> RequestId {
        self.advance(now);
        let id = self.requests.issue();
        if let Some(result) = self.command(id, command).transpose() {
            self.out.push_back(Output::Done(id, result));
        }
        self.settle();
        id
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call again at the latest: now, while there are outputs; `None` if nothing is
    /// pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.out.is_empty() { self.next_wake().map(|(at, _)| at) } else { Some(self.now) }
    }

    /// The next moment at which the machine acts by itself, and for what.
    #[must_use]
    pub fn next_wake(&self) -> Option<(Instant, WakeReason)> {
        let timer = self.timers.next().map(|(at, timer)| (at, WakeReason::Timer(timer)));
        let silence = self.silence_deadline().map(|at| (at, WakeReason::Silence));
        let subscription = self.table.next_deadline().map(|at| (at, WakeReason::Subscription));
        let request = self.requests.next_deadline().map(|at| (at, WakeReason::Request));
        let rest = self.rest.next_deadline().map(|at| (at, WakeReason::Rest));
        [timer, silence, subscription, request, rest].into_iter().flatten().min()
    }

    /// A summary of the machine's state.
    #[must_use]
    pub fn status(&self) -> MachineStatus {
        MachineStatus {
            state: self.state,
            conn: self.conn,
            greeted: self.session.greeted,
            authenticated: self.session.authenticated,
            competing: self.session.competing,
            attempt: self.attempt,
            subscriptions: self.table.len(),
            requests: self.requests.len(),
            rest_requests: self.rest.len(),
        }
    }

    /// How well the connection is at `now`.
    #[must_use]
    pub fn health(&self, now: Instant) -> Health {
        let now = now.max(self.now);
        if !self.state.has_socket() {
            return Health { healthy: false, reason: HealthReason::NotConnected, ages: None };
        }
        let reason = if now >= self.liveness.deadline(&self.config) {
            HealthReason::Silent
        } else if self.liveness.pong_deadline(&self.config).is_some_and(|at| now >= at) {
            HealthReason::PongMissing
        } else if self.state != ConnectionState::Ready {
            HealthReason::NotReady
        } else {
            HealthReason::Fine
        };
        Health { healthy: reason == HealthReason::Fine, reason, ages: Some(self.liveness.ages(now)) }
    }

    /// Every wanted subscription, ordered by its text.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionInfo> {
        self.table.infos().collect()
    }

    /// State of one subscription; `None` if it is not wanted.
    #[must_use]
    pub fn subscription(&self, key: &SubscriptionKey) -> Option<SubscriptionState> {
        self.table.state(key)
    }

    /// Returns `true` if this `Subscribe` request still holds its subscription.
    #[must_use]
    pub fn holds(&self, request: RequestId) -> bool {
        self.table.holds(request)
    }

    /// Returns `true` if this REST request still waits for its result.
    #[must_use]
    pub fn is_rest_pending(&self, request: RestRequestId) -> bool {
        self.rest.is_pending(request)
    }

    /// Server id → conid of the histories of this connection; `None` for keys that have none.
    #[must_use]
    pub fn server_ids(&self, key: Key) -> Option<BTreeMap<Box<str>, i64>> {
        self.table.server_ids(key)
    }

    /// Returns the counters since the machine was created.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Entries in all tables, indexes and queues together: what a machine that runs for a month
    /// must not have more and more of.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.table.entries() + self.requests.entries() + self.rest.entries() + self.out.len()
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn is_now(&self, conn: ConnId, state: ConnectionState) -> bool {
        self.conn == Some(conn) && self.state == state
    }

    fn has_socket(&self, conn: ConnId) -> bool {
        self.conn == Some(conn) && self.state.has_socket()
    }

    /// Moves the clock and lets everything act that is due.
    fn advance(&mut self, now: Instant) {
        self.now = now.min(Self::END_OF_TIME).max(self.now);
        if self.now < self.due {
            return;
        }
        loop {
            if let Some(timer) = self.timers.take_due(self.now) {
                self.timeout(timer);
            } else if self.silence_deadline().is_some_and(|at| at <= self.now) {
                self.check_staleness();
            } else if let Some((id, wait)) = self.requests.take_overdue(self.now) {
                self.overdue(id, &wait);
            } else if let Some(id) = self.rest.overdue(self.now) {
                self.on_rest_result(id, RestOutcome::TimedOut);
            } else if !self.with_table(|table, cx| table.run_due(cx)) {
                break;
            }
        }
        self.settle();
    }

    /// Notes after a change when something is due next.
    fn settle(&mut self) {
        self.check_drained();
        self.due = self.next_wake().map_or(Self::END_OF_TIME, |(at, _)| at);
    }

    fn overdue(&mut self, id: RequestId, wait: &Wait) {
        match wait {
            Wait::Subscribe(key) => self.with_table(|table, cx| table.on_subscribe_timeout(id, key, cx)),
            _ => drop(self.requests.reply(id, Err(crate::command::CommandError::TimedOut), &mut self.out)),
        }
    }

    /// Ends a REST request and does what follows it.
    fn on_rest_result(&mut self, id: RestRequestId, outcome: RestOutcome) {
        match self.rest.finish(id, outcome, &mut self.out) {
            Some(RestRequest::Prime(key)) => self.with_table(|table, cx| table.on_primed(&key, cx)),
            Some(RestRequest::Reconcile { key, since }) => {
                self.with_table(|table, _| table.on_reconciled(&key, since, outcome))
            }
            Some(RestRequest::Session(SessionNeed::Missing)) if outcome == RestOutcome::Done => {
                self.reply_with_session()
            }
            Some(RestRequest::Session(_) | RestRequest::Prompt(_)) => {}
            None => self.stats.stale += 1,
        }
    }

    /// There is none to send.
    fn session_missing(&mut self) {
        self.timers.set(Timer::Session, None);
        self.request_session(SessionNeed::Missing);
    }

    /// Requests from the REST handler a session that the gateway takes.
    fn request_session(&mut self, need: SessionNeed) {
        if self.state != ConnectionState::Closing && self.teardown.is_none() {
            self.rest.send(RestRequest::Session(need), self.now + self.config.rest_timeout, &mut self.out);
        }
    }

    fn silence_deadline(&self) -> Option<Instant> {
        matches!(self.state, ConnectionState::Open | ConnectionState::Ready | ConnectionState::Degraded)
            .then(|| self.liveness.deadline(&self.config))
    }

    fn check_staleness(&mut self) {
        match self.liveness.verdict(self.now, &self.config) {
            Verdict::Alive => {}
            Verdict::Probe => {
                self.ping();
                self.liveness.probed(self.now);
            }
            Verdict::Dead => self.lose(ConnectionLoss::Silent, true),
        }
    }

    /// What may be written now.
    fn write_permission(&self) -> WritePermission {
        match self.state {
            ConnectionState::Ready if self.teardown.is_none() => WritePermission::All,
            ConnectionState::Ready | ConnectionState::Degraded => WritePermission::UnsubscribeOnly,
            _ => WritePermission::None,
        }
    }

    /// Lets the subscription rules act.
    fn with_table<R>(&mut self, act: impl FnOnce(&mut Table, &mut Context<'_>) -> R) -> R {
        let permission = self.write_permission();
        let before = self.out.len();
        let mut cx = Context {
            now: self.now,
            conn: self.conn,
            permission,
            dials: self.stats.dials,
            last_received: self.liveness.last_received(),
            config: &self.config,
            random: &mut self.random,
            requests: &mut self.requests,
            rest: &mut self.rest,
            out: &mut self.out,
            illegal_transitions: &mut self.stats.illegal_transitions,
        };
        let result = act(&mut self.table, &mut cx);
        let texts =
            self.out.iter().skip(before).filter(|out| matches!(out, Output::Action(crate::Action::SendText { .. })));
        self.stats.sent += texts.count() as u64;
        result
    }

    fn reply_to_start(&mut self, result: &Result<Reply, crate::command::CommandError>) {
        self.requests.reply_all(|wait| *wait == Wait::Start, result, &mut self.out);
    }

    fn gate_is_open(&self) -> bool {
        self.session.greeted
            || match self.config.ready_gate {
                ReadyGate::Off => true,
                // A gateway that said it waits for a session is not merely silent.
                ReadyGate::Wait(_) => self.gate_expired && !self.session.awaited,
                ReadyGate::Strict => false,
            }
    }
}
