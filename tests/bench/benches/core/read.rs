//! Reads every field of a frame as its type, and folds frames.

use std::hint::black_box;

use ibws_proto::fold::{Executions, LadderBook, LedgerTable, OrderBook, Quote, StatusFold};
use ibws_proto::frame::{FieldResult, Number};
use ibws_proto::message::{
    Execution, History, HistoryBar, LadderRow, LedgerRow, MarketData, Order, SessionState, System, Tic,
};
use ibws_proto::{Body, Field, Frame};

use crate::ready::{CONN, NOW};

/// Reads a number as the crate's type, and with `FLOAT` also as an `f64`.
fn number<const FLOAT: bool>(number: FieldResult<Number<'_>>) {
    if FLOAT {
        black_box(number.ok().flatten().and_then(|number| number.to_f64()));
    } else {
        black_box(number.ok().flatten());
    }
}

macro_rules! read {
    ($row:ident: $($other:ident)* ; $($number:ident)*) => {
        $( black_box($row.$other().ok()); )*
        $( number::<FLOAT>($row.$number()); )*
    };
}

/// Reads every typed field of a frame, and with `FLOAT` every number also as an `f64`.
pub(crate) fn fields<const FLOAT: bool>(frame: &Frame) {
    match frame.body() {
        Body::MarketData(data) => quote::<FLOAT>(&data),
        Body::Orders(orders) => orders.rows().flatten().for_each(|row| order::<FLOAT>(&row)),
        Body::Trades(trades) => trades.rows().flatten().for_each(|row| execution::<FLOAT>(&row)),
        Body::Ledger(ledger) => ledger.rows().flatten().for_each(|row| balance::<FLOAT>(&row)),
        Body::Ladder(ladder) => ladder.rows().flatten().for_each(|row| level::<FLOAT>(&row)),
        Body::History(history) => {
            header::<FLOAT>(&history);
            history.rows().flatten().for_each(|row| bar::<FLOAT>(&row));
        }
        Body::Status(frame) => session(&frame.args().expect("an object")),
        Body::Tic(frame) => tic(&frame),
        Body::System(System::Heartbeat(frame)) => drop(black_box(frame.hb().ok())),
        other => panic!("a frame that is not measured: {other:?}"),
    }
}

fn quote<const FLOAT: bool>(data: &MarketData<'_>) {
    black_box((data.conid().ok(), data.conid_ex().ok(), data.server_id().ok(), data.updated().ok()));
    for (field, value) in data.fields() {
        match field {
            Field::AVAILABILITY => drop(black_box(value.availability())),
            Field::MARKER | Field::EXCHANGE => drop(black_box(value.string())),
            Field::CHANGE_PERCENT => number::<FLOAT>(value.percent()),
            Field::BID_SIZE | Field::ASK_SIZE | Field::LAST_SIZE | Field::VOLUME => number::<FLOAT>(value.size()),
            _ => {
                let price = value.price().ok().flatten();
                black_box(price.map(|price| price.mark));
                number::<FLOAT>(Ok(price.map(|price| price.value)));
            }
        }
    }
}

fn order<const FLOAT: bool>(row: &Order<'_>) {
    read!(row: acct account conid conid_ex order_id currency size_and_fills order_desc description1 description2 ticker
        sec_type listing_exchange company_name status ccp_status outside_rth orig_order_type supports_tax_opt
        last_execution_time last_execution_millis order_type order_ref is_event_trading time_in_force side bg_color
        fg_color; remaining_quantity filled_quantity total_size avg_price price);
}

fn execution<const FLOAT: bool>(row: &Execution<'_>) {
    read!(row: execution_id symbol supports_tax_opt side order_description trade_time trade_millis order_ref submitter
        exchange account account_code account_allocation_name company_name contract_description_1
        contract_description_2 sec_type listing_exchange conid conid_ex open_close clearing_id clearing_name
        liquidation_trade is_event_trading order_id; size price commission net_amount position);
}

fn balance<const FLOAT: bool>(row: &LedgerRow<'_>) {
    read!(row: key second_key acct_code severity timestamp; cash_balance cash_balance_fx_segment commodity_market_value
        corporate_bonds_market_value dividends exchange_rate funds market_value option_market_value interest
        issue_options_market_value money_funds net_liquidation_value realized_pnl unrealized_pnl settled_cash
        stock_market_value t_bills_market_value t_bonds_market_value warrants_market_value);
}

fn level<const FLOAT: bool>(row: &LadderRow<'_>) {
    read!(row: row focus price; bid ask);
}

fn bar<const FLOAT: bool>(row: &HistoryBar<'_>) {
    read!(row: time; open close high low volume);
}

fn header<const FLOAT: bool>(history: &History<'_>) {
    read!(history: server_id symbol text price_factor start_time high low time_period bar_length availability delay
        outside_rth volume_factor price_display_rule price_display_value negative_capable message_version points;);
}

fn session(row: &SessionState<'_>) {
    black_box((row.authenticated().ok(), row.competing().ok(), row.connected().ok(), row.established().ok()));
    black_box((row.message().ok(), row.fail().ok(), row.server_name().ok(), row.server_version().ok()));
    black_box(row.username().ok());
}

fn tic(frame: &Tic<'_>) {
    black_box((frame.alive().ok(), frame.id().ok(), frame.last_accessed().ok()));
}

/// The folds that the frames of the samples are merged into.
#[derive(Default)]
pub(crate) struct Folds {
    quote: Quote,
    orders: OrderBook,
    executions: Executions,
    ledger: LedgerTable,
    ladder: LadderBook,
    session: StatusFold,
}

impl Folds {
    /// Merges a frame into its fold. Returns `false` if frames of its kind have none.
    pub(crate) fn apply(&mut self, frame: &Frame) -> bool {
        match frame.body() {
            Body::MarketData(data) => self.quote.apply(CONN, NOW, &data),
            Body::Orders(orders) => self.orders.apply(&orders) > 0,
            Body::Trades(trades) => self.executions.apply(&trades) > 0,
            Body::Ledger(ledger) => self.ledger.apply(&ledger) > 0,
            Body::Ladder(ladder) => self.ladder.apply(&ladder) > 0,
            Body::Status(frame) => self.session.apply(CONN, &frame),
            _ => false,
        }
    }
}
