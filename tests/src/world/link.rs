//! The wire between the two, and what can be wrong with it.

use core::time::Duration;
use std::collections::VecDeque;

use ibws_proto::{ConnectError, ConnectErrorKind};

/// What becomes of one dial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dial {
    /// The socket is open after the link's `dial` time.
    Opens,
    /// It fails after the link's `dial` time.
    Fails(ConnectErrorKind, Option<Duration>),
    /// The socket is open, and reset in the same moment.
    Resets,
    /// Nothing is ever heard of it.
    Hangs,
}

impl Dial {
    /// Nobody listens.
    #[must_use]
    pub const fn refused() -> Self {
        Self::Fails(ConnectErrorKind::Unreachable, None)
    }

    pub(super) fn error(kind: ConnectErrorKind, retry_after: Option<Duration>) -> ConnectError {
        let mut error = ConnectError::new(kind, format!("simulated: {kind:?}"));
        error.retry_after = retry_after;
        error
    }
}

/// How the link behaves.
#[derive(Clone, Debug)]
pub struct Link {
    /// From the dial to its outcome.
    pub dial: Duration,
    /// One way, for everything else.
    pub latency: Duration,
    /// So much longer at most, each time anew; the order is kept.
    pub jitter: Duration,
    /// What comes in comes at this speed; `None`: at once.
    pub bytes_per_second: Option<u64>,
    /// What we write is held back until this is over.
    pub writes_block: bool,
    /// The opening burst comes in the very moment of the upgrade.
    pub glued: bool,
    /// Each step is taken this much late at most.
    pub clock_late: Duration,
    /// Each input is handed in with a time this much in the past at most.
    pub clock_back: Duration,
    /// How long the host takes to find the session when it is asked for.
    pub session_after: Duration,
    /// Outcomes of the dials to come; then `dials_to` for all others.
    pub dials: VecDeque<Dial>,
    /// The outcome of all other dials.
    pub dials_to: Dial,
    /// Does the peer answer our Close?
    pub answers_close: bool,
    /// Does the peer answer pings?
    pub answers_pings: bool,
    /// What the host does when asked: how long it takes, and whether it succeeds; `None`: it never answers.
    pub rest: Option<(Duration, bool)>,
    /// Whether the upgrade carries the session already.
    pub authorised: bool,
    /// The session that the host has, to be sent when asked for; `None`: it has none.
    pub session: Option<String>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            dial: Duration::from_millis(100),
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            bytes_per_second: None,
            writes_block: false,
            glued: false,
            clock_late: Duration::ZERO,
            clock_back: Duration::ZERO,
            session_after: Duration::ZERO,
            dials: VecDeque::new(),
            dials_to: Dial::Opens,
            answers_close: true,
            answers_pings: true,
            rest: Some((Duration::from_millis(50), true)),
            authorised: true,
            session: None,
        }
    }
}
