//! A consumer that takes one item a second of a flood of 20,000 messages a second.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::alloc::System;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ibws_proto::fold::OrderBook;
use ibws_proto::{Body, ConnectionState, Event, Instant, Item, Key, Message, Subscribe};
use ibws_testkit::runtime::Simulated;
use ibws_testkit::{GatewayConfig, GatewayOutput};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The length of the flood in virtual seconds; a debug build is ten times slower.
const SECONDS: u64 = if cfg!(debug_assertions) { 3 } else { 30 };
/// Messages in each millisecond.
const EACH_MS: u64 = 20;
/// The limit in bytes: three queues of 1,024 events of less than 2 KiB, and their indexes.
const MAX_MEMORY: usize = 16 << 20;

/// The fold of an order stream, and the number of its messages.
#[derive(Default)]
struct Orders {
    book: OrderBook,
    messages: u64,
}

impl Orders {
    fn apply(&mut self, message: &Message) {
        self.messages += 1 + message.merged;
        if let Body::Orders(orders) = message.frame.body() {
            self.book.apply(&orders);
        }
    }

    fn known(&self) -> Vec<String> {
        self.book.rows().map(|(_, row)| row.json().text().to_owned()).collect()
    }
}

/// The only test of this file: the allocations of another, in parallel, would be counted as well.
#[test]
fn slow_consumer_costs_bounded_memory_and_delays_no_other_consumer() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.client();
    runtime.block_on(client.start()).unwrap();
    runtime.run(Duration::from_millis(500));
    let or = client.subscribe_nowait(Subscribe::parse("or").unwrap()).unwrap();
    let md = client.subscribe_nowait(Subscribe::parse(r#"md+265598+{"fields":["31"]}"#).unwrap()).unwrap();
    runtime.run(Duration::from_secs(1));
    let (mut orders, mut everything) = (client.queue(Key::Orders), client.events());
    // A third consumer keeps up: every message reaches it at the moment at which it came.
    let seen = Arc::new(AtomicU64::new(0));
    let all = Arc::new(Mutex::new(Orders::default()));
    let (counted, folded, clock) = (seen.clone(), all.clone(), runtime.clone());
    client.attach(move |item: Item| {
        let Item::Event(Event::Message(message)) = item else { return };
        assert_eq!(message.at, clock.now(), "delayed");
        counted.fetch_add(1 + message.merged, Ordering::Relaxed);
        if message.key == Some(Key::Orders) {
            folded.lock().unwrap().apply(&message);
        }
    });
    let frames = client.stats().machine.frames;
    let region = Region::new(COUNTED);
    let (mut slow, mut lost, mut taken, mut max_bytes) = (Orders::default(), 0, 0, 0);
    let mut order_item = |item: Item| match item {
        Item::Event(Event::Message(message)) => slow.apply(&message),
        Item::Lost(report) => lost += report.messages,
        Item::Event(_) => {}
    };
    for now in 0..SECONDS * 1_000 {
        runtime.gateway(|gateway| (0..EACH_MS).for_each(|n| gateway.inject(1, flood(now * EACH_MS + n))));
        runtime.run(Duration::from_millis(1));
        if now % 1_000 == 999 {
            orders.try_recv().into_iter().for_each(&mut order_item);
            taken += u64::from(everything.try_next().is_some());
            let change = region.change();
            max_bytes = max_bytes.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
        }
    }
    assert!(max_bytes < MAX_MEMORY, "{max_bytes} bytes were allocated");
    assert!(orders.len() <= 1_024 && everything.len() <= 1_024 + 64 && md.len() <= 1_024);
    assert_eq!(taken, SECONDS);
    let (status, health) = (client.status(), client.health());
    assert_eq!((status.state, client.stats().machine.dials, health.healthy), (ConnectionState::Ready, 1, true));
    assert_eq!(seen.load(Ordering::Relaxed), client.stats().machine.frames - frames);
    assert!(client.stats().machine.frames - frames >= SECONDS * 1_000 * EACH_MS);
    let tics = runtime.gateway(|gateway| gateway.log().filter(|received| received.text == "tic").count() as u64);
    assert_eq!(tics, runtime.now().since(Instant::ORIGIN).as_secs() / 30, "every tic is sent in time");
    // The queue of orders is exact: no message is missing, and the fold of what it delivers is the
    // fold of all.
    while let Some(item) = orders.try_recv() {
        order_item(item);
    }
    let all = all.lock().unwrap();
    assert_eq!((lost, slow.messages), (0, all.messages));
    assert_eq!(slow.known(), all.known());
    assert!(all.messages >= SECONDS * 1_000 * EACH_MS / 4);
    drop((or, md));
}

/// Quotes of a hundred contracts, changes of fifty orders, and messages of an unknown topic.
fn flood(n: u64) -> GatewayOutput {
    let text = match n % 4 {
        0 => {
            let (order, status) = (n / 4 % 50, ["Submitted", "Filled", "Cancelled"][(n / 200 % 3) as usize]);
            let row = format!(r#"{{"acct":"DU1234567","orderId":{order},"status":"{status}","filledQuantity":{n}}}"#);
            format!(r#"{{"topic":"sor","args":[{row}]}}"#)
        }
        1 => format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}","_updated":{n}}}"#),
        2 => format!(r#"{{"topic":"smd+{}","31":"{n}"}}"#, n / 4 % 100),
        _ => format!(r#"{{"topic":"news","n":{n}}}"#),
    };
    GatewayOutput::Text(text.into())
}
