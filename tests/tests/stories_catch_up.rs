//! Stories of what a gap of orders loses: the machine compares the snapshot of the REST handler
//! with what the streams have delivered, and reports what came in the gap, each change and each
//! execution once. All times are virtual and exact.

use ibws_proto::fold::{Executions, OrderBook};
use ibws_proto::message::{OrderStatus, Row as _};
use ibws_proto::queue::{EventFilter, QueueLimits, Queues};
use ibws_proto::{
    CatchUpReason, CaughtUp, Command, Config, Event, Item, Key,
    rest::{RestError, RestReply, RestResult, RestSnapshot},
};
use ibws_testkit::scripted::{HEARTBEAT, ScriptedMachine, authenticated};
use ibws_testkit::world::{at, secs, sub};

const DONE: RestResult = Ok(RestReply::Complete);

fn config() -> Config {
    Config { ping_interval: None, ..Config::default() }
}

/// A snapshot with these rows of orders, and of executions.
fn snapshot(orders: &str, executions: Option<&str>) -> RestResult {
    Ok(RestReply::Snapshot(RestSnapshot {
        orders: format!(r#"{{"orders":[{orders}],"snapshot":true}}"#).into(),
        executions: executions.map(|rows| format!("[{rows}]").into()),
    }))
}

fn orders(rows: &str) -> String {
    format!(r#"{{"topic":"sor","args":[{rows}]}}"#)
}

fn row(order: i64, status: &str) -> String {
    format!(r#"{{"orderId":{order},"status":"{status}"}}"#)
}

/// A machine whose orders are subscribed to at time zero, and whose first snapshot, at 5 s, has
/// these rows.
fn seeded(keys: &[&str], rows: &str, executions: Option<&str>) -> ScriptedMachine {
    let mut machine = ScriptedMachine::ready(config(), keys);
    machine.reply_to_last(DONE);
    machine.run_until(at(5_000));
    machine.reply_to_last(snapshot(rows, executions));
    machine
}

/// Loses the connection at 8 s, and returns once the stream has resumed and the snapshot is
/// requested.
fn outage(machine: &mut ScriptedMachine) {
    machine.run_until(at(8_000));
    machine.frame(HEARTBEAT);
    machine.reconnect();
    machine.greet();
    // Priming waits for its turn.
    machine.run(secs(4));
    machine.reply_to_last(DONE);
    machine.run(secs(6));
    machine.frame(HEARTBEAT);
}

fn caught_up(machine: &ScriptedMachine) -> Vec<&CaughtUp> {
    let events = machine.events().map(|(_, event)| event);
    events.filter_map(|event| if let Event::CaughtUp(caught_up) = event { Some(caught_up) } else { None }).collect()
}

/// The numbers of the orders, and the ids of the executions.
fn listed(caught_up: &CaughtUp) -> (Vec<i64>, Vec<String>) {
    let orders = caught_up.orders().map(|row| row.order_id().unwrap().unwrap()).collect();
    (orders, caught_up.executions().map(|row| row.execution_id().unwrap().unwrap().into_owned()).collect())
}

/// What the stream of orders reports about its gaps, with the times in milliseconds.
fn story(machine: &ScriptedMachine) -> Vec<String> {
    let of = |event: &Event| match event {
        Event::Gap(gap) if gap.key == sub("or") => Some(format!("gap since {}", gap.since)),
        Event::Resumed(end) if end.key == sub("or") => Some(format!("resumed at {}", end.at)),
        Event::CaughtUp(caught_up) => Some(format!("caught up since {} at {}", caught_up.since, caught_up.at)),
        Event::CatchUpPending(pending) => Some(format!("pending since {} at {}", pending.since, pending.at)),
        _ => None,
    };
    machine.events().filter_map(|(_, event)| of(event)).collect()
}

fn reasons(machine: &ScriptedMachine) -> Vec<CatchUpReason> {
    let events = machine.events().map(|(_, event)| event);
    let of = |event: &Event| if let Event::CatchUpPending(pending) = event { Some(pending.why.clone()) } else { None };
    events.filter_map(of).collect()
}

#[test]
fn the_first_subscribe_is_followed_by_what_existed_before() {
    let rows = [row(1, "Submitted"), row(2, "Filled")].join(",");
    let machine = seeded(&["or"], &rows, Some(r#"{"execution_id":"a"},{"execution_id":"b"}"#));
    assert_eq!(story(&machine), ["caught up since 0.000s at 5.000s"]);
    assert_eq!(listed(caught_up(&machine)[0]), (vec![1, 2], vec!["a".into(), "b".into()]));
    assert!(caught_up(&machine)[0].snapshot().is_snapshot());
}

#[test]
fn a_gap_is_followed_by_what_changed_in_it_and_the_end_of_the_gap_waits_for_no_call() {
    let rows = [row(1, "Submitted"), row(2, "Submitted"), row(3, "Submitted")].join(",");
    let mut machine = seeded(&["or", "tr"], &rows, Some(r#"{"execution_id":"a"}"#));
    machine.frame(orders(&row(4, "Submitted")));
    machine.frame(r#"{"topic":"str","args":[{"execution_id":"b"}]}"#);
    outage(&mut machine);
    let resumed = machine.now();
    machine.run(secs(20));
    machine.frame(HEARTBEAT);
    machine.frame(orders(&row(3, "Filled")));
    // The reply is older than that row.
    let rows = [row(1, "Submitted"), row(2, "Filled"), row(3, "Submitted"), row(4, "Submitted"), row(5, "Filled")];
    let executions = r#"{"execution_id":"a"},{"execution_id":"b"},{"execution_id":"c"},{"execution_id":"c"}"#;
    machine.reply_to_last(snapshot(&rows.join(","), Some(executions)));
    let expected = [
        "caught up since 0.000s at 5.000s".into(),
        "gap since 8.000s".into(),
        format!("resumed at {resumed}"),
        format!("caught up since 8.000s at {}", machine.now()),
    ];
    assert_eq!(story(&machine), expected);
    let caught_up = caught_up(&machine);
    assert_eq!(listed(caught_up[1]), (vec![2, 5], vec!["c".into()]), "{}", machine.timeline());
    assert_eq!((caught_up[1].merged, caught_up[1].forgotten), (0, 0));
}

#[test]
fn each_attempt_that_fails_is_reported_with_the_next_one() {
    let mut machine = ScriptedMachine::ready(config(), &["or"]);
    machine.reply_to_last(DONE);
    machine.run_until(at(5_000));
    let incomplete = RestSnapshot { orders: r#"{"orders":[],"snapshot":false}"#.into(), executions: None };
    let unreadable = RestSnapshot { orders: r#"{"error":"no bridge"}"#.into(), executions: None };
    let replies = [
        Err(RestError::new("HTTP 503")),
        Ok(RestReply::Incomplete),
        Ok(RestReply::Snapshot(incomplete)),
        Ok(RestReply::Snapshot(unreadable)),
    ];
    for reply in replies {
        let requested = machine.rest_requests().len();
        machine.reply_to_last(reply);
        while machine.rest_requests().len() == requested {
            machine.run(secs(1));
            machine.frame(HEARTBEAT);
        }
        let began = machine.rest_requests()[requested].0;
        let last = machine.events().filter_map(|(_, event)| match event {
            Event::CatchUpPending(pending) => pending.next_try,
            _ => None,
        });
        assert_eq!(last.last(), Some(began));
    }
    machine.run_with_heartbeats(secs(31));
    let expected = [
        CatchUpReason::Failed("HTTP 503".into()),
        CatchUpReason::Incomplete,
        CatchUpReason::Incomplete,
        CatchUpReason::Failed(
            "the snapshot of orders: the body has no array of rows, but an error: \"no bridge\"".into(),
        ),
        CatchUpReason::TimedOut,
    ];
    assert_eq!(reasons(&machine), expected);
    machine.run_with_heartbeats(secs(25));
    machine.reply_to_last(snapshot(&row(1, "Filled"), None));
    assert_eq!(listed(caught_up(&machine)[0]), (vec![1], Vec::new()));
    assert!(caught_up(&machine)[0].trades().is_none());
}

#[test]
fn without_a_rest_handler_it_is_reported_once_that_nothing_is_known() {
    let mut machine = ScriptedMachine::ready(Config { rest_handler: false, ..config() }, &["or"]);
    machine.run_with_heartbeats(secs(300));
    assert_eq!(reasons(&machine), [CatchUpReason::NoHandler]);
}

#[test]
fn a_handler_that_compares_the_orders_itself_causes_no_report() {
    let mut machine = ScriptedMachine::ready(config(), &["or"]);
    machine.reply_to_last(DONE);
    machine.run_until(at(5_000));
    machine.reply_to_last(DONE);
    machine.run_with_heartbeats(secs(300));
    assert_eq!(story(&machine), [""; 0]);
}

#[test]
fn a_snapshot_that_was_requested_before_a_gap_does_not_count_for_it() {
    let mut machine = seeded(&["or"], &row(1, "Submitted"), None);
    outage(&mut machine);
    let (_, first, _) = *machine.rest_requests().last().unwrap();
    // Before it arrives, the authentication is lost and comes back on the same connection.
    machine.frame(authenticated(false));
    assert!(!machine.machine().is_rest_pending(first));
    machine.frame(authenticated(true));
    machine.reply(first, snapshot(&row(1, "Submitted"), None));
    machine.run(secs(6));
    machine.reply_to_last(DONE);
    machine.run(secs(6));
    machine.frame(HEARTBEAT);
    machine.run(secs(6));
    let (_, second, _) = *machine.rest_requests().last().unwrap();
    assert!(second > first);
    machine.reply(second, snapshot(&row(1, "Filled"), None));
    let caught_up = caught_up(&machine);
    assert_eq!(caught_up.len(), 2, "{}", machine.timeline());
    assert_eq!((listed(caught_up[1]), caught_up[1].since), ((vec![1], Vec::new()), at(8_000)));
}

#[test]
fn what_was_delivered_is_forgotten_with_the_subscription() {
    let mut machine = seeded(&["or"], &row(1, "Submitted"), Some(r#"{"execution_id":"a"}"#));
    machine.submit(Command::Unsubscribe(sub("or").into()));
    machine.subscribe("or");
    machine.run(secs(6));
    machine.reply_to_last(DONE);
    machine.run(secs(6));
    machine.reply_to_last(snapshot(&row(1, "Submitted"), Some(r#"{"execution_id":"a"}"#)));
    let caught_up = caught_up(&machine);
    assert_eq!(listed(caught_up.last().unwrap()), (vec![1], vec!["a".into()]), "{}", machine.timeline());
}

#[test]
fn queues_of_orders_and_of_the_subscription_receive_it_in_its_place() {
    let mut machine = seeded(&["or", "tr"], &row(1, "Submitted"), None);
    outage(&mut machine);
    machine.reply_to_last(Ok(RestReply::Incomplete));
    machine.run(secs(5));
    machine.reply_to_last(snapshot(&row(1, "Filled"), None));
    for filter in [EventFilter::Key(Key::Orders), EventFilter::Subscription(sub("or")), EventFilter::All] {
        let mut queues = Queues::default();
        let id = queues.open(filter, QueueLimits::default());
        let trades = queues.open(EventFilter::Key(Key::Trades), QueueLimits::default());
        machine.events().for_each(|(_, event)| queues.deliver(event.clone(), |_, _| {}));
        let mut take = |id| {
            let items = std::iter::from_fn(|| queues.get_mut(id).unwrap().pop());
            let name = |item| match item {
                Item::Event(Event::Gap(gap)) if gap.key == sub("or") => Some("gap"),
                Item::Event(Event::Resumed(end)) if end.key == sub("or") => Some("resumed"),
                Item::Event(Event::CatchUpPending(_)) => Some("pending"),
                Item::Event(Event::CaughtUp(_)) => Some("caught up"),
                _ => None,
            };
            items.filter_map(name).collect::<Vec<_>>()
        };
        assert_eq!(take(id), ["caught up", "gap", "resumed", "pending", "caught up"]);
        assert_eq!(take(trades), [""; 0]);
    }
}

#[test]
fn folds_take_events_and_a_late_snapshot_undoes_nothing() {
    let mut machine = seeded(&["or", "tr"], &row(1, "Submitted"), Some(r#"{"execution_id":"a","size":1}"#));
    outage(&mut machine);
    machine.frame(orders(r#"{"orderId":1,"status":"Filled"},{"orderId":2,"status":"Submitted"}"#));
    machine.frame(r#"{"topic":"str","args":[{"execution_id":"b","commission":"2"}]}"#);
    machine.reply_to_last(snapshot(
        r#"{"orderId":1,"status":"Submitted","side":"BUY"},{"orderId":3,"status":"Submitted"}"#,
        Some(r#"{"execution_id":"b","commission":"1","size":2}"#),
    ));
    let (mut book, mut executions) = (OrderBook::new(), Executions::new());
    let applied = |(_, event): (_, &Event)| (book.apply_event(event), executions.apply_event(event));
    let counts: Vec<_> = machine.events().map(applied).collect();
    // Two snapshots, a resumption and a message; two snapshots and a message.
    assert_eq!(counts.iter().filter(|(orders, _)| *orders).count(), 4);
    assert_eq!(counts.iter().filter(|(_, trades)| *trades).count(), 3);
    assert_eq!(book.get(&1).unwrap().status(), Ok(Some(OrderStatus::Filled)), "the stream is newer");
    assert!(book.get(&1).unwrap().side().unwrap().is_some());
    assert!(!book.is_unlisted(&2), "the stream had it after the snapshot was requested");
    assert_eq!(book.len(), 3);
    let text = |id: &str, key: &str| executions.get(id).unwrap().member(key).unwrap().text();
    assert_eq!((text("b", "commission"), text("b", "size"), text("a", "size")), ("\"2\"", "2", "1"));
    // A snapshot after an outage that lasted from before the machine was read makes no difference.
    book.clear();
    machine.events().for_each(|(_, event)| assert!(book.apply_event(event) || !matches!(event, Event::CaughtUp(_))));
    assert_eq!((book.len(), book.is_unlisted(&2)), (3, false));
}
