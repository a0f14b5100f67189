//! Letters that say how market data comes: field 6509, and `mdAvailability` of a history.

use alloc::borrow::Cow;
use core::fmt;

use crate::frame::{Expected, FromJson, Json};

/// How market data comes, in up to three letters: `R`, `ZB`, `RpB`, `DPB` (field 6509, `fields` table).
///
/// ```
/// use ibws_proto::field::{Availability, Timing};
///
/// let availability = Availability::of("DPB");
/// assert_eq!(availability.timing(), Some(Timing::Delayed));
/// assert!(availability.snapshot() && availability.book() && !availability.consolidated());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Availability<'a>(Cow<'a, str>);

/// When the data is from: the first letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Timing {
    /// `R`: as it happens.
    RealTime,
    /// `D`: 15 to 20 minutes late.
    Delayed,
    /// `Z`: the last that was real time.
    Frozen,
    /// `Y`: the last that was delayed.
    FrozenDelayed,
    /// `N`: the user has not subscribed to it.
    NotSubscribed,
    /// `i`: incomplete.
    Incomplete,
    /// `v`: exempt from the vendor's display rule.
    VdrExempt,
    /// `S`: streaming; known from histories.
    Streaming,
    /// Any other letter.
    Other(char),
}

impl<'a> Availability<'a> {
    /// Takes the letters.
    #[must_use]
    pub fn of(letters: impl Into<Cow<'a, str>>) -> Self {
        Self(letters.into())
    }

    /// The letters as they came.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// When the data is from.
    #[must_use]
    pub fn timing(&self) -> Option<Timing> {
        Some(match self.0.chars().next()? {
            'R' => Timing::RealTime,
            'D' => Timing::Delayed,
            'Z' => Timing::Frozen,
            'Y' => Timing::FrozenDelayed,
            'N' => Timing::NotSubscribed,
            'i' => Timing::Incomplete,
            'v' => Timing::VdrExempt,
            'S' => Timing::Streaming,
            other => Timing::Other(other),
        })
    }

    /// `P`: can a snapshot be had?
    #[must_use]
    pub fn snapshot(&self) -> bool {
        self.rest().any(|letter| letter == 'P')
    }

    /// `p`: is it consolidated from several exchanges?
    #[must_use]
    pub fn consolidated(&self) -> bool {
        self.rest().any(|letter| letter == 'p')
    }

    /// `B`: can the book be had?
    #[must_use]
    pub fn book(&self) -> bool {
        self.rest().any(|letter| letter == 'B')
    }

    /// Letters after the first that no documentation names.
    pub fn unknown(&self) -> impl Iterator<Item = char> + '_ {
        self.rest().filter(|letter| !matches!(letter, 'P' | 'p' | 'B'))
    }

    fn rest(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars().skip(1)
    }
}

impl fmt::Display for Availability<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'a> FromJson<'a> for Availability<'a> {
    fn from_json(json: Json<'a>) -> Result<Option<Self>, Expected> {
        if json.is_null() {
            return Ok(None);
        }
        let letters = json.as_str().ok_or(Expected::Text)?;
        Ok((!letters.is_empty()).then_some(Self(letters)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_two_and_three_letters_are_read() {
        for (letters, timing, [snapshot, consolidated, book]) in [
            ("R", Timing::RealTime, [false, false, false]),
            ("ZB", Timing::Frozen, [false, false, true]),
            ("RpB", Timing::RealTime, [false, true, true]),
            ("DPB", Timing::Delayed, [true, false, true]),
            ("YP", Timing::FrozenDelayed, [true, false, false]),
            ("N", Timing::NotSubscribed, [false, false, false]),
            ("S", Timing::Streaming, [false, false, false]),
            ("qXB", Timing::Other('q'), [false, false, true]),
        ] {
            let read = Availability::of(letters);
            assert_eq!(read.timing(), Some(timing), "{letters}");
            assert_eq!(
                [read.snapshot(), read.consolidated(), read.book()],
                [snapshot, consolidated, book],
                "{letters}"
            );
        }
        assert_eq!(Availability::of("qXB").unknown().collect::<alloc::string::String>(), "X");
        assert_eq!(Availability::of("").timing(), None);
    }
}
