//! `sor` and `str`: live orders and executions (docs/protocol.md §3.4, §3.6).

use serde::Serialize;

use super::{InvalidSubscribe, request, shortened};
use crate::key::Key;
use crate::message::OrderStatus;
use crate::payload::Subscribe;

/// Live orders: `sor+{}` (docs/protocol.md §3.4).
///
/// The gateway neither confirms it nor tells what orders there are; both come from REST. A filter that a REST query of
/// orders set narrows this stream as well.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use = "a request does nothing until it is subscribed with"]
pub struct Orders {
    filter: Option<OrderStatus<'static>>,
}

#[derive(Serialize)]
struct OrdersArguments<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<[&'a str; 1]>,
}

impl Orders {
    /// All orders.
    pub fn new() -> Self {
        Self { filter: None }
    }

    /// Only orders of this status: `{"filters":["Submitted"]}`, of which the gateway takes one. One client writes it in
    /// small letters; here it is written as documented.
    pub fn filter(mut self, status: OrderStatus<'static>) -> Self {
        self.filter = Some(status);
        self
    }
}

impl TryFrom<Orders> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(wanted: Orders) -> Result<Self, InvalidSubscribe> {
        if let Some(OrderStatus::Other(status)) = &wanted.filter {
            return Err(InvalidSubscribe::Status(shortened(status)));
        }
        let args = OrdersArguments { filters: wanted.filter.as_ref().map(|status| [status.as_str()]) };
        request(Key::Orders, "", Some(&args))
    }
}

/// Executions: `str+{}` (docs/protocol.md §3.6). All of the days asked for are told again with each subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a request does nothing until it is subscribed with"]
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
    /// Executions, with the gateway's default for the days: seven on the wire and in the older documentation, one in the
    /// newer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what is executed from now on?
    pub fn realtime_updates_only(mut self, only: bool) -> Self {
        self.realtime = Some(only);
        self
    }

    /// So many days back, 1 to 7.
    pub fn days(mut self, days: u8) -> Self {
        self.days = Some(days);
        self
    }
}

impl TryFrom<Trades> for Subscribe {
    type Error = InvalidSubscribe;

    fn try_from(wanted: Trades) -> Result<Self, InvalidSubscribe> {
        if let Some(days) = wanted.days.filter(|days| !(1..=7).contains(days)) {
            return Err(InvalidSubscribe::Days(days));
        }
        request(Key::Trades, "", Some(&TradesArguments { realtime_updates_only: wanted.realtime, days: wanted.days }))
    }
}
