//! The seeded feed: a small world of five shares, one account and its orders, pure and repeatable.
//!
//! Nothing in it is captured: shapes and cadence follow docs/protocol.md §3, the values come from the seed.

pub(crate) mod account;
pub(crate) mod executions;
pub(crate) mod history;
pub(crate) mod instruments;
pub(crate) mod ladder;
pub(crate) mod news;
pub(crate) mod orders;
pub(crate) mod prices;
pub(crate) mod quote;
pub(crate) mod rows;
pub(crate) mod target;

use crate::prng::Prng;
use account::Account;
use executions::Executions;
use orders::Orders;
use prices::Market;

/// The world behind one gateway. Parts that look at the market are handed it, so that all see the same prices.
pub(crate) struct Feed {
    pub(crate) market: Market,
    pub(crate) account: Account,
    pub(crate) orders: Orders,
    pub(crate) executions: Executions,
    /// Chance for what has no state of its own: ladders, bars, news.
    pub(crate) chance: Prng,
}

impl Feed {
    pub(crate) fn new(seed: u64, account: &str, epoch_ms: u64) -> Self {
        Self {
            market: Market::new(seed),
            account: Account::new(seed, account),
            orders: Orders::new(seed, account),
            executions: Executions::new(seed, account, epoch_ms),
            chance: Prng::part(seed, "feed", 0),
        }
    }
}
