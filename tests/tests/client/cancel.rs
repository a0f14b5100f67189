//! Futures dropped half way, and handles dropped last.
//!
//! A future is polled k times, with one step of the runtime after each poll, and dropped; for every k until it is done.
//! Whatever k, the client is whole afterwards: what was asked for has happened all the same, nothing that was queued is
//! missing, no request is left over, and with the last handle everything ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use ibws_proto::client::Subscription;
use ibws_proto::transport::Runtime;
use ibws_proto::{Key, Modify, Subscribe, SubscriptionKey, SubscriptionState};

use super::*;

type Pending<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// More polls than any of these futures needs.
const MOST: usize = 2_000;

/// Polls `future` up to `polls` times, a step of the runtime after each; says whether it was done.
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

/// Runs `story` with every number of polls until its future is done, and says how many that took.
fn for_every_k(story: impl Fn(usize) -> bool) -> usize {
    (0..MOST).find(|polls| story(*polls)).expect("it is never done")
}

/// The client can do everything that it could before, and ends when it should.
fn is_whole(runtime: &Simulated, client: Here, what: &str) {
    runtime.run(ms(120_000));
    assert_eq!(client.status().requests, 0, "{what}: a request is left over");
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(1_000));
    assert_eq!(client.status().state, ConnectionState::Ready, "{what}");
    runtime.block_on(client.tic()).unwrap();
    let mut quotes = runtime.block_on(client.subscribe(Subscribe::parse("md+8314").unwrap())).unwrap();
    assert!(runtime.block_on(quotes.next()).is_some(), "{what}");
    drop((client, quotes));
    ends(runtime, what);
}

fn ends(runtime: &Simulated, what: &str) {
    runtime.run(ms(10_000));
    assert_eq!(runtime.tasks(), 0, "{what}: a task lives on");
    assert_eq!(runtime.gateway(|gateway| gateway.connections().count()), 0, "{what}: a connection lives on");
}

/// A request by its name, and what must have come of it in the end whether or not anybody waited for the answer.
type Asked = (&'static str, fn(&Here) -> Pending<'static>, fn(&Here) -> bool);

fn ignoring<T>(future: impl Future<Output = T> + 'static) -> Pending<'static> {
    Box::pin(async move { drop(future.await) })
}

fn key() -> SubscriptionKey {
    SubscriptionKey::parse("md+265598").unwrap()
}

fn is_wanted(client: &Here) -> bool {
    client.subscriptions().iter().any(|info| info.key == key())
}

const REQUESTS: [Asked; 14] = [
    ("start", |client| ignoring(client.start()), |client| client.status().state == ConnectionState::Ready),
    ("shutdown", |client| ignoring(client.shutdown()), |client| client.status().state == ConnectionState::Stopped),
    (
        "drain",
        |client| ignoring(client.drain()),
        |client| client.status().state == ConnectionState::Stopped && !is_wanted(client),
    ),
    (
        "disconnect",
        |client| ignoring(client.disconnect()),
        |client| client.status().state == ConnectionState::Stopped && is_wanted(client),
    ),
    ("hard_reset(true)", |client| ignoring(client.hard_reset(true)), |client| client.stats().dials == 2),
    ("hard_reset(false)", |client| ignoring(client.hard_reset(false)), |client| client.stats().dials == 2),
    ("check_ping", |client| ignoring(client.check_ping()), |client| client.stats().dials == 1),
    ("check_health", |client| ignoring(client.check_health()), |client| client.stats().dials == 1),
    ("unsubscribe", |client| ignoring(client.unsubscribe(&key(), false)), |client| !is_wanted(client)),
    (
        "modify_subscription",
        |client| {
            let args = Some(Some(ibws_proto::Args::from_text(r#"{"fields":["55"]}"#).unwrap()));
            let modify = Modify { args, apply_now: true, ..Modify::new(key()) };
            ignoring(client.modify_subscription(modify))
        },
        is_wanted,
    ),
    ("recreate_subscriptions", |client| ignoring(client.recreate_subscriptions()), is_wanted),
    ("send_text", |client| ignoring(client.send_text("ech+hb")), is_wanted),
    ("tic", |client| ignoring(client.tic()), is_wanted),
    ("sleep", |client| ignoring(client.sleep(ms(50))), is_wanted),
];

#[test]
fn every_request_can_be_dropped_after_any_number_of_polls() {
    for (name, ask, has_come_of_it) in REQUESTS {
        let polls = for_every_k(|polls| {
            let runtime = Simulated::new(GatewayConfig::seeded(1));
            let client = runtime.client();
            if name != "start" {
                runtime.block_on(client.start()).unwrap();
                runtime.run(ms(500));
            }
            let quotes = client.subscribe_nowait(shares());
            if name != "start" {
                runtime.run(ms(500));
            }
            let done = poll(&runtime, ask(&client), polls);
            runtime.run(ms(5_000));
            let what = format!("{name} dropped after {polls} polls");
            assert!(has_come_of_it(&client), "{what}: {:?}", client.status());
            drop(quotes);
            is_whole(&runtime, client, &what);
            done
        });
        assert!(polls > 0, "{name} was done before it was polled");
    }
}

#[test]
fn a_subscribe_that_is_dropped_is_withdrawn_after_any_number_of_polls() {
    let polls = for_every_k(|polls| {
        let (runtime, client) = ready();
        let done = poll(&runtime, ignoring(client.subscribe(shares())), polls);
        runtime.run(ms(5_000));
        let what = format!("subscribe dropped after {polls} polls");
        assert!(client.subscriptions().is_empty(), "{what}");
        let held = runtime.gateway(|gateway| gateway.subscriptions(1).count());
        assert_eq!(held, 0, "{what}: the gateway still sends");
        is_whole(&runtime, client, &what);
        done
    });
    assert!(polls > 1, "{polls} polls show little");
}

#[test]
fn an_outcome_can_be_asked_for_again() {
    let polls = for_every_k(|polls| {
        let (runtime, client) = ready();
        let mut quotes = client.subscribe_nowait(shares());
        let done = poll(&runtime, Box::pin(async { drop(quotes.outcome().await) }), polls);
        let again = runtime.block_on(quotes.outcome());
        assert_eq!(again, Ok(ibws_proto::SubscribeOutcome::Active), "after {polls} polls");
        assert_eq!(runtime.block_on(quotes.outcome()), again);
        drop(quotes);
        is_whole(&runtime, client, "outcome");
        done
    });
    assert!(polls > 1, "{polls} polls show little");
}

/// Ways to wait for an item; each may be given up half way.
enum Waits {
    Stream(ibws_proto::client::EventStream<Simulated>),
    Queue(ibws_proto::client::QueueAccessor<Simulated>),
    Subscription(Subscription<Simulated>),
}

impl Waits {
    async fn next(&mut self, limit: Option<Duration>) -> Option<Item> {
        match (self, limit) {
            (Self::Stream(stream), None) => stream.next().await,
            (Self::Stream(stream), Some(limit)) => stream.next_within(limit).await,
            (Self::Queue(queue), None) => queue.recv().await,
            (Self::Queue(queue), Some(limit)) => queue.recv_timeout(limit).await,
            (Self::Subscription(subscription), None) => subscription.next().await,
            (Self::Subscription(subscription), Some(limit)) => subscription.next_within(limit).await,
        }
    }
}

#[test]
fn no_item_is_lost_when_waiting_for_it_is_given_up() {
    for way in 0..3 {
        for limit in [None, Some(ms(400))] {
            let polls = for_every_k(|polls| {
                let (runtime, client) = ready();
                let quotes = runtime.block_on(client.subscribe(shares())).unwrap();
                let mut waits = match way {
                    0 => Waits::Stream(client.events()),
                    1 => Waits::Queue(client.queue(Key::MarketData)),
                    _ => Waits::Subscription(client.subscribe_nowait(shares())),
                };
                // Whatever came already, and what comes while somebody waits in vain.
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
                // Many waits given up in a row; what each gets counts.
                for _ in 0..30 {
                    let mut got = None;
                    done |= poll(&runtime, Box::pin(async { got = waits.next(limit).await }), polls);
                    got.iter().for_each(&mut number);
                }
                while let Some(item) = runtime.block_on(waits.next(Some(ms(5)))) {
                    number(&item);
                }
                assert_eq!(numbers, [0, 1, 2], "way {way}, {limit:?}, {polls} polls");
                drop((waits, quotes));
                is_whole(&runtime, client, "waiting");
                done
            });
            assert!(polls > 0);
        }
    }
}

#[test]
fn whichever_handle_is_dropped_last_ends_everything() {
    type Last = fn(Here, &Simulated) -> Box<dyn std::any::Any>;
    let lasts: [(&str, Last); 8] = [
        ("client", |client, _| Box::new(client)),
        ("clone", |client, _| Box::new(client.clone())),
        ("stream", |client, _| Box::new(client.events())),
        ("queue", |client, _| Box::new(client.queue(Key::System))),
        ("subscription", |client, _| Box::new(client.subscribe_nowait(shares()))),
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
        ends(&runtime, name);
    }
}

#[test]
fn a_drain_unsubscribes_everything_before_it_closes() {
    let (runtime, client) = ready();
    let channels = [r#"md+265598+{"fields":["31"]}"#, "or", "sd+DU1234567+{}", "mh+265598+{}"];
    let mut held: Vec<_> = channels.map(|channel| client.subscribe_nowait(Subscribe::parse(channel).unwrap())).into();
    runtime.run(ms(3_000));
    runtime.block_on(client.drain()).unwrap();
    let texts: Vec<_> =
        runtime.gateway(|gateway| gateway.log().map(|received| received.text[..3].to_owned()).collect());
    for unsubscribe in ["umd", "uor", "usd", "umh"] {
        assert_eq!(texts.iter().filter(|text| *text == unsubscribe).count(), 1, "{unsubscribe} in {texts:?}");
    }
    for subscription in &mut held {
        let items: Vec<_> = std::iter::from_fn(|| runtime.block_on(subscription.next())).collect();
        assert_eq!(items.iter().rev().find_map(status), Some(SubscriptionState::Removed), "{}", subscription.key());
    }
    assert_eq!(client.status().state, ConnectionState::Stopped);
    drop((client, held));
    ends(&runtime, "drain");
}
