//! Folds and snapshots: whenever a snapshot of REST arrives, it undoes nothing that the stream has
//! sent since its mark.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use ibws_proto::fold::{Executions, Mark, OrderBook, OrdersReply, ReplyError, TradesReply};
use ibws_proto::message::{OrderStatus, Row as _};
use ibws_proto::{Body, Frame};
use proptest::prelude::*;

macro_rules! apply {
    ($fold:expr, $variant:ident, $text:expr) => {{
        let frame = Frame::decode(Bytes::from($text.to_string())).unwrap();
        let Body::$variant(body) = frame.body() else { panic!("{frame:?}") };
        $fold.apply(&body)
    }};
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
    fn an_execution_is_what_its_copies_and_snapshots_report_in_any_order(
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
            let row = executions.get(&id.to_string()).unwrap();
            prop_assert_eq!(row.member(key).unwrap().text(), format!("\"{key} of {id}\""));
        }
    }
}
