//! The brokerage session: how it is lost, opened over REST, and reset each day (docs/protocol.md
//! §8.1, §8.4).

use core::time::Duration;

use ibws_proto::Instant;
use serde_json::Value;

use super::agenda::Due;
use super::connection::{Connection, Kind};
use super::rest::RestFault;
use super::{Gateway, RestReply, opening};
use crate::json::Json;

/// How long after the end of a daily reset the gateway opens the session by itself, as it does
/// after a login in the browser.
const LOGIN_AFTER: Duration = Duration::from_secs(30);
/// The replies of `ssodh/init` during a daily reset, each for a minute, over and over.
const RESET_FAULTS: [RestFault; 4] =
    [RestFault::NoBridge, RestFault::NotLoggedIn, RestFault::Internal, RestFault::Unavailable];

/// Returns `true` if the topic of this three-letter name needs the brokerage session.
pub(super) fn is_gated(topic: &str) -> bool {
    !matches!(topic, "spl" | "ssd" | "sld")
}

impl Gateway {
    /// Gains or loses the brokerage session. Every ready connection gets an `sts`, unless
    /// [`set_announcements`](Self::set_announcements) switched that off. The loss ends the
    /// subscriptions that need the session; `spl`, `ssd` and `sld` go on.
    pub fn set_authenticated(&mut self, authenticated: bool) {
        self.config.authenticated = authenticated;
        self.agenda.remove(|due| *due == Due::Authenticate);
        if !authenticated {
            for connection in self.connections.values_mut() {
                connection
                    .streams
                    .retain(|_, stream| matches!(stream.kind, Kind::Pnl | Kind::Summary { .. } | Kind::Ledger { .. }));
                connection.histories.clear();
            }
        }
        if !self.faults.no_announcements {
            self.push_to_ready(&opening::status(&self.config));
        }
    }

    /// Begins or ends the competition of another session. Every ready connection gets an `sts` with
    /// that one key (docs/protocol.md §4.3). While it lasts, `ssodh/init` without `compete` opens
    /// no session.
    pub fn set_competing(&mut self, competing: bool) {
        self.config.competing = competing;
        if !self.faults.no_announcements {
            self.push_to_ready(&opening::partial_status("competing", Json::bool(competing)));
        }
    }

    /// Switches the `sts` frames about changes of the session on or off. While off, a session that
    /// is lost or restored is not announced; new connections still get the present status.
    pub fn set_announcements(&mut self, on: bool) {
        self.faults.no_announcements = !on;
    }

    /// Restores the brokerage session without a word on the open connections, as users have seen it
    /// (docs/protocol.md §4.3).
    pub fn restore_silently(&mut self) {
        let before = core::mem::replace(&mut self.faults.no_announcements, true);
        self.set_authenticated(true);
        self.faults.no_announcements = before;
    }

    /// Logs in again, with another session id. Sockets of the old session still get heartbeats, and
    /// `tic` shows the new id, but their subscriptions end silently (docs/protocol.md §4.1).
    pub fn relogin(&mut self, session: impl Into<String>) {
        self.session = session.into();
        for connection in self.connections.values_mut() {
            end_subscriptions(connection);
        }
    }

    /// Starts the daily reset: the brokerage session ends, and for `span` `ssodh/init` fails with
    /// 400 `no bridge`, 401, 500 and 503 in turn, a minute each. The sockets stay open. After that
    /// `ssodh/init` works, and 30 s later the gateway opens the session by itself.
    pub fn daily_reset(&mut self, span: Duration) {
        self.set_authenticated(false);
        self.reset = Some((self.now, self.now + span));
        self.agenda.remove(|due| *due == Due::EndReset);
        self.agenda.add(self.now + span + LOGIN_AFTER, Due::EndReset);
    }

    /// Makes `ssodh/init` fail in this way; `None` ends that.
    pub fn set_init_fault(&mut self, fault: Option<RestFault>) {
        self.init_fault = fault;
    }

    /// Returns `true` if there is an authenticated brokerage session.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.config.authenticated
    }

    /// Ends a daily reset: the gateway opens the session, unless another one competes.
    pub fn end_reset(&mut self) {
        self.agenda.remove(|due| *due == Due::EndReset);
        self.reset = None;
        if !self.config.authenticated && !self.config.competing {
            self.set_authenticated(true);
        }
    }

    /// Returns `true` during a daily reset, in which `ssodh/init` fails.
    #[must_use]
    pub fn is_in_reset(&self) -> bool {
        self.reset.is_some_and(|(_, ends)| self.now < ends)
    }

    /// `POST /iserver/auth/ssodh/init`. A session takes one to three seconds to open, so the reply
    /// does not show it yet.
    pub(super) fn init(&mut self, body: &Value) -> RestReply {
        let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(false);
        if !flag("publish") {
            return RestReply::error(500, "publish must be true");
        }
        if let Some(fault) = self.init_fault.or_else(|| self.reset_fault()) {
            return fault.reply();
        }
        if self.config.competing && flag("compete") {
            self.set_competing(false);
        }
        if !self.config.authenticated && !self.config.competing && self.agenda.when(&Due::Authenticate).is_none() {
            let at = self.now + self.feed.chance.millis(1_000, 3_000);
            self.agenda.add(at, Due::Authenticate);
        }
        RestReply::json(200, &self.auth_status())
    }

    fn reset_fault(&self) -> Option<RestFault> {
        let (began, ends) = self.reset.filter(|(_, ends)| self.now < *ends)?;
        debug_assert!(began <= ends, "a reset ends after it began");
        let minute = self.now.since(began).as_secs() / 60;
        Some(RESET_FAULTS[minute as usize % RESET_FAULTS.len()])
    }

    /// Returns `true` if the gateway's session is still the one that this connection was opened
    /// with.
    #[must_use]
    pub fn is_of_this_session(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.session == self.session)
    }

    /// Returns `true` if the topic can flow on the connection: its socket is of this session, and
    /// there is a brokerage session if the topic needs one.
    pub(super) fn serves(&self, conn: u64, topic: &str) -> bool {
        (self.config.authenticated || !is_gated(topic)) && self.is_of_this_session(conn)
    }
}

/// The span of a daily reset: when it began and when it ends.
pub(super) type Reset = (Instant, Instant);

fn end_subscriptions(connection: &mut Connection) {
    connection.streams.clear();
    connection.histories.clear();
}
