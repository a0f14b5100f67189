//! Everything that can be set, with its default and the reason for it.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use crate::payload::Processor;

/// How long writing waits for the gateway's greeting.
///
/// The gateway discards without a word whatever is written before `{"topic":"system","success":…}` (docs/protocol.md §1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadyGate {
    /// Not at all.
    Off,
    /// This long after the socket opened; then subscriptions go out all the same.
    Wait(Duration),
    /// Until it comes, however long.
    Strict,
}

/// How market data is subscribed anew before the gateway ends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Renewal {
    /// `umd`, then `smd`: known to work (docs/protocol.md §3.1).
    #[default]
    UnsubscribeFirst,
    /// `smd` again: one text less. Whether it extends the stream was never measured.
    Resubscribe,
}

/// An account id. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Account(Box<str>);

impl Account {
    /// The account with this id, `DU1234567`.
    #[must_use]
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(…)")
    }
}

/// The settings of a [`Machine`](crate::Machine).
///
/// Times of zero would make it spin; the machine raises them to a millisecond.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of the jitter of delays. Two clients with different seeds spread out. Default 0; the driver draws one.
    pub seed: u64,
    /// The wait for the greeting. Default: 5 s.
    pub ready_gate: ReadyGate,
    /// How long after the greeting the first word on authentication (`sts`) is awaited; a gateway that never says it is
    /// taken at its greeting. Default: 1 s (real bursts are over within 250 ms, docs/protocol.md §1.4).
    pub auth_wait: Duration,
    /// TCP, TLS and upgrade together. Default: 30 s.
    pub connect_timeout: Duration,
    /// The wait for the answer to our Close. Default: 5 s; 1 s at shutdown.
    pub close_timeout: Duration,
    /// The wait for confirmations when a shutdown unsubscribes first. Default: 2 s.
    pub drain_timeout: Duration,
    /// Upper bound of the first delay between dials; it doubles. Default: 1 s.
    pub backoff_min: Duration,
    /// Upper bound of every delay between dials. Default: 8 s.
    pub backoff_max: Duration,
    /// How long a connection must have been ready before the delays start over. Default: 30 s.
    pub stable_after: Duration,
    /// How often `Start` dials before it gives up; `None`: for ever. Default: 10.
    pub max_connection_attempts: Option<u32>,
    /// The same after a first success. Default: `None`, for ever.
    pub max_reconnect_attempts: Option<u32>,
    /// Dial again after a Close that nobody here asked for, code 1000 included. Default: true.
    pub restart_on_close: bool,
    /// Dial again after a failure of transport, TLS, protocol or liveness. Default: true.
    pub restart_on_critical: bool,
    /// Once heartbeats were seen on a connection: silence that long means it is dead. Default: 25 s (heartbeats come
    /// every 10 s, docs/protocol.md §4.1).
    pub silence_limit: Duration,
    /// Before heartbeats were seen: after `silence_limit` without a byte a WebSocket ping goes out, and the connection is
    /// dead that much later. Default: 20 s.
    pub ping_reply_limit: Duration,
    /// `tic` keeps the brokerage session alive; IBKR asks for one a minute at least (docs/protocol.md §3.8). Default: 30 s; `None`:
    /// off.
    pub tic_interval: Option<Duration>,
    /// How soon after ready the first `tic` goes out. Its answer holds the session's id, and only with it can a change be
    /// seen: the sooner, the shorter the time in which a gateway that logs in anew goes unnoticed. Default: `None`, one
    /// `tic_interval`.
    pub first_tic: Option<Duration>,
    /// WebSocket pings. Default: 45 s, the reference's; `None`: off.
    pub ping_interval: Option<Duration>,
    /// A last pong older than this, with pings on, means the connection is dead. Default: 300 s; `None`: off.
    pub max_pong_age: Option<Duration>,
    /// How often a subscription is sent before it counts as failed. Default: 5.
    pub subscription_retries: u32,
    /// How long each sending waits for its confirmation. Default: 2 s.
    pub subscription_timeout: Duration,
    /// The first delay after a refusal; it doubles, give or take 20 %. Default: 2 s.
    pub refusal_min: Duration,
    /// The longest delay after a refusal, and between tries of a failed subscription. Default: 30 s.
    pub refusal_max: Duration,
    /// How long the host may take to prime a subscription over REST; then it is sent all the same. Default: 5 s.
    pub prime_timeout: Duration,
    /// How long the host may take for anything else it is asked. Default: 30 s.
    pub rest_timeout: Duration,
    /// Age at which market data is subscribed anew: streams end silently after 10 minutes (docs/protocol.md §3.1). Default:
    /// 9 min, up to 5 % sooner; `None`: off.
    pub renew_market_data: Option<Duration>,
    /// How it is subscribed anew. Default: [`Renewal::UnsubscribeFirst`].
    pub renewal: Renewal,
    /// How many subscriptions are sent at once after a reconnect, by a `Recreate`, and by renewals that fall together.
    /// Default: 25, which a gateway was seen to take (docs/protocol.md §3.1).
    pub resubscribe_burst: usize,
    /// The pause between two such bursts. Default: 250 ms.
    pub resubscribe_pause: Duration,
    /// The account that the session should serve: an `act` that lists others only is told as
    /// [`Event::AccountMismatch`](crate::Event::AccountMismatch). Default: none, nothing is compared.
    pub account: Option<Account>,
    /// Concurrent histories; the gateway takes 5 (docs/protocol.md §3.2). Default: 5.
    pub max_histories: usize,
    /// Market data lines; 100 by default at IBKR (docs/protocol.md §5). Default: 100.
    pub max_lines: usize,
    /// Subscribe everything anew on each connection. Default: true; otherwise only `Recreate` does.
    pub recreate_on_reconnect: bool,
    /// How payload texts are made. Default: [`WireProcessor`](crate::WireProcessor).
    pub processor: Processor,
}

impl Default for Config {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            seed: 0,
            ready_gate: ReadyGate::Wait(secs(5)),
            auth_wait: secs(1),
            connect_timeout: secs(30),
            close_timeout: secs(5),
            drain_timeout: secs(2),
            backoff_min: secs(1),
            backoff_max: secs(8),
            stable_after: secs(30),
            max_connection_attempts: Some(10),
            max_reconnect_attempts: None,
            restart_on_close: true,
            restart_on_critical: true,
            silence_limit: secs(25),
            ping_reply_limit: secs(20),
            tic_interval: Some(secs(30)),
            first_tic: None,
            ping_interval: Some(secs(45)),
            max_pong_age: Some(secs(300)),
            subscription_retries: 5,
            subscription_timeout: secs(2),
            refusal_min: secs(2),
            refusal_max: secs(30),
            prime_timeout: secs(5),
            rest_timeout: secs(30),
            renew_market_data: Some(secs(9 * 60)),
            renewal: Renewal::default(),
            resubscribe_burst: 25,
            resubscribe_pause: Duration::from_millis(250),
            account: None,
            max_histories: 5,
            max_lines: 100,
            recreate_on_reconnect: true,
            processor: Processor::default(),
        }
    }
}

impl Config {
    /// The same with every time at least a millisecond and every count of tries at least one, so that no setting can
    /// make the machine spin.
    pub(crate) fn floored(mut self) -> Self {
        let floor = Duration::from_millis(1);
        for span in [
            &mut self.auth_wait,
            &mut self.connect_timeout,
            &mut self.close_timeout,
            &mut self.drain_timeout,
            &mut self.backoff_min,
            &mut self.backoff_max,
            &mut self.stable_after,
            &mut self.silence_limit,
            &mut self.ping_reply_limit,
            &mut self.subscription_timeout,
            &mut self.refusal_min,
            &mut self.refusal_max,
            &mut self.prime_timeout,
            &mut self.rest_timeout,
            &mut self.resubscribe_pause,
        ]
        .into_iter()
        .chain(self.tic_interval.as_mut())
        .chain(self.first_tic.as_mut())
        .chain(self.ping_interval.as_mut())
        .chain(self.max_pong_age.as_mut())
        .chain(self.renew_market_data.as_mut())
        {
            *span = (*span).max(floor);
        }
        self.resubscribe_burst = self.resubscribe_burst.max(1);
        self.subscription_retries = self.subscription_retries.max(1);
        self.max_connection_attempts = self.max_connection_attempts.map(|n| n.max(1));
        self.max_reconnect_attempts = self.max_reconnect_attempts.map(|n| n.max(1));
        self
    }
}
