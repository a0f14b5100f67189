//! Sinks: callbacks and channels, none of which affects another.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};

use ibws_proto::client::EventSink;
use ibws_proto::{Item, SubscriptionState, queue::QueueLimits};

use super::*;

#[test]
fn channel_and_callback_receive_all_events_from_the_first_dial_on() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let (sender, receiver) = mpsc::channel();
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let callback = move |_: Item| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let client = runtime.builder().sink(sender).sink(callback).build().unwrap();
    let mut events = client.events();
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(500));
    runtime.block_on(client.drain()).unwrap();
    drop(client);
    let from_stream: Vec<_> = std::iter::from_fn(|| runtime.block_on(events.next_within(ms(0)))).collect();
    drop(events);
    runtime.run(ms(10_000));
    let from_channel: Vec<_> = receiver.iter().collect();
    let shown = |items: &[Item]| items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>();
    assert!(from_channel.len() > 5);
    assert_eq!(shown(&from_channel), shown(&from_stream));
    assert_eq!(count.load(Ordering::Relaxed), from_channel.len() as u64);
    assert_eq!(runtime.tasks(), 0, "no sink keeps the client alive");
}

/// A sink whose readiness the test sets.
struct Gated {
    open: Arc<AtomicBool>,
    received: Arc<Mutex<Vec<Item>>>,
}

impl EventSink for Gated {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.open.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        self.received.lock().unwrap().push(item);
        ControlFlow::Continue(())
    }
}

#[test]
fn slow_sink_delays_no_other_sink_and_receives_a_count_of_what_it_missed() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.builder().queue_limits(QueueLimits { events: 10, bytes: 1 << 20 }).build().unwrap();
    runtime.block_on(client.start()).unwrap();
    let (open, received) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    client.attach(Gated { open: open.clone(), received: received.clone() });
    let seen = Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    client.attach(move |item: Item| {
        if let Item::Event(Event::Message(_)) = item {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    for n in 0..100 {
        gateway_sends(&runtime, &format!(r#"{{"topic":"blt","args":[{{"id":{n},"message":"x"}}]}}"#));
        // The gated sink wakes itself all the time, so the runtime never becomes idle: its steps
        // are counted.
        for _ in 0..20 {
            runtime.step(ibws_proto::transport::Runtime::now(&runtime));
        }
    }
    assert!(seen.load(Ordering::Relaxed) >= 100 && received.lock().unwrap().is_empty());
    open.store(true, Ordering::Relaxed);
    runtime.run(ms(1));
    let received = received.lock().unwrap();
    let messages = received.iter().filter(|item| matches!(item, Item::Event(Event::Message(_)))).count() as u64;
    let lost: u64 = received.iter().map(|item| if let Item::Lost(lost) = item { lost.messages } else { 0 }).sum();
    assert_eq!(messages + lost, seen.load(Ordering::Relaxed));
    assert!(lost >= 90 && messages <= 10, "{lost} {messages}");
}

#[test]
fn sink_that_panics_or_breaks_is_detached_and_affects_no_other_consumer() {
    let (runtime, client) = ready();
    let tasks = runtime.tasks();
    let (sender, receiver) = mpsc::channel();
    client.attach(|item: Item| panic!("a sink of the test panics at {}", text(Some(item)).unwrap_or_default()));
    client.attach(sender);
    let mut events = client.events();
    assert_eq!(runtime.tasks(), tasks + 2);
    for round in 0..3 {
        if round == 2 {
            assert_eq!(receiver.try_iter().count(), 0);
        }
        gateway_sends(&runtime, r#"{"topic":"blt","args":[]}"#);
        runtime.run(ms(1));
        assert!(events.try_next().is_some() && receiver.try_recv().is_ok(), "round {round}");
    }
    assert_eq!(runtime.tasks(), tasks + 1, "the sink that panicked is detached");
    drop(receiver);
    gateway_sends(&runtime, r#"{"topic":"blt","args":[]}"#);
    runtime.run(ms(1));
    assert_eq!(runtime.tasks(), tasks, "so is the sink whose channel has no receiver");
    assert!(events.try_next().is_some() && client.status().state == ConnectionState::Ready);
}

#[test]
fn reset_and_shutdown_inside_a_callback_never_deadlock() {
    let (runtime, client) = ready();
    let quotes = client.subscribe_nowait(shares()).unwrap();
    let actives = Arc::new(AtomicU64::new(0));
    let (inside, counted) = (client.clone(), actives.clone());
    client.attach(move |item: Item| {
        // A callback may read the state, make requests, and open and drop streams.
        let _ = (inside.status(), inside.health(), inside.events().len());
        if subscription_state(&item) == Some(SubscriptionState::Active) {
            match counted.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => drop(inside.hard_reset(true)),
                _ => drop(inside.shutdown()),
            }
        }
    });
    runtime.run(ms(60_000));
    assert_eq!(actives.load(Ordering::Relaxed), 3);
    assert_eq!(client.status().state, ConnectionState::Stopped);
    drop(quotes);
}
