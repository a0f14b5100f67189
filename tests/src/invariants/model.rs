//! A reference model of the subscription table: what follows from a frame follows at once, and what takes time takes no
//! longer than the settings allow. It knows no more than what was told and written.

use core::time::Duration;
use std::collections::BTreeMap;

use ibws_proto::{Config, Instant, Key, Message, Phase, SubKey, SubStatus, SubscriptionEvent};

type Verdict = Result<(), String>;

#[derive(Clone, Debug)]
struct Row {
    status: SubStatus,
    /// When that state was told.
    since: Instant,
    /// When it was last written on this connection.
    sent: Option<Instant>,
}

/// What the table must be.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    config: Config,
    rows: BTreeMap<SubKey, Row>,
    /// Data of this step confirms it.
    confirmed: Option<SubKey>,
    /// An error of this step refuses them.
    refused: Vec<SubKey>,
    ready_since: Instant,
    phase: Phase,
}

impl Model {
    pub(crate) fn new(config: Config) -> Self {
        let (ready_since, phase) = (Instant::ORIGIN, Phase::Idle);
        Self { config, rows: BTreeMap::new(), confirmed: None, refused: Vec::new(), ready_since, phase }
    }

    /// It was written.
    pub(crate) fn sent(&mut self, key: &SubKey, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.sent = Some(now);
        }
    }

    /// The host was asked to prime it; it is written after that.
    pub(crate) fn asked(&mut self, key: &SubKey, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.since = now;
        }
    }

    /// A withdrawal on this channel was written.
    pub(crate) fn left(&mut self, channel: Key, now: Instant) {
        let leaving = |key: &SubKey, row: &Row| key.key() == channel && row.status == SubStatus::Unsubscribing;
        for (_, row) in self.rows.iter_mut().filter(|(key, row)| leaving(key, row)) {
            row.sent = Some(now);
        }
    }

    pub(crate) fn phase(&mut self, phase: Phase, now: Instant) {
        if phase == Phase::Ready {
            self.ready_since = now;
        }
        if matches!(phase, Phase::Idle | Phase::Backoff | Phase::Connecting) {
            self.rows.values_mut().for_each(|row| row.sent = None);
        }
        self.phase = phase;
    }

    pub(crate) fn told(&mut self, event: &SubscriptionEvent, now: Instant) {
        if event.status == SubStatus::Gone {
            self.rows.remove(&event.key);
            return;
        }
        let sent = self.rows.get(&event.key).and_then(|row| row.sent);
        // What is written is written before its state is told; a first text is that of this moment.
        let first = matches!(event.status, SubStatus::Subscribing | SubStatus::Quiet);
        let sent = sent.or(first.then_some(now));
        self.rows.insert(event.key.clone(), Row { status: event.status, since: now, sent });
    }

    /// A frame was told; what follows from it comes after it.
    pub(crate) fn message(&mut self, message: &Message) {
        let unconfirmed = |status| matches!(status, SubStatus::Subscribing | SubStatus::Quiet | SubStatus::Expiring);
        if let Some(key) = &message.subscription {
            let waits = |status| unconfirmed(status) || matches!(status, SubStatus::Refused | SubStatus::Failed);
            let row = self.rows.get(key).filter(|row| row.sent.is_some() && waits(row.status));
            self.confirmed = row.map(|_| key.clone());
        }
        if message.key == Some(Key::Error)
            && let Some(topic) = message.frame.topic()
            && let Some(channel) = Key::of_topic(&topic).filter(|key| !key.is_unsolicited())
        {
            let exact = topic.strip_prefix('s').filter(|name| self.rows.contains_key(*name) && name.contains('+'));
            let meant = |key: &SubKey| match exact {
                Some(exact) => key.as_str() == exact,
                None => key.key() == channel,
            };
            let rows = self.rows.iter().filter(|(key, row)| meant(key) && unconfirmed(row.status));
            self.refused = rows.map(|(key, _)| key.clone()).collect();
        }
    }

    /// The step is over.
    pub(crate) fn settled(&mut self, now: Instant, is_leaving: bool) -> Verdict {
        let status = |key: &SubKey| self.rows.get(key).map(|row| row.status);
        if let Some(key) = self.confirmed.take()
            && status(&key) != Some(SubStatus::Active)
        {
            return Err(format!("{key} is {:?}, though data came for it", status(&key)));
        }
        for key in core::mem::take(&mut self.refused) {
            if !matches!(status(&key), Some(SubStatus::Refused | SubStatus::Failed)) {
                return Err(format!("{key} is {:?}, though its channel was refused", status(&key)));
            }
        }
        if is_leaving || self.phase != Phase::Ready {
            return Ok(());
        }
        let overdue = |(key, row): (&SubKey, &Row)| {
            let since = row.sent.unwrap_or(row.since).max(row.since).max(self.ready_since);
            let limit = self.limit(row.status)?;
            (now.since(since) > limit).then(|| format!("{key} is {:?} since {since:?}; at most {limit:?}", row.status))
        };
        self.rows.iter().find_map(overdue).map_or(Ok(()), Err)
    }

    /// How long a state may last on a ready connection; `None`: as long as it likes.
    fn limit(&self, status: SubStatus) -> Option<Duration> {
        let config = &self.config;
        // Its turn comes after that of all others, and the host has its time; both may begin anew, and then again.
        let others = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let turn = (config.burst_pause * (others + 1) + config.prime_timeout) * 3 + Duration::from_millis(10);
        let tries = config.subscription_retries.max(1) + 1;
        match status {
            SubStatus::Subscribing | SubStatus::Expiring => Some(config.subscription_timeout + turn),
            SubStatus::Refused | SubStatus::Failed => Some(config.refusal_cap.max(config.refusal_first) + turn),
            SubStatus::Degraded => config.recreate_on_reconnect.then_some(turn),
            SubStatus::Unsubscribing => Some(config.subscription_timeout * tries),
            _ => None,
        }
    }
}
