//! Routes a frame to its subscription: its topic is exactly `s<key>`; else its `conidEx` equals the
//! target; else there is only one subscription with that conid. A ladder frame belongs to the only
//! ladder of its account. A frame that could belong to several subscriptions belongs to none
//! (docs/protocol.md §2).

use alloc::format;

use super::Table;
use super::subscription::Subscription;
use crate::frame::{Frame, Json};
use crate::key::{Key, SubscriptionKey};

impl Table {
    /// Returns the subscription that a frame with this topic belongs to.
    pub(super) fn route(&self, key: Key, topic: &str, frame: &Frame) -> Option<&Subscription> {
        if let Some(found) = topic.strip_prefix('s').and_then(|name| self.store.get(name)) {
            return Some(found);
        }
        let target = topic.split_once('+').map_or("", |(_, target)| target);
        let found = match key {
            Key::MarketData | Key::MarketHistory => self.by_contract(key, target, frame),
            Key::PriceLadder => self.by_account(target),
            _ => None,
        };
        self.store.get(found?.as_str())
    }

    fn by_contract(&self, key: Key, target: &str, frame: &Frame) -> Option<SubscriptionKey> {
        let channel = key.channel()?;
        if let Some(extended) = frame.get("conidEx").and_then(Json::scalar)
            && let Some(found) = self.store.get(&format!("{channel}+{extended}"))
        {
            return Some(found.subscribe.key.clone());
        }
        let conid = target.split('@').next().and_then(|conid| conid.parse().ok());
        let conid: i64 = conid.or_else(|| frame.get("conid").and_then(Json::as_i64))?;
        let name = format!("{channel}+{conid}");
        let bare = self.store.get(&name).map(|subscription| &subscription.subscribe.key);
        let with_exchange = format!("{name}@");
        only(bare.into_iter().chain(self.with_prefix(&with_exchange)).chain(self.index.odd_conids(key, conid)))
    }

    /// Matches `ACCOUNT+CONID` without the exchange, or no target at all (docs/protocol.md §3.3).
    fn by_account(&self, target: &str) -> Option<SubscriptionKey> {
        let narrow = only(self.with_prefix(&format!("bd+{target}+")));
        let account = target.split('+').next().unwrap_or_default();
        narrow.or_else(|| match account {
            "" => only(self.with_prefix("bd+")),
            account => only(self.with_prefix(&format!("bd+{account}+"))),
        })
    }

    /// Lists the subscriptions whose text begins with `prefix`.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a SubscriptionKey> {
        self.store.with_prefix(prefix)
    }
}

fn only<'a>(mut found: impl Iterator<Item = &'a SubscriptionKey>) -> Option<SubscriptionKey> {
    let first = found.next()?;
    found.next().is_none().then(|| first.clone())
}
