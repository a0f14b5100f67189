//! Seeded orders as `sor` rows: full rows where the gateway sends full rows, deltas between them.
//!
//! One order is open at a time: `Inactive` (full row) → identity row → `PendingSubmit` →
//! `PreSubmitted` → `Submitted` → fills up to `Filled`, or a full row `PendingCancel` and
//! `Cancelled`; the next order follows after a pause (docs/protocol.md §3.4).

use core::time::Duration;
use std::collections::VecDeque;

use ibws_proto::Instant;

use super::instruments::{INSTRUMENTS, Instrument, LISTING};
use super::prices::Market;
use super::quote::price;
use crate::calendar;
use crate::json::{Json, Members, members};
use crate::prng::Prng;

/// Orders that REST lists, of those that no longer change.
const REMEMBERED: usize = 12;
/// Orders that are kept in all; a script that places more loses the oldest.
const MAX_ORDERS: usize = 256;

#[derive(Clone)]
pub(crate) struct Order {
    id: u64,
    share: Instrument,
    buy: bool,
    quantity: i64,
    filled: i64,
    limit: i64,
    status: &'static str,
    changed_ms: u64,
}

/// A fill of an order.
pub(crate) struct Fill {
    pub(crate) order: u64,
    pub(crate) share: Instrument,
    pub(crate) buy: bool,
    pub(crate) size: i64,
    pub(crate) price: i64,
}

/// The result of one step of an order.
pub(crate) struct OrderStep {
    pub(crate) rows: Vec<Json>,
    /// The status of the order after the step, for filters.
    pub(crate) status: &'static str,
    pub(crate) fill: Option<Fill>,
    /// The time until the next step.
    pub(crate) pause: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Full(&'static str),
    Identity,
    Status(&'static str),
    Fill,
}

pub(crate) struct Orders {
    chance: Prng,
    account: String,
    next_id: u64,
    plan: VecDeque<Stage>,
    /// The order that the plan is about; the others belong to a script.
    planned: u64,
    orders: VecDeque<Order>,
}

impl Orders {
    pub(crate) fn new(seed: u64, account: &str) -> Self {
        let mut chance = Prng::part(seed, "orders", 0);
        let next_id = 500_000_000 + chance.below(400_000_000);
        Self {
            chance,
            account: account.to_owned(),
            next_id,
            plan: VecDeque::new(),
            planned: 0,
            orders: VecDeque::new(),
        }
    }

    /// Goes on by one stage, or by two stages in one frame.
    pub(crate) fn step(&mut self, market: &mut Market, now: Instant, epoch_ms: u64) -> OrderStep {
        if self.plan.is_empty() {
            self.place(market, now);
        }
        let mut rows = Vec::new();
        let fill = self.stage(epoch_ms, &mut rows);
        // `args` can hold several rows of one order, in order (docs/protocol.md §3.4).
        let both_status = matches!(self.plan.front(), Some(Stage::Status("PreSubmitted" | "Submitted")));
        if fill.is_none() && both_status && rows.len() == 1 && self.chance.chance(1, 3) {
            self.stage(epoch_ms, &mut rows);
        }
        let pause =
            if self.plan.is_empty() { self.chance.millis(2_000, 6_000) } else { self.chance.millis(300, 1_800) };
        OrderStep { rows, status: self.find(self.planned).map_or("", |order| order.status), fill, pause }
    }

    /// The rows of `/iserver/account/orders`, newest last; `status` filters them.
    pub(crate) fn live(&self, status: Option<&str>) -> Vec<Json> {
        let matches = |order: &&Order| status.is_none_or(|status| order.status.eq_ignore_ascii_case(status));
        self.orders.iter().filter(matches).map(|order| Json::Object(self.full_row(order))).collect()
    }

    /// The orders that are not done, oldest first: id, contract, whether it buys, what remains.
    pub(crate) fn open_rows(&self) -> impl Iterator<Item = (u64, u64, bool, i64)> {
        let open = self.orders.iter().filter(|order| !order.is_done());
        open.map(|order| (order.id, order.share.conid, order.buy, order.quantity - order.filled))
    }

    fn place(&mut self, market: &mut Market, now: Instant) {
        let share = self.chance.pick(&INSTRUMENTS).clone();
        let last = market.share(share.conid, now).map_or(share.start, |quote| quote.last);
        let (buy, fills) = (self.chance.chance(1, 2), self.chance.chance(2, 3));
        // The limit of an order that must not fill is far from the market.
        let away = if fills { 0 } else { last / 20 };
        let order = Order {
            id: self.next_id,
            share,
            buy,
            quantity: self.chance.between(1, 12) * 25,
            filled: 0,
            limit: if buy { last - away } else { last + away },
            status: "Inactive",
            changed_ms: 0,
        };
        self.planned = self.next_id;
        self.next_id += 1 + self.chance.below(9);
        self.plan = [Stage::Full("Inactive"), Stage::Identity].into();
        self.plan.extend(["PendingSubmit", "PreSubmitted", "Submitted"].map(Stage::Status));
        if fills {
            self.plan.extend(core::iter::repeat_n(Stage::Fill, 1 + self.chance.below(3) as usize));
        } else {
            self.plan.extend([Stage::Full("PendingCancel"), Stage::Status("Cancelled")]);
        }
        self.keep(order);
    }

    fn keep(&mut self, order: Order) {
        let done = self.orders.iter().filter(|order| order.is_done()).count();
        if done + 1 >= REMEMBERED || self.orders.len() >= MAX_ORDERS {
            let oldest = self.orders.iter().position(Order::is_done).unwrap_or_default();
            self.orders.remove(oldest);
        }
        self.orders.push_back(order);
    }

    fn find(&self, id: u64) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    /// Places an order of a script. Returns its id and its row.
    pub(crate) fn script_place(&mut self, share: Instrument, buy: bool, quantity: i64, limit: i64) -> (u64, Json) {
        let id = self.next_id;
        self.next_id += 1;
        let order = Order { id, share, buy, quantity, filled: 0, limit, status: "Submitted", changed_ms: 0 };
        let row = Json::Object(self.full_row(&order));
        self.keep(order);
        (id, row)
    }

    /// Fills an order of a script, at most up to its quantity. Returns its row and the fill; `None`
    /// if there is nothing to fill.
    pub(crate) fn script_fill(&mut self, id: u64, size: i64, at: i64, epoch_ms: u64) -> Option<(Json, Fill)> {
        let mut order = self.open(id)?;
        let size = size.min(order.quantity - order.filled);
        if size <= 0 {
            return None;
        }
        order.filled += size;
        order.changed_ms = epoch_ms;
        let fill = Fill { order: id, share: order.share.clone(), buy: order.buy, size, price: at };
        let row = self.fill_row(&mut order);
        self.replace(order);
        Some((Json::Object(row), fill))
    }

    /// Cancels an order of a script. Returns its rows; `None` if it cannot be cancelled any more.
    pub(crate) fn script_cancel(&mut self, id: u64, epoch_ms: u64) -> Option<Vec<Json>> {
        let mut order = self.open(id)?;
        (order.status, order.changed_ms) = ("PendingCancel", epoch_ms);
        let pending = self.full_row(&order);
        order.status = "Cancelled";
        let mut done = self.delta(&order);
        done.extend(status_members("Cancelled"));
        self.replace(order);
        Some(vec![Json::Object(pending), Json::Object(done)])
    }

    /// An order that can still change, and is not the one of the plan.
    fn open(&self, id: u64) -> Option<Order> {
        self.find(id).filter(|order| !order.is_done() && (self.plan.is_empty() || id != self.planned)).cloned()
    }

    fn replace(&mut self, order: Order) {
        if let Some(kept) = self.orders.iter_mut().find(|kept| kept.id == order.id) {
            *kept = order;
        }
    }

    fn stage(&mut self, epoch_ms: u64, rows: &mut Vec<Json>) -> Option<Fill> {
        let stage = self.plan.pop_front()?;
        let mut order = self.find(self.planned)?.clone();
        order.changed_ms = epoch_ms;
        let mut fill = None;
        let row = match stage {
            Stage::Full(status) => {
                order.status = status;
                self.full_row(&order)
            }
            Stage::Identity => members([
                ("acct", Json::text(&self.account)),
                ("conidex", Json::text(order.share.conid.to_string())),
                ("conid", Json::int(order.share.conid)),
                ("orderId", Json::int(order.id)),
                ("isEventTrading", Json::text("0")),
            ]),
            Stage::Status(status) => {
                order.status = status;
                let mut row = self.delta(&order);
                row.extend(status_members(status));
                row
            }
            Stage::Fill => {
                let rest = order.quantity - order.filled;
                let last = !self.plan.contains(&Stage::Fill);
                let size = if last { rest } else { self.chance.between(1, (rest / 2).max(1)).min(rest) };
                order.filled += size;
                fill = Some(Fill {
                    order: order.id,
                    share: order.share.clone(),
                    buy: order.buy,
                    size,
                    price: order.limit,
                });
                self.fill_row(&mut order)
            }
        };
        self.replace(order);
        rows.push(Json::Object(row));
        fill
    }

    fn delta(&self, order: &Order) -> Members {
        members([("acct", Json::text(&self.account)), ("orderId", Json::int(order.id))])
    }

    /// The row of a fill. `sizeAndFills` is filled/remaining until the order is done, then the size
    /// alone (docs/protocol.md §3.4).
    fn fill_row(&self, order: &mut Order) -> Members {
        let mut row = self.delta(order);
        row.extend(members([
            ("sizeAndFills", Json::text(order.progress())),
            ("remainingQuantity", Json::double((order.quantity - order.filled) as f64)),
            ("filledQuantity", Json::double(order.filled as f64)),
            ("avgPrice", Json::text(price(order.limit))),
        ]));
        if order.filled == order.quantity {
            order.status = "Filled";
            row.push(("orderDesc".into(), Json::text(order.description())));
            row.extend(status_members("Filled"));
        }
        row
    }

    fn full_row(&self, order: &Order) -> Members {
        let mut row = members([
            ("acct", Json::text(&self.account)),
            ("conidex", Json::text(order.share.conid.to_string())),
            ("conid", Json::int(order.share.conid)),
            ("account", Json::text(&self.account)),
            ("orderId", Json::int(order.id)),
            ("cashCcy", Json::text("USD")),
            ("sizeAndFills", Json::text(order.progress())),
            ("orderDesc", Json::text(order.description())),
            ("description1", Json::text(&*order.share.symbol)),
            ("ticker", Json::text(&*order.share.symbol)),
            ("secType", Json::text("STK")),
            ("listingExchange", Json::text(LISTING)),
            ("remainingQuantity", Json::double((order.quantity - order.filled) as f64)),
            ("filledQuantity", Json::double(order.filled as f64)),
            ("totalSize", Json::double(order.quantity as f64)),
            ("companyName", Json::text(&*order.share.company)),
        ]);
        row.extend(status_members(order.status));
        if order.status == "PendingCancel" {
            row.push(("order_ccp_status".into(), Json::text("Submitted")));
        }
        row.extend(members([
            ("outsideRTH", Json::bool(false)),
            ("origOrderType", Json::text("LIMIT")),
            ("supportsTaxOpt", Json::text("1")),
            ("lastExecutionTime", Json::text(calendar::compact(order.changed_ms))),
            ("lastExecutionTime_r", Json::int(order.changed_ms / 1_000 * 1_000)),
            ("orderType", Json::text("Limit")),
            ("isEventTrading", Json::text("0")),
            ("price", Json::text(price(order.limit))),
            // `CLOSE` is the name of a DAY order on the wire (docs/protocol.md §3.4).
            ("timeInForce", Json::text("CLOSE")),
            ("side", Json::text(if order.buy { "BUY" } else { "SELL" })),
        ]));
        row
    }
}

impl Order {
    fn is_done(&self) -> bool {
        matches!(self.status, "Filled" | "Cancelled")
    }

    fn progress(&self) -> String {
        if self.filled == self.quantity {
            self.quantity.to_string()
        } else {
            format!("{}/{}", self.filled, self.quantity - self.filled)
        }
    }

    fn description(&self) -> String {
        let verb = match (self.buy, self.filled == self.quantity) {
            (true, false) => "Buy",
            (false, false) => "Sell",
            (true, true) => "Bought",
            (false, true) => "Sold",
        };
        format!("{verb} {} {} Limit {}, Day", self.quantity, self.share.symbol, price(self.limit))
    }
}

/// A status and the colours in which a terminal shows it; the colours are the kit's own.
fn status_members(status: &str) -> Members {
    let (back, fore) = match status {
        "Inactive" => ("#FFFFFF", "#7A7A7A"),
        "PendingSubmit" | "PreSubmitted" => ("#FFFFFF", "#2A62B8"),
        "Submitted" => ("#101010", "#20C040"),
        "Filled" => ("#FFFFFF", "#202020"),
        _ => ("#101010", "#D050C0"),
    };
    members([("status", Json::text(status)), ("bgColor", Json::text(back)), ("fgColor", Json::text(fore))])
}
