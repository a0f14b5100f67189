//! Where the members of a frame lie.

use alloc::vec::Vec;
use core::mem::size_of;
use core::ops::Range;

use super::large::Large;
use super::scan::Span;

/// The number of members whose places need no allocation. A market data frame has fewer.
const MAX_CHAINED: usize = 24;

/// The length from which on a key is a name. The keys of quotes are shorter: they are the numbers
/// of fields.
pub(super) const MIN_NAME: usize = 5;

/// The number of members that a list has room for at first.
const FIRST_LISTED: usize = 33;

/// The position of a member of the top-level object, in bytes of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    key: Span,
    value: Span,
}

impl Member {
    #[inline(always)]
    pub(super) fn new(key: Span, value: Span) -> Self {
        Self { key, value }
    }

    /// Returns the chained member that follows the value with the end `before`.
    #[inline(always)]
    fn chained(before: usize, key_end: usize, value_end: usize) -> Self {
        Self { key: Span::new(before + 2, key_end), value: Span::new(key_end + 2, value_end) }
    }

    /// Returns the range of the key between its quotes, with its escapes.
    #[inline(always)]
    pub(crate) fn key(self) -> Range<usize> {
        self.key.range()
    }

    /// Returns the length of [`key`](Self::key).
    #[inline(always)]
    pub(crate) fn key_len(self) -> usize {
        self.key.len()
    }

    /// Returns the range of the value, without white space around it.
    #[inline(always)]
    pub(crate) fn value(self) -> Range<usize> {
        self.value.range()
    }
}

/// The places of the members of a frame, in the order of the wire.
///
/// The gateway writes no white space, so a member begins where the one before it ended: two bytes
/// after it, behind `,"`. Its value begins two bytes after its key, behind `":`. Two ends therefore
/// say where a member is. The first members that lie so are chained: their ends are stored in
/// place. The first member that does not, and all after it, are listed.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// The ends of the key and of the value of each chained member. What lies behind the last one
    /// has no meaning.
    places: [(u16, u16); MAX_CHAINED],
    chained: Chained,
    listed: Large<Member>,
}

/// What [`Spans::places`] holds.
#[derive(Clone, Copy, Debug, Default)]
struct Chained {
    len: u8,
    /// The end of the value of the last member.
    end: u16,
    /// The members whose key is a name, of at least [`MIN_NAME`] bytes; the first in bit 0.
    named: u32,
}

impl Spans {
    pub(super) const fn new() -> Self {
        let chained = Chained { len: 0, end: 0, named: 0 };
        Self { places: [(0, 0); MAX_CHAINED], chained, listed: Large(Vec::new()) }
    }

    /// Removes all members.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.chained = Chained::default();
        self.listed.0.clear();
    }

    /// Appends a member.
    #[inline(always)]
    pub(super) fn push(&mut self, member: Member) {
        let (key, value) = (member.key(), member.value());
        let follows = key.start == usize::from(self.chained.end) + 2 && value.start == key.end + 2;
        let mut chain = self.chain();
        let is_chained = follows && chain.push(key.end, value.end);
        chain.finish();
        if !is_chained {
            self.list(member);
        }
    }

    /// Returns what appends chained members.
    #[inline(always)]
    pub(super) fn chain(&mut self) -> Chain<'_> {
        let Self { places, chained, listed } = self;
        let Chained { len, end, named } = *chained;
        // Behind a member that is listed, none is chained.
        let places = if listed.0.is_empty() { &mut places[..] } else { &mut [] };
        Chain { places, chained, len: len.into(), end, named }
    }

    #[cold]
    fn list(&mut self, member: Member) {
        // From here on the capacity doubles, to a little above the largest number of members. With
        // powers of two, the largest list had the size up to which the allocator of glibc keeps
        // what is released, and its heap grew to 46 MB.
        if self.listed.0.capacity() == 0 {
            self.listed.0.reserve_exact(FIRST_LISTED);
        }
        self.listed.0.push(member);
    }

    /// Returns the number of members.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        usize::from(self.chained.len) + self.listed.0.len()
    }

    /// Returns the members in order.
    #[inline(always)]
    pub(super) fn iter(&self) -> SpansIter<'_> {
        let chained = self.places.get(..usize::from(self.chained.len)).unwrap_or_default();
        SpansIter { chained: chained.iter(), end: 0, listed: self.listed.0.iter() }
    }

    /// Returns in their order the members whose key has at least [`MIN_NAME`] bytes.
    #[inline(always)]
    pub(super) fn named(&self) -> impl Iterator<Item = Member> + '_ {
        let mut places = self.chained.named;
        let chained = core::iter::from_fn(move || {
            let place = places.trailing_zeros() as usize;
            let (key_end, value_end) = *self.places.get(place)?;
            places &= places - 1;
            let before = place.checked_sub(1).and_then(|before| self.places.get(before)).map_or(0, |(_, end)| *end);
            Some(Member::chained(before.into(), key_end.into(), value_end.into()))
        });
        chained.chain(self.listed.0.iter().copied().filter(|member| member.key_len() >= MIN_NAME))
    }

    /// Returns the first member with this key, which has two or four bytes as the number of nearly
    /// every field has. Such a key is compared without a call.
    #[inline(always)]
    pub(super) fn short<const N: usize>(&self, text: &[u8], key: [u8; N]) -> Option<Member> {
        let is_key = |end: usize| text.get(..end).and_then(<[u8]>::last_chunk) == Some(&key);
        let (mut before, chained) = (0, self.places.get(..usize::from(self.chained.len)).unwrap_or_default());
        for &(key_end, value_end) in chained {
            if usize::from(key_end) == before + 2 + N && is_key(key_end.into()) {
                return Some(Member::chained(before, key_end.into(), value_end.into()));
            }
            before = value_end.into();
        }
        self.listed.0.iter().copied().find(|member| member.key_len() == N && is_key(member.key().end))
    }

    /// Returns the ends of the key and of the value of each chained member, and the listed members.
    #[inline(always)]
    pub(super) fn parts(&self) -> (&[(u16, u16)], &[Member]) {
        (self.places.get(..usize::from(self.chained.len)).unwrap_or_default(), &self.listed.0)
    }

    /// Releases memory that is allocated and not used.
    pub(super) fn release_spare(&mut self) {
        self.listed.0.shrink_to_fit();
    }

    /// Returns the bytes that are allocated once [`release_spare`](Self::release_spare) was called.
    pub(super) fn held_bytes(&self) -> usize {
        self.listed.0.len() * size_of::<Member>()
    }
}

/// Appends members that lie where chained ones do. They count once it is
/// [finished](Self::finish).
///
/// What changes with each member is here and not in [`Spans`], so that it stays in registers.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    places: &'a mut [(u16, u16)],
    chained: &'a mut Chained,
    len: usize,
    end: u16,
    named: u32,
}

impl Chain<'_> {
    /// Appends a member by the ends of its key and its value. Returns `false` and appends nothing
    /// if it cannot be chained: there is no room, or a member before it is listed.
    #[inline(always)]
    pub(super) fn push(&mut self, key_end: usize, value_end: usize) -> bool {
        let Some(place) = self.places.get_mut(self.len) else { return false };
        let (Ok(key_end), Ok(value_end)) = (u16::try_from(key_end), u16::try_from(value_end)) else { return false };
        *place = (key_end, value_end);
        // No key begins before the third byte, so this does not overflow.
        let key_len = usize::from(key_end.wrapping_sub(self.end).wrapping_sub(2));
        self.named |= u32::from(key_len >= MIN_NAME) << self.len;
        self.len += 1;
        self.end = value_end;
        true
    }

    /// Returns the end of the value of the last member; `None` if there is none.
    #[inline(always)]
    pub(super) fn finish(self) -> Option<usize> {
        // There is room for no more than `MAX_CHAINED`.
        let len = u8::try_from(self.len).unwrap_or_default();
        *self.chained = Chained { len, end: self.end, named: self.named };
        (len > 0).then_some(self.end.into())
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Spans {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Spans {}

/// An iterator over the members of a frame.
#[derive(Clone, Debug)]
pub(super) struct SpansIter<'a> {
    chained: core::slice::Iter<'a, (u16, u16)>,
    /// The end of the value of the chained member before.
    end: usize,
    listed: core::slice::Iter<'a, Member>,
}

impl Iterator for SpansIter<'_> {
    type Item = Member;

    #[inline(always)]
    fn next(&mut self) -> Option<Member> {
        let Some(&(key_end, value_end)) = self.chained.next() else { return self.listed.next().copied() };
        let member = Member::chained(self.end, key_end.into(), value_end.into());
        self.end = value_end.into();
        Some(member)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.chained.len() + self.listed.len();
        (len, Some(len))
    }
}

impl ExactSizeIterator for SpansIter<'_> {}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::Frame;
    use super::*;

    fn member(key: Range<usize>, value: Range<usize>) -> Member {
        Member::new(Span::new(key.start, key.end), Span::new(value.start, value.end))
    }

    /// Pushes the members, and compares what the iterator returns with them.
    fn places(members: &[Member]) -> Spans {
        let mut spans = Spans::default();
        members.iter().for_each(|member| spans.push(*member));
        assert_eq!(spans.iter().collect::<Vec<_>>(), members);
        assert_eq!((spans.len(), spans.iter().len()), (members.len(), members.len()));
        let named = members.iter().copied().filter(|member| member.key_len() >= MIN_NAME);
        assert_eq!(spans.named().collect::<Vec<_>>(), named.collect::<Vec<_>>());
        spans
    }

    #[test]
    fn members_that_follow_each_other_are_stored_in_place() {
        // {"a":1,"bc":"d"}
        let spans = places(&[member(2..3, 5..6), member(8..10, 12..15)]);
        assert_eq!(spans.held_bytes(), 0);
    }

    #[test]
    fn members_whose_keys_are_names_are_found_chained_and_listed() {
        let (mut at, mut all) = (0, Vec::new());
        for n in 0..60 {
            let key = at + 2..at + 2 + n % 9;
            let value = key.end + 2..key.end + 3;
            at = value.end;
            all.push(member(key, value));
        }
        assert!(places(&all).held_bytes() > 0);
        assert_eq!(places(&all[..20]).held_bytes(), 0);
    }

    #[test]
    fn a_short_key_is_the_first_that_is_the_same_chained_or_listed() {
        let text = br#"{"x31":1,"3":2,"31":3,"13":4,"31":5, "6119":6,"611":7,"32":8}"#;
        let frame = Frame::decode(Bytes::from_static(text)).unwrap();
        let value = |member: Option<Member>| member.map(|member| text[member.value()][0]);
        assert!(frame.members.held_bytes() > 0, "some are listed");
        for (key, expected) in [(b"31", Some(b'3')), (b"13", Some(b'4')), (b"32", Some(b'8')), (b"33", None)] {
            assert_eq!(value(frame.members.short(text, *key)), expected);
        }
        assert_eq!(value(frame.members.short(text, *b"6119")), Some(b'6'));
        assert_eq!(value(frame.members.short(text, *b"6110")), None);
        // The first key of a text has too few bytes before it for one of four.
        assert_eq!(places(&[member(2..3, 5..6)]).short(br#"{"":1}"#, *b"6119"), None);
    }

    #[test]
    fn white_space_ends_the_chain_and_the_members_after_it_are_listed() {
        for gap in [member(9..11, 13..16), member(8..10, 13..16)] {
            let spans = places(&[member(2..3, 5..6), gap, member(18..19, 21..22)]);
            assert_eq!(spans.held_bytes(), 2 * size_of::<Member>());
        }
    }

    #[test]
    fn members_beyond_the_place_or_the_range_of_a_chain_are_listed() {
        let many: Vec<_> =
            (0..MAX_CHAINED + 3).map(|at| member(4 * at + 2..4 * at + 2, 4 * at + 4..4 * at + 4)).collect();
        assert!(places(&many).held_bytes() > 0);
        let far =
            [member(2..3, 5..65_535), member(65_537..65_538, 65_540..65_541), member(65_543..65_544, 65_546..65_547)];
        let spans = places(&far);
        assert_eq!(spans.chained.len, 1);
    }
}
