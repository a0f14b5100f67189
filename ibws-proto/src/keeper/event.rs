//! The vocabulary of the keeper: what goes in, what comes out, and the states that it reports.

use alloc::boxed::Box;
use core::fmt;

use super::call::{Call, CallResult};
use crate::rest::{RestError, RestRequest, RestResult};
use crate::time::Instant;
use crate::transport::Secret;

/// Number of a call. The keeper counts up from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// Number of a request to the keeper, which the driver chooses. Its result carries it.
///
/// [`Serve`](KeeperInput::Serve) and [`SessionNeeded`](KeeperInput::SessionNeeded) share one
/// numbering. A number that is pending is replaced by a request with the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// What the driver gives to [`Keeper::handle`](super::Keeper::handle).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeeperInput {
    /// Time has passed; the moment of [`Keeper::poll_timeout`](super::Keeper::poll_timeout) is
    /// reached.
    Tick,
    /// A request of the machine. Its result is [`KeeperOutput::Served`].
    Serve {
        /// The number of the request.
        ticket: Ticket,
        /// The request.
        request: RestRequest,
    },
    /// A dial needs the session id as its credential. The result is
    /// [`KeeperOutput::SessionReady`].
    SessionNeeded(Ticket),
    /// The result of this request is no longer needed. No further call is made for it, and it has
    /// no result. A call of it that is already made continues.
    Cancel(Ticket),
    /// A call has ended. Unknown and repeated ids are ignored.
    Done(CallId, CallResult),
    /// A frame of `sts` on the stream shows the authentication. If it differs from what the keeper
    /// knows, the keeper makes a tickle at once.
    Stream {
        /// Whether the session is authenticated.
        authenticated: bool,
    },
}

/// What [`Keeper::poll`](super::Keeper::poll) returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeeperOutput {
    /// A call that the driver must make now. It ends with [`KeeperInput::Done`].
    Call {
        /// The number of the call.
        id: CallId,
        /// The call.
        call: Call,
    },
    /// A call has not ended within
    /// [`KeeperConfig::call_timeout`](super::KeeperConfig::call_timeout). The driver drops it, and
    /// its result would be ignored.
    Abandon(CallId),
    /// The result of a [`Serve`](KeeperInput::Serve); emitted at most once for each.
    Served {
        /// The number of the request.
        ticket: Ticket,
        /// The result.
        result: RestResult,
    },
    /// The result of a [`SessionNeeded`](KeeperInput::SessionNeeded); emitted at most once for
    /// each.
    SessionReady {
        /// The number of the request.
        ticket: Ticket,
        /// The session id, or why there is none.
        result: Result<Secret, RestError>,
    },
    /// The gateway has another session id than before; emitted for the first one too.
    Session(Secret),
    /// An event for the application.
    Event(KeeperEvent),
}

/// The state of the session, as the last calls showed it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum KeeperState {
    /// Nothing is known yet.
    Starting,
    /// The brokerage session is authenticated.
    Authenticated,
    /// The gateway accepted `ssodh/init`, and the brokerage session is not authenticated yet.
    Opening,
    /// A login elsewhere holds the brokerage session of this user.
    Competing,
    /// The login is there, and the brokerage session cannot be opened now: 400 `no bridge`, or
    /// `ssodh/init` fails.
    NotReady,
    /// HTTP 401: nobody is logged in.
    LoggedOut,
    /// The gateway refuses the address of this machine.
    AccessDenied,
    /// The gateway does not reply, or its replies are errors or cannot be read.
    Unavailable,
    /// HTTP 429: IBKR refuses every call of this address for 15 min. No call is made.
    PenaltyBox,
}

impl KeeperState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Starting,
        Self::Authenticated,
        Self::Opening,
        Self::Competing,
        Self::NotReady,
        Self::LoggedOut,
        Self::AccessDenied,
        Self::Unavailable,
        Self::PenaltyBox,
    ];

    /// Returns the name, as `logged-out`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Authenticated => "authenticated",
            Self::Opening => "opening",
            Self::Competing => "competing",
            Self::NotReady => "not-ready",
            Self::LoggedOut => "logged-out",
            Self::AccessDenied => "access-denied",
            Self::Unavailable => "unavailable",
            Self::PenaltyBox => "penalty-box",
        }
    }
}

impl fmt::Display for KeeperState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A state of the session and what belongs to it. It is emitted when the state or its reason
/// changes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KeeperEvent {
    /// The state.
    pub state: KeeperState,
    /// When this state began.
    pub since: Instant,
    /// When the state or its reason last changed.
    pub at: Instant,
    /// Since when no authenticated session is known; `None` while there is one.
    pub outage_since: Option<Instant>,
    /// Why, in one line without secrets; empty for [`KeeperState::Authenticated`].
    pub why: Box<str>,
    /// When the keeper next tries to restore the session; `None` while it is authenticated and
    /// while the result of a call is pending. Pacing may delay it.
    pub next_try: Option<Instant>,
    /// What a person could do; `None` where nothing helps or nothing is needed.
    pub advice: Option<Box<str>>,
}

impl fmt::Display for KeeperEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} since {}", self.state, self.since)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        // Some reasons hold the advice already.
        let advice = self.advice.as_ref().filter(|advice| !self.why.contains(&***advice));
        advice.map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}
