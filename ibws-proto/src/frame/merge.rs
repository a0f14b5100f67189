//! Merges the members of two frames without reading their text again. Both serve the usual case:
//! keys without escapes, each of them once. What they refuse is merged member by member.

use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;

use super::spans::{Member, Spans};
use super::{Frame, Shape, Span};

/// The number of bytes between the value of a member and the next key: a comma and a quote.
const KEY: usize = 2;

/// Returns `true` if the keys are the same. Nearly all keys are shorter than a word, and comparing
/// words costs a fraction of what comparing slices of any length does.
#[inline(always)]
fn is_same_key(text: &[u8], key: Range<usize>, other: &[u8], other_key: Range<usize>) -> bool {
    let length = key.len();
    if length != other_key.len() {
        return false;
    }
    match (word(text, key.start), word(other, other_key.start)) {
        (Some(one), Some(two)) if length <= 8 => length == 0 || (one ^ two) << (64 - 8 * length) == 0,
        _ => is_same_long_key(text, key, other, other_key),
    }
}

#[inline(never)]
fn is_same_long_key(text: &[u8], key: Range<usize>, other: &[u8], other_key: Range<usize>) -> bool {
    text.get(key) == other.get(other_key)
}

/// Returns the eight bytes from `at` on, the first in the lowest bits.
#[inline(always)]
fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..at.checked_add(8)?)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The largest number of members of a frame that is merged here. Each key of such a frame is looked
/// for where the one before it was found, and else everywhere.
const MOST: usize = 256;
/// The number of members that nearly all frames have at most, for which the stack has less room.
const USUAL: usize = 48;

impl Frame {
    /// Returns `true` if no key occurs twice. Returns `false` if finding it out would take long.
    pub(crate) fn has_distinct_keys(&self) -> bool {
        let (bytes, members) = (self.bytes(), &self.members);
        let same = |one: Member, other: Member| is_same_key(bytes, one.key(), bytes, other.key());
        let is_first = |(at, member): (usize, Member)| !members.iter().take(at).any(|other| same(member, other));
        !self.escaped && members.len() <= MOST && members.iter().enumerate().all(is_first)
    }

    /// Returns `true` if the frame has the keys of `older` in the order of `older`, is written
    /// without white space, and neither was repaired. Merged into `older`, whose keys are distinct,
    /// it is the result as it stands.
    pub(crate) fn supersedes(&self, older: &Self) -> bool {
        let is_plain = !(self.escaped || older.escaped || self.is_lossy() || older.is_lossy());
        if !is_plain || self.members.len() != older.members.len() {
            return false;
        }
        let (bytes, old_bytes) = (&*self.raw, &*older.raw);
        let (chained, listed) = self.members.parts();
        let (old_chained, old_listed) = older.members.parts();
        // Chained members follow each other without white space.
        let (mut at, mut old_at) = (KEY, KEY);
        for (&(key_end, value_end), &(old_key_end, old_value_end)) in chained.iter().zip(old_chained) {
            let (key, old_key) = (at..usize::from(key_end), old_at..usize::from(old_key_end));
            if !is_same_key(bytes, key, old_bytes, old_key) {
                return false;
            }
            (at, old_at) = (usize::from(value_end) + KEY, usize::from(old_value_end) + KEY);
        }
        let is_same = |(member, old): (&Member, &Member)| {
            let is_next = member.key().start == at && member.value().start == member.key().end + KEY;
            at = member.value().end + KEY;
            is_next && is_same_key(bytes, member.key(), old_bytes, old.key())
        };
        // The same number of members is chained in both, unless one of them has white space.
        chained.len() == old_chained.len() && listed.iter().zip(old_listed).all(is_same) && bytes.len() + KEY == at + 1
    }

    /// Returns `true` if the text is an object without white space around its members, and `each`
    /// returns `true` for each of them.
    #[inline(always)]
    fn is_compact(&self, mut each: impl FnMut(Member) -> bool) -> bool {
        let mut end = 0;
        let follows = |member: Member| {
            let (key, value) = (member.key(), member.value());
            let is_next = key.start == end + 2 && value.start == key.end + 2;
            end = value.end;
            is_next && each(member)
        };
        self.members.iter().all(follows) && end > 0 && end + 1 == self.bytes().len()
    }

    /// Marks the frame as the result of a merge, which did not arrive in pieces.
    pub(crate) fn mark_merged(&mut self) {
        self.joined = false;
    }

    /// Merges the frame into `older`, whose keys are distinct, where the text of `older` lies:
    /// writes its values over those of `older`, and takes its place. Returns `false`, and changes
    /// nothing, unless `older` has all its keys with values of the same lengths, and nothing shares
    /// its text.
    pub(crate) fn overwrite(&mut self, older: &mut Self) -> bool {
        let (olds, listed) = older.members.parts();
        let is_compact =
            listed.is_empty() && olds.last().is_some_and(|(_, end)| usize::from(*end) + 1 == older.raw.len());
        if !(is_compact && self.is_plain() && older.is_plain()) {
            return false;
        }
        let old_at = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| olds.get(before)).map_or(0, |(_, end)| usize::from(*end));
            let (key_end, value_end) = *olds.get(at)?;
            Some((before + KEY..usize::from(key_end), usize::from(key_end) + KEY..usize::from(value_end)))
        };
        let mut values = [(Span::NONE, Span::NONE); USUAL];
        let mut places = values.iter_mut();
        let (mut next, mut taken) = (0, 0_u64);
        let fits = self.members.iter().all(|member| {
            let is_same =
                |at: usize| old_at(at).filter(|(key, _)| is_same_key(&older.raw, key.clone(), &self.raw, member.key()));
            let found = is_same(next).map(|old| (next, old));
            let found = found.or_else(|| (0..olds.len()).find_map(|at| is_same(at).map(|old| (at, old))));
            let (Some((at, (_, to))), Some(place)) = (found, places.next()) else { return false };
            // A key that occurs twice stays twice, which is not done here.
            let is_first = taken >> at & 1 == 0;
            (next, taken) = (at + 1, taken | 1 << at);
            let from = member.value();
            *place = (Span::new(from.start, from.end), Span::new(to.start, to.end));
            is_first && from.len() == to.len()
        });
        if !fits {
            return false;
        }
        let mut text = match core::mem::take(&mut older.raw).try_into_mut() {
            Ok(text) => text,
            Err(shared) => {
                older.raw = shared;
                return false;
            }
        };
        for (from, to) in values.iter().take(self.members.len()) {
            if let (Some(to), Some(from)) = (text.get_mut(to.range()), self.raw.get(from.range())) {
                to.copy_from_slice(from);
            }
        }
        older.raw = text.freeze();
        core::mem::swap(self, older);
        true
    }

    /// Returns `true` for a frame of data whose text is its bytes and whose keys have no escapes.
    fn is_plain(&self) -> bool {
        self.shape == Shape::Topic && !self.escaped && !self.is_lossy()
    }

    /// Merges the frame into `older`, whose keys are distinct: writes its values into the text of
    /// `older`, and adds the members that `older` does not have. `None` if one of the two is no
    /// plain frame of data.
    pub(crate) fn merged_into(&self, older: &Self) -> Option<Self> {
        if !(self.is_plain() && older.is_plain()) {
            return None;
        }
        if older.members.len() <= USUAL {
            self.merged_within::<USUAL>(older)
        } else {
            self.merged_within::<MOST>(older)
        }
    }

    fn merged_within<const N: usize>(&self, older: &Self) -> Option<Self> {
        let (old_bytes, new_bytes) = (&*older.raw, &*self.raw);
        let mut olds = [Member::new(Span::NONE, Span::NONE); N];
        let mut places = olds.iter_mut();
        if !older.is_compact(|member| places.next().map(|place| *place = member).is_some()) {
            return None;
        }
        let olds = olds.get(..older.members.len())?;
        // The new value of each member of `older`, and the members that only the newer frame has.
        let mut values = [Span::NONE; N];
        let mut added: Vec<Member> = Vec::new();
        let mut length = old_bytes.len();
        let mut next = 0;
        for member in self.members.iter() {
            let key = member.key();
            let is_same = |old: &Member| is_same_key(old_bytes, old.key(), new_bytes, key.clone());
            let place = if olds.get(next).is_some_and(is_same) { Some(next) } else { olds.iter().position(is_same) };
            let Some(place) = place else {
                // A key that occurs twice stays twice, which is not done here.
                if added.len() == MOST
                    || added.iter().any(|other| is_same_key(new_bytes, other.key(), new_bytes, key.clone()))
                {
                    return None;
                }
                length += key.len() + member.value().len() + ",\"\":".len();
                added.push(member);
                continue;
            };
            next = place + 1;
            let value = values.get_mut(place).filter(|value| **value == Span::NONE)?;
            *value = Span::new(member.value().start, member.value().end);
            length = (length + member.value().len()).checked_sub(olds.get(place)?.value().len())?;
        }
        Text { old: old_bytes, new: new_bytes }.write(older, olds, &values, &added, length)
    }
}

/// The texts of two frames that are merged.
struct Text<'a> {
    old: &'a [u8],
    new: &'a [u8],
}

impl Text<'_> {
    fn write(&self, older: &Frame, olds: &[Member], values: &[Span], added: &[Member], length: usize) -> Option<Frame> {
        let mut text: Vec<u8> = Vec::with_capacity(length);
        let (mut members, mut topic) = (Spans::default(), Span::NONE);
        // The text of the older frame up to here is written.
        let mut from = 0;
        for (old, new) in olds.iter().zip(values) {
            let (key, value) = (old.key(), old.value());
            let moved = |at: usize| (text.len() + at).checked_sub(from);
            let (key, start) = (Span::new(moved(key.start)?, moved(key.end)?), moved(value.start)?);
            let mut end = moved(value.end)?;
            if *new != Span::NONE {
                text.extend_from_slice(self.old.get(from..value.start)?);
                text.extend_from_slice(self.new.get(new.range())?);
                (from, end) = (value.end, text.len());
            }
            let span = Span::new(start, end);
            if value.start == older.topic.range().start {
                topic = span;
            }
            members.push(Member::new(key, span));
        }
        let end = olds.last()?.value().end;
        text.extend_from_slice(self.old.get(from..end)?);
        for member in added {
            text.extend_from_slice(b",\"");
            let (key, value) = (member.key(), member.value());
            let start = text.len();
            text.extend_from_slice(self.new.get(key)?);
            let key = Span::new(start, text.len());
            text.extend_from_slice(b"\":");
            let start = text.len();
            text.extend_from_slice(self.new.get(value)?);
            members.push(Member::new(key, Span::new(start, text.len())));
        }
        text.push(b'}');
        members.release_spare();
        let raw = Bytes::from(text);
        Some(Frame { raw, repaired: None, members, topic, shape: Shape::Topic, escaped: false, joined: false })
    }
}
