//! The requests of the application to the machine, and their replies. Each request has exactly one
//! reply.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::connect::{CloseCause, ConnectError, ConnectErrorKind};
use crate::error_text::debug_with_text;
use crate::key::SubscriptionKey;
use crate::liveness::HealthReason;
use crate::mask::{Discreet, excerpt};
use crate::payload::{Args, Processor, Renewal, Staleness, Subscribe, Unsubscribe};
use crate::subscribe::InvalidSubscribe;

/// Number of a request. [`Machine::submit`](crate::Machine::submit) returns it, and the reply
/// repeats it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub(crate) u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// A request of the application.
#[derive(Clone)]
#[non_exhaustive]
pub enum Command {
    /// Connects, and keeps the client connected.
    ///
    /// The reply comes at the greeting, or when the time of
    /// [`Config::ready_gate`](crate::Config::ready_gate) ends on an open socket.
    Start,
    /// Closes the connection, stops, and removes all subscriptions.
    Shutdown {
        /// Unsubscribes from everything before the Close, and waits at most
        /// [`Config::drain_timeout`](crate::Config::drain_timeout) for the confirmations.
        drain: bool,
    },
    /// Closes the connection, and stays stopped until `Start` or `HardReset`. The subscriptions are
    /// kept for the next connection.
    Disconnect,
    /// Closes the connection and clears its state: liveness, server ids, texts that wait to be
    /// sent.
    HardReset {
        /// Dials again immediately. Without it, the machine dials again after a delay, or stops if
        /// the connection closes in time and
        /// [`Config::restart_on_close`](crate::Config::restart_on_close) is off.
        restart: bool,
    },
    /// Checks the age of the last pong. If it is too old, does a hard reset with restart. Without a
    /// connection the check succeeds.
    CheckPing,
    /// Checks the age of the last pong and the silence of the connection. If either is too long,
    /// does a hard reset with restart. Without a connection the check succeeds.
    CheckHealth,
    /// Subscribes, and keeps the subscription across reconnects.
    Subscribe(Subscribe),
    /// Unsubscribes, even if other handles still use the subscription.
    Unsubscribe(Unsubscribe),
    /// Removes one holder of a subscription, named by its `Subscribe` request. Removing the last
    /// holder unsubscribes.
    Release(RequestId),
    /// Changes the stored settings of a subscription. Fields that are `None` keep their value.
    Modify(Modify),
    /// Sends every requested subscription again, in bursts of
    /// [`Config::resubscribe_burst`](crate::Config::resubscribe_burst).
    Recreate,
    /// Marks this subscription (all, if `None`) as lost at the gateway and opens a gap.
    ///
    /// It is sent again by `Recreate`, on the next connection, or when it is requested again. Data
    /// that arrives for it ends the gap before that.
    Invalidate(Option<SubscriptionKey>),
    /// Writes a text of the application, for example `shs+exercise+{…}`. The reply comes when the
    /// text is handed to the connection.
    SendText(String),
    /// Waits until every requested subscription may be sent: the connection is ready, or greeted
    /// where only `pl`, `sd` and `ld` are requested. It has no time limit, and fails when the
    /// machine gives up, is shut down or disconnected, or refuses the gateway's certificate. A
    /// stopped machine replies [`CommandError::NotReady`].
    WaitReady,
    /// Writes `tic` now. The first of the gateway's four replies completes the request
    /// (docs/protocol.md §3.8).
    Tic,
    /// Ends a pending request with [`CommandError::Cancelled`]. What the request has already done
    /// is kept.
    Cancel(RequestId),
}

/// Writes the text with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Shutdown { drain } => f.debug_struct("Shutdown").field("drain", drain).finish(),
            Self::Disconnect => f.write_str("Disconnect"),
            Self::HardReset { restart } => f.debug_struct("HardReset").field("restart", restart).finish(),
            Self::CheckPing => f.write_str("CheckPing"),
            Self::CheckHealth => f.write_str("CheckHealth"),
            Self::Subscribe(subscribe) => f.debug_tuple("Subscribe").field(subscribe).finish(),
            Self::Unsubscribe(unsubscribe) => f.debug_tuple("Unsubscribe").field(unsubscribe).finish(),
            Self::Release(request) => f.debug_tuple("Release").field(request).finish(),
            Self::Modify(modify) => f.debug_tuple("Modify").field(modify).finish(),
            Self::Recreate => f.write_str("Recreate"),
            Self::Invalidate(key) => f.debug_tuple("Invalidate").field(key).finish(),
            Self::SendText(text) => f.debug_tuple("SendText").field(&Discreet(text)).finish(),
            Self::WaitReady => f.write_str("WaitReady"),
            Self::Tic => f.write_str("Tic"),
            Self::Cancel(request) => f.debug_tuple("Cancel").field(request).finish(),
        }
    }
}

/// A change to the stored settings of a subscription.
#[derive(Clone, Debug)]
pub struct Modify {
    /// The subscription to change.
    pub key: SubscriptionKey,
    /// The new arguments; `Some(None)` removes them.
    pub args: Option<Option<Args>>,
    /// Whether a confirmation is required; `Some(None)` restores the default of the channel.
    pub needs_confirmation: Option<Option<bool>>,
    /// The new processor; `Some(None)` restores that of [`Config`](crate::Config).
    pub processor: Option<Option<Processor>>,
    /// The new limit of silence.
    pub staleness: Option<Staleness>,
    /// How market data is renewed from now on; `Some(None)` restores
    /// [`Config::renewal`](crate::Config::renewal).
    pub renewal: Option<Option<Renewal>>,
    /// The new age at which market data is renewed, 1 ms at least; `Some(None)` never renews it.
    /// [`Config::renew_market_data`](crate::Config::renew_market_data) returns by its own value. It
    /// takes effect at once, whatever `apply_now` is: the age counts from the change, and a renewal
    /// that is due earlier keeps its time.
    pub renew_after: Option<Option<Duration>>,
    /// Overrides the state with what the application knows from elsewhere. With `true` data flows;
    /// `false` has the effect of [`Command::Invalidate`]. `true` is marked as
    /// [assumed](crate::status::SubscriptionInfo::assumed) until a frame confirms it or a loss ends
    /// it.
    pub active: Option<bool>,
    /// Unsubscribes and subscribes immediately, without a gap event. If `false`, the change applies
    /// when the subscription is next sent.
    pub apply_now: bool,
}

impl Modify {
    /// Returns a change of `key` that keeps every setting. Set the fields that are to change.
    #[must_use]
    pub fn new(key: SubscriptionKey) -> Self {
        Self {
            key,
            args: None,
            needs_confirmation: None,
            processor: None,
            staleness: None,
            renewal: None,
            renew_after: None,
            active: None,
            apply_now: false,
        }
    }
}

/// The reply to a request that succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// The client is connected.
    Started,
    /// The client has shut down and removed its subscriptions.
    Stopped,
    /// The connection is closed.
    Disconnected,
    /// The connection is closed and its state cleared.
    Reset,
    /// The result of a check; `false` if it caused a hard reset.
    Healthy(bool),
    /// The subscription is stored, with this outcome.
    Subscribed(SubscribeOutcome),
    /// The subscription is removed, with this outcome.
    Unsubscribed(UnsubscribeOutcome),
    /// One holder of the subscription is removed.
    Released,
    /// The change is stored.
    Modified,
    /// This many subscriptions are sent again.
    Recreated(usize),
    /// This many subscriptions are marked as lost.
    Invalidated(usize),
    /// The text is handed to the connection.
    Sent,
    /// The gateway replied to `tic`.
    Tic,
    /// Every requested subscription may be sent.
    Ready,
    /// The other request is cancelled.
    Cancelled,
}

/// The outcome of a `Subscribe` request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscribeOutcome {
    /// Data confirmed the subscription.
    Active,
    /// The subscription is sent and no confirmation is expected: its channel has none (`or`, `bd`,
    /// docs/protocol.md §3), or the request required none.
    Quiet,
    /// The gateway is not ready for the subscription. It is kept and sent as soon as possible.
    Pending,
}

/// The outcome of an `Unsubscribe` request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UnsubscribeOutcome {
    /// The gateway confirmed the unsubscribe.
    Confirmed,
    /// The unsubscribe is sent. The request required no confirmation, or a later subscribe of the
    /// same key ended the wait for it.
    Sent,
    /// The unsubscribe is sent. The request required a confirmation, and the gateway confirms none
    /// on this channel ([`Key::is_unsubscribe_confirmed`](crate::Key::is_unsubscribe_confirmed)).
    NeverConfirmed,
    /// Nothing was sent, because the subscription was not active on this connection.
    NotHeld,
}

/// The reply to a request that failed. The variants differ in what the application can do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// All dials of `Start` failed, or the certificate is not trusted. The machine has stopped,
    /// unless it was connected before; in that case it continues to dial.
    ///
    /// The limits are
    /// [`Config::max_connection_attempts`](crate::Config::max_connection_attempts) and
    /// [`Config::max_reconnect_attempts`](crate::Config::max_reconnect_attempts).
    #[error("gave up after {attempts} connection attempt{}: {last}", if *attempts == 1 { "" } else { "s" })]
    GaveUp {
        /// Number of dials.
        attempts: u32,
        /// The failure of the last dial.
        #[source]
        last: ConnectError,
    },
    /// `Start` failed: the gateway replied 401 or 403 over HTTP to the last of the
    /// [`Config::max_connection_attempts`](crate::Config::max_connection_attempts) dials.
    #[error("{0}")]
    AuthenticationRequired(#[source] ConnectError),
    /// The connection that the request depended on was lost. Requested subscriptions are kept.
    #[error("the connection was lost: {0}")]
    ConnectionLost(#[source] ConnectionLoss),
    /// Nothing can be written now, for this reason.
    #[error("not ready: {0}; repeat the request when the connection is ready")]
    NotReady(HealthReason),
    /// The gateway confirmed none of the
    /// [`Config::subscription_retries`](crate::Config::subscription_retries) attempts.
    #[error("{key:?} was not confirmed after {attempts} attempts; a subscription is retried until it is unsubscribed")]
    Unconfirmed {
        /// The subscription.
        key: SubscriptionKey,
        /// Number of times it was sent.
        attempts: u32,
    },
    /// The gateway refused the subscription. The machine retries it with growing delays until it is
    /// unsubscribed.
    #[error("the gateway refused {key:?}: {reason}; it is retried until it is unsubscribed")]
    Refused {
        /// The subscription.
        key: SubscriptionKey,
        /// The text of the gateway's error frame.
        reason: Box<str>,
    },
    /// The request has an argument that the gateway would ignore silently. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidSubscribe),
    /// The key is already subscribed to with other arguments. `Modify` changes them.
    #[error("{0:?} is already subscribed to with other arguments; modify it, or unsubscribe first")]
    Conflict(SubscriptionKey),
    /// The key is not subscribed to.
    #[error("{0:?} is not subscribed to")]
    UnknownSubscription(SubscriptionKey),
    /// The channel has as many subscriptions as the gateway accepts. Nothing was sent.
    ///
    /// The limits are [`Config::max_histories`](crate::Config::max_histories) and
    /// [`Config::max_lines`](crate::Config::max_lines).
    #[error("{key:?}: the limit of {limit} concurrent subscriptions of its channel is reached; unsubscribe one first")]
    Budget {
        /// The subscription that was requested.
        key: SubscriptionKey,
        /// The greatest number of concurrent subscriptions.
        limit: usize,
    },
    /// The server id that the unsubscribe must name never arrived (docs/protocol.md §3.2).
    #[error("{0:?} cannot be unsubscribed: its server id, which the gateway sends with the data, never arrived")]
    ServerIdUnknown(SubscriptionKey),
    /// No reply arrived within
    /// [`Config::subscription_timeout`](crate::Config::subscription_timeout).
    #[error("the gateway did not reply within `subscription_timeout`")]
    TimedOut,
    /// The text is empty, too long, or contains control characters.
    #[error("the text cannot be sent: it must have 1 to 65536 bytes and no control characters")]
    BadText,
    /// The request to cancel is not pending.
    #[error("the request to cancel is not pending")]
    UnknownRequest,
    /// A [`Command::Cancel`] or [`Command::Release`] ended the request.
    #[error("cancelled")]
    Cancelled,
    /// An unsubscribe, a disconnect or a later command ended the request.
    #[error("superseded by a later request")]
    Superseded,
    /// The machine has been shut down.
    #[error("the client has been shut down")]
    ShutDown,
}

debug_with_text!(CommandError {
    GaveUp,
    AuthenticationRequired,
    ConnectionLost,
    NotReady,
    Unconfirmed,
    Refused,
    Invalid,
    Conflict,
    UnknownSubscription,
    Budget,
    ServerIdUnknown,
    TimedOut,
    BadText,
    UnknownRequest,
    Cancelled,
    Superseded,
    ShutDown
});

/// Why a connection ended, or was never established.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionLoss {
    /// The dial failed.
    #[error("{0}")]
    Connect(#[source] ConnectError),
    /// The peer sent a Close with this code; `None` if the Close had none (docs/protocol.md §6).
    #[error("the gateway closed the connection ({})", CodeText(*.0))]
    Closed(Option<u16>),
    /// The connection ended without a Close.
    #[error("the connection ended without a close")]
    Cut,
    /// The connection was reset by the peer, or by something on the way.
    #[error("the connection was reset")]
    Reset,
    /// The system ended the connection, for the reason that it gives.
    #[error("the connection failed ({0}); check the network")]
    Failed(Box<str>),
    /// The gateway sent more than `Limits::max_message_size` or `Limits::max_frame_size` allows.
    #[error(
        "a message of at least {size} bytes is above the limit of {limit} bytes; raise `Limits::max_message_size` and \
         `Limits::max_frame_size`"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The size in bytes that was announced, or that has arrived in parts.
        size: u64,
    },
    /// The gateway, or a proxy in between, violated the WebSocket protocol as stated.
    #[error("the WebSocket protocol was violated ({0}); check any proxy in between")]
    Protocol(Box<str>),
    /// TLS failed after the handshake, as stated.
    #[error("TLS failed on the open connection ({0}); check any proxy in between")]
    Tls(Box<str>),
    /// The gateway does not read, and more than `Limits::max_write_buffer` waited to be written.
    #[error(
        "the gateway does not read, and more than {limit} bytes wait to be written; send less, or raise \
         `Limits::max_write_buffer`"
    )]
    WriteStalled {
        /// The limit in bytes.
        limit: u64,
    },
    /// A text was larger than `Limits::max_write_buffer`.
    #[error("a text of {size} bytes is above the limit of {limit} unsent bytes; raise `Limits::max_write_buffer`")]
    WriteTooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The size of the text in bytes.
        size: u64,
    },
    /// The gateway accepted the connection and sent nothing within
    /// [`Config::first_frame_timeout`](crate::Config::first_frame_timeout): its backend is away, or
    /// nobody is logged in (docs/protocol.md §1.8).
    #[error("the gateway accepted the connection but sent nothing; check that it is logged in")]
    NoFirstFrame,
    /// The gateway sent frames but no greeting for 60 s; the machine dials anew.
    #[error("the gateway sent no greeting; dialling anew")]
    NotGreeted,
    /// The session stayed unauthenticated while a subscription needs it; the machine dials anew,
    /// because a restored session may never be announced on this connection (docs/protocol.md
    /// §4.3).
    #[error("the session stayed unauthenticated; dialling anew")]
    NotAuthenticated,
    /// Nothing was received within [`Config::silence_limit`](crate::Config::silence_limit).
    #[error("nothing was received for too long")]
    Silent,
    /// No pong was received within [`Config::max_pong_age`](crate::Config::max_pong_age).
    #[error("pings were not answered for too long")]
    PongMissing,
    /// The gateway serves another session than the one that this connection was opened with
    /// (docs/protocol.md §6).
    #[error("the gateway's session changed")]
    SessionChanged,
    /// The application requested it: a hard reset, a disconnect, a shutdown.
    #[error("closed here")]
    Requested,
}

impl ConnectionLoss {
    /// Returns `true` for a Close by the peer, with or without a code, as opposed to a failure of
    /// transport, TLS, protocol or liveness.
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

impl From<CloseCause> for ConnectionLoss {
    fn from(cause: CloseCause) -> Self {
        match cause {
            CloseCause::Close(code) => Self::Closed(code),
            CloseCause::Reset => Self::Reset,
            CloseCause::Eof => Self::Cut,
            CloseCause::Failed(reason) => Self::Failed(excerpt(&reason)),
            CloseCause::TooLarge { limit, size } => Self::TooLarge { limit, size },
            CloseCause::Protocol(violation) => Self::Protocol(excerpt(&violation)),
            CloseCause::Tls(reason) => Self::Tls(excerpt(&reason)),
            CloseCause::WriteStalled { limit } => Self::WriteStalled { limit },
            CloseCause::WriteTooLarge { limit, size } => Self::WriteTooLarge { limit, size },
        }
    }
}

/// Displays a close code, or its absence.
struct CodeText(Option<u16>);

impl fmt::Display for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, "code {code}"),
            None => f.write_str("no code"),
        }
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
    /// A message that may be of this stream arrived in part, and the rest of it did not
    /// (docs/protocol.md §1.8); the connection is still open, and the subscription still holds.
    #[error("a message arrived in part")]
    Malformed,
}
