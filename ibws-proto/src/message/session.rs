//! `system`, `sts`, `tic`: the session itself (docs/protocol.md §3.8, §4.1, §4.3).

use alloc::borrow::Cow;

use super::macros::{body, row};
use super::rows::one;
use crate::frame::{Frame, Json, RowError};

/// A message of the topic `system`.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum System<'a> {
    /// `success`: the session is accepted; before it nothing that is sent is heard (docs/protocol.md §1.3).
    Greeting(Greeting<'a>),
    /// `hb`: the socket lives. Whether its subscriptions do, it does not say (docs/protocol.md §4.1).
    Heartbeat(Heartbeat<'a>),
    /// Any other.
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

    /// The frame itself.
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
    /// The gateway accepts the session.
    Greeting [] {
        /// The user's name.
        success: Cow<'a, str> = "success",
        /// Is it a free trial? Undocumented here.
        is_ft: bool = "isFT",
        /// Is it a paper account? Undocumented here.
        is_paper: bool = "isPaper",
    }
}

body! {
    /// A heartbeat, every 10 seconds.
    Heartbeat [] {
        /// The server's clock, in milliseconds since 1970.
        hb: i64 = "hb",
    }
}

body! {
    /// A message of the topic `system` that is neither.
    SystemMessage [] {}
}

body! {
    /// State of authentication (docs/protocol.md §4.3). Frames of a single key occur: what is absent has not changed.
    Status ["args"] {}
}

impl<'a> Status<'a> {
    /// What is told; empty where the message has no `args`.
    ///
    /// # Errors
    /// [`RowError`] if `args` is no object.
    pub fn args(&self) -> Result<SessionState<'a>, RowError> {
        one(self.member("args"))
    }
}

row! {
    /// State of the session: what is absent has not changed, and says nothing.
    SessionState [] {
        /// Is the brokerage session connected?
        connected: bool = "connected",
        /// Is it authenticated?
        authenticated: bool = "authenticated",
        /// Is it ready for orders?
        established: bool = "established",
        /// Does another session of the same user compete with it?
        competing: bool = "competing",
        /// A message.
        message: Cow<'a, str> = "message",
        /// Why authentication failed.
        fail: Cow<'a, str> = "fail",
        /// The server.
        server_name: Cow<'a, str> = "serverName",
        /// Its version.
        server_version: Cow<'a, str> = "serverVersion",
        /// The user's name.
        username: Cow<'a, str> = "username",
    }
}

body! {
    /// Answer to a `tic`, of which one has four (docs/protocol.md §3.8).
    Tic [] {
        /// Does the session live?
        alive: bool = "alive",
        /// The session's id, as `tickle` tells it: one that changed means that the gateway logged in anew.
        id: Cow<'a, str> = "id",
        /// When the session was used last, in milliseconds since 1970.
        last_accessed: i64 = "lastAccessed",
    }
}

/// The only member of a topic-less message.
pub(crate) fn text<'a>(frame: &'a Frame, key: &str) -> Option<Cow<'a, str>> {
    frame.get(key).and_then(Json::as_str)
}
