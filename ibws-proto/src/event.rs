//! The inputs and outputs of the machine. Inputs come from the transport and the REST handler.
//! Outputs are actions for the driver, events for the application, and replies to requests.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::catch_up::{CatchUpPending, CaughtUp};
use crate::command::{CommandError, GapCause, Reply, RequestId};
use crate::connect::{CloseCause, ConnId, ConnectError};
use crate::frame::{Frame, FrameError, Piece};
use crate::key::{Key, SubscriptionKey};
use crate::lifecycle::ConnectionState;
use crate::mask::Discreet;
use crate::rest::{RestReport, RestRequest, RestRequestId, RestResult};
use crate::state::SubscriptionEvent;
use crate::time::Instant;

/// An output of the machine. Outputs come in causal order.
#[derive(Clone, Debug)]
pub enum Output {
    /// An I/O operation that the driver must perform.
    Action(Action),
    /// An event for the application.
    Event(Event),
    /// The reply to a request; emitted exactly once.
    Done(RequestId, Result<Reply, CommandError>),
}

/// An I/O operation that the driver performs as it is. The driver makes no decision of its own.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Dial. The result is [`Input::Opened`] or [`Input::ConnectFailed`].
    Connect {
        /// The number of the new connection.
        conn: ConnId,
    },
    /// Write a text frame.
    SendText {
        /// The connection to write to.
        conn: ConnId,
        /// The payload of the text frame.
        text: String,
    },
    /// Write the session message, `{"session":"…"}` (docs/protocol.md §1.2). The result is
    /// [`Input::Session`]. The machine never sees the session itself, so none of its outputs can
    /// contain the secret.
    SendSession {
        /// The connection to write to.
        conn: ConnId,
    },
    /// Write an empty WebSocket ping.
    Ping {
        /// The connection to write to.
        conn: ConnId,
    },
    /// Write a Close frame. The result is [`Input::Closed`] when the connection has ended.
    Close {
        /// The connection to write to.
        conn: ConnId,
        /// The close code (RFC 6455 §7.4).
        code: u16,
    },
    /// Drop the connection, or cancel the dial, without a Close. The machine expects no result.
    Abandon {
        /// The connection to drop.
        conn: ConnId,
    },
    /// Make the REST calls for this request. The result is [`Input::RestDone`]; without a REST
    /// handler the driver reports `false` immediately.
    Rest {
        /// The number of the request, repeated in `RestDone`.
        id: RestRequestId,
        /// The calls to make.
        request: RestRequest,
    },
}

/// Writes the text with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { conn } => f.debug_struct("Connect").field("conn", conn).finish(),
            Self::SendText { conn, text } => {
                f.debug_struct("SendText").field("conn", conn).field("text", &Discreet(text)).finish()
            }
            Self::SendSession { conn } => f.debug_struct("SendSession").field("conn", conn).finish(),
            Self::Ping { conn } => f.debug_struct("Ping").field("conn", conn).finish(),
            Self::Close { conn, code } => f.debug_struct("Close").field("conn", conn).field("code", code).finish(),
            Self::Abandon { conn } => f.debug_struct("Abandon").field("conn", conn).finish(),
            Self::Rest { id, request } => f.debug_struct("Rest").field("id", id).field("request", request).finish(),
        }
    }
}

/// An event for the application.
///
/// It serialises as one [line](crate::line) of JSON:
///
/// ```
/// use ibws_proto::line::Line;
/// use ibws_proto::{Command, Config, Instant, Machine, Output};
///
/// let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
/// machine.submit(Instant::ORIGIN, Command::Start);
/// while let Some(output) = machine.poll() {
///     let Output::Event(event) = output else { continue };
///     let line = Line::from(&event).to_string();
///     assert_eq!(line, serde_json::to_string(&event).unwrap());
///     assert_eq!(Line::parse(&line).unwrap(), Line::from(&event));
///     println!("{line}"); // {"type":"state","state":"connecting",…}
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed.
    State(StateChange),
    /// A subscription's state changed.
    Subscription(SubscriptionEvent),
    /// A message arrived. Each frame that could be read causes exactly one of these; frames that
    /// are the pieces of one message cause one together ([`Frame::is_joined`]).
    Message(Message),
    /// A frame arrived that could not be read. One that may be the first piece of a message is
    /// reported when the rest of the message cannot come any more, 1 s after it at the latest.
    Malformed(FrameError),
    /// From `since` on, messages of this stream may be missing.
    Gap(Gap),
    /// The stream was subscribed to again; the gap before it has ended. The frame that shows it was
    /// delivered before, with the same time.
    Resumed(Resumed),
    /// What the stream of orders lost in a gap, or what existed before it began, is known. It comes
    /// after [`Resumed`](Self::Resumed), which never waits for it.
    CaughtUp(CaughtUp),
    /// An attempt to find out what the stream of orders lost did not succeed; it is repeated.
    CatchUpPending(CatchUpPending),
    /// A stream on a healthy connection has been silent for longer than its limit.
    Stale(Stale),
    /// The silence of a stale stream has ended.
    Fresh(Fresh),
    /// A REST request has ended.
    Rest(RestReport),
    /// Another login competes with this session, or no longer does (`sts`, docs/protocol.md §4.3).
    Competing(bool),
    /// The `act` frame emitted before this lists accounts without that of
    /// [`Config::account`](crate::Config::account), so this session does not serve it
    /// (docs/protocol.md §4.2).
    AccountMismatch,
    /// A [`SubscriptionProcessor`](crate::subscribe::SubscriptionProcessor) of the application
    /// panicked. Only a client reports it.
    ProcessorPanicked(ProcessorPanic),
}

impl Event {
    /// Takes the event out of a place that is not read again. An event is large: passing its place
    /// through the calls of its delivery moves it once, passing the event moves it in each of them.
    #[inline(always)]
    pub(crate) fn take(place: &mut Self) -> Self {
        core::mem::replace(place, Self::AccountMismatch)
    }
}

/// A frame, with the connection and the subscription that it belongs to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The connection that received it.
    pub conn: ConnId,
    /// When the machine received it.
    pub at: Instant,
    /// Number of earlier messages of its stream that a queue merged into it because its consumer
    /// was slow; 0 for a frame as received. The `frame` of a merged message is JSON built from all
    /// of them, with the newest of each value; a value in it may be as old as `since`.
    pub merged: u64,
    /// When the machine received the earliest message merged into it; `at` if none is.
    pub since: Instant,
    /// The kind of message; `None` for an unknown topic or shape.
    pub key: Option<Key>,
    /// The subscription it belongs to. `None` if it belongs to none, or if its topic does not
    /// identify exactly one (docs/protocol.md §2).
    pub subscription: Option<SubscriptionKey>,
    /// The decoded frame.
    pub frame: Frame,
}

/// A change of the connection's state. `Display` writes one line for people: the state, and why and
/// for how long it waits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StateChange {
    /// When the state changed.
    pub at: Instant,
    /// The new state.
    pub state: ConnectionState,
    /// The connection that the change concerns; `None` without one.
    pub conn: Option<ConnId>,
    /// Why the previous state ended; `None` unless something was lost.
    pub cause: Option<GapCause>,
    /// The delay until the next dial; `None` except in `Backoff`.
    pub delay: Option<Duration>,
    /// Number of dials since the last ready connection.
    pub attempt: u32,
}

impl fmt::Display for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state.name())?;
        if let Some(delay) = self.delay {
            write!(f, " for {:.1} s", delay.as_secs_f64())?;
        }
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

/// The start of a gap: from `since` on, messages of a stream may be missing. One outage causes one
/// gap for each stream.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Gap {
    /// The subscription of the stream.
    pub key: SubscriptionKey,
    /// The last moment at which the stream is known to have been complete: the last frame received
    /// on the connection. It is earlier for two kinds of streams, so that the gaps of one outage
    /// may begin at different moments: a stream with a limit of silence
    /// ([`Staleness`](crate::subscribe::Staleness): `pl` and `ld` by default), whose own last
    /// message is the better evidence, and one that was sent and never confirmed.
    pub since: Instant,
    /// Why the stream was interrupted.
    pub cause: GapCause,
}

/// The end of a gap, on evidence: for a channel that the gateway confirms, the first frame of the
/// stream on the new connection; for `or` and `bd`, a frame of their own, or 5 s and a later frame
/// of the connection after they were sent without a refusal.
///
/// The frame that ends the gap is delivered before it, with the same time. It may hold the snapshot
/// that makes up for the gap ([`GapRecovery::Snapshot`]), so read the frames between [`Gap`] and
/// `Resumed` as all others.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// The subscription of the stream.
    pub key: SubscriptionKey,
    /// When the gap began, as in its [`Gap`].
    pub since: Instant,
    /// When the gap ended.
    pub at: Instant,
    /// Number of dials during the gap; 0 if the connection stayed open.
    pub attempts: u32,
    /// What makes up for the messages that the gap lost.
    pub recovery: GapRecovery,
}

/// What makes up for the messages that a gap lost, by channel (docs/protocol.md §3.11).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum GapRecovery {
    /// The first frame holds the present values, all of them. The values between are lost for good.
    /// `md`, `mh`, `pl`, `sd`, `ld`.
    Snapshot,
    /// The gateway repeats what the gap lost, after [`Resumed`]. `tr`.
    Replay,
    /// Only a REST call tells the present state; the machine requests it
    /// ([`RestRequest::Reconcile`](crate::rest::RestRequest::Reconcile)), and [`CaughtUp`] reports
    /// what the gap lost. `or`.
    Rest,
    /// Nothing is known to: what changed in the gap shows when it changes again. `bd`, and every
    /// channel but `or` after [`GapCause::Malformed`], because the subscription still held and so
    /// is not sent again.
    Nothing,
}

impl GapRecovery {
    /// Returns what makes up for a gap in a stream of `key`.
    #[must_use]
    pub const fn of(key: Key) -> Self {
        match key {
            Key::Orders => Self::Rest,
            Key::Trades => Self::Replay,
            Key::PriceLadder => Self::Nothing,
            _ => Self::Snapshot,
        }
    }

    /// Returns the name in lower case, for example `snapshot`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Replay => "replay",
            Self::Rest => "rest",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for GapRecovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The start of a silence: a stream on a healthy connection had no message for longer than its
/// [`Staleness`](crate::subscribe::Staleness) allows.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stale {
    /// The subscription of the stream.
    pub key: SubscriptionKey,
    /// When its last message arrived, or when it began to flow.
    pub since: Instant,
}

/// The end of a silence: a stale stream has a message again.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fresh {
    /// The subscription of the stream.
    pub key: SubscriptionKey,
    /// When the silence began, as in its [`Stale`].
    pub since: Instant,
    /// When the silence ended.
    pub at: Instant,
}

/// A panic of a [`SubscriptionProcessor`](crate::subscribe::SubscriptionProcessor). Its text was
/// not sent. A subscription that needs a confirmation gets none, and is retried as usual.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProcessorPanic {
    /// The channel that the processor was called with.
    pub channel: SubscriptionKey,
    /// When it was called.
    pub at: Instant,
}

/// An input of the machine, from the transport, the clock or the REST handler.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The dial succeeded.
    Opened(ConnId),
    /// The dial failed.
    ConnectFailed(ConnId, ConnectError),
    /// A complete message arrived. Text and binary messages are treated alike.
    Frame(ConnId, bytes::Bytes),
    /// The reply to one of the client's pings arrived.
    Pong(ConnId),
    /// A ping of the peer arrived. The transport has replied to it.
    Pinged(ConnId),
    /// The open connection has ended.
    Closed(ConnId, CloseCause),
    /// An attempt at a REST request has ended, with what the REST handler replied.
    RestDone(RestRequestId, RestResult),
    /// The result of [`Action::SendSession`], or a change of the session that was detected over
    /// REST.
    Session(ConnId, SessionUpdate),
}

/// Writes the frame with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick => f.write_str("Tick"),
            Self::Opened(conn) => f.debug_tuple("Opened").field(conn).finish(),
            Self::ConnectFailed(conn, error) => f.debug_tuple("ConnectFailed").field(conn).field(error).finish(),
            Self::Frame(conn, bytes) => f.debug_tuple("Frame").field(conn).field(&Piece(bytes)).finish(),
            Self::Pong(conn) => f.debug_tuple("Pong").field(conn).finish(),
            Self::Pinged(conn) => f.debug_tuple("Pinged").field(conn).finish(),
            Self::Closed(conn, cause) => f.debug_tuple("Closed").field(conn).field(cause).finish(),
            Self::RestDone(id, result) => f.debug_tuple("RestDone").field(id).field(result).finish(),
            Self::Session(conn, update) => f.debug_tuple("Session").field(conn).field(update).finish(),
        }
    }
}

/// A change that concerns the session of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionUpdate {
    /// The session message was written.
    Sent,
    /// No session is available to send.
    Unavailable,
    /// The gateway's session is no longer the one that this connection was opened with
    /// (docs/protocol.md §6).
    Changed,
}
