//! What an application sees of a client at run time: logs, statistics and metrics. The stories run
//! in virtual time.

mod export;
#[cfg(feature = "net")]
mod keeper;
#[path = "../logged/mod.rs"]
mod logged;
mod logs;
mod stats;

use std::time::Duration;

use ibws_proto::Subscribe;
use ibws_proto::client::Client;
use ibws_testkit::GatewayOutput;
use ibws_testkit::runtime::Simulated;

type SimulatedClient = Client<Simulated>;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn subscribe(text: &str) -> Subscribe {
    Subscribe::parse(text).unwrap()
}

/// Makes the gateway send exactly this text, on the latest connection.
fn gateway_sends(runtime: &Simulated, text: &str) {
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.inject(conn, GatewayOutput::Text(text.into()));
    });
    runtime.run(ms(0));
}

/// Cuts the latest connection.
fn cut(runtime: &Simulated) {
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.drop_connection(conn);
    });
}
