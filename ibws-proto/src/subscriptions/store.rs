//! Stores the subscriptions: finds one by name, and lists them in the order of their names.
//!
//! Every frame finds one. A tree of names compares texts that are spread over memory; a table of
//! their hashes is read in one place. Its rows say whether a frame concerns the subscription at
//! all, which is larger and lies elsewhere: most frames do not.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::subscription::Subscription;
use crate::key::SubscriptionKey;
use crate::key::by_name::hash;

/// Where a subscription is stored. Once it is removed, another may be stored there.
pub(super) type Place = u32;

/// The rows by the hashes of the names, of which the lower half is enough.
#[cfg(feature = "transport")]
#[expect(clippy::disallowed_types, reason = "nothing walks over it, so its order does not matter")]
type Hashes = std::collections::HashMap<u32, Row, core::hash::BuildHasherDefault<Hashed>>;
/// Without the standard library there is no table.
#[cfg(not(feature = "transport"))]
type Hashes = BTreeMap<u32, Row>;

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

/// What a frame needs to know of its subscription. With its hash it fills 32 bytes: two of them
/// share a cache line.
#[derive(Debug)]
struct Row {
    key: SubscriptionKey,
    place: Place,
    /// What [`Subscription::is_passed_by`] returned when it had last changed.
    is_passed_by: bool,
}

/// A subscription that was found by its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) key: &'a SubscriptionKey,
    pub(super) place: Place,
    /// As [`Subscription::is_passed_by`].
    pub(super) is_passed_by: bool,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    by_place: Vec<Option<Box<Subscription>>>,
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
        self.at(self.find(name.as_bytes())?.place)
    }

    /// Returns a subscription to be changed. Call [`note_change`](Self::note_change) then.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Subscription> {
        self.at_mut(self.find(name.as_bytes())?.place)
    }

    /// Notes what a change of a subscription means for its frames.
    pub(super) fn note_change(&mut self, name: &str) {
        let row = self.hashes.get_mut(&short_hash(name.as_bytes()));
        if let Some(row) = row.filter(|row| row.key.as_str() == name) {
            let subscription = self.by_place.get(row.place as usize).and_then(Option::as_deref);
            row.is_passed_by = subscription.is_some_and(Subscription::is_passed_by);
        }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.find(name.as_bytes()).is_some()
    }

    /// Inserts a subscription whose name is not stored yet, and returns its place.
    pub(super) fn insert(&mut self, subscription: Subscription) -> Place {
        let key = subscription.key.clone();
        let place = self.free.pop().unwrap_or_else(|| {
            self.by_place.push(None);
            // Four billion subscriptions would not fit into any memory.
            Place::try_from(self.by_place.len() - 1).unwrap_or(Place::MAX)
        });
        let is_passed_by = subscription.is_passed_by();
        if let Some(free) = self.by_place.get_mut(place as usize) {
            *free = Some(Box::new(subscription));
        }
        let hash = short_hash(key.as_str().as_bytes());
        self.hashes.entry(hash).or_insert_with(|| Row { key: key.clone(), place, is_passed_by });
        self.names.insert(key, place);
        place
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Subscription> {
        let place = self.names.remove(name)?;
        let hash = short_hash(name.as_bytes());
        if self.hashes.get(&hash).is_some_and(|row| row.place == place) {
            self.hashes.remove(&hash);
        }
        self.free.push(place);
        self.by_place.get_mut(place as usize)?.take().map(|subscription| *subscription)
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
        self.by_place.get(place as usize)?.as_deref()
    }

    /// Returns the subscription at a place, to be noted on or changed.
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Subscription> {
        self.by_place.get_mut(place as usize)?.as_deref_mut()
    }

    /// Finds the subscription with this name.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<Found<'_>> {
        match self.hashes.get(&short_hash(name)) {
            Some(Row { key, place, is_passed_by }) if key.as_str().as_bytes() == name => {
                Some(Found { key, place: *place, is_passed_by: *is_passed_by })
            }
            // Every name has its own hash here, so a hash that is not found means an unknown name.
            None if self.hashes.len() == self.names.len() => None,
            _ => self.find_by_name(core::str::from_utf8(name).ok()?),
        }
    }

    /// Finds a subscription whose hash is that of another one.
    #[cold]
    fn find_by_name(&self, name: &str) -> Option<Found<'_>> {
        let (key, place) = self.names.get_key_value(name)?;
        Some(Found { key, place: *place, is_passed_by: self.at(*place)?.is_passed_by() })
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
        assert_eq!((store.by_place.len(), store.free.len()), (500, 249), "places are reused");
        assert!(!store.contains("md+") && !store.contains("") && store.contains("pl"));
    }

    // Two names are given one hash by hand.
    #[test]
    fn names_with_the_hash_of_another_name_are_found() {
        let mut store = Store::default();
        store.insert(row("md+1"));
        store.insert(row("md+2"));
        let (first, second) = (store.names["md+1"], store.names["md+2"]);
        let of_first = store.hashes.remove(&short_hash(b"md+1")).unwrap();
        let other = Row { key: store.at(second).unwrap().key.clone(), place: second, is_passed_by: true };
        store.hashes.insert(short_hash(b"md+1"), other);
        let found = |store: &Store, name: &str| store.find(name.as_bytes()).map(|found| found.place);
        assert_eq!(found(&store, "md+1"), Some(first));
        // A change of one says nothing about the other.
        store.note_change("md+1");
        let is_passed_by = |store: &Store| store.hashes[&short_hash(b"md+1")].is_passed_by;
        assert!(is_passed_by(&store) && !store.find(b"md+1").unwrap().is_passed_by);
        assert_eq!(of_first.place, first);
        store.hashes.remove(&short_hash(b"md+1"));
        assert_eq!(["md+1", "md+2", "md+3"].map(|name| found(&store, name)), [Some(first), Some(second), None]);
        assert_eq!(store.remove("md+1").unwrap().key.as_str(), "md+1");
        assert_eq!((store.len(), store.hashes.len()), (1, 1));
    }
}
