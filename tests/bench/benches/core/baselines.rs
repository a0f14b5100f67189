//! What a program would read the frames with instead.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sonic_rs::LazyValue;

/// The members that a pass has room for at once, so that no baseline grows its list.
const MEMBERS: usize = 24;

/// The members of a frame: the keys, and the values as they are in the text.
struct Members<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(&'de str, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(MEMBERS);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Pairs).map(Members)
    }
}

/// One borrowed pass of `serde_json` over bytes; returns the number of members.
pub(crate) fn serde_pass(bytes: &[u8]) -> usize {
    serde_json::from_slice::<Members<'_>>(bytes).expect("an object").0.len()
}

/// The same over a text, whose UTF-8 was checked before.
pub(crate) fn serde_pass_of_text(text: &str) -> usize {
    serde_json::from_str::<Members<'_>>(text).expect("an object").0.len()
}

/// Builds the tree of `serde_json`.
pub(crate) fn serde_value(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).expect("an object")
}

/// One borrowed pass of `sonic-rs` over bytes; returns the number of members.
pub(crate) fn sonic_pass(bytes: &[u8]) -> usize {
    let mut members: Vec<(_, LazyValue<'_>)> = Vec::with_capacity(MEMBERS);
    for member in sonic_rs::to_object_iter(bytes) {
        members.push(member.expect("an object"));
    }
    members.len()
}

/// Builds the tree of `sonic-rs`.
pub(crate) fn sonic_value(bytes: &[u8]) -> sonic_rs::Value {
    sonic_rs::from_slice(bytes).expect("an object")
}
