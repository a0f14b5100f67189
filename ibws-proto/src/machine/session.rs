//! The session and the REST requests: replies to `waiting for session`, and what follows from the
//! end of a request.

use super::Machine;
use crate::command::ConnectionLoss;
use crate::event::{Action, Output, SessionUpdate};
use crate::lifecycle::ConnectionState;
use crate::pending::report_rest;
use crate::rest::{RestOutcome, RestRequest, RestRequestId, RestResult, SessionNeed};
use crate::timer::Timer;

/// Replies to `waiting for session` on one connection; a gateway that asks more often will not be
/// satisfied.
const SESSION_REPLIES: u32 = 5;

impl Machine {
    pub(super) fn on_session_update(&mut self, update: SessionUpdate) {
        match update {
            SessionUpdate::Sent => self.timers.set(Timer::Session, None),
            SessionUpdate::Unavailable => self.on_session_unavailable(),
            SessionUpdate::Changed if self.state != ConnectionState::Closing => {
                self.give_up(ConnectionLoss::SessionChanged)
            }
            SessionUpdate::Changed => {}
        }
    }

    /// There is no session to send: it is requested over REST.
    pub(super) fn on_session_unavailable(&mut self) {
        self.timers.set(Timer::Session, None);
        if self.session.awaited {
            self.require_session(SessionNeed::Missing);
        }
    }

    /// Requests over REST a session that the gateway takes.
    pub(super) fn require_session(&mut self, need: SessionNeed) {
        if self.state != ConnectionState::Closing && self.teardown.is_none() {
            self.require(RestRequest::Session(need));
        }
    }

    /// Registers that a REST request is needed. Without a REST handler, reports once that there is
    /// none.
    pub(super) fn require(&mut self, request: RestRequest) {
        let timeout = self.config.rest_timeout;
        self.rest.require(request, timeout, self.config.rest_handler, self.now, &mut self.out);
    }

    /// Sends the session, only when the gateway asks for it: an authorised socket replies to it
    /// with an error (docs/protocol.md §1.2).
    pub(super) fn reply_with_session(&mut self) {
        if !self.session.awaited || self.state == ConnectionState::Closing {
            return;
        }
        if self.session.replies >= SESSION_REPLIES {
            let request = RestRequest::Session(SessionNeed::Missing);
            return report_rest(None, request, RestOutcome::TooMany, None, None, &mut self.out);
        }
        if let Some(conn) = self.conn {
            self.session.replies += 1;
            self.timers.set(Timer::Session, self.now + self.config.rest_timeout);
            self.out.push_back(Output::Action(Action::SendSession { conn }));
        }
    }

    /// An attempt at a REST request has ended.
    pub(super) fn on_rest_done(&mut self, id: RestRequestId, result: RestResult) {
        match self.rest.done(id, result, self.now, &mut self.random, &mut self.out) {
            Some((request, outcome)) => self.on_rest_outcome(&request, outcome),
            None => self.stats.stale += 1,
        }
    }

    /// Starts and ends attempts at REST requests whose time has come. Returns whether one has
    /// ended.
    pub(super) fn run_rest(&mut self) -> bool {
        let Some((request, outcome)) = self.rest.take_overdue(self.now, &mut self.random, &mut self.out) else {
            return false;
        };
        self.on_rest_outcome(&request, outcome);
        true
    }

    fn on_rest_outcome(&mut self, request: &RestRequest, outcome: RestOutcome) {
        let done = outcome == RestOutcome::Done;
        match request {
            RestRequest::Prime(key) => self.with_table(|table, cx| table.on_primed(key, done, cx)),
            RestRequest::Reconcile { key, since } => {
                self.with_table(|table, _| table.on_reconciled(key, *since, outcome))
            }
            RestRequest::Session(SessionNeed::Missing) if done => self.reply_with_session(),
            RestRequest::Session(SessionNeed::Unauthenticated) if done => self.on_session_restored(),
            RestRequest::Session(_) | RestRequest::Prompt(_) => {}
        }
    }
}
