//! Ending the connection on request: a shutdown, a disconnect, a hard reset, and what follows each
//! of them.

use core::time::Duration;

use super::Machine;
use crate::command::{CommandError, ConnectionLoss, Reply};
use crate::event::{Action, Output};
use crate::lifecycle::{ConnectionState, Trigger};
use crate::pending::Wait;
use crate::timer::Timer;

/// The wait for the reply to our Close when shutting down.
const SHUTDOWN_CLOSE: Duration = Duration::from_secs(1);
/// RFC 6455 §7.4.1: normal closure.
const NORMAL: u16 = 1000;

/// A requested end of the connection that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Teardown {
    pub(super) goal: Goal,
    /// `Start` was requested meanwhile: dial again once the connection has ended.
    pub(super) then_start: bool,
}

/// What a teardown is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goal {
    /// Forget the subscriptions and stop.
    Shutdown,
    /// Stop, and keep the subscriptions.
    Disconnect,
    /// Throw the connection away; with `restart`, dial again at once.
    Reset { restart: bool },
}

impl Goal {
    /// What the requests for this goal wait for.
    fn wait(self) -> Wait {
        match self {
            Self::Shutdown => Wait::Shutdown,
            Self::Disconnect => Wait::Disconnect,
            Self::Reset { .. } => Wait::Reset,
        }
    }
}

/// How a connection that was torn down has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// The peer closed it, or there was none.
    Cleanly,
    /// It was abandoned, or lost on the way.
    Abandoned,
}

impl Machine {
    /// Starts a teardown, unless a shutdown is under way: a shutdown is final.
    pub(super) fn tear_down(&mut self, goal: Goal) {
        let other = |wait: &Wait| matches!(wait, Wait::Disconnect | Wait::Reset) && *wait != goal.wait();
        match self.teardown {
            Some(Teardown { goal: Goal::Shutdown, .. }) => {
                let ended = |wait: &Wait| matches!(wait, Wait::Disconnect | Wait::Reset);
                self.requests.reply_all(ended, &Err(CommandError::ShutDown), &mut self.out);
            }
            Some(_) => {
                self.requests.reply_all(other, &Err(CommandError::Superseded), &mut self.out);
                self.begin_teardown(goal);
            }
            None => self.begin_teardown(goal),
        }
    }

    /// Starts a shutdown, which supersedes every other teardown. With `drain`, unsubscribes first.
    pub(super) fn shut_down(&mut self, drain: bool) {
        if let Some(Teardown { goal: Goal::Shutdown, then_start }) = &mut self.teardown {
            // The latest request counts, also against a `Start` between the two.
            *then_start = false;
            return;
        }
        let others = |wait: &Wait| matches!(wait, Wait::Disconnect | Wait::Reset);
        self.requests.reply_all(others, &Err(CommandError::ShutDown), &mut self.out);
        if drain && self.state.is_usable() {
            self.teardown = Some(Teardown { goal: Goal::Shutdown, then_start: false });
            self.update_permission();
            self.timers.set(Timer::Drain, self.now + self.config.drain_timeout);
            self.with_table(crate::subscriptions::Table::drain);
        } else {
            self.begin_teardown(Goal::Shutdown);
        }
    }

    fn begin_teardown(&mut self, goal: Goal) {
        self.teardown = Some(Teardown { goal, then_start: false });
        self.update_permission();
        match self.state {
            ConnectionState::Open | ConnectionState::Ready | ConnectionState::Degraded => {
                let shutdown = goal == Goal::Shutdown;
                self.close(if shutdown { SHUTDOWN_CLOSE } else { self.config.close_timeout });
            }
            ConnectionState::Closing if goal == Goal::Shutdown => {
                self.timers.shorten(Timer::Close, self.now + SHUTDOWN_CLOSE);
            }
            ConnectionState::Closing => {}
            ConnectionState::Connecting => {
                self.abandon();
                self.torn_down(Ended::Abandoned);
            }
            ConnectionState::Stopped | ConnectionState::Backoff => self.torn_down(Ended::Cleanly),
        }
    }

    /// Closes at once when a drain has nothing left to wait for.
    pub(super) fn check_drained(&mut self) {
        if self.teardown.is_some() && self.state.is_usable() && !self.table.is_draining() {
            self.close(SHUTDOWN_CLOSE);
        }
    }

    /// Closes when the wait for the confirmations of a drain is over.
    pub(super) fn on_drain_timeout(&mut self) {
        self.close(SHUTDOWN_CLOSE);
    }

    fn close(&mut self, limit: Duration) {
        let Some(conn) = self.conn else { return };
        self.timers.clear();
        self.rest.supersede_all(&mut self.out);
        self.timers.set(Timer::Pieces, self.pieces.deadline());
        self.timers.set(Timer::Close, self.now + limit);
        self.out.push_back(Output::Action(Action::Close { conn, code: NORMAL }));
        self.enter(Trigger::Close, Some(ConnectionLoss::Requested.into()), None);
        self.update_permission();
    }

    /// The connection has ended as requested: does what the teardown was for.
    pub(super) fn torn_down(&mut self, ended: Ended) {
        let Some(Teardown { goal, then_start }) = self.teardown.take() else { return };
        let before = self.state;
        self.release_connection(&ConnectionLoss::Requested);
        match goal {
            Goal::Shutdown => {
                self.with_table(crate::subscriptions::Table::clear);
                self.stop(None);
                self.requests.reply_all(|wait| *wait == Wait::Shutdown, &Ok(Reply::Stopped), &mut self.out);
                self.fail_start_unless(then_start, CommandError::ShutDown);
            }
            Goal::Disconnect => {
                self.stop(None);
                self.requests.reply_all(|wait| *wait == Wait::Disconnect, &Ok(Reply::Disconnected), &mut self.out);
                self.fail_start_unless(then_start, CommandError::Superseded);
            }
            Goal::Reset { restart } => {
                self.requests.reply_all(|wait| *wait == Wait::Reset, &Ok(Reply::Reset), &mut self.out);
                if !self.reset(restart, before, ended) {
                    return;
                }
                self.fail_start_unless(then_start, CommandError::Superseded);
            }
        }
        if then_start {
            self.dial();
        } else if self.state == ConnectionState::Stopped {
            let error = self.not_ready();
            self.fail_waiting_for_ready(&error);
        }
    }

    /// Goes on after a hard reset. Returns `true` if the machine has stopped.
    fn reset(&mut self, restart: bool, before: ConnectionState, ended: Ended) -> bool {
        if restart && before != ConnectionState::Connecting {
            self.dial();
            return false;
        }
        match before {
            // There was no connection: what was planned stays planned.
            ConnectionState::Stopped => return false,
            ConnectionState::Backoff => {
                self.timers.set(Timer::Backoff, self.now + self.config.backoff_min);
                return false;
            }
            _ => {}
        }
        if restart || ended == Ended::Abandoned || self.config.restart_on_close {
            self.back_off(ConnectionLoss::Requested);
            return false;
        }
        self.stop(Some(ConnectionLoss::Requested.into()));
        true
    }

    fn fail_start_unless(&mut self, then_start: bool, error: CommandError) {
        if !then_start {
            self.reply_to_start(&Err(error));
        }
    }
}
