//! The rules about the states of the connection and their causes.

use ibws_proto::{ConnectionLoss, ConnectionState, GapCause, StateChange};

use super::{Checker, Verdict};
use crate::invariants::evidence::Signs;

impl Checker {
    pub(super) fn state(&mut self, change: &StateChange) -> Verdict {
        let legal = match (self.connection_state, change.state) {
            (
                ConnectionState::Stopped | ConnectionState::Backoff | ConnectionState::Closing,
                ConnectionState::Connecting,
            ) => true,
            (ConnectionState::Connecting, ConnectionState::Open) => true,
            (ConnectionState::Open | ConnectionState::Degraded, ConnectionState::Ready) => true,
            (ConnectionState::Ready, ConnectionState::Degraded) => true,
            (ConnectionState::Open | ConnectionState::Ready | ConnectionState::Degraded, ConnectionState::Closing) => {
                true
            }
            (from, ConnectionState::Backoff) => !matches!(from, ConnectionState::Stopped | ConnectionState::Backoff),
            (from, ConnectionState::Stopped) => from != ConnectionState::Stopped,
            _ => false,
        };
        if !legal {
            return Err(format!("from {:?} to {:?}", self.connection_state, change.state));
        }
        self.connection_state = change.state;
        if let (Some(cause), Some(before)) = (&change.cause, self.before) {
            self.check_cause(cause, before)?;
        }
        match change.state {
            ConnectionState::Ready if !self.live.as_ref().is_some_and(|live| live.has_frame) => {
                return Err("ready without a frame of this connection".into());
            }
            ConnectionState::Ready => self.tries.clear(),
            ConnectionState::Backoff | ConnectionState::Stopped => {
                if let Some((id, request)) = self.rest_requests.first_key_value() {
                    return Err(format!("{id} outlives its connection: {request:?}"));
                }
                if self.live.as_ref().is_some_and(|live| !live.over) {
                    return Err(format!("{:?}, but the connection has not ended", change.state));
                }
                self.live = None;
            }
            _ => {}
        }
        if change.state == ConnectionState::Stopped {
            self.subscriptions.stopped();
            self.started = false;
            self.dials = 0;
        }
        Ok(())
    }

    /// A connection is ended for silence only after silence, and for a missing pong only without
    /// pongs.
    fn check_cause(&self, cause: &GapCause, before: Signs) -> Verdict {
        let silence = self.now.since(before.received);
        match cause {
            GapCause::Connection(ConnectionLoss::Silent) if silence < self.config.silence_limit => {
                Err(format!("silent after {silence:?}"))
            }
            GapCause::Connection(ConnectionLoss::PongMissing) => {
                let age = self.now.since(before.pong);
                let limit = self.config.max_pong_age;
                if limit.is_none_or(|limit| age < limit) { Err(format!("pong missed after {age:?}")) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}
