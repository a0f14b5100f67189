//! Parity with the reference, the WebSocket client of the Python library IBind 0.1, call by call.
//!
//! A test is named for the method of the reference and its parameter, and shows that the call here
//! does the same, or does what the page "Coming from IBind" states in its place. `page` holds the
//! page and these tests together. The tests run in virtual time against the simulated gateway.

mod callbacks;
mod init;
mod keys;
mod methods;
mod page;
mod queues;
mod subscriptions;
mod unsubscribe;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ibws_proto::client::{Builder, Client};
use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{ConnectError, ConnectionState, Event, Instant, Item, Subscribe, SubscriptionKey};
use ibws_testkit::runtime::{Simulated, SimulatedLink};
use ibws_testkit::{GatewayConfig, GatewayOutput};

const QUOTES: &str = r#"md+265598+{"fields":["31"]}"#;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn key(text: &str) -> SubscriptionKey {
    text.parse().unwrap()
}

fn simulated() -> Simulated {
    Simulated::new(GatewayConfig::seeded(1))
}

/// Builds the client and runs until it is ready.
fn started(runtime: &Simulated, builder: Builder<Simulated>) -> Client<Simulated> {
    let client = builder.build().unwrap();
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(500));
    assert_eq!(client.status().state, ConnectionState::Ready);
    client
}

/// Returns a runtime and a client with default settings that is ready.
fn ready() -> (Simulated, Client<Simulated>) {
    let runtime = simulated();
    let client = started(&runtime, runtime.builder());
    (runtime, client)
}

/// Makes the gateway send exactly this text, and lets it arrive.
fn gateway_sends(runtime: &Simulated, text: &str) {
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.inject(conn, GatewayOutput::Text(text.into()));
    });
    runtime.run(ms(1));
}

/// Returns the texts that begin with `prefix` which the gateway received, with their times.
fn received(runtime: &Simulated, prefix: &str) -> Vec<(Instant, String)> {
    runtime.gateway(|gateway| {
        let of_prefix = gateway.log().filter(|received| received.text.starts_with(prefix));
        of_prefix.map(|received| (received.at, received.text.clone())).collect()
    })
}

fn texts(runtime: &Simulated, prefix: &str) -> Vec<String> {
    received(runtime, prefix).into_iter().map(|(_, text)| text).collect()
}

/// Returns the text of the frame, if the item is a message.
fn text(item: Option<Item>) -> Option<String> {
    match item {
        Some(Item::Event(Event::Message(message))) => Some(message.frame.text().to_owned()),
        _ => None,
    }
}

fn subscribe(text: &str) -> Subscribe {
    text.parse().unwrap()
}

/// A runtime that notes what is dialled.
#[derive(Clone)]
struct Noting {
    inner: Simulated,
    dialled: Arc<Mutex<Vec<DialRequest>>>,
}

impl Noting {
    /// Builds and starts a client, and returns what it dialled.
    fn dial(change: impl FnOnce(Builder<Self>) -> Builder<Self>) -> DialRequest {
        let runtime = Self { inner: simulated(), dialled: Arc::default() };
        let client = change(Builder::new(runtime.clone())).build().unwrap();
        runtime.inner.block_on(client.start()).unwrap();
        runtime.dialled.lock().unwrap()[0].clone()
    }
}

impl Runtime for Noting {
    type Link = SimulatedLink;
    type Sleep = ibws_testkit::runtime::Sleep;

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.inner.sleep_until(at)
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send + 'static {
        self.dialled.lock().unwrap().push(request.clone());
        self.inner.dial(request)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.spawn(task);
    }
}
