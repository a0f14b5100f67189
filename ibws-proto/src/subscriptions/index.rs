//! The indexes of the table: they find subscriptions by timer, by channel and by conid without a
//! search.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use super::subscription::Subscription;
use crate::key::{Key, SubscriptionKey};
use crate::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Index {
    timers: BTreeSet<(Instant, SubscriptionKey)>,
    unconfirmed: BTreeSet<(Key, SubscriptionKey)>,
    /// The subscriptions whose target has a conid that is not written as the number is, such as
    /// `01`. All others are found by their names.
    odd_conids: BTreeSet<(Key, i64, SubscriptionKey)>,
    count: BTreeMap<Key, usize>,
    /// Streams whose gap ends with a frame of the connection after this moment.
    resuming: BTreeSet<(Instant, SubscriptionKey)>,
}

impl Index {
    pub(super) fn insert(&mut self, key: &SubscriptionKey) {
        self.odd_conids.extend(odd_conid(key).map(|conid| (key.key(), conid, key.clone())));
        *self.count.entry(key.key()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, subscription: &mut Subscription) {
        let key = subscription.key.clone();
        self.set_timer(subscription, None);
        self.set_resuming(subscription, None);
        self.unconfirmed.remove(&(key.key(), key.clone()));
        if let Some(conid) = odd_conid(&key) {
            self.odd_conids.remove(&(key.key(), conid, key.clone()));
        }
        if let Some(count) = self.count.get_mut(&key.key()) {
            *count = count.saturating_sub(1);
        }
    }

    /// Brings the entries of a subscription up to date after it has acted.
    pub(super) fn update(&mut self, subscription: &mut Subscription, now: Instant) {
        // A deadline that has passed fired before, when nothing could be done about it, and must
        // not fire again at once.
        let indexed = subscription.indexed.timer;
        let timer = subscription.deadline().filter(|at| *at > now || indexed == Some(*at));
        self.set_timer(subscription, timer);
        self.set_resuming(subscription, subscription.flow.resumes_at);
        let unconfirmed = subscription.state.is_unconfirmed();
        if unconfirmed != subscription.indexed.unconfirmed {
            subscription.indexed.unconfirmed = unconfirmed;
            let key = &subscription.key;
            let entry = (key.key(), key.clone());
            if unconfirmed {
                self.unconfirmed.insert(entry);
            } else {
                self.unconfirmed.remove(&entry);
            }
        }
    }

    fn set_timer(&mut self, subscription: &mut Subscription, at: Option<Instant>) {
        if subscription.indexed.timer == at {
            return;
        }
        let key = &subscription.key;
        if let Some(old) = subscription.indexed.timer {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.timers.insert((at, key.clone()));
        }
        subscription.indexed.timer = at;
    }

    fn set_resuming(&mut self, subscription: &mut Subscription, at: Option<Instant>) {
        if subscription.indexed.resuming == at {
            return;
        }
        let key = &subscription.key;
        if let Some(old) = subscription.indexed.resuming {
            self.resuming.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.resuming.insert((at, key.clone()));
        }
        subscription.indexed.resuming = at;
    }

    /// The streams whose gap ends with a frame at `now`.
    pub(super) fn resuming(&self, now: Instant) -> impl Iterator<Item = &SubscriptionKey> {
        self.resuming.iter().take_while(move |(at, _)| *at <= now).map(|(_, key)| key)
    }

    pub(super) fn first_timer(&self) -> Option<&(Instant, SubscriptionKey)> {
        self.timers.first()
    }

    /// Clears the timer of a subscription, because it fires.
    pub(super) fn clear_timer(&mut self, subscription: &mut Subscription) {
        self.set_timer(subscription, None);
    }

    /// The subscriptions of a channel that were sent and not confirmed.
    pub(super) fn unconfirmed(&self, channel: Key) -> Vec<SubscriptionKey> {
        let first = (channel, SubscriptionKey::floor());
        self.unconfirmed.range(first..).take_while(|(key, _)| *key == channel).map(|(_, key)| key.clone()).collect()
    }

    /// The subscriptions of a channel with this conid that are not found by their names.
    pub(super) fn odd_conids(&self, channel: Key, conid: i64) -> impl Iterator<Item = &SubscriptionKey> {
        let first = (channel, conid, SubscriptionKey::floor());
        self.odd_conids.range(first..).take_while(move |(k, c, _)| (*k, *c) == (channel, conid)).map(|(.., key)| key)
    }

    /// How many subscriptions a channel has.
    pub(super) fn count(&self, channel: Key) -> usize {
        self.count.get(&channel).copied().unwrap_or_default()
    }

    pub(super) fn entries(&self) -> usize {
        self.timers.len() + self.resuming.len() + self.unconfirmed.len() + self.odd_conids.len() + self.count.len()
    }
}

/// Returns the conid of a subscription to market data or a history if its target does not begin
/// with the number as it is usually written.
fn odd_conid(key: &SubscriptionKey) -> Option<i64> {
    let conid = key.conid().filter(|_| matches!(key.key(), Key::MarketData | Key::MarketHistory))?;
    (key.target().split('@').next() != Some(&*conid.to_string())).then_some(conid)
}
