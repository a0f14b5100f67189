//! Decides whether the connection is alive. Only received bytes count, measured on the client's own
//! clock. Timestamps of the server are not used, since its clock may differ, and a command of the
//! application extends no deadline.

use core::time::Duration;

use crate::config::Config;
use crate::time::Instant;

/// What was received on one connection, and when.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    opened: Instant,
    last_received: Instant,
    last_heartbeat: Option<Instant>,
    last_pong: Option<Instant>,
    /// When a ping was sent because of silence. The connection is dead unless something is received
    /// after it.
    probe: Option<Instant>,
    /// When the oldest ping without a pong was sent.
    unconfirmed_ping: Option<Instant>,
}

/// What the silence of a connection requires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Nothing: something was received recently.
    Alive,
    /// A ping, and the time to reply to it.
    Probe,
    /// The connection is lost.
    Dead,
}

impl Liveness {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            opened: now,
            last_received: now,
            last_heartbeat: None,
            last_pong: None,
            probe: None,
            unconfirmed_ping: None,
        }
    }

    /// Notes that something was received. Returns `true` if that ends a probe, which changes the
    /// rule of the deadline and not only its time.
    pub(crate) fn received(&mut self, now: Instant) -> bool {
        self.last_received = now;
        self.probe.take().is_some()
    }

    pub(crate) fn heartbeat(&mut self, now: Instant) {
        self.last_heartbeat = Some(now);
    }

    pub(crate) fn pong(&mut self, now: Instant) {
        self.last_pong = Some(now);
        self.unconfirmed_ping = None;
    }

    /// Notes that a ping was sent.
    pub(crate) fn pinged(&mut self, now: Instant) {
        self.unconfirmed_ping.get_or_insert(now);
    }

    /// Notes that a ping was sent because of silence.
    pub(crate) fn probed(&mut self, now: Instant) {
        self.probe = Some(now);
    }

    pub(crate) fn last_received(&self) -> Instant {
        self.last_received
    }

    /// Returns when the silence must next be checked.
    pub(crate) fn deadline(&self, config: &Config) -> Instant {
        match self.probe {
            Some(probe) if self.last_heartbeat.is_none() => probe + config.ping_reply_limit,
            _ => self.last_received + config.silence_limit,
        }
    }

    /// Returns what the silence at `now` requires. Once heartbeats have been received, silence
    /// means that the connection is dead. Before that the peer may have nothing to send, so it is
    /// pinged first.
    pub(crate) fn verdict(&self, now: Instant, config: &Config) -> Verdict {
        if now < self.deadline(config) {
            Verdict::Alive
        } else if self.last_heartbeat.is_some() || self.probe.is_some() {
            Verdict::Dead
        } else {
            Verdict::Probe
        }
    }

    /// Returns when the last pong becomes too old; before the first pong the age of the connection
    /// counts. `None` while no ping waits for its pong. A ping always has
    /// [`Config::ping_reply_limit`] for its reply.
    pub(crate) fn pong_deadline(&self, config: &Config) -> Option<Instant> {
        let age = self.last_pong.unwrap_or(self.opened) + config.max_pong_age?;
        Some(age.max(self.unconfirmed_ping? + config.ping_reply_limit))
    }

    /// Returns how long ago each kind of frame was received.
    pub(crate) fn ages(&self, now: Instant) -> Ages {
        Ages {
            received: now.since(self.last_received),
            heartbeat: self.last_heartbeat.map(|at| now.since(at)),
            pong: self.last_pong.map(|at| now.since(at)),
        }
    }
}

/// How long ago each kind of frame was received on this connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Ages {
    /// Time since anything was received. The opening of the socket counts.
    pub received: Duration,
    /// Time since the last heartbeat; `None` before the first.
    pub heartbeat: Option<Duration>,
    /// Time since the last pong; `None` before the first.
    pub pong: Option<Duration>,
}

/// The health of the connection, with the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Health {
    /// `true` if the connection is ready and had data and pongs in time.
    pub healthy: bool,
    /// Why the connection is healthy or not.
    pub reason: HealthReason,
    /// How long ago frames were received; `None` without an open socket.
    pub ages: Option<Ages>,
}

/// The reason of a [`Health`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HealthReason {
    /// The connection is ready and received data in time.
    Fine,
    /// No socket is open.
    NotConnected,
    /// The socket is open, but the greeting or the authentication is missing.
    NotReady,
    /// Nothing was received within the limit of silence.
    Silent,
    /// The last pong is too old.
    PongMissing,
}
