//! Account summary and ledger: lists of rows under `result`, filtered as the client requested
//! (docs/protocol.md §3.7).

use super::account::{Account, Worth};
use crate::json::{Json, Members, members};

/// The `keys` and `fields` of a subscription; an empty list lets everything through.
#[derive(Clone, Default, Debug)]
pub(crate) struct Filter {
    pub(crate) keys: Vec<String>,
    pub(crate) fields: Vec<String>,
}

impl Filter {
    fn takes_key(&self, key: &str) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|own| own == key)
    }

    /// Ignores case: the documented filter is `cashBalance`, and the key on the wire is
    /// `cashbalance`.
    fn takes_field(&self, field: &str) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|own| own.eq_ignore_ascii_case(field))
    }
}

/// One row: its key, and its members without key and time.
pub(crate) type Row = (String, Members);

/// All rows of the account summary.
pub(crate) fn summary(account: &Account, worth: &Worth) -> Vec<Row> {
    let money = |key: &str, cents: i64| {
        let row =
            [("currency", Json::text("USD")), ("monetaryValue", Json::hundredths(cents)), ("severity", Json::int(0))];
        (key.to_owned(), members(row))
    };
    let text = |key: &str, value: &str| {
        let row = [("currency", Json::text("")), ("value", Json::text(value)), ("severity", Json::int(0))];
        (key.to_owned(), members(row))
    };
    let excess = worth.net_liquidation - worth.margin;
    let cushion = excess as f64 / worth.net_liquidation.max(1) as f64;
    vec![
        text("AccountCode", &account.id),
        text("AccountReady", "true"),
        text("AccountType", "INDIVIDUAL"),
        money("AccruedCash", account.interest),
        money("AccruedCash-S", account.interest),
        money("AvailableFunds", excess),
        money("AvailableFunds-S", excess),
        money("BuyingPower", excess * 4),
        text("Cushion", &format!("{cushion:.4}")),
        money("EquityWithLoanValue-S", worth.net_liquidation),
        money("ExcessLiquidity", excess),
        money("ExcessLiquidity-S", excess),
        money("FullInitMarginReq-S", worth.margin),
        money("FullMaintMarginReq-S", worth.margin * 4 / 5),
        money("GrossPositionValue-S", worth.market_value),
        text("Leverage-S", "0.01"),
        money("NetLiquidation", worth.net_liquidation),
        money("NetLiquidation-S", worth.net_liquidation),
        text("SegmentTitle-S", "US Securities"),
        money("TotalCashValue-S", account.cash),
    ]
}

/// All rows of the ledger: base currency, dollars, euros.
pub(crate) fn ledger(account: &Account, worth: &Worth) -> Vec<Row> {
    vec![
        ledger_row(account, "BASE", account.cash, worth, 1.0),
        ledger_row(account, "USD", account.cash - account.euros * 11 / 10, worth, 1.0),
        ledger_row(account, "EUR", account.euros, &Worth { market_value: 0, unrealized: 0, ..*worth }, 1.1),
    ]
}

fn ledger_row(account: &Account, currency: &str, cash: i64, worth: &Worth, rate: f64) -> Row {
    let none = || Json::double(0.0);
    let row = members([
        ("acctCode", Json::text(&account.id)),
        ("cashbalance", Json::hundredths(cash)),
        ("cashBalanceFXSegment", none()),
        ("commodityMarketValue", none()),
        ("corporateBondsMarketValue", none()),
        ("dividends", none()),
        ("exchangeRate", Json::double(rate)),
        ("funds", none()),
        ("marketValue", none()),
        ("optionMarketValue", none()),
        ("interest", Json::hundredths(account.interest)),
        ("issueOptionsMarketValue", none()),
        ("moneyFunds", none()),
        ("netLiquidationValue", Json::hundredths(cash + worth.market_value)),
        ("realizedPnl", Json::hundredths(account.realized)),
        ("unrealizedPnl", Json::hundredths(worth.unrealized)),
        ("secondKey", Json::text(currency)),
        ("settledCash", Json::hundredths(cash)),
        ("severity", Json::int(0)),
        ("stockMarketValue", Json::hundredths(worth.market_value)),
        ("tBillsMarketValue", none()),
        ("tBondsMarketValue", none()),
        ("warrantsMarketValue", none()),
    ]);
    (format!("LedgerList{currency}"), row)
}

/// How a row that has not changed is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unchanged {
    /// Not at all (summary), except for the row that names the account, which is in every update.
    Omitted,
    /// With its key and the time only (ledger).
    Blank,
}

/// The frame that updates a client from `sent` to `rows`; `None` if nothing changed.
pub(crate) fn frame(
    topic: &str,
    rows: Vec<Row>,
    filter: &Filter,
    sent: &mut Vec<Row>,
    unchanged: Unchanged,
    epoch_ms: u64,
) -> Option<String> {
    let rows: Vec<Row> = rows.into_iter().filter(|(key, _)| filter.takes_key(key)).collect();
    let mut result = Vec::new();
    let mut changes = false;
    for (key, values) in &rows {
        let is_known = sent.iter().any(|(known, old)| known == key && old == values);
        let names_account = unchanged == Unchanged::Omitted && key == "AccountCode";
        if is_known && unchanged == Unchanged::Omitted && !names_account {
            continue;
        }
        changes |= !is_known || unchanged == Unchanged::Blank;
        let mut row = members([("key", Json::text(key))]);
        if !is_known || names_account {
            row.extend(values.iter().filter(|(field, _)| filter.takes_field(field)).cloned());
        }
        row.push(("timestamp".into(), Json::int(epoch_ms / 1_000)));
        result.push(Json::Object(row));
    }
    // The first frame confirms the subscription, so it is sent even if the filter lets nothing
    // through.
    let is_first = sent.is_empty();
    *sent = rows;
    if !changes && !is_first {
        return None;
    }
    Some(Json::object([("result", Json::List(result)), ("topic", Json::text(topic))]).to_string())
}
