//! Processors of the application: they may use the client, and a panic in one is contained.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ibws_proto::subscribe::{Args, Processor, ReferenceProcessor, SubscriptionProcessor, WireProcessor};
use ibws_proto::{CommandError, Modify, SubscribeOutcome};

use super::*;

/// A handle of the client that a processor uses once the client exists.
type Handle = Arc<Mutex<Option<SimulatedClient>>>;

/// Uses the client in each call and in its drop, and counts both.
#[derive(Clone, Default)]
struct Curious {
    client: Handle,
    calls: Arc<AtomicU64>,
    drops: Arc<AtomicU64>,
}

struct CuriousProcessor(Curious);

impl Curious {
    fn use_client(&self) {
        let client = self.client.lock().unwrap().clone();
        if let Some(client) = client {
            let (_, _) = (client.status(), client.subscriptions());
            drop(client.check_health());
        }
    }
}

impl SubscriptionProcessor for CuriousProcessor {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        self.0.use_client();
        ReferenceProcessor.subscribe_payload(channel, data)
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        self.0.use_client();
        ReferenceProcessor.unsubscribe_payload(channel, data)
    }
}

impl Drop for CuriousProcessor {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, Ordering::Relaxed);
        self.0.use_client();
    }
}

/// Panics while it is set to.
struct Panicking(Arc<AtomicU64>);

impl Panicking {
    fn panic_if_set(&self) {
        let remaining = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
        assert!(remaining.is_err(), "a processor of the test panics");
    }
}

impl SubscriptionProcessor for Panicking {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        self.panic_if_set();
        WireProcessor.subscribe_payload(channel, data)
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        self.panic_if_set();
        WireProcessor.unsubscribe_payload(channel, data)
    }
}

/// Returns the texts about market data that the gateway received.
fn received(runtime: &Simulated) -> Vec<String> {
    runtime.gateway(|gateway| {
        let texts = gateway.log().map(|received| received.text.clone());
        texts.filter(|text| text.contains("md+265598")).collect()
    })
}

/// Returns the channels of the panics that were reported.
fn panics(events: &mut ibws_proto::client::EventStream<Simulated>) -> Vec<String> {
    let items = std::iter::from_fn(|| events.try_next());
    items
        .filter_map(|item| match item {
            Item::Event(Event::ProcessorPanicked(panic)) => Some(panic.channel.to_string()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_processor_may_use_the_client_when_it_is_called_and_dropped() {
    let (runtime, client) = ready();
    let curious = Curious::default();
    *curious.client.lock().unwrap() = Some(client.clone());
    let with = |subscribe: Subscribe| subscribe.processor(Processor::new(CuriousProcessor(curious.clone())));
    let mut subscription = client.subscribe_nowait(with(shares())).unwrap();
    assert_eq!(runtime.block_on(subscription.outcome()), Ok(SubscribeOutcome::Active));
    // A processor that a refused request brings along is dropped as well.
    let mut other = client.subscribe_nowait(with(Subscribe::parse(r#"md+265598+{"fields":["70"]}"#).unwrap())).unwrap();
    assert!(matches!(runtime.block_on(other.outcome()), Err(CommandError::Conflict(_))));
    drop(other);
    assert_eq!(curious.drops.load(Ordering::Relaxed), 1);
    let modify = Modify {
        processor: Some(Some(Processor::new(CuriousProcessor(curious.clone())))),
        apply_now: true,
        ..Modify::new(subscription.key().clone())
    };
    runtime.block_on(client.modify_subscription(modify)).unwrap();
    runtime.run(ms(1_000));
    assert_eq!(curious.drops.load(Ordering::Relaxed), 2);
    drop(subscription);
    runtime.run(ms(5_000));
    assert!(client.subscriptions().is_empty());
    let subscribed = r#"smd+265598+{"fields": ["31", "84"]}"#;
    assert_eq!(received(&runtime), [subscribed, "umd+265598+{}", subscribed, "umd+265598+{}"]);
    assert_eq!((curious.calls.load(Ordering::Relaxed), curious.drops.load(Ordering::Relaxed)), (4, 3));
    *curious.client.lock().unwrap() = None;
}

#[test]
fn a_panic_of_a_processor_is_reported_and_the_client_continues() {
    let (runtime, client) = ready();
    let mut events = client.events();
    let panics_due = Arc::new(AtomicU64::new(1));
    let processor = Processor::new(Panicking(panics_due.clone()));
    let mut subscription = client.subscribe_nowait(shares().processor(processor)).unwrap();
    // The first text is not sent, so nothing confirms it, and the client tries again.
    assert_eq!(runtime.block_on(subscription.outcome()), Ok(SubscribeOutcome::Active));
    assert_eq!(panics(&mut events), ["md+265598"]);
    assert_eq!(received(&runtime), [r#"smd+265598+{"fields":["31","84"]}"#]);
    // Other subscriptions and requests are not affected, nor is this one afterwards.
    let mut orders = client.subscribe_nowait(Subscribe::parse("pl").unwrap()).unwrap();
    assert!(runtime.block_on(orders.outcome()).is_ok());
    panics_due.store(1, Ordering::SeqCst);
    drop(subscription);
    runtime.run(ms(10_000));
    assert_eq!(panics(&mut events), ["md+265598"]);
    assert_eq!((client.status().state, client.stats().machine.dials), (ConnectionState::Ready, 1));
    let mut again = client.subscribe_nowait(shares()).unwrap();
    assert_eq!(runtime.block_on(again.outcome()), Ok(SubscribeOutcome::Active));
    runtime.block_on(client.shutdown()).unwrap();
}

#[test]
fn the_processor_of_the_client_is_called_without_the_lock_as_well() {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let curious = Curious::default();
    let processor = Processor::new(CuriousProcessor(curious.clone()));
    let client = runtime.builder().configure(|config| config.processor = processor).build().unwrap();
    *curious.client.lock().unwrap() = Some(client.clone());
    runtime.block_on(client.start()).unwrap();
    let mut subscription = client.subscribe_nowait(shares()).unwrap();
    assert_eq!(runtime.block_on(subscription.outcome()), Ok(SubscribeOutcome::Active));
    assert_eq!(received(&runtime), [r#"smd+265598+{"fields": ["31", "84"]}"#]);
    *curious.client.lock().unwrap() = None;
    runtime.block_on(client.shutdown()).unwrap();
}
