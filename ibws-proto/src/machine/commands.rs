//! Requests: what each command does, and what it is answered if the answer is known at once.

use super::Machine;
use super::teardown::{Goal, Teardown};
use crate::command::{Command, CommandError, Reply, RequestId};
use crate::lifecycle::ConnectionState;
use crate::liveness::HealthReason;
use crate::pending::Wait;
use crate::subscriptions::WritePermission;

impl Machine {
    /// Does what is asked. `Ok(None)`: the answer comes later.
    pub(super) fn command(&mut self, id: RequestId, command: Command) -> Result<Option<Reply>, CommandError> {
        match command {
            Command::Start => Ok(self.start(id)),
            Command::Shutdown { drain } => {
                self.requests.wait(id, Wait::Shutdown, None);
                self.fail_waiting_for_ready(&CommandError::ShutDown);
                self.shut_down(drain);
                Ok(None)
            }
            Command::Disconnect => {
                self.requests.wait(id, Wait::Disconnect, None);
                self.fail_waiting_for_ready(&CommandError::Superseded);
                self.tear_down(Goal::Disconnect);
                Ok(None)
            }
            Command::HardReset { restart } => {
                self.requests.wait(id, Wait::Reset, None);
                self.tear_down(Goal::Reset { restart });
                Ok(None)
            }
            Command::CheckPing => Ok(Some(self.check(&[HealthReason::PongMissing]))),
            Command::CheckHealth => Ok(Some(self.check(&[HealthReason::PongMissing, HealthReason::Silent]))),
            Command::Subscribe(subscribe) => self.with_table(|table, cx| table.subscribe(id, subscribe, cx)),
            Command::Unsubscribe(unsubscribe) => {
                self.with_table(|table, cx| table.unsubscribe(Some(id), unsubscribe, cx))
            }
            Command::Release(holder) => {
                self.with_table(|table, cx| table.release(holder, cx));
                Ok(Some(Reply::Released))
            }
            Command::Modify(modify) => match self.with_table(|table, cx| table.modify(modify, cx)) {
                Err(CommandError::NotReady(_)) => Err(self.not_ready()),
                result => result.map(Some),
            },
            Command::Recreate if self.permission != WritePermission::All => Err(self.not_ready()),
            Command::Recreate => Ok(Some(Reply::Recreated(self.with_table(super::Table::recreate)))),
            Command::Invalidate(key) => {
                self.with_table(|table, cx| table.invalidate(key.as_ref(), cx)).map(|n| Some(Reply::Invalidated(n)))
            }
            Command::WaitReady if self.is_ready() => Ok(Some(Reply::Ready)),
            Command::WaitReady => self.wait_ready(id),
            Command::SendText(text) => {
                if text.is_empty() || text.len() > 65_536 || text.chars().any(char::is_control) {
                    return Err(CommandError::BadText);
                }
                if self.write(text) { Ok(Some(Reply::Sent)) } else { Err(self.not_ready()) }
            }
            Command::Tic => {
                if !self.write("tic".into()) {
                    return Err(self.not_ready());
                }
                self.requests.wait(id, Wait::Tic, Some(self.now + self.config.subscription_timeout));
                Ok(None)
            }
            Command::Cancel(other) => {
                if self.requests.reply(other, Err(CommandError::Cancelled), &mut self.out) {
                    Ok(Some(Reply::Cancelled))
                } else {
                    Err(CommandError::UnknownRequest)
                }
            }
        }
    }

    /// Returns the error of a request that needs a ready connection.
    pub(super) fn not_ready(&self) -> CommandError {
        CommandError::NotReady(match self.health(self.now).reason {
            // It is being closed.
            HealthReason::Fine => HealthReason::NotReady,
            reason => reason,
        })
    }

    /// Waits for a connection on which everything requested may be sent, unless none is to come.
    fn wait_ready(&mut self, id: RequestId) -> Result<Option<Reply>, CommandError> {
        match self.teardown {
            Some(Teardown { goal: Goal::Shutdown, then_start: false }) => return Err(CommandError::ShutDown),
            Some(Teardown { goal: Goal::Disconnect, then_start: false }) => return Err(CommandError::Superseded),
            None if self.state == ConnectionState::Stopped => return Err(self.not_ready()),
            _ => {}
        }
        self.requests.wait(id, Wait::Ready, None);
        Ok(None)
    }

    fn start(&mut self, id: RequestId) -> Option<Reply> {
        if let Some(teardown) = &mut self.teardown {
            teardown.then_start = true;
        } else if self.state == ConnectionState::Stopped {
            self.started = false;
            self.attempt = 0;
            self.backoff.reset();
            self.dial();
        } else if self.started && self.gate.opened {
            return Some(Reply::Started);
        }
        self.requests.wait(id, Wait::Start, None);
        None
    }

    /// True if not connected or nothing of `bad` is the case; otherwise hard reset with restart,
    /// and false.
    fn check(&mut self, bad: &[HealthReason]) -> Reply {
        let health = self.health(self.now);
        let good = !bad.contains(&health.reason) || self.state == ConnectionState::Closing;
        if !good {
            self.tear_down(Goal::Reset { restart: true });
        }
        Reply::Healthy(good)
    }
}
