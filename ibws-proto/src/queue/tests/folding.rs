//! How orders and executions are folded.

use super::*;

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
