//! A reference model of the subscription table: what follows from a frame follows at once, and what takes time takes no
//! longer than the settings allow. It knows no more than what was told and written.

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::{
    Config, ConnectionState, Instant, Key, Message, SubscriptionEvent, SubscriptionKey, SubscriptionState,
};

type Verdict = Result<(), String>;

#[derive(Clone, Debug)]
struct Row {
    status: SubscriptionState,
    /// When that state was told.
    since: Instant,
    /// When it was last written on this connection.
    sent: Option<Instant>,
}

/// What the table must be.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    config: Config,
    rows: BTreeMap<SubscriptionKey, Row>,
    /// Data of this step confirms it.
    confirmed: Option<SubscriptionKey>,
    /// An error of this step refuses them.
    refused: Vec<SubscriptionKey>,
    ready_since: Instant,
    connection_state: ConnectionState,
}

impl Model {
    pub(crate) fn new(config: Config) -> Self {
        let (ready_since, connection_state) = (Instant::ORIGIN, ConnectionState::Stopped);
        Self { config, rows: BTreeMap::new(), confirmed: None, refused: Vec::new(), ready_since, connection_state }
    }

    /// It was written.
    pub(crate) fn sent(&mut self, key: &SubscriptionKey, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.sent = Some(now);
        }
    }

    /// The host was asked to prime it; it is written after that.
    pub(crate) fn asked(&mut self, key: &SubscriptionKey, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.since = now;
        }
    }

    /// A withdrawal on this channel was written.
    pub(crate) fn left(&mut self, channel: Key, now: Instant) {
        let leaving =
            |key: &SubscriptionKey, row: &Row| key.key() == channel && row.status == SubscriptionState::Unsubscribing;
        for (_, row) in self.rows.iter_mut().filter(|(key, row)| leaving(key, row)) {
            row.sent = Some(now);
        }
    }

    pub(crate) fn connection_state(&mut self, connection_state: ConnectionState, now: Instant) {
        if connection_state == ConnectionState::Ready {
            self.ready_since = now;
        }
        if matches!(connection_state, ConnectionState::Stopped | ConnectionState::Backoff | ConnectionState::Connecting)
        {
            self.rows.values_mut().for_each(|row| row.sent = None);
        }
        self.connection_state = connection_state;
    }

    pub(crate) fn told(&mut self, event: &SubscriptionEvent, now: Instant) {
        if event.state == SubscriptionState::Removed {
            self.rows.remove(&event.key);
            return;
        }
        let sent = self.rows.get(&event.key).and_then(|row| row.sent);
        // What is written is written before its state is told; a first text is that of this moment.
        let first = matches!(event.state, SubscriptionState::Subscribing | SubscriptionState::Quiet);
        let sent = sent.or(first.then_some(now));
        self.rows.insert(event.key.clone(), Row { status: event.state, since: now, sent });
    }

    /// A frame was told; what follows from it comes after it.
    pub(crate) fn message(&mut self, message: &Message) {
        let unconfirmed = |status| {
            matches!(status, SubscriptionState::Subscribing | SubscriptionState::Quiet | SubscriptionState::Expiring)
        };
        if let Some(key) = &message.subscription {
            let waits = |status| {
                unconfirmed(status) || matches!(status, SubscriptionState::Refused | SubscriptionState::Failed)
            };
            let row = self.rows.get(key).filter(|row| row.sent.is_some() && waits(row.status));
            self.confirmed = row.map(|_| key.clone());
        }
        if message.key == Some(Key::Error)
            && let Some(topic) = message.frame.topic()
            && let Some(channel) = Key::from_topic(&topic).filter(|key| !key.is_unsolicited())
        {
            let exact = topic.strip_prefix('s').filter(|name| self.rows.contains_key(*name) && name.contains('+'));
            let meant = |key: &SubscriptionKey| match exact {
                Some(exact) => key.as_str() == exact,
                None => key.key() == channel,
            };
            let rows = self.rows.iter().filter(|(key, row)| meant(key) && unconfirmed(row.status));
            self.refused = rows.map(|(key, _)| key.clone()).collect();
        }
    }

    /// The step is over.
    pub(crate) fn settled(&mut self, now: Instant, is_leaving: bool) -> Verdict {
        let status = |key: &SubscriptionKey| self.rows.get(key).map(|row| row.status);
        if let Some(key) = self.confirmed.take()
            && status(&key) != Some(SubscriptionState::Active)
        {
            return Err(format!("{key} is {:?}, though data came for it", status(&key)));
        }
        for key in core::mem::take(&mut self.refused) {
            if !matches!(status(&key), Some(SubscriptionState::Refused | SubscriptionState::Failed)) {
                return Err(format!("{key} is {:?}, though its channel was refused", status(&key)));
            }
        }
        if is_leaving || self.connection_state != ConnectionState::Ready {
            return Ok(());
        }
        let overdue = |(key, row): (&SubscriptionKey, &Row)| {
            let since = row.sent.unwrap_or(row.since).max(row.since).max(self.ready_since);
            let limit = self.limit(row.status)?;
            (now.since(since) > limit).then(|| format!("{key} is {:?} since {since:?}; at most {limit:?}", row.status))
        };
        self.rows.iter().find_map(overdue).map_or(Ok(()), Err)
    }

    /// How long a state may last on a ready connection; `None`: as long as it likes.
    fn limit(&self, status: SubscriptionState) -> Option<Duration> {
        let config = &self.config;
        // Its turn comes after that of all others, and the host has its time; both may begin anew, and then again.
        let others = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let turn = (config.resubscribe_pause * (others + 1) + config.prime_timeout) * 3 + Duration::from_millis(10);
        let tries = config.subscription_retries.max(1) + 1;
        match status {
            SubscriptionState::Subscribing | SubscriptionState::Expiring => Some(config.subscription_timeout + turn),
            SubscriptionState::Refused | SubscriptionState::Failed => {
                Some(config.refusal_max.max(config.refusal_min) + turn)
            }
            SubscriptionState::Degraded => config.recreate_on_reconnect.then_some(turn),
            SubscriptionState::Unsubscribing => Some(config.subscription_timeout * tries),
            _ => None,
        }
    }
}
