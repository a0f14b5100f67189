//! How later notices supersede earlier ones.

use super::*;
use crate::catch_up::CaughtUp;
use crate::message::Row as _;
use crate::rest::RestSnapshot;

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
    // An outage that has not ended is not merged with the one before it.
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
fn latest_state_of_each_subject_is_kept() {
    let state = |ms, state| {
        let change = StateChange { at: at(ms), state, conn: None, cause: None, delay: None, attempt: 1 };
        Event::State(change)
    };
    let mut queue = limits(4, ANY);
    for round in 0..50 {
        queue.push(state(round, ConnectionState::Connecting));
        queue.push(subscription_state(round, "pl", SubscriptionState::Subscribing));
        queue.push(subscription_state(round, "or", SubscriptionState::Quiet));
        queue.push(Event::Competing(true));
        queue.push(state(round, ConnectionState::Ready));
        queue.push(malformed(0));
    }
    let items = all(&mut queue);
    assert_eq!(items[3..], ["pl subscribing", "or quiet", "Competing(true)", "state ready"]);
    assert_eq!(items[..2], ["lost - 50+0+148 since 0.000s", "lost ORDERS 0+0+49 since 0.000s"]);
}

#[test]
fn removal_of_a_subscription_is_kept_beside_later_states_of_its_key() {
    let mut queue = limits(2, ANY);
    queue.push(subscription_state(1, "pl", SubscriptionState::Active));
    queue.push(subscription_state(2, "pl", SubscriptionState::Removed));
    queue.push(subscription_state(3, "pl", SubscriptionState::Subscribing));
    queue.push(subscription_state(4, "pl", SubscriptionState::Active));
    assert_eq!(all(&mut queue), ["lost PNL 0+0+2 since 0.001s", "pl gone", "pl active"]);
}

fn caught_up(since: u64, ms: u64, orders: &str, new: (&[usize], &[usize]), trades: &str) -> Event {
    let orders = format!(r#"{{"orders":[{orders}],"snapshot":true}}"#);
    let replies = RestSnapshot { orders: orders.into(), executions: Some(format!("[{trades}]").into()) };
    let key = SubscriptionKey::parse("or").unwrap();
    let new = (new.0.to_vec(), new.1.to_vec());
    Event::CaughtUp(CaughtUp::new(key, (at(since), at(ms)), 0, replies.read().unwrap(), new))
}

#[test]
fn a_full_queue_merges_what_gaps_lost_and_keeps_each_change_and_execution() {
    let mut queue = limits(2, ANY);
    let order = |id: u32, state: &str| format!(r#"{{"orderId":{id},"status":"{state}"}}"#);
    let rows = |ids: &[u32], state: &str| ids.iter().map(|id| order(*id, state)).collect::<Vec<_>>().join(",");
    let trade = |id: &str| format!(r#"{{"execution_id":"{id}"}}"#);
    queue.push(caught_up(1, 2, &rows(&[1, 2, 3], "Submitted"), (&[0, 1], &[0]), &trade("a")));
    queue.push(caught_up(3, 4, &rows(&[2, 3, 4], "Filled"), (&[2], &[1]), &[trade("a"), trade("b")].join(",")));
    queue.push(caught_up(5, 6, &rows(&[2, 3], "Filled"), (&[1], &[0]), &trade("c")));
    assert!(queue.bytes() > 0 && queue.len() == 2);
    queue.push(caught_up(7, 8, &rows(&[5], "Filled"), (&[0], &[]), ""));
    queue.push(message(9, "-", r#"{"topic":"weather"}"#));
    assert_eq!(line(&queue.pop().unwrap()), "lost ORDERS 0+0+3 since 0.002s");
    let Some(Item::Event(Event::CaughtUp(merged))) = queue.pop() else { panic!() };
    assert_eq!((merged.since, merged.at, merged.merged), (at(1), at(8), 3));
    let orders: Vec<_> = merged.orders().map(|row| row.order_id().unwrap().unwrap()).collect();
    assert_eq!(orders, [5, 2, 3, 4, 1]);
    let of = |id| merged.orders().find(|row| row.order_id() == Ok(Some(id))).unwrap().member("status").unwrap().text();
    assert_eq!(of(2), "\"Filled\"", "by the row of the latest snapshot that lists it");
    let ids: Vec<_> = merged.executions().map(|row| row.execution_id().unwrap().unwrap().into_owned()).collect();
    assert_eq!(ids, ["c", "a", "b"]);
    assert_eq!(all(&mut queue).len(), 1);
}
