//! The settings of the machine that people change, as methods of the builder. Each equals the
//! change of the field of [`Config`] that its documentation names.

use core::time::Duration;
use std::boxed::Box;

use super::builder::Builder;
#[cfg(doc)]
use super::client::Client;
#[cfg(doc)]
use crate::Config;
use crate::subscribe::Processor;
use crate::transport::Runtime;
use crate::{Account, ReadyGate, Renewal};

/// The settings of the machine. [`configure`](Self::configure) reaches all others.
impl<R: Runtime> Builder<R> {
    /// Sets the account that the session must serve; an `act` frame that lists only others is
    /// reported as [`Event::AccountMismatch`](crate::Event::AccountMismatch) ([`Config::account`]).
    /// Default: none, no comparison.
    pub fn account(self, id: impl Into<Box<str>>) -> Self {
        self.configure(|config| config.account = Some(Account::new(id)))
    }

    /// Sets how long texts are held back until the gateway's greeting ([`Config::ready_gate`]).
    /// Default: at most 5 s.
    pub fn ready_gate(self, gate: ReadyGate) -> Self {
        self.configure(|config| config.ready_gate = gate)
    }

    /// Sets how long a connection may send no frame at all ([`Config::first_frame_timeout`]).
    /// Default: 20 s.
    pub fn first_frame_timeout(self, limit: Duration) -> Self {
        self.configure(|config| config.first_frame_timeout = limit)
    }

    /// Sets the limit of a dial: TCP, TLS and upgrade together ([`Config::connect_timeout`]). The
    /// limits of each stage are those of [`limits`](Self::limits). Default: 30 s.
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.configure(|config| config.connect_timeout = limit)
    }

    /// Sets how long the client waits for the reply to its Close, except at a shutdown
    /// ([`Config::close_timeout`]). Default: 5 s.
    pub fn close_timeout(self, limit: Duration) -> Self {
        self.configure(|config| config.close_timeout = limit)
    }

    /// Sets how long [`Client::drain`] waits for the confirmations of its unsubscribes
    /// ([`Config::drain_timeout`]). Default: 2 s.
    pub fn drain_timeout(self, limit: Duration) -> Self {
        self.configure(|config| config.drain_timeout = limit)
    }

    /// Sets the upper bounds of the first and of every delay between dials
    /// ([`Config::backoff_min`], [`Config::backoff_max`]). The bound doubles from one to the other;
    /// each delay is drawn below it. Default: 1 s and 8 s.
    pub fn backoff(self, min: Duration, max: Duration) -> Self {
        self.configure(|config| (config.backoff_min, config.backoff_max) = (min, max))
    }

    /// Sets the number of dials after which [`Client::start`] fails; `None` is no limit
    /// ([`Config::max_connection_attempts`]). Default: 10; none for
    /// [`local_gateway`](Self::local_gateway).
    pub fn max_connection_attempts(self, limit: impl Into<Option<u32>>) -> Self {
        self.configure(|config| config.max_connection_attempts = limit.into())
    }

    /// Sets the number of dials after which a client that was connected stops; `None` is no limit
    /// ([`Config::max_reconnect_attempts`]). Default: `None`.
    pub fn max_reconnect_attempts(self, limit: impl Into<Option<u32>>) -> Self {
        self.configure(|config| config.max_reconnect_attempts = limit.into())
    }

    /// Sets whether the client dials again after a Close by the peer
    /// ([`Config::restart_on_close`]). Default: `true`.
    pub fn restart_on_close(self, restarts: bool) -> Self {
        self.configure(|config| config.restart_on_close = restarts)
    }

    /// Sets whether the client dials again after a failure of transport, TLS, protocol or liveness
    /// ([`Config::restart_on_critical`]). Default: `true`.
    pub fn restart_on_critical(self, restarts: bool) -> Self {
        self.configure(|config| config.restart_on_critical = restarts)
    }

    /// Sets the silence after which a connection that has had a heartbeat counts as lost
    /// ([`Config::silence_limit`]). Default: 25 s.
    pub fn silence_limit(self, limit: Duration) -> Self {
        self.configure(|config| config.silence_limit = limit)
    }

    /// Sets the interval of `tic`, which keeps the brokerage session alive; `None` sends none
    /// ([`Config::tic_interval`]). Default: 30 s.
    pub fn tic_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        self.configure(|config| config.tic_interval = interval.into())
    }

    /// Sets the interval of WebSocket pings; `None` sends none ([`Config::ping_interval`]).
    /// Default: 45 s.
    pub fn ping_interval(self, interval: impl Into<Option<Duration>>) -> Self {
        self.configure(|config| config.ping_interval = interval.into())
    }

    /// Sets the age of the last pong after which the connection counts as lost; `None` is no limit
    /// ([`Config::max_pong_age`]). Default: 300 s.
    pub fn max_pong_age(self, limit: impl Into<Option<Duration>>) -> Self {
        self.configure(|config| config.max_pong_age = limit.into())
    }

    /// Sets the number of times a subscription is sent before it counts as failed
    /// ([`Config::subscription_retries`]). Default: 5.
    pub fn subscription_retries(self, attempts: u32) -> Self {
        self.configure(|config| config.subscription_retries = attempts)
    }

    /// Sets how long each attempt to subscribe waits for its confirmation
    /// ([`Config::subscription_timeout`]); histories and ledgers have [limits of their
    /// own](Self::slow_channel_timeouts). Default: 2 s.
    pub fn subscription_timeout(self, limit: Duration) -> Self {
        self.configure(|config| config.subscription_timeout = limit)
    }

    /// Sets how long each attempt to subscribe to a history or a ledger waits for its confirmation
    /// ([`Config::history_timeout`], [`Config::ledger_timeout`]). Default: 10 s and 12 s.
    pub fn slow_channel_timeouts(self, history: Duration, ledger: Duration) -> Self {
        self.configure(|config| (config.history_timeout, config.ledger_timeout) = (history, ledger))
    }

    /// Sets the first and the longest delay after a refusal of a subscription
    /// ([`Config::refusal_min`], [`Config::refusal_max`]). Default: 2 s and 30 s.
    pub fn refusal_backoff(self, min: Duration, max: Duration) -> Self {
        self.configure(|config| (config.refusal_min, config.refusal_max) = (min, max))
    }

    /// Sets the age at which market data is renewed before the gateway ends it; `None` renews
    /// nothing ([`Config::renew_market_data`]).
    /// [`Subscribe::renew_after`](crate::Subscribe::renew_after) overrides it. Default: 9 min.
    pub fn renew_market_data(self, age: impl Into<Option<Duration>>) -> Self {
        self.configure(|config| config.renew_market_data = age.into())
    }

    /// Sets how market data is renewed ([`Config::renewal`]).
    /// [`Subscribe::renewal`](crate::Subscribe::renewal) overrides it. Default:
    /// [`Renewal::UnsubscribeFirst`].
    pub fn renewal(self, renewal: Renewal) -> Self {
        self.configure(|config| config.renewal = renewal)
    }

    /// Sets how many subscriptions are sent at a time after a reconnect, and the pause that follows
    /// ([`Config::resubscribe_burst`], [`Config::resubscribe_pause`]). Default: 25 and 250 ms.
    pub fn resubscribe_pace(self, count: usize, pause: Duration) -> Self {
        self.configure(|config| (config.resubscribe_burst, config.resubscribe_pause) = (count, pause))
    }

    /// Sets whether every subscription is sent again on each new connection
    /// ([`Config::recreate_on_reconnect`]). Default: `true`.
    pub fn recreate_on_reconnect(self, recreates: bool) -> Self {
        self.configure(|config| config.recreate_on_reconnect = recreates)
    }

    /// Sets the greatest number of market data lines ([`Config::max_lines`]). Default: 100.
    pub fn max_lines(self, limit: usize) -> Self {
        self.configure(|config| config.max_lines = limit)
    }

    /// Sets the greatest number of concurrent histories ([`Config::max_histories`]). Default: 5.
    pub fn max_histories(self, limit: usize) -> Self {
        self.configure(|config| config.max_histories = limit)
    }

    /// Sets what builds the texts of subscriptions ([`Config::processor`]). Default:
    /// [`WireProcessor`](crate::subscribe::WireProcessor).
    pub fn processor(self, processor: Processor) -> Self {
        self.configure(|config| config.processor = processor)
    }
}
