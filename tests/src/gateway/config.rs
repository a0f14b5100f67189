//! The settings of a simulated gateway, and its outputs.

use core::time::Duration;
use std::sync::Arc;

use super::scenario::Scenario;
use crate::recording::Recording;

/// The opcode of the data frames that a gateway sends; real gateways use both (docs/protocol.md
/// §1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FrameKind {
    /// Opcode 2, which most real sessions probably use.
    #[default]
    Binary,
    /// Opcode 1.
    Text,
}

/// The order of the opening frames; sources disagree about it (docs/protocol.md §1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OpeningOrder {
    /// `system` (success), `act`, `sts`, as captured.
    #[default]
    SystemFirst,
    /// `sts`, `act`, `system`, as some documentation shows.
    StatusFirst,
}

/// When the gateway sends `success` on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Success {
    /// Within 250 ms; the seed decides the exact moment.
    #[default]
    Seeded,
    /// This long after the connection was opened or its session accepted.
    After(Duration),
    /// Never. The gateway still honours frames from the moment at which it would have been sent.
    Never,
}

/// The source of the data.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// The kit's own feed, generated from the seed.
    #[default]
    Seeded,
    /// A recording, played to every connection from its beginning.
    Recording(Arc<Recording>),
}

/// The initial settings of a [`Gateway`](super::Gateway), whose methods change them while it runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// The seed of everything random.
    pub seed: u64,
    /// The id of the only account.
    pub account: String,
    /// The user name in `success`.
    pub username: String,
    /// The session of `tickle` and `tic`; `None` makes one from the seed.
    pub session: Option<String>,
    /// The opcode of data frames.
    pub frames: FrameKind,
    /// Whether every data frame is binary, also one that the backend, or a test, sends as text
    /// (docs/protocol.md §1.8).
    pub binary_only: bool,
    /// Whether each Close of the gateway arrives with code 1000 and an empty reason, and a message
    /// that is too long ends the connection without a Close (docs/protocol.md §1.8).
    pub flat_closes: bool,
    /// Whether the gateway replies to a Close of the client; otherwise TCP ends (docs/protocol.md
    /// §1.8).
    pub replies_to_close: bool,
    /// Whether an unsubscribe is confirmed by a frame with its own topic, such as `umd+265598`, in
    /// addition to the texts of some channels.
    pub echoes_unsubscribes: bool,
    /// Whether REST calls beyond the limits get 429, and all calls after them for 15 min
    /// (docs/protocol.md §8.3).
    pub paces_rest: bool,
    /// Whether there is an authenticated brokerage session at the start.
    pub authenticated: bool,
    /// Whether another session competes at the start.
    pub competing: bool,
    /// When the gateway sends `success`.
    pub success: Success,
    /// Whether a connection without a valid cookie gets `waiting for session`; otherwise it is
    /// accepted.
    pub waiting_for_session: bool,
    /// The order of the opening frames.
    pub opening: OpeningOrder,
    /// The wall clock at the origin of the monotonic clock, in milliseconds since 1970.
    pub epoch_ms: u64,
    /// The source of the data.
    pub source: Source,
    /// The course of faults that happen by themselves.
    pub scenario: Scenario,
    /// Factor by which the pauses between the frames of a stream are longer than at midday; 1 by
    /// default.
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
            binary_only: false,
            flat_closes: false,
            replies_to_close: true,
            echoes_unsubscribes: false,
            paces_rest: true,
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
    /// The default settings with another seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The same settings with what was measured on the real gateway: binary frames only, every
    /// Close with code 1000, no reply to a Close (docs/protocol.md §1.8).
    #[must_use]
    pub fn as_measured(self) -> Self {
        Self { frames: FrameKind::Binary, binary_only: true, flat_closes: true, replies_to_close: false, ..self }
    }

    /// The same settings with `scenario`, and with what that scenario needs from the start.
    #[must_use]
    pub fn with_scenario(mut self, scenario: Scenario) -> Self {
        scenario.prepare(&mut self);
        self.scenario = scenario;
        self
    }
}

/// An output of the gateway on one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GatewayOutput {
    /// A text frame. It is not always valid UTF-8, as on a real connection (docs/protocol.md §1.6).
    Text(Vec<u8>),
    /// A binary frame.
    Binary(Vec<u8>),
    /// A Close frame with this code; nothing follows.
    Close(u16),
    /// The connection ends without a Close frame; nothing follows.
    Drop,
}

impl GatewayOutput {
    /// The payload of a data frame; `None` for the end of the connection.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => Some(bytes),
            Self::Close(_) | Self::Drop => None,
        }
    }
}
