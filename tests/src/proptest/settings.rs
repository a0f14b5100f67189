//! Settings of clients and gateways.

use core::time::Duration;

use ::proptest::option::weighted;
use ::proptest::prelude::*;
use ::proptest::sample::select;
use ibws_proto::{Account, Config, ReadyGate, Renewal};

use crate::gateway::{FrameKind, GatewayConfig, OpeningOrder, Success};

fn ms(low: u64, high: u64) -> impl Strategy<Value = Duration> {
    (low..high).prop_map(Duration::from_millis)
}

/// A setting that keeps its default half of the time, and shrinks to it.
fn maybe<S: Strategy>(setting: S) -> impl Strategy<Value = Option<S::Value>> {
    weighted(0.5, setting)
}

/// Sets the fields that were drawn.
macro_rules! set {
    ($config:ident, $( $field:ident ),*) => {
        $( if let Some(value) = $field { $config.$field = value; } )*
    };
}

fn spans(config: impl Strategy<Value = Config>) -> impl Strategy<Value = Config> {
    let connection =
        (maybe(ms(0, 1_500)), maybe(ms(0, 4_000)), maybe(ms(0, 4_000)), maybe(ms(0, 2_000)), maybe(ms(0, 1_000)));
    let liveness =
        (maybe(ms(0, 4_000)), maybe(ms(0, 4_000)), maybe(ms(500, 8_000)), maybe(ms(100, 4_000)), maybe(ms(1, 2_000)));
    let retries =
        (maybe(ms(0, 1_000)), maybe(ms(0, 4_000)), maybe(ms(0, 3_000)), maybe(ms(0, 3_000)), maybe(ms(0, 700)));
    (config, connection, liveness, retries).prop_map(|(mut config, connection, liveness, retries)| {
        let (auth_wait, connect_timeout, close_timeout, drain_timeout, backoff_min) = connection;
        let (backoff_max, stable_after, silence_limit, ping_reply_limit, subscription_timeout) = liveness;
        let (refusal_min, refusal_max, prime_timeout, rest_timeout, resubscribe_pause) = retries;
        set!(config, auth_wait, connect_timeout, close_timeout, drain_timeout, backoff_min, backoff_max);
        set!(config, stable_after, silence_limit, ping_reply_limit, subscription_timeout);
        set!(config, refusal_min, refusal_max, prime_timeout, rest_timeout, resubscribe_pause);
        config
    })
}

/// Settings of a client. Every setting is mostly its default or so small that everything happens
/// soon. The value shrinks to `Config::default()`, setting by setting.
pub fn configs() -> impl Strategy<Value = Config> {
    let gates = select(vec![
        ReadyGate::Wait(Duration::from_millis(700)),
        ReadyGate::Off,
        ReadyGate::Strict,
        ReadyGate::Wait(Duration::ZERO),
    ]);
    let intervals = || maybe(weighted(0.8, ms(1, 3_000)));
    let upkeep = (maybe(gates), intervals(), intervals(), maybe(weighted(0.5, ms(500, 3_500))), intervals());
    let limits = (
        maybe(weighted(0.7, 1..5_u32)),
        maybe(weighted(0.3, 0..4_u32)),
        maybe(0..4_u32),
        maybe(0..3_usize),
        maybe(1..5_usize),
    );
    let switches = (maybe(any::<bool>()), maybe(any::<bool>()), maybe(any::<bool>()), maybe(any::<bool>()));
    let rest = (0..256_u64, maybe(0..4_usize), any::<bool>(), any::<bool>());
    let config = (upkeep, limits, switches, rest).prop_map(|(upkeep, limits, switches, rest)| {
        let mut config = Config::default();
        let (ready_gate, tic_interval, ping_interval, max_pong_age, renew_market_data) = upkeep;
        let (max_connection_attempts, max_reconnect_attempts, subscription_retries, max_histories, max_lines) = limits;
        let (restart_on_close, restart_on_critical, recreate_on_reconnect, rest_handler) = switches;
        let (seed, resubscribe_burst, renews_twice, has_account) = rest;
        set!(config, ready_gate, tic_interval, ping_interval, max_pong_age, renew_market_data);
        set!(config, max_connection_attempts, max_reconnect_attempts, subscription_retries);
        set!(config, max_histories, max_lines, resubscribe_burst);
        set!(config, restart_on_close, restart_on_critical, recreate_on_reconnect, rest_handler);
        config.seed = seed;
        if renews_twice {
            config.renewal = Renewal::Resubscribe;
        }
        config.account = has_account.then(|| Account::new("DU1234567"));
        config
    });
    spans(config)
}

/// Settings of a simulated gateway: its seed, the order and time of its opening frames, their
/// opcode, and its session. The value shrinks to `GatewayConfig::seeded(0)`.
pub fn gateways() -> impl Strategy<Value = GatewayConfig> {
    let greeting = weighted(0.3, ms(0, 7_000));
    (0..1_000_u64, any::<bool>(), any::<bool>(), greeting, weighted(0.1, any::<bool>())).prop_map(
        |(seed, is_reversed, text, greeting, session)| {
            let mut gateway = GatewayConfig::seeded(seed);
            if is_reversed {
                gateway.opening = OpeningOrder::StatusFirst;
            }
            if text {
                gateway.frames = FrameKind::Text;
            }
            if let Some(after) = greeting {
                gateway.success = Success::After(after);
            }
            gateway.authenticated = session.is_none();
            gateway.competing = session == Some(true);
            gateway
        },
    )
}
