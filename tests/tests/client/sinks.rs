//! Sinks: callbacks and channels, and that none harms another.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};

use ibws_proto::client::EventSink;
use ibws_proto::{Item, QueueLimits, SubscriptionState};

use super::*;

#[test]
fn a_channel_and_a_callback_get_everything_from_the_first_dial_on() {
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
    assert_eq!(runtime.tasks(), 0, "no sink keeps anything alive");
}

/// Whether it has room is up to the test.
struct Gated {
    open: Arc<AtomicBool>,
    got: Arc<Mutex<Vec<Item>>>,
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
        self.got.lock().unwrap().push(item);
        ControlFlow::Continue(())
    }
}

#[test]
fn a_slow_sink_delays_nobody_and_is_told_what_it_missed() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.builder().queue_limits(QueueLimits { events: 10, bytes: 1 << 20 }).build().unwrap();
    runtime.block_on(client.start()).unwrap();
    let (open, got) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    client.attach(Gated { open: open.clone(), got: got.clone() });
    let seen = Arc::new(AtomicU64::new(0));
    let fast = seen.clone();
    client.attach(move |item: Item| {
        if let Item::Event(Event::Message(_)) = item {
            fast.fetch_add(1, Ordering::Relaxed);
        }
    });
    for n in 0..100 {
        gateway_sends(&runtime, &format!(r#"{{"topic":"blt","args":[{{"id":{n},"message":"x"}}]}}"#));
        // The gated sink is always awake: steps are counted, not awaited.
        for _ in 0..20 {
            runtime.step(ibws_proto::transport::Runtime::now(&runtime));
        }
    }
    assert!(seen.load(Ordering::Relaxed) >= 100 && got.lock().unwrap().is_empty());
    open.store(true, Ordering::Relaxed);
    runtime.run(ms(1));
    let got = got.lock().unwrap();
    let messages = got.iter().filter(|item| matches!(item, Item::Event(Event::Message(_)))).count() as u64;
    let lost: u64 = got.iter().map(|item| if let Item::Lost(lost) = item { lost.messages } else { 0 }).sum();
    assert_eq!(messages + lost, seen.load(Ordering::Relaxed));
    assert!(lost >= 90 && messages <= 10, "{lost} {messages}");
}

#[test]
fn a_sink_that_panics_or_has_enough_harms_nobody() {
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
    assert_eq!(runtime.tasks(), tasks + 1, "the one that panicked is gone");
    drop(receiver);
    gateway_sends(&runtime, r#"{"topic":"blt","args":[]}"#);
    runtime.run(ms(1));
    assert_eq!(runtime.tasks(), tasks, "so is the one whose channel nobody reads");
    assert!(events.try_next().is_some() && client.status().state == ConnectionState::Ready);
}

#[test]
fn a12_reset_and_shutdown_from_inside_a_callback_never_deadlock() {
    let (runtime, client) = ready();
    let quotes = client.subscribe_nowait(shares());
    let actives = Arc::new(AtomicU64::new(0));
    let (inside, counted) = (client.clone(), actives.clone());
    client.attach(move |item: Item| {
        // Whatever a callback may do: ask, order, open streams and drop them.
        let _ = (inside.status(), inside.health(), inside.events().len());
        if status(&item) == Some(SubscriptionState::Active) {
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
