//! The session and the REST requests: replies to `waiting for session`, and what follows from the
//! end of a request.

use super::Machine;
use crate::command::ConnectionLoss;
use crate::event::{Action, Output, SessionUpdate};
use crate::lifecycle::ConnectionState;
use crate::pending::{EndedAttempt, report_rest};
use crate::rest::{
    RestError, RestOutcome, RestReply, RestRequest, RestRequestId, RestResult, SessionNeed, SnapshotReplies,
};
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
        let (result, replies) = if self.rest.is_reconciling(id) { read_snapshot(result) } else { (result, None) };
        match self.rest.done(id, result, self.now, &mut self.random, &mut self.out) {
            Some(ended) => self.on_rest_ended(ended, replies),
            None => self.stats.stale += 1,
        }
    }

    /// Starts and ends attempts at REST requests whose time has come. Returns whether one has
    /// ended.
    pub(super) fn run_rest(&mut self) -> bool {
        let Some(ended) = self.rest.take_overdue(self.now, &mut self.random, &mut self.out) else {
            return false;
        };
        self.on_rest_ended(ended, None);
        true
    }

    fn on_rest_ended(&mut self, ended: EndedAttempt, replies: Option<SnapshotReplies>) {
        let done = ended.outcome == RestOutcome::Done;
        match &ended.request {
            RestRequest::Prime(key) => self.with_table(|table, cx| table.on_primed(key, done, cx)),
            RestRequest::Reconcile { .. } => self.with_table(|table, cx| table.on_reconciled(ended, replies, cx)),
            RestRequest::Session(SessionNeed::Missing) if done => self.reply_with_session(),
            RestRequest::Session(SessionNeed::Unauthenticated) if done => self.on_session_restored(),
            RestRequest::Session(_) | RestRequest::Prompt(_) => {}
        }
    }
}

/// Reads the bodies of a snapshot. One that cannot be read is a failure, and one without all orders
/// is incomplete.
fn read_snapshot(result: RestResult) -> (RestResult, Option<SnapshotReplies>) {
    let Ok(RestReply::Snapshot(snapshot)) = result else { return (result, None) };
    match snapshot.read() {
        Ok(replies) if replies.orders.is_snapshot() => (Ok(RestReply::Complete), Some(replies)),
        Ok(_) => (Ok(RestReply::Incomplete), None),
        Err(error) => (Err(RestError::new(alloc::format!("the snapshot of orders: {error}"))), None),
    }
}
