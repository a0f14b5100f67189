//! Stores the subscriptions: finds one by name, and lists them in the order of their names.
//!
//! Every frame finds one. A tree of names compares texts that are spread over memory; a table of
//! their hashes is read in one place, and only the subscription it finds is read then.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::subscription::Subscription;
use crate::key::SubscriptionKey;

type Place = u32;

/// The places by the hashes of the names.
#[cfg(feature = "transport")]
#[expect(clippy::disallowed_types, reason = "nothing walks over it, so its order does not matter")]
type Hashes = std::collections::HashMap<u64, Place, core::hash::BuildHasherDefault<Hashed>>;
/// Without the standard library there is no table.
#[cfg(not(feature = "transport"))]
type Hashes = BTreeMap<u64, Place>;

/// Takes a number that is a hash already as its hash.
#[cfg(feature = "transport")]
#[derive(Default)]
struct Hashed(u64);

#[cfg(feature = "transport")]
impl core::hash::Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(false, "{bytes:?} is no number");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    places: Vec<Option<Box<Subscription>>>,
    free: Vec<Place>,
    names: BTreeMap<SubscriptionKey, Place>,
    /// By the hash of the name. Of two names with one hash, the first is here, and the other is
    /// found by its name.
    hashes: Hashes,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Subscription> {
        self.at(self.find(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Subscription> {
        let place = self.find(name)?;
        self.places.get_mut(place as usize)?.as_deref_mut()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Inserts a subscription whose name is not stored yet.
    pub(super) fn insert(&mut self, subscription: Subscription) {
        let key = subscription.subscribe.key.clone();
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            // Four billion subscriptions would not fit into any memory.
            Place::try_from(self.places.len() - 1).unwrap_or(Place::MAX)
        });
        if let Some(slot) = self.places.get_mut(place as usize) {
            *slot = Some(Box::new(subscription));
        }
        self.hashes.entry(hash(key.as_str())).or_insert(place);
        self.names.insert(key, place);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Subscription> {
        let place = self.names.remove(name)?;
        let hash = hash(name);
        if self.hashes.get(&hash) == Some(&place) {
            self.hashes.remove(&hash);
        }
        self.free.push(place);
        self.places.get_mut(place as usize)?.take().map(|row| *row)
    }

    /// Lists all, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.names.values().filter_map(|place| self.at(*place))
    }

    /// Lists the names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &SubscriptionKey> {
        self.names.keys()
    }

    /// Lists the names that begin with `prefix`.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a SubscriptionKey> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.names.range::<str, _>(from).map(|(name, _)| name).take_while(move |name| name.as_str().starts_with(prefix))
    }

    fn at(&self, place: Place) -> Option<&Subscription> {
        self.places.get(place as usize)?.as_deref()
    }

    fn find(&self, name: &str) -> Option<Place> {
        let by_hash = self.hashes.get(&hash(name)).copied();
        match by_hash {
            Some(place) if self.at(place).is_some_and(|row| row.subscribe.key.as_str() == name) => Some(place),
            // Every name has its own hash here, so a hash that is not found means an unknown name.
            None if self.hashes.len() == self.names.len() => None,
            _ => self.names.get(name).copied(),
        }
    }
}

/// Names are the application's own and few enough for the gateway; names chosen to collide only
/// take longer to find.
fn hash(name: &str) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(name.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let hash = mix(hash, last);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::RequestId;
    use crate::payload::Subscribe;
    use alloc::format;
    use alloc::string::String;

    fn row(name: &str) -> Subscription {
        Subscription::new(Subscribe::parse(name).unwrap(), RequestId(1))
    }

    #[test]
    fn inserted_subscriptions_are_found_listed_and_removed() {
        let mut store = Store::default();
        let names: Vec<String> = (0..500).map(|n| format!("md+{}", n * 7_919 % 1_000)).collect();
        for name in &names {
            store.insert(row(name));
        }
        let mut sorted: Vec<_> = names.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        assert_eq!(store.names().map(SubscriptionKey::as_str).collect::<Vec<_>>(), sorted);
        assert_eq!(store.iter().map(|row| row.subscribe.key.as_str()).collect::<Vec<_>>(), sorted);
        let below: Vec<_> = store.with_prefix("md+99").map(SubscriptionKey::as_str).collect();
        assert_eq!(below, sorted.iter().copied().filter(|name| name.starts_with("md+99")).collect::<Vec<_>>());
        for (n, name) in names.iter().enumerate() {
            assert_eq!(store.get(name).unwrap().subscribe.key.as_str(), *name);
            if n % 2 == 0 {
                assert_eq!(store.remove(name).unwrap().subscribe.key.as_str(), *name);
                assert!(!store.contains(name) && store.remove(name).is_none());
            }
        }
        assert_eq!((store.len(), store.hashes.len(), store.free.len()), (250, 250, 250));
        store.insert(row("pl"));
        assert_eq!((store.places.len(), store.free.len()), (500, 249), "places are reused");
        assert!(!store.contains("md+") && !store.contains("") && store.contains("pl"));
    }

    // Two names are given one hash by hand.
    #[test]
    fn names_with_the_hash_of_another_name_are_found() {
        let mut store = Store::default();
        store.insert(row("md+1"));
        store.insert(row("md+2"));
        let (first, second) = (store.names["md+1"], store.names["md+2"]);
        store.hashes.remove(&hash("md+1"));
        store.hashes.insert(hash("md+1"), second);
        assert_eq!(store.find("md+1"), Some(first));
        store.hashes.remove(&hash("md+1"));
        assert_eq!((store.find("md+1"), store.find("md+2"), store.find("md+3")), (Some(first), Some(second), None));
        assert_eq!(store.remove("md+1").unwrap().subscribe.key.as_str(), "md+1");
        assert_eq!((store.len(), store.hashes.len()), (1, 1));
    }
}
