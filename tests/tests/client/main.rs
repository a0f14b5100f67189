//! The client over a simulated runtime, which has no threads, no sockets and no waiting.

mod batches;
mod builder;
mod cancel;
mod clock;
mod groups;
mod latest;
mod overflow;
mod processors;
mod queues;
mod requests;
mod sinks;

use std::time::Duration;

use ibws_proto::client::Client;
use ibws_proto::{ConnectionState, Event, Item, Subscribe, SubscriptionState};
use ibws_testkit::runtime::Simulated;
use ibws_testkit::{GatewayConfig, GatewayOutput};

type SimulatedClient = Client<Simulated>;

/// Returns a runtime and a client that is ready.
fn ready() -> (Simulated, SimulatedClient) {
    let runtime = Simulated::new(GatewayConfig::seeded(1));
    let client = runtime.client();
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(500));
    assert_eq!(client.status().state, ConnectionState::Ready);
    (runtime, client)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Makes the gateway send exactly this text, on the latest connection.
fn gateway_sends(runtime: &Simulated, text: &str) {
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.inject(conn, GatewayOutput::Text(text.into()));
    });
}

fn shares() -> Subscribe {
    Subscribe::parse(r#"md+265598+{"fields":["31","84"]}"#).unwrap()
}

/// Returns the text of the frame, if the item is a message.
fn text(item: Option<Item>) -> Option<String> {
    match item {
        Some(Item::Event(Event::Message(message))) => Some(message.frame.text().to_owned()),
        _ => None,
    }
}

/// Returns the state that a subscription changed to.
fn subscription_state(item: &Item) -> Option<SubscriptionState> {
    match item {
        Item::Event(Event::Subscription(change)) => Some(change.state),
        _ => None,
    }
}
