//! Sinks: callbacks and channels, none of which affects another.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use ibws_proto::client::EventSink;
use ibws_proto::queue::{EventFilter, QueueLimits};
use ibws_proto::{Gap, Item, Key, StateChange, SubscriptionState};

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
    gate: Arc<Mutex<Gate>>,
    received: Arc<Mutex<Vec<Item>>>,
}

#[derive(Default)]
struct Gate {
    is_open: bool,
    waiting: Option<Waker>,
}

impl EventSink for Gated {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut gate = self.gate.lock().unwrap();
        if gate.is_open {
            return Poll::Ready(());
        }
        gate.waiting = Some(cx.waker().clone());
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
    let (gate, received) = (Arc::new(Mutex::new(Gate::default())), Arc::new(Mutex::new(Vec::new())));
    client.attach(Gated { gate: gate.clone(), received: received.clone() });
    let seen = Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    client.attach(move |item: Item| {
        if let Item::Event(Event::Message(_)) = item {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    for n in 0..100 {
        gateway_sends(&runtime, &format!(r#"{{"topic":"blt","args":[{{"id":{n},"message":"x"}}]}}"#));
        runtime.run(ms(10));
    }
    assert!(seen.load(Ordering::Relaxed) >= 100 && received.lock().unwrap().is_empty());
    let waiting = {
        let mut gate = gate.lock().unwrap();
        gate.is_open = true;
        gate.waiting.take()
    };
    waiting.unwrap().wake();
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

#[test]
fn callbacks_are_called_by_the_kind_of_event_and_sinks_by_their_filter() {
    let (runtime, client) = ready();
    let log = Arc::new(Mutex::new(Vec::<String>::new()));
    let quotes = runtime.block_on(client.subscribe(shares())).unwrap();
    let (states, gaps, all) = (log.clone(), log.clone(), Arc::new(AtomicU64::new(0)));
    client.on(move |change: StateChange| states.lock().unwrap().push(format!("state {}", change.state.name())));
    client.on(move |gap: Gap| gaps.lock().unwrap().push(format!("gap {}", gap.key)));
    let counter = all.clone();
    client.on(move |_: Event| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    // A sink of a key and the accessors of the key do not take items from each other.
    let (of_key, of_subscription) = (mpsc::channel(), mpsc::channel());
    client.attach_filtered(EventFilter::Key(Key::Bulletins), of_key.0);
    client.attach_filtered(EventFilter::Subscription(quotes.key().clone()), of_subscription.0);
    let mut bulletins = client.queue(Key::Bulletins);
    let mut events = client.events();
    gateway_sends(&runtime, r#"{"topic":"blt","args":[]}"#);
    runtime.run(ms(1));
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.drop_connection(conn);
    });
    runtime.run(ms(10_000));
    assert_eq!(
        *log.lock().unwrap(),
        ["state backoff", "gap md+265598", "state connecting", "state open", "state ready"].map(String::from)
    );
    let seen = std::iter::from_fn(|| events.try_next()).count() as u64;
    assert_eq!(all.load(Ordering::Relaxed), seen);
    let is_bulletin = |item: Option<Item>| text(item).is_some_and(|text| text.contains("blt"));
    assert!(is_bulletin(of_key.1.try_recv().ok()) && is_bulletin(bulletins.try_recv()));
    assert!(of_key.1.try_recv().is_err() && bulletins.try_recv().is_none());
    let of_subscription: Vec<_> = of_subscription.1.try_iter().collect();
    assert!(of_subscription.len() > 3);
    assert!(of_subscription.iter().all(|item| match item {
        Item::Event(Event::Message(message)) => message.subscription.as_ref() == Some(quotes.key()),
        Item::Event(Event::Subscription(change)) => change.key == *quotes.key(),
        Item::Event(Event::Gap(gap)) => gap.key == *quotes.key(),
        Item::Event(Event::Resumed(resumed)) => resumed.key == *quotes.key(),
        _ => false,
    }));
}

/// A queue of the application: it holds three items, and more wait in the queue of the client.
#[derive(Clone, Default)]
struct OwnQueue(Arc<Mutex<(VecDeque<Item>, Option<Waker>)>>);

impl EventSink for OwnQueue {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (items, waker) = &mut *self.0.lock().unwrap();
        if items.len() < 3 {
            return Poll::Ready(());
        }
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        self.0.lock().unwrap().0.push_back(item);
        ControlFlow::Continue(())
    }
}

impl OwnQueue {
    fn take(&self) -> Option<Item> {
        let (item, waker) = {
            let (items, waker) = &mut *self.0.lock().unwrap();
            (items.pop_front(), waker.take())
        };
        waker.into_iter().for_each(Waker::wake);
        item
    }
}

// The reference takes a class of queues.
#[test]
fn a_queue_of_the_application_is_a_sink_of_a_key() {
    let (runtime, client) = ready();
    let queue = OwnQueue::default();
    client.attach_filtered(EventFilter::Key(Key::Bulletins), queue.clone());
    for n in 0..50 {
        gateway_sends(&runtime, &format!(r#"{{"topic":"blt","args":[{{"id":{n}}}]}}"#));
    }
    runtime.run(ms(1));
    assert_eq!(queue.0.lock().unwrap().0.len(), 3, "it is never asked to hold more than it is ready for");
    for n in 0..50 {
        let text = text(queue.take()).unwrap();
        assert_eq!(text, format!(r#"{{"topic":"blt","args":[{{"id":{n}}}]}}"#));
        runtime.run(ms(1));
    }
    assert!(queue.take().is_none());
}
