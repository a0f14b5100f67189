//! Bad messages by name: the cost of each, and that the next good message is read.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod cases;

use bytes::Bytes;
use ibws_proto::message::Row;
use ibws_proto::{
    Body, Field, Frame, Json,
    frame::{FrameErrorKind, RowReason},
};

use cases::{CASES, Cost, Less, Message, bad_rows, data, order};

/// Asserts that a good message is read to its last field.
fn assert_the_next_is_read() {
    let frame = Frame::decode(Bytes::from_static(br#"{"topic":"smd+7","conid":7,"31":"1.50"}"#)).unwrap();
    let data = data!(frame);
    assert_eq!(data.get(Field::LAST).unwrap().price().unwrap().unwrap().value.to_f64(), Some(1.5));
}

fn check(name: &str, bytes: Vec<u8>, cost: &Cost) {
    let raw = Bytes::from(bytes);
    match (Frame::decode(raw.clone()), cost) {
        (Err(error), Message) => assert_eq!(error.raw, raw, "{name}: the bytes are reachable"),
        (Ok(frame), Less(holds)) => {
            assert!(holds(&frame), "{name}: {frame:?}");
            assert_eq!(frame.raw(), &raw, "{name}: the bytes are reachable");
        }
        (Ok(frame), Message) => panic!("{name}: was read, {frame:?}"),
        (Err(error), Less(_)) => panic!("{name}: {error}"),
    }
    assert_the_next_is_read();
}

#[test]
fn a_bad_message_has_its_cost_and_the_next_one_is_read() {
    assert!(CASES.len() >= 80, "{}", CASES.len());
    for (name, bytes, cost) in CASES {
        check(name, bytes.to_vec(), cost);
    }
}

/// Messages that are too large for the table.
#[test]
fn a_huge_message_has_its_cost_and_the_next_one_is_read() {
    check("a million brackets", vec![b'['; 1_000_000], &Message);
    check("a million objects", b"{\"a\":".repeat(1_000_000), &Message);
    check("128 levels", [b"[".repeat(128), b"]".repeat(128)].concat(), &Message);
    check("127 levels", [b"[".repeat(127), b"]".repeat(127)].concat(), &Less(|f| matches!(f.body(), Body::Unknown(_))));
    let depth = [br#"{"topic":"sor","args":"#.to_vec(), b"[".repeat(126), b"]".repeat(126), b"}".to_vec()].concat();
    check("a row of 125 levels", depth, &Less(|f| bad_rows(f) == (1, 1)));
    let string = format!("{{\"topic\":\"smd+7\",\"55\":\"{}\"}}", "x".repeat(1 << 20));
    check("a string of 1 MiB", string.into(), &Less(|f| data!(f).get(Field::SYMBOL).unwrap().text().len() == 1 << 20));
    let keys: Vec<String> = (0..100_000).map(|at| format!("\"k{at}\":1")).collect();
    let wide = format!("{{\"topic\":\"smd+7\",\"31\":\"1\",{}}}", keys.join(","));
    check(
        "100,000 keys",
        wide.into(),
        &Less(|f| data!(f).fields().count() == 1 && data!(f).others().count() == 100_000),
    );
    let row = format!("{{\"topic\":\"sor\",\"args\":[{{\"orderId\":1,{}}}]}}", keys.join(","));
    check(
        "a row of 100,000 keys",
        row.into(),
        &Less(|f| order(f).order_id() == Ok(Some(1)) && order(f).unknown().count() == 100_000),
    );
    let digits = format!("{{\"topic\":\"smd+7\",\"31\":{}}}", "9".repeat(100_000));
    check(
        "100,000 digits",
        digits.into(),
        &Less(|f| data!(f).get(Field::LAST).unwrap().number().unwrap().unwrap().to_f64().is_none()),
    );
}

#[test]
fn an_error_names_the_key_the_text_and_the_reason() {
    let frame = Frame::decode(Bytes::from_static(br#"{"topic":"sor","args":[{"orderId":[1]},{"conid":1,"conid":2}]}"#))
        .unwrap();
    let Body::Orders(orders) = frame.body() else { panic!() };
    let rows: Vec<_> = orders.rows().collect();
    let error = rows[0].as_ref().unwrap().order_id().unwrap_err();
    assert_eq!(error.to_string(), r#""orderId" is [1], expected a whole number"#);
    let error = rows[1].as_ref().unwrap_err();
    assert_eq!(error.reason, RowReason::Duplicate("conid"));
    assert_eq!(&*error.text, r#"{"conid":1,"conid":2}"#);
    let error = Frame::decode(Bytes::from_static(br#"{"topic":"a","topic":"b"}"#)).unwrap_err();
    assert_eq!(error.kind, FrameErrorKind::Duplicate("topic"));
    let _: Option<Json<'_>> = frame.get("args");
}
