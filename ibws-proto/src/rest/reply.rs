//! The bodies of the REST replies that reconcile orders and executions.

use alloc::borrow::Cow;
use alloc::string::String;

use super::RestSnapshot;
use crate::frame::{Json, JsonError, Kind, scan};
use crate::mask::{Discreet, excerpt};
use crate::message::{Execution, Order, Rows};

/// The body of `GET /iserver/account/orders`, an object with `orders` and `snapshot`
/// (docs/protocol.md §8.2).
///
/// ```
/// use ibws_proto::fold::OrdersReply;
///
/// let body =
///     br#"{"orders":[{"orderId":7,"status":"Submitted","parentId":6}, 5],"snapshot":true}"#;
/// let reply = OrdersReply::parse(body).unwrap();
/// let rows: Vec<_> = reply.rows().collect();
/// assert_eq!(rows[0].as_ref().unwrap().parent_id().unwrap().as_deref(), Some("6"));
/// assert!(rows[1].is_err(), "an error of that row only");
/// assert!(reply.is_snapshot());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrdersReply<'a>(Discreet<Cow<'a, str>>);

/// The body of `GET /iserver/account/trades`, an array of executions (docs/protocol.md §8.2).
///
/// ```
/// use ibws_proto::fold::{Executions, TradesReply};
///
/// let mut executions = Executions::new();
/// let mark = executions.mark();
/// // Here the call is made.
/// let body = br#"[{"execution_id":"0000e1a5.1","price":"1.5"}]"#;
/// let reply = TradesReply::parse(body).unwrap();
/// assert_eq!(executions.reconcile(mark, reply.rows()).filed, 1);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradesReply<'a>(Discreet<Cow<'a, str>>);

/// The body of a REST reply that is not what its call returns.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    Json(#[from] JsonError),
    /// The body has no rows, as the body of an error has none. It must not count as a list without
    /// rows.
    #[error("the body has no array of rows{}", error_of(.0.as_deref()))]
    NoRows(Option<String>),
}

fn error_of(text: Option<&str>) -> String {
    text.map(|text| alloc::format!(", but an error: \"{}\"", excerpt(text))).unwrap_or_default()
}

/// Checks that a body is JSON. Bytes that are not UTF-8 become U+FFFD, as in a frame.
fn text_of(body: &[u8]) -> Result<Cow<'_, str>, JsonError> {
    let text = String::from_utf8_lossy(body);
    scan::validate(text.as_bytes())?;
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().into()),
    })
}

/// Checks that rows are an array.
fn check_rows(body: Json<'_>, rows: Option<Json<'_>>) -> Result<(), ReplyError> {
    if rows.is_some_and(|rows| rows.kind() == Kind::Array) {
        return Ok(());
    }
    let error = body.get("error").and_then(Json::scalar);
    Err(ReplyError::NoRows(error.map(|error| excerpt(&error).into())))
}

impl<'a> OrdersReply<'a> {
    /// Reads the body of a reply with status 200.
    ///
    /// # Errors
    /// [`ReplyError`] if the body is not JSON or has no array `orders`. A row that cannot be read
    /// is an error of that row only.
    pub fn parse(body: &'a [u8]) -> Result<Self, ReplyError> {
        let text = text_of(body)?;
        check_rows(Json(&text), Json(&text).get("orders"))?;
        Ok(Self(Discreet(text)))
    }

    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'_, Order<'_>> {
        Rows::of(self.json().get("orders"))
    }

    /// Returns `true` if the gateway states that it has all orders. Until then the list is not
    /// complete.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.json().get("snapshot").and_then(Json::as_bool).unwrap_or_default()
    }

    /// Returns the whole body.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        Json(&self.0)
    }
}

impl<'a> TradesReply<'a> {
    /// Reads the body of a reply with status 200.
    ///
    /// # Errors
    /// [`ReplyError`] if the body is not a JSON array. A row that cannot be read is an error of
    /// that row only.
    pub fn parse(body: &'a [u8]) -> Result<Self, ReplyError> {
        let text = text_of(body)?;
        check_rows(Json(&text), Some(Json(&text)))?;
        Ok(Self(Discreet(text)))
    }

    /// Returns the rows in order.
    #[must_use]
    pub fn rows(&self) -> Rows<'_, Execution<'_>> {
        Rows::of(Some(self.json()))
    }

    /// Returns the whole body.
    #[must_use]
    pub fn json(&self) -> Json<'_> {
        Json(&self.0)
    }
}

/// The replies of a snapshot, read, in memory of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SnapshotReplies {
    pub(crate) orders: OrdersReply<'static>,
    pub(crate) trades: Option<TradesReply<'static>>,
}

impl RestSnapshot {
    /// Reads the bodies.
    pub(crate) fn read(&self) -> Result<SnapshotReplies, ReplyError> {
        let owned =
            |text: Discreet<Cow<'_, str>>| Discreet(Cow::Owned(text.0.into_owned().into_boxed_str().into_string()));
        let orders = OrdersReply(owned(OrdersReply::parse(&self.orders)?.0));
        let trades = self.executions.as_deref().map(TradesReply::parse).transpose()?;
        Ok(SnapshotReplies { orders, trades: trades.map(|trades| TradesReply(owned(trades.0))) })
    }
}
