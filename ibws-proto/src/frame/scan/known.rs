//! Walks over a text that was scanned before. It is known to be JSON, so a value ends where
//! something else begins.

#[cfg(feature = "simd")]
use super::super::key::{Key, Visit};
#[cfg(feature = "simd")]
use super::super::quotes::ClosingQuotes;
use super::super::swar::scalar_end;
use super::Cursor;
#[cfg(feature = "simd")]
use super::Span;

impl Cursor<'_> {
    /// Does the same as [`value`](Self::value).
    #[inline(always)]
    pub(crate) fn known_value(&mut self) -> Option<()> {
        match self.next_token()? {
            b'"' => {
                self.at += 1;
                self.string_tail().ok()?;
            }
            b'{' | b'[' => self.nested().ok()?,
            _ => self.at = scalar_end(self.text, self.at),
        }
        Some(())
    }

    /// Walks over members of an object, whose opening brace was taken, as long as they have the
    /// form of nearly all: no white space and no escape. Hands the key of each to `visit`, and the
    /// place of its value from `origin` on. Stops before a member of another form. Returns `true`
    /// if the object has ended.
    #[cfg(feature = "simd")]
    #[inline(always)]
    pub(crate) fn plain_known_members(&mut self, origin: usize, visit: &mut impl Visit) -> bool {
        let text = self.text;
        let mut quotes = ClosingQuotes::<true>::new(text, self.at);
        loop {
            let open = self.at;
            if text.get(open) != Some(&b'"') {
                return false;
            }
            let Some(close) = quotes.next() else { return false };
            let Some(&[b':', first]) = text.get(close + 1..).and_then(|rest| rest.first_chunk()) else { return false };
            let from = close + 2;
            let end = match first {
                b'"' => match quotes.next() {
                    Some(end) => end + 1,
                    None => return false,
                },
                b'{' | b'[' => {
                    let mut value = Self { at: from, ..*self };
                    if value.nested().is_err() {
                        return false;
                    }
                    quotes = ClosingQuotes::new(text, value.at);
                    value.at
                }
                _ => scalar_end(text, from),
            };
            let separator = text.get(end);
            if !matches!(separator, Some(b',' | b'}')) {
                return false;
            }
            self.at = end + 1;
            let key = Key::at_end(text.get(..close).unwrap_or_default(), close - open - 1);
            visit.member(key, Span::new(from.wrapping_sub(origin), end.wrapping_sub(origin)));
            if separator == Some(&b'}') {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::super::super::{Elements, Json, Key, Visit};
    use super::super::Span;

    #[derive(Default)]
    struct Collected(Vec<(String, Span)>);

    impl Visit for Collected {
        fn member(&mut self, key: Key<'_>, value: Span) {
            assert_eq!(key.word(), super::super::super::word(key.bytes()));
            self.0.push((String::from_utf8(key.bytes().to_vec()).unwrap(), value));
        }
    }

    /// Compares the walk over each element of an array with the members of the element.
    fn compare(text: &str) {
        super::super::validate(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        let (mut walked, mut elements) = (Json(text).elements(), Json(text).elements());
        loop {
            let mut members = Collected::default();
            let element = walked.next_with(&mut members).map(|(element, is_plain)| {
                assert!(!(is_plain && element.text().contains('\\')), "{text}");
                element
            });
            assert_eq!(element, elements.next(), "{text}");
            let Some(element) = element else { return };
            let read: Vec<_> =
                members.0.iter().map(|(key, span)| (key.as_str(), span.of(element.text()).unwrap())).collect();
            let each: Vec<_> = element.members().map(|(key, value)| (key.to_string(), value.text())).collect();
            assert_eq!(read, each.iter().map(|(key, value)| (key.as_str(), *value)).collect::<Vec<_>>(), "{text}");
            assert_eq!(Elements::one(element).next_with(&mut Collected::default()).map(|(one, _)| one), Some(element));
        }
    }

    #[test]
    fn a_walk_finds_the_members_that_the_iterator_returns() {
        let values = [
            "1",
            "-0.5E+7",
            "true",
            "null",
            r#""""#,
            r#""text, [{and}] : more""#,
            r#""\"\\ \u0022""#,
            r#""Zürich""#,
            "[]",
            "{}",
            r#"[1,{"a":"}"},"]"]"#,
            r#"{"a":[1],"b":{"c":"d"}}"#,
            r#""a text of more than sixty-four bytes, so that it reaches over the end of a block""#,
        ];
        // A key of each length moves what follows it over the ends of the blocks.
        for len in 0..70 {
            let key = "k".repeat(len);
            for value in values {
                for other in values {
                    compare(&format!(r#"[{{"{key}":{value},"b":{other}}},{{"b":{value}}},{{}},{other}]"#));
                    compare(&format!("[ {{ \"{key}\" : {value} ,\n\"b\":{other} }} , {{\"b\":{value} }}]"));
                }
            }
        }
        compare(r#"[{"\u0061":1,"a\"b":2,"a":3}]"#);
    }
}
