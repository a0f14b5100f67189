//! Decodes arbitrary bytes as a frame and compares the result with that of `serde_json`.

use std::fmt;

use bytes::Bytes;
use ibws_proto::{
    Frame, Json,
    frame::{FrameErrorKind, JsonError, Kind, Shape},
};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::read::read_all;

/// The members of an object as `serde_json` reads them, in order, including doubled ones.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// Decodes arbitrary bytes as a frame, and checks that:
///
/// * it is accepted or refused as by `serde_json`, except for the depth limit, `ech+hb` and doubled
///   keys;
/// * it has the same members, and every typed value can be read;
/// * its serialised form is its own JSON.
///
/// # Panics
/// If one of these does not hold.
pub fn decode(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let theirs = serde_json::from_str::<IgnoredAny>(&text);
    match Frame::decode(Bytes::copy_from_slice(data)) {
        Ok(frame) => {
            assert_eq!((frame.raw(), frame.text()), (&Bytes::copy_from_slice(data), &*text));
            assert_eq!(frame.is_lossy(), std::str::from_utf8(data).is_err());
            if frame.shape() == Shape::Echo {
                assert!(theirs.is_err() && text.trim_ascii() == "ech+hb");
            } else {
                assert!(theirs.is_ok(), "decoded, but serde_json: {theirs:?}");
                members(&frame);
            }
            read_all(&frame);
            serialised(&frame);
        }
        Err(malformed) => {
            assert_eq!(malformed.raw, data);
            match malformed.kind {
                FrameErrorKind::Duplicate(key) => {
                    // Without a value from serde_json, for example because of a lone surrogate,
                    // there is nothing to compare.
                    if let Ok(Members(members)) = serde_json::from_str(&text) {
                        assert!(members.iter().filter(|(name, _)| name == key).count() >= 2, "{key}");
                    }
                }
                // The limits of what a frame takes once it is decoded; serde_json has none of them.
                FrameErrorKind::NotText => assert!(data.len() > 64 * 1024),
                FrameErrorKind::Json(JsonError::TooManyMembers(_)) => assert!(data.len() > 5 * 128 * 1024),
                reason if theirs.is_ok() => assert!(depth(&text) > 127, "refused: {reason}"),
                _ => {}
            }
        }
    }
}

fn members(frame: &Frame) {
    let Ok(Members(theirs)) = serde_json::from_str(frame.text()) else { return };
    assert_eq!(frame.members().len(), theirs.len());
    for ((key, value), (name, expected)) in frame.members().zip(theirs) {
        assert_eq!(key, name);
        assert_eq!(value.parse::<Value>().ok(), Some(expected));
        assert!(frame.get(&key).is_some());
    }
}

/// The depth of the brackets of a text that is known to be JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn serialised(frame: &Frame) {
    let written = serde_json::to_string(&frame.body()).unwrap_or_else(|error| panic!("{error}"));
    if frame.shape() == Shape::Echo {
        assert_eq!(written, "\"ech+hb\"");
        return;
    }
    let again = Frame::decode(Bytes::from(written)).unwrap_or_else(|error| panic!("the serialised form: {error}"));
    same(frame.json(), again.json());
}

/// Checks that two values have the same keys in the same order, the same texts and the same
/// numbers.
fn same(one: Json<'_>, other: Json<'_>) {
    match one.kind() {
        // A number that fits no number type is written as a string of its text.
        Kind::Number if other.kind() == Kind::String => assert_eq!(other.as_str().as_deref(), Some(one.text())),
        Kind::Number => assert_eq!(one.text().parse::<f64>(), other.text().parse()),
        Kind::Array => {
            assert_eq!(one.elements().count(), other.elements().count());
            one.elements().zip(other.elements()).for_each(|(one, other)| same(one, other));
        }
        Kind::Object => {
            assert!(one.members().map(|member| member.0).eq(other.members().map(|member| member.0)));
            one.members().zip(other.members()).for_each(|((_, one), (_, other))| same(one, other));
        }
        // A string with unpaired surrogates is written with its escapes spelled out.
        Kind::String if one.as_str().is_none() => {
            let written = one.text().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            assert_eq!(other.as_str().as_deref(), written);
        }
        Kind::String => assert_eq!(one.as_str(), other.as_str()),
        _ => assert_eq!(one.text(), other.text()),
    }
}
