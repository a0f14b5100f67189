//! The settings of the machine, each with its default and the reason for it.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use crate::payload::{Processor, Renewal};

/// How long the machine holds back texts until the gateway's greeting.
///
/// The gateway discards without a reply whatever is written before
/// `{"topic":"system","success":…}` (docs/protocol.md §1.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadyGate {
    /// Writes as soon as the socket is open. The connection is ready only after a frame.
    Off,
    /// Waits at most this long after the socket opened, then sends subscriptions without a
    /// greeting. A gateway that sent `waiting for session` must greet first, as under `Strict`.
    Wait(Duration),
    /// Waits for the greeting without a limit.
    Strict,
}

/// An account id. Its `Debug` output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Account(Box<str>);

impl Account {
    /// Returns the account with this id, for example `DU1234567`.
    #[must_use]
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id.
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
/// The machine raises durations of zero to one millisecond and counts of attempts to one, because
/// with zero it would loop without end.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of the jitter of delays. Different seeds spread the dials of several clients. Default:
    /// 0; the builder of the client draws a random one.
    pub seed: u64,
    /// How long texts are held back until the greeting. Default: at most 5 s.
    pub ready_gate: ReadyGate,
    /// How long a connection may send no frame at all. A gateway accepts connections while its
    /// backend is away, and they stay silent for ever (docs/protocol.md §1.8). Grows by half with
    /// each silent connection in a row, to three times at most. Default: 20 s, then 30, 45, 60 s.
    pub first_frame_timeout: Duration,
    /// How long the machine waits after the greeting for the first authentication state (`sts`). A
    /// gateway that sends none counts as authenticated after that. Default: 1 s, since recorded
    /// opening bursts end within 250 ms (docs/protocol.md §1.4).
    pub auth_wait: Duration,
    /// Limit of a dial: TCP, TLS and upgrade together. Default: 30 s.
    pub connect_timeout: Duration,
    /// How long the machine waits for the reply to its Close; at shutdown always 1 s. Default: 5 s.
    pub close_timeout: Duration,
    /// How long a shutdown that unsubscribes first waits for confirmations. Default: 2 s.
    pub drain_timeout: Duration,
    /// Upper bound of the first delay between dials. The bound doubles with each dial. Default: 1
    /// s.
    pub backoff_min: Duration,
    /// Upper bound of every delay between dials. Default: 8 s.
    pub backoff_max: Duration,
    /// How long a connection must have been greeted before the delays between dials restart from
    /// `backoff_min`, and how long it must have been ready before the pauses between dials for an
    /// unauthenticated session do.
    /// Default: 30 s.
    pub stable_after: Duration,
    /// Number of dials after which `Start` fails; `None`: no limit. Default: 10.
    pub max_connection_attempts: Option<u32>,
    /// Number of dials after which the machine stops once it was connected; `None`: no limit.
    /// Default: `None`.
    pub max_reconnect_attempts: Option<u32>,
    /// Dials again after a Close by the peer, code 1000 included. Default: true.
    pub restart_on_close: bool,
    /// Dials again after a failure of transport, TLS, protocol or liveness. Default: true.
    pub restart_on_critical: bool,
    /// Silence after which a connection that has had a heartbeat counts as lost. Default: 25 s;
    /// heartbeats arrive every 10 s (docs/protocol.md §4.1).
    pub silence_limit: Duration,
    /// Time to reply to a probe. Before the first heartbeat, silence of `silence_limit` causes a
    /// `tic`, which reaches the gateway's backend, and the connection counts as lost if this time
    /// ends without a frame. A WebSocket ping has as long for its pong. Default: 20 s.
    pub ping_reply_limit: Duration,
    /// Interval of `tic`, which keeps the brokerage session alive; IBKR requires one a minute at
    /// least (docs/protocol.md §3.8). `None`: no `tic`. Default: 30 s.
    pub tic_interval: Option<Duration>,
    /// Delay of the first `tic` after the connection is ready. Its reply has the session id,
    /// without which a change cannot be seen: a shorter delay shortens the time in which a new
    /// login of the gateway goes unnoticed. Default: `None`, which is one `tic_interval`.
    pub first_tic: Option<Duration>,
    /// Interval of WebSocket pings; `None`: no pings. Default: 45 s, that of the reference.
    pub ping_interval: Option<Duration>,
    /// Age of the last pong after which the connection counts as lost, while a ping is pending;
    /// `None`: no limit. Default: 300 s.
    pub max_pong_age: Option<Duration>,
    /// Number of times a subscription is sent before it counts as failed. Default: 5.
    pub subscription_retries: u32,
    /// How long each attempt to subscribe waits for its confirmation. Default: 2 s.
    pub subscription_timeout: Duration,
    /// The same for histories (`mh`), whose repeated requests may use up the five that the gateway
    /// takes (docs/protocol.md §3.11). Default: 10 s.
    pub history_timeout: Duration,
    /// The same for ledgers (`ld`), which may wait for their next period (docs/protocol.md §3.11).
    /// Default: 12 s.
    pub ledger_timeout: Duration,
    /// First delay after a refusal. It doubles with each refusal and varies by 20 %. Default: 2 s.
    pub refusal_min: Duration,
    /// Longest delay after a refusal, and the delay between retries of a failed subscription.
    /// Default: 30 s.
    pub refusal_max: Duration,
    /// Whether REST requests are made: somebody takes [`Action::Rest`](crate::Action::Rest) and
    /// replies. The builder of the client sets it. Default: true.
    pub rest_handler: bool,
    /// How long the REST handler may take to prime a subscription. The subscription is then sent
    /// without it. Default: 5 s.
    pub prime_timeout: Duration,
    /// How long the REST handler may take for any other request. Default: 30 s.
    pub rest_timeout: Duration,
    /// Age at which market data is renewed, because streams end silently after 10 minutes
    /// (docs/protocol.md §3.1). The age varies down to 5 % less. `None`: no renewal.
    /// [`Subscribe::renew_after`](crate::Subscribe::renew_after) overrides it. Default: 9 min.
    pub renew_market_data: Option<Duration>,
    /// How market data is renewed. [`Subscribe::renewal`](crate::Subscribe::renewal) overrides it.
    /// Default: [`Renewal::UnsubscribeFirst`].
    pub renewal: Renewal,
    /// Number of subscriptions sent at a time after a reconnect, by a `Recreate`, and by renewals
    /// that coincide. Default: 25, which a gateway was seen to accept (docs/protocol.md §3.1).
    pub resubscribe_burst: usize,
    /// Pause between two such bursts. Default: 250 ms.
    pub resubscribe_pause: Duration,
    /// Account that the session must serve. An `act` frame that lists only others causes
    /// [`Event::AccountMismatch`](crate::Event::AccountMismatch). Default: none, no comparison.
    pub account: Option<Account>,
    /// Greatest number of concurrent histories; the gateway accepts 5 (docs/protocol.md §3.2). A
    /// subscribe beyond it fails with [`CommandError::Budget`](crate::CommandError::Budget).
    /// Default: 5.
    pub max_histories: usize,
    /// Greatest number of market data lines; IBKR allows 100 by default (docs/protocol.md §5). A
    /// subscribe beyond it fails with [`CommandError::Budget`](crate::CommandError::Budget).
    /// Default: 100.
    pub max_lines: usize,
    /// Sends every subscription again on each new connection. If `false`, only `Recreate` does.
    /// Default: true.
    pub recreate_on_reconnect: bool,
    /// Builds the texts of subscriptions. Default:
    /// [`WireProcessor`](crate::subscribe::WireProcessor).
    pub processor: Processor,
}

impl Default for Config {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            seed: 0,
            ready_gate: ReadyGate::Wait(secs(5)),
            first_frame_timeout: secs(20),
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
            history_timeout: secs(10),
            ledger_timeout: secs(12),
            refusal_min: secs(2),
            refusal_max: secs(30),
            rest_handler: true,
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
    /// Raises every duration to at least a millisecond and every count of attempts to at least one,
    /// so that no setting makes the machine loop without end.
    pub(crate) fn floored(mut self) -> Self {
        let floor = Duration::from_millis(1);
        for span in [
            &mut self.first_frame_timeout,
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
            &mut self.history_timeout,
            &mut self.ledger_timeout,
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
