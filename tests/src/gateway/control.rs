//! How a test or a scenario makes a gateway misbehave, and sees what clients did.

use std::collections::BTreeMap;

use super::agenda::Due;
use super::connection::Connection;
use super::{Gateway, GatewayOutput, Received, Scenario, opening};
use crate::json::Json;

/// What lifts a refusal before its count is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// Nothing but [`Gateway::allow`].
    Never,
    /// `GET /iserver/accounts`.
    Accounts,
    /// `GET /iserver/account/orders`.
    Orders,
}

struct Refusal {
    reason: String,
    left: Option<u32>,
    lift: Recovery,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) no_heartbeats: bool,
    pub(super) no_confirmations: bool,
    pub(super) refuses_sessions: bool,
    pub(super) ignores_unsubscribes: bool,
    refusals: BTreeMap<String, Refusal>,
}

impl Faults {
    /// What a scenario refuses from the start.
    pub(super) fn of(scenario: Scenario) -> Self {
        let (topic, reason, left, lift) = match scenario {
            Scenario::RefusedOrders => ("sor", "unable to subscribe", Some(3), Recovery::Orders),
            Scenario::NoAccounts => ("smd", "No accounts", None, Recovery::Accounts),
            _ => return Self::default(),
        };
        let refusal = Refusal { reason: reason.to_owned(), left, lift };
        Self { refusals: BTreeMap::from([(topic.to_owned(), refusal)]), ..Self::default() }
    }

    /// The reason why `topic` is refused this time.
    pub(super) fn refusal(&mut self, topic: &str) -> Option<String> {
        let refusal = self.refusals.get_mut(topic)?;
        match &mut refusal.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        Some(refusal.reason.clone())
    }

    pub(super) fn lift(&mut self, by: Recovery) {
        self.refusals.retain(|_, refusal| refusal.lift != by);
    }
}

impl Gateway {
    /// The brokerage session comes or goes: every open connection gets an `sts`, and without it all subscriptions end.
    pub fn set_authenticated(&mut self, authenticated: bool) {
        self.config.authenticated = authenticated;
        if !authenticated {
            for connection in self.connections.values_mut() {
                end_subscriptions(connection);
            }
        }
        self.tell_ready(&opening::status(&self.config));
    }

    /// Another session competes, or no longer: every open connection gets an `sts` with that one key (docs/protocol.md §4.3).
    pub fn set_competing(&mut self, competing: bool) {
        self.config.competing = competing;
        self.tell_ready(&opening::partial_status("competing", Json::bool(competing)));
    }

    /// The gateway logged in anew: another session id. Sockets of the old session heartbeat on, `tic` shows the new
    /// id, but their subscriptions are dead without a word (docs/protocol.md §4.1).
    pub fn relogin(&mut self, session: impl Into<String>) {
        self.session = session.into();
        for connection in self.connections.values_mut() {
            end_subscriptions(connection);
        }
    }

    /// Refuses the three-letter subscribe `topic` with `reason`, `times` times or, with `None`, until it is lifted:
    /// `{"error":"unable to subscribe","code":500,"topic":"sor"}`, `No accounts` for `smd`.
    pub fn refuse(&mut self, topic: &str, reason: &str, times: Option<u32>, lift: Recovery) {
        let refusal = Refusal { reason: reason.to_owned(), left: times, lift };
        self.faults.refusals.insert(topic.to_owned(), refusal);
    }

    /// Ends a refusal.
    pub fn allow(&mut self, topic: &str) {
        self.faults.refusals.remove(topic);
    }

    /// Switches the heartbeats of all connections.
    pub fn set_heartbeats(&mut self, on: bool) {
        self.faults.no_heartbeats = !on;
    }

    /// While off, subscribes are lost without a word, and unsubscribes take effect unconfirmed.
    pub fn set_confirmations(&mut self, on: bool) {
        self.faults.no_confirmations = !on;
    }

    /// While off, unsubscribes are ignored: the streams go on, and nothing is confirmed.
    pub fn set_unsubscribes(&mut self, on: bool) {
        self.faults.ignores_unsubscribes = !on;
    }

    /// Whether connections to come that bring no valid cookie are asked for their session.
    pub fn set_waiting_for_session(&mut self, on: bool) {
        self.config.waiting_for_session = on;
    }

    /// Whether the gateway's session is still the one that this connection was opened with.
    #[must_use]
    pub fn is_of_this_session(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.session == self.session)
    }

    /// While off, even the right session is answered with `waiting for session`.
    pub fn set_sessions_accepted(&mut self, on: bool) {
        self.faults.refuses_sessions = !on;
    }

    /// Makes a connection half-open: it stays, nothing comes, nothing is heard.
    pub fn mute(&mut self, conn: u64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.is_muted = true;
        }
    }

    /// Ends [`mute`](Self::mute); what was not sent meanwhile is lost.
    pub fn unmute(&mut self, conn: u64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.is_muted = false;
        }
    }

    /// Whether [`mute`](Self::mute) was said of this connection.
    #[must_use]
    pub fn is_muted(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.is_muted)
    }

    /// Closes a connection with a Close frame.
    pub fn close(&mut self, conn: u64, code: u16) {
        self.output(conn, GatewayOutput::Close(code));
    }

    /// Ends a connection without a Close frame.
    pub fn drop_connection(&mut self, conn: u64) {
        self.output(conn, GatewayOutput::Drop);
    }

    /// Sends exactly this on a connection.
    pub fn inject(&mut self, conn: u64, output: GatewayOutput) {
        self.output(conn, output);
    }

    /// Connections that the gateway holds open, in the order of their numbers.
    pub fn connections(&self) -> impl Iterator<Item = u64> {
        self.connections.iter().filter(|(_, connection)| !connection.has_ended).map(|(conn, _)| *conn)
    }

    /// Whether what this connection sends is honoured: `success` was said on it.
    #[must_use]
    pub fn is_ready(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.is_ready && !connection.has_ended)
    }

    /// The subscriptions that this connection holds, as `smd+265598`, `sor`, `sbd+ACCT+CONID`, in their order.
    pub fn subscriptions(&self, conn: u64) -> impl Iterator<Item = &str> {
        self.connections.get(&conn).into_iter().flat_map(|connection| connection.streams.keys().map(String::as_str))
    }

    /// What clients sent, oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Received> {
        self.log.iter()
    }

    /// What is left of a connection's opening burst comes now.
    pub fn send_opening_now(&mut self, conn: u64) {
        let parts = self.agenda.take(|due| matches!(due, Due::Opening(of, _) if *of == conn));
        for due in parts {
            self.agenda.add(self.now, due);
        }
    }

    /// Takes the log out and leaves it empty.
    pub fn take_log(&mut self) -> Vec<Received> {
        self.log.drain(..).collect()
    }

    fn tell_ready(&mut self, text: &str) {
        let ready = self.connections.iter().filter(|(_, connection)| connection.is_ready);
        for conn in ready.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.push(conn, text.to_owned());
        }
    }
}

fn end_subscriptions(connection: &mut Connection) {
    connection.streams.clear();
    connection.histories.clear();
}
