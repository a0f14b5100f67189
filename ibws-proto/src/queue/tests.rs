use super::*;
use crate::command::ConnectionLoss;
use crate::connect::ConnId;
use crate::event::{Gap, Resumed, StateChange};
use crate::fold::{LadderBook, OrderBook};
use crate::frame::{Frame, FrameError, FrameErrorKind};
use crate::key::SubscriptionKey;
use crate::lifecycle::ConnectionState;
use crate::message::Body;
use crate::state::{StateCause, SubscriptionEvent, SubscriptionState};
use bytes::Bytes;

const ANY: usize = usize::MAX;

fn limits(events: usize, bytes: usize) -> Queue {
    Queue::new(QueueLimits { events, bytes })
}

fn malformed(n: u8) -> Event {
    Event::Malformed(FrameError { raw: Bytes::copy_from_slice(&[n; 100]), kind: FrameErrorKind::Duplicate("topic") })
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// A message as the machine would tell it; `sub` names its subscription.
fn message(ms: u64, sub: &str, text: &str) -> Event {
    let frame = Frame::decode(Bytes::copy_from_slice(text.as_bytes())).unwrap();
    let subscription = SubscriptionKey::parse(sub).ok();
    let key = frame.topic().and_then(|topic| Key::from_topic(&topic));
    Event::Message(Message { conn: ConnId(1), at: at(ms), merged: 0, since: at(ms), key, subscription, frame })
}

fn quote(ms: u64, conid: u32, fields: &str) -> Event {
    message(ms, &format!("md+{conid}"), &format!("{{\"topic\":\"smd+{conid}\",{fields}}}"))
}

fn orders(ms: u64, rows: &str) -> Event {
    message(ms, "or", &format!("{{\"topic\":\"sor\",\"args\":[{rows}]}}"))
}

fn gap(ms: u64, sub: &str) -> Event {
    Event::Gap(Gap { key: SubscriptionKey::parse(sub).unwrap(), since: at(ms), cause: ConnectionLoss::Cut.into() })
}

fn resumed(since: u64, ms: u64, sub: &str) -> Event {
    let key = SubscriptionKey::parse(sub).unwrap();
    Event::Resumed(Resumed { key, since: at(since), at: at(ms), attempts: 1 })
}

fn status(ms: u64, sub: &str, status: SubscriptionState) -> Event {
    let key = SubscriptionKey::parse(sub).unwrap();
    Event::Subscription(SubscriptionEvent {
        at: at(ms),
        key,
        state: status,
        cause: StateCause::Requested,
        attempt: 1,
        reason: None,
    })
}

/// What is taken out, in a line.
fn shown(item: &Item) -> String {
    match item {
        Item::Lost(lost) => {
            let key = lost.key.map_or("-", Key::name);
            let LossReport { messages, folded, notices, .. } = lost;
            format!("lost {key} {messages}+{folded}+{notices} since {}", lost.since)
        }
        Item::Event(Event::Message(message)) => format!("{}x {}", message.merged + 1, message.frame.text()),
        Item::Event(Event::Malformed(malformed)) => format!("malformed {}", malformed.raw[0]),
        Item::Event(Event::State(change)) => format!("state {}", change.state.name()),
        Item::Event(Event::Subscription(change)) => format!("{} {}", change.key, change.state.name()),
        Item::Event(Event::Gap(gap)) => format!("gap {} {}", gap.key, gap.since),
        Item::Event(Event::Resumed(end)) => format!("resumed {} {} {} {}", end.key, end.since, end.at, end.attempts),
        Item::Event(other) => format!("{other:?}"),
    }
}

fn all(queue: &mut Queue) -> Vec<String> {
    let items = core::iter::from_fn(|| queue.pop()).map(|item| shown(&item)).collect();
    assert_eq!((queue.len(), queue.bytes(), queue.is_empty()), (0, 0, true));
    items
}

#[test]
fn what_is_dropped_is_counted_and_told_where_it_is_missing() {
    let mut queue = limits(3, ANY);
    for n in 0..5 {
        queue.push(malformed(n));
    }
    assert_eq!((queue.len(), queue.is_empty()), (3, false));
    assert_eq!(shown(&queue.pop().unwrap()), "lost - 2+0+0 since 0.000s");
    assert_eq!(shown(&queue.pop().unwrap()), "malformed 2");
    queue.push(malformed(5));
    queue.push(malformed(6));
    assert_eq!(all(&mut queue), ["lost - 1+0+0 since 0.000s", "malformed 4", "malformed 5", "malformed 6"]);
}

#[test]
fn bytes_are_bounded_too() {
    let limit = 6 * Slot::new(malformed(0)).cost + 1;
    let mut queue = limits(ANY, limit);
    for n in 0..100 {
        queue.push(malformed(n));
        assert!(queue.bytes() <= limit);
    }
    assert_eq!(all(&mut queue)[..2], ["lost - 94+0+0 since 0.000s", "malformed 94"]);
}

#[test]
fn one_event_that_is_larger_than_all_room_is_told_as_lost() {
    let mut queue = limits(ANY, 600);
    queue.push(quote(1, 1, &format!("\"31\":\"{}\"", "1".repeat(1_000))));
    queue.push(quote(2, 2, &format!("\"31\":\"{}\"", "1".repeat(1_000))));
    assert_eq!(all(&mut queue), ["lost MARKET_DATA 2+0+0 since 0.001s"]);
}

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
fn a_new_stream_finds_room_by_merging_the_others() {
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
fn more_streams_than_room_lose_the_oldest_and_say_so() {
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
fn orders_are_folded_behind_a_notice_that_counts() {
    let mut queue = limits(2, ANY);
    queue.push(orders(1, r#"{"acct":"DU1234567","orderId":7,"conid":1,"orderDesc":"Buy","status":"Submitted"}"#));
    queue.push(orders(2, r#"{"acct":"DU1234567","orderId":8,"status":"Submitted"}"#));
    queue.push(orders(3, r#"{"acct":"DU1234567","orderId":7,"status":"Filled"}"#));
    queue.push(orders(4, r#"{"acct":"DU1234567","orderId":8,"status":"Filled"}"#));
    assert_eq!(shown(&queue.pop().unwrap()), "lost ORDERS 0+2+0 since 0.001s");
    // Content comes now is not folded into what was told already.
    queue.push(orders(5, r#"{"acct":"DU1234567","orderId":8,"status":"Cancelled"}"#));
    assert_eq!(queue.len(), 2);
    assert_eq!(
        shown(&queue.pop().unwrap()),
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
    assert_eq!(shown(&queue.pop().unwrap()), "lost ORDERS 0+1+0 since 0.001s");
    let Some(Item::Event(folded)) = queue.pop() else { panic!() };
    fold(folded);
    let order = book.get(&7).unwrap();
    assert_eq!(order.ticker().unwrap().as_deref(), Some("AAPL"));
    assert_eq!(order.order_desc().unwrap().as_deref(), Some("Buy 2"));
    assert_eq!(order.status().unwrap().unwrap().as_str(), "Filled");
}

#[test]
fn a_row_that_cannot_be_filed_is_never_folded_away() {
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
fn orders_find_room_at_the_cost_of_quotes_and_of_what_may_be_dropped() {
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
fn many_outages_become_one_that_spans_them() {
    let mut queue = limits(4, ANY);
    queue.push(quote(0, 1, r#""31":"1.00""#));
    for n in 1..100 {
        queue.push(gap(n * 10, "md+1"));
        queue.push(resumed(n * 10, n * 10 + 5, "md+1"));
    }
    assert_eq!(
        all(&mut queue),
        [
            "lost MARKET_DATA 0+0+196 since 0.015s",
            r#"1x {"topic":"smd+1","31":"1.00"}"#,
            "gap md+1 0.010s",
            "resumed md+1 0.010s 0.995s 99"
        ]
    );
    // One that has not ended stays one.
    let mut queue = limits(3, ANY);
    queue.push(gap(1, "md+1"));
    queue.push(resumed(1, 2, "md+1"));
    queue.push(gap(3, "md+1"));
    for _ in 0..3 {
        queue.push(malformed(0));
    }
    let lost = "lost - 3+0+0 since 0.003s";
    assert_eq!(all(&mut queue), [lost, "gap md+1 0.001s", "resumed md+1 0.001s 0.002s 1", "gap md+1 0.003s"]);
}

#[test]
fn the_latest_state_of_each_thing_is_kept() {
    let state = |ms, state| {
        let change = StateChange { at: at(ms), state, conn: None, cause: None, delay: None, attempt: 1 };
        Event::State(change)
    };
    let mut queue = limits(4, ANY);
    for round in 0..50 {
        queue.push(state(round, ConnectionState::Connecting));
        queue.push(status(round, "pl", SubscriptionState::Subscribing));
        queue.push(status(round, "or", SubscriptionState::Quiet));
        queue.push(Event::Competing(true));
        queue.push(state(round, ConnectionState::Ready));
        queue.push(malformed(0));
    }
    let items = all(&mut queue);
    assert_eq!(items[3..], ["pl subscribing", "or quiet", "Competing(true)", "state ready"]);
    assert_eq!(items[..2], ["lost - 50+0+148 since 0.000s", "lost ORDERS 0+0+49 since 0.000s"]);
}

#[test]
fn the_end_of_a_subscription_outlives_later_states_of_its_key() {
    let mut queue = limits(2, ANY);
    queue.push(status(1, "pl", SubscriptionState::Active));
    queue.push(status(2, "pl", SubscriptionState::Removed));
    queue.push(status(3, "pl", SubscriptionState::Subscribing));
    queue.push(status(4, "pl", SubscriptionState::Active));
    assert_eq!(all(&mut queue), ["lost PNL 0+0+2 since 0.001s", "pl gone", "pl active"]);
}

#[test]
fn a_queue_without_room_tells_all_as_lost() {
    let mut queue = limits(0, 0);
    queue.push(quote(1, 1, r#""31":"1.00""#));
    queue.push(quote(2, 1, r#""31":"1.00""#));
    queue.push(gap(3, "md+1"));
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
    assert_eq!(all(&mut queue), ["lost MARKET_DATA 2+0+1 since 0.001s"]);
}

#[test]
fn a_set_of_queues_hands_each_event_to_those_it_is_for() {
    let mut queues = Queues::default();
    let wanted = [
        EventFilter::Subscription(SubscriptionKey::parse("md+1").unwrap()),
        EventFilter::Key(Key::MarketData),
        EventFilter::All,
        EventFilter::Key(Key::System),
    ];
    let ids = wanted.map(|wanted| queues.open(wanted, QueueLimits::default()));
    let mut told = Vec::new();
    for event in [
        quote(1, 1, r#""31":"1.00""#),
        quote(2, 2, r#""31":"1.00""#),
        gap(3, "md+1"),
        status(4, "md+1", SubscriptionState::Active),
        message(5, "", r#"{"topic":"system","hb":1}"#),
        message(6, "", r#"{"topic":"news"}"#),
    ] {
        queues.deliver(event, |id| told.push(id));
    }
    assert_eq!(ids.map(|id| queues.get(id).unwrap().len()), [3, 3, 6, 1]);
    assert_eq!(told.len(), 13);
    assert_eq!(queues.of_key(Key::System), Some(ids[3]));
    assert_eq!(queues.close(ids[3]).unwrap().len(), 1);
    assert!(queues.of_key(Key::System).is_none() && queues.get(ids[3]).is_none());
}

#[test]
fn what_is_too_large_to_be_folded_is_told_as_lost_instead() {
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
fn rows_that_do_not_fit_into_one_are_told_one_after_the_other() {
    let mut queue = limits(1, ANY);
    let long = "x".repeat(7_000);
    for n in 0..4 {
        queue.push(orders(n, &format!(r#"{{"orderId":7,"note{n}":"{long}"}}"#)));
    }
    assert_eq!(shown(&queue.pop().unwrap()), "lost ORDERS 0+3+0 since 0.000s");
    let Some(Item::Event(Event::Message(message))) = queue.pop() else { panic!() };
    let Body::Orders(orders) = message.frame.body() else { panic!() };
    assert_eq!((message.merged, orders.rows().count()), (3, 2));
    let mut book = OrderBook::new();
    book.apply(&orders);
    assert_eq!(book.rows().next().unwrap().1.json().members().count(), 5);
}
