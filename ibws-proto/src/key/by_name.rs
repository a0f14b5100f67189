//! Maps from the names of subscriptions.

use super::SubscriptionKey;

/// A map from names to what is found by them. Each event looks into one.
#[cfg(feature = "transport")]
#[expect(clippy::disallowed_types, reason = "nothing walks over it, so its order does not matter")]
pub(crate) type ByName<V> = std::collections::HashMap<SubscriptionKey, V, core::hash::BuildHasherDefault<NameHasher>>;
/// Without the standard library there is no table.
#[cfg(not(feature = "transport"))]
pub(crate) type ByName<V> = alloc::collections::BTreeMap<SubscriptionKey, V>;

/// Hashes a name. Names are the application's own and few enough for the gateway; names chosen to
/// collide only take longer to find.
pub(crate) fn hash(name: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    let (words, rest) = name.as_chunks::<8>();
    let hash = words.iter().fold(name.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let hash = mix(hash, last);
    hash ^ hash >> 32
}

/// Takes the [`hash`] of the name.
#[cfg(feature = "transport")]
#[derive(Default)]
pub(crate) struct NameHasher(u64);

#[cfg(feature = "transport")]
impl core::hash::Hasher for NameHasher {
    fn write(&mut self, name: &[u8]) {
        self.0 = hash(name);
    }

    // What `str` writes behind its bytes adds nothing to a single text.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
