//! A count for each key.

use core::fmt;

use super::Key;

/// The place of the count of what has no key.
const NO_KEY: usize = Key::ALL.len();

/// A count for each [`Key`], and one for what has no key.
///
/// ```
/// use ibws_proto::{Command, Config, ConnId, Input, Instant, Key, Machine};
///
/// let now = Instant::ORIGIN;
/// let mut machine = Machine::new(Config::default(), now);
/// machine.submit(now, Command::Start);
/// machine.handle(now, Input::Opened(ConnId(1)));
/// machine.handle(now, Input::Frame(ConnId(1), r#"{"topic":"system","success":"user"}"#.into()));
/// let frames = machine.stats().frames_by_key;
/// assert_eq!((frames.get(Some(Key::System)), frames.get(None), frames.total()), (1, 0, 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyCounts([u64; NO_KEY + 1]);

impl KeyCounts {
    /// Returns the count of `key`; that of what has no key for `None`.
    #[must_use]
    pub fn get(&self, key: Option<Key>) -> u64 {
        self.0.get(place(key)).copied().unwrap_or_default()
    }

    /// Lists all counts, those that are 0 included: each key in the order of [`Key::ALL`], then
    /// `None`.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Key>, u64)> {
        Key::ALL.into_iter().map(Some).chain([None]).zip(self.0)
    }

    /// Returns the sum of all counts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    #[inline]
    pub(crate) fn add(&mut self, key: Option<Key>, count: u64) {
        if let Some(sum) = self.0.get_mut(place(key)) {
            *sum = sum.saturating_add(count);
        }
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        for (key, count) in other.iter() {
            self.add(key, count);
        }
    }
}

/// Shows the counts that are not 0, by the names of [`Key::label`].
impl fmt::Debug for KeyCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.iter().filter(|(_, count)| *count > 0);
        f.debug_map().entries(counts.map(|(key, count)| (key.map_or("none", Key::label), count))).finish()
    }
}

#[inline]
const fn place(key: Option<Key>) -> usize {
    match key {
        Some(key) => key as usize,
        None => NO_KEY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn each_key_has_a_count_of_its_own() {
        let mut counts = KeyCounts::default();
        let keys = || Key::ALL.into_iter().map(Some).chain([None]);
        for (key, count) in keys().zip(1..) {
            counts.add(key, count);
        }
        assert!(counts.iter().eq(keys().zip(1..)));
        assert_eq!((counts.get(Some(Key::AccountSummary)), counts.get(None), counts.total()), (1, 15, 120));
        let mut sum = counts;
        sum.add_all(&counts);
        assert_eq!((sum.get(Some(Key::Notifications)), sum.total()), (28, 240));
    }

    #[test]
    fn only_what_was_counted_is_shown() {
        let mut counts = KeyCounts::default();
        counts.add(Some(Key::MarketData), 3);
        counts.add(Some(Key::System), 1);
        counts.add(None, u64::MAX);
        counts.add(None, 1);
        assert_eq!(format!("{counts:?}"), r#"{"md": 3, "system": 1, "none": 18446744073709551615}"#);
    }
}
