//! Reads every typed member of every message, so that a fuzzer reaches all accessors. The lists are
//! counted against the library's own at compile time.

use std::hint::black_box;

use ibws_proto::message::*;
use ibws_proto::{
    Body, Frame,
    frame::{Exact, FieldResult, Number},
};

trait ReadAll {
    fn read_all(&self);
}

/// Reads the value of a member, and checks it.
trait Touch {
    fn touch(&self) {}
}

impl<T: Touch> Touch for FieldResult<T> {
    fn touch(&self) {
        match self {
            Ok(Some(value)) => value.touch(),
            Ok(None) => {}
            Err(error) => drop(black_box((error.to_string(), error.expected()))),
        }
    }
}

impl Touch for Number<'_> {
    fn touch(&self) {
        let float = self.to_f64();
        assert!(float.is_none_or(f64::is_finite), "{self:?}");
        if let (Some(whole), Some(float)) = (self.to_i64(), float) {
            #[expect(clippy::cast_precision_loss, reason = "compared as floats are")]
            let close = (whole as f64 - float).abs() <= float.abs() * 1e-12;
            assert!(close, "{self:?}: {whole} and {float}");
        }
        assert_eq!(Number::parse(self.text()), Some(*self));
    }
}

impl Touch for Exact {
    fn touch(&self) {
        let text = self.to_string();
        let read = Number::parse(&text).expect("a number");
        assert!(Exact::from_number(read).is_none_or(|read| read == *self), "{self:?}");
        assert_eq!((self.to_f64(), self.to_i64()), (read.to_f64(), read.to_i64().or(self.to_i64())), "{self:?}");
    }
}

macro_rules! opaque {
    ($($ty:ty),* $(,)?) => { $( impl Touch for $ty {} )* };
}
opaque!(
    i64,
    bool,
    std::borrow::Cow<'_, str>,
    Vec<std::borrow::Cow<'_, str>>,
    ibws_proto::Json<'_>,
    ibws_proto::CivilTime,
    ibws_proto::UnixMillis,
    Fills<'_>,
    OrderStatus<'_>,
    Side<'_>,
    Extreme<'_>,
    LadderPrice<'_>,
    ibws_proto::field::Availability<'_>
);

macro_rules! rows {
    ($( $row:ident: $($method:ident)*; )*) => { $(
        const _: () = assert!(<$row<'_> as Row<'_>>::KEYS.len() == [$(stringify!($method)),*].len());
        impl ReadAll for $row<'_> {
            fn read_all(&self) {
                $( self.$method().touch(); )*
                let known = self.known().count();
                assert!(known <= Self::KEYS.len() && known + self.unknown().count() == self.json().members().count());
                black_box(format!("{self:?}"));
            }
        }
    )* };
}

macro_rules! bodies {
    ($( $body:ident $extra:literal: $($method:ident)*; )*) => { $(
        const _: () = assert!($body::KEYS.len() == 1 + $extra + { const NAMES: &[&str] = &[$(stringify!($method)),*]; NAMES.len() });
        impl ReadAll for $body<'_> {
            fn read_all(&self) {
                $( self.$method().touch(); )*
                black_box((self.topic(), self.unknown().count(), format!("{self:?}")));
            }
        }
    )* };
}

rows! {
    PnlRow: row_type daily_pnl net_liquidation unrealized_pnl excess_liquidity uel market_value;
    SummaryRow: key currency monetary_value value severity timestamp;
    LedgerRow: key second_key acct_code cash_balance cash_balance_fx_segment commodity_market_value
        corporate_bonds_market_value dividends exchange_rate funds market_value option_market_value interest
        issue_options_market_value money_funds net_liquidation_value realized_pnl unrealized_pnl settled_cash severity
        stock_market_value t_bills_market_value t_bonds_market_value warrants_market_value timestamp;
    AccountState: accounts acct_props aliases allow_features chart_periods groups profiles selected_account
        server_info session_id is_ft is_paper;
    AccountProperties: has_child_accounts supports_cash_qty lite_under_pro no_fx_conv is_prop supports_fractions
        allow_customer_time auto_fx;
    Features: show_gfis show_eu_cost_report allow_event_contract allow_fx_conv allow_financial_lens allow_mta
        allow_type_ahead allow_event_trading snapshot_refresh_timeout lite_user show_web_news research debug_pnl
        show_tax_opt show_impact_dashboard allow_dyn_account allow_crypto allow_fa allow_lite_under_pro
        allowed_asset_types restrict_trade_subscription show_uk_user_labels side_by_side;
    ServerInfo: name version;
    Notice: id text title url;
    OrderPrompt: order_id req_id dismissable text options kind message_id prompt;
    Bulletin: id exchanges message;
    Order: acct account conid conid_ex order_id currency size_and_fills order_desc description1 description2 ticker
        sec_type listing_exchange remaining_quantity filled_quantity total_size company_name status ccp_status
        outside_rth orig_order_type supports_tax_opt last_execution_time last_execution_millis order_type order_ref
        avg_price is_event_trading time_in_force price side bg_color fg_color system_cancel_reason total_cash_size
        tax_optimizer_id exchange parent_id oca_group_id;
    Execution: execution_id symbol supports_tax_opt side order_description trade_time trade_millis size price
        order_ref submitter exchange commission net_amount account account_code account_allocation_name company_name
        contract_description_1 contract_description_2 sec_type listing_exchange conid conid_ex open_close position
        clearing_id clearing_name liquidation_trade is_event_trading order_id;
    HistoryBar: open close high low volume time;
    LadderRow: row focus price ask bid;
    SessionState: connected authenticated established competing message fail server_name server_version username;
}

bodies! {
    Pnl 1: ;
    Summary 1: ;
    Ledger 1: ;
    Accounts 1: ;
    MarketData 0: conid conid_ex server_id updated;
    Notifications 1: ;
    Bulletins 1: ;
    Orders 1: ;
    Trades 1: ;
    ErrorMessage 1: error code;
    Unsubscribed 0: message result;
    WaitingForSession 0: message;
    Message 0: message;
    Echo 0: ;
    Exercise 0: mid action data;
    Unknown 0: ;
    History 1: server_id symbol text price_factor start_time high low time_period bar_length availability delay
        outside_rth volume_factor price_display_rule price_display_value negative_capable message_version points;
    Ladder 1: ;
    Greeting 0: success is_ft is_paper;
    Heartbeat 0: hb;
    SystemMessage 0: ;
    Status 1: ;
    Tic 0: alive id last_accessed;
}

impl ReadAll for Notification<'_> {
    fn read_all(&self) {
        match self {
            Self::Notice(row) => row.read_all(),
            Self::Prompt(row) => row.read_all(),
            _ => {}
        }
    }
}

/// Reads rows, including bad ones, which keep their text.
fn rows<'a, R: Row<'a> + ReadAll>(rows: impl Iterator<Item = Result<R, ibws_proto::frame::RowError>>) {
    rows.for_each(|row| one(row.as_ref()));
}

fn one<R: ReadAll>(row: Result<&R, &ibws_proto::frame::RowError>) {
    match row {
        Ok(row) => row.read_all(),
        Err(error) => drop(black_box(error.to_string())),
    }
}

/// Reads every value of a frame.
///
/// # Panics
/// If two of them contradict each other.
pub(super) fn read_all(frame: &Frame) {
    match frame.body() {
        Body::MarketData(body) => {
            body.read_all();
            market_data(&body);
        }
        Body::History(body) => {
            body.read_all();
            body.start().touch();
            body.high_price().touch();
            body.low_price().touch();
            for bar in body.bars().flatten() {
                let prices = [bar.open(), bar.high(), bar.low(), bar.close()];
                prices.iter().for_each(Touch::touch);
                bar.volume().touch();
                assert_eq!(bar.time(), bar.row().time());
            }
            rows(body.rows());
        }
        Body::Ladder(body) => {
            body.read_all();
            black_box((body.account(), body.conid()));
            body.rows().flatten().for_each(|row| row.price_number().touch());
            rows(body.rows());
        }
        Body::Orders(body) => {
            body.read_all();
            body.rows().flatten().for_each(|row| row.last_execution().touch());
            rows(body.rows());
        }
        Body::Pnl(body) => {
            body.read_all();
            rows(body.rows().map(|(_, row)| row));
        }
        Body::Trades(body) => {
            body.read_all();
            body.rows().flatten().for_each(|row| row.traded_at().touch());
            rows(body.rows());
        }
        Body::Summary(body) => {
            body.read_all();
            black_box(body.account());
            body.rows().flatten().for_each(|row| row.time().touch());
            rows(body.rows());
        }
        Body::Ledger(body) => {
            body.read_all();
            black_box((body.account(), body.rows().flatten().filter(LedgerRow::is_blank).count()));
            body.rows().flatten().for_each(|row| row.time().touch());
            rows(body.rows());
        }
        Body::System(System::Greeting(body)) => body.read_all(),
        Body::System(System::Heartbeat(body)) => body.read_all(),
        Body::System(System::Other(body)) => body.read_all(),
        Body::Status(body) => {
            body.read_all();
            one(body.args().as_ref());
        }
        Body::Accounts(body) => {
            body.read_all();
            accounts(&body);
        }
        Body::Notifications(body) => {
            body.read_all();
            rows(body.rows());
        }
        Body::Bulletins(body) => {
            body.read_all();
            rows(body.rows());
        }
        Body::Error(body) => body.read_all(),
        Body::Tic(body) => body.read_all(),
        Body::Unsubscribed(body) => {
            body.read_all();
            black_box(format!("{:?}", body.ended()));
        }
        Body::WaitingForSession(body) => body.read_all(),
        Body::Message(body) => body.read_all(),
        Body::Echo(body) => body.read_all(),
        Body::Exercise(body) => {
            body.read_all();
            body.id().touch();
            black_box(body.user_actions().count());
        }
        Body::Unknown(body) => body.read_all(),
        _ => {}
    }
}

fn market_data(body: &MarketData<'_>) {
    let prices = [body.last(), body.bid(), body.ask(), body.open(), body.high(), body.low(), body.prior_close()];
    let numbers = [body.bid_size(), body.ask_size(), body.last_size(), body.change(), body.change_percent()];
    prices.iter().chain(&numbers).chain(&[body.volume(), body.volume_raw()]).for_each(Touch::touch);
    [body.is_halted(), body.is_closing_price(), body.is_delayed()].iter().for_each(Touch::touch);
    black_box((body.target(), body.others().count()));
    for (field, value) in body.fields() {
        assert!(body.get(field).is_some(), "{field}");
        black_box((value.text(), value.is_absent()));
        value.string().touch();
        value.flag().touch();
        value.price().map(|price| price.map(|price| price.value)).touch();
        value.number().touch();
        value.size().touch();
        value.percent().touch();
        if let Ok(Some(letters)) = value.availability() {
            black_box((letters.timing(), letters.snapshot(), letters.book(), letters.unknown().count()));
        }
    }
}

fn accounts(body: &Accounts<'_>) {
    let Ok(state) = body.args() else { return };
    state.read_all();
    state.properties().for_each(|(_, row)| one(row.as_ref()));
    state.alias_names().for_each(|(_, alias)| alias.touch());
    state.periods().for_each(|(_, periods)| periods.touch());
    one(state.features().as_ref());
    if let Ok(server) = state.server() {
        server.read_all();
    }
}
