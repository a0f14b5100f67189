//! The money of one account: cash, positions and their value in the market; the P&L frame.

use ibws_proto::Instant;

use super::instruments::INSTRUMENTS;
use super::prices::Market;
use crate::json::{Json, members};
use crate::prng::Prng;

struct Position {
    conid: u64,
    size: i64,
    cost: i64,
}

/// An account with a position in each share. Amounts are in cents.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) cash: i64,
    pub(crate) interest: i64,
    pub(crate) euros: i64,
    pub(crate) realized: i64,
    positions: Vec<Position>,
}

/// The value of an account at one moment, in cents.
#[derive(Clone, Copy)]
pub(crate) struct Worth {
    pub(crate) market_value: i64,
    pub(crate) unrealized: i64,
    pub(crate) daily: i64,
    pub(crate) net_liquidation: i64,
    pub(crate) margin: i64,
}

impl Account {
    pub(crate) fn new(seed: u64, id: &str) -> Self {
        let mut chance = Prng::part(seed, "account", 0);
        let positions = INSTRUMENTS
            .iter()
            .map(|share| Position {
                conid: share.conid,
                size: chance.between(1, 20) * 10,
                cost: share.start * chance.between(85, 105) / 100,
            })
            .collect();
        Self {
            id: id.to_owned(),
            // The amount is above ten million, so that the ledger shows E notation
            // (docs/protocol.md §3.7).
            cash: 1_100_000_000 + chance.between(0, 99_999_999),
            interest: chance.between(100_000, 900_000),
            euros: chance.between(1_000_000, 5_000_000),
            realized: chance.between(-40_000, 40_000),
            positions,
        }
    }

    pub(crate) fn worth(&self, market: &mut Market, now: Instant) -> Worth {
        let (mut market_value, mut unrealized, mut daily) = (0, 0, 0);
        for position in &self.positions {
            let Some(quote) = market.share(position.conid, now) else { continue };
            market_value += position.size * quote.last;
            unrealized += position.size * (quote.last - position.cost);
            daily += position.size * (quote.last - quote.prior_close);
        }
        let net_liquidation = self.cash + self.interest + market_value;
        Worth { market_value, unrealized, daily, net_liquidation, margin: market_value / 4 }
    }

    /// The P&L frame, which has one object per account under `ACCOUNT.Core` (docs/protocol.md
    /// §3.5).
    pub(crate) fn pnl(&self, worth: &Worth) -> String {
        let row = Json::Object(members([
            ("rowType", Json::int(1)),
            ("dpl", Json::hundredths(worth.daily)),
            ("nl", Json::hundredths(worth.net_liquidation)),
            ("upl", Json::hundredths(worth.unrealized)),
            ("el", Json::hundredths(worth.net_liquidation - worth.margin)),
            ("uel", Json::hundredths(worth.net_liquidation - worth.margin - self.interest)),
            ("mv", Json::hundredths(worth.market_value)),
        ]));
        Json::frame("spl", Json::Object(vec![(format!("{}.Core", self.id), row)]))
    }
}
