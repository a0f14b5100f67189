//! Stores the subscriptions: finds one by name, and lists them in the order of their names.
//!
//! Every frame finds one. A tree of names compares texts that are spread over memory; a table of
//! their hashes is read in one place. A row says whether a frame concerns the subscription at all,
//! which is larger and lies elsewhere: most frames do not.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::subscription::Subscription;
use crate::key::SubscriptionKey;
use crate::key::by_name::hash;

/// Where a subscription is stored. Once it is removed, another may be stored there.
pub(super) type Place = u32;

/// The places by the hashes of the names, of which the lower half is enough.
#[cfg(feature = "transport")]
#[expect(clippy::disallowed_types, reason = "nothing walks over it, so its order does not matter")]
type Hashes = std::collections::HashMap<u32, Place, core::hash::BuildHasherDefault<Hashed>>;
/// Without the standard library there is no table.
#[cfg(not(feature = "transport"))]
type Hashes = BTreeMap<u32, Place>;

/// Takes a number that is a hash already as its hash.
#[cfg(feature = "transport")]
#[derive(Default)]
struct Hashed(u64);

#[cfg(feature = "transport")]
impl core::hash::Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(false, "{bytes:?} is no number");
    }

    fn write_u32(&mut self, hash: u32) {
        // The table uses the upper bits too.
        self.0 = u64::from(hash) << 32 | u64::from(hash);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A subscription, and what a frame needs to know of it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: SubscriptionKey,
    pub(super) subscription: Box<Subscription>,
    /// What [`Subscription::is_passed_by`] returned when it had last changed.
    pub(super) is_passed_by: bool,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    rows: Vec<Option<Row>>,
    free: Vec<Place>,
    names: BTreeMap<SubscriptionKey, Place>,
    /// By the hash of the name. Of two names with one hash, the first is here, and the other is
    /// found by its name.
    hashes: Hashes,
}

impl Row {
    /// Notes what a change of the subscription means for its frames.
    pub(super) fn note_change(&mut self) {
        self.is_passed_by = self.subscription.is_passed_by();
    }
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Subscription> {
        self.at(self.find(name.as_bytes())?)
    }

    /// Returns the row of a subscription that is about to change. Call [`Row::note_change`] then.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Row> {
        self.at_mut(self.find(name.as_bytes())?)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.find(name.as_bytes()).is_some()
    }

    /// Inserts a subscription whose name is not stored yet, and returns its place.
    pub(super) fn insert(&mut self, subscription: Subscription) -> Place {
        let key = subscription.key.clone();
        let place = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            // Four billion subscriptions would not fit into any memory.
            Place::try_from(self.rows.len() - 1).unwrap_or(Place::MAX)
        });
        let mut row = Row { key: key.clone(), subscription: Box::new(subscription), is_passed_by: false };
        row.note_change();
        if let Some(free) = self.rows.get_mut(place as usize) {
            *free = Some(row);
        }
        self.hashes.entry(short_hash(key.as_str().as_bytes())).or_insert(place);
        self.names.insert(key, place);
        place
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Subscription> {
        let place = self.names.remove(name)?;
        let hash = short_hash(name.as_bytes());
        if self.hashes.get(&hash) == Some(&place) {
            self.hashes.remove(&hash);
        }
        self.free.push(place);
        self.rows.get_mut(place as usize)?.take().map(|row| *row.subscription)
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

    /// Returns the subscription at a place.
    pub(super) fn at(&self, place: Place) -> Option<&Subscription> {
        self.rows.get(place as usize)?.as_ref().map(|row| &*row.subscription)
    }

    /// Returns the row at a place.
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Row> {
        self.rows.get_mut(place as usize)?.as_mut()
    }

    /// Returns the place of the subscription with this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<Place> {
        let by_hash = self.hashes.get(&short_hash(name)).copied();
        let row = by_hash.and_then(|place| self.rows.get(place as usize)?.as_ref());
        match by_hash {
            Some(place) if row.is_some_and(|row| row.key.as_str().as_bytes() == name) => Some(place),
            // Every name has its own hash here, so a hash that is not found means an unknown name.
            None if self.hashes.len() == self.names.len() => None,
            _ => self.names.get(core::str::from_utf8(name).ok()?).copied(),
        }
    }
}

/// Returns the lower half of the hash of a name.
#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn short_hash(name: &[u8]) -> u32 {
    hash(name) as u32
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
        assert_eq!(store.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), sorted);
        let below: Vec<_> = store.with_prefix("md+99").map(SubscriptionKey::as_str).collect();
        assert_eq!(below, sorted.iter().copied().filter(|name| name.starts_with("md+99")).collect::<Vec<_>>());
        for (n, name) in names.iter().enumerate() {
            assert_eq!(store.get(name).unwrap().key.as_str(), *name);
            if n % 2 == 0 {
                assert_eq!(store.remove(name).unwrap().key.as_str(), *name);
                assert!(!store.contains(name) && store.remove(name).is_none());
            }
        }
        assert_eq!((store.len(), store.hashes.len(), store.free.len()), (250, 250, 250));
        store.insert(row("pl"));
        assert_eq!((store.rows.len(), store.free.len()), (500, 249), "places are reused");
        assert!(!store.contains("md+") && !store.contains("") && store.contains("pl"));
    }

    // Two names are given one hash by hand.
    #[test]
    fn names_with_the_hash_of_another_name_are_found() {
        let mut store = Store::default();
        store.insert(row("md+1"));
        store.insert(row("md+2"));
        let (first, second) = (store.names["md+1"], store.names["md+2"]);
        store.hashes.remove(&short_hash(b"md+1"));
        store.hashes.insert(short_hash(b"md+1"), second);
        assert_eq!(store.find(b"md+1"), Some(first));
        store.hashes.remove(&short_hash(b"md+1"));
        assert_eq!((store.find(b"md+1"), store.find(b"md+2"), store.find(b"md+3")), (Some(first), Some(second), None));
        assert_eq!(store.remove("md+1").unwrap().key.as_str(), "md+1");
        assert_eq!((store.len(), store.hashes.len()), (1, 1));
    }
}
