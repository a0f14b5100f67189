//! What a frame says, typed: one view for every channel, every topic that comes unasked, every odd frame.
//!
//! A view borrows the frame and reads nothing until it is asked. What the wire leaves out is `None`; a value of another
//! kind than documented is the error of that one accessor; a row that is no row is the error of that one row. Nothing is
//! lost: keys that no documentation names are found with `unknown`, the frame's bytes with
//! [`Frame::raw`](crate::Frame::raw), and serialising a view writes the wire's own keys and values.
//!
//! ```
//! use bytes::Bytes;
//! use ibws_proto::{Body, Frame};
//!
//! let text = br#"{"topic":"sor","args":[{"acct":"DU1234567","orderId":7,"status":"Filled","price":{}}, 5]}"#;
//! let frame = Frame::decode(Bytes::from_static(text)).unwrap();
//! let Body::Orders(orders) = frame.body() else { panic!() };
//! let rows: Vec<_> = orders.rows().collect();
//! let order = rows[0].as_ref().unwrap();
//! assert_eq!(order.order_id(), Ok(Some(7)));
//! assert_eq!(order.side(), Ok(None));
//! assert!(order.price().is_err(), "that field's error, and no other's");
//! assert!(rows[1].is_err(), "that row's error, and no other's");
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
pub use series::{Extreme, History, HistoryBar, Ladder, LadderPrice, LadderRow};
pub use session::{Greeting, Heartbeat, SessionState, Status, System, SystemMessage, Tic};
pub(crate) use slots::Slots;
pub(crate) use view::View;

use crate::frame::{Frame, Json, Kind, Shape};
use crate::topic::{Key, Topic};

/// Declares [`Body`] and what every variant has.
macro_rules! bodies {
    ($( $(#[$doc:meta])* $variant:ident($body:ident) ),* $(,)?) => {
        /// What a frame says, see [`Frame::body`].
        #[derive(Clone, Copy, Debug, serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum Body<'a> {
            $( $(#[$doc])* $variant($body<'a>), )*
        }

        impl<'a> Body<'a> {
            /// The frame itself: its bytes, its text, all its members.
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
    /// `system`: greeting, heartbeat, or another.
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
    /// `tic`: answer to a keep-alive.
    Tic(Tic),
    /// Topic-less: a subscription ended.
    Unsubscribed(Unsubscribed),
    /// Topic-less: the session is wanted.
    WaitingForSession(WaitingForSession),
    /// Topic-less: any other message.
    Message(Message),
    /// `ech+hb`, the bare text.
    Echo(Echo),
    /// `shs+exercise`, `inp+exercise`.
    Exercise(Exercise),
    /// What nobody has heard of.
    Unknown(Unknown),
}

impl Frame {
    /// What the frame says. Looks at the shape and the topic, and at nothing else but the text of a topic-less message.
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
        // As it is written, unless an escape is in it: to know the topic needs no text made of it.
        let written = self.topic_bytes();
        let decoded;
        let topic = if written.contains(&b'\\') {
            decoded = self.topic().unwrap_or_default();
            decoded.as_bytes()
        } else {
            written
        };
        match Topic::parse(topic) {
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

    /// Rows without a topic, as the documentation prints a summary (docs/protocol.md §2). Those of a ledger say so in their keys.
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
