//! What a simulated gateway is told when it is made, and what it hands out.

use core::time::Duration;
use std::sync::Arc;

use super::scenario::Scenario;
use crate::recording::Recording;

/// Opcode of the data frames a gateway sends: both occur in the wild (docs/protocol.md §1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FrameKind {
    /// Opcode 2, probably what most real sessions see.
    #[default]
    Binary,
    /// Opcode 1.
    Text,
}

/// Which opening frame comes first; sources disagree (docs/protocol.md §1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OpeningOrder {
    /// `system` (success), `act`, `sts`: as captured.
    #[default]
    SystemFirst,
    /// `sts`, `act`, `system`: as some documentation shows.
    StatusFirst,
}

/// When the gateway says `success` on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Success {
    /// Within 250 ms, the exact moment from the seed.
    #[default]
    Seeded,
    /// This long after the connection was opened or its session accepted.
    After(Duration),
    /// Never. Frames are honoured all the same from the moment at which it would have been said.
    Never,
}

/// Where the data comes from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// The kit's own feed, from the seed.
    #[default]
    Seeded,
    /// A recording, played to every connection from its start.
    Recording(Arc<Recording>),
}

/// How a [`Gateway`](super::Gateway) is to behave from the start. What changes while it runs has a method there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// Everything random follows from it.
    pub seed: u64,
    /// The one account there is.
    pub account: String,
    /// The user who `success` greets.
    pub username: String,
    /// The session of `tickle` and `tic`; `None` makes one from the seed.
    pub session: Option<String>,
    /// Opcode of what it sends.
    pub frames: FrameKind,
    /// Whether there is an authenticated brokerage session at the start.
    pub authenticated: bool,
    /// Whether another session competes at the start.
    pub competing: bool,
    /// When it says `success`.
    pub success: Success,
    /// A connection without a valid cookie gets `waiting for session`; otherwise it is taken as it is.
    pub waiting_for_session: bool,
    /// Which opening frame comes first.
    pub opening: OpeningOrder,
    /// Milliseconds since 1970 at the origin of the monotonic clock.
    pub epoch_ms: u64,
    /// Where the data comes from.
    pub source: Source,
    /// What goes wrong by itself, and when.
    pub scenario: Scenario,
    /// How many times slower than at midday the market is: the pauses between the frames of a stream grow by this.
    pub pace: u32,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            account: "DU1234567".into(),
            username: "simulated".into(),
            session: None,
            frames: FrameKind::Binary,
            authenticated: true,
            competing: false,
            success: Success::Seeded,
            waiting_for_session: false,
            opening: OpeningOrder::SystemFirst,
            // 2026-01-05 14:30 UTC, a Monday morning in New York.
            epoch_ms: 1_767_623_400_000,
            source: Source::Seeded,
            scenario: Scenario::Default,
            pace: 1,
        }
    }
}

impl GatewayConfig {
    /// The default gateway from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The same under `scenario`, with what that scenario needs from the start.
    #[must_use]
    pub fn with_scenario(mut self, scenario: Scenario) -> Self {
        scenario.prepare(&mut self);
        self.scenario = scenario;
        self
    }
}

/// What a gateway does to one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GatewayOutput {
    /// A text frame; not always valid UTF-8, as in life (docs/protocol.md §1.6).
    Text(Vec<u8>),
    /// A binary frame.
    Binary(Vec<u8>),
    /// A Close frame with this code; nothing follows.
    Close(u16),
    /// The connection ends without a Close frame; nothing follows.
    Drop,
}

impl GatewayOutput {
    /// The payload of a data frame.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => Some(bytes),
            Self::Close(_) | Self::Drop => None,
        }
    }
}
