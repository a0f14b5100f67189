//! `ntf` and `blt`: notices, prompts and bulletins (docs/protocol.md §4.4, §4.5).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::macros::{body, row};
use super::rows::{Row, Rows};
use crate::frame::{Elements, Json, RowError};

body! {
    /// Notices and order prompts. `args` is an object in the documentation and an array on the
    /// wire; both are read.
    Notifications ["args"] {}
}

impl<'a> Notifications<'a> {
    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Notification<'a>> {
        Rows::of(self.member("args"))
    }
}

/// A row of the topic `ntf`.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Notification<'a> {
    /// A notice to read.
    Notice(Notice<'a>),
    /// A prompt about an order, which waits for a reply: `POST /iserver/notification` with its
    /// `orderId`, its `reqId` and the text of one of its options (docs/protocol.md §4.4).
    Prompt(OrderPrompt<'a>),
}

impl<'a> Row<'a> for Notification<'a> {
    const KEYS: &'static [&'static str] = <OrderPrompt<'a> as Row<'a>>::KEYS;

    fn next_of(elements: &mut Elements<'a>) -> Option<Result<Self, RowError>> {
        elements.next().map(Self::from_json)
    }

    fn from_json(json: Json<'a>) -> Result<Self, RowError> {
        let is_prompt = json.members().any(|(key, value)| match &*key {
            "prompt" => value.as_bool() == Some(true),
            "reqId" => true,
            _ => false,
        });
        if is_prompt {
            OrderPrompt::from_json(json).map(Self::Prompt)
        } else {
            Notice::from_json(json).map(Self::Notice)
        }
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
    /// A notice to read.
    Notice [] {
        /// Id of the notice.
        id: Cow<'a, str>,
        /// Text of the notice.
        text: Cow<'a, str>,
        /// Title of the notice; `null` on the wire.
        title: Cow<'a, str>,
        /// Address with more information; `null` on the wire.
        url: Cow<'a, str>,
    }
}

row! {
    /// A prompt about an order.
    OrderPrompt [order_id, req_id] {
        /// Id of the order.
        order_id: i64 = "orderId",
        /// Id of the prompt, which the reply repeats.
        req_id: Cow<'a, str> = "reqId",
        /// Options that dismiss the prompt.
        dismissable: Vec<Cow<'a, str>>,
        /// Text of the prompt.
        text: Cow<'a, str>,
        /// Options for the reply.
        options: Vec<Cow<'a, str>>,
        /// Kind of the message, `M`.
        kind: Cow<'a, str> = "type",
        /// Id of the message text, `p12`.
        message_id: Cow<'a, str> = "messageId",
        /// Whether the row is a prompt.
        prompt: bool,
    }
}

body! {
    /// Bulletins of the exchanges. `args` is an object in the documentation and an array on the
    /// wire; both are read.
    Bulletins ["args"] {}
}

impl<'a> Bulletins<'a> {
    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'a, Bulletin<'a>> {
        Rows::of(self.member("args"))
    }
}

row! {
    /// A bulletin.
    Bulletin [] {
        /// Id of the bulletin: text in the documentation, a number on the wire.
        id: Cow<'a, str>,
        /// Exchanges that the bulletin is about; `null` on the wire.
        exchanges: Json<'a>,
        /// Text of the bulletin, with its line breaks.
        message: Cow<'a, str>,
    }
}
