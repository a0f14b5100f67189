//! The words that stories are told in.

use std::time::Duration;

use ibws_proto::Config;

use super::World;
use crate::gateway::GatewayConfig;

/// A subscription to quotes of one share, as `watch` takes it.
pub const QUOTES: &str = r#"md+265598+{"fields":["31","84","86"]}"#;

/// So many seconds.
#[must_use]
pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// So many milliseconds.
#[must_use]
pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A client and a gateway, both with default settings.
#[must_use]
pub fn world() -> World {
    World::new(Config::default(), GatewayConfig::default())
}
