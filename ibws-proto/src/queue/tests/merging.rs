//! How market data and ladders are merged.

use super::*;

#[test]
fn quotes_are_merged_field_by_field_in_their_place() {
    let mut queue = limits(3, ANY);
    queue.push(quote(1, 1, r#""31":"1.00","84":"0.99""#));
    queue.push(quote(2, 2, r#""31":"2.00""#));
    queue.push(quote(3, 3, r#""31":"3.00""#));
    queue.push(quote(4, 1, r#""31":"1.01""#));
    queue.push(quote(5, 1, r#""86":"1.02""#));
    assert_eq!(
        all(&mut queue),
        [
            r#"3x {"topic":"smd+1","31":"1.01","84":"0.99","86":"1.02"}"#,
            r#"1x {"topic":"smd+2","31":"2.00"}"#,
            r#"1x {"topic":"smd+3","31":"3.00"}"#
        ]
    );
}

#[test]
fn new_stream_gets_room_by_merging_the_others() {
    let mut queue = limits(3, ANY);
    queue.push(quote(1, 1, r#""31":"1.00""#));
    queue.push(quote(2, 1, r#""31":"1.01""#));
    queue.push(quote(3, 1, r#""84":"1.02""#));
    queue.push(quote(4, 2, r#""31":"2.00""#));
    queue.push(quote(5, 3, r#""31":"3.00""#));
    assert_eq!(
        all(&mut queue),
        [
            r#"3x {"topic":"smd+1","31":"1.01","84":"1.02"}"#,
            r#"1x {"topic":"smd+2","31":"2.00"}"#,
            r#"1x {"topic":"smd+3","31":"3.00"}"#
        ]
    );
}

#[test]
fn nothing_is_merged_across_a_gap() {
    let mut queue = limits(4, ANY);
    queue.push(quote(1, 1, r#""31":"1.00""#));
    queue.push(gap(2, "md+1"));
    queue.push(resumed(2, 3, "md+1"));
    queue.push(quote(4, 1, r#""31":"1.01""#));
    queue.push(quote(5, 1, r#""84":"1.02""#));
    assert_eq!(
        all(&mut queue),
        [
            r#"1x {"topic":"smd+1","31":"1.00"}"#,
            "gap md+1 0.002s",
            "resumed md+1 0.002s 0.003s 1",
            r#"2x {"topic":"smd+1","31":"1.01","84":"1.02"}"#
        ]
    );
}

#[test]
fn ladders_are_merged_row_by_row() {
    let mut queue = limits(1, ANY);
    let ladder = |ms, rows: &str| message(ms, "bd+DU1234567+1", &format!("{{\"topic\":\"sbd\",\"data\":[{rows}]}}"));
    queue.push(ladder(1, r#"{"row":0,"price":1.1,"bid":5},{"row":1,"price":1.2}"#));
    queue.push(ladder(2, r#"{"row":0,"price":1.1,"ask":7}"#));
    queue.push(ladder(3, r#"{"row":2,"price":1.3}"#));
    let Some(Item::Event(Event::Message(message))) = queue.pop() else { panic!() };
    assert_eq!(message.merged, 2);
    assert_eq!(
        message.frame.text(),
        r#"{"topic":"sbd","data":[{"row":0,"price":1.1,"ask":7},{"row":1,"price":1.2},{"row":2,"price":1.3}]}"#
    );
    let Body::Ladder(ladder) = message.frame.body() else { panic!() };
    assert_eq!(LadderBook::new().apply(&ladder), 3);
}

#[test]
fn merge_keeps_the_predecessor_of_the_older_slot_and_measures_the_result() {
    let mut merged = Slot { previous: Some(3), ..slot(quote(1, 1, r#""31":"1.00","84":"0.99""#)) };
    let newer = Slot { previous: Some(7), ..slot(quote(2, 1, r#""31":"1.01""#)) };
    let expected = slot(quote(1, 1, r#""31":"1.01","84":"0.99""#)).cost;
    merged.merge(newer, &mut Spare::default()).expect("two quotes of one contract");
    assert_eq!((merged.previous, merged.cost), (Some(3), expected));
    let message = merged.message().unwrap();
    assert_eq!(message.frame.text(), r#"{"topic":"smd+1","31":"1.01","84":"0.99"}"#);
    assert_eq!((message.merged, message.since, message.at), (1, at(1), at(2)));
}

#[test]
fn merge_that_fails_returns_both_slots_as_they_were() {
    let wide = |ms, from: usize| {
        let fields: Vec<_> = (from..from + 200).map(|n| format!("\"{n}\":1")).collect();
        quote(ms, 1, &fields.join(","))
    };
    let order = || orders(1, r#"{"orderId":7,"status":"Submitted"}"#);
    for (older, newer) in [
        (wide(1, 1_000), wide(2, 2_000)),
        (order(), gap(2, "or")),
        (gap(1, "or"), order()),
        (gap(1, "or"), gap(2, "or")),
    ] {
        let slots = [older, newer].map(slot);
        let described = |slots: &[Slot; 2]| format!("{slots:?}");
        let before = described(&slots);
        let [mut older, newer] = slots;
        let newer = older.merge(newer, &mut Spare::default()).expect_err("they do not merge");
        assert_eq!(described(&[older, newer]), before);
    }
}

#[test]
fn messages_stay_apart_once_the_gap_between_them_is_superseded() {
    let mut queue = limits(6, ANY);
    queue.push(gap(1, "md+1"));
    queue.push(quote(2, 1, r#""31":"1.00""#));
    queue.push(resumed(1, 2, "md+1"));
    queue.push(gap(3, "md+1"));
    queue.push(quote(4, 1, r#""31":"2.00""#));
    queue.push(resumed(3, 4, "md+1"));
    // The full queue supersedes each state by the next one, until the index is built again.
    for round in 0..200 {
        queue.push(subscription_state(round, "pl", SubscriptionState::Active));
    }
    let items = all(&mut queue);
    let quotes: Vec<_> = items.iter().filter(|item| item.contains("smd+1")).collect();
    assert_eq!(quotes, [r#"1x {"topic":"smd+1","31":"1.00"}"#, r#"1x {"topic":"smd+1","31":"2.00"}"#], "{items:#?}");
    assert!(items.contains(&"resumed md+1 0.001s 0.004s 2".into()), "{items:#?}");
}
