//! Finds the slot of a row's member by its key in one step. Comparing a key with each of thirty
//! would cost more than the rest of reading the row.

/// A perfect hash table of the keys of a row, built at compile time.
#[derive(Debug)]
pub(crate) struct Slots {
    keys: &'static [&'static str],
    /// The slots of the keys that identify a row, a bit for each.
    unique: u64,
    spellings: &'static [(&'static str, u8)],
    /// The [`ends`] of each spelling.
    ends: [(u64, u64); MOST],
    factor: u64,
    /// The index among the spellings by the hash of a key; 255 if there is none.
    places: [u8; 256],
}

const NONE: u8 = u8::MAX;

/// The largest number of spellings of a row.
const MOST: usize = 48;

impl Slots {
    /// Builds the table of these spellings, each with its slot.
    ///
    /// # Panics
    /// Panics at compile time if no factor separates all keys.
    #[expect(clippy::indexing_slicing, clippy::panic, reason = "runs at compile time alone")]
    pub(crate) const fn new(
        keys: &'static [&'static str],
        spellings: &'static [(&'static str, u8)],
        unique: &'static [u8],
    ) -> Self {
        assert!(spellings.len() <= MOST);
        let mut mask = 0_u64;
        let mut at = 0;
        while at < unique.len() {
            mask |= 1 << unique[at];
            at += 1;
        }
        let mut all = [(0, 0); MOST];
        let mut at = 0;
        while at < spellings.len() {
            all[at] = ends(spellings[at].0.as_bytes());
            at += 1;
        }
        let mut factor = 0x9e37_79b9_7f4a_7c15_u64;
        let mut tries = 0;
        while tries < 1_000 {
            let mut places = [NONE; 256];
            let mut at = 0;
            while at < spellings.len() {
                let hash = hash(all[at], spellings[at].0.len(), factor) as usize;
                if places[hash] != NONE {
                    break;
                }
                #[expect(clippy::cast_possible_truncation, reason = "fewer than 255")]
                let place = at as u8;
                places[hash] = place;
                at += 1;
            }
            if at == spellings.len() {
                return Self { keys, unique: mask, spellings, ends: all, factor, places };
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
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let ends = ends(key);
        let place = usize::from(*self.places.get(usize::from(hash(ends, key.len(), self.factor)))?);
        let (name, slot) = self.spellings.get(place)?;
        // In a key of up to 16 bytes the two ends are the whole key.
        let found = name.len() == key.len()
            && self.ends.get(place) == Some(&ends)
            && (key.len() <= 16 || name.as_bytes() == key);
        found.then_some(usize::from(*slot))
    }
}

/// Returns the beginning and the end of a key: eight bytes each, or four, or fewer. With the length
/// they determine a key of up to 16 bytes.
#[inline(always)]
const fn ends(key: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        return (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64);
    }
    match key {
        [one] => (*one as u64, 0),
        [one, two] => (*one as u64, *two as u64),
        [one, two, three] => (*one as u64 | (*two as u64) << 8, *three as u64),
        _ => (0, 0),
    }
}

#[inline(always)]
const fn hash((first, last): (u64, u64), len: usize, factor: u64) -> u8 {
    let mixed = (first ^ last.rotate_left(29)).wrapping_add(len as u64);
    ((mixed ^ mixed >> 32).wrapping_mul(factor) >> 56) as u8
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
            assert_eq!(slots.find(key.as_bytes()), Some(usize::from(*slot)), "{key}");
            for at in 0..key.len() {
                let mut other = key.as_bytes().to_vec();
                *other.get_mut(at).unwrap() ^= 0x20;
                assert_eq!(slots.find(&other), None, "{key}");
                other.remove(at);
                assert_eq!(slots.find(&other), KEYS.iter().find(|k| k.0.as_bytes() == other).map(|k| usize::from(k.1)));
            }
        }
    }
}
