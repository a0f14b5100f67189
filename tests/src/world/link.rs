//! The link between the client and the gateway, and its faults.

use core::time::Duration;
use std::collections::VecDeque;

use ibws_proto::{ConnectError, ConnectErrorKind};

/// The outcome of one dial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dial {
    /// The socket is open after the link's `dial` time.
    Opens,
    /// The dial fails after the link's `dial` time, perhaps with a pause that the peer asks for.
    Fails(ConnectErrorKind, Option<Duration>),
    /// The socket opens and is reset at the same moment.
    Resets,
    /// The dial never ends.
    Hangs,
}

impl Dial {
    /// The outcome when nobody listens at the address.
    #[must_use]
    pub const fn refused() -> Self {
        Self::Fails(ConnectErrorKind::Unreachable, None)
    }

    pub(crate) fn error(kind: ConnectErrorKind, retry_after: Option<Duration>) -> ConnectError {
        let mut error = ConnectError::new(kind, format!("simulated: {kind:?}"));
        error.retry_after = retry_after;
        error
    }
}

/// Settings of the link. The default is a good link, a peer that replies, and a REST handler that
/// succeeds after 50 ms.
#[derive(Clone, Debug)]
pub struct Link {
    /// Time from the dial to its outcome; 100 ms by default.
    pub dial: Duration,
    /// Time that everything else takes in one direction; 10 ms by default.
    pub latency: Duration,
    /// Upper limit of the random delay added to `latency`, drawn for each item; the order is kept.
    pub jitter: Duration,
    /// Bandwidth towards the client; `None` is unlimited.
    pub bytes_per_second: Option<u64>,
    /// Holds back what the client writes, until [`World::unblock`](super::World::unblock).
    pub writes_block: bool,
    /// Delivers the opening burst at the moment of the upgrade.
    pub glued: bool,
    /// Upper limit of the random lateness of each step.
    pub clock_late: Duration,
    /// Upper limit of how far in the past the time of an input lies, drawn for each input.
    pub clock_back: Duration,
    /// Time that the session provider takes.
    pub session_after: Duration,
    /// Outcomes of the next dials, in order; `dials_to` applies to all after them.
    pub dials: VecDeque<Dial>,
    /// The outcome of all other dials.
    pub dials_to: Dial,
    /// Whether the peer replies to a Close of the client.
    pub replies_to_close: bool,
    /// Whether the peer replies to pings.
    pub replies_to_pings: bool,
    /// How long the REST handler takes, and whether it succeeds; with `None` it never finishes.
    pub rest: Option<(Duration, bool)>,
    /// Whether the REST handler opens a lost brokerage session with `ssodh/init`, as a session
    /// keeper does. Otherwise it succeeds without a call, and somebody else restores the session.
    pub keeps_session: bool,
    /// Whether the upgrade request already carries the session as a cookie.
    pub authorised: bool,
    /// The session that the session provider returns; `None` means that it has none.
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
            replies_to_close: true,
            replies_to_pings: true,
            rest: Some((Duration::from_millis(50), true)),
            keeps_session: false,
            authorised: true,
            session: None,
        }
    }
}
