//! The only source of randomness in the kit: SplitMix64, so that a seed alone repeats a run.

/// A small seeded generator of random numbers (SplitMix64). It must not be used for secrets.
///
/// ```
/// use ibws_testkit::Prng;
///
/// assert_eq!(Prng::new(7).next(), Prng::new(7).next());
/// ```
#[derive(Clone, Debug)]
pub struct Prng(u64);

impl Prng {
    /// Makes a generator that starts at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Makes a generator for one part of a world. A part that draws more numbers than before then
    /// does not change the numbers of the others.
    ///
    /// The name is part of the seed: another name gives other runs.
    #[must_use]
    pub fn part(seed: u64, name: &str, number: u64) -> Self {
        let mut state = Self(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        for byte in name.bytes() {
            state.0 ^= u64::from(byte);
            state.next();
        }
        Self(state.next())
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        // The bias of a plain remainder is far too small to affect a test.
        if limit == 0 { 0 } else { self.next() % limit }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0) as u64;
        low + i64::try_from(self.below(span.saturating_add(1))).unwrap_or(0)
    }

    /// A span from `low` to `high` milliseconds, both included.
    pub fn millis(&mut self, low: u64, high: u64) -> core::time::Duration {
        core::time::Duration::from_millis(low + self.below(high.saturating_sub(low) + 1))
    }

    /// Returns `true` `yes` times out of `of`.
    pub const fn chance(&mut self, yes: u64, of: u64) -> bool {
        self.below(of) < yes
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        &items[index]
    }

    /// `digits` hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit((self.next() >> 60) as u32, 16).unwrap_or('0')).collect()
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, usize::try_from(self.below(last as u64 + 1)).unwrap_or(0));
        }
    }
}
