//! What comes out of the machine: actions for whoever holds the socket, events for whoever listens, answers to requests.

use alloc::string::String;
use core::time::Duration;

use crate::command::{CommandError, GapCause, Reply, RequestId};
use crate::connect::{ConnId, ConnectError};
use crate::frame::{Frame, FrameError};
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::rest::{RestReport, RestRequest, RestRequestId};
use crate::state::SubscriptionEvent;
use crate::time::Instant;

/// One output, in causal order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Do this.
    Action(Action),
    /// Tell this.
    Event(Event),
    /// The answer to a request, the only one.
    Done(RequestId, Result<Reply, CommandError>),
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
    /// Make the REST calls for this request; answer with `RestDone`. Without a REST handler: at once, with `false`.
    Rest {
        /// Number of the request, repeated in `RestDone`.
        id: RestRequestId,
        /// The request.
        request: RestRequest,
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
    Malformed(FrameError),
    /// From `since` on, messages of this stream may be missing.
    Gap(Gap),
    /// The stream was subscribed to again; the gap before it has ended.
    Resumed(Resumed),
    /// A stream on a healthy connection has been silent for longer than its limit.
    Stale(Stale),
    /// The silence of a stale stream has ended.
    Fresh(Fresh),
    /// A REST request has ended.
    Rest(RestReport),
    /// Another login competes with this session, or no longer does (`sts`, docs/protocol.md §4.3).
    Competing(bool),
    /// The `act` frame told before this lists accounts, and the one of [`Config::account`](crate::Config::account) is not
    /// among them: this session does not serve it.
    AccountMismatch,
}

/// A frame and where it belongs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The connection it came on.
    pub conn: ConnId,
    /// When it was handed in.
    pub at: Instant,
    /// How many earlier messages of its stream a queue merged into it because its consumer was slow; 0 for a frame as it
    /// came. Of a merged one, `frame` is JSON put together from theirs: what they told, the newest of each; a value in it
    /// may be as old as `since`.
    pub merged: u64,
    /// When the earliest that is merged into it was handed in; else the same as `at`.
    pub since: Instant,
    /// What it is about; `None` for a topic, or a shape, that nobody has heard of.
    pub key: Option<Key>,
    /// The subscription it belongs to, where exactly one is meant (`design` §4).
    pub subscription: Option<SubscriptionKey>,
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
    pub state: ConnectionState,
    /// The connection it is about, if there is one.
    pub conn: Option<ConnId>,
    /// Why the state before it ended, where something was lost.
    pub cause: Option<GapCause>,
    /// In `Backoff`: how long.
    pub delay: Option<Duration>,
    /// Dials since the last ready connection.
    pub attempt: u32,
}

/// From `since` on, messages of a stream may be missing. One outage is one gap.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Gap {
    /// The stream.
    pub key: SubscriptionKey,
    /// The last moment at which the connection is known to have been good.
    pub since: Instant,
    /// What ended it.
    pub cause: GapCause,
}

/// A gap ended: the stream was subscribed to again on a ready connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// The stream.
    pub key: SubscriptionKey,
    /// Where the gap began.
    pub since: Instant,
    /// When it was subscribed to again.
    pub at: Instant,
    /// Dials that it took.
    pub attempts: u32,
}

/// A stream has been silent for longer than its limit, on a connection that is fine.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stale {
    /// The stream.
    pub key: SubscriptionKey,
    /// Its last message, or when it began.
    pub since: Instant,
}

/// A stale stream speaks again.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fresh {
    /// The stream.
    pub key: SubscriptionKey,
    /// When its silence began.
    pub since: Instant,
    /// When it ended.
    pub at: Instant,
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
    /// A REST request was carried out (`true`), or could not be.
    RestDone(RestRequestId, bool),
    /// What became of `SendSession`, or what the host found out about the session.
    Session(ConnId, SessionUpdate),
}

/// News of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionUpdate {
    /// The session message was written.
    Sent,
    /// There is no session to send.
    Unavailable,
    /// The gateway's session is no longer the one this connection was opened with.
    Changed,
}
