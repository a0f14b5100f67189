//! Limits, and how what is dropped is counted.

use super::*;

#[test]
fn dropped_events_are_counted_and_reported_where_they_are_missing() {
    let mut queue = limits(3, ANY);
    for n in 0..5 {
        queue.push(malformed(n));
    }
    assert_eq!((queue.len(), queue.is_empty()), (3, false));
    assert_eq!(line(&queue.pop().unwrap()), "lost - 2+0+0 since 0.000s");
    assert_eq!(line(&queue.pop().unwrap()), "malformed 2");
    queue.push(malformed(5));
    queue.push(malformed(6));
    assert_eq!(all(&mut queue), ["lost - 1+0+0 since 0.000s", "malformed 4", "malformed 5", "malformed 6"]);
}

#[test]
fn bytes_are_bounded() {
    let limit = 6 * slot(malformed(0)).cost + 1;
    let mut queue = limits(ANY, limit);
    for n in 0..100 {
        queue.push(malformed(n));
        assert!(queue.bytes() <= limit);
    }
    assert_eq!(all(&mut queue)[..2], ["lost - 94+0+0 since 0.000s", "malformed 94"]);
}

#[test]
fn event_larger_than_the_limit_is_reported_as_lost() {
    let mut queue = limits(ANY, 600);
    queue.push(quote(1, 1, &format!("\"31\":\"{}\"", "1".repeat(1_000))));
    queue.push(quote(2, 2, &format!("\"31\":\"{}\"", "1".repeat(1_000))));
    assert_eq!(all(&mut queue), ["lost MARKET_DATA 2+0+0 since 0.001s"]);
}

#[test]
fn more_streams_than_room_lose_the_oldest_and_report_it() {
    let mut queue = limits(1_000, ANY);
    for conid in 0..100_000 {
        queue.push(quote(u64::from(conid), conid, r#""31":"1.00""#));
        assert!(queue.len() <= 1_000);
    }
    let items = all(&mut queue);
    assert_eq!(items.len(), 1_001);
    assert_eq!(items[..2], ["lost MARKET_DATA 99000+0+0 since 0.000s", r#"1x {"topic":"smd+99000","31":"1.00"}"#]);
}

#[test]
fn orders_take_the_room_of_quotes_and_of_droppable_messages() {
    let mut queue = limits(4, ANY);
    queue.push(message(1, "", r#"{"topic":"system","hb":1}"#));
    queue.push(quote(2, 1, r#""31":"1.00""#));
    queue.push(quote(3, 1, r#""31":"1.01""#));
    for n in 4..7 {
        queue.push(orders(n, &format!("{{\"orderId\":{n}}}")));
    }
    assert_eq!(
        all(&mut queue),
        [
            "lost SYSTEM 1+0+0 since 0.001s",
            r#"2x {"topic":"smd+1","31":"1.01"}"#,
            r#"1x {"topic":"sor","args":[{"orderId":4}]}"#,
            r#"1x {"topic":"sor","args":[{"orderId":5}]}"#,
            r#"1x {"topic":"sor","args":[{"orderId":6}]}"#
        ]
    );
}

#[test]
fn queue_without_room_reports_every_event_as_lost() {
    let mut queue = limits(0, 0);
    queue.push(quote(1, 1, r#""31":"1.00""#));
    queue.push(quote(2, 1, r#""31":"1.00""#));
    queue.push(gap(3, "md+1"));
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
    assert_eq!(all(&mut queue), ["lost MARKET_DATA 2+0+1 since 0.001s"]);
}
