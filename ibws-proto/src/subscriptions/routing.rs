//! Routes a frame to its subscription: its topic is exactly `s<key>`; else its `conidEx` equals the
//! target; else there is only one subscription with that conid. A ladder frame belongs to the only
//! ladder of its account. A frame that could belong to several subscriptions belongs to none
//! (docs/protocol.md §2).

use alloc::format;

use super::Table;
use super::store::Found;
use crate::frame::{Frame, Json};
use crate::key::{Key, SubscriptionKey};

impl Table {
    /// Finds the subscription that a frame with this topic belongs to.
    #[inline]
    pub(super) fn route(&self, key: Key, topic: &[u8], frame: &Frame) -> Option<Found<'_>> {
        let exact = topic.strip_prefix(b"s").and_then(|name| self.store.find(name));
        exact.or_else(|| self.route_by_target(key, core::str::from_utf8(topic).ok()?, frame))
    }

    /// Finds the subscription whose text differs from the topic.
    #[cold]
    fn route_by_target(&self, key: Key, topic: &str, frame: &Frame) -> Option<Found<'_>> {
        let target = topic.split_once('+').map_or("", |(_, target)| target);
        let found = match key {
            Key::MarketData | Key::MarketHistory => self.by_contract(key, target, frame),
            Key::PriceLadder => self.by_account(target),
            _ => None,
        };
        self.store.find(found?.as_str().as_bytes())
    }

    fn by_contract(&self, key: Key, target: &str, frame: &Frame) -> Option<SubscriptionKey> {
        let channel = key.channel()?;
        if let Some(extended) = frame.get("conidEx").and_then(Json::scalar)
            && let Some(found) = self.store.get(&format!("{channel}+{extended}"))
        {
            return Some(found.key.clone());
        }
        let conid = target.split('@').next().and_then(|conid| conid.parse().ok());
        let conid: i64 = conid.or_else(|| frame.get("conid").and_then(Json::as_i64))?;
        let name = format!("{channel}+{conid}");
        let bare = self.store.get(&name).map(|subscription| &subscription.key);
        let with_exchange = format!("{name}@");
        only(bare.into_iter().chain(self.with_prefix(&with_exchange)).chain(self.index.odd_conids(key, conid)))
    }

    /// Matches `ACCOUNT+CONID` without the exchange, or no target at all (docs/protocol.md §3.3).
    fn by_account(&self, target: &str) -> Option<SubscriptionKey> {
        let narrow = only(self.with_prefix(&format!("bd+{target}+")));
        narrow.or_else(|| match target.split('+').next() {
            _ if target.is_empty() => only(self.with_prefix("bd+")),
            account => only(self.with_prefix(&format!("bd+{}+", account.unwrap_or_default()))),
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

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use crate::{Command, Config, ConnId, Event, Input, Instant, Machine, Output, Subscribe};

    /// Subscribes to each key, and returns the one that a frame belongs to.
    fn routed(keys: &[&str], frame: &str) -> Option<String> {
        let (now, conn) = (Instant::ORIGIN, ConnId(1));
        let mut machine = Machine::new(Config::default(), now);
        machine.submit(now, Command::Start);
        for key in keys {
            machine.submit(now, Command::Subscribe(Subscribe::parse(key).unwrap()));
        }
        machine.handle(now, Input::Opened(conn));
        while machine.poll().is_some() {}
        machine.handle(now, Input::Frame(conn, bytes::Bytes::copy_from_slice(frame.as_bytes())));
        match machine.poll() {
            Some(Output::Event(Event::Message(message))) => message.subscription.map(|key| key.to_string()),
            other => panic!("no message but {other:?}"),
        }
    }

    #[test]
    fn a_ladder_is_found_by_its_account_or_without_a_target() {
        let (one, other) = ("bd+DU1234567+265598", "bd+U12345678+265598");
        for topic in ["sbd", "sbd+DU1234567", "sbd+DU1234567+1"] {
            let frame = alloc::format!(r#"{{"topic":"{topic}","data":[]}}"#);
            assert_eq!(routed(&[one], &frame).as_deref(), Some(one), "{topic}");
        }
        for topic in ["sbd++DU1234567+265598", "sbd++", "sbd+U12345678+265598", "sbd+DU"] {
            let frame = alloc::format!(r#"{{"topic":"{topic}","data":[]}}"#);
            assert_eq!(routed(&[one], &frame), None, "{topic}");
        }
        assert_eq!(routed(&[one, other], r#"{"topic":"sbd","data":[]}"#), None, "it may be either");
    }

    #[test]
    fn a_contract_is_found_however_its_number_is_written() {
        let frame = r#"{"topic":"smd+265598@ISLAND","conid":265598}"#;
        for key in ["md+265598", "md+265598@ARCA", "md+0265598", "md+0265598@ARCA"] {
            assert_eq!(routed(&[key, "md+2655980", "md+26559", "md+265599"], frame).as_deref(), Some(key));
        }
        let several = ["md+265598", "md+265598@ARCA", "md+0265598"];
        for (at, one) in several.iter().enumerate() {
            assert_eq!(routed(&[one, several[(at + 1) % 3]], frame), None, "it may be either");
        }
        assert_eq!(routed(&["md+2655980", "mh+265598"], frame), None);
    }
}
