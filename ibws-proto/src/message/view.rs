//! The view over the top level of a frame that every message is.

use alloc::borrow::Cow;
use core::fmt;

use serde::{Serialize, Serializer};

use crate::frame::{Frame, Json, Walk};

/// A frame whose members are read one by one, or all in one walk.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    frame: &'a Frame,
}

impl<'a> View<'a> {
    pub(crate) fn new(frame: &'a Frame) -> Self {
        Self { frame }
    }

    /// Checks while compiling that [`unknown`](Self::unknown) has a bit for each key.
    pub(crate) const fn keys(keys: &'static [&'static str]) -> &'static [&'static str] {
        assert!(keys.len() <= 64, "a message has at most 64 documented keys");
        keys
    }

    pub(crate) fn frame(&self) -> &'a Frame {
        self.frame
    }

    /// Returns the first member with this key.
    #[inline]
    pub(crate) fn member(&self, key: &str) -> Option<Json<'a>> {
        self.frame.get(key)
    }

    /// Walks the members in the order of the wire. The text is checked once for all of them.
    #[inline]
    pub(crate) fn walk(&self) -> Walk<'a> {
        self.frame.walk(self.frame.text())
    }

    /// Returns the members that no accessor reads: those whose key is not in `keys`, and those
    /// whose key occurred before, since an accessor reads the first one.
    pub(crate) fn unknown(
        &self,
        keys: &'static [&'static str],
    ) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> + use<'a> {
        // One bit for each documented key that occurred.
        let mut seen = 0_u64;
        self.frame.members().filter(move |(key, _)| match keys.iter().position(|known| known == key) {
            Some(at) => {
                let before = seen;
                seen |= 1 << at;
                before == seen
            }
            None => true,
        })
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.frame.serialize(serializer)
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.frame, f)
    }
}
