//! Merges two frames of one stream into one: the members of both, with the newer value where both
//! have one.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use bytes::Bytes;

use crate::event::Message;
use crate::frame::{Frame, Spelled};

/// The maximum number of members of a frame that is merged: as many fields as a
/// [`Quote`](crate::fold::Quote) holds.
const MAX_MEMBERS: usize = 256;
/// The maximum length in bytes of a value that is merged: what a quote holds.
const MAX_VALUE_BYTES: usize = 4_096;

/// Returns `true` if the frame is small enough to be merged with others field by field.
pub(super) fn is_mergeable(frame: &Frame) -> bool {
    // A byte that was replaced takes three.
    let is_short = frame.raw().len() <= MAX_VALUE_BYTES / 3;
    frame.members().len() <= MAX_MEMBERS
        && (is_short || frame.spelled().all(|member| member.value.len() <= MAX_VALUE_BYTES))
}

/// The result of a merge of two frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Merged {
    /// The newer frame has all members of the older one and stands for both.
    Newer,
    /// It was written into a buffer of its own.
    Written,
    /// The frames stay apart.
    Neither,
}

/// Merges `older` into `newer`, unless the result would be too large. `is_distinct` is known of
/// `older`, or of the result: that no key occurs twice.
///
/// A fold of the result ends exactly where a fold of both frames ends. A key keeps its place in the
/// older frame, and a key that occurs twice in a frame occurs twice in the result. What `older` is
/// then is not used again, unless the frames stay apart.
pub(super) fn frames(older: &mut Frame, newer: &mut Frame, is_distinct: &mut bool) -> Merged {
    *is_distinct = *is_distinct || older.has_distinct_keys();
    if *is_distinct && newer.supersedes(older) {
        newer.mark_merged();
        return Merged::Newer;
    }
    if *is_distinct && newer.overwrite(older) {
        newer.mark_merged();
        return Merged::Written;
    }
    let merged = if *is_distinct { newer.merged_into(older) } else { None };
    let merged = merged.filter(|merged| merged.members().len() <= MAX_MEMBERS);
    *is_distinct = merged.is_some();
    match merged.or_else(|| spelled_frames(older, newer)) {
        Some(merged) => *newer = merged,
        None => return Merged::Neither,
    }
    Merged::Written
}

/// Merges any two frames, member by member; `None` if the result would be too large.
fn spelled_frames(older: &Frame, newer: &Frame) -> Option<Frame> {
    let mut object = Object::with_capacity(older.text().len() + newer.text().len());
    let (old, new): (Vec<_>, Vec<_>) = (older.spelled().collect(), newer.spelled().collect());
    let (known, updates) = (Sorted::new(&old), Sorted::new(&new));
    for member in &old {
        let mut updates = updates.of_key(&member.key).peekable();
        if updates.peek().is_none() {
            object.push(member);
        } else if known.of_key(&member.key).next().is_some_and(|first| core::ptr::eq(first, member)) {
            updates.for_each(|other| object.push(other));
        }
    }
    let is_new = |member: &&Spelled<'_>| known.of_key(&member.key).next().is_none();
    new.iter().filter(is_new).for_each(|member| object.push(member));
    let merged = object.into_frame(older.is_lossy() || newer.is_lossy())?;
    let fits = merged.members().len() <= MAX_MEMBERS;
    fits.then_some(merged)
}

/// The members of a frame by their keys. Finding a key takes logarithmic time, so that merging wide
/// frames takes little more than reading them.
struct Sorted<'a>(Vec<&'a Spelled<'a>>);

impl<'a> Sorted<'a> {
    fn new(members: &'a [Spelled<'a>]) -> Self {
        let mut sorted: Vec<_> = members.iter().collect();
        // The sort is stable: members of one key stay in the order of the frame.
        sorted.sort_by(|one, other| order(&one.key, &other.key));
        Self(sorted)
    }

    /// Returns the members with this key in the order of the frame.
    fn of_key(&self, key: &str) -> impl Iterator<Item = &'a Spelled<'a>> {
        let first = self.0.partition_point(|member| order(&member.key, key).is_lt());
        self.0.iter().skip(first).take_while(move |member| member.key == key).copied()
    }
}

/// Orders keys by their length first, because most differ in it.
fn order(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Records in `newer` that `older` is merged into it.
pub(super) fn count(older: &Message, newer: &mut Message) {
    newer.merged = newer.merged.saturating_add(older.merged).saturating_add(1);
    newer.since = newer.since.min(older.since);
}

/// The text of a JSON object under construction.
pub(super) struct Object(String);

impl Object {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Appends a member.
    pub(super) fn push(&mut self, member: &Spelled<'_>) {
        self.push_key(member.written).push_str(member.value);
    }

    /// Appends a key, with its quotes, and returns the text to which its value is to be appended.
    pub(super) fn push_key(&mut self, written_key: &str) -> &mut String {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(written_key);
        self.0.push(':');
        &mut self.0
    }

    pub(super) fn into_text(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }

    /// Returns the object as a frame, marked as lossy if a frame that it is made of was.
    pub(super) fn into_frame(self, lossy: bool) -> Option<Frame> {
        // Without the capacity that the text does not use.
        let text = self.into_text().into_boxed_str().into_boxed_bytes();
        let mut frame = Frame::decode(Bytes::from(text)).ok()?;
        if lossy {
            frame = frame.into_lossy();
        }
        frame.release_spare();
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Frame {
        Frame::decode(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    fn merge(older: &Frame, newer: &Frame) -> Option<Frame> {
        let mut merged = newer.clone();
        (frames(&mut older.clone(), &mut merged, &mut false) != Merged::Neither).then_some(merged)
    }

    #[test]
    fn each_field_has_its_newest_value_and_its_old_place() {
        let older = decode(r#"{"topic":"smd+1","31":"1.10","84":"1.05","conid":1}"#);
        let newer = decode(r#"{"84":"1.07","86":"1.12","topic":"smd+1"}"#);
        let merged = merge(&older, &newer).unwrap();
        assert_eq!(merged.text(), r#"{"topic":"smd+1","31":"1.10","84":"1.07","conid":1,"86":"1.12"}"#);
        assert_eq!((merged.topic().as_deref(), merged.is_lossy()), (Some("smd+1"), false));
    }

    #[test]
    fn merged_frame_keeps_escaped_keys_doubled_keys_and_bad_bytes() {
        let older = decode(r#"{ "topic" : "smd+1", "\u0033\u0031":"old", "a\"b":[1, {"c":2}], "x":1, "x":2 }"#);
        let newer =
            Frame::decode(Bytes::from_static(b"{\"topic\":\"smd+1\",\"31\":\"n\x99w\",\"x\":3,\"x\":4}")).unwrap();
        let merged = merge(&older, &newer).unwrap();
        assert_eq!(
            merged.text(),
            "{\"topic\":\"smd+1\",\"31\":\"n\u{fffd}w\",\"a\\\"b\":[1, {\"c\":2}],\"x\":3,\"x\":4}"
        );
        assert!(merged.is_lossy());
    }

    #[test]
    fn frames_that_are_merged_in_place_are_those_that_are_merged_member_by_member() {
        let long: Vec<_> = (0..40).map(|n| format!("\"field{n}\":\"{n}.5\"")).collect();
        let long = format!(r#"{{"topic":"smd+1",{}}}"#, long.join(","));
        let texts = [
            r#"{"topic":"smd+1","31":"1.10","84":"1.05","conid":1}"#,
            r#"{"topic":"smd+1","31":"1.1","84":"100.05","conid":1}"#,
            r#"{"31":"1.1","topic":"smd+1","a_long_key_of_more_than_8":"1","84":null}"#,
            r#"{"31":"1.2","topic":"smd+1","a_long_key_of_more_than_9":"1","84":[1,{"x":2}]}"#,
            r#"{"31":"1.2","topic":"smd+1","31":"1.3"}"#,
            r#"{"31":"1.4","topic":"smd+1"}"#,
            r#"{"topic":"smd+1","84":"1.07"}"#,
            r#"{ "topic":"smd+1", "conid":2}"#,
            r#"{"84":1,"topic":"smd+1","new":"1.3","new":2,"newer":3,"":4}"#,
            r#"{ "topic":"smd+1","31":"1.10", "84":"1.05","conid":1}"#,
            r#"{"topic":"smd+1","31":"1.1","84" :"100.05","conid":1}"#,
            r#"{"topic":"smd+1","31":"1.1","84":"100.05","conid":1} "#,
            r#"{"t\u006fpic":"smd+1","31":"1.1","84":"100.05","conid":1}"#,
            r#"{"topic":"s\u006dd+1","31":"1.1"}"#,
            r#"{"topic":1,"31":"1.1"}"#,
            r#"{"topic":"smd+1","error":"no"}"#,
            r#"{"84":"é","86":"","topic":"smd+1"}"#,
            "{}",
            &long,
            &long.replace("7.5", "17.50"),
            &long.replace("field7\"", "other7\""),
        ];
        let frames: Vec<_> = texts.iter().map(|text| decode(text)).collect();
        let mut reached = [0; 3];
        for (older, newer) in frames.iter().flat_map(|older| frames.iter().map(move |newer| (older, newer))) {
            let expected = spelled_frames(older, newer).unwrap();
            // With a buffer of its own, a frame may be merged where it lies.
            for mut older in [older.clone(), decode(older.text())] {
                let mut merged = newer.clone().into_joined();
                let place = older.raw().as_ptr();
                let how = super::frames(&mut older, &mut merged, &mut false);
                assert_eq!(merged, expected, "{older:?} {newer:?}");
                assert_eq!(merged.held_bytes(), expected.held_bytes());
                let is_in_place = how == Merged::Written && merged.raw().as_ptr() == place;
                reached[if is_in_place { 2 } else { usize::from(how == Merged::Newer) }] += 1;
            }
        }
        assert!(reached[0] > 100 && reached[1] > 10 && reached[2] > 5, "{reached:?}");
    }

    #[test]
    fn frames_that_would_exceed_the_limits_are_not_merged() {
        let wide = |from: usize| {
            let fields: Vec<_> = (from..from + 200).map(|n| format!("\"{n}\":1")).collect();
            decode(&format!("{{\"topic\":\"smd+1\",{}}}", fields.join(",")))
        };
        assert!(is_mergeable(&wide(1000)) && merge(&wide(1000), &wide(1010)).is_some());
        assert!(merge(&wide(1000), &wide(2000)).is_none());
        assert!(!is_mergeable(&decode(&format!("{{\"topic\":\"smd+1\",\"31\":\"{}\"}}", "x".repeat(5_000)))));
    }
}
