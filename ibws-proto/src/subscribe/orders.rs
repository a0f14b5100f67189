//! The subscriptions of live orders and executions: `sor` and `str` (docs/protocol.md §3.4, §3.6).

use serde::Serialize;

use super::{InvalidSubscribe, generic, shortened};
use crate::key::Key;
use crate::message::OrderStatus;
use crate::payload::Subscribe;

/// Live orders: `sor+{}` (docs/protocol.md §3.4).
///
/// The gateway neither confirms the subscription nor sends the present orders, which REST returns.
/// A filter of a REST query for orders limits this stream as well.
///
/// ```
/// use ibws_proto::{Subscribe, message::OrderStatus, subscribe::Orders};
///
/// let all = Subscribe::try_from(Orders::new()).unwrap();
/// assert_eq!(all.key.as_str(), "or");
/// let filtered = Subscribe::try_from(Orders::new().filter(OrderStatus::Submitted)).unwrap();
/// assert_eq!(filtered.args.unwrap().as_str(), r#"{"filters":["Submitted"]}"#);
/// assert!(Subscribe::try_from(Orders::new().filter("submitted")).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use = "a builder does nothing until it is converted and subscribed"]
pub struct Orders {
    filter: Option<OrderStatus<'static>>,
}

#[derive(Serialize)]
struct OrdersArguments<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<[&'a str; 1]>,
}

impl Orders {
    /// Creates a subscription to all orders.
    pub fn new() -> Self {
        Self { filter: None }
    }

    /// Limits the stream to orders in one state: `{"filters":["Submitted"]}`. The gateway accepts
    /// one, an [`OrderStatus`] or its text. It is written as documented; one client writes it in
    /// lower case.
    pub fn filter(mut self, status: impl Into<OrderStatus<'static>>) -> Self {
        self.filter = Some(status.into());
        self
    }
}

impl TryFrom<Orders> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(request: Orders) -> Result<Self, InvalidSubscribe> {
        if let Some(OrderStatus::Other(status)) = &request.filter {
            return Err(InvalidSubscribe::Status(shortened(status)));
        }
        let args = OrdersArguments { filters: request.filter.as_ref().map(|status| [status.as_str()]) };
        generic(Key::Orders, "", Some(&args))
    }
}

/// Executions: `str+{}` (docs/protocol.md §3.6). Each subscribe makes the gateway send
/// all executions of the requested days again.
///
/// ```
/// use ibws_proto::{Subscribe, subscribe::{InvalidSubscribe, Trades}};
///
/// assert!(Subscribe::try_from(Trades::new().days(7)).is_ok());
/// let error = Subscribe::try_from(Trades::new().days(8)).unwrap_err();
/// assert_eq!(error, InvalidSubscribe::Days(8));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a builder does nothing until it is converted and subscribed"]
pub struct Trades {
    realtime: Option<bool>,
    days: Option<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TradesArguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    realtime_updates_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u8>,
}

impl Trades {
    /// Subscribes to executions, with the gateway's default for the days: seven on the wire and in
    /// the older documentation, one in the newer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the stream to executions after the subscribe, or not.
    pub fn realtime_updates_only(mut self, only: bool) -> Self {
        self.realtime = Some(only);
        self
    }

    /// Sets the number of days that the stream covers, 1 to 7.
    pub fn days(mut self, days: u8) -> Self {
        self.days = Some(days);
        self
    }
}

impl TryFrom<Trades> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(request: Trades) -> Result<Self, InvalidSubscribe> {
        if let Some(days) = request.days.filter(|days| !(1..=7).contains(days)) {
            return Err(InvalidSubscribe::Days(days));
        }
        generic(Key::Trades, "", Some(&TradesArguments { realtime_updates_only: request.realtime, days: request.days }))
    }
}
