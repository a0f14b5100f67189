//! What one may ask of the machine, and how each request is answered: exactly once.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::connect::{ConnectError, ConnectErrorKind};
use crate::key::SubscriptionKey;
use crate::payload::{Args, Processor, Staleness, Subscribe};

/// Number of a request, given by [`Machine::submit`](crate::Machine::submit) and repeated in its answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub(crate) u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// A request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Connect, and stay connected. Answered at the greeting, or when the bounded wait for it ends on an open socket.
    Start,
    /// Stop for good and forget the subscriptions; with `drain`, unsubscribe them first.
    Shutdown {
        /// Unsubscribe everything, one wait of [`Config::drain_timeout`](crate::Config::drain_timeout) for confirmations.
        drain: bool,
    },
    /// Close the connection and stay stopped until `Start` or `HardReset`. Subscriptions stay wanted.
    Disconnect,
    /// Throw the connection away, with its liveness, server ids and outbox.
    HardReset {
        /// Dial again at once.
        restart: bool,
    },
    /// Is the last pong young enough? If not, hard reset with restart.
    CheckPing,
    /// Is the connection alive by pong and by silence? If not, hard reset with restart.
    CheckHealth,
    /// Want this subscription.
    Subscribe(Subscribe),
    /// Want it no more, whoever else holds it.
    Unsubscribe {
        /// Which.
        key: SubscriptionKey,
        /// Repeat until the gateway confirms; default: sent is success.
        needs_confirmation: bool,
    },
    /// One holder less: the last one unsubscribes. Names the `Subscribe` request by which it was held.
    Release(RequestId),
    /// Change what is stored for a subscription; what is `None` stays.
    Modify(Modify),
    /// Send every wanted subscription anew, in bursts of [`Config::resubscribe_burst`](crate::Config::resubscribe_burst).
    Recreate,
    /// Believe no longer that the wire holds this subscription; `None`: any of them. Its gap begins; it goes out again
    /// with `Recreate`, on the next connection, or when it is asked for again, and data of it ends the gap sooner.
    Invalidate(Option<SubscriptionKey>),
    /// Write a text of one's own, `shs+exercise+{…}` for example. Answered when it was handed to the connection.
    SendText(String),
    /// Write `tic` now; answered by the first of its four replies.
    Tic,
    /// End a pending request.
    Cancel(RequestId),
}

/// A change to a stored subscription.
#[derive(Clone, Debug)]
pub struct Modify {
    /// Which.
    pub key: SubscriptionKey,
    /// New arguments; `Some(None)` takes them away.
    pub args: Option<Option<Args>>,
    /// New need of confirmation; `Some(None)` puts back that of its channel.
    pub needs_confirmation: Option<Option<bool>>,
    /// New processor; `Some(None)` puts back the client's.
    pub processor: Option<Option<Processor>>,
    /// New limit of silence.
    pub staleness: Option<Staleness>,
    /// What the caller knows better: `true`, it flows; `false`, it does not (as with [`Command::Invalidate`]). It is taken
    /// at that, marked as [assumed](crate::SubscriptionInfo::assumed) until a frame or a loss says otherwise.
    pub active: Option<bool>,
    /// Unsubscribe and subscribe at once, without a gap told; otherwise it applies at the next subscribing.
    pub apply_now: bool,
}

impl Modify {
    /// A change of `key` that leaves everything as it is; set what should change.
    #[must_use]
    pub fn new(key: SubscriptionKey) -> Self {
        let (args, needs_confirmation, processor, staleness, active) = (None, None, None, None, None);
        Self { key, args, needs_confirmation, processor, staleness, active, apply_now: false }
    }
}

/// A good answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// The connection is there.
    Started,
    /// Everything is released.
    Stopped,
    /// The connection is closed.
    Disconnected,
    /// The connection is thrown away.
    Reset,
    /// The verdict of a check.
    Healthy(bool),
    /// How the subscription stands.
    Subscribed(SubscribeOutcome),
    /// How the unsubscription went.
    Unsubscribed(UnsubscribeOutcome),
    /// One holder less.
    Released,
    /// Stored.
    Modified,
    /// So many subscriptions are sent anew.
    Recreated(usize),
    /// So many subscriptions are no longer believed in.
    Invalidated(usize),
    /// Handed to the connection.
    Sent,
    /// The gateway answered `tic`.
    Tic,
    /// The other request was ended.
    Cancelled,
}

/// How a subscription stood when its request was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscribeOutcome {
    /// Data confirmed it.
    Active,
    /// Sent; its channel never confirms (`or`, `bd`), or no confirmation was wanted.
    Quiet,
    /// The gateway is not ready for it. It stays wanted and goes out as soon as it can.
    Pending,
}

/// How an unsubscription went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UnsubscribeOutcome {
    /// The gateway confirmed it.
    Confirmed,
    /// Sent; no confirmation was asked for.
    Sent,
    /// Nothing had to be sent: this connection did not hold it.
    NotHeld,
}

/// A bad answer, told apart by what the caller can do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The dials of `Start` came to an end without an open socket. The machine has stopped, unless it had been started
    /// before: then it goes on trying.
    #[error("gave up after {attempts} attempts: {last}")]
    GaveUp {
        /// Dials made.
        attempts: u32,
        /// Why the last one failed.
        last: ConnectError,
    },
    /// HTTP 401 or 403. The machine goes on trying, once a minute at most.
    #[error("{0}")]
    AuthenticationRequired(ConnectError),
    /// The connection was lost while the request was bound to it. What was wanted stays wanted.
    #[error("the connection was lost: {0}")]
    ConnectionLost(ConnectionLoss),
    /// Nothing can be written now: not connected, or the gateway is not ready.
    #[error("not ready: there is no connection that takes messages now")]
    NotReady,
    /// No confirmation within all tries.
    #[error("{key:?} was not confirmed after {attempts} attempts; it is tried again until it is withdrawn")]
    Unconfirmed {
        /// Which subscription.
        key: SubscriptionKey,
        /// How often it was sent.
        attempts: u32,
    },
    /// The gateway refused. It is tried again, with growing delays, until it is withdrawn.
    #[error("the gateway refused {key:?}: {reason}")]
    Refused {
        /// Which subscription.
        key: SubscriptionKey,
        /// The gateway's words.
        reason: Box<str>,
    },
    /// The key is subscribed to with other arguments; `Modify` changes them.
    #[error("{0:?} is subscribed to with other arguments: modify it, or unsubscribe first")]
    Conflict(SubscriptionKey),
    /// The key is not subscribed to.
    #[error("{0:?} is not subscribed to")]
    UnknownSubscription(SubscriptionKey),
    /// The gateway would not take one more of these. Nothing was sent.
    #[error("{key:?}: the limit of {limit} concurrent subscriptions of its channel is reached; unsubscribe one first")]
    Budget {
        /// Which subscription.
        key: SubscriptionKey,
        /// How many there may be.
        limit: usize,
    },
    /// The server id that unsubscribing needs never came.
    #[error("{0:?} cannot be unsubscribed: the gateway never told its server id")]
    ServerIdUnknown(SubscriptionKey),
    /// No answer in time.
    #[error("the gateway did not answer in time")]
    TimedOut,
    /// The text cannot be sent: it is empty, too long, or holds control characters.
    #[error("the text cannot be sent: it must have 1 to 65536 bytes and no control characters")]
    BadText,
    /// The request to end is not pending.
    #[error("no such pending request")]
    UnknownRequest,
    /// Ended by `Cancel`.
    #[error("cancelled")]
    Cancelled,
    /// Ended by an unsubscription, a disconnect or a later command.
    #[error("superseded by a later request")]
    Superseded,
    /// The machine has been shut down.
    #[error("shut down")]
    ShutDown,
}

/// Why a connection ended, or was never established.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionLoss {
    /// The dial failed.
    #[error("{0}")]
    Connect(ConnectError),
    /// The peer sent a Close with this code.
    #[error("the gateway closed the connection (code {0})")]
    Closed(u16),
    /// The connection ended without a Close.
    #[error("the connection ended without a close")]
    Cut,
    /// Nothing was received within the limit.
    #[error("nothing was received for too long")]
    Silent,
    /// No pong was received within the limit.
    #[error("pings were not answered for too long")]
    PongMissing,
    /// The gateway serves another session than the one that this connection was opened with (docs/protocol.md §6).
    #[error("the gateway's session changed")]
    SessionChanged,
    /// The application requested it: a hard reset, a disconnect, a shutdown.
    #[error("closed here")]
    Asked,
}

impl ConnectionLoss {
    /// Returns `true` for a Close by the peer, as opposed to a failure of transport, TLS, protocol or liveness.
    #[must_use]
    pub const fn is_close(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// Returns `true` if dialling again cannot help, because the certificate is not trusted.
    #[must_use]
    pub const fn is_trust(&self) -> bool {
        matches!(self, Self::Connect(ConnectError { kind: ConnectErrorKind::Trust, .. }))
    }
}

/// Why a stream has a gap, or the connection changed its state.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GapCause {
    /// The connection ended.
    #[error("{0}")]
    Connection(#[from] ConnectionLoss),
    /// The session is no longer authenticated; the connection is still open.
    #[error("the session is not authenticated")]
    Unauthenticated,
    /// The gateway refused this subscription, with its reason; the connection is still open.
    #[error("the gateway refused: {0}")]
    Refused(Box<str>),
    /// The subscription was sent repeatedly without a confirmation; the connection is still open.
    #[error("not confirmed in time")]
    Unconfirmed,
    /// A request marked the stream as lost; the connection is still open.
    #[error("invalidated")]
    Invalidated,
}
