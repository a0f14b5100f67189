//! Decisions read from bytes, which a proptest can shrink and a fuzzer can mutate.

use core::time::Duration;

/// Reads decisions from bytes; after their end it reads zeros.
#[derive(Clone, Debug)]
pub struct ByteSource<'a>(&'a [u8]);

impl<'a> ByteSource<'a> {
    /// Makes a source of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns `true` if all bytes have been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `limit`, which must be at most 256.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// Returns `true` `yes` times out of 256.
    pub fn chance(&mut self, yes: u8) -> bool {
        // Shrinking leads to zeros, and zero means no.
        self.byte() > u8::MAX - yes
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'b, T>(&mut self, items: &'b [T]) -> &'b T {
        &items[self.below(items.len())]
    }

    /// A span below `limit`, in steps of 1/65536 of it, so that it is rarely a round number.
    pub fn span(&mut self, limit: Duration) -> Duration {
        let share = u128::from(self.byte()) << 8 | u128::from(self.byte());
        Duration::from_nanos(u64::try_from(limit.as_nanos() * share / 65_536).unwrap_or(u64::MAX))
    }

    /// Up to `most` raw bytes.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(self.below(most + 1).min(self.0.len()));
        self.0 = rest;
        taken
    }
}
