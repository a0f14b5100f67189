//! Control by tests and scenarios: makes a gateway misbehave, and shows what clients did.

use std::collections::BTreeMap;

use super::agenda::Due;
use super::{Gateway, GatewayOutput, Received, Scenario};

/// The REST call that ends a refusal before its count is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// No call; only [`Gateway::allow`] ends it.
    Never,
    /// `GET /iserver/accounts`.
    Accounts,
    /// `GET /iserver/account/orders`.
    Orders,
}

struct Refusal {
    reason: String,
    /// Refusals that remain; `None` is unlimited.
    remaining: Option<u32>,
    recovery: Recovery,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) no_heartbeats: bool,
    pub(super) no_confirmations: bool,
    pub(super) refuses_sessions: bool,
    pub(super) ignores_unsubscribes: bool,
    pub(super) no_announcements: bool,
    pub(super) no_invented_orders: bool,
    /// Messages of at least this many bytes come in pieces.
    pub(super) pieces: Option<usize>,
    refusals: BTreeMap<String, Refusal>,
}

impl Faults {
    /// The faults that a scenario has from the start.
    pub(super) fn of(scenario: Scenario) -> Self {
        let (topic, reason, remaining, recovery) = match scenario {
            Scenario::Pieces => return Self { pieces: Some(200), ..Self::default() },
            Scenario::RefusedOrders => ("sor", "unable to subscribe", Some(3), Recovery::Orders),
            Scenario::NoAccounts => ("smd", "No accounts", None, Recovery::Accounts),
            _ => return Self::default(),
        };
        let refusal = Refusal { reason: reason.to_owned(), remaining, recovery };
        Self { refusals: BTreeMap::from([(topic.to_owned(), refusal)]), ..Self::default() }
    }

    /// The reason to refuse `topic` this time; `None` if it is accepted.
    pub(super) fn refusal(&mut self, topic: &str) -> Option<String> {
        let refusal = self.refusals.get_mut(topic)?;
        match &mut refusal.remaining {
            Some(0) => return None,
            Some(remaining) => *remaining -= 1,
            None => {}
        }
        Some(refusal.reason.clone())
    }

    /// Ends the refusals that this REST call ends.
    pub(super) fn recover(&mut self, by: Recovery) {
        self.refusals.retain(|_, refusal| refusal.recovery != by);
    }
}

impl Gateway {
    /// Refuses subscribes of the three-letter `topic` with `reason`, `times` times or, with `None`,
    /// until `recovery` or [`Gateway::allow`] ends it. The frame is `{"error":"unable to
    /// subscribe","code":500,"topic":"sor"}`; the reason for `smd` is `No accounts`.
    pub fn refuse(&mut self, topic: &str, reason: &str, times: Option<u32>, recovery: Recovery) {
        let refusal = Refusal { reason: reason.to_owned(), remaining: times, recovery };
        self.faults.refusals.insert(topic.to_owned(), refusal);
    }

    /// Ends the refusal of `topic`.
    pub fn allow(&mut self, topic: &str) {
        self.faults.refusals.remove(topic);
    }

    /// Switches the heartbeats of all connections on or off.
    pub fn set_heartbeats(&mut self, on: bool) {
        self.faults.no_heartbeats = !on;
    }

    /// Switches confirmations on or off. While off, subscribes are lost silently, and unsubscribes
    /// take effect unconfirmed.
    pub fn set_confirmations(&mut self, on: bool) {
        self.faults.no_confirmations = !on;
    }

    /// Switches unsubscribes on or off. While off, they are ignored: the streams continue, and
    /// nothing is confirmed.
    pub fn set_unsubscribes(&mut self, on: bool) {
        self.faults.ignores_unsubscribes = !on;
    }

    /// Sets whether new connections without a valid cookie get `waiting for session`.
    pub fn set_waiting_for_session(&mut self, on: bool) {
        self.config.waiting_for_session = on;
    }

    /// Switches the acceptance of sessions on or off. While off, even the right session gets
    /// `waiting for session`.
    pub fn set_sessions_accepted(&mut self, on: bool) {
        self.faults.refuses_sessions = !on;
    }

    /// Makes a connection half-open: it stays open, but nothing is sent or received.
    pub fn mute(&mut self, conn: u64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.is_muted = true;
        }
    }

    /// Ends [`mute`](Self::mute). What was not sent meanwhile is lost.
    pub fn unmute(&mut self, conn: u64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.is_muted = false;
        }
    }

    /// Returns `true` if the connection is muted.
    #[must_use]
    pub fn is_muted(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.is_muted)
    }

    /// Sets whether the gateway replies to a Close of a client; otherwise TCP ends
    /// (docs/protocol.md §1.8).
    pub fn set_replies_to_close(&mut self, on: bool) {
        self.config.replies_to_close = on;
    }

    /// Returns `true` if the gateway replies to a Close of a client.
    #[must_use]
    pub fn replies_to_close(&self) -> bool {
        self.config.replies_to_close
    }

    /// Sets whether every Close arrives with code 1000 (docs/protocol.md §1.8).
    pub fn set_flat_closes(&mut self, on: bool) {
        self.config.flat_closes = on;
    }

    /// Sets whether every data frame is binary.
    pub fn set_binary_only(&mut self, on: bool) {
        self.config.binary_only = on;
    }

    /// Sets whether an unsubscribe is confirmed by a frame with its own topic.
    pub fn set_unsubscribe_echoes(&mut self, on: bool) {
        self.config.echoes_unsubscribes = on;
    }

    /// Closes a connection with a Close frame.
    pub fn close(&mut self, conn: u64, code: u16) {
        self.output(conn, GatewayOutput::Close(code));
    }

    /// Ends a connection without a Close frame.
    pub fn drop_connection(&mut self, conn: u64) {
        self.output(conn, GatewayOutput::Drop);
    }

    /// Sends exactly this output on a connection.
    pub fn inject(&mut self, conn: u64, output: GatewayOutput) {
        self.output(conn, output);
    }

    /// Returns the numbers of the open connections, in ascending order.
    pub fn connections(&self) -> impl Iterator<Item = u64> {
        self.connections.iter().filter(|(_, connection)| !connection.has_ended).map(|(conn, _)| *conn)
    }

    /// Returns `true` if the gateway honours what this connection sends, which begins with
    /// `success`.
    #[must_use]
    pub fn is_ready(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.is_ready && !connection.has_ended)
    }

    /// The subscriptions that this connection holds, as `smd+265598`, `sor`, `sbd+ACCT+CONID`, in
    /// their order.
    pub fn subscriptions(&self, conn: u64) -> impl Iterator<Item = &str> {
        self.connections.get(&conn).into_iter().flat_map(|connection| connection.streams.keys().map(String::as_str))
    }

    /// The texts that clients sent, oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Received> {
        self.log.iter()
    }

    /// Sends the rest of a connection's opening burst now.
    pub fn send_opening_now(&mut self, conn: u64) {
        let parts = self.agenda.take(|due| matches!(due, Due::Opening(of, _) if *of == conn));
        for due in parts {
            self.agenda.add(self.now, due);
        }
    }

    /// Takes out the log, which is empty afterwards.
    pub fn take_log(&mut self) -> Vec<Received> {
        self.log.drain(..).collect()
    }

    pub(super) fn push_to_ready(&mut self, text: &str) {
        let ready = self.connections.iter().filter(|(_, connection)| connection.is_ready);
        for conn in ready.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.push(conn, text.to_owned());
        }
    }
}
