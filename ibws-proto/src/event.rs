//! What comes out of the machine: actions for whoever holds the socket, events for whoever listens, answers to requests.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use crate::command::{Failure, Loss, RequestId, Success};
use crate::connect::{ConnId, ConnectError};
use crate::frame::{Frame, Malformed};
use crate::key::{Key, SubKey};
use crate::lifecycle::Phase;
use crate::time::Instant;

/// One output, in causal order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Do this.
    Action(Action),
    /// Tell this.
    Event(Event),
    /// The answer to a request, the only one.
    Done(RequestId, Result<Success, Failure>),
}

/// What the holder of the socket must do, and nothing else. It decides nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Dial; answer with `Opened` or `ConnectFailed`.
    Connect {
        /// Number of the connection to be.
        conn: ConnId,
    },
    /// Write a text frame.
    SendText {
        /// On this connection.
        conn: ConnId,
        /// The text.
        text: String,
    },
    /// Write the session message, `{"session":"…"}`; answer with `Session`. The machine never sees the session itself,
    /// so no output of it can hold the secret.
    SendSession {
        /// On this connection.
        conn: ConnId,
    },
    /// Write an empty WebSocket ping.
    Ping {
        /// On this connection.
        conn: ConnId,
    },
    /// Write a Close frame; answer with `Closed` when the connection has ended.
    Close {
        /// On this connection.
        conn: ConnId,
        /// RFC 6455 §7.4.
        code: u16,
    },
    /// Drop the connection, or the dial, without a further word. Nothing is awaited.
    Abandon {
        /// This connection.
        conn: ConnId,
    },
    /// Make the REST calls that the gateway wants before this subscription (protocol §1.3); answer with `Primed`.
    Prime {
        /// For this connection.
        conn: ConnId,
        /// For this subscription.
        key: SubKey,
    },
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed.
    State(StateChange),
    /// A subscription's state changed.
    Subscription(SubscriptionEvent),
    /// A frame arrived: one event for each frame that was accepted.
    Message(Message),
    /// A frame arrived that could not be read.
    Malformed(Malformed),
    /// From `since` on, messages of this stream may be missing.
    Gap(Gap),
    /// The stream was subscribed to again; the gap before it has ended.
    Resumed(Resumed),
    /// The gateway waits for a session and none is at hand: it will stay silent until it gets one over REST.
    SessionWanted,
}

/// A frame and where it belongs.
#[derive(Clone, Debug)]
pub struct Message {
    /// The connection it came on.
    pub conn: ConnId,
    /// When it was handed in.
    pub at: Instant,
    /// What it is about; `None` for a topic, or a shape, that nobody has heard of.
    pub key: Option<Key>,
    /// The subscription it belongs to, where exactly one is meant (`design` §4).
    pub subscription: Option<SubKey>,
    /// The frame itself.
    pub frame: Frame,
}

/// A change of the connection's state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StateChange {
    /// When.
    pub at: Instant,
    /// The state that begins.
    pub state: Phase,
    /// The connection it is about, if there is one.
    pub conn: Option<ConnId>,
    /// Why the state before it ended, where something was lost.
    pub cause: Option<Loss>,
    /// In `Backoff`: how long.
    pub delay: Option<Duration>,
    /// Dials since the last ready connection.
    pub attempt: u32,
}

/// A change of a subscription's state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SubscriptionEvent {
    /// When.
    pub at: Instant,
    /// Which.
    pub key: SubKey,
    /// The state that begins.
    pub status: SubStatus,
    /// How often it was sent in this round.
    pub attempt: u32,
    /// The gateway's words, in `Refused` and in a `Failed` that follows it.
    pub reason: Option<Box<str>>,
}

/// State of a subscription (`design` §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SubStatus {
    /// Wanted, but the gateway is not ready for it.
    Pending,
    /// Sent, its confirmation awaited.
    Subscribing,
    /// Data of this connection confirmed it.
    Active,
    /// Sent; no confirmation is to be expected.
    Quiet,
    /// Refused by the gateway; tried again after a delay.
    Refused,
    /// Sent again because the gateway ends streams by age.
    Expiring,
    /// The session lost its authentication; sent again when that is back.
    Degraded,
    /// All tries went unanswered; tried again now and then.
    Failed,
    /// Withdrawn, the confirmation of that awaited.
    Unsubscribing,
    /// Forgotten.
    Gone,
}

impl SubStatus {
    /// All of them, in the order of a subscription's life.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Subscribing,
        Self::Active,
        Self::Quiet,
        Self::Refused,
        Self::Expiring,
        Self::Degraded,
        Self::Failed,
        Self::Unsubscribing,
        Self::Gone,
    ];

    /// The name in lower case, `active`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Subscribing => "subscribing",
            Self::Active => "active",
            Self::Quiet => "quiet",
            Self::Refused => "refused",
            Self::Expiring => "expiring",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Unsubscribing => "unsubscribing",
            Self::Gone => "gone",
        }
    }
}

/// From `since` on, messages of a stream may be missing. One outage is one gap.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Gap {
    /// The stream.
    pub key: SubKey,
    /// The last moment at which the connection is known to have been good.
    pub since: Instant,
    /// What ended it.
    pub cause: Loss,
}

/// A gap ended: the stream was subscribed to again on a ready connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// The stream.
    pub key: SubKey,
    /// Where the gap began.
    pub since: Instant,
    /// When it was subscribed to again.
    pub at: Instant,
    /// Dials that it took.
    pub attempts: u32,
}

/// What is handed in.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The dial succeeded.
    Opened(ConnId),
    /// The dial failed.
    ConnectFailed(ConnId, ConnectError),
    /// A whole message arrived, text or binary alike.
    Frame(ConnId, bytes::Bytes),
    /// The answer to one of our pings arrived.
    Pong(ConnId),
    /// The peer's own ping arrived (and was answered).
    Pinged(ConnId),
    /// The connection has ended; with the peer's code if it sent a Close.
    Closed(ConnId, Option<u16>),
    /// The host has made the calls for this subscription, or could not.
    Primed(ConnId, SubKey, bool),
    /// What became of `SendSession`, or what the host found out about the session.
    Session(ConnId, SessionNews),
}

/// News of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionNews {
    /// The session message was written.
    Sent,
    /// There is no session to send.
    Unavailable,
    /// The gateway's session is no longer the one this connection was opened with.
    Changed,
}
