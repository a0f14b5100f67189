//! Describes a message in lines for people: the few important values of each channel.

use core::fmt::Display;

use super::terminal::{FIELD, TEXT, cut};
use ibws_proto::message::{Bulletin, Execution, LadderRow, LedgerRow, Notification, Order, SummaryRow, System};
use ibws_proto::{
    Body, Frame,
    frame::{FieldResult, Number, RowError},
};

/// The lines of a frame; none for heartbeats and replies to `tic`, which only the client needs.
pub(super) fn lines(frame: &Frame) -> Vec<String> {
    match frame.body() {
        Body::Orders(orders) => rows(orders.rows(), order),
        Body::Trades(trades) => match rows(trades.rows(), execution) {
            none if none.is_empty() => vec!["no executions yet".into()],
            some => some,
        },
        Body::Pnl(pnl) => {
            let lines = pnl.rows().map(|(account, row)| match row {
                Ok(row) => format!(
                    "{}  day {}  unrealised {}  net liquidation {}  market value {}",
                    cut(&account, FIELD),
                    amount(row.daily_pnl()),
                    amount(row.unrealized_pnl()),
                    amount(row.net_liquidation()),
                    amount(row.market_value())
                ),
                Err(error) => format!("{}  unreadable: {error}", cut(&account, FIELD)),
            });
            limited(lines)
        }
        Body::Summary(summary) => rows(summary.rows(), summary_row),
        Body::Ledger(ledger) => {
            rows(ledger.rows().filter(|row| row.as_ref().is_ok_and(|row| !row.is_blank())), ledger_row)
        }
        Body::Ladder(ladder) => rows(ladder.rows(), ladder_row),
        Body::History(history) => {
            let bars: Vec<_> = history.rows().flatten().collect();
            let mut lines = vec![format!(
                "{}  {} bars of {} s from {}",
                text(history.symbol()),
                bars.len(),
                text(history.bar_length()),
                text(history.start_time())
            )];
            if let Some(last) = bars.last() {
                let (open, high, low, close) = (last.open(), last.high(), last.low(), last.close());
                lines.push(format!(
                    "last bar: open {}  high {}  low {}  close {}  volume {}",
                    text(open),
                    text(high),
                    text(low),
                    text(close),
                    text(last.volume())
                ));
            }
            lines
        }
        Body::System(system) => match system {
            System::Greeting(greeting) => vec![format!("the gateway greets {}", text(greeting.success()))],
            System::Heartbeat(_) => Vec::new(),
            _ => vec![cut(&frame.redacted(), TEXT)],
        },
        Body::Status(status) => match status.args() {
            Ok(state) => vec![format!(
                "authenticated {}  connected {}  competing {}",
                text(state.authenticated()),
                text(state.connected()),
                text(state.competing())
            )],
            Err(error) => vec![format!("unreadable: {error}")],
        },
        Body::Accounts(accounts) => match accounts.args() {
            Ok(state) => {
                vec![format!("selected account {}  paper {}", text(state.selected_account()), text(state.is_paper()))]
            }
            Err(error) => vec![format!("unreadable: {error}")],
        },
        Body::Notifications(notifications) => {
            rows(notifications.rows(), |notification: &Notification<'_>| match notification {
                Notification::Prompt(prompt) => {
                    format!("order {} asks: {}", text(prompt.order_id()), sentence(prompt.text()))
                }
                Notification::Notice(notice) => sentence(notice.text()),
                _ => "a notification of an unknown kind".into(),
            })
        }
        Body::Bulletins(bulletins) => rows(bulletins.rows(), |bulletin: &Bulletin<'_>| sentence(bulletin.message())),
        Body::Error(error) => vec![format!("error of the gateway: {}", sentence(error.error()))],
        Body::Tic(_) => Vec::new(),
        _ => vec![cut(&frame.redacted(), TEXT)],
    }
}

/// Rows of one frame that are shown; further ones are counted.
const ROWS: usize = 12;

fn rows<R>(rows: impl Iterator<Item = Result<R, RowError>>, show: impl Fn(&R) -> String) -> Vec<String> {
    limited(rows.map(|row| row.map_or_else(|error| format!("unreadable row: {error}"), |row| show(&row))))
}

/// The first lines, each cut to the width of a text, and the number of those that are not shown.
fn limited(mut lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut shown: Vec<_> = lines.by_ref().take(ROWS).map(|line| cut(&line, TEXT)).collect();
    match lines.count() {
        0 => {}
        1 => shown.push("… 1 more row".into()),
        more => shown.push(format!("… {more} more rows")),
    }
    shown
}

fn order(order: &Order<'_>) -> String {
    let mut line = format!("order {}", text(order.order_id()));
    for part in [
        text(order.status()),
        sentence(order.order_desc()),
        order.filled_quantity().ok().flatten().map_or_else(String::new, |filled| {
            format!("filled {}, remaining {}", cut(&filled.to_string(), FIELD), text(order.remaining_quantity()))
        }),
        order
            .avg_price()
            .ok()
            .flatten()
            .map_or_else(String::new, |price| format!("at {} on average", cut(&price.to_string(), FIELD))),
    ] {
        if !part.is_empty() && part != "-" {
            line.push_str("  ");
            line.push_str(&part);
        }
    }
    line
}

fn execution(execution: &Execution<'_>) -> String {
    format!(
        "{}  {}  commission {}  id {}",
        text(execution.symbol()),
        sentence(execution.order_description()),
        text(execution.commission()),
        text(execution.execution_id())
    )
}

fn summary_row(row: &SummaryRow<'_>) -> String {
    let value = if row.monetary_value().is_ok_and(|value| value.is_some()) {
        amount(row.monetary_value())
    } else {
        text(row.value())
    };
    format!("{:<28} {value:>16} {}", text(row.key()), cut(&row.currency().ok().flatten().unwrap_or_default(), FIELD))
}

fn ledger_row(row: &LedgerRow<'_>) -> String {
    format!(
        "{:<6} cash {}  net liquidation {}  unrealised {}",
        text(row.second_key()),
        amount(row.cash_balance()),
        amount(row.net_liquidation_value()),
        amount(row.unrealized_pnl())
    )
}

fn ladder_row(row: &LadderRow<'_>) -> String {
    let last = if row.focus().is_ok_and(|focus| focus == Some(true)) { "  <- last" } else { "" };
    let side = |value: FieldResult<_>| {
        value.ok().flatten().map_or_else(String::new, |size: Number<'_>| cut(&size.to_string(), FIELD))
    };
    format!("{:>8} {:>12} {:>8}{last}", side(row.bid()), text(row.price_number()), side(row.ask()))
}

/// An amount of money with two decimals; the wire writes large amounts in E notation.
fn amount(value: FieldResult<Number<'_>>) -> String {
    match value {
        Ok(Some(value)) => {
            value.to_f64().map_or_else(|| cut(&value.to_string(), FIELD), |amount| cut(&format!("{amount:.2}"), FIELD))
        }
        _ => "-".into(),
    }
}

/// A value, or a dash if it is missing or cannot be read, cut to the width of a field.
fn text<T: Display>(value: FieldResult<T>) -> String {
    cut(&sentence(value), FIELD)
}

/// The same for a text that may be a sentence.
fn sentence<T: Display>(value: FieldResult<T>) -> String {
    cut(&value.ok().flatten().map_or_else(|| "-".into(), |value| value.to_string()), TEXT)
}
