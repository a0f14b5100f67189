//! The rows of the table: found by name at once, and listed in the order of their names.
//!
//! Finding is what every frame does. A tree of names compares texts that lie all over the memory; a tree of their hashes
//! compares numbers that lie side by side, and only the row that it finds is looked at.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use super::Entry;
use crate::key::SubscriptionKey;

type Place = u32;

#[derive(Debug, Default)]
pub(super) struct Rows {
    places: Vec<Option<Box<Entry>>>,
    free: Vec<Place>,
    names: BTreeMap<SubscriptionKey, Place>,
    /// Hash of the name. Of two names with one hash the first has it, and the other is found by its name alone.
    hashes: BTreeMap<u64, Place>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.at(self.find(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Entry> {
        let place = self.find(name)?;
        self.places.get_mut(place as usize)?.as_deref_mut()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Puts a row in; there is none of its name.
    pub(super) fn insert(&mut self, row: Entry) {
        let key = row.subscribe.key.clone();
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            // Four billion rows would not fit into any memory.
            Place::try_from(self.places.len() - 1).unwrap_or(Place::MAX)
        });
        if let Some(slot) = self.places.get_mut(place as usize) {
            *slot = Some(Box::new(row));
        }
        self.hashes.entry(hash(key.as_str())).or_insert(place);
        self.names.insert(key, place);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Entry> {
        let place = self.names.remove(name)?;
        let hash = hash(name);
        if self.hashes.get(&hash) == Some(&place) {
            self.hashes.remove(&hash);
        }
        self.free.push(place);
        self.places.get_mut(place as usize)?.take().map(|row| *row)
    }

    /// In the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.names.values().filter_map(|place| self.at(*place))
    }

    /// In their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &SubscriptionKey> {
        self.names.keys()
    }

    /// Those that begin with `prefix`.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a SubscriptionKey> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.names.range::<str, _>(from).map(|(name, _)| name).take_while(move |name| name.as_str().starts_with(prefix))
    }

    fn at(&self, place: Place) -> Option<&Entry> {
        self.places.get(place as usize)?.as_deref()
    }

    fn find(&self, name: &str) -> Option<Place> {
        let by_hash = self.hashes.get(&hash(name)).copied();
        match by_hash {
            Some(place) if self.at(place).is_some_and(|row| row.subscribe.key.as_str() == name) => Some(place),
            // With a hash for every name, what has none is not there.
            None if self.hashes.len() == self.names.len() => None,
            _ => self.names.get(name).copied(),
        }
    }
}

/// Names are the user's own and their number is bounded by the gateway's patience: whoever chose them to collide would
/// only make finding them take a little longer.
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

    fn row(name: &str) -> Entry {
        Entry::new(Subscribe::parse(name).unwrap(), RequestId(1))
    }

    #[test]
    fn what_is_put_in_is_found_listed_and_taken_out() {
        let mut rows = Rows::default();
        let names: Vec<String> = (0..500).map(|n| format!("md+{}", n * 7_919 % 1_000)).collect();
        for name in &names {
            rows.insert(row(name));
        }
        let mut sorted: Vec<_> = names.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        assert_eq!(rows.names().map(SubscriptionKey::as_str).collect::<Vec<_>>(), sorted);
        assert_eq!(rows.iter().map(|row| row.subscribe.key.as_str()).collect::<Vec<_>>(), sorted);
        let below: Vec<_> = rows.below("md+99").map(SubscriptionKey::as_str).collect();
        assert_eq!(below, sorted.iter().copied().filter(|name| name.starts_with("md+99")).collect::<Vec<_>>());
        for (n, name) in names.iter().enumerate() {
            assert_eq!(rows.get(name).unwrap().subscribe.key.as_str(), *name);
            if n % 2 == 0 {
                assert_eq!(rows.remove(name).unwrap().subscribe.key.as_str(), *name);
                assert!(!rows.contains(name) && rows.remove(name).is_none());
            }
        }
        assert_eq!((rows.len(), rows.hashes.len(), rows.free.len()), (250, 250, 250));
        rows.insert(row("pl"));
        assert_eq!((rows.places.len(), rows.free.len()), (500, 249), "places are used again");
        assert!(!rows.contains("md+") && !rows.contains("") && rows.contains("pl"));
    }

    // As two names with one hash would behave.
    #[test]
    fn names_whose_hash_another_one_has_are_found_all_the_same() {
        let mut rows = Rows::default();
        rows.insert(row("md+1"));
        rows.insert(row("md+2"));
        let (first, second) = (rows.names["md+1"], rows.names["md+2"]);
        rows.hashes.remove(&hash("md+1"));
        rows.hashes.insert(hash("md+1"), second);
        assert_eq!(rows.find("md+1"), Some(first));
        rows.hashes.remove(&hash("md+1"));
        assert_eq!((rows.find("md+1"), rows.find("md+2"), rows.find("md+3")), (Some(first), Some(second), None));
        assert_eq!(rows.remove("md+1").unwrap().subscribe.key.as_str(), "md+1");
        assert_eq!((rows.len(), rows.hashes.len()), (1, 1));
    }
}
