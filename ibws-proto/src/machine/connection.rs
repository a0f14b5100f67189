//! The rules of the connection: dial, open, enter ready, lose, close, back off, give up.

use core::time::Duration;

use super::Machine;
use super::teardown::Ended;
use crate::command::{CommandError, ConnectionLoss, GapCause, Reply};
use crate::config::ReadyGate;
use crate::connect::{ConnId, ConnectError, ConnectErrorKind};
use crate::event::{Action, Event, Output, StateChange};
use crate::lifecycle::{self, ConnectionState, Trigger};
use crate::liveness::Liveness;
use crate::pending::Wait;
use crate::rest::SessionNeed;
use crate::session::Session;
use crate::timer::Timer;

/// A gateway that refuses the session is asked at most this often.
const AUTHENTICATION_PAUSE: Duration = Duration::from_secs(60);
/// A pause that the peer rest for is not believed beyond this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

impl Machine {
    /// Moves along the table of the lifecycle, and tells.
    pub(super) fn enter(&mut self, trigger: Trigger, cause: Option<GapCause>, delay: Option<Duration>) {
        let Some(state) = lifecycle::next(self.state, trigger) else { return };
        self.state = state;
        let (at, conn, attempt) = (self.now, self.conn, self.attempt);
        self.out.push_back(Output::Event(Event::State(StateChange { at, state, conn, cause, delay, attempt })));
    }

    pub(super) fn dial(&mut self) {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.conn = Some(conn);
        self.attempt = self.attempt.saturating_add(1);
        self.stats.dials += 1;
        self.timers.clear();
        self.timers.set(Timer::Connect, self.now + self.config.connect_timeout);
        self.enter(Trigger::Dial, None, None);
        self.out.push_back(Output::Action(Action::Connect { conn }));
    }

    pub(super) fn opened(&mut self) {
        self.session = Session::default();
        self.liveness = Liveness::new(self.now);
        (self.gate_expired, self.auth_expired) = (false, false);
        self.timers.clear();
        if let ReadyGate::Wait(wait) = self.config.ready_gate {
            self.timers.set(Timer::Gate, self.now + wait.max(Duration::from_millis(1)));
        }
        self.timers.set(Timer::Ping, self.config.ping_interval.map(|span| self.now + span));
        self.enter(Trigger::Opened, None, None);
        if self.config.ready_gate == ReadyGate::Off {
            self.greeted();
        }
    }

    /// The gateway greeted, or need not: `Start` has what it waited for.
    pub(super) fn greeted(&mut self) {
        self.start_succeeded();
        self.timers.set(Timer::Auth, self.now + self.config.auth_wait);
        self.enter_ready_if_allowed();
    }

    fn start_succeeded(&mut self) {
        self.started = true;
        self.reply_to_start(&Ok(Reply::Started));
    }

    /// Ready needs the greeting and an authenticated session.
    pub(super) fn enter_ready_if_allowed(&mut self) {
        let authenticated = self.session.authenticated.unwrap_or(self.auth_expired);
        if !matches!(self.state, ConnectionState::Open | ConnectionState::Degraded)
            || !self.gate_is_open()
            || !authenticated
        {
            return;
        }
        self.timers.set(Timer::Gate, None);
        self.timers.set(Timer::Auth, None);
        self.timers.set(Timer::Stable, self.now + self.config.stable_after);
        self.timers
            .set(Timer::Tic, self.config.tic_interval.map(|span| self.now + self.config.first_tic.unwrap_or(span)));
        self.start_succeeded();
        self.enter(Trigger::Ready, None, None);
        self.with_table(super::Table::on_ready);
        self.attempt = 0;
    }

    /// The session lost its authentication: nothing is sent until it is back, however long that
    /// takes.
    pub(super) fn unauthenticated(&mut self) {
        self.request_session(SessionNeed::Unauthenticated);
        if self.state != ConnectionState::Ready {
            return;
        }
        self.timers.set(Timer::Tic, None);
        self.timers.set(Timer::Stable, None);
        self.enter(Trigger::Unauthenticated, Some(GapCause::Unauthenticated), None);
        self.with_table(super::Table::on_unauthenticated);
    }

    pub(super) fn timeout(&mut self, timer: Timer) {
        match timer {
            Timer::Connect => {
                let detail = alloc::format!("no connection within {:?}", self.config.connect_timeout);
                self.lose(ConnectionLoss::Connect(ConnectError::new(ConnectErrorKind::TimedOut, detail)), true);
            }
            Timer::Gate => {
                // Whoever has not greeted by now has had its time for a word on authentication as
                // well.
                (self.gate_expired, self.auth_expired) = (true, true);
                self.greeted();
            }
            Timer::Auth => {
                self.auth_expired = true;
                self.enter_ready_if_allowed();
            }
            Timer::Session => self.session_missing(),
            Timer::Backoff => self.dial(),
            Timer::Stable => self.backoff.reset(),
            Timer::Tic => {
                self.timers.set(Timer::Tic, self.config.tic_interval.map(|span| self.now + span));
                self.write("tic".into());
            }
            Timer::Ping => {
                self.timers.set(Timer::Ping, self.config.ping_interval.map(|span| self.now + span));
                self.ping();
            }
            Timer::Pong => self.lose(ConnectionLoss::PongMissing, true),
            Timer::Close => {
                self.abandon();
                self.torn_down(Ended::Abandoned);
            }
            Timer::Drain => self.on_drain_timeout(),
        }
    }

    pub(super) fn ping(&mut self) {
        let Some(conn) = self.conn else { return };
        self.out.push_back(Output::Action(Action::Ping { conn }));
        self.liveness.pinged(self.now);
        self.watch_pong();
    }

    /// Keeps the timer of the last pong's age where it belongs.
    pub(super) fn watch_pong(&mut self) {
        let socket = self.state.is_usable();
        self.timers.set(Timer::Pong, self.liveness.pong_deadline(&self.config).filter(|_| socket));
    }

    /// Writes a text if the connection takes any.
    pub(super) fn write(&mut self, text: alloc::string::String) -> bool {
        let Some(conn) = self.conn.filter(|_| self.state == ConnectionState::Ready && self.teardown.is_none()) else {
            return false;
        };
        self.stats.sent += 1;
        self.out.push_back(Output::Action(Action::SendText { conn, text }));
        true
    }

    pub(super) fn abandon(&mut self) {
        if let Some(conn) = self.conn {
            self.out.push_back(Output::Action(Action::Abandon { conn }));
        }
    }

    /// The connection ended, by its peer or by itself.
    pub(super) fn closed(&mut self, code: Option<u16>) {
        match self.state {
            ConnectionState::Closing => self.torn_down(Ended::Cleanly),
            _ => self.lose(code.map_or(ConnectionLoss::Cut, ConnectionLoss::Closed), false),
        }
    }

    /// The connection is lost without having been given up here.
    pub(super) fn lose(&mut self, cause: ConnectionLoss, abandon: bool) {
        if abandon {
            self.abandon();
        }
        if self.teardown.is_some() {
            return self.torn_down(Ended::Abandoned);
        }
        self.release_connection(&cause);
        let restart = if cause.is_close() { self.config.restart_on_close } else { self.config.restart_on_critical };
        if !restart && self.started {
            self.reply_to_start(&Err(CommandError::ConnectionLost(cause.clone())));
            return self.stop(Some(cause.into()));
        }
        self.back_off(cause);
    }

    /// Lets go of everything that was bound to the connection, and answers what waited on it.
    pub(super) fn release_connection(&mut self, cause: &ConnectionLoss) {
        self.timers.clear();
        self.requests.reply_all(
            |wait| *wait == Wait::Tic,
            &Err(CommandError::ConnectionLost(cause.clone())),
            &mut self.out,
        );
        // The lost connection's own number stays in the context, so that nothing can be written to
        // a later one.
        self.with_table(|table, cx| {
            cx.permission = super::WritePermission::None;
            table.on_lost(cause, cx);
        });
        self.rest.supersede_all(&mut self.out);
        self.conn = None;
        self.session = Session::default();
    }

    pub(super) fn stop(&mut self, cause: Option<GapCause>) {
        self.timers.clear();
        self.started = false;
        self.attempt = 0;
        self.enter(Trigger::Stop, cause, None);
    }

    /// Waits for the next dial, or gives up.
    pub(super) fn back_off(&mut self, cause: ConnectionLoss) {
        let refused =
            matches!(&cause, ConnectionLoss::Connect(error) if error.kind == ConnectErrorKind::AuthenticationRequired);
        let limit = if self.started { self.config.max_reconnect_attempts } else { self.config.max_connection_attempts };
        let hopeless = cause.is_trust() && !self.started;
        let error = match &cause {
            ConnectionLoss::Connect(error) => error.clone(),
            other => ConnectError::new(ConnectErrorKind::Protocol, alloc::format!("{other}")),
        };
        if hopeless || (!refused && limit.is_some_and(|limit| self.attempt >= limit)) {
            self.reply_to_start(&Err(CommandError::GaveUp { attempts: self.attempt, last: error }));
            return self.stop(Some(cause.into()));
        }
        if self.started && self.config.max_connection_attempts.is_some_and(|limit| self.attempt >= limit) {
            // A later `Start` has the same limit as the first; the machine itself goes on.
            self.reply_to_start(&Err(CommandError::GaveUp { attempts: self.attempt, last: error.clone() }));
        }
        let mut delay = self.backoff.next(&mut self.random).max(Duration::from_millis(1));
        if refused {
            delay = AUTHENTICATION_PAUSE;
            self.reply_to_start(&Err(CommandError::AuthenticationRequired(error.clone())));
        }
        delay = delay.max(error.retry_after.unwrap_or_default().min(LONGEST_PAUSE));
        self.timers.set(Timer::Backoff, self.now + delay);
        self.enter(Trigger::Lost, Some(cause.into()), Some(delay));
    }
}
