//! The cost of a frame: routing it, reading all of its typed fields, and comparable passes of
//! serde_json.
//!
//! Shapes and lengths are those of the wire, values are invented.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::fmt;
use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ibws_proto::message::{Execution, LedgerRow, Order};
use ibws_proto::{
    Body, Field, Frame,
    frame::{FieldResult, Number},
};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// 16 members, 266 bytes.
const SMD_FULL: &str = r#"{"6509":"RpB","conidEx":"700123","topic":"smd+700123","conid":700123,"_updated":1790000000123,"6119":"q17","83":-0.47,"server_id":"q17","84":"101.25","31":"101.27","86":"101.29","85":"1,300","88":"700","7059":"100","7295":"100.85","6004":"NYSE,ARCA,BATS,IEX,MEMX"}"#;
const SMD_DELTA: &str = r#"{"server_id":"q17","conidEx":"700123","conid":700123,"_updated":1790000000623,"6119":"q17","84":"101.26","86":"101.31","88":"1,200","topic":"smd+700123"}"#;
const STR: &str = r#"{"topic":"str","args":[{"execution_id":"0000aaaa.70000001.01.01","symbol":"ZQXW","supports_tax_opt":"1","side":"B","order_description":"Bot 4 @ 101.27 on XNYS","trade_time":"20300102-15:30:45","trade_time_r":1893598245000,"size":4.0,"price":"101.27","exchange":"XNYS","commission":"1.05","net_amount":405.08,"account":"DU1234567","accountCode":"DU1234567","account_allocation_name":"DU1234567","company_name":"ZQXW HOLDINGS","contract_description_1":"ZQXW","sec_type":"STK","listing_exchange":"NYSE","conid":700123,"conidEx":"700123","position":"4","clearing_id":"IB","clearing_name":"IB","liquidation_trade":"0","is_event_trading":"0","order_id":70000001}]}"#;
const SOR: &str = r##"{"topic":"sor","args":[{"acct":"DU1234567","conidex":"700123","conid":700123,"account":"DU1234567","orderId":70000001,"cashCcy":"USD","sizeAndFills":"0/4","orderDesc":"Buy 4 ZQXW Limit 99.50, Day","description1":"ZQXW","ticker":"ZQXW","secType":"STK","listingExchange":"NYSE","remainingQuantity":4.0,"filledQuantity":0.0,"totalSize":4.0,"companyName":"ZQXW HOLDINGS","status":"Submitted","order_ccp_status":"Submitted","origOrderType":"LIMIT","supportsTaxOpt":"1","lastExecutionTime":"300102153045","orderType":"Limit","bgColor":"#000000","fgColor":"#00F000","isEventTrading":"0","price":"99.50","timeInForce":"CLOSE","lastExecutionTime_r":1893598245000,"side":"BUY"}]}"##;
const SLD: &str = r#"{"result":[{"acctCode":"DU1234567","cashbalance":5.123456789012345E5,"cashBalanceFXSegment":0.0,"commodityMarketValue":0.0,"corporateBondsMarketValue":0.0,"key":"LedgerListBASE","dividends":0.0,"exchangeRate":1.0,"funds":0.0,"marketValue":0.0,"optionMarketValue":0.0,"interest":1234.5678901234567,"issueOptionsMarketValue":0.0,"moneyFunds":0.0,"netLiquidationValue":6.0123456789012345E5,"realizedPnl":0.0,"unrealizedPnl":4321.987654321,"secondKey":"BASE","settledCash":5.123456789012345E5,"severity":0,"stockMarketValue":87654.32109876543,"tBillsMarketValue":0.0,"tBondsMarketValue":0.0,"warrantsMarketValue":0.0,"timestamp":1893598245},{"key":"LedgerListUSD","timestamp":1893598245},{"key":"LedgerListEUR","timestamp":1893598245}],"topic":"sld+DU1234567"}"#;

/// The result of a borrowed pass of serde_json over the top level: keys and raw values.
struct Borrowed<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Borrowed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(&'de str, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Borrowed)
    }
}

/// Reads a number as this crate's type, and with `FLOAT` also as an `f64`.
fn number<const FLOAT: bool>(number: FieldResult<Number<'_>>) {
    if FLOAT {
        black_box(number.ok().flatten().and_then(|number| number.to_f64()));
    } else {
        black_box(number.ok().flatten());
    }
}

/// Reads every typed field of a frame, and with `FLOAT` every number also as an `f64`.
fn read_all<const FLOAT: bool>(frame: &Frame) {
    match frame.body() {
        Body::MarketData(data) => {
            black_box((data.conid().ok(), data.conid_ex().ok(), data.server_id().ok(), data.updated().ok()));
            for (field, value) in data.fields() {
                match field {
                    Field::AVAILABILITY => drop(black_box(value.availability())),
                    Field::MARKER | Field::EXCHANGE => drop(black_box(value.string())),
                    Field::CHANGE_PERCENT => number::<FLOAT>(value.percent()),
                    Field::BID_SIZE | Field::ASK_SIZE | Field::LAST_SIZE | Field::VOLUME => {
                        number::<FLOAT>(value.size());
                    }
                    _ => {
                        let price = value.price().ok().flatten();
                        black_box(price.map(|price| price.mark));
                        number::<FLOAT>(Ok(price.map(|price| price.value)));
                    }
                }
            }
        }
        Body::Orders(orders) => orders.rows().flatten().for_each(|row| read_order::<FLOAT>(&row)),
        Body::Trades(trades) => trades.rows().flatten().for_each(|row| read_execution::<FLOAT>(&row)),
        Body::Ledger(ledger) => ledger.rows().flatten().for_each(|row| read_ledger::<FLOAT>(&row)),
        _ => {}
    }
}

macro_rules! read {
    ($row:ident: $($text:ident)* ; $($number:ident)*) => {
        $( black_box($row.$text().ok()); )*
        $( number::<FLOAT>($row.$number()); )*
    };
}

fn read_order<const FLOAT: bool>(row: &Order<'_>) {
    read!(row: acct account conid conid_ex order_id currency size_and_fills order_desc description1 description2 ticker
        sec_type listing_exchange company_name status ccp_status outside_rth orig_order_type supports_tax_opt
        last_execution_time last_execution_millis order_type order_ref is_event_trading time_in_force side bg_color
        fg_color; remaining_quantity filled_quantity total_size avg_price price);
}

fn read_execution<const FLOAT: bool>(row: &Execution<'_>) {
    read!(row: execution_id symbol supports_tax_opt side order_description trade_time trade_millis order_ref submitter
        exchange account account_code account_allocation_name company_name contract_description_1
        contract_description_2 sec_type listing_exchange conid conid_ex open_close clearing_id clearing_name
        liquidation_trade is_event_trading order_id; size price commission net_amount position);
}

fn read_ledger<const FLOAT: bool>(row: &LedgerRow<'_>) {
    read!(row: key second_key acct_code severity timestamp; cash_balance cash_balance_fx_segment commodity_market_value
        corporate_bonds_market_value dividends exchange_rate funds market_value option_market_value interest
        issue_options_market_value money_funds net_liquidation_value realized_pnl unrealized_pnl settled_cash
        stock_market_value t_bills_market_value t_bonds_market_value warrants_market_value);
}

fn decode(c: &mut Criterion) {
    for (name, text) in
        [("smd_full", SMD_FULL), ("smd_delta", SMD_DELTA), ("str", STR), ("sor_full", SOR), ("sld", SLD)]
    {
        let bytes = Bytes::from(text.to_owned());
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        // The clone is a reference count, as for the frames of a socket's buffer.
        group.bench_function("routed", |b| b.iter(|| Frame::decode(black_box(&bytes).clone()).unwrap()));
        group.bench_function("all_fields", |b| {
            b.iter(|| read_all::<false>(&Frame::decode(black_box(&bytes).clone()).unwrap()));
        });
        group.bench_function("all_fields_f64", |b| {
            b.iter(|| read_all::<true>(&Frame::decode(black_box(&bytes).clone()).unwrap()));
        });
        group.bench_function("serde_borrowed", |b| {
            b.iter(|| serde_json::from_slice::<Borrowed<'_>>(black_box(&bytes)).unwrap().0.len());
        });
        group.bench_function("serde_ignored", |b| {
            b.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&bytes)).unwrap());
        });
        group.bench_function("serde_value", |b| {
            b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&bytes)).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
