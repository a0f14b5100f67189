//! How orders and executions are folded.

use super::super::rows::{Foldable, Folded};
use super::*;

/// When the rows of a message are filed.
#[derive(Clone, Copy, PartialEq)]
enum Files {
    /// When they must be.
    Late,
    /// Before the next message comes.
    Each,
    /// At once, and each row is read: the reference.
    Read,
}

fn folded(messages: &[&Event], files: Files) -> String {
    let check = |message: &Message| {
        let checked = Folded::check(message).unwrap();
        if files == Files::Read { Foldable::default() } else { checked }
    };
    let mut all = messages.iter().map(|event| match event {
        Event::Message(message) => message.clone(),
        other => panic!("{other:?}"),
    });
    let first = all.next().unwrap();
    let checked = check(&first);
    let mut folded = Folded::from_message(first, checked);
    for mut newer in all {
        if files == Files::Each {
            folded.file_newest();
        }
        if !folded.follow(&mut newer) {
            let checked = check(&newer);
            folded.add(&mut newer, checked);
        }
    }
    let message = folded.into_message();
    format!("{} {} {} {}", message.merged, message.since, message.at, message.frame.text())
}

#[test]
fn rows_that_are_not_filed_because_newer_ones_replace_them_make_no_difference() {
    let rows = [
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":1.5,"note":"x"}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":10.5,"note":"yz"}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":null,"note":""}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":"n\"a,\"b\":}","note":""}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":{"x":[1,2]},"note":"x"}"#,
        r#"{"acct":"DU1234567","execution_id":"b","orderId":71,"row":71,"price":1.5,"note":"x"}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":1.5,"noted":"x"}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":1.5}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":1.5, "note":"x"}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":1.5,"note":"x","price":2}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"pr\u0069ce":1.5,"note":"x"}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":1},{"execution_id":"b","orderId":8,"row":8}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":2},{"execution_id":"b","orderId":8,"row":8}"#,
        r#"{"acct":"DU1234567","execution_id":"a","orderId":7,"row":7,"price":2},{"execution_id":"a","orderId":7,"row":7}"#,
    ];
    for (sub, topic, list) in [("or", "sor", "args"), ("tr", "str", "args"), ("bd+DU1234567+1", "sbd", "data")] {
        let mut texts: Vec<_> = rows.iter().map(|rows| format!(r#"{{"topic":"{topic}","{list}":[{rows}]}}"#)).collect();
        texts.push(format!(r#"{{"{list}":[{}],"topic":"{topic}"}}"#, rows[0]));
        texts.push(format!(r#"{{"topic":"{topic}","{list}":[{}],"more":1}}"#, rows[0]));
        texts.push(format!(r#"{{"topic":"{topic}","more":2,"{list}":[{}]}}"#, rows[5]));
        texts.push(format!(r#"{{"topic":"{topic}","{list}":[{}]}}"#, rows[0].replace("1.5", &"1".repeat(4_000))));
        texts.push(format!(r#"{{"topic":"{topic}","{list}":[{}]}}"#, rows[0].replace("1.5", &"1".repeat(8_000))));
        texts.push(format!(r#"{{"topic":"{topic}","{list}":[]}}"#));
        let events: Vec<_> = (0..).zip(&texts).map(|(ms, text)| message(ms, sub, text)).collect();
        for one in &events {
            for two in &events {
                for three in &events {
                    let messages = [one, two, three];
                    let expected = folded(&messages, Files::Read);
                    assert_eq!(folded(&messages, Files::Late), expected, "{messages:?}");
                    assert_eq!(folded(&messages, Files::Each), expected, "{messages:?}");
                }
            }
        }
    }
}

#[test]
fn changes_of_one_order_are_not_read_one_by_one_and_hold_one_message() {
    let mut queue = limits(2, ANY);
    let change = |n: u64| orders(n, &format!(r#"{{"acct":"DU1234567","orderId":7,"filled":{n},"status":"x{n}"}}"#));
    (0..10).for_each(|n| queue.push(change(n)));
    let before = queue.bytes();
    (10..1_000).for_each(|n| queue.push(change(n)));
    assert!(queue.bytes() < before + 10, "{before} {}", queue.bytes());
    assert_eq!(line(&queue.pop().unwrap()), "lost ORDERS 0+998+0 since 0.000s");
    let newest = |n: u64| {
        format!(r#"{{"topic":"sor","args":[{{"acct":"DU1234567","orderId":7,"filled":{n},"status":"x{n}"}}]}}"#)
    };
    assert_eq!(all(&mut queue), [format!("999x {}", newest(998)), format!("1x {}", newest(999))]);
}

#[test]
fn orders_are_folded_behind_a_report_that_counts_them() {
    let mut queue = limits(2, ANY);
    queue.push(orders(1, r#"{"acct":"DU1234567","orderId":7,"conid":1,"orderDesc":"Buy","status":"Submitted"}"#));
    queue.push(orders(2, r#"{"acct":"DU1234567","orderId":8,"status":"Submitted"}"#));
    queue.push(orders(3, r#"{"acct":"DU1234567","orderId":7,"status":"Filled"}"#));
    queue.push(orders(4, r#"{"acct":"DU1234567","orderId":8,"status":"Filled"}"#));
    assert_eq!(line(&queue.pop().unwrap()), "lost ORDERS 0+2+0 since 0.001s");
    // A message that comes after the report is not folded into what it announced.
    queue.push(orders(5, r#"{"acct":"DU1234567","orderId":8,"status":"Cancelled"}"#));
    assert_eq!(queue.len(), 2);
    assert_eq!(
        line(&queue.pop().unwrap()),
        concat!(
            r#"3x {"topic":"sor","args":[{"acct":"DU1234567","orderId":7,"conid":1,"orderDesc":"Buy","status":"Filled"},"#,
            r#"{"acct":"DU1234567","orderId":8,"status":"Submitted"}]}"#
        )
    );
    assert_eq!(
        all(&mut queue),
        [
            "lost ORDERS 0+1+0 since 0.004s",
            r#"2x {"topic":"sor","args":[{"acct":"DU1234567","orderId":8,"status":"Cancelled"}]}"#
        ]
    );
}

#[test]
fn changes_that_add_up_to_a_whole_order_do_not_replace_what_was_known() {
    let mut book = OrderBook::new();
    let mut fold = |event: Event| {
        let Event::Message(message) = event else { panic!() };
        let Body::Orders(orders) = message.frame.body() else { panic!() };
        book.apply(&orders);
    };
    fold(orders(0, r#"{"orderId":7,"conid":1,"orderDesc":"Buy 1","status":"Inactive","ticker":"AAPL"}"#));
    let mut queue = limits(1, ANY);
    queue.push(orders(1, r#"{"orderId":7,"conid":1,"orderDesc":"Buy 2"}"#));
    queue.push(orders(2, r#"{"orderId":7,"status":"Filled"}"#));
    assert_eq!(line(&queue.pop().unwrap()), "lost ORDERS 0+1+0 since 0.001s");
    let Some(Item::Event(folded)) = queue.pop() else { panic!() };
    fold(folded);
    let order = book.get(&7).unwrap();
    assert_eq!(order.ticker().unwrap().as_deref(), Some("AAPL"));
    assert_eq!(order.order_desc().unwrap().as_deref(), Some("Buy 2"));
    assert_eq!(order.status().unwrap().unwrap().as_str(), "Filled");
}

#[test]
fn message_with_a_row_without_a_key_is_never_folded() {
    let mut queue = limits(2, ANY);
    queue.push(orders(1, r#"{"orderId":7,"status":"Submitted"}"#));
    queue.push(orders(2, r#"{"orderId":7,"status":"Filled"},5"#));
    queue.push(orders(3, r#"{"orderId":7,"status":"Cancelled"}"#));
    assert_eq!(
        all(&mut queue),
        [
            "lost ORDERS 1+0+0 since 0.001s",
            r#"1x {"topic":"sor","args":[{"orderId":7,"status":"Filled"},5]}"#,
            r#"1x {"topic":"sor","args":[{"orderId":7,"status":"Cancelled"}]}"#
        ]
    );
}

#[test]
fn message_too_large_to_be_folded_is_reported_as_lost() {
    let large = "x".repeat(300 * 1_024);
    let wide: Vec<_> = (0..200).map(|n| format!("\"k{n}\":1")).collect();
    for row in [
        format!(r#"{{"orderId":7,"orderDesc":"{large}"}}"#),
        format!(r#"{{"orderId":7,"orderDesc":"{}"}}"#, &large[..9_000]),
        format!(r#"{{"orderId":7,{}}}"#, wide.join(",")),
    ] {
        let mut queue = limits(1, ANY);
        queue.push(orders(1, r#"{"orderId":7,"status":"Submitted"}"#));
        queue.push(orders(2, &row));
        queue.push(orders(3, r#"{"orderId":7,"status":"Filled"}"#));
        assert_eq!(
            all(&mut queue),
            ["lost ORDERS 2+0+0 since 0.001s", r#"1x {"topic":"sor","args":[{"orderId":7,"status":"Filled"}]}"#]
        );
    }
}

#[test]
fn changes_that_do_not_fit_into_one_row_are_delivered_as_several() {
    let mut queue = limits(1, ANY);
    let long = "x".repeat(7_000);
    for n in 0..4 {
        queue.push(orders(n, &format!(r#"{{"orderId":7,"note{n}":"{long}"}}"#)));
    }
    assert_eq!(line(&queue.pop().unwrap()), "lost ORDERS 0+3+0 since 0.000s");
    let Some(Item::Event(Event::Message(message))) = queue.pop() else { panic!() };
    let Body::Orders(orders) = message.frame.body() else { panic!() };
    assert_eq!((message.merged, orders.rows().count()), (3, 2));
    let mut book = OrderBook::new();
    book.apply(&orders);
    assert_eq!(book.rows().next().unwrap().1.json().members().count(), 5);
}
