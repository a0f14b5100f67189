//! Errors, frames without a topic, exercises, and frames of unknown shape (docs/protocol.md §2,
//! §3.9, §4.6).

use alloc::borrow::Cow;
use core::fmt;

use super::macros::body;
use super::session::text;
use crate::frame::{FieldResult, Frame, FromJson, Json, lookup};
use crate::mask::Discreet;

body! {
    /// An error frame. Its topic is the bare topic of a channel, so it cannot be matched to one
    /// subscription (docs/protocol.md §4.6).
    ErrorMessage ["args"] {
        /// Text of the error.
        error: Cow<'a, str>,
        /// Code of the error, for example 500.
        code: i64,
    }
}

body! {
    /// A message without a topic that confirms an unsubscribe: `{"message":"Unsubscribed ID"}`, or
    /// `{"result":"unsubscribed from summary"}`, which names no account (docs/protocol.md §3.2,
    /// §3.7).
    Unsubscribed [] {
        /// Text that confirms the unsubscribe of a history.
        message: Cow<'a, str>,
        /// Text that confirms the unsubscribe of a summary or ledger.
        result: Cow<'a, str>,
    }
}

/// The subscription that ended.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended<'a> {
    /// A history, with its server id if the message names one.
    History(Option<Cow<'a, str>>),
    /// The summary of an account that the message does not name.
    Summary,
    /// The ledger of an account that the message does not name.
    Ledger,
    /// Another subscription, by the name in the message.
    Other(Cow<'a, str>),
}

impl fmt::Debug for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(id) => f.debug_tuple("History").field(&id.as_deref().map(Discreet)).finish(),
            Self::Summary => f.write_str("Summary"),
            Self::Ledger => f.write_str("Ledger"),
            Self::Other(name) => f.debug_tuple("Other").field(&Discreet(&**name)).finish(),
        }
    }
}

impl<'a> Unsubscribed<'a> {
    /// Returns the subscription that ended.
    #[must_use]
    pub fn ended(&self) -> Ended<'a> {
        if let Some(result) = text(self.frame(), "result") {
            return match tail(result, "unsubscribed from") {
                Some(name) if name == "summary" => Ended::Summary,
                Some(name) if name == "ledger" => Ended::Ledger,
                name => Ended::Other(name.unwrap_or_default()),
            };
        }
        let id = text(self.frame(), "message").and_then(|message| tail(message, "Unsubscribed"));
        Ended::History(id.filter(|id| !id.is_empty()))
    }

    pub(crate) fn is(frame: &Frame) -> bool {
        let begins = |key, with| text(frame, key).is_some_and(|text| text.starts_with(with));
        begins("message", "Unsubscribed") || begins("result", "unsubscribed")
    }
}

/// Returns the text after `head`, without white space around it.
fn tail<'a>(text: Cow<'a, str>, head: &str) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => Some(Cow::Borrowed(text.strip_prefix(head)?.trim())),
        Cow::Owned(text) => Some(Cow::Owned(text.strip_prefix(head)?.trim().into())),
    }
}

body! {
    /// `waiting for session`: the gateway waits for the message `{"session":…}` (docs/protocol.md
    /// §1.2).
    WaitingForSession [] {
        /// Text of the message.
        message: Cow<'a, str>,
    }
}

impl WaitingForSession<'_> {
    pub(crate) fn is(frame: &Frame) -> bool {
        text(frame, "message").is_some_and(|text| text == "waiting for session")
    }
}

body! {
    /// Any other message without a topic.
    Message [] {
        /// Text of the message.
        message: Cow<'a, str>,
    }
}

body! {
    /// The bare text `ech+hb`, which is not JSON (docs/protocol.md §3.8).
    Echo [] {}
}

body! {
    /// A step of the exercise of an option (docs/protocol.md §3.9), of the topics `shs+exercise`
    /// and `inp+exercise`.
    Exercise [] {
        /// Number of the message.
        mid: Cow<'a, str> = "MID",
        /// Kind of the step, `content` or `prompt`.
        action: Cow<'a, str>,
        /// Content of the step; [`id`](Self::id) and [`user_actions`](Self::user_actions) read from
        /// it.
        data: Json<'a>,
    }
}

impl<'a> Exercise<'a> {
    /// Returns the id that the reply repeats: a number here, a string in the reply.
    ///
    /// # Errors
    /// [`FieldError`](crate::frame::FieldError) if it is neither a number nor a string.
    pub fn id(&self) -> FieldResult<Cow<'a, str>> {
        lookup("id", self.member("data").and_then(|data| data.get("id")))
    }

    /// Returns the choices for the reply as id and text: `user_action` of a content frame,
    /// `user_actions` of a prompt.
    pub fn user_actions(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        let data = self.member("data").unwrap_or(Json("null"));
        let actions = data.get("user_action").or_else(|| data.get("user_actions")).unwrap_or(Json("null"));
        let text =
            |json: Option<Json<'a>>| json.and_then(|json| Cow::from_json(json).ok().flatten()).unwrap_or_default();
        actions.elements().map(move |action| (text(action.get("id")), text(action.get("text"))))
    }
}

body! {
    /// JSON of any other kind: with another topic, without a topic, or not an object.
    Unknown [] {}
}
