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
    /// Outcomes of the dials to come; then `dials_to` for all others.
    pub dials: VecDeque<Dial>,
    /// The outcome of all other dials.
    pub dials_to: Dial,
    /// Does the peer answer our Close?
    pub answers_close: bool,
    /// Does the peer answer pings?
    pub answers_pings: bool,
    /// What the host does when asked: how long it takes, and whether it succeeds; `None`: it never answers.
    pub host: Option<(Duration, bool)>,
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
            dials: VecDeque::new(),
            dials_to: Dial::Opens,
            answers_close: true,
            answers_pings: true,
            host: Some((Duration::from_millis(50), true)),
            authorised: true,
            session: None,
        }
    }
}
