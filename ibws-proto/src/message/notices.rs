//! `ntf` and `blt`: notices, prompts and bulletins (docs/protocol.md §4.4, §4.5).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::macros::{body, row};
use super::rows::{Row, Rows};
use crate::frame::{Elements, Json, RowError};

body! {
    /// Notices and prompts. `args` is an object in the documentation and an array on the wire; both are read.
    Notifications ["args"] {}
}

impl<'a> Notifications<'a> {
    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Notification<'a>> {
        Rows::of(self.member("args"))
    }
}

/// A row of `ntf`.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Notification<'a> {
    /// Something to read.
    Notice(Notice<'a>),
    /// A question about an order, which waits for the answer: `POST /iserver/notification` with its `orderId`, its
    /// `reqId` and the text of one of its options.
    Prompt(OrderPrompt<'a>),
}

impl<'a> Row<'a> for Notification<'a> {
    const KEYS: &'static [&'static str] = <OrderPrompt<'a> as Row<'a>>::KEYS;

    fn next_of(elements: &mut Elements<'a>) -> Option<Result<Self, RowError>> {
        elements.next().map(Self::from_json)
    }

    fn from_json(json: Json<'a>) -> Result<Self, RowError> {
        let asks = json.members().any(|(key, value)| match &*key {
            "prompt" => value.as_bool() == Some(true),
            "reqId" => true,
            _ => false,
        });
        if asks { OrderPrompt::from_json(json).map(Self::Prompt) } else { Notice::from_json(json).map(Self::Notice) }
    }

    fn json(&self) -> Json<'a> {
        match self {
            Self::Notice(row) => row.json(),
            Self::Prompt(row) => row.json(),
        }
    }

    fn known(&self) -> impl Iterator<Item = (&'static str, Json<'a>)> {
        let (notice, prompt) = match self {
            Self::Notice(row) => (Some(row.known()), None),
            Self::Prompt(row) => (None, Some(row.known())),
        };
        notice.into_iter().flatten().chain(prompt.into_iter().flatten())
    }

    fn unknown(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let (notice, prompt) = match self {
            Self::Notice(row) => (Some(row.unknown()), None),
            Self::Prompt(row) => (None, Some(row.unknown())),
        };
        notice.into_iter().flatten().chain(prompt.into_iter().flatten())
    }
}

row! {
    /// Something to read.
    Notice [] {
        /// What names it.
        id: Cow<'a, str> = "id",
        /// The text.
        text: Cow<'a, str> = "text",
        /// The title; `null` on the wire.
        title: Cow<'a, str> = "title",
        /// Where to read more; `null` on the wire.
        url: Cow<'a, str> = "url",
    }
}

row! {
    /// A question about an order.
    OrderPrompt [order_id, req_id] {
        /// The order.
        order_id: i64 = "orderId",
        /// What the answer must name.
        req_id: Cow<'a, str> = "reqId",
        /// Options that put the question away.
        dismissable: Vec<Cow<'a, str>> = "dismissable",
        /// The question.
        text: Cow<'a, str> = "text",
        /// What can be answered.
        options: Vec<Cow<'a, str>> = "options",
        /// Kind of message, `M`.
        kind: Cow<'a, str> = "type",
        /// Which question it is, `p12`.
        message_id: Cow<'a, str> = "messageId",
        /// Is it a prompt?
        prompt: bool = "prompt",
    }
}

body! {
    /// Bulletins. `args` is an object in the documentation and an array on the wire; both are read.
    Bulletins ["args"] {}
}

impl<'a> Bulletins<'a> {
    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Bulletin<'a>> {
        Rows::of(self.member("args"))
    }
}

row! {
    /// One bulletin.
    Bulletin [] {
        /// What names it: text in the documentation, a number on the wire.
        id: Cow<'a, str> = "id",
        /// Exchanges that it is about; `null` on the wire.
        exchanges: Json<'a> = "exchanges",
        /// The text, line breaks included.
        message: Cow<'a, str> = "message",
    }
}
