//! Short helpers that most stories use: spans, keys, arguments, a default world.

use std::time::Duration;

use ibws_proto::{Config, Instant, SubscriptionKey, subscribe::Args};

use super::World;
use crate::gateway::{GatewayConfig, Success};

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

/// The time `ms` milliseconds after the start.
#[must_use]
pub fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// Settings without a REST handler.
#[must_use]
pub fn without_handler() -> Config {
    Config { rest_handler: false, ..Config::default() }
}

/// A client and a gateway, both with default settings.
#[must_use]
pub fn world() -> World {
    World::new(Config::default(), GatewayConfig::default())
}

/// A world with default settings and these subscriptions, five seconds after its start.
#[must_use]
pub fn settled(channels: &[&str]) -> World {
    settled_with(Config::default(), channels)
}

/// A world whose client has these settings and subscriptions, five seconds after its start.
#[must_use]
pub fn settled_with(config: Config, channels: &[&str]) -> World {
    let mut world = World::new(config, GatewayConfig::default());
    world.settle(channels);
    world
}

/// A world whose gateway accepts connections and replies to pings, and sends nothing else.
#[must_use]
pub fn silent_gateway(config: Config) -> World {
    World::new(config, GatewayConfig { success: Success::After(secs(86_400)), ..GatewayConfig::default() })
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
