//! Two frames of one stream of changes as one: what both tell, the newer one's word where they differ.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::event::Message;
use crate::frame::{Frame, Spelled};

/// Most members of a frame that takes part: as many fields as a [`Quote`](crate::fold::Quote) holds. It bounds the work.
const MOST_MEMBERS: usize = 256;
/// Longest value of a frame that takes part: what a quote holds.
const LONGEST_VALUE: usize = 4_096;

/// May this frame be merged with others field by field?
pub(super) fn fits(frame: &Frame) -> bool {
    frame.members().len() <= MOST_MEMBERS && frame.spelled().all(|member| member.value.len() <= LONGEST_VALUE)
}

/// `newer` laid over `older`; `None` if that were too large.
///
/// Folded, it leaves what the two leave one after the other, to the letter: a key stays where the older frame has it, and
/// one that stands twice in a frame stands twice in the outcome.
pub(super) fn frames(older: &Frame, newer: &Frame) -> Option<Frame> {
    let mut object = Object::with_capacity(older.text().len() + newer.text().len());
    let (old, new): (Vec<_>, Vec<_>) = (older.spelled().collect(), newer.spelled().collect());
    for (at, member) in old.iter().enumerate() {
        let mut news = new.iter().filter(|other| other.key == member.key).peekable();
        if news.peek().is_none() {
            object.push(member);
        } else if !old.iter().take(at).any(|earlier| earlier.key == member.key) {
            news.for_each(|other| object.push(other));
        }
    }
    let is_new = |member: &&Spelled<'_>| !old.iter().any(|known| known.key == member.key);
    new.iter().filter(is_new).for_each(|member| object.push(member));
    let merged = object.into_frame(older.is_lossy() || newer.is_lossy())?;
    let fits = merged.members().len() <= MOST_MEMBERS;
    fits.then_some(merged)
}

/// Tells in `newer` that `older` is merged into it.
pub(super) fn count(older: &Message, newer: &mut Message) {
    newer.merged = newer.merged.saturating_add(older.merged).saturating_add(1);
    newer.since = newer.since.min(older.since);
}

/// A JSON object on its way.
pub(super) struct Object(String);

impl Object {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn push(&mut self, member: &Spelled<'_>) {
        self.value(member.written).push_str(member.value);
    }

    /// A member whose value is yet to be written.
    pub(super) fn value(&mut self, written_key: &str) -> &mut String {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(written_key);
        self.0.push(':');
        &mut self.0
    }

    pub(super) fn into_text(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }

    pub(super) fn into_frame(self, lossy: bool) -> Option<Frame> {
        let frame = Frame::decode(Bytes::from(self.into_text())).ok()?;
        Some(if lossy { frame.into_lossy() } else { frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Frame {
        Frame::decode(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn each_field_has_its_newest_value_and_its_old_place() {
        let older = decode(r#"{"topic":"smd+1","31":"1.10","84":"1.05","conid":1}"#);
        let newer = decode(r#"{"84":"1.07","86":"1.12","topic":"smd+1"}"#);
        let merged = frames(&older, &newer).unwrap();
        assert_eq!(merged.text(), r#"{"topic":"smd+1","31":"1.10","84":"1.07","conid":1,"86":"1.12"}"#);
        assert_eq!((merged.topic().as_deref(), merged.is_lossy()), (Some("smd+1"), false));
    }

    #[test]
    fn odd_spellings_and_bad_bytes_live_on() {
        let older = decode(r#"{ "topic" : "smd+1", "\u0033\u0031":"old", "a\"b":[1, {"c":2}], "x":1, "x":2 }"#);
        let newer =
            Frame::decode(Bytes::from_static(b"{\"topic\":\"smd+1\",\"31\":\"n\x99w\",\"x\":3,\"x\":4}")).unwrap();
        let merged = frames(&older, &newer).unwrap();
        assert_eq!(
            merged.text(),
            "{\"topic\":\"smd+1\",\"31\":\"n\u{fffd}w\",\"a\\\"b\":[1, {\"c\":2}],\"x\":3,\"x\":4}"
        );
        assert!(merged.is_lossy());
    }

    #[test]
    fn what_would_grow_without_end_is_not_merged() {
        let wide = |from: usize| {
            let fields: Vec<_> = (from..from + 200).map(|n| format!("\"{n}\":1")).collect();
            decode(&format!("{{\"topic\":\"smd+1\",{}}}", fields.join(",")))
        };
        assert!(fits(&wide(1000)) && frames(&wide(1000), &wide(1010)).is_some());
        assert!(frames(&wide(1000), &wide(2000)).is_none());
        assert!(!fits(&decode(&format!("{{\"topic\":\"smd+1\",\"31\":\"{}\"}}", "x".repeat(5_000)))));
    }
}
