//! A consumer of the streams of orders and executions: its book, and the executions that it has
//! received.

use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::fold::{Executions, OrderBook, OrdersReply};
use ibws_proto::message::{OrderStatus, Row as _};
use ibws_proto::{Body, CaughtUp, Event};

/// Members that the simulated gateway changes with every row and sends in full rows only.
const IN_FULL_ROWS_ONLY: [&str; 2] = ["lastExecutionTime", "lastExecutionTime_r"];
/// Members whose change is a change of the order.
const DECISIVE: [&str; 7] =
    ["status", "filledQuantity", "remainingQuantity", "totalSize", "price", "avgPrice", "orderType"];

/// The state of one consumer.
#[derive(Default)]
pub(crate) struct Consumer {
    pub(crate) book: OrderBook,
    pub(crate) executions: Executions,
    /// The ids of the executions received, by whichever way.
    pub(crate) received: BTreeSet<String>,
    /// How many of them `CaughtUp` listed first, and how many the stream delivered first.
    pub(crate) caught_up: u64,
    pub(crate) streamed: u64,
    /// Changed orders that `CaughtUp` listed.
    pub(crate) orders: u64,
}

impl Consumer {
    /// Takes an event. `is_fast` consumers got every event as it was, so that each `CaughtUp` must
    /// list exactly the changes of the book.
    pub(crate) fn on_event(&mut self, event: &Event, is_fast: bool) {
        let before = if let Event::CaughtUp(caught_up) = event { self.decisive(caught_up) } else { BTreeMap::new() };
        self.book.apply_event(event);
        self.executions.apply_event(event);
        match event {
            Event::Message(message) => {
                let Body::Trades(trades) = message.frame.body() else { return };
                for row in trades.rows().flatten() {
                    self.streamed += u64::from(self.received.insert(row.execution_id().unwrap().unwrap().into_owned()));
                }
            }
            Event::CaughtUp(caught_up) => {
                assert_eq!(caught_up.forgotten, 0);
                let listed: Vec<_> = caught_up.orders().map(|row| row.order_id().unwrap().unwrap()).collect();
                self.orders += listed.len() as u64;
                if is_fast {
                    let after = self.decisive(caught_up);
                    let changed = after.iter().filter(|(order, members)| before.get(*order) != Some(*members));
                    let changed: BTreeSet<_> = changed.map(|(order, _)| *order).collect();
                    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), changed, "{caught_up:?}");
                    assert_eq!(listed.len(), changed.len(), "each once");
                }
                for row in caught_up.executions() {
                    let id = row.execution_id().unwrap().unwrap().into_owned();
                    self.caught_up += 1;
                    // The stream may have repeated what an earlier one listed that was merged.
                    let is_new = self.received.insert(id.clone());
                    assert!(is_new || caught_up.merged > 0, "{id} was received before {caught_up:?}");
                }
            }
            _ => {}
        }
    }

    /// The decisive members of listed orders, as the book has them.
    fn decisive(&self, caught_up: &CaughtUp) -> BTreeMap<i64, Vec<(&'static str, String)>> {
        let orders = caught_up.snapshot().rows().map(|row| row.unwrap().order_id().unwrap().unwrap());
        let of_order = |order: i64| {
            let row = self.book.get(&order)?;
            let value = |key: &'static str| Some((key, row.member(key)?.text().to_owned()));
            Some((order, DECISIVE.into_iter().filter_map(value).collect()))
        };
        orders.filter_map(of_order).collect()
    }

    /// Compares the book with what the gateway lists.
    pub(crate) fn check_book(&self, listed: &str, name: &str) {
        let reply = OrdersReply::parse(listed.as_bytes()).unwrap();
        let mut orders = BTreeSet::new();
        for row in reply.rows().map(Result::unwrap) {
            let order = row.order_id().unwrap().unwrap();
            orders.insert(order);
            assert!(!self.book.is_unlisted(&order), "{order} is listed, {name} consumer");
            let known = self.book.get(&order).unwrap_or_else(|| panic!("{order} is not in the book, {name} consumer"));
            for (key, value) in row.json().members().filter(|(key, _)| !IN_FULL_ROWS_ONLY.contains(&&**key)) {
                let known = known.member(&key).map(|value| value.text());
                assert_eq!(known, Some(value.text()), "{key} of {order}, {name} consumer");
            }
        }
        for (order, row) in self.book.rows().filter(|(order, _)| !orders.contains(order)) {
            let status = row.row::<ibws_proto::message::Order<'_>>().unwrap().status().unwrap();
            let has_ended = matches!(status, Some(OrderStatus::Filled | OrderStatus::Cancelled));
            assert!(
                has_ended || self.book.is_unlisted(order),
                "{order} is not listed, and open in the book of the {name} consumer"
            );
        }
    }
}
