//! The part of the model that knows time: what follows from a frame follows in the same step, and
//! what takes time takes no longer than the settings allow.

use core::time::Duration;

use ibws_proto::{ConnectionState, Instant, Key, Message, SubscriptionKey, SubscriptionState};

use super::{Row, Subscriptions};

/// How far apart calls for orders lie; priming waits for its turn (docs/protocol.md §8.3).
const ORDERS_SPACING: Duration = Duration::from_secs(5);

/// A step of the clock after which the machine counts as having been suspended.
const SUSPENDED: Duration = Duration::from_secs(60);

fn is_unconfirmed(state: SubscriptionState) -> bool {
    matches!(state, SubscriptionState::Subscribing | SubscriptionState::Quiet | SubscriptionState::Expiring)
}

impl Subscriptions {
    /// Records that a subscribe was written.
    pub(crate) fn sent(&mut self, key: &SubscriptionKey, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.sent = Some(now);
        }
    }

    /// Records that the REST handler was asked to prime a subscription, which is written after
    /// that.
    pub(crate) fn priming(&mut self, key: &SubscriptionKey, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.since = now;
        }
    }

    /// Records that an unsubscribe on this channel was written.
    pub(crate) fn unsubscribed(&mut self, channel: Key, now: Instant) {
        let ends =
            |key: &SubscriptionKey, row: &Row| key.key() == channel && row.state == SubscriptionState::Unsubscribing;
        for (_, row) in self.rows.iter_mut().filter(|(key, row)| ends(key, row)) {
            row.sent = Some(now);
        }
    }

    pub(crate) fn connection_state(&mut self, state: ConnectionState, now: Instant) {
        if state == ConnectionState::Ready {
            self.ready_since = now;
        }
        if matches!(state, ConnectionState::Stopped | ConnectionState::Backoff | ConnectionState::Connecting) {
            self.rows.values_mut().for_each(|row| row.sent = None);
        }
        self.connection_state = state;
    }

    /// Records what a message confirms or refuses; the states that follow come after its event.
    pub(crate) fn message(&mut self, message: &Message) {
        if let Some(key) = &message.subscription {
            let waits = |state| {
                is_unconfirmed(state) || matches!(state, SubscriptionState::Refused | SubscriptionState::Failed)
            };
            let row = self.rows.get(key).filter(|row| row.sent.is_some() && waits(row.state));
            self.confirmed = row.map(|_| key.clone());
        }
        if message.key == Some(Key::Error)
            && let Some(topic) = message.frame.topic()
            && let Some(channel) = Key::from_topic(&topic).filter(|key| !key.is_unsolicited())
        {
            let exact = topic.strip_prefix('s').filter(|name| self.rows.contains_key(*name) && name.contains('+'));
            let is_meant = |key: &SubscriptionKey| match exact {
                Some(exact) => key.as_str() == exact,
                None => key.key() == channel,
            };
            let rows = self.rows.iter().filter(|(key, row)| is_meant(key) && is_unconfirmed(row.state));
            self.refused = rows.map(|(key, _)| key.clone()).collect();
        }
    }

    /// Checks at the end of a step that confirmations and refusals took effect, and that no state
    /// has lasted longer than the settings allow.
    pub(crate) fn check_deadlines(&mut self, now: Instant) -> Result<(), String> {
        // What became due while the machine was not run takes its time from here on: priming, for
        // example, waits for its turn after the orders that were due first.
        if now.since(core::mem::replace(&mut self.last_step, now)) > SUSPENDED {
            self.awake_since = now;
        }
        let state = |key: &SubscriptionKey| self.rows.get(key).map(|row| row.state);
        if let Some(key) = self.confirmed.take()
            && state(&key) != Some(SubscriptionState::Active)
        {
            return Err(format!("{key} is {:?}, though data came for it", state(&key)));
        }
        for key in core::mem::take(&mut self.refused) {
            if !matches!(state(&key), Some(SubscriptionState::Refused | SubscriptionState::Failed)) {
                return Err(format!("{key} is {:?}, though its channel was refused", state(&key)));
            }
        }
        if self.is_shutting_down() || self.connection_state != ConnectionState::Ready {
            return Ok(());
        }
        let overdue = |(key, row): (&SubscriptionKey, &Row)| {
            let since = row.sent.unwrap_or(row.since).max(row.since).max(self.ready_since).max(self.awake_since);
            let limit = self.limit(key.key(), row.state)?;
            (now.since(since) > limit).then(|| format!("{key} is {:?} since {since:?}; at most {limit:?}", row.state))
        };
        self.rows.iter().find_map(overdue).map_or(Ok(()), Err)
    }

    /// How long a state may last on a ready connection; `None` if it may last for ever.
    fn limit(&self, channel: Key, state: SubscriptionState) -> Option<Duration> {
        let config = &self.config;
        // A turn in the resubscribe burst comes after that of all others, and priming takes its
        // time. Both can restart, more than once.
        let others = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let turn = (config.resubscribe_pause * (others + 1) + config.prime_timeout + ORDERS_SPACING) * 3
            + Duration::from_millis(10);
        let timeout = match channel {
            Key::MarketHistory => config.history_timeout,
            Key::AccountLedger => config.ledger_timeout,
            _ => config.subscription_timeout,
        };
        let tries = config.subscription_retries.max(1) + 1;
        match state {
            SubscriptionState::Subscribing | SubscriptionState::Expiring => {
                Some(timeout.max(Duration::from_millis(1)) + turn)
            }
            SubscriptionState::Refused | SubscriptionState::Failed => {
                Some(config.refusal_max.max(config.refusal_min) + turn)
            }
            SubscriptionState::Degraded => config.recreate_on_reconnect.then_some(turn),
            SubscriptionState::Unsubscribing => Some(config.subscription_timeout * tries),
            _ => None,
        }
    }
}
