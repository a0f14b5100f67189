//! Serialises texts from outside so that a terminal cannot obey them: a character that misleads
//! becomes an escape of JSON, which keeps the value of its string.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::Write as _;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::frame::Json;
use crate::mask::is_misleading;

/// Returns JSON text on one line, with escapes in place of the characters that mislead.
///
/// Line breaks and tabs become spaces, because JSON has them between tokens only. Every other
/// character that misleads stands inside a string.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !text.chars().any(is_misleading) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => line.push(' '),
            _ if is_misleading(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            _ => line.push(character),
        }
    }
    Cow::Owned(line)
}

/// JSON text that JSON formats repeat as it is written, digit for digit, and that other formats get
/// as values, as [`Json`] describes.
pub(crate) struct RawJson<'a>(pub(crate) &'a str);

impl<'a> RawJson<'a> {
    fn value(&self) -> Json<'a> {
        Json(self.0.trim())
    }
}

impl Serialize for RawJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable()
            && let Ok(raw) = serde_json::from_str::<&RawValue>(&json(self.0))
        {
            return raw.serialize(serializer);
        }
        self.value().serialize(serializer)
    }
}

/// Serialises a string.
pub(crate) fn string<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    // A writer of JSON escapes the controls below U+0020 itself.
    if !serializer.is_human_readable() || !text.chars().any(|character| character >= ' ' && is_misleading(character)) {
        return serializer.serialize_str(text);
    }
    RawJson(&serde_json::to_string(text).map_err(S::Error::custom)?).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Text<'a>(&'a str);

    impl Serialize for Text<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            string(self.0, serializer)
        }
    }

    #[test]
    fn misleading_characters_are_escaped_and_the_value_is_the_same() {
        for (text, written) in [
            ("plain \"é\" ™\n\u{1}", r#""plain \"é\" ™\n\u0001""#),
            ("\u{7f}\u{85}\u{9b}31m", r#""\u007f\u0085\u009b31m""#),
            ("\u{202e}\u{2066}\u{200b}\t", r#""\u202e\u2066\u200b\t""#),
            ("\u{e0041}", r#""\udb40\udc41""#),
        ] {
            assert_eq!(serde_json::to_string(&Text(text)).unwrap(), written);
            assert_eq!(serde_json::from_str::<String>(written).unwrap(), text);
        }
    }

    #[test]
    fn json_keeps_its_digits_and_becomes_one_line() {
        for (text, written) in [
            (" {\"a\" :\r\n\t[1.46E7, 1e400]} ", "{\"a\" :   [1.46E7, 1e400]}"),
            ("{\"a\u{202e}\":\"\u{85}\"}", r#"{"a\u202e":"\u0085"}"#),
        ] {
            assert_eq!(serde_json::to_string(&RawJson(text)).unwrap(), written);
        }
    }

    #[test]
    fn a_format_without_text_gets_the_values_whatever_is_around_them() {
        let value = RawJson("\n {\"a\" : [1.46E7, \"\u{85}\"]}\t").value();
        assert_eq!(serde_json::to_string(&value).unwrap(), "{\"a\":[14600000.0,\"\u{85}\"]}");
    }
}
