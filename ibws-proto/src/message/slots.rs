//! Finds the slot of a row's member by its key in one step. Comparing a key with each of thirty
//! would cost more than the rest of reading the row.

use crate::frame::{Key, WORD, word};

/// A perfect hash table of the keys of a row, built at compile time.
#[derive(Debug)]
pub(crate) struct Slots {
    keys: &'static [&'static str],
    /// The slots of the keys that identify a row, a bit for each.
    unique: u64,
    spellings: [Spelling; MOST],
    factor: u64,
    /// The index among the spellings by the hash of a key; 255 if there is none.
    places: [u8; 256],
}

/// A spelling of a key.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    word: u128,
    key: &'static str,
    slot: u8,
}

impl Spelling {
    /// Returns `true` if a key of the same word and length is this one. Its two ends are nearly
    /// every long key, and are compared without a call.
    #[inline(always)]
    fn is_long(&self, key: Key<'_>) -> bool {
        let (known, key) = (self.key.as_bytes(), key.bytes());
        known.first_chunk::<WORD>() == key.first_chunk() && (key.len() <= 2 * WORD || known == key)
    }
}

const NONE: u8 = u8::MAX;

/// The largest number of spellings of a row.
const MOST: usize = 48;

impl Slots {
    /// Builds the table of these keys, each with one spelling.
    #[expect(clippy::indexing_slicing, reason = "runs at compile time alone")]
    pub(crate) const fn of<const N: usize>(keys: &'static [&'static str; N], unique: &'static [u8]) -> Self {
        let mut spellings = [("", 0); N];
        let mut at = 0;
        while at < N {
            #[expect(clippy::cast_possible_truncation, reason = "fewer than 255")]
            let slot = at as u8;
            spellings[at] = (keys[at], slot);
            at += 1;
        }
        Self::new(keys, &spellings, unique)
    }

    /// Builds the table of these spellings, each with its slot.
    ///
    /// # Panics
    /// Panics at compile time if no factor separates all keys.
    #[expect(clippy::indexing_slicing, clippy::panic, reason = "runs at compile time alone")]
    pub(crate) const fn new(
        keys: &'static [&'static str],
        spellings: &[(&'static str, u8)],
        unique: &'static [u8],
    ) -> Self {
        assert!(spellings.len() <= MOST);
        let mut mask = 0_u64;
        let mut at = 0;
        while at < unique.len() {
            mask |= 1 << unique[at];
            at += 1;
        }
        let mut all = [Spelling { word: 0, key: "", slot: 0 }; MOST];
        let mut at = 0;
        while at < spellings.len() {
            let (key, slot) = spellings[at];
            all[at] = Spelling { word: word(key.as_bytes()), key, slot };
            at += 1;
        }
        let mut factor = 0x9e37_79b9_7f4a_7c15_u64;
        let mut tries = 0;
        while tries < 1_000 {
            let mut places = [NONE; 256];
            let mut at = 0;
            while at < spellings.len() {
                let hash = hash(all[at].word, all[at].key.len(), factor) as usize;
                if places[hash] != NONE {
                    break;
                }
                #[expect(clippy::cast_possible_truncation, reason = "fewer than 255")]
                let place = at as u8;
                places[hash] = place;
                at += 1;
            }
            if at == spellings.len() {
                return Self { keys, unique: mask, spellings: all, factor, places };
            }
            factor = factor.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) | 1;
            tries += 1;
        }
        panic!("no factor separates all keys")
    }

    /// Returns the documented keys in the order of their slots.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys.iter().copied()
    }

    /// Returns the key of a slot if it identifies the row, so that it must not occur twice.
    #[cold]
    pub(crate) fn unique(&self, slot: usize) -> Option<&'static str> {
        self.keys.get(slot).copied().filter(|_| self.unique >> slot & 1 == 1)
    }

    /// Returns the slot of a key.
    #[inline(always)]
    pub(crate) fn find(&self, key: Key<'_>) -> Option<usize> {
        let (word, len) = (key.word(), key.len());
        let place = usize::from(*self.places.get(usize::from(hash(word, len, self.factor)))?);
        let spelling = self.spellings.get(place)?;
        let found = spelling.word == word && spelling.key.len() == len && (len <= WORD || spelling.is_long(key));
        found.then_some(usize::from(spelling.slot))
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the halves of the word")]
const fn hash(word: u128, len: usize, factor: u64) -> u8 {
    ((word as u64 ^ (word >> 64) as u64).wrapping_add(len as u64).wrapping_mul(factor) >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_and_a_similar_one_is_not() {
        const KEYS: &[(&str, u8)] = &[
            ("", 0),
            ("a", 1),
            ("nl", 2),
            ("dpl", 3),
            ("upl", 3),
            ("side", 4),
            ("orderId", 5),
            ("order_id", 6),
            ("description1", 7),
            ("description2", 8),
            ("cashBalanceFXSegment", 9),
            ("cashBalanceABSegment", 10),
        ];
        let slots = Slots::new(&[], KEYS, &[]);
        for (key, slot) in KEYS {
            assert_eq!(slots.find(Key::at_end(key.as_bytes(), key.len())), Some(usize::from(*slot)), "{key}");
            for at in 0..key.len() {
                let mut other = key.as_bytes().to_vec();
                *other.get_mut(at).unwrap() ^= 0x20;
                assert_eq!(slots.find(Key::at_end(&other, other.len())), None, "{key}");
                other.remove(at);
                assert_eq!(
                    slots.find(Key::at_end(&other, other.len())),
                    KEYS.iter().find(|k| k.0.as_bytes() == other).map(|k| usize::from(k.1))
                );
            }
        }
    }
}
