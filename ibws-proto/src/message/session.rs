//! The session: `system`, `sts` and `tic` (docs/protocol.md §3.8, §4.1, §4.3).

use alloc::borrow::Cow;

use super::macros::{body, row};
use super::rows::one;
use crate::frame::{Frame, Json, RowError};
use crate::time::UnixMillis;

/// A message of the topic `system`.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum System<'a> {
    /// `success`: the gateway accepted the session. It discards what a client writes before
    /// (docs/protocol.md §1.3.4).
    Greeting(Greeting<'a>),
    /// `hb`: the socket is alive. This does not prove that its subscriptions are (docs/protocol.md
    /// §4.1).
    Heartbeat(Heartbeat<'a>),
    /// Any other message of the topic.
    Other(SystemMessage<'a>),
}

impl<'a> System<'a> {
    pub(crate) fn new(frame: &'a Frame) -> Self {
        if frame.get("success").is_some() {
            Self::Greeting(Greeting::new(frame))
        } else if frame.get("hb").is_some() {
            Self::Heartbeat(Heartbeat::new(frame))
        } else {
            Self::Other(SystemMessage::new(frame))
        }
    }

    /// Returns the frame.
    #[must_use]
    pub fn frame(&self) -> &'a Frame {
        match self {
            Self::Greeting(body) => body.frame(),
            Self::Heartbeat(body) => body.frame(),
            Self::Other(body) => body.frame(),
        }
    }
}

body! {
    /// The greeting: the gateway accepted the session.
    Greeting [] {
        /// Name of the user.
        success: Cow<'a, str>,
        /// Whether the account is a free trial; undocumented in this message.
        is_ft: bool = "isFT",
        /// Whether the account is a paper account; undocumented in this message.
        is_paper: bool = "isPaper",
    }
}

body! {
    /// A heartbeat, sent every 10 s.
    Heartbeat [] {
        /// Time by the server's clock.
        hb: UnixMillis,
    }
}

body! {
    /// A message of the topic `system` that is neither a greeting nor a heartbeat.
    SystemMessage [] {}
}

body! {
    /// The state of authentication (docs/protocol.md §4.3). Frames with a single key occur; an
    /// absent key is unchanged.
    Status ["args"] {}
}

impl<'a> Status<'a> {
    /// Returns the state; without members if the message has no `args`.
    ///
    /// # Errors
    /// [`RowError`] if `args` is not an object.
    pub fn args(&self) -> Result<SessionState<'a>, RowError> {
        one(self.member("args"))
    }
}

row! {
    /// The state of the session. A key that a frame omits keeps its earlier value.
    SessionState [] {
        /// Whether the brokerage session is connected.
        connected: bool,
        /// Whether the brokerage session is authenticated.
        authenticated: bool,
        /// Whether the brokerage session is ready for orders.
        established: bool,
        /// Whether another session of the same user competes with this one.
        competing: bool,
        /// A message for the user.
        message: Cow<'a, str>,
        /// Reason why authentication failed.
        fail: Cow<'a, str>,
        /// Name of the server.
        server_name: Cow<'a, str> = "serverName",
        /// Version of the server.
        server_version: Cow<'a, str> = "serverVersion",
        /// Name of the user.
        username: Cow<'a, str>,
    }
}

body! {
    /// The reply to a `tic`. The gateway sends four for each (docs/protocol.md §3.8).
    Tic [] {
        /// Whether the session is alive.
        alive: bool,
        /// Id of the session, the same as in the `/tickle` reply. A new id means that the gateway
        /// logged in again.
        id: Cow<'a, str>,
        /// Time of the last use of the session.
        last_accessed: UnixMillis = "lastAccessed",
    }
}

/// Returns a member of a frame if it is a string.
pub(crate) fn text<'a>(frame: &'a Frame, key: &str) -> Option<Cow<'a, str>> {
    frame.get(key).and_then(Json::as_str)
}
