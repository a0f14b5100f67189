//! The machine: wires the rules of the other files together. `connection` dials, loses and backs
//! off, `gate` decides from what a connection has shown what may be written, `keepalive` probes and
//! pings, `session` serves REST and session requests, `teardown` ends a connection on request,
//! `frames` reads frames, `commands` takes requests. This file holds the state and the interface;
//! `status` describes both.

mod commands;
mod connection;
mod frames;
mod gate;
mod keepalive;
mod pieces;
mod reading;
mod session;
mod status;
mod teardown;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::command::{Command, CommandError, ConnectionLoss, Reply, RequestId};
use crate::config::Config;
use crate::connect::ConnId;
use crate::event::{Action, Input, Output};
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::liveness::Liveness;
use crate::pending::{Requests, RestRequests, Wait};
use crate::random::{Backoff, Random};
use crate::rest::RestRequestId;
use crate::session::Session;
use crate::state::SubscriptionState;
use crate::subscriptions::{Context, SubscriptionInfo, Table, WritePermission};
use crate::time::Instant;
use crate::timer::Timers;

use gate::Gate;
use pieces::Pieces;
use reading::Reading;
pub use status::{MachineStatus, Stats, UpdatedSample, WakeReason};
use teardown::Teardown;

/// The protocol, as a pure state machine: inputs and time go in; actions, events and replies come
/// out.
///
/// The contract has three kinds of calls:
///
/// * [`handle`](Self::handle) and [`submit`](Self::submit) put something in. Both are total: they
///   never fail, panic or block, whatever comes in and in whatever order. Both take the present
///   time; time that runs backwards counts as standing still. Timers that are due fire first.
/// * [`poll`](Self::poll) takes outputs out, in causal order. They were made when something was put
///   in, so the rhythm of polling does not change them. [`poll_timeout`](Self::poll_timeout)
///   returns when to come back with [`Input::Tick`] if nothing else happens before.
/// * All other calls read and change nothing.
///
/// Each [`Action`] is an operation that the holder of the socket must perform. A transport input
/// names its connection; one about another connection than the present one is counted and changes
/// nothing.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    now: Instant,
    /// No timer is due before this moment, which is all that a frame has to compare.
    due: Instant,
    random: Random,
    backoff: Backoff,
    state: ConnectionState,
    /// The connection that is dialled, open, or closing.
    conn: Option<ConnId>,
    last_conn: u64,
    /// Dials since the last ready connection.
    attempt: u32,
    /// `Start` has succeeded, so that reconnecting has its own limit.
    started: bool,
    /// What the present connection has shown.
    gate: Gate,
    permission: WritePermission,
    /// Connections in a row that sent no frame.
    silent_connections: u32,
    /// Dials made because the session stayed unauthenticated, since it was last ready for long
    /// enough.
    redials: u32,
    /// Upgrades in a row that the gateway refused; the pauses after them grow.
    refused_dials: u32,
    /// The requested end of the connection that is under way.
    teardown: Option<Teardown>,
    timers: Timers,
    session: Session,
    /// Whether another login competes, as last reported, on whichever connection.
    competing: bool,
    liveness: Liveness,
    /// Frames that may be the pieces of one message.
    pieces: Pieces,
    table: Table,
    requests: Requests,
    rest: RestRequests,
    /// The message of the last frame, which may wait in front of `out`.
    reading: Reading,
    out: VecDeque<Output>,
    stats: Stats,
    /// No market data is sampled for [`Stats::updated`] before this moment.
    next_sample: Instant,
}

impl Machine {
    /// Later than any clock gets (292 years), and early enough that adding to it never saturates.
    const END_OF_TIME: Instant = Instant::from_nanos(u64::MAX / 2);

    /// Makes a stopped machine. Settings that make no sense are raised to the least that does.
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
            gate: Gate::default(),
            permission: WritePermission::None,
            silent_connections: 0,
            redials: 0,
            refused_dials: 0,
            teardown: None,
            timers: Timers::default(),
            session: Session::default(),
            competing: false,
            liveness: Liveness::new(now),
            pieces: Pieces::default(),
            table: Table::default(),
            requests: Requests::default(),
            rest: RestRequests::default(),
            reading: Reading::default(),
            out: VecDeque::new(),
            stats: Stats::default(),
            next_sample: now,
            config,
        }
    }

    /// Takes an input, after the timers that are due by `now`.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.advance(now);
        match input {
            // The hot path: a frame of an active subscription moves no timer.
            Input::Frame(conn, raw) => {
                if self.on_frame(conn, raw) {
                    self.settle();
                }
                return;
            }
            Input::Tick => {}
            Input::Opened(conn) if self.is_now(conn, ConnectionState::Connecting) => self.on_opened(),
            Input::ConnectFailed(conn, error) if self.is_now(conn, ConnectionState::Connecting) => {
                self.lose(ConnectionLoss::Connect(error))
            }
            Input::Closed(conn, cause) if self.conn == Some(conn) => self.on_closed(cause),
            // Neither shows that the gateway's backend is there: the gateway handles pings itself
            // (docs/protocol.md §1.8).
            Input::Pong(conn) if self.has_socket(conn) => self.on_pong(),
            Input::Pinged(conn) if self.has_socket(conn) => {}
            Input::RestDone(id, result) => self.on_rest_done(id, result),
            Input::Session(conn, update) if self.has_socket(conn) => self.on_session_update(update),
            _ => self.stats.stale += 1,
        }
        self.settle();
    }

    /// Takes a request and returns its number. The reply comes as [`Output::Done`], exactly once;
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

    /// Takes out the next output.
    #[inline]
    pub fn poll(&mut self) -> Option<Output> {
        match self.reading.take() {
            Some(message) => Some(Output::Event(message)),
            None => self.out.pop_front(),
        }
    }

    /// Hands the place of the next output to `deliver` if that is the message of the frame that was
    /// handled last, and returns whether it is. `deliver` takes the event out or loses it.
    #[cfg(feature = "client")]
    #[inline]
    pub(crate) fn deliver_message(&mut self, deliver: impl FnOnce(&mut crate::event::Event)) -> bool {
        self.reading.deliver(deliver)
    }

    /// Returns when to call again at the latest: now, while there are outputs; `None` if nothing is
    /// pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_idle = self.out.is_empty() && !self.reading.waits;
        if is_idle { self.next_wake().map(|(at, _)| at) } else { Some(self.now) }
    }

    /// Returns the next moment at which the machine acts by itself, and what for.
    #[must_use]
    pub fn next_wake(&self) -> Option<(Instant, WakeReason)> {
        let timer = self.timers.next().map(|(at, timer)| (at, WakeReason::Timer(timer)));
        let silence = self.silence_deadline().map(|at| (at, WakeReason::Silence));
        let subscription = self.table.next_deadline().map(|at| (at, WakeReason::Subscription));
        let request = self.requests.next_deadline().map(|at| (at, WakeReason::Request));
        let rest = self.rest.next_deadline().map(|at| (at, WakeReason::Rest));
        [timer, silence, subscription, request, rest].into_iter().flatten().min()
    }

    /// Lists every requested subscription, ordered by its text.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionInfo> {
        self.table.infos().collect()
    }

    /// Returns the state of one subscription; `None` if it is not requested.
    #[must_use]
    pub fn subscription(&self, key: &SubscriptionKey) -> Option<SubscriptionState> {
        self.table.state(key)
    }

    /// Returns `true` while this `Subscribe` request holds its subscription.
    #[must_use]
    pub fn holds(&self, request: RequestId) -> bool {
        self.table.holds(request)
    }

    /// Returns `true` while this attempt at a REST request waits for its result.
    #[must_use]
    pub fn is_rest_pending(&self, request: RestRequestId) -> bool {
        self.rest.is_pending(request)
    }

    /// Maps the server ids of this connection's histories to their conids; `None` for keys that
    /// have no such ids.
    #[must_use]
    pub fn server_ids(&self, key: Key) -> Option<BTreeMap<Box<str>, Option<i64>>> {
        self.table.server_ids(key)
    }

    /// Counts the entries in all tables, indexes and queues together. A machine that runs for a
    /// month must not have more and more of them. What is remembered of orders and executions has a
    /// limit of its own and is not counted.
    #[must_use]
    pub fn entries(&self) -> usize {
        let outputs = self.out.len() + usize::from(self.reading.waits);
        self.table.entries() + self.requests.entries() + self.rest.entries() + self.pieces.len() + outputs
    }

    /// Returns the settings in force.
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

    /// Moves the clock and runs everything that is due.
    fn advance(&mut self, now: Instant) {
        self.now = now.min(Self::END_OF_TIME).max(self.now);
        if self.now < self.due {
            return;
        }
        loop {
            if let Some(timer) = self.timers.take_due(self.now) {
                self.on_timer(timer);
            } else if self.silence_deadline().is_some_and(|at| at <= self.now) {
                self.check_silence();
            } else if let Some((id, wait)) = self.requests.take_overdue(self.now) {
                self.on_request_timeout(id, &wait);
            } else if !self.run_rest() && !self.with_table(|table, cx| table.run_due(cx)) {
                break;
            }
        }
        self.settle();
    }

    /// After a change: ends a drain that has nothing left to wait for, and computes when something
    /// is due next.
    fn settle(&mut self) {
        self.check_drained();
        self.check_redial();
        self.check_waiting_for_ready();
        self.due = self.next_wake().map_or(Self::END_OF_TIME, |(at, _)| at);
    }

    fn on_request_timeout(&mut self, id: RequestId, wait: &Wait) {
        match wait {
            Wait::Subscribe(key) => self.with_table(|table, cx| table.on_subscribe_timeout(id, key, cx)),
            _ => drop(self.requests.reply(id, Err(CommandError::TimedOut), &mut self.out)),
        }
    }

    /// Lets the subscription rules act.
    fn with_table<R>(&mut self, act: impl FnOnce(&mut Table, &mut Context<'_>) -> R) -> R {
        let before = self.out.len();
        let mut cx = Context {
            now: self.now,
            conn: self.conn,
            permission: self.permission,
            authenticated: self.session.authenticated,
            dials: self.stats.dials,
            last_received: self.pieces.complete_until().unwrap_or(self.liveness.last_frame()),
            config: &self.config,
            random: &mut self.random,
            requests: &mut self.requests,
            rest: &mut self.rest,
            out: &mut self.out,
            illegal_transitions: &mut self.stats.illegal_transitions,
            gaps: &mut self.stats.gaps,
        };
        let result = act(&mut self.table, &mut cx);
        let texts = self.out.iter().skip(before).filter(|out| matches!(out, Output::Action(Action::SendText { .. })));
        self.stats.sent += texts.count() as u64;
        result
    }

    fn reply_to_start(&mut self, result: &Result<Reply, CommandError>) {
        self.requests.reply_all(|wait| *wait == Wait::Start, result, &mut self.out);
    }
}
