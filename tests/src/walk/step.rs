//! The generator of walks and chaos runs: settings, times, inputs and commands, which bytes decide.

use crate::world::rest_result;
use core::time::Duration;

use bytes::Bytes;
use ibws_proto::{
    Account, CloseCause, Command, Config, ConnId, ConnectError, ConnectErrorKind, ConnectionState, Input, Instant, Key,
    Machine, Modify, ReadyGate, Renewal, RequestId, SessionUpdate, Subscribe, SubscriptionState, Unsubscribe,
    rest::RestRequestId,
    subscribe::{Args, Staleness},
};

use super::Step;
use super::byte_source::ByteSource;
use crate::frames::{self, minimal};

fn input(input: Input) -> Step {
    Step::Input(input)
}

/// The settings of one run: the defaults, or small ones with which everything happens soon.
pub(crate) fn config(bytes: &mut ByteSource<'_>) -> Config {
    let mut config = Config { seed: u64::from(bytes.byte()), ..Config::default() };
    if bytes.chance(64) {
        return config;
    }
    let ms = Duration::from_millis;
    let mut span = |low: u64, high: u64| ms(low) + bytes.span(ms(high - low));
    config.auth_wait = span(0, 1_500);
    config.connect_timeout = span(0, 4_000);
    config.close_timeout = span(0, 4_000);
    config.drain_timeout = span(0, 2_000);
    config.backoff_min = span(0, 1_000);
    config.backoff_max = span(0, 4_000);
    config.stable_after = span(0, 4_000);
    config.silence_limit = span(500, 8_000);
    config.ping_reply_limit = span(100, 4_000);
    config.subscription_timeout = span(1, 2_000);
    config.refusal_min = span(0, 1_000);
    config.refusal_max = span(0, 4_000);
    config.prime_timeout = span(0, 3_000);
    config.ready_gate = *bytes.pick(&[
        ReadyGate::Wait(ms(700)),
        ReadyGate::Off,
        ReadyGate::Strict,
        ReadyGate::Wait(Duration::ZERO),
        ReadyGate::Wait(ms(5_000)),
    ]);
    config.tic_interval = bytes.chance(200).then(|| ms(1) + bytes.span(ms(3_000)));
    config.ping_interval = bytes.chance(200).then(|| ms(1) + bytes.span(ms(3_000)));
    config.max_pong_age = bytes.chance(128).then(|| ms(500) + bytes.span(ms(3_000)));
    config.renew_market_data = bytes.chance(160).then(|| ms(200) + bytes.span(ms(3_000)));
    config.max_connection_attempts = (!bytes.chance(64)).then(|| 1 + bytes.below(4) as u32);
    config.max_reconnect_attempts = bytes.chance(64).then(|| bytes.below(4) as u32);
    config.restart_on_close = !bytes.chance(48);
    config.restart_on_critical = !bytes.chance(48);
    config.recreate_on_reconnect = !bytes.chance(48);
    config.subscription_retries = bytes.below(4) as u32;
    config.max_histories = bytes.below(3);
    config.max_lines = 1 + bytes.below(4);
    config.rest_timeout = bytes.span(ms(3_000));
    config.resubscribe_burst = bytes.below(4);
    config.resubscribe_pause = bytes.span(ms(700));
    config.renewal = if bytes.chance(128) { Renewal::Resubscribe } else { Renewal::UnsubscribeFirst };
    config.account = bytes.chance(128).then(|| Account::new("DU1234567"));
    config
}

/// The time of the next step: mostly a little later, often exactly when something is due, sometimes
/// much later, or earlier.
pub(crate) fn time(bytes: &mut ByteSource<'_>, now: Instant, machine: &Machine) -> Instant {
    let due = machine.next_wake().map_or(now, |(at, _)| at.max(now));
    match bytes.below(16) {
        0..=4 => now + bytes.span(Duration::from_millis(40)),
        5..=7 => now + bytes.span(Duration::from_millis(900)),
        8 | 9 => due,
        10 => Instant::from_nanos(due.as_nanos().saturating_sub(1)).max(now),
        11 => due + bytes.span(Duration::from_millis(3)),
        12 => now + bytes.span(Duration::from_secs(12)),
        13 if bytes.chance(32) => now + bytes.span(Duration::from_secs(100_000)),
        14 => Instant::from_nanos(now.as_nanos().saturating_sub(bytes.span(Duration::from_secs(5)).as_nanos() as u64)),
        _ => now,
    }
}

fn arguments(bytes: &mut ByteSource<'_>) -> Option<Args> {
    let text = *bytes.pick(&["{}", "{}", "{}", r#"{"fields":["31"]}"#, ""]);
    Args::from_text(text).ok()
}

/// Any input or command, in any state.
pub(crate) fn blind(bytes: &mut ByteSource<'_>, machine: &Machine, requests: &[RequestId]) -> Step {
    let conn = ConnId(match machine.status().conn {
        Some(conn) if !bytes.chance(64) => conn.0,
        _ => bytes.below(6) as u64,
    });
    match bytes.below(12) {
        0 => input(Input::Tick),
        1 => input(Input::Opened(conn)),
        2 => input(Input::ConnectFailed(conn, failure(bytes))),
        3 => input(Input::Closed(conn, end(bytes))),
        4 => input(if bytes.chance(128) { Input::Pong(conn) } else { Input::Pinged(conn) }),
        5 => input(rest_done(bytes)),
        6 => input(Input::Session(
            conn,
            *bytes.pick(&[SessionUpdate::Sent, SessionUpdate::Unavailable, SessionUpdate::Changed]),
        )),
        7 | 8 => command(bytes, machine, requests),
        _ => input(Input::Frame(conn, minimal::any(bytes))),
    }
}

/// A result of the REST handler, for one of the first twelve requests.
fn rest_done(bytes: &mut ByteSource<'_>) -> Input {
    Input::RestDone(RestRequestId(1 + bytes.below(12) as u64), rest_result(bytes.chance(128)))
}

/// The ways in which a connection ends that are no Close frame.
pub(crate) fn failures() -> [CloseCause; 8] {
    [
        CloseCause::Eof,
        CloseCause::Reset,
        CloseCause::Failed("simulated".into()),
        CloseCause::TooLarge { limit: 10, size: 11 },
        CloseCause::Protocol("simulated".into()),
        CloseCause::Tls("simulated".into()),
        CloseCause::WriteStalled { limit: 10 },
        CloseCause::WriteTooLarge { limit: 10, size: 11 },
    ]
}

fn end(bytes: &mut ByteSource<'_>) -> CloseCause {
    if bytes.chance(128) {
        return CloseCause::Close(bytes.chance(240).then(|| *bytes.pick(&[1000, 1001, 1006, 1011, 4000])));
    }
    bytes.pick(&failures()).clone()
}

fn failure(bytes: &mut ByteSource<'_>) -> ConnectError {
    let kind = *bytes.pick(&[
        ConnectErrorKind::Unreachable,
        ConnectErrorKind::TimedOut,
        ConnectErrorKind::Protocol,
        ConnectErrorKind::AuthenticationRequired,
        ConnectErrorKind::Status(429),
        ConnectErrorKind::Trust,
    ]);
    let mut error = ConnectError::new(kind, "simulated");
    error.retry_after = bytes.chance(32).then(|| bytes.span(Duration::from_secs(3)));
    error
}

/// Any command, mostly about a subscription that the machine holds.
pub(crate) fn command(bytes: &mut ByteSource<'_>, machine: &Machine, requests: &[RequestId]) -> Step {
    let held = machine.subscriptions();
    let key = match held.is_empty() || bytes.chance(64) {
        true => minimal::some_key(bytes),
        false => bytes.pick(&held).key.clone(),
    };
    let request = |bytes: &mut ByteSource<'_>| {
        let late = requests.len().saturating_sub(1 + bytes.below(8));
        requests.get(late).copied()
    };
    Step::Command(match bytes.below(20) {
        0..=6 => {
            let mut subscribe = Subscribe::new(key).args(arguments(bytes));
            if bytes.chance(32) {
                subscribe.staleness = Staleness::After(bytes.span(Duration::from_secs(3)));
            }
            subscribe.needs_confirmation = bytes.chance(24).then(|| bytes.chance(128));
            Command::Subscribe(subscribe)
        }
        7 | 8 => Command::Unsubscribe(Unsubscribe::new(key).needs_confirmation(bytes.chance(128))),
        9 => request(bytes).map_or(Command::Tic, Command::Release),
        10 => request(bytes).map_or(Command::Start, Command::Cancel),
        11 => Command::Modify(Modify {
            args: bytes.chance(128).then(|| arguments(bytes)),
            needs_confirmation: bytes.chance(40).then(|| bytes.chance(128).then(|| bytes.chance(128))),
            staleness: bytes.chance(40).then(|| Staleness::After(bytes.span(Duration::from_secs(3)))),
            active: bytes.chance(32).then(|| bytes.chance(128)),
            apply_now: bytes.chance(128),
            ..Modify::new(key)
        }),
        12 if bytes.chance(96) => Command::Invalidate((!bytes.chance(64)).then_some(key)),
        12 => Command::Recreate,
        13 => Command::Tic,
        14 => Command::SendText((*bytes.pick(&["shs+exercise+{\"CEX\":\"1\"}", "", "ech+hb", "a\nb"])).into()),
        15 => Command::HardReset { restart: bytes.chance(128) },
        16 => Command::Disconnect,
        17 if bytes.chance(96) => Command::Shutdown { drain: bytes.chance(128) },
        18 => {
            if bytes.chance(128) {
                Command::CheckPing
            } else {
                Command::CheckHealth
            }
        }
        _ => Command::Start,
    })
}

/// A step that fits the present state; one in eight is blind.
pub(crate) fn guided(bytes: &mut ByteSource<'_>, machine: &Machine, requests: &[RequestId]) -> Step {
    if bytes.chance(32) {
        return blind(bytes, machine, requests);
    }
    let status = machine.status();
    let Some(conn) = status.conn else {
        return match (status.state, bytes.below(3)) {
            (_, 0) => command(bytes, machine, requests),
            (ConnectionState::Stopped, _) => Step::Command(Command::Start),
            _ => input(Input::Tick),
        };
    };
    let receive = |text: &'static str| input(Input::Frame(conn, Bytes::from_static(text.as_bytes())));
    let held = machine.subscriptions();
    let some = |bytes: &mut ByteSource<'_>, state: SubscriptionState| {
        let of: Vec<_> = held.iter().filter(|info| info.state == state).map(|info| info.key.clone()).collect();
        (!of.is_empty()).then(|| bytes.pick(&of).clone())
    };
    match status.state {
        ConnectionState::Connecting => match bytes.below(8) {
            0 => input(Input::ConnectFailed(conn, failure(bytes))),
            1 => command(bytes, machine, requests),
            2 => input(Input::Tick),
            _ => input(Input::Opened(conn)),
        },
        ConnectionState::Open => match bytes.below(8) {
            0 => receive(frames::WAITING),
            1 => receive(frames::UNAUTHENTICATED),
            2 => command(bytes, machine, requests),
            3 => receive(frames::HEARTBEAT),
            4 | 5 => receive(frames::AUTHENTICATED),
            _ => receive(frames::SUCCESS),
        },
        ConnectionState::Ready | ConnectionState::Degraded => match bytes.below(24) {
            0..=4 => command(bytes, machine, requests),
            5..=10 => {
                match some(bytes, SubscriptionState::Subscribing).or_else(|| some(bytes, SubscriptionState::Expiring)) {
                    Some(key) => input(Input::Frame(conn, frames::data(&key))),
                    None => command(bytes, machine, requests),
                }
            }
            11 | 12 => match some(bytes, SubscriptionState::Active).or_else(|| some(bytes, SubscriptionState::Quiet)) {
                Some(key) => input(Input::Frame(conn, frames::data(&key))),
                None => receive(frames::HEARTBEAT),
            },
            13 | 14 => match some(bytes, SubscriptionState::Unsubscribing) {
                Some(key) if key.key() == Key::MarketHistory && bytes.chance(128) => {
                    input(Input::Frame(conn, frames::data(&key)))
                }
                Some(key) if key.key() == Key::MarketHistory => {
                    let text = format!("{{\"message\":\"Unsubscribed {}\"}}", frames::server_id(&key));
                    input(Input::Frame(conn, text.into()))
                }
                Some(key) if key.key() == Key::AccountLedger => receive(r#"{"result":"unsubscribed from ledger"}"#),
                _ => receive(r#"{"result":"unsubscribed from summary"}"#),
            },
            15 => input(Input::Pong(conn)),
            16 => input(rest_done(bytes)),
            17 | 18 => input(Input::Frame(conn, Bytes::from_static(bytes.pick(&frames::OTHER_FRAMES).as_bytes()))),
            19 => receive(if bytes.chance(128) { frames::UNAUTHENTICATED } else { frames::AUTHENTICATED }),
            20 => input(Input::Closed(conn, end(bytes))),
            21 => input(Input::Tick),
            22 => receive(frames::AUTHENTICATED),
            _ => receive(frames::HEARTBEAT),
        },
        _ => match bytes.below(4) {
            0 => input(Input::Tick),
            1 => command(bytes, machine, requests),
            _ => input(Input::Closed(conn, CloseCause::Close(Some(1000)))),
        },
    }
}
