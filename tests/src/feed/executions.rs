//! Executions as `str` frames: each comes several times, with and without its commission, in no
//! fixed order (docs/protocol.md §3.6).

use std::collections::VecDeque;

use super::instruments::{INSTRUMENTS, Instrument, LISTING};
use super::orders::Fill;
use super::quote::price;
use crate::calendar;
use crate::json::{Json, members};
use crate::prng::Prng;

const DAY_MS: u64 = 86_400_000;
/// Executions that are kept; older ones are dropped, so that a long run takes bounded memory.
const REMEMBERED: usize = 120;
/// Calendar days that a gateway returned for a request without `days` (docs/protocol.md §3.6).
const DEFAULT_DAYS: u64 = 7;

struct Execution {
    id: String,
    share: Instrument,
    buy: bool,
    size: i64,
    price: i64,
    commission: i64,
    exchange: &'static str,
    at_ms: u64,
    order: u64,
}

pub(crate) struct Executions {
    chance: Prng,
    account: String,
    serial: u64,
    past: VecDeque<Execution>,
}

impl Executions {
    /// Makes the trades of the week before `epoch_ms`.
    pub(crate) fn new(seed: u64, account: &str, epoch_ms: u64) -> Self {
        let mut chance = Prng::part(seed, "executions", 0);
        let serial = chance.below(0xFFFF_FFFF);
        let mut executions = Self { chance, account: account.to_owned(), serial, past: VecDeque::new() };
        for age in (1..=14).rev() {
            let share = &INSTRUMENTS[executions.chance.below(INSTRUMENTS.len() as u64) as usize];
            let back = age * DAY_MS / 2 - executions.chance.below(DAY_MS / 4);
            let fill = executions.invented(share, share.start + share.start / 100 * age as i64 / 7);
            executions.record(&fill, epoch_ms.saturating_sub(back));
        }
        executions
    }

    /// A trade at `price` without an order of the feed, like one made by hand in another terminal.
    pub(crate) fn invented(&mut self, share: &Instrument, price: i64) -> Fill {
        let order = 90_000_000 + self.chance.below(9_000_000);
        Fill { order, share: share.clone(), buy: self.chance.chance(1, 2), size: self.chance.between(1, 40), price }
    }

    /// Records a trade and returns its live frames: first without a commission, then with it.
    pub(crate) fn record(&mut self, fill: &Fill, at_ms: u64) -> Vec<String> {
        self.serial += 1 + self.chance.below(0xFF);
        let execution = Execution {
            id: format!("{:08x}.{:08x}.01.01", self.chance.below(0xF_FFFF), self.serial & 0xFFFF_FFFF),
            share: fill.share.clone(),
            buy: fill.buy,
            size: fill.size,
            price: fill.price,
            commission: 100 + self.chance.between(0, 60),
            exchange: ["NASDAQ", "ARCA", "DARK", "NYSE"][self.chance.below(4) as usize],
            at_ms,
            order: fill.order,
        };
        let frames = vec![self.frame(&execution, false, false), self.frame(&execution, true, false)];
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back(execution);
        frames
    }

    /// Drops all past trades.
    pub(crate) fn forget(&mut self) {
        self.past.clear();
    }

    /// The frames that a new subscription gets: all executions of the last `days`, two or three
    /// copies of each, shuffled.
    pub(crate) fn replay(&mut self, days: Option<u64>, now_ms: u64) -> Vec<String> {
        let since = now_ms.saturating_sub(days.unwrap_or(DEFAULT_DAYS).clamp(1, 7) * DAY_MS);
        let mut frames = Vec::new();
        for execution in self.past.iter().filter(|execution| execution.at_ms >= since) {
            frames.push(self.frame(execution, false, false));
            frames.push(self.frame(execution, true, false));
            // Past sells come once more, with the exchange in `conidEx`.
            if !execution.buy {
                frames.push(self.frame(execution, true, true));
            }
        }
        self.chance.shuffle(&mut frames);
        frames
    }

    /// The rows of `/iserver/account/trades`: the executions of the last `days`, oldest first.
    pub(crate) fn rows(&self, days: Option<u64>, now_ms: u64) -> Vec<Json> {
        let since = now_ms.saturating_sub(days.unwrap_or(1).clamp(1, 7) * DAY_MS);
        let recent = self.past.iter().filter(|execution| execution.at_ms >= since);
        recent.map(|execution| self.row(execution, true, false)).collect()
    }

    fn frame(&self, execution: &Execution, commission: bool, exchange: bool) -> String {
        Json::frame("str", Json::List(vec![self.row(execution, commission, exchange)]))
    }

    fn row(&self, execution: &Execution, commission: bool, exchange: bool) -> Json {
        let (side, verb) = if execution.buy { ("B", "Bot") } else { ("S", "Sold") };
        let paid = price(execution.price);
        let conid = execution.share.conid;
        let mut row = members([
            ("execution_id", Json::text(&execution.id)),
            ("symbol", Json::text(&*execution.share.symbol)),
            ("supports_tax_opt", Json::text("1")),
            ("side", Json::text(side)),
            ("order_description", Json::text(format!("{verb} {} @ {paid} on {}", execution.size, execution.exchange))),
            ("trade_time", Json::text(calendar::dashed(execution.at_ms))),
            ("trade_time_r", Json::int(execution.at_ms / 1_000 * 1_000)),
            ("size", Json::double(execution.size as f64)),
            ("price", Json::text(paid)),
            ("exchange", Json::text(execution.exchange)),
        ]);
        if commission {
            row.push(("commission".into(), Json::text(price(execution.commission))));
        }
        row.extend(members([
            ("net_amount", Json::hundredths(execution.size * execution.price)),
            ("account", Json::text(&self.account)),
            ("accountCode", Json::text(&self.account)),
            ("account_allocation_name", Json::text(&self.account)),
            ("company_name", Json::text(&*execution.share.company)),
            ("contract_description_1", Json::text(&*execution.share.symbol)),
            ("sec_type", Json::text("STK")),
            ("listing_exchange", Json::text(LISTING)),
            ("conid", Json::int(conid)),
            (
                "conidEx",
                Json::text(if exchange { format!("{conid}@{}", execution.exchange) } else { conid.to_string() }),
            ),
            ("clearing_id", Json::text("IB")),
            ("clearing_name", Json::text("IB")),
            ("liquidation_trade", Json::text("0")),
            ("is_event_trading", Json::text("0")),
            ("order_id", Json::int(execution.order)),
        ]));
        Json::Object(row)
    }
}
