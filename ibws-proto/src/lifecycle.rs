//! The states of the connection and every way from one to another, as a table: the machine moves by it and the picture
//! in the README is drawn from it.

use alloc::string::String;
use core::fmt::Write as _;

/// State of the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Stopped: never started, shut down, disconnected, or given up.
    Stopped,
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

impl ConnectionState {
    /// The name in lower case; `stopped` for [`ConnectionState::Stopped`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
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

    /// Returns `true` if the socket is open and not being closed.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Open | Self::Ready | Self::Degraded)
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
const MOVES: &[(ConnectionState, Trigger, ConnectionState)] = &[
    (ConnectionState::Stopped, Trigger::Dial, ConnectionState::Connecting),
    (ConnectionState::Connecting, Trigger::Opened, ConnectionState::Open),
    (ConnectionState::Open, Trigger::Admitted, ConnectionState::Ready),
    (ConnectionState::Ready, Trigger::Unauthenticated, ConnectionState::Degraded),
    (ConnectionState::Degraded, Trigger::Admitted, ConnectionState::Ready),
    (ConnectionState::Connecting, Trigger::Lost, ConnectionState::Backoff),
    (ConnectionState::Open, Trigger::Lost, ConnectionState::Backoff),
    (ConnectionState::Ready, Trigger::Lost, ConnectionState::Backoff),
    (ConnectionState::Degraded, Trigger::Lost, ConnectionState::Backoff),
    (ConnectionState::Backoff, Trigger::Dial, ConnectionState::Connecting),
    (ConnectionState::Open, Trigger::Close, ConnectionState::Closing),
    (ConnectionState::Ready, Trigger::Close, ConnectionState::Closing),
    (ConnectionState::Degraded, Trigger::Close, ConnectionState::Closing),
    (ConnectionState::Closing, Trigger::Lost, ConnectionState::Backoff),
    (ConnectionState::Closing, Trigger::Dial, ConnectionState::Connecting),
    (ConnectionState::Closing, Trigger::Stop, ConnectionState::Stopped),
    (ConnectionState::Connecting, Trigger::Stop, ConnectionState::Stopped),
    (ConnectionState::Open, Trigger::Stop, ConnectionState::Stopped),
    (ConnectionState::Ready, Trigger::Stop, ConnectionState::Stopped),
    (ConnectionState::Degraded, Trigger::Stop, ConnectionState::Stopped),
    (ConnectionState::Backoff, Trigger::Stop, ConnectionState::Stopped),
];

/// Where `trigger` leads from `state`; `None` if it leads nowhere.
pub(crate) fn next(state: ConnectionState, trigger: Trigger) -> Option<ConnectionState> {
    MOVES.iter().find(|(from, by, _)| (*from, *by) == (state, trigger)).map(|(.., to)| *to)
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
