//! Which subscription a frame belongs to (`design` §4): its topic is exactly `s<key>`; else its `conidEx` equals the
//! target; else it is the only subscription with that conid; a ladder frame belongs to the only ladder of its account.
//! Where more than one could be meant, none is.

use alloc::format;

use super::{Entry, Table};
use crate::frame::{Frame, Json};
use crate::key::{Key, SubscriptionKey};

impl Table {
    /// The subscription that a frame with this topic belongs to.
    pub(super) fn route(&self, key: Key, topic: &str, frame: &Frame) -> Option<&Entry> {
        if let Some(found) = topic.strip_prefix('s').and_then(|name| self.rows.get(name)) {
            return Some(found);
        }
        let target = topic.split_once('+').map_or("", |(_, target)| target);
        let found = match key {
            Key::MarketData | Key::MarketHistory => self.by_contract(key, target, frame),
            Key::PriceLadder => self.by_account(target),
            _ => None,
        };
        self.rows.get(found?.as_str())
    }

    fn by_contract(&self, key: Key, target: &str, frame: &Frame) -> Option<SubscriptionKey> {
        let channel = key.channel()?;
        if let Some(extended) = frame.get("conidEx").and_then(Json::scalar)
            && let Some(found) = self.rows.get(&format!("{channel}+{extended}"))
        {
            return Some(found.subscribe.key.clone());
        }
        let conid = target.split('@').next().and_then(|conid| conid.parse().ok());
        let conid: i64 = conid.or_else(|| frame.get("conid").and_then(Json::as_i64))?;
        let first = (key, conid, SubscriptionKey::floor(key));
        only(self.index.conids.range(first..).take_while(|(k, c, _)| (*k, *c) == (key, conid)).map(|(.., sub)| sub))
    }

    /// `ACCOUNT+CONID` without the exchange, or no target at all (docs/protocol.md §3.3).
    fn by_account(&self, target: &str) -> Option<SubscriptionKey> {
        let narrow = only(self.below(&format!("bd+{target}+")));
        let account = target.split('+').next().unwrap_or_default();
        narrow.or_else(|| match account {
            "" => only(self.below("bd+")),
            account => only(self.below(&format!("bd+{account}+"))),
        })
    }

    /// All subscriptions whose text begins with `prefix`.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a SubscriptionKey> {
        self.rows.below(prefix)
    }
}

fn only<'a>(mut found: impl Iterator<Item = &'a SubscriptionKey>) -> Option<SubscriptionKey> {
    let first = found.next()?;
    found.next().is_none().then(|| first.clone())
}
