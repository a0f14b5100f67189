//! What newer versions of the reference have: events by kind, and sinks.

use std::sync::mpsc;

use ibws_proto::queue::EventFilter;
use ibws_proto::{Gap, Key, Message, Resumed, StateChange, SubscriptionEvent};
use ibws_testkit::world::Fault;

use super::*;

#[test]
fn on_event_by_kind() {
    let (runtime, client) = ready();
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |kind: &'static str| {
        let log = log.clone();
        move |text: String| log.lock().unwrap().push(format!("{kind} {text}"))
    };
    let (state, subscription, gap, resumed) = (note("state"), note("subscription"), note("gap"), note("resumed"));
    client.on(move |change: StateChange| state(change.state.name().into()));
    client.on(move |change: SubscriptionEvent| subscription(change.state.name().into()));
    client.on(move |event: Gap| gap(event.key.to_string()));
    client.on(move |event: Resumed| resumed(event.key.to_string()));
    let messages = Arc::new(Mutex::new(0));
    let count = messages.clone();
    client.on(move |message: Message| *count.lock().unwrap() += usize::from(message.subscription.is_some()));
    let _quotes = runtime.block_on(client.subscribe(QUOTES)).unwrap();
    runtime.inject(&Fault::Cut);
    runtime.run(secs(20));
    let log = log.lock().unwrap();
    for expected in ["subscription active", "state backoff", "gap md+265598", "state ready", "resumed md+265598"] {
        assert!(log.iter().any(|line| line == expected), "{expected}: {log:?}");
    }
    assert!(*messages.lock().unwrap() > 1);
}

#[test]
fn sinks_several_at_once() {
    let runtime = simulated();
    let (all, orders) = (mpsc::channel(), mpsc::channel());
    let count = Arc::new(Mutex::new(0));
    let counted = count.clone();
    let callback = move |_: Item| *counted.lock().unwrap() += 1;
    let client = started(&runtime, runtime.builder().sink(all.0).sink(callback));
    client.attach_filtered(EventFilter::Key(Key::Pnl), orders.0);
    let _held = ["pl", "md+265598"].map(|text| runtime.block_on(client.subscribe(text)).unwrap());
    runtime.run(secs(5));
    let (all, of_key): (Vec<_>, Vec<_>) = (all.1.try_iter().collect(), orders.1.try_iter().collect());
    assert_eq!(all.len(), *count.lock().unwrap());
    assert!(!of_key.is_empty() && of_key.len() < all.len());
}
