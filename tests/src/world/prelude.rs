//! Short helpers that most stories use: spans, keys, arguments, a default world.

use std::time::Duration;

use ibws_proto::{Config, SubscriptionKey, subscribe::Args};

use super::World;
use crate::gateway::GatewayConfig;

/// A subscription to quotes of one share, in the form that `watch` accepts.
pub const QUOTES: &str = r#"md+265598+{"fields":["31","84","86"]}"#;

/// `secs` seconds.
#[must_use]
pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// `ms` milliseconds.
#[must_use]
pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A client and a gateway, both with default settings.
#[must_use]
pub fn world() -> World {
    World::new(Config::default(), GatewayConfig::default())
}

/// Parses a subscription key such as `md+265598`.
///
/// # Panics
/// If `key` is not a key.
#[must_use]
pub fn sub(key: &str) -> SubscriptionKey {
    SubscriptionKey::parse(key).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// Parses the JSON arguments of a subscription.
///
/// # Panics
/// If `json` is not an object.
#[must_use]
pub fn args(json: &str) -> Args {
    Args::from_text(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}
