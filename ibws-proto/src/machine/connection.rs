//! The rules of the connection: dial, open, lose, close, back off, give up.

use core::time::Duration;

use super::Machine;
use super::gate::Gate;
use super::teardown::Ended;
use crate::command::{CommandError, ConnectionLoss, GapCause};
use crate::config::ReadyGate;
use crate::connect::{CloseCause, ConnId, ConnectError, ConnectErrorKind};
use crate::event::{Action, Event, Output, StateChange};
use crate::lifecycle::{self, ConnectionState, Trigger};
use crate::liveness::Liveness;
use crate::pending::Wait;
use crate::random::doubled;
use crate::session::Session;
use crate::subscriptions::WritePermission;
use crate::timer::Timer;

/// The first and the longest pause after an upgrade that the gateway refused, once the machine was
/// connected.
const REFUSED_PAUSE: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(300));
/// The longest pause that a peer may ask for with `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

impl Machine {
    /// Makes a transition of the lifecycle table, and emits it.
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

    /// The socket is open, which shows nothing yet: the gateway accepts connections while its
    /// backend is away (docs/protocol.md §1.8).
    pub(super) fn on_opened(&mut self) {
        self.stats.connections += 1;
        self.session = Session::default();
        self.liveness = Liveness::new(self.now);
        self.gate = Gate::default();
        self.refused_dials = 0;
        self.timers.clear();
        self.timers.set(Timer::FirstFrame, self.now + self.first_frame_timeout());
        if let ReadyGate::Wait(wait) = self.config.ready_gate {
            self.timers.set(Timer::Gate, self.now + wait.max(Duration::from_millis(1)));
        }
        self.timers.set(Timer::Ping, self.config.ping_interval.map(|span| self.now + span));
        self.enter(Trigger::Opened, None, None);
        self.update_permission();
    }

    /// Grows by half with each silent connection in a row, to three times at most.
    fn first_frame_timeout(&self) -> Duration {
        let first = self.config.first_frame_timeout;
        (0..self.silent_connections.min(3))
            .fold(first, |span, _| span.saturating_mul(3) / 2)
            .min(first.saturating_mul(3))
    }

    pub(super) fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Connect => {
                let detail = alloc::format!("no connection within {:?}", self.config.connect_timeout);
                self.give_up(ConnectionLoss::Connect(ConnectError::new(ConnectErrorKind::TimedOut, detail)));
            }
            Timer::FirstFrame => {
                self.silent_connections = self.silent_connections.saturating_add(1);
                self.give_up(ConnectionLoss::NoFirstFrame);
            }
            Timer::Gate => self.on_gate_timeout(),
            Timer::Pieces => self.on_pieces_timeout(),
            Timer::Greeting => self.redial(ConnectionLoss::NotGreeted),
            Timer::Redial => self.on_redial_timer(),
            // A gateway that waits for a session has not shown that it serves one.
            Timer::Authenticated if !self.session.awaited => self.redials = 0,
            Timer::Authenticated => {}
            Timer::Auth => self.on_auth_timeout(),
            Timer::Session => self.on_session_unavailable(),
            Timer::Backoff => self.dial(),
            Timer::Stable => self.backoff.reset(),
            Timer::Tic => self.on_tic_timer(),
            Timer::Ping => self.on_ping_timer(),
            Timer::Pong => self.give_up(ConnectionLoss::PongMissing),
            Timer::Close => {
                self.abandon();
                self.torn_down(Ended::Abandoned);
            }
            Timer::Drain => self.on_drain_timeout(),
        }
    }

    pub(super) fn abandon(&mut self) {
        if let Some(conn) = self.conn {
            self.out.push_back(Output::Action(Action::Abandon { conn }));
        }
    }

    /// The connection ended, by its peer or by itself.
    pub(super) fn on_closed(&mut self, cause: CloseCause) {
        match self.state {
            ConnectionState::Closing => self.torn_down(Ended::Cleanly),
            _ => self.lose(cause.into()),
        }
    }

    /// Abandons the connection, because it cannot be relied on.
    pub(super) fn give_up(&mut self, cause: ConnectionLoss) {
        self.abandon();
        self.lose(cause);
    }

    /// The connection is lost without a request to end it.
    pub(super) fn lose(&mut self, cause: ConnectionLoss) {
        if self.teardown.is_some() {
            return self.torn_down(Ended::Abandoned);
        }
        self.release_connection(&cause);
        let restart = if cause.is_close() { self.config.restart_on_close } else { self.config.restart_on_critical };
        if !restart && self.started {
            let lost = CommandError::ConnectionLost(cause.clone());
            self.reply_to_start(&Err(lost.clone()));
            self.fail_waiting_for_ready(&lost);
            return self.stop(Some(cause.into()));
        }
        self.back_off(cause);
    }

    /// Clears what was bound to the connection, and replies to what waited on it.
    pub(super) fn release_connection(&mut self, cause: &ConnectionLoss) {
        self.timers.clear();
        self.permission = WritePermission::None;
        self.requests.reply_all(
            |wait| *wait == Wait::Tic,
            &Err(CommandError::ConnectionLost(cause.clone())),
            &mut self.out,
        );
        // The lost connection's own number stays in the context, so that nothing can be written to
        // a later one.
        let complete_until = self.release_pieces();
        self.with_table(|table, cx| {
            cx.last_received = complete_until.unwrap_or(cx.last_received);
            table.on_lost(cause, cx);
        });
        self.rest.supersede_all(&mut self.out);
        self.conn = None;
        self.session = Session::default();
        self.gate = Gate::default();
    }

    pub(super) fn stop(&mut self, cause: Option<GapCause>) {
        self.timers.clear();
        self.started = false;
        self.attempt = 0;
        self.enter(Trigger::Stop, cause, None);
    }

    /// Waits for the next dial, or gives up.
    pub(super) fn back_off(&mut self, cause: ConnectionLoss) {
        let limit = if self.started { self.config.max_reconnect_attempts } else { self.config.max_connection_attempts };
        let error = match &cause {
            ConnectionLoss::Connect(error) => error.clone(),
            other => ConnectError::new(ConnectErrorKind::Protocol, alloc::format!("{other}")),
        };
        let refused = error.kind.is_refusal();
        let attempts = self.attempt;
        let failure = || match error.kind {
            ConnectErrorKind::AuthenticationRequired => CommandError::AuthenticationRequired(error.clone()),
            _ => CommandError::GaveUp { attempts, last: error.clone() },
        };
        // A certificate that is not trusted stays so; once connected, the machine goes on trying.
        let hopeless = cause.is_trust() && !self.started;
        if hopeless || limit.is_some_and(|limit| self.attempt >= limit) {
            let failure = failure();
            self.reply_to_start(&Err(failure.clone()));
            self.fail_waiting_for_ready(&failure);
            return self.stop(Some(cause.into()));
        }
        if self.started && self.config.max_connection_attempts.is_some_and(|limit| attempts.max(self.redials) >= limit)
        {
            // A later `Start` has the same limit as the first; the machine itself goes on.
            self.reply_to_start(&Err(failure()));
        }
        if cause.is_trust() {
            self.fail_waiting_for_ready(&failure());
        }
        let mut delay = self.backoff.next(&mut self.random).max(Duration::from_millis(1));
        if refused && self.started {
            let pause = doubled(REFUSED_PAUSE.0, self.refused_dials, REFUSED_PAUSE.1);
            self.refused_dials = self.refused_dials.saturating_add(1);
            delay = pause - self.random.up_to(pause / 10);
        }
        delay = delay.max(error.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER));
        self.timers.set(Timer::Backoff, self.now + delay);
        self.enter(Trigger::Lost, Some(cause.into()), Some(delay));
    }
}
