//! Folds: a fold does not depend on how rows are spread over frames, and keeps what it knows.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use bytes::Bytes;
use ibws_proto::fold::{
    Executions, LadderBook, LedgerTable, OrderBook, OrdersReply, PnlTable, Quote, StatusFold, SummaryTable,
};
use ibws_proto::message::{OrderStatus, Side};
use ibws_proto::{Body, ConnId, Field, Frame, Instant, UnixMillis};
use proptest::prelude::*;

fn decode(text: &str) -> Frame {
    Frame::decode(Bytes::from(text.to_owned())).unwrap()
}

macro_rules! apply {
    ($fold:expr, $variant:ident, $text:expr) => {{
        let frame = decode(&$text);
        let Body::$variant(body) = frame.body() else { panic!("{frame:?}") };
        $fold.apply(&body)
    }};
}

fn quote(quote: &mut Quote, conn: u64, at: u64, text: &str) -> bool {
    let frame = decode(text);
    let Body::MarketData(data) = frame.body() else { panic!("{text}") };
    quote.apply(ConnId(conn), Instant::from_millis(at), &data)
}

#[test]
fn a_quote_spans_neither_connections_nor_contracts() {
    let mut q = Quote::new();
    assert!(quote(&mut q, 1, 0, r#"{"topic":"smd+7","conid":7,"31":"1.5","84":"1.4","999":"x"}"#));
    assert!(quote(&mut q, 1, 100, r#"{"topic":"smd+7","84":"1.45","_updated":5}"#));
    assert!(!quote(&mut q, 1, 200, r#"{"topic":"smd+8","84":"9"}"#));
    assert_eq!(q.get(Field::LAST).unwrap().text(), "1.5");
    assert_eq!(q.get(Field::BID).unwrap().text(), "1.45");
    assert_eq!(q.get(Field::from_key("999").unwrap()).unwrap().text(), "x");
    assert_eq!((q.conid(), q.updated()), (Some(7), Some(UnixMillis::from_millis(5))));
    assert!(quote(&mut q, 2, 300, r#"{"topic":"smd+7","84":"1.5"}"#));
    assert_eq!(q.get(Field::LAST), None, "the field is from the connection before");
    assert!(!quote(&mut q, 1, 400, r#"{"topic":"smd+7","31":"1.6"}"#), "late");
    assert_eq!(q.age(Field::BID, Instant::from_millis(450)).unwrap().as_millis(), 150);
}

#[test]
fn a_quote_is_bounded() {
    let mut q = Quote::new();
    let members: Vec<String> = (1_000..3_000).map(|id| format!("\"{id}\":\"1\"")).collect();
    assert!(quote(&mut q, 1, 0, &format!(r#"{{"topic":"smd+7",{}}}"#, members.join(","))));
    assert_eq!((q.fields().count(), q.refused()), (256, 1_744));
}

#[test]
fn a_row_of_an_order_is_merged_even_a_full_one() {
    let mut book = OrderBook::new();
    let full = |status: &str| {
        format!(
            r#"{{"topic":"sor","args":[{{"acct":"DU1234567","conid":7,"orderId":1,"orderDesc":"Buy","totalSize":4.0,"status":"{status}","side":"BUY"}}]}}"#
        )
    };
    assert_eq!(
        apply!(
            book,
            Orders,
            r#"{"topic":"sor","args":[{"orderId":1,"avgPrice":"2.5"},{"orderId":2,"status":"Filled"},7,{"x":1}]}"#
        ),
        2
    );
    assert_eq!((book.len(), book.refused()), (2, 2));
    apply!(book, Orders, full("Submitted"));
    // A recorded second full row lacked a key that the first one had.
    assert_eq!(book.get(&1).unwrap().avg_price().unwrap().unwrap().text(), "2.5");
    apply!(book, Orders, r#"{"topic":"sor","args":{"orderId":"1","status":"Filled"}}"#);
    let order = book.get(&1).unwrap();
    assert_eq!((order.status().unwrap(), order.side().unwrap()), (Some(OrderStatus::Filled), Some(Side::Buy)));
    assert_eq!(order.conid(), Ok(Some(7)));
    let mut small = OrderBook::with_limit(1);
    assert_eq!(
        apply!(small, Orders, r#"{"topic":"sor","args":[{"orderId":1},{"orderId":2},{"orderId":1,"price":""}]}"#),
        2
    );
    assert_eq!((small.len(), small.refused()), (1, 1));
}

#[test]
fn the_first_of_two_equal_keys_counts_in_a_frame_and_in_a_fold() {
    let text = r#"{"topic":"smd+7","31":"1","31":"2","\u0038\u0034":"3","84":"4"}"#;
    let mut q = Quote::new();
    assert!(quote(&mut q, 1, 0, r#"{"topic":"smd+7","31":"0"}"#));
    assert!(quote(&mut q, 1, 0, text));
    let frame = decode(text);
    let Body::MarketData(data) = frame.body() else { panic!("{frame:?}") };
    for (field, first) in [(Field::LAST, "1"), (Field::BID, "3")] {
        assert_eq!(data.get(field).unwrap().text(), first);
        assert_eq!(q.get(field).unwrap().text(), first);
    }
    // A first value that is too long to keep does not make the second one count.
    let long = "x".repeat(5_000);
    assert!(quote(&mut q, 1, 0, &format!(r#"{{"topic":"smd+7","86":"{long}","86":"5"}}"#)));
    assert_eq!((q.get(Field::ASK), q.refused()), (None, 1));
    let mut book = OrderBook::new();
    apply!(
        book,
        Orders,
        r#"{"topic":"sor","args":[{"orderId":1,"price":"1","price":"2"},{"orderId":1,"side":"BUY"}]}"#
    );
    assert_eq!(book.get(&1).unwrap().price().unwrap().unwrap().text(), "1");
}

#[test]
fn a_known_key_of_an_execution_is_not_erased() {
    let with = r#"{"topic":"str","args":[{"execution_id":"a","price":"1.5","commission":"1.0"}]}"#;
    let without = r#"{"topic":"str","args":[{"execution_id":"a","price":"1.5","order_ref":"r"}]}"#;
    let blank = r#"{"topic":"str","args":[{"execution_id":"a","commission":null,"order_ref":""}]}"#;
    for order in [[with, without, blank], [without, with, blank], [blank, without, with], [with, blank, without]] {
        let mut executions = Executions::new();
        for text in order {
            apply!(executions, Trades, text);
        }
        let row = executions.get("a").unwrap();
        assert_eq!(row.commission().unwrap().unwrap().text(), "1.0");
        assert_eq!(row.order_ref().unwrap().unwrap(), "r");
        assert_eq!(executions.len(), 1);
    }
}

#[test]
fn a_session_state_merges_by_key_within_one_connection() {
    let mut fold = StatusFold::new();
    let mut apply = |conn, text: &str| {
        let frame = decode(text);
        let Body::Status(status) = frame.body() else { panic!("{text}") };
        (fold.apply(ConnId(conn), &status), fold.state().map(|s| (s.authenticated().unwrap(), s.competing().unwrap())))
    };
    assert_eq!(apply(1, r#"{"topic":"sts","args":{"authenticated":true}}"#), (true, Some((Some(true), None))));
    assert_eq!(apply(1, r#"{"topic":"sts","args":{"competing":"true"}}"#), (true, Some((Some(true), Some(true)))));
    assert_eq!(apply(1, r#"{"topic":"sts"}"#), (true, Some((Some(true), Some(true)))));
    assert_eq!(apply(1, r#"{"topic":"sts","args":"x"}"#), (false, Some((Some(true), Some(true)))));
    assert_eq!(apply(2, r#"{"topic":"sts","args":{"competing":false}}"#), (true, Some((None, Some(false)))));
    assert!(!apply(1, r#"{"topic":"sts","args":{"authenticated":true}}"#).0);
}

#[test]
fn a_blank_ledger_row_keeps_balances_and_other_rows_replace_theirs() {
    let mut ledger = LedgerTable::new();
    apply!(
        ledger,
        Ledger,
        r#"{"topic":"sld+DU1234567","result":[{"key":"LedgerListUSD","cashbalance":1.5E3,"timestamp":1}]}"#
    );
    apply!(ledger, Ledger, r#"{"topic":"sld+DU1234567","result":[{"key":"LedgerListUSD","timestamp":2}]}"#);
    let row = ledger.get("LedgerListUSD").unwrap();
    assert_eq!((row.cash_balance().unwrap().unwrap().to_i64(), row.timestamp()), (Some(1_500), Ok(Some(2))));
    let mut summary = SummaryTable::new();
    apply!(
        summary,
        Summary,
        r#"{"topic":"ssd+DU1234567","result":[{"key":"a","value":"x"},{"key":"a","monetaryValue":1}]}"#
    );
    assert_eq!(summary.get("a").unwrap().value(), Ok(None), "the second row replaces the first one");
    let mut ladder = LadderBook::new();
    assert_eq!(
        apply!(
            ladder,
            Ladder,
            r#"{"topic":"sbd","data":[{"row":0,"price":1.5},{"row":"0","price":"3 @ 1.6"},{"price":1}]}"#
        ),
        2
    );
    assert_eq!(ladder.get(&0).unwrap().price_number().unwrap().unwrap().text().trim(), "1.6");
}

#[test]
fn a_table_yields_typed_rows_by_ascending_key() {
    let mut book = OrderBook::new();
    let rows = ["PendingCancel", "Submitted", "Filled", "Inactive", "PreSubmitted", "Cancelled", "new"];
    for (order, state) in rows.iter().enumerate().rev() {
        apply!(book, Orders, format!(r#"{{"topic":"sor","args":[{{"orderId":{order},"status":"{state}"}}]}}"#));
    }
    let states: Vec<String> = book.iter().map(|order| order.status().unwrap().unwrap().to_string()).collect();
    assert_eq!(states, rows);
    assert_eq!((&book).into_iter().count(), book.len());
    let open =
        |book: &OrderBook| -> Vec<i64> { book.open_orders().map(|order| order.order_id().unwrap().unwrap()).collect() };
    assert_eq!(open(&book), [0, 1, 4]);
    // A complete snapshot without order 1 ends it in an unknown way.
    let reply = br#"{"orders":[{"orderId":0},{"orderId":4}],"snapshot":true}"#;
    let (mark, reply) = (book.mark(), OrdersReply::parse(reply).unwrap());
    book.reconcile(mark, reply.rows(), reply.is_snapshot());
    assert_eq!(open(&book), [0, 4]);

    let mut ledger = LedgerTable::new();
    let result = r#"{"key":"LedgerListUSD","secondKey":"USD"},{"key":"LedgerListBASE","secondKey":"BASE"}"#;
    apply!(ledger, Ledger, format!(r#"{{"topic":"sld+DU1234567","result":[{result}]}}"#));
    let currencies: Vec<_> = ledger.iter().map(|row| row.second_key().unwrap().unwrap().into_owned()).collect();
    assert_eq!(currencies, ["BASE", "USD"]);
}

#[test]
fn a_row_of_profit_and_loss_replaces_the_one_with_its_name() {
    let mut pnl = PnlTable::with_limit(2);
    let first = r#"{"topic":"spl","args":{"U12345678.Core":{"dpl":1.5},"DU1234567.Core":{"dpl":-41.5,"upl":7}}}"#;
    assert_eq!(apply!(pnl, Pnl, first), 2);
    assert_eq!(apply!(pnl, Pnl, r#"{"topic":"spl","args":{"DU1234567.Core":{"dpl":-40}}}"#), 1);
    let rows: Vec<_> = pnl.iter().map(|(name, row)| (name, row.daily_pnl().unwrap().unwrap().to_f64())).collect();
    assert_eq!(rows, [("DU1234567.Core", Some(-40.0)), ("U12345678.Core", Some(1.5))]);
    assert_eq!(pnl.get("DU1234567.Core").unwrap().unrealized_pnl(), Ok(None));
    assert_eq!(apply!(pnl, Pnl, r#"{"topic":"spl","args":{"DU1234567.New":{},"U12345678.Core":5}}"#), 0);
    assert_eq!((pnl.len(), pnl.refused()), (2, 2));
    assert!(!format!("{pnl:?}").contains("DU1234567"), "{pnl:?}");
    pnl.clear();
    assert!(pnl.is_empty());
}

#[test]
fn a_row_of_any_size_costs_a_bounded_amount() {
    let members: Vec<String> = (0..100_000).map(|at| format!("\"k{at}\":1")).collect();
    let huge = format!(r#"{{"topic":"sor","args":[{{"orderId":1,{}}}]}}"#, members.join(","));
    let mut book = OrderBook::new();
    assert_eq!(apply!(book, Orders, huge), 0);
    assert_eq!(apply!(book, Orders, r#"{"topic":"sor","args":[{"orderId":1}]}"#), 1);
    assert_eq!(apply!(book, Orders, huge), 0);
    for at in 0..2_000 {
        apply!(book, Orders, format!(r#"{{"topic":"sor","args":[{{"orderId":1,"n{at}":1}}]}}"#));
    }
    assert!(book.rows().all(|(_, row)| row.json().members().count() <= 512));
}

/// Returns a row of changes with an order, some keys and some values.
fn delta() -> impl Strategy<Value = String> {
    let keys = ["status", "price", "avgPrice", "fgColor", "conid", "orderDesc", "new"];
    let member = (proptest::sample::select(keys.to_vec()), 0..5_u8);
    (0..4_u8, proptest::collection::btree_map(member.clone().prop_map(|m| m.0), member.prop_map(|m| m.1), 0..7))
        .prop_map(|(order, members)| {
            let members: Vec<String> = members.iter().map(|(key, value)| format!(",\"{key}\":\"{value}\"")).collect();
            format!("{{\"orderId\":{order},\"execution_id\":\"{order}\",\"key\":\"{order}\"{}}}", members.concat())
        })
}

proptest! {
    #[test]
    fn rows_fold_to_the_same_tables_in_any_batches(
        rows in proptest::collection::vec(delta(), 0..30),
        cuts in proptest::collection::vec(any::<bool>(), 30),
    ) {
        let mut batches: Vec<Vec<&str>> = vec![Vec::new()];
        for (row, cut) in rows.iter().zip(&cuts) {
            if *cut {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(row);
        }
        let (mut one, mut many) = (OrderBook::new(), OrderBook::new());
        let (mut one_ex, mut many_ex) = (Executions::new(), Executions::new());
        let (mut one_ledger, mut many_ledger) = (LedgerTable::new(), LedgerTable::new());
        for row in &rows {
            apply!(one, Orders, format!(r#"{{"topic":"sor","args":[{row}]}}"#));
            apply!(one_ex, Trades, format!(r#"{{"topic":"str","args":[{row}]}}"#));
            apply!(one_ledger, Ledger, format!(r#"{{"topic":"sld+U12345678","result":[{row}]}}"#));
        }
        for batch in &batches {
            let batch = batch.join(",");
            apply!(many, Orders, format!(r#"{{"topic":"sor","args":[{batch}]}}"#));
            apply!(many_ex, Trades, format!(r#"{{"topic":"str","args":[{batch}]}}"#));
            apply!(many_ledger, Ledger, format!(r#"{{"topic":"sld+U12345678","result":[{batch}]}}"#));
        }
        prop_assert!(one.rows().eq(many.rows()));
        prop_assert!(one_ex.rows().eq(many_ex.rows()));
        prop_assert!(one_ledger.rows().eq(many_ledger.rows()));
    }

    #[test]
    fn changes_fold_to_the_same_quote_in_any_batches(
        deltas in proptest::collection::vec(proptest::collection::btree_map(proptest::sample::select(vec![31, 84, 86, 999]), 0..9_u8, 0..4), 1..20),
        cuts in proptest::collection::vec(any::<bool>(), 20),
    ) {
        let (mut one, mut many) = (Quote::new(), Quote::new());
        let text = |members: &std::collections::BTreeMap<i32, u8>| {
            let members: Vec<String> = members.iter().map(|(key, value)| format!(",\"{key}\":\"{value}\"")).collect();
            format!("{{\"topic\":\"smd+7\"{}}}", members.concat())
        };
        let mut batch = std::collections::BTreeMap::new();
        for (delta, cut) in deltas.iter().zip(&cuts) {
            prop_assert!(quote(&mut one, 1, 0, &text(delta)));
            batch.extend(delta.iter().map(|(key, value)| (*key, *value)));
            if *cut {
                prop_assert!(quote(&mut many, 1, 0, &text(&std::mem::take(&mut batch))));
            }
        }
        prop_assert!(quote(&mut many, 1, 0, &text(&batch)));
        prop_assert!(one.fields().eq(many.fields()));
    }
}
