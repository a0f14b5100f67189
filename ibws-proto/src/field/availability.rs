//! The availability of market data: the letters of field 6509, and of `mdAvailability` in a
//! history.

use alloc::borrow::Cow;
use core::fmt;

use crate::frame::{Expected, FromJson, Json};
use crate::mask::Discreet;

/// The availability of market data, in up to three letters: `R`, `ZB`, `RpB`, `DPB`
/// (docs/protocol.md §3.1).
///
/// ```
/// use ibws_proto::field::{Availability, Timing};
///
/// let availability = Availability::new("DPB");
/// assert_eq!(availability.timing(), Some(Timing::Delayed));
/// assert!(availability.snapshot() && availability.book() && !availability.consolidated());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Availability<'a>(Discreet<Cow<'a, str>>);

/// The age of the data, which the first letter states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Timing {
    /// `R`: in real time.
    RealTime,
    /// `D`: 15 to 20 minutes late.
    Delayed,
    /// `Z`: the last data in real time.
    Frozen,
    /// `Y`: the last delayed data.
    FrozenDelayed,
    /// `N`: the user has no subscription for the data.
    NotSubscribed,
    /// `i`: incomplete data.
    Incomplete,
    /// `v`: data that is exempt from the vendor's display rule.
    VdrExempt,
    /// `S`: streaming, in histories only.
    Streaming,
    /// Any other letter.
    Other(char),
}

impl<'a> Availability<'a> {
    /// Wraps the letters.
    #[must_use]
    pub fn new(letters: impl Into<Cow<'a, str>>) -> Self {
        Self(Discreet(letters.into()))
    }

    /// Returns the letters as they were received.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// Returns the age of the data; `None` if there is no letter.
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

    /// Returns `true` if a snapshot is available (`P`).
    #[must_use]
    pub fn snapshot(&self) -> bool {
        self.rest().any(|letter| letter == 'P')
    }

    /// Returns `true` if the data is consolidated from several exchanges (`p`).
    #[must_use]
    pub fn consolidated(&self) -> bool {
        self.rest().any(|letter| letter == 'p')
    }

    /// Returns `true` if the book is available (`B`).
    #[must_use]
    pub fn book(&self) -> bool {
        self.rest().any(|letter| letter == 'B')
    }

    /// Returns the letters after the first that are undocumented.
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
        Ok((!letters.is_empty()).then_some(Self(Discreet(letters))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_availability_of_one_to_three_letters_is_read() {
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
            let read = Availability::new(letters);
            assert_eq!(read.timing(), Some(timing), "{letters}");
            assert_eq!(
                [read.snapshot(), read.consolidated(), read.book()],
                [snapshot, consolidated, book],
                "{letters}"
            );
        }
        assert_eq!(Availability::new("qXB").unknown().collect::<alloc::string::String>(), "X");
        assert_eq!(Availability::new("").timing(), None);
    }
}
