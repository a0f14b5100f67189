//! Walks over the members of a frame.

use alloc::borrow::Cow;
use core::fmt;

use super::spans::SpansIter;
use super::{Frame, Json};

/// A member of a frame, for writing it into another frame.
#[derive(Clone)]
pub(crate) struct Spelled<'a> {
    pub(crate) key: Cow<'a, str>,
    /// The key as it was received, with its quotes.
    pub(crate) written: &'a str,
    /// The JSON of the value.
    pub(crate) value: &'a str,
}

/// An iterator over the members of a frame.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    frame: &'a Frame,
    text: &'a str,
    members: SpansIter<'a>,
}

impl fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("frame", &self.frame).field("remaining", &self.members.len()).finish()
    }
}

impl<'a> Walk<'a> {
    /// Returns the iterator over the members of `frame`, whose text is `text`.
    #[inline]
    pub(super) fn new(frame: &'a Frame, text: &'a str) -> Self {
        Self { frame, text, members: frame.members.iter() }
    }

    /// Returns the next member whose key `read` accepts.
    #[inline(always)]
    pub(crate) fn next_with<T>(&mut self, read: impl Fn(&[u8]) -> Option<T>) -> Option<(T, Json<'a>)> {
        loop {
            let member = self.members.next()?;
            let key = if self.frame.escaped {
                read(self.frame.key_text(member).as_bytes())
            } else {
                read(self.text.as_bytes().get(member.key())?)
            };
            if let Some(key) = key {
                return Some((key, Json(self.text.get(member.value())?)));
            }
        }
    }
}
