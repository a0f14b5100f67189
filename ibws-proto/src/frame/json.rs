//! A JSON value that was scanned and not parsed: its members, its elements, and its serialisation.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::key::{Key, Visit};
use super::scan::{Cursor, Span};
use super::swar::has_escape;
use crate::mask::Discreet;

/// A JSON value as text, scanned and not parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(pub(crate) &'a str);

/// Writes the text with accounts and sessions masked, because `Debug` output reaches logs.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&Discreet(self.0)).finish()
    }
}

impl<'a> Json<'a> {
    /// Returns the JSON text.
    #[must_use]
    #[inline]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Returns the unescaped string; `None` for any other kind, and for a string whose escapes are
    /// not Unicode.
    #[must_use]
    #[inline]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let inner = self.quoted()?;
        if has_escape(inner.as_bytes()) { self.unescaped() } else { Some(Cow::Borrowed(inner)) }
    }

    #[cold]
    #[inline(never)]
    fn unescaped(self) -> Option<Cow<'a, str>> {
        serde_json::from_str(self.0).ok().map(Cow::Owned)
    }

    /// Returns what is between the quotes of a string, with its escapes.
    #[inline]
    pub(crate) fn quoted(self) -> Option<&'a str> {
        if self.0.as_bytes().first() != Some(&b'"') {
            return None;
        }
        self.0.get(1..self.0.len().checked_sub(1)?)
    }

    /// Returns the text of a string or of a number. The gateway writes many numbers as either
    /// (docs/protocol.md §7.10).
    #[must_use]
    #[inline]
    pub fn scalar(self) -> Option<Cow<'a, str>> {
        match self.0.as_bytes().first()? {
            b'"' => self.as_str(),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(self.0)),
            _ => None,
        }
    }

    /// Returns a whole number that is written as a number or as a string.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        self.scalar()?.parse().ok()
    }

    /// Returns a truth value that is written as `true` or as `"true"`.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.0.trim_matches('"') {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Returns `true` for `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Deserialises the value into any type.
    ///
    /// # Errors
    /// Those of `serde_json`.
    pub fn parse<T: Deserialize<'a>>(self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0)
    }
}

/// The kind of a JSON value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The literal `null`.
    Null,
    /// The literal `true` or `false`.
    Bool,
    /// A JSON number.
    Number,
    /// A JSON string.
    String,
    /// A JSON array.
    Array,
    /// A JSON object.
    Object,
}

impl<'a> Json<'a> {
    /// Returns the kind of the value.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// Returns the members of an object in the order of the wire; none for any other kind. Each
    /// step scans the next member and builds nothing.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        let mut cursor = Cursor::new(self.0.as_bytes());
        let open = cursor.take(b'{');
        Members { text: Discreet(self.0), cursor, more: open }
    }

    /// Returns the elements of an array; none for any other kind.
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        let mut cursor = Cursor::new(self.0.as_bytes());
        let open = cursor.take(b'[');
        Elements { text: Discreet(self.0), cursor, more: open }
    }

    /// Returns a member of an object, the first one if the key occurs twice.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        self.members().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// An iterator over the members of an object, returned by [`Json::members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    text: Discreet<&'a str>,
    cursor: Cursor<'a>,
    more: bool,
}

impl<'a> Members<'a> {
    fn step(&mut self) -> Option<(Cow<'a, str>, Json<'a>)> {
        if !self.cursor.take(b'"') {
            return None;
        }
        let start = self.cursor.at();
        let escaped = self.cursor.string_tail().ok()?;
        let end = self.cursor.at();
        let key = if escaped {
            key_text(self.text.0.get(start.checked_sub(1)?..end)?)
        } else {
            Cow::Borrowed(self.text.0.get(start..end.checked_sub(1)?)?)
        };
        if !self.cursor.take(b':') {
            return None;
        }
        let value = value(self.text.0, &mut self.cursor)?;
        self.more = self.cursor.take(b',');
        Some((key, value))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if !core::mem::replace(&mut self.more, false) {
            return None;
        }
        self.step()
    }
}

/// An iterator over the elements of an array, returned by [`Json::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    text: Discreet<&'a str>,
    cursor: Cursor<'a>,
    more: bool,
}

impl<'a> Elements<'a> {
    /// Returns an iterator over one value, as if it were the only element of an array.
    pub(crate) fn one(json: Json<'a>) -> Self {
        Self { text: Discreet(json.0), cursor: Cursor::new(json.0.as_bytes()), more: true }
    }

    /// Returns the next element. If it is an object, hands its members to `visit` with the spans of
    /// their values in it. This is one walk; finding first the end and then the members would be
    /// two. Returns `true` as well if the element is known to hold no escape.
    #[inline(always)]
    pub(crate) fn next_with(&mut self, visit: &mut impl Visit) -> Option<(Json<'a>, bool)> {
        if !self.more || self.cursor.next_token()? != b'{' {
            return self.next().map(|json| (json, false));
        }
        self.more = false;
        let start = self.cursor.at();
        self.cursor.take(b'{');
        #[cfg(feature = "simd")]
        let is_plain = self.cursor.plain_known_members(start, visit);
        #[cfg(not(feature = "simd"))]
        let is_plain = false;
        if !is_plain {
            self.any_members(start, visit)?;
        }
        let json = self.text.0.get(start..self.cursor.at()).map(Json);
        self.more = self.cursor.take(b',');
        Some((json?, is_plain))
    }

    /// Walks over the members that remain.
    #[cfg_attr(feature = "simd", inline(never))]
    fn any_members(&mut self, origin: usize, visit: &mut impl Visit) -> Option<()> {
        if self.cursor.take(b'}') {
            return Some(());
        }
        loop {
            self.member(origin, visit)?;
            if !self.cursor.take(b',') {
                return self.cursor.take(b'}').then_some(());
            }
        }
    }

    #[inline(always)]
    fn member(&mut self, origin: usize, visit: &mut impl Visit) -> Option<()> {
        if !self.cursor.take(b'"') {
            return None;
        }
        let start = self.cursor.at();
        let escaped = self.cursor.string_tail().ok()?;
        let end = self.cursor.at();
        if !self.cursor.take(b':') {
            return None;
        }
        self.cursor.next_token()?;
        let from = self.cursor.at();
        self.cursor.known_value()?;
        let value = Span::new(from.wrapping_sub(origin), self.cursor.at().wrapping_sub(origin));
        if escaped {
            let key = key_text(self.text.0.get(start.checked_sub(1)?..end)?);
            visit.member(Key::at_end(key.as_bytes(), key.len()), value);
        } else {
            let end = end.checked_sub(1)?;
            visit.member(Key::at_end(self.text.0.as_bytes().get(..end)?, end.checked_sub(start)?), value);
        }
        Some(())
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        if !core::mem::replace(&mut self.more, false) || self.cursor.next_token() == Some(b']') {
            return None;
        }
        let value = value(self.text.0, &mut self.cursor)?;
        self.more = self.cursor.take(b',');
        Some(value)
    }
}

fn value<'a>(text: &'a str, cursor: &mut Cursor<'a>) -> Option<Json<'a>> {
    cursor.next_token()?;
    let start = cursor.at();
    cursor.value().ok()?;
    text.get(start..cursor.at()).map(Json)
}

/// Decodes a key from its JSON string with quotes. A key with an unpaired surrogate stays as it is
/// written.
fn key_text(quoted: &str) -> Cow<'_, str> {
    let written = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    Json(quoted).as_str().unwrap_or(Cow::Borrowed(written))
}

/// Serialises the keys and values of the wire in their order, with keys that occur twice.
///
/// A number that an integer or an `f64` cannot hold digit for digit is written as a string of its
/// text, which every accessor of this crate reads as well. A string with an unpaired surrogate
/// keeps its escapes as text.
impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.kind() {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool => serializer.serialize_bool(self.0 == "true"),
            Kind::Number => number(self.0, serializer),
            Kind::String => match self.as_str() {
                Some(text) => serializer.serialize_str(&text),
                None => serializer.serialize_str(self.quoted().unwrap_or(self.0)),
            },
            Kind::Array => {
                let mut seq = serializer.serialize_seq(None)?;
                for element in self.elements() {
                    seq.serialize_element(&element)?;
                }
                seq.end()
            }
            Kind::Object => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in self.members() {
                    map.serialize_entry(&key, &value)?;
                }
                map.end()
            }
        }
    }
}

fn number<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if text != "-0" {
        if let Ok(whole) = text.parse::<i64>() {
            return serializer.serialize_i64(whole);
        }
        if let Ok(whole) = text.parse::<u64>() {
            return serializer.serialize_u64(whole);
        }
    }
    match text.parse::<f64>() {
        Ok(float) if digits(&format!("{float:e}")) == digits(text) => serializer.serialize_f64(float),
        _ => serializer.serialize_str(text),
    }
}

/// Returns the sign, the significant digits, and the power of ten of the first digit. They are
/// equal for equal numbers, however those are written.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let significant = all.trim_matches('0');
    let exponent: i64 = exponent.parse().ok()?;
    let first = if significant.is_empty() {
        0
    } else {
        exponent.checked_add(i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?)?
    };
    Some((negative, significant.into(), first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        serde_json::to_string(&Json(text)).unwrap()
    }

    #[test]
    fn members_and_elements_are_returned_in_order() {
        let json = Json(r#"{ "a" : [1, "x" , {"b":null}] , "\u0062":true, "a":2 }"#);
        let members: alloc::vec::Vec<_> = json.members().map(|(key, value)| (key.into_owned(), value.text())).collect();
        let expected = [("a", "[1, \"x\" , {\"b\":null}]"), ("b", "true"), ("a", "2")];
        assert_eq!(members, expected.map(|(key, value)| (key.into(), value)));
        assert_eq!(
            json.get("a").unwrap().elements().map(Json::text).collect::<alloc::vec::Vec<_>>(),
            ["1", "\"x\"", "{\"b\":null}"]
        );
        assert_eq!(json.get("c"), None);
        for none in ["[]", "{}", "1", "\"{\"", "null"] {
            assert_eq!(Json(none).members().count() + Json(none).elements().count(), 0, "{none}");
        }
    }

    #[test]
    fn a_value_serialises_to_its_own_json() {
        for same in [
            r#"{"topic":"smd+1","83":-0.63,"a":[],"b":{},"c":null,"d":true,"conid":265598,"topic":"x"}"#,
            "18446744073709551615",
            "-9223372036854775808",
            r#""a\"b\\c""#,
            "-0.0",
        ] {
            assert_eq!(round(same), same);
        }
        for (wire, written) in [
            ("1.0", "1.0"),
            ("1.46E7", "14600000.0"),
            ("1e400", "\"1e400\""),
            ("0.1234567890123456789", "\"0.1234567890123456789\""),
            ("-0", "-0.0"),
            ("1e99999999999999999999", "\"1e99999999999999999999\""),
            (r#""\ud800x""#, r#""\\ud800x""#),
            // Only the outer two quotes are removed, whatever the string ends with.
            (r#""\ud800\"""#, r#""\\ud800\\\"""#),
        ] {
            assert_eq!(round(wire), written);
        }
    }
}
