//! The states of the connection and every way from one to another, as a table: the machine moves by it and the picture
//! in the README is drawn from it.

use alloc::string::String;
use core::fmt::Write as _;

/// State of the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// Stopped: never started, shut down, disconnected, or given up.
    Idle,
    /// Dialling.
    Connecting,
    /// The socket is open; nothing may be written yet.
    Open,
    /// Greeted and authenticated: subscriptions flow.
    Ready,
    /// Ready once, but the session lost its authentication.
    Degraded,
    /// Our Close is under way, or subscriptions are being drained before it.
    Closing,
    /// Waiting to dial again.
    Backoff,
}

impl Phase {
    /// The name in lower case; `stopped` for [`Phase::Idle`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "stopped",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Closing => "closing",
            Self::Backoff => "backoff",
        }
    }

    /// Is there an open socket?
    #[must_use]
    pub const fn has_socket(self) -> bool {
        matches!(self, Self::Open | Self::Ready | Self::Degraded | Self::Closing)
    }
}

/// What moves the connection from one state to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trigger {
    Dial,
    Opened,
    Admitted,
    Unauthenticated,
    Close,
    Lost,
    Stop,
}

impl Trigger {
    const fn label(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Opened => "socket open",
            Self::Admitted => "greeted and authenticated",
            Self::Unauthenticated => "authentication lost",
            Self::Close => "close asked for",
            Self::Lost => "lost",
            Self::Stop => "stop",
        }
    }
}

/// Every legal move. What is not here cannot happen.
const MOVES: &[(Phase, Trigger, Phase)] = &[
    (Phase::Idle, Trigger::Dial, Phase::Connecting),
    (Phase::Connecting, Trigger::Opened, Phase::Open),
    (Phase::Open, Trigger::Admitted, Phase::Ready),
    (Phase::Ready, Trigger::Unauthenticated, Phase::Degraded),
    (Phase::Degraded, Trigger::Admitted, Phase::Ready),
    (Phase::Connecting, Trigger::Lost, Phase::Backoff),
    (Phase::Open, Trigger::Lost, Phase::Backoff),
    (Phase::Ready, Trigger::Lost, Phase::Backoff),
    (Phase::Degraded, Trigger::Lost, Phase::Backoff),
    (Phase::Backoff, Trigger::Dial, Phase::Connecting),
    (Phase::Open, Trigger::Close, Phase::Closing),
    (Phase::Ready, Trigger::Close, Phase::Closing),
    (Phase::Degraded, Trigger::Close, Phase::Closing),
    (Phase::Closing, Trigger::Lost, Phase::Backoff),
    (Phase::Closing, Trigger::Dial, Phase::Connecting),
    (Phase::Closing, Trigger::Stop, Phase::Idle),
    (Phase::Connecting, Trigger::Stop, Phase::Idle),
    (Phase::Open, Trigger::Stop, Phase::Idle),
    (Phase::Ready, Trigger::Stop, Phase::Idle),
    (Phase::Degraded, Trigger::Stop, Phase::Idle),
    (Phase::Backoff, Trigger::Stop, Phase::Idle),
];

/// Where `trigger` leads from `phase`; `None` if it leads nowhere.
pub(crate) fn next(phase: Phase, trigger: Trigger) -> Option<Phase> {
    MOVES.iter().find(|(from, by, _)| (*from, *by) == (phase, trigger)).map(|(.., to)| *to)
}

/// The table as a Mermaid state diagram; the README holds it, and a test holds the README to it.
#[must_use]
pub fn lifecycle_diagram() -> String {
    let mut text = String::from("stateDiagram-v2\n    direction LR\n    [*] --> stopped\n");
    for (from, by, to) in MOVES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {} --> {}: {}", from.name(), to.name(), by.label());
    }
    text
}
