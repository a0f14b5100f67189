//! Which member of a row a key names: one step, where comparing with each of thirty keys would cost more than the rest.

/// A table made at compile time, in which no two keys meet.
#[derive(Debug)]
pub(crate) struct Slots {
    spellings: &'static [(&'static str, u8)],
    factor: u64,
    /// At the hash of a key its place among the spellings; 255 where there is none.
    places: [u8; 256],
}

const NONE: u8 = u8::MAX;

impl Slots {
    /// The table of these keys, each with its slot.
    ///
    /// # Panics
    /// While compiling, if no table is found.
    #[expect(clippy::indexing_slicing, clippy::panic, reason = "runs at compile time alone")]
    pub(crate) const fn new(spellings: &'static [(&'static str, u8)]) -> Self {
        assert!(spellings.len() < NONE as usize);
        let mut factor = 0x9e37_79b9_7f4a_7c15_u64;
        let mut tries = 0;
        while tries < 1_000 {
            let mut places = [NONE; 256];
            let mut at = 0;
            while at < spellings.len() {
                let hash = hash(spellings[at].0.as_bytes(), factor) as usize;
                if places[hash] != NONE {
                    break;
                }
                #[expect(clippy::cast_possible_truncation, reason = "fewer than 255")]
                let place = at as u8;
                places[hash] = place;
                at += 1;
            }
            if at == spellings.len() {
                return Self { spellings, factor, places };
            }
            factor = factor.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) | 1;
            tries += 1;
        }
        panic!("no table in which no two keys meet")
    }

    /// The slot of a key.
    #[inline(always)]
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        let place = *self.places.get(usize::from(hash(key.as_bytes(), self.factor)))?;
        let (name, slot) = self.spellings.get(usize::from(place))?;
        (*name == key).then_some(usize::from(*slot))
    }
}

/// The beginning, the end and the length of a key, mixed: long keys differ in one of them.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the upper eight bits")]
const fn hash(key: &[u8], factor: u64) -> u8 {
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64),
            _ => match key {
                [one] => (*one as u64, 0),
                [one, two] => (*one as u64, *two as u64),
                [one, two, three] => (*one as u64 | (*two as u64) << 8, *three as u64),
                _ => (0, 0),
            },
        },
    };
    let mixed = (first ^ last.rotate_left(29)).wrapping_add(key.len() as u64);
    ((mixed ^ mixed >> 32).wrapping_mul(factor) >> 56) as u8
}
