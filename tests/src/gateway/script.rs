//! What a script makes happen in the market and in the account: quotes, orders, prompts.

use super::{Gateway, opening};
use crate::feed::instruments::{self, BAD_CONID};
use crate::feed::news;
use crate::feed::orders::Fill;
use crate::json::Json;

/// The side of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderSide {
    /// The order buys.
    Buy,
    /// The order sells.
    Sell,
}

/// An order that is neither filled nor cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpenOrder {
    /// The id of the order.
    pub id: u64,
    /// The contract.
    pub conid: u64,
    /// The side.
    pub side: OrderSide,
    /// The quantity that is not filled.
    pub remaining: i64,
}

/// A reply to a prompt, by `POST /iserver/notification`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromptReply {
    /// The id of the order.
    pub order_id: u64,
    /// The request id of the prompt.
    pub req_id: String,
    /// The option that was chosen.
    pub text: String,
}

impl Gateway {
    /// 999, the only conid without a quote, apart from 0. Market data for it has a dash as its
    /// symbol, `N/A` as its price and nothing else. Any other conid is quoted: its prices are a
    /// walk that the seed and the conid decide.
    pub const BAD_CONID: u64 = BAD_CONID;

    /// Sets the bid, the last price and the ask of a contract, in cents, and stops its walk until
    /// [`release_quote`](Self::release_quote). A subscription shows it with its next frame, within
    /// 4 s at the default pace.
    pub fn set_quote(&mut self, conid: u64, bid: i64, last: i64, offer: i64) {
        self.feed.market.set(conid, bid, last, offer);
    }

    /// Lets the walk of a contract go on from its present price.
    pub fn release_quote(&mut self, conid: u64) {
        self.feed.market.release(conid, self.now);
    }

    /// Switches the orders and executions that happen by themselves on or off. While off, those of
    /// a script are the only new ones; those of the past stay, such as the week of executions that
    /// the account starts with. [`forget_executions`](Self::forget_executions) removes these.
    pub fn set_invented_orders(&mut self, on: bool) {
        self.faults.no_invented_orders = !on;
        if on {
            self.resume_orders();
        }
    }

    /// Removes all executions of the past: a new subscription to executions replays none of them,
    /// and the REST call for them lists none.
    pub fn forget_executions(&mut self) {
        self.feed.executions.forget();
    }

    /// Places a limit order of `quantity` at `limit` cents, and sends its row on `sor`. Returns its
    /// id; `None` for a bad conid or a quantity below 1.
    pub fn place_order(&mut self, conid: u64, side: OrderSide, quantity: i64, limit: i64) -> Option<u64> {
        let share = instruments::by_conid(conid).filter(|_| quantity > 0)?;
        let (id, row) = self.feed.orders.script_place(share, side == OrderSide::Buy, quantity, limit);
        self.push_orders(vec![row], "Submitted");
        Some(id)
    }

    /// The orders that are neither filled nor cancelled, oldest first. It makes no REST call.
    #[must_use]
    pub fn open_orders(&self) -> Vec<OpenOrder> {
        let side = |buy| if buy { OrderSide::Buy } else { OrderSide::Sell };
        let open = self.feed.orders.open_rows();
        open.map(|(id, conid, buy, remaining)| OpenOrder { id, conid, side: side(buy), remaining }).collect()
    }

    /// Fills `size` of an order at `price` cents, at most what remains of it, and sends its row on
    /// `sor` and the execution on `str`. Returns `false` if no such order of a script is open.
    pub fn fill_order(&mut self, id: u64, size: i64, price: i64) -> bool {
        let epoch_ms = self.epoch_ms(self.now);
        let Some((row, fill)) = self.feed.orders.script_fill(id, size, price, epoch_ms) else { return false };
        let status = if row.to_string().contains("\"Filled\"") { "Filled" } else { "Submitted" };
        self.push_orders(vec![row], status);
        self.push_fill(&fill, epoch_ms);
        true
    }

    /// Cancels an order and sends its rows on `sor`. Returns `false` if no such order of a script
    /// is open.
    pub fn cancel_order(&mut self, id: u64) -> bool {
        let Some(rows) = self.feed.orders.script_cancel(id, self.epoch_ms(self.now)) else { return false };
        self.push_orders(rows, "Cancelled");
        true
    }

    /// Sends a prompt about an order on `ntf`, which waits for one of `options`. Returns its
    /// request id, which `POST /iserver/notification` must repeat.
    pub fn prompt(&mut self, order_id: u64, text: &str, options: &[&str]) -> String {
        self.prompts += 1;
        let req_id = self.prompts.to_string();
        self.open_prompts.insert(req_id.clone(), (order_id, options.iter().map(|&option| option.into()).collect()));
        let frame = news::prompt(order_id, &req_id, text, options);
        for conn in self.connections.keys().copied().collect::<Vec<_>>() {
            if self.is_ready(conn) && self.serves(conn, "ntf") {
                self.push(conn, frame.clone());
            }
        }
        req_id
    }

    /// The replies to prompts, oldest first.
    #[must_use]
    pub fn prompt_replies(&self) -> &[PromptReply] {
        &self.prompt_replies
    }

    /// Narrows the stream of orders to one status, as a filtered REST call of another program does,
    /// or ends that with `None` (docs/protocol.md §3.4).
    pub fn filter_orders(&mut self, status: Option<&str>) {
        self.leaked_filter = status.map(str::to_owned);
    }

    /// Records an execution and sends it on `str`.
    pub(super) fn push_fill(&mut self, fill: &Fill, epoch_ms: u64) {
        let frames = self.feed.executions.record(fill, epoch_ms);
        self.push_trades(&frames);
    }

    /// Sends order rows to the subscriptions whose filter lets `status` through.
    pub(super) fn push_orders(&mut self, rows: Vec<Json>, status: &str) {
        let text = Json::frame("sor", Json::List(rows));
        let passes = |filter: Option<&str>| filter.is_none_or(|own| own.eq_ignore_ascii_case(status));
        if !passes(self.leaked_filter.as_deref()) {
            return;
        }
        for conn in self.subscribers("sor") {
            if passes(self.order_filter(conn)) {
                self.push(conn, text.clone());
            }
        }
    }

    /// Sends the confirmation of an unsubscribe that echoes its topic, if the settings ask for it.
    pub(super) fn echo_unsubscribe(&mut self, conn: u64, topic: &str, target: &str) {
        if self.config.echoes_unsubscribes {
            self.push(conn, opening::unsubscribed(topic, target));
        }
    }
}
