//! Futures that are dropped before they complete, and the handle that is dropped last.
//!
//! A future is polled k times, with one step of the runtime after each poll, and dropped; for every
//! k until it completes. For each k, the client works afterwards: the request takes effect all the
//! same, no queued item is missing, no request remains pending, and everything ends with the last
//! handle.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ibws_proto::client::Subscription;
use ibws_proto::{Key, Modify, Subscribe, SubscriptionKey, SubscriptionState};

use super::*;

type Pending<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// More polls than any of these futures needs.
const MAX_POLLS: usize = 2_000;

/// Polls `future` up to `polls` times, with a step of the runtime after each. Returns `true` if it
/// completed.
fn poll(runtime: &Simulated, mut future: Pending<'_>, polls: usize) -> bool {
    let end = runtime.now() + ms(3_600_000);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(()) {
            return true;
        }
        runtime.step(end);
    }
    false
}

/// Runs `story` with every number of polls until its future completes, and returns that number.
fn for_every_k(story: impl Fn(usize) -> bool) -> usize {
    (0..MAX_POLLS).find(|polls| story(*polls)).expect("the future never completes")
}

/// Asserts that the client still works, and that it ends with its last handle.
fn assert_works(runtime: &Simulated, client: SimulatedClient, what: &str) {
    runtime.run(ms(120_000));
    assert_eq!(client.status().requests, 0, "{what}: a request is still pending");
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(1_000));
    assert_eq!(client.status().state, ConnectionState::Ready, "{what}");
    runtime.block_on(client.tic()).unwrap();
    let mut quotes = runtime.block_on(client.subscribe(Subscribe::parse("md+8314").unwrap())).unwrap();
    assert!(runtime.block_on(quotes.next()).is_some(), "{what}");
    drop((client, quotes));
    assert_ended(runtime, what);
}

/// Asserts that no task and no connection remains.
fn assert_ended(runtime: &Simulated, what: &str) {
    runtime.run(ms(10_000));
    assert_eq!(runtime.tasks(), 0, "{what}: a task remains");
    assert_eq!(runtime.gateway(|gateway| gateway.connections().count()), 0, "{what}: a connection remains");
}

/// A request by its name, and the effect that it must have even if its future was dropped.
type RequestCase = (&'static str, fn(&SimulatedClient) -> Pending<'static>, fn(&SimulatedClient) -> bool);

fn discard<T>(future: impl Future<Output = T> + 'static) -> Pending<'static> {
    Box::pin(async move { drop(future.await) })
}

fn key() -> SubscriptionKey {
    SubscriptionKey::parse("md+265598").unwrap()
}

fn is_subscribed(client: &SimulatedClient) -> bool {
    client.subscriptions().iter().any(|info| info.key == key())
}

const REQUESTS: [RequestCase; 14] = [
    ("start", |client| discard(client.start()), |client| client.status().state == ConnectionState::Ready),
    ("shutdown", |client| discard(client.shutdown()), |client| client.status().state == ConnectionState::Stopped),
    (
        "drain",
        |client| discard(client.drain()),
        |client| client.status().state == ConnectionState::Stopped && !is_subscribed(client),
    ),
    (
        "disconnect",
        |client| discard(client.disconnect()),
        |client| client.status().state == ConnectionState::Stopped && is_subscribed(client),
    ),
    ("hard_reset(true)", |client| discard(client.hard_reset(true)), |client| client.stats().machine.dials == 2),
    ("hard_reset(false)", |client| discard(client.hard_reset(false)), |client| client.stats().machine.dials == 2),
    ("check_ping", |client| discard(client.check_ping()), |client| client.stats().machine.dials == 1),
    ("check_health", |client| discard(client.check_health()), |client| client.stats().machine.dials == 1),
    ("unsubscribe", |client| discard(client.unsubscribe(&key(), false)), |client| !is_subscribed(client)),
    (
        "modify_subscription",
        |client| {
            let args = Some(Some(ibws_proto::subscribe::Args::from_text(r#"{"fields":["55"]}"#).unwrap()));
            let modify = Modify { args, apply_now: true, ..Modify::new(key()) };
            discard(client.modify_subscription(modify))
        },
        is_subscribed,
    ),
    ("recreate_subscriptions", |client| discard(client.recreate_subscriptions()), is_subscribed),
    ("send_text", |client| discard(client.send_text("ech+hb")), is_subscribed),
    ("tic", |client| discard(client.tic()), is_subscribed),
    ("sleep", |client| discard(client.sleep(ms(50))), is_subscribed),
];

#[test]
fn request_takes_effect_after_its_future_is_dropped_at_any_poll() {
    for (name, request, has_effect) in REQUESTS {
        let polls = for_every_k(|polls| {
            let runtime = Simulated::new(GatewayConfig::seeded(1));
            let client = runtime.client();
            if name != "start" {
                runtime.block_on(client.start()).unwrap();
                runtime.run(ms(500));
            }
            let quotes = client.subscribe_nowait(shares()).unwrap();
            if name != "start" {
                runtime.run(ms(500));
            }
            let done = poll(&runtime, request(&client), polls);
            runtime.run(ms(5_000));
            let what = format!("{name} dropped after {polls} polls");
            assert!(has_effect(&client), "{what}: {:?}", client.status());
            drop(quotes);
            assert_works(&runtime, client, &what);
            done
        });
        assert!(polls > 0, "{name} completed before it was polled");
    }
}

#[test]
fn subscribe_unsubscribes_if_its_future_is_dropped_at_any_poll() {
    let polls = for_every_k(|polls| {
        let (runtime, client) = ready();
        let done = poll(&runtime, discard(client.subscribe(shares())), polls);
        runtime.run(ms(5_000));
        let what = format!("subscribe dropped after {polls} polls");
        assert!(client.subscriptions().is_empty(), "{what}");
        let active = runtime.gateway(|gateway| gateway.subscriptions(1).count());
        assert_eq!(active, 0, "{what}: the gateway still sends");
        assert_works(&runtime, client, &what);
        done
    });
    assert!(polls > 1, "{polls} polls prove little");
}

#[test]
fn outcome_can_be_awaited_again_after_its_future_is_dropped() {
    let polls = for_every_k(|polls| {
        let (runtime, client) = ready();
        let mut quotes = client.subscribe_nowait(shares()).unwrap();
        let done = poll(&runtime, Box::pin(async { drop(quotes.outcome().await) }), polls);
        let again = runtime.block_on(quotes.outcome());
        assert_eq!(again, Ok(ibws_proto::SubscribeOutcome::Active), "after {polls} polls");
        assert_eq!(runtime.block_on(quotes.outcome()), again);
        drop(quotes);
        assert_works(&runtime, client, "outcome");
        done
    });
    assert!(polls > 1, "{polls} polls prove little");
}

/// The ways to wait for an item.
enum Waiter {
    Stream(ibws_proto::client::EventStream<Simulated>),
    Queue(ibws_proto::client::QueueAccessor<Simulated>),
    Subscription(Subscription<Simulated>),
    /// Batches of a stream, of each of which one item is taken.
    Batches(ibws_proto::client::EventStream<Simulated>),
}

impl Waiter {
    async fn next(&mut self, limit: Option<Duration>) -> Option<Item> {
        match (self, limit) {
            (Self::Stream(stream), None) => stream.next().await,
            (Self::Stream(stream), Some(limit)) => stream.next_within(limit).await,
            (Self::Queue(queue), None) => queue.recv().await,
            (Self::Queue(queue), Some(limit)) => queue.recv_timeout(limit).await,
            (Self::Subscription(subscription), None) => subscription.next().await,
            (Self::Subscription(subscription), Some(limit)) => subscription.next_within(limit).await,
            (Self::Batches(stream), None) => stream.next_batch().await?.next(),
            (Self::Batches(stream), Some(limit)) => stream.next_within(limit).await,
        }
    }
}

#[test]
fn no_item_is_lost_when_the_future_that_waits_for_it_is_dropped() {
    for way in 0..4 {
        for limit in [None, Some(ms(400))] {
            let polls = for_every_k(|polls| {
                let (runtime, client) = ready();
                let quotes = runtime.block_on(client.subscribe(shares())).unwrap();
                let mut waiter = match way {
                    0 => Waiter::Stream(client.events()),
                    1 => Waiter::Queue(client.queue(Key::MarketData)),
                    2 => Waiter::Batches(client.events()),
                    _ => Waiter::Subscription(client.subscribe_nowait(shares()).unwrap()),
                };
                // Some items have come already, others come while a future waits.
                runtime.run(ms(200));
                let mut numbers = Vec::new();
                let mut number = |item: &Item| {
                    if let Item::Event(Event::Message(message)) = item
                        && let Some(number) = message.frame.get("7220").and_then(ibws_proto::Json::as_i64)
                    {
                        numbers.push(number);
                    }
                };
                for n in 0..3 {
                    gateway_sends(&runtime, &format!(r#"{{"topic":"smd+265598","7220":{n}}}"#));
                }
                let mut done = false;
                // Many futures are dropped in a row. What each of them returns counts.
                for _ in 0..30 {
                    let mut got = None;
                    done |= poll(&runtime, Box::pin(async { got = waiter.next(limit).await }), polls);
                    got.iter().for_each(&mut number);
                }
                while let Some(item) = runtime.block_on(waiter.next(Some(ms(5)))) {
                    number(&item);
                }
                assert_eq!(numbers, [0, 1, 2], "way {way}, {limit:?}, {polls} polls");
                drop((waiter, quotes));
                assert_works(&runtime, client, "waiting for an item");
                done
            });
            assert!(polls > 0);
        }
    }
}

#[test]
fn client_ends_with_its_last_handle_of_whichever_kind() {
    type MakeLast = fn(SimulatedClient, &Simulated) -> Box<dyn std::any::Any>;
    let lasts: [(&str, MakeLast); 8] = [
        ("client", |client, _| Box::new(client)),
        ("clone", |client, _| Box::new(client.clone())),
        ("stream", |client, _| Box::new(client.events())),
        ("queue", |client, _| Box::new(client.queue(Key::System))),
        ("subscription", |client, _| Box::new(client.subscribe_nowait(shares()).unwrap())),
        ("confirmed subscription", |client, runtime| Box::new(runtime.block_on(client.subscribe(shares())).unwrap())),
        ("request", |client, _| Box::new(Box::pin(client.tic()))),
        ("nothing but a sink", |client, _| {
            client.attach(|_| {});
            Box::new(())
        }),
    ];
    for (name, last) in lasts {
        let (runtime, client) = ready();
        let last = last(client, &runtime);
        if name != "nothing but a sink" {
            runtime.run(ms(20_000));
            assert!(runtime.tasks() > 0, "{name}: it ended too early");
            assert_eq!(runtime.gateway(|gateway| gateway.connections().count()), 1, "{name}");
        }
        drop(last);
        assert_ended(&runtime, name);
    }
}

#[test]
fn drain_unsubscribes_everything_before_it_closes() {
    let (runtime, client) = ready();
    let channels = [r#"md+265598+{"fields":["31"]}"#, "or", "sd+DU1234567+{}", "mh+265598+{}"];
    let mut subscriptions: Vec<_> =
        channels.map(|channel| client.subscribe_nowait(Subscribe::parse(channel).unwrap()).unwrap()).into();
    runtime.run(ms(3_000));
    runtime.block_on(client.drain()).unwrap();
    let texts: Vec<_> =
        runtime.gateway(|gateway| gateway.log().map(|received| received.text[..3].to_owned()).collect());
    for unsubscribe in ["umd", "uor", "usd", "umh"] {
        assert_eq!(texts.iter().filter(|text| *text == unsubscribe).count(), 1, "{unsubscribe} in {texts:?}");
    }
    for subscription in &mut subscriptions {
        let items: Vec<_> = std::iter::from_fn(|| runtime.block_on(subscription.next())).collect();
        assert_eq!(
            items.iter().rev().find_map(subscription_state),
            Some(SubscriptionState::Removed),
            "{}",
            subscription.key()
        );
    }
    assert_eq!(client.status().state, ConnectionState::Stopped);
    drop((client, subscriptions));
    assert_ended(&runtime, "drain");
}
