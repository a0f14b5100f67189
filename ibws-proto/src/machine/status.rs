//! What the machine says about itself.

use core::time::Duration;

use super::Machine;
use crate::connect::ConnId;
use crate::event::Message;
use crate::key::KeyCounts;
use crate::lifecycle::ConnectionState;
use crate::liveness::{Health, HealthReason};
use crate::message::Body;
use crate::rest::RestRequest;
use crate::subscriptions::GapStats;
use crate::time::{Instant, SpanStats, UnixMillis};
use crate::timer::Timer;

/// The pause between two samples for [`Stats::updated`], so that the member is not read in each
/// frame.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Counters since the machine was made, and a few measurements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Frames accepted, malformed ones included.
    pub frames: u64,
    /// The bytes of these: the payloads of the messages, without the headers of the WebSocket.
    pub bytes: u64,
    /// The readable ones by their key. Frames that are the pieces of one message count once, when
    /// it is complete.
    pub frames_by_key: KeyCounts,
    /// Of these, malformed.
    pub malformed: u64,
    /// Of these, with bytes that were not UTF-8.
    pub lossy: u64,
    /// Inputs about a connection that was not the present one, or that made no sense in its state.
    pub stale: u64,
    /// Dials that were started.
    pub dials: u64,
    /// Dials that succeeded.
    pub connections: u64,
    /// Texts written.
    pub sent: u64,
    /// Transitions of subscriptions that were refused because the table does not list them; a bug
    /// if not 0.
    pub illegal_transitions: u64,
    /// The gaps of all streams.
    pub gaps: GapStats,
    /// Round trips of `tic`: from the text to the first of its replies. If a `tic` has no reply,
    /// the next reply counts from it.
    pub tic: SpanStats,
    /// When the present connection received its last frame; `None` without an open socket, and
    /// before the first frame.
    pub last_frame: Option<Instant>,
    /// The latest time that the gateway sent with market data, sampled once a second at most;
    /// `None` before the first frame that has one. It shows the latency to whoever knows the wall
    /// clock.
    pub updated: Option<UpdatedSample>,
}

impl Stats {
    /// Returns the number of connections that opened after the first one, whatever ended the one
    /// before.
    #[must_use]
    pub const fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }
}

/// When the gateway made a frame of market data, by its clock, and when the frame arrived, by that
/// of the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct UpdatedSample {
    /// The member `_updated` of the frame (docs/protocol.md §3.1).
    pub updated: UnixMillis,
    /// When the machine received the frame.
    pub at: Instant,
}

/// A summary of the machine's state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MachineStatus {
    /// State of the connection.
    pub state: ConnectionState,
    /// The present connection.
    pub conn: Option<ConnId>,
    /// Whether the gateway has greeted on it.
    pub greeted: bool,
    /// Whether its session is authenticated; `None` until the gateway says.
    pub authenticated: Option<bool>,
    /// Whether another session competes with it; `None` until the gateway says.
    pub competing: Option<bool>,
    /// Dials since the last ready connection.
    pub attempt: u32,
    /// Requested subscriptions.
    pub subscriptions: usize,
    /// Requests that wait for their reply.
    pub requests: usize,
    /// Attempts at REST requests that wait for their result.
    pub rest_requests: usize,
}

/// What the machine will wake up for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum WakeReason {
    /// A timer of the connection.
    Timer(Timer),
    /// The silence of the connection must be checked.
    Silence,
    /// A subscription: its confirmation, its next attempt, its renewal.
    Subscription,
    /// A request has waited long enough.
    Request,
    /// A REST request starts, is repeated, or has taken long enough.
    Rest,
}

impl UpdatedSample {
    /// Returns the sample of a message; `None` if it has no time.
    #[cold]
    pub(super) fn of(message: &Message) -> Option<Self> {
        let Body::MarketData(data) = message.frame.body() else { return None };
        data.updated().ok().flatten().map(|updated| Self { updated, at: message.at })
    }
}

impl Machine {
    /// Returns a summary of the machine's state.
    #[must_use]
    pub fn status(&self) -> MachineStatus {
        MachineStatus {
            state: self.state,
            conn: self.conn,
            greeted: self.session.greeted,
            authenticated: self.session.authenticated,
            competing: self.session.competing,
            attempt: self.attempt,
            subscriptions: self.table.len(),
            requests: self.requests.len(),
            rest_requests: self.rest.len(),
        }
    }

    /// Returns the health of the connection at `now`, and what it waits for.
    #[must_use]
    pub fn health(&self, now: Instant) -> Health {
        let now = now.max(self.now);
        if !self.state.has_socket() {
            return Health { healthy: false, reason: HealthReason::NotConnected, ages: None };
        }
        let reason = if self.liveness.deadline(&self.config).is_some_and(|at| now >= at) {
            HealthReason::Silent
        } else if self.liveness.pong_deadline(&self.config).is_some_and(|at| now >= at) {
            HealthReason::PongMissing
        } else if self.state == ConnectionState::Ready {
            HealthReason::Fine
        } else {
            self.waiting_for()
        };
        Health { healthy: reason == HealthReason::Fine, reason, ages: Some(self.liveness.ages(now)) }
    }

    /// What an open connection that is not ready waits for.
    fn waiting_for(&self) -> HealthReason {
        if !self.liveness.has_frame() {
            HealthReason::NothingReceived
        } else if self.session.awaited {
            HealthReason::WaitingForSession
        } else if !self.gate.opened {
            HealthReason::NotGreeted
        } else if self.session.authenticated != Some(false) {
            HealthReason::NotReady
        } else if self.session.competing == Some(true) {
            HealthReason::Competing
        } else {
            HealthReason::NotAuthenticated
        }
    }

    /// Lists the REST requests that are needed now: pending, scheduled, or waiting for a REST
    /// handler that is not there.
    #[must_use]
    pub fn rest_needs(&self) -> alloc::vec::Vec<RestRequest> {
        self.rest.needs().cloned().collect()
    }

    /// Returns the counters and measurements.
    ///
    /// The open gaps are counted by looking at every subscription; everything else is read.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (mut open, mut open_since) = (0, None);
        for since in self.table.open_gaps() {
            open += 1;
            open_since = Some(open_since.map_or(since, |earliest: Instant| earliest.min(since)));
        }
        let gaps = GapStats { open, open_since, ..self.stats.gaps };
        let has_frame = self.state.has_socket() && self.liveness.has_frame();
        Stats { gaps, last_frame: has_frame.then(|| self.liveness.last_frame()), ..self.stats }
    }
}
