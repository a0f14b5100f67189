//! The gate: what the connection has shown by its frames, what may be written therefore, and when
//! the connection is ready. A state is reported only because a frame showed it.

use core::time::Duration;

use super::Machine;
use super::teardown::Ended;
use crate::command::{CommandError, ConnectionLoss, GapCause, Reply};
use crate::config::ReadyGate;
use crate::lifecycle::{ConnectionState, Trigger};
use crate::pending::Wait;
use crate::rest::{RestRequest, SessionNeed};
use crate::subscriptions::{Table, WritePermission};
use crate::time::Instant;
use crate::timer::Timer;

/// How long a connection may send frames without greeting, where the gate waits for the greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(60);
/// How long the old connection has to show a restored authentication after the REST handler has
/// reported one.
const RESTORED_WAIT: Duration = Duration::from_secs(5);
/// Pauses before dialling anew for a session that stays unauthenticated; the last one repeats.
const REDIAL_PAUSES: [Duration; 4] = secs([30, 60, 120, 300]);
/// The same while streams flow that need no brokerage session.
const FLOWING_REDIAL_PAUSES: [Duration; 4] = secs([60, 300, 600, 900]);

const fn secs(seconds: [u64; 4]) -> [Duration; 4] {
    let [a, b, c, d] = seconds;
    [Duration::from_secs(a), Duration::from_secs(b), Duration::from_secs(c), Duration::from_secs(d)]
}

/// What one connection has shown, beside its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Gate {
    /// The bounded wait for the greeting is over.
    pub(super) expired: bool,
    /// The bounded wait for the first `sts` is over.
    pub(super) auth_wait_over: bool,
    /// The gate was opened: the greeting came, or need not be waited for any longer.
    pub(super) opened: bool,
    /// The next dial for an unauthenticated session.
    redial: Option<Redial>,
}

/// When the connection is given up because its session stays unauthenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Redial {
    /// When the need for a session began.
    since: Instant,
    /// When the schedule dials anew. The timer is due earlier after the REST handler has reported a
    /// session.
    scheduled: Instant,
    /// The schedule is that of a connection whose other streams flow.
    flowing: bool,
}

impl Machine {
    /// The first frame of a connection arrived, and was applied.
    pub(super) fn on_first_frame(&mut self) {
        self.silent_connections = 0;
        self.timers.set(Timer::FirstFrame, None);
        self.watch_greeting();
        self.check_gate();
    }

    /// Dials anew unless the greeting comes in time.
    pub(super) fn watch_greeting(&mut self) {
        if !self.session.greeted && self.timers.get(Timer::Greeting).is_none() {
            // Dials for this cause share the schedule of those for an unauthenticated session.
            let pause = self.redial_pause(&REDIAL_PAUSES).max(GREETING_LIMIT);
            self.timers.set(Timer::Greeting, self.now + pause);
        }
    }

    /// The gateway greeted: it waits for no session.
    pub(super) fn on_greeting(&mut self) {
        (self.session.greeted, self.session.awaited) = (true, false);
        self.timers.set(Timer::Greeting, None);
        self.timers.set(Timer::Session, None);
        self.rest.cancel(&RestRequest::Session(SessionNeed::Missing), &mut self.out);
        if self.permission != WritePermission::None {
            // Written before the greeting, and so discarded (docs/protocol.md §1.3.4).
            self.with_table(Table::on_late_greeting);
        }
        self.check_gate();
    }

    /// Opens the gate if what the connection has shown allows it.
    pub(super) fn check_gate(&mut self) {
        if self.gate.opened || !self.state.is_usable() || !self.liveness.has_frame() || !self.may_pass_gate() {
            return self.check_ready();
        }
        self.gate.opened = true;
        // The first `sts` follows the greeting, however late that came.
        self.gate.auth_wait_over &= !self.session.greeted;
        self.timers.set(Timer::Gate, None);
        if !self.session.awaited {
            self.timers.set(Timer::Greeting, None);
        }
        self.timers.set(Timer::Auth, self.now + self.config.auth_wait);
        self.timers.set(Timer::Stable, self.now + self.config.stable_after);
        self.started = true;
        self.reply_to_start(&Ok(Reply::Started));
        self.check_ready();
    }

    /// Whether the gate need not wait for the greeting any longer.
    fn may_pass_gate(&self) -> bool {
        self.session.greeted
            || match self.config.ready_gate {
                ReadyGate::Off => true,
                // A gateway that waits for a session is not merely silent.
                ReadyGate::Wait(_) => self.gate.expired && !self.session.awaited,
                ReadyGate::Strict => false,
            }
    }

    /// Whether the brokerage session is authenticated, or nothing was said against it for long
    /// enough.
    fn is_authenticated(&self) -> bool {
        self.session.authenticated.unwrap_or(self.gate.auth_wait_over)
    }

    /// Enters `Ready` if the gate is open and the session is authenticated, and updates the write
    /// permission.
    pub(super) fn check_ready(&mut self) {
        let waits = matches!(self.state, ConnectionState::Open | ConnectionState::Degraded);
        if waits && self.gate.opened && self.is_authenticated() {
            self.timers.set(Timer::Auth, None);
            self.timers.set(Timer::Redial, None);
            self.timers.set(Timer::Authenticated, self.now + self.config.stable_after);
            let first_tic = self.config.tic_interval.map(|span| self.config.first_tic.unwrap_or(span));
            self.timers.set(Timer::Tic, first_tic.map(|span| self.now + span));
            self.enter(Trigger::Ready, None, None);
            self.update_permission();
            self.attempt = 0;
        } else {
            self.update_permission();
        }
    }

    /// The session lost its authentication: topics that need it wait until it is back, however long
    /// that takes.
    pub(super) fn on_unauthenticated(&mut self) {
        if self.state == ConnectionState::Ready {
            self.timers.set(Timer::Tic, None);
            self.timers.set(Timer::Authenticated, None);
            self.enter(Trigger::Unauthenticated, Some(GapCause::Unauthenticated), None);
        }
        self.timers.set(Timer::Auth, None);
        self.rest.end_session();
        self.update_permission();
        self.with_table(Table::watch_summaries);
    }

    /// What may be written now, by what the connection has shown.
    fn current_permission(&self) -> WritePermission {
        let passed = self.gate.opened || self.config.ready_gate == ReadyGate::Off;
        if !self.state.is_usable() || !passed {
            return WritePermission::None;
        }
        if self.teardown.is_some() {
            return WritePermission::UnsubscribeOnly;
        }
        let authenticated = self.session.authenticated.unwrap_or(self.config.ready_gate == ReadyGate::Off);
        if authenticated || (self.session.authenticated.is_none() && self.gate.auth_wait_over) {
            WritePermission::All
        } else {
            WritePermission::Ungated
        }
    }

    /// Lets the subscriptions act on a change of the write permission.
    pub(super) fn update_permission(&mut self) {
        let permission = self.current_permission();
        let before = core::mem::replace(&mut self.permission, permission);
        match (before, self.permission) {
            (before, now) if before == now => {}
            (WritePermission::All, WritePermission::Ungated) => self.with_table(Table::on_unauthenticated),
            (_, WritePermission::All | WritePermission::Ungated) => self.with_table(Table::on_permission),
            (_, WritePermission::UnsubscribeOnly | WritePermission::None) => {}
        }
    }

    /// The wait for the greeting is over.
    pub(super) fn on_gate_timeout(&mut self) {
        // A gateway that has not greeted by now has had its time for the first `sts` as well.
        (self.gate.expired, self.gate.auth_wait_over) = (true, true);
        self.check_gate();
    }

    /// The wait for the first `sts` is over.
    pub(super) fn on_auth_timeout(&mut self) {
        self.gate.auth_wait_over = true;
        self.check_ready();
    }

    /// Keeps the need for a session, and the timer that dials anew, while the session is not
    /// authenticated and a subscription needs it.
    pub(super) fn check_redial(&mut self) {
        let needed = self.session.authenticated == Some(false)
            && self.gate.opened
            && self.state.is_usable()
            && self.teardown.is_none()
            && self.table.needs_brokerage_session();
        let request = RestRequest::Session(SessionNeed::Unauthenticated);
        if !needed {
            self.gate.redial = None;
            self.timers.set(Timer::Redial, None);
            self.rest.cancel(&request, &mut self.out);
            return;
        }
        if self.gate.redial.is_none() {
            self.plan_redial(self.now, self.table.is_ungated_flowing());
        }
        // While the gateway waits for a session, that is requested instead, and its greeting ends
        // it.
        if !self.session.awaited {
            self.require(request);
        }
    }

    /// Starts the timer that dials anew for a session that is needed since `since`.
    fn plan_redial(&mut self, since: Instant, flowing: bool) {
        let scheduled = since + self.redial_pause(if flowing { &FLOWING_REDIAL_PAUSES } else { &REDIAL_PAUSES });
        self.gate.redial = Some(Redial { since, scheduled, flowing });
        self.timers.set(Timer::Redial, scheduled);
    }

    /// Dials anew for an unauthenticated session, unless other streams have begun to flow since the
    /// need began: ending those costs more, so it waits for the longer schedule.
    pub(super) fn on_redial_timer(&mut self) {
        match self.gate.redial {
            Some(Redial { since, scheduled, flowing: false })
                if scheduled <= self.now && self.table.is_ungated_flowing() =>
            {
                self.plan_redial(since, true);
            }
            _ => self.redial(ConnectionLoss::NotAuthenticated),
        }
    }

    /// The pause before the next dial for an unauthenticated session, up to 10 % less.
    fn redial_pause(&mut self, pauses: &[Duration; 4]) -> Duration {
        let pause = pauses.get(self.redials as usize).or(pauses.last()).copied().unwrap_or_default();
        pause.saturating_sub(self.random.up_to(pause / 10))
    }

    /// The REST handler reports that the session is authenticated: this connection has a moment to
    /// show it. Only the first dial of an outage may come sooner than scheduled, so a handler that
    /// is wrong cannot cause a loop.
    pub(super) fn on_session_restored(&mut self) {
        if self.redials == 0 && self.gate.redial.is_some() {
            self.timers.shorten(Timer::Redial, self.now + RESTORED_WAIT);
        }
    }

    /// Data arrived that needs a brokerage session, so this connection may have one after all: the
    /// next dial is as scheduled.
    pub(super) fn on_gated_data(&mut self) {
        if let Some(Redial { scheduled, .. }) = self.gate.redial {
            self.timers.set(Timer::Redial, scheduled);
        }
    }

    /// Dials anew, which counts for no limit of attempts once the machine was connected.
    pub(super) fn redial(&mut self, cause: ConnectionLoss) {
        self.abandon();
        if self.teardown.is_some() {
            return self.torn_down(Ended::Abandoned);
        }
        self.redials = self.redials.saturating_add(1);
        self.release_connection(&cause);
        if self.started {
            self.attempt = 0;
        }
        self.back_off(cause);
    }

    /// Replies to the requests that wait until every requested subscription may be sent.
    pub(super) fn check_waiting_for_ready(&mut self) {
        if self.is_ready() {
            self.requests.reply_all(|wait| *wait == Wait::Ready, &Ok(Reply::Ready), &mut self.out);
        }
    }

    /// Whether every requested subscription may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.liveness.has_frame()
            && match self.permission {
                WritePermission::All => true,
                WritePermission::Ungated => self.table.len() > 0 && !self.table.needs_brokerage_session(),
                WritePermission::UnsubscribeOnly | WritePermission::None => false,
            }
    }

    /// Replies to the requests that wait for a ready connection that will not come.
    pub(super) fn fail_waiting_for_ready(&mut self, error: &CommandError) {
        self.requests.reply_all(|wait| *wait == Wait::Ready, &Err(error.clone()), &mut self.out);
    }
}
