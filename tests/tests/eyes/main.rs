//! What an application sees of a client at run time: logs, statistics and metrics. The stories run
//! in virtual time.

mod export;
#[cfg(feature = "net")]
mod keeper;
#[path = "../logged/mod.rs"]
mod logged;
mod logs;
mod stats;

use std::sync::Once;
use std::time::Duration;

use ibws_proto::Subscribe;
use ibws_proto::client::Client;
use ibws_testkit::runtime::Simulated;
use ibws_testkit::{GatewayConfig, GatewayOutput};
use tracing::level_filters::LevelFilter;

type SimulatedClient = Client<Simulated>;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Makes the process ready for a story. Each one begins with it, before any code of the client
/// runs.
///
/// `tracing` remembers for each line whether anybody wants it. While a process has one subscriber
/// at most, it asks only that of the thread which first reaches the line. A story without a
/// subscriber would then switch lines off for a story beside it that collects them. With a
/// subscriber of the whole process that wants every line, nothing is switched off.
fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        tracing::subscriber::set_global_default(logged::Collector::new(LevelFilter::TRACE)).unwrap();
    });
}

fn simulated() -> Simulated {
    prepare();
    Simulated::new(GatewayConfig::seeded(1))
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
