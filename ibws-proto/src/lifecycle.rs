//! The states of the connection and a table of every transition. The machine changes its state by
//! this table, and the diagram in the documents is generated from it.

use alloc::string::String;
use core::fmt::Write as _;

/// State of the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Stopped: never started, shut down, disconnected, or out of connection attempts.
    Stopped,
    /// A dial is in progress.
    Connecting,
    /// The socket is open; texts are held back until the greeting and the authentication.
    Open,
    /// The gateway greeted and the session is authenticated; subscriptions are sent.
    Ready,
    /// The connection was ready, but the session lost its authentication.
    Degraded,
    /// The client sent a Close and waits for the reply.
    Closing,
    /// The client waits before it dials again.
    Backoff,
}

impl ConnectionState {
    /// Returns the name in lower case, for example `stopped`.
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

    /// Returns `true` in the states with an open socket.
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

/// An occurrence that changes the state of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trigger {
    Dial,
    Opened,
    Ready,
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
            Self::Ready => "greeted and authenticated",
            Self::Unauthenticated => "authentication lost",
            Self::Close => "close requested",
            Self::Lost => "lost",
            Self::Stop => "stop",
        }
    }
}

/// Every legal transition. The machine ignores all others.
const TRANSITIONS: &[(ConnectionState, Trigger, ConnectionState)] = &[
    (ConnectionState::Stopped, Trigger::Dial, ConnectionState::Connecting),
    (ConnectionState::Connecting, Trigger::Opened, ConnectionState::Open),
    (ConnectionState::Open, Trigger::Ready, ConnectionState::Ready),
    (ConnectionState::Ready, Trigger::Unauthenticated, ConnectionState::Degraded),
    (ConnectionState::Degraded, Trigger::Ready, ConnectionState::Ready),
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

/// Returns the state after `trigger` in `state`; `None` if the table has no such transition.
pub(crate) fn next(state: ConnectionState, trigger: Trigger) -> Option<ConnectionState> {
    TRANSITIONS.iter().find(|(from, by, _)| (*from, *by) == (state, trigger)).map(|(.., to)| *to)
}

/// Returns the transitions of the connection as a Mermaid state diagram. `docs/guarantees.md` shows
/// it, and a test compares the two.
#[must_use]
pub fn lifecycle_diagram() -> String {
    let mut text = String::from("stateDiagram-v2\n    direction LR\n    [*] --> stopped\n");
    for (from, by, to) in TRANSITIONS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {} --> {}: {}", from.name(), to.name(), by.label());
    }
    text
}
