//! The seeded feed: a market of five shares, one account and its orders; the same for the same
//! seed.
//!
//! Shapes and cadence follow docs/protocol.md §3, the values come from the seed, and nothing is
//! captured. The feed stays apart from `frames`: it is a market in which prices, orders and money
//! agree with each other, while `frames` makes single frames of every shape without any state.

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

/// The market behind one gateway. Parts that need prices get the market as an argument, so that all
/// see the same prices.
pub(crate) struct Feed {
    pub(crate) market: Market,
    pub(crate) account: Account,
    pub(crate) orders: Orders,
    pub(crate) executions: Executions,
    /// Random numbers for parts without state of their own: ladders, bars, news.
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
