//! Folds: a fold does not depend on how rows are spread over frames, and keeps what it knows.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use ibws_proto::fold::{
    Executions, LadderBook, LedgerTable, Mark, OrderBook, OrdersReply, Quote, ReplyError, StatusFold, SummaryTable,
    TradesReply,
};
use ibws_proto::message::{OrderStatus, Side};
use ibws_proto::{Body, ConnId, Field, Frame, Instant};
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
    assert_eq!((q.conid(), q.updated()), (Some(7), Some(5)));
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

/// Folds rows of orders, as JSON.
fn stream(book: &mut OrderBook, rows: &str) {
    apply!(book, Orders, format!(r#"{{"topic":"sor","args":[{rows}]}}"#));
}

/// Takes in a reply of REST with these rows of orders.
fn snapshot(book: &mut OrderBook, mark: Mark, rows: &str, complete: bool) -> (usize, usize, usize) {
    let body = format!(r#"{{"orders":[{rows}],"snapshot":{complete}}}"#);
    let reply = OrdersReply::parse(body.as_bytes()).unwrap();
    let changed = book.reconcile(mark, reply.rows(), reply.is_snapshot());
    (changed.filed, changed.refused, changed.unlisted)
}

fn text(book: &OrderBook, order: i64, key: &str) -> Option<String> {
    use ibws_proto::message::Row as _;
    Some(book.get(&order)?.member(key)?.text().to_owned())
}

#[test]
fn a_snapshot_changes_what_the_stream_has_not_set_since_its_mark() {
    let mut book = OrderBook::new();
    stream(&mut book, r#"{"orderId":1,"status":"PreSubmitted","price":"1","avgPrice":"9"}"#);
    let mark = book.mark();
    stream(&mut book, r#"{"orderId":1,"status":"Submitted"},{"orderId":3,"status":"Inactive"}"#);
    let rows = r#"{"orderId":1,"status":"PreSubmitted","price":"2","side":"BUY"},{"orderId":2,"price":"5"}"#;
    assert_eq!(snapshot(&mut book, mark, rows, true), (2, 0, 0));
    let known = |book: &OrderBook| {
        [(1, "status"), (1, "price"), (1, "side"), (1, "avgPrice"), (2, "price"), (3, "status")]
            .map(|(order, key)| text(book, order, key).unwrap())
    };
    let expected = ["\"Submitted\"", "\"2\"", "\"BUY\"", "\"9\"", "\"5\"", "\"Inactive\""];
    assert_eq!(known(&book), expected);
    assert!(!book.is_unlisted(&3), "the stream had it since the mark");
    // The same reply again, and one with the same mark after newer rows.
    stream(&mut book, r#"{"orderId":2,"price":"6"}"#);
    snapshot(&mut book, mark, rows, true);
    assert_eq!(text(&book, 2, "price").unwrap(), "\"6\"");
    // A later snapshot wins over an earlier one that arrives after it.
    let (old, new) = (book.mark(), book.mark());
    snapshot(&mut book, new, r#"{"orderId":1,"price":"8"}"#, false);
    snapshot(&mut book, old, r#"{"orderId":1,"price":"7","side":"SELL"}"#, false);
    assert_eq!(
        (text(&book, 1, "price").unwrap(), text(&book, 1, "side").unwrap()),
        ("\"8\"".into(), "\"SELL\"".into())
    );
}

#[test]
fn only_a_complete_snapshot_makes_an_order_unlisted_and_the_order_stays() {
    let mut book = OrderBook::new();
    let unlisted = |book: &OrderBook| (1..=3).filter(|order| book.is_unlisted(order)).collect::<Vec<_>>();
    let rows = r#"{"orderId":1,"status":"Submitted"},{"orderId":2,"status":"Filled"},{"orderId":3,"price":"1"}"#;
    stream(&mut book, rows);
    let first = book.mark();
    assert_eq!(snapshot(&mut book, first, "", false), (0, 0, 0));
    // A row that cannot be read may be about any order.
    assert_eq!(snapshot(&mut book, first, "7", true), (0, 1, 0));
    assert_eq!(snapshot(&mut book, first, r#"{"orderId":1,"orderId":2}"#, true), (0, 1, 0));
    assert_eq!(unlisted(&book), [0_i64; 0]);
    assert_eq!(snapshot(&mut book, first, r#"{"orderId":3}"#, true), (1, 0, 2));
    assert_eq!((unlisted(&book), book.len()), (vec![1], 3), "it is known how order 2 has ended");
    // A snapshot with the same mark may be later; an earlier one may not.
    let second = book.mark();
    assert_eq!(snapshot(&mut book, second, "", true), (0, 0, 3));
    snapshot(&mut book, first, r#"{"orderId":1,"status":"Submitted"},{"orderId":4}"#, true);
    assert_eq!(unlisted(&book), [1, 3]);
    assert!(book.is_unlisted(&4), "the later snapshot did not list it");
    snapshot(&mut book, second, r#"{"orderId":3}"#, true);
    assert_eq!(unlisted(&book), [1]);
    stream(&mut book, r#"{"orderId":1,"price":"2"}"#);
    assert_eq!(unlisted(&book), [0_i64; 0], "the stream shows that it is there");
    snapshot(&mut book, second, r#"{"orderId":3}"#, true);
    assert_eq!(unlisted(&book), [0_i64; 0], "it was there after the mark");
    let third = book.mark();
    book.clear();
    assert_eq!(snapshot(&mut book, third, rows, true), (0, 0, 0), "the mark is from before the table was cleared");
    let fourth = book.mark();
    assert_eq!(snapshot(&mut book, fourth, rows, true), (3, 0, 0));
}

#[test]
fn a_snapshot_erases_nothing_of_an_execution() {
    let mut executions = Executions::new();
    let mark = executions.mark();
    let copy = r#"{"topic":"str","args":[{"execution_id":"a","price":"1.5","commission":"","order_ref":"r"},{"execution_id":"b"}]}"#;
    apply!(executions, Trades, copy);
    let body = br#"[{"execution_id":"a","price":"1.6","commission":"1.0","order_ref":"","symbol":"AAPL"},{"execution_id":"c"},5]"#;
    let reply = TradesReply::parse(body).unwrap();
    let changed = executions.reconcile(mark, reply.rows());
    assert_eq!((changed.filed, changed.refused, changed.unlisted), (2, 1, 0));
    let row = executions.get("a").unwrap();
    assert_eq!(row.price().unwrap().unwrap().text(), "1.5", "set by the stream since the mark");
    assert_eq!(row.commission().unwrap().unwrap().text(), "1.0", "an empty value counts as set by nobody");
    assert_eq!((row.order_ref().unwrap().unwrap(), row.symbol().unwrap().unwrap()), ("r".into(), "AAPL".into()));
    assert_eq!(executions.len(), 3);
}

#[test]
fn the_body_of_an_error_is_not_a_list_without_rows() {
    for body in [&b""[..], b"<html>", b"{", br#"{"orders":[]"#] {
        assert!(matches!(OrdersReply::parse(body), Err(ReplyError::Json(_))));
        assert!(matches!(TradesReply::parse(body), Err(ReplyError::Json(_))));
    }
    let error = br#"{"error":"Bad Request: no bridge","statusCode":400}"#;
    let reason = ReplyError::NoRows(Some("Bad Request: no bridge".into()));
    assert_eq!(OrdersReply::parse(error).unwrap_err(), reason);
    assert_eq!(TradesReply::parse(error).unwrap_err(), reason);
    assert_eq!(reason.to_string(), r#"the body has no array of rows, but an error: "Bad Request: no bridge""#);
    for body in [&b"null"[..], b"[]", b"{}", br#"{"orders":null,"snapshot":true}"#, br#"{"orders":{},"snapshot":true}"#]
    {
        assert_eq!(OrdersReply::parse(body).unwrap_err(), ReplyError::NoRows(None));
    }
    let lossy =
        OrdersReply::parse(b" {\"orders\":[{\"orderId\":1,\"companyName\":\"ACME\x99\"}],\"snapshot\":\"true\"}\n")
            .unwrap();
    assert!(lossy.is_snapshot());
    assert_eq!(lossy.rows().next().unwrap().unwrap().company_name().unwrap().unwrap(), "ACME\u{fffd}");
    let reply = OrdersReply::parse(br#"{"orders":[{"orderId":1,"parentId":77,"ocaGroupId":"g"}]}"#).unwrap();
    let row = reply.rows().next().unwrap().unwrap();
    assert_eq!((row.parent_id().unwrap().unwrap(), row.oca_group_id().unwrap().unwrap()), ("77".into(), "g".into()));
    assert!(!reply.is_snapshot());
}

/// A gateway with orders, the stream of a client, and its REST replies.
#[derive(Default)]
struct Orders {
    book: OrderBook,
    /// The orders as they are, by member.
    truth: BTreeMap<i64, BTreeMap<&'static str, String>>,
    removed: BTreeSet<i64>,
    connected: bool,
    /// Rows that the gateway sent and the client has not read.
    wire: VecDeque<String>,
    marks: Vec<Mark>,
    /// Replies that were made; some arrive late, or more than once.
    replies: Vec<(Mark, String, bool)>,
}

/// What happens next: what, about which order, with which value.
type Happening = (u8, i64, u8);

impl Orders {
    /// Changes an order at the gateway, which sends the change if the client is connected.
    fn change(&mut self, order: i64, key: &'static str, value: String) {
        if self.removed.contains(&order) {
            return;
        }
        self.truth.entry(order).or_default().insert(key, value.clone());
        if self.connected {
            self.wire.push_back(format!(r#"{{"orderId":{order},"{key}":"{value}"}}"#));
        }
    }

    fn step(&mut self, (what, order, value): Happening, outages: bool) {
        match what {
            0 => self.change(order, "status", ["Inactive", "PreSubmitted", "Submitted"][usize::from(value % 3)].into()),
            1 | 2 => self.change(order, ["price", "avgPrice", "orderDesc"][usize::from(value % 3)], value.to_string()),
            3 if self.truth.contains_key(&order) => {
                self.change(order, "status", "Filled".into());
                // REST may list an order that has ended, or not.
                if value % 2 == 0 {
                    self.truth.remove(&order);
                    self.removed.insert(order);
                }
            }
            4..=6 => {
                if let Some(row) = self.wire.pop_front() {
                    stream(&mut self.book, &row);
                }
            }
            7 if outages => {
                // What was on its way is lost as well.
                self.wire.clear();
                self.connected = value % 2 == 0;
            }
            8 if self.connected => self.marks.push(self.book.mark()),
            9 => self.request(usize::from(value), value % 3 != 0),
            10 | 11 => self.reply(usize::from(value)),
            _ => {}
        }
    }

    /// The gateway makes a reply to a request after one of the marks.
    fn request(&mut self, mark: usize, complete: bool) {
        let Some(mark) = self.marks.get(mark % self.marks.len().max(1)).copied() else { return };
        let listed = self.truth.iter().filter(|(order, _)| complete || **order % 2 == 0);
        let rows: Vec<String> = listed
            .map(|(order, members)| {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!(r#","{key}":"{value}""#)).collect();
                format!(r#"{{"orderId":{order}{}}}"#, members.concat())
            })
            .collect();
        self.replies.push((mark, rows.join(","), complete));
    }

    fn reply(&mut self, at: usize) {
        let Some((mark, rows, complete)) = self.replies.get(at % self.replies.len().max(1)).cloned() else { return };
        snapshot(&mut self.book, mark, &rows, complete);
    }

    /// Compares the book with the orders as they are.
    fn check(&self) -> Result<(), String> {
        for (order, members) in &self.truth {
            for (key, value) in members {
                let known = text(&self.book, *order, key);
                if known.as_deref() != Some(&format!("\"{value}\"")) {
                    return Err(format!("{key} of {order} is {value}, the book has {known:?}"));
                }
            }
            if self.book.is_unlisted(order) {
                return Err(format!("{order} is there, the book has it as unlisted"));
            }
        }
        let filled = |order: &i64| self.book.get(order).is_none_or(|row| row.status() == Ok(Some(OrderStatus::Filled)));
        match self.removed.iter().find(|order| !filled(order) && !self.book.is_unlisted(order)) {
            Some(order) => Err(format!("{order} has ended, the book has {:?}", self.book.get(order))),
            None => Ok(()),
        }
    }
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
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_snapshot_after_the_last_outage_and_the_stream_give_the_orders_as_they_are(
        before in proptest::collection::vec((0..12_u8, 0..5_i64, any::<u8>()), 0..60),
        between in proptest::collection::vec((0..12_u8, 0..5_i64, any::<u8>()), 0..20),
        after in proptest::collection::vec((0..12_u8, 0..5_i64, any::<u8>()), 0..20),
        late in proptest::collection::vec(any::<u8>(), 0..10),
    ) {
        let mut orders = Orders { connected: true, ..Orders::default() };
        before.into_iter().for_each(|next| orders.step(next, true));
        orders.wire.clear();
        orders.connected = true;
        let mark = orders.book.mark();
        orders.marks.push(mark);
        between.into_iter().for_each(|next| orders.step(next, false));
        // The reply that counts is made at some moment after the mark, and arrives at another one.
        orders.request(orders.marks.iter().position(|other| *other == mark).unwrap(), true);
        let reply = orders.replies.len() - 1;
        after.into_iter().for_each(|next| orders.step(next, false));
        orders.reply(reply);
        late.into_iter().for_each(|at| orders.reply(usize::from(at)));
        for row in core::mem::take(&mut orders.wire) {
            stream(&mut orders.book, &row);
        }
        prop_assert_eq!(orders.check(), Ok(()));
    }

    #[test]
    fn an_execution_is_what_its_copies_and_snapshots_say_in_any_order(
        copies in proptest::collection::vec(
            (any::<bool>(), 0..3_u8, proptest::collection::vec(0..3_u8, 4), 0..4_usize), 0..20,
        ),
    ) {
        const KEYS: [&str; 4] = ["price", "commission", "order_ref", "position"];
        let mut executions = Executions::new();
        let mut marks = vec![executions.mark()];
        let mut truth = BTreeSet::new();
        for (of_stream, id, members, mark) in copies {
            let member = |(key, kind): (&&str, &u8)| match kind {
                0 => String::new(),
                1 => format!(r#","{key}":"""#),
                _ => format!(r#","{key}":"{key} of {id}""#),
            };
            truth.extend(KEYS.iter().zip(&members).filter(|(_, kind)| **kind == 2).map(|(key, _)| (id, *key)));
            let members: Vec<String> = KEYS.iter().zip(&members).map(member).collect();
            let row = format!(r#"{{"execution_id":"{id}"{}}}"#, members.concat());
            if of_stream {
                apply!(executions, Trades, format!(r#"{{"topic":"str","args":[{row}]}}"#));
            } else {
                marks.push(executions.mark());
                let body = format!("[{row}]");
                let reply = TradesReply::parse(body.as_bytes()).unwrap();
                executions.reconcile(marks[mark % marks.len()], reply.rows());
            }
        }
        for (id, key) in truth {
            use ibws_proto::message::Row as _;
            let row = executions.get(&id.to_string()).unwrap();
            prop_assert_eq!(row.member(key).unwrap().text(), format!("\"{key} of {id}\""));
        }
    }
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
