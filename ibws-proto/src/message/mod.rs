//! Typed views of frames: one for each channel, each unsolicited topic, and each frame without a
//! topic.
//!
//! A view borrows the frame, and an accessor reads its value when it is called. A member that the
//! wire omits is `None`. A value of another kind than documented is an error of that accessor only.
//! A row that is not an object is an error of that row only. Of a key that occurs twice the first
//! value counts. Nothing is hidden: `unknown` returns the members that no accessor reads,
//! [`Frame::raw`](crate::Frame::raw) the bytes, and a view serialises to the keys and values of the
//! wire.
//!
//! ```
//! use bytes::Bytes;
//! use ibws_proto::{Body, Frame};
//!
//! let text = br#"{"topic":"sor","args":[{"orderId":7,"status":"Filled","price":{}}, 5]}"#;
//! let frame = Frame::decode(Bytes::from_static(text)).unwrap();
//! let Body::Orders(orders) = frame.body() else { panic!() };
//! let rows: Vec<_> = orders.rows().collect();
//! let order = rows[0].as_ref().unwrap();
//! assert_eq!(order.order_id(), Ok(Some(7)));
//! assert_eq!(order.side(), Ok(None));
//! assert!(order.price().is_err(), "an error of that member only");
//! assert!(rows[1].is_err(), "an error of that row only");
//! ```

mod accounts;
mod macros;
mod market;
mod notices;
mod orders;
mod plain;
mod rows;
mod series;
mod session;
mod slots;
mod view;

pub use accounts::{
    AccountProperties, AccountState, Accounts, Features, Ledger, LedgerRow, Pnl, PnlRow, ServerInfo, Summary,
    SummaryRow,
};
pub use market::{Fields, MarketData};
pub use notices::{Bulletin, Bulletins, Notice, Notification, Notifications, OrderPrompt};
pub use orders::{Execution, Fills, Order, OrderStatus, Orders, Side, Trades};
pub use plain::{Echo, Ended, ErrorMessage, Exercise, Message, Unknown, Unsubscribed, WaitingForSession};
pub(crate) use rows::RowView;
pub use rows::{Row, Rows};
pub use series::{Bar, Extreme, History, HistoryBar, Ladder, LadderPrice, LadderRow};
pub use session::{Greeting, Heartbeat, SessionState, Status, System, SystemMessage, Tic};
pub(crate) use slots::Slots;
pub(crate) use view::View;

use crate::frame::{Frame, Json, Kind, Shape, has_escape};
use crate::topic::{Key, Topic};

/// Declares [`Body`] and the accessor that every variant has.
macro_rules! bodies {
    ($( $(#[$doc:meta])* $variant:ident($body:ident) ),* $(,)?) => {
        /// The typed view of a frame, returned by [`Frame::body`].
        #[derive(Clone, Copy, Debug, serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum Body<'a> {
            $( $(#[$doc])* $variant($body<'a>), )*
        }

        impl<'a> Body<'a> {
            /// Returns the frame, which gives access to its bytes, its text and all its members.
            #[must_use]
            pub fn frame(&self) -> &'a Frame {
                match self {
                    $( Self::$variant(body) => body.frame(), )*
                }
            }
        }
    };
}

bodies! {
    /// `smd`: market data.
    MarketData(MarketData),
    /// `smh`: history.
    History(History),
    /// `sbd`: price ladder.
    Ladder(Ladder),
    /// `sor`: live orders.
    Orders(Orders),
    /// `spl`: profit and loss.
    Pnl(Pnl),
    /// `str`: executions.
    Trades(Trades),
    /// `ssd`: account summary.
    Summary(Summary),
    /// `sld`: account ledger.
    Ledger(Ledger),
    /// `system`: greeting, heartbeat, or another message.
    System(System),
    /// `sts`: state of authentication.
    Status(Status),
    /// `act`: the accounts of the session.
    Accounts(Accounts),
    /// `ntf`: notices and prompts.
    Notifications(Notifications),
    /// `blt`: bulletins.
    Bulletins(Bulletins),
    /// An `error`, whatever its topic.
    Error(ErrorMessage),
    /// `tic`: the reply to a keep-alive.
    Tic(Tic),
    /// Without a topic: a subscription ended.
    Unsubscribed(Unsubscribed),
    /// Without a topic: the gateway waits for a session.
    WaitingForSession(WaitingForSession),
    /// Without a topic: any other message.
    Message(Message),
    /// The bare text `ech+hb`.
    Echo(Echo),
    /// `shs+exercise` and `inp+exercise`: the exercise of an option.
    Exercise(Exercise),
    /// Any other JSON.
    Unknown(Unknown),
}

impl Frame {
    /// Returns the typed view of the frame. Reads its shape and topic, and the text of a message
    /// without a topic.
    #[must_use]
    pub fn body(&self) -> Body<'_> {
        match self.shape() {
            Shape::Topic => self.topic_body(),
            Shape::Error => Body::Error(ErrorMessage::new(self)),
            Shape::Message if WaitingForSession::is(self) => Body::WaitingForSession(WaitingForSession::new(self)),
            Shape::Message | Shape::Result if Unsubscribed::is(self) => Body::Unsubscribed(Unsubscribed::new(self)),
            Shape::Message => Body::Message(Message::new(self)),
            Shape::Result => self.rows_body(),
            Shape::Echo => Body::Echo(Echo::new(self)),
            Shape::Unknown => Body::Unknown(Unknown::new(self)),
        }
    }

    fn topic_body(&self) -> Body<'_> {
        // The topic is matched as it is written. Only one that is not in the table may hold an
        // escape in the part that decides.
        let written = self.topic_bytes();
        let topic = match Topic::parse(written) {
            None if has_escape(written) => Topic::parse(self.topic().unwrap_or_default().as_bytes()),
            topic => topic,
        };
        match topic {
            Some(Topic::Key(key)) => match key {
                Key::MarketData => Body::MarketData(MarketData::new(self)),
                Key::MarketHistory => Body::History(History::new(self)),
                Key::PriceLadder => Body::Ladder(Ladder::new(self)),
                Key::Orders => Body::Orders(Orders::new(self)),
                Key::Pnl => Body::Pnl(Pnl::new(self)),
                Key::Trades => Body::Trades(Trades::new(self)),
                Key::AccountSummary => Body::Summary(Summary::new(self)),
                Key::AccountLedger => Body::Ledger(Ledger::new(self)),
                Key::System => Body::System(System::new(self)),
                Key::AuthenticationStatus => Body::Status(Status::new(self)),
                Key::AccountUpdates => Body::Accounts(Accounts::new(self)),
                Key::Notifications => Body::Notifications(Notifications::new(self)),
                Key::Bulletins => Body::Bulletins(Bulletins::new(self)),
                Key::Error => Body::Error(ErrorMessage::new(self)),
            },
            Some(Topic::Tic) => Body::Tic(Tic::new(self)),
            Some(Topic::Exercise) => Body::Exercise(Exercise::new(self)),
            None => Body::Unknown(Unknown::new(self)),
        }
    }

    /// Reads rows without a topic, as the documentation prints a summary (docs/protocol.md §2). The
    /// rows of a ledger have keys that begin with `LedgerList`.
    fn rows_body(&self) -> Body<'_> {
        let rows = self.get("result").unwrap_or(Json("null"));
        if rows.kind() != Kind::Array {
            return Body::Unknown(Unknown::new(self));
        }
        let key = rows.elements().next().and_then(|row| row.get("key")?.as_str());
        if key.is_some_and(|key| key.starts_with("LedgerList")) {
            Body::Ledger(Ledger::new(self))
        } else {
            Body::Summary(Summary::new(self))
        }
    }
}
