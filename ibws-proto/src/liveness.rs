//! Decides whether the connection is alive. Only received frames count, measured on the client's
//! own clock: the gateway replies to pings itself while its backend is away (docs/protocol.md
//! §1.8). Timestamps of the server are not used, since its clock may differ, and a command of the
//! application extends no deadline.

use core::fmt;
use core::time::Duration;

use crate::config::Config;
use crate::time::Instant;

/// What was received on one connection, and when.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    opened: Instant,
    /// The last frame; `None` before the first.
    last_frame: Option<Instant>,
    last_heartbeat: Option<Instant>,
    last_pong: Option<Instant>,
    /// When silence was probed. The connection is dead unless a frame is received after it.
    probe: Option<Instant>,
    /// When the oldest ping without a pong was sent.
    unconfirmed_ping: Option<Instant>,
    /// When the oldest `tic` without a reply was sent.
    unconfirmed_tic: Option<Instant>,
}

/// What the silence of a connection requires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Nothing: something was received recently.
    Alive,
    /// A probe, and the time to reply to it.
    Probe,
    /// The connection is lost.
    Dead,
}

impl Liveness {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            opened: now,
            last_frame: None,
            last_heartbeat: None,
            last_pong: None,
            probe: None,
            unconfirmed_ping: None,
            unconfirmed_tic: None,
        }
    }

    /// Notes a frame, well-formed or not. Returns `true` if that changes the rule of the deadline,
    /// and not only its time: it is the first frame, or it ends a probe.
    pub(crate) fn on_frame(&mut self, now: Instant) -> bool {
        let first = self.last_frame.replace(now).is_none();
        self.probe.take().is_some() || first
    }

    /// Whether the connection has sent a frame.
    pub(crate) fn has_frame(&self) -> bool {
        self.last_frame.is_some()
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

    /// Notes that a `tic` was sent.
    pub(crate) fn tic_sent(&mut self, now: Instant) {
        self.unconfirmed_tic.get_or_insert(now);
    }

    /// Notes a reply to `tic`. Returns when the oldest `tic` that it may reply to was sent; `None`
    /// if each has its reply (the gateway repeats them, docs/protocol.md §3.8).
    pub(crate) fn tic_replied(&mut self) -> Option<Instant> {
        self.unconfirmed_tic.take()
    }

    /// Notes that silence was probed.
    pub(crate) fn probed(&mut self, now: Instant) {
        self.probe = Some(now);
    }

    /// When the last frame arrived, or before the first, when the socket opened.
    pub(crate) fn last_frame(&self) -> Instant {
        self.last_frame.unwrap_or(self.opened)
    }

    /// Returns when the silence must next be checked; `None` before the first frame, for which
    /// [`Config::first_frame_timeout`] is the limit.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        let last_frame = self.last_frame?;
        Some(match self.probe {
            Some(probe) if self.last_heartbeat.is_none() => probe + config.ping_reply_limit,
            _ => last_frame + config.silence_limit,
        })
    }

    /// Returns what the silence at `now` requires. Once heartbeats have been received, silence
    /// means that the connection is dead. Before that the gateway may have nothing to send, so it
    /// is probed first.
    pub(crate) fn verdict(&self, now: Instant, config: &Config) -> Verdict {
        if self.deadline(config).is_none_or(|at| now < at) {
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
            received: now.since(self.last_frame()),
            heartbeat: self.last_heartbeat.map(|at| now.since(at)),
            pong: self.last_pong.map(|at| now.since(at)),
        }
    }
}

/// How long ago each kind of frame was received on this connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Ages {
    /// Time since the last frame; before the first, since the socket opened.
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
    /// The socket is open, but the gateway has sent no frame: its backend may be away, or nobody is
    /// logged in.
    NothingReceived,
    /// The gateway waits for a session.
    WaitingForSession,
    /// The gateway sends frames, but has not greeted.
    NotGreeted,
    /// The brokerage session is not authenticated.
    NotAuthenticated,
    /// The brokerage session is not authenticated, because another login competes with it.
    Competing,
    /// The connection is greeted, and waits for the first authentication state.
    NotReady,
    /// No frame was received within the limit of silence.
    Silent,
    /// The last pong is too old.
    PongMissing,
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "the connection is ready",
            Self::NotConnected => "no connection is open",
            Self::NothingReceived => {
                "the gateway accepted the connection but has sent nothing; check that it is logged in"
            }
            Self::WaitingForSession => "the gateway waits for a session; check that the session provider has one",
            Self::NotGreeted => "the gateway has not greeted",
            Self::NotAuthenticated => "the brokerage session is not authenticated; log in again",
            Self::Competing => "another login competes for the brokerage session; end one of the two",
            Self::NotReady => "the connection is not ready yet, or is being closed",
            Self::Silent => "nothing was received for longer than `Config::silence_limit`",
            Self::PongMissing => "no pong was received for longer than `Config::max_pong_age`",
        })
    }
}
