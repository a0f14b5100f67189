//! Is the connection alive? Only what was received counts, on our own clock; the server's timestamps are never looked
//! at, and commands of ours extend nothing (`design` §4 "Liveness").

use core::time::Duration;

use crate::config::Config;
use crate::time::Instant;

/// The evidence of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    opened: Instant,
    last_received: Instant,
    last_heartbeat: Option<Instant>,
    last_pong: Option<Instant>,
    /// A ping that went out because of silence; dead unless something is received after it.
    probe: Option<Instant>,
    /// The oldest ping that was not answered.
    unanswered: Option<Instant>,
}

/// What silence calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Alive,
    /// RestRequest the peer, then wait a little longer.
    Probe,
    Dead,
}

impl Liveness {
    pub(crate) fn new(now: Instant) -> Self {
        Self { opened: now, last_received: now, last_heartbeat: None, last_pong: None, probe: None, unanswered: None }
    }

    /// Something came; says whether that changes what silence calls for, and not only since when.
    pub(crate) fn received(&mut self, now: Instant) -> bool {
        self.last_received = now;
        self.probe.take().is_some()
    }

    pub(crate) fn heartbeat(&mut self, now: Instant) {
        self.last_heartbeat = Some(now);
    }

    pub(crate) fn pong(&mut self, now: Instant) {
        self.last_pong = Some(now);
        self.unanswered = None;
    }

    pub(crate) fn pinged(&mut self, now: Instant) {
        self.unanswered.get_or_insert(now);
    }

    pub(crate) fn probed(&mut self, now: Instant) {
        self.probe = Some(now);
    }

    pub(crate) fn last_received(&self) -> Instant {
        self.last_received
    }

    /// When silence must be judged next.
    pub(crate) fn deadline(&self, config: &Config) -> Instant {
        match self.probe {
            Some(probe) if self.last_heartbeat.is_none() => probe + config.ping_reply_limit,
            _ => self.last_received + config.silence_limit,
        }
    }

    /// With heartbeats seen, silence alone is proof; before that a peer may simply have nothing to say, and is asked.
    pub(crate) fn verdict(&self, now: Instant, config: &Config) -> Verdict {
        if now < self.deadline(config) {
            Verdict::Alive
        } else if self.last_heartbeat.is_some() || self.probe.is_some() {
            Verdict::Dead
        } else {
            Verdict::Probe
        }
    }

    /// When the last pong, or in its absence the connection itself, becomes too old; `None` while no ping waits for an
    /// answer. A ping always has time to be answered.
    pub(crate) fn pong_deadline(&self, config: &Config) -> Option<Instant> {
        let age = self.last_pong.unwrap_or(self.opened) + config.max_pong_age?;
        Some(age.max(self.unanswered? + config.ping_reply_limit))
    }

    pub(crate) fn ages(&self, now: Instant) -> Ages {
        Ages {
            received: now.since(self.last_received),
            heartbeat: self.last_heartbeat.map(|at| now.since(at)),
            pong: self.last_pong.map(|at| now.since(at)),
        }
    }
}

/// How long ago each kind of evidence was received on this connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Ages {
    /// Anything at all (the opening counts).
    pub received: Duration,
    /// A heartbeat; `None` before the first.
    pub heartbeat: Option<Duration>,
    /// A pong; `None` before the first.
    pub pong: Option<Duration>,
}

/// How well the connection is, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Health {
    /// May one rely on it now?
    pub healthy: bool,
    /// The reason.
    pub reason: HealthReason,
    /// The ages of the evidence; `None` without an open socket.
    pub ages: Option<Ages>,
}

/// The reason of a [`Health`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HealthReason {
    /// Ready, and heard from in time.
    Fine,
    /// No socket is open.
    NotConnected,
    /// Open, but not greeted or not authenticated.
    NotReady,
    /// Nothing was received for too long.
    Silent,
    /// The last pong is too old.
    PongMissing,
}
