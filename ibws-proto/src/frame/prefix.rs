//! JSON that arrives in parts: decides part by part whether what has arrived is an object, the
//! beginning of one, or neither. Each byte is read once, however many parts there are.

use alloc::borrow::Cow;

use super::json::Json;
use super::scan::{Cursor, MAX_DEPTH};
use super::swar::plain_end;

/// What the bytes so far are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// The beginning of an object.
    Open,
    /// An object.
    Complete,
    /// Neither, whatever follows.
    Broken,
}

/// The state of an object that has arrived in part. It accepts what a scan of the whole accepts.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    expected: Expected,
    /// Bit 0 is the innermost level; it is set in an object and clear in an array.
    objects: u128,
    depth: u32,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// The opening brace of the whole.
    Start,
    Value,
    /// A value, or the end of an array without elements.
    FirstElement,
    /// A key, or the end of an object without members.
    FirstKey,
    Key,
    Colon,
    /// A comma, or the end of an array or object.
    Separator,
    /// The rest of a string, which may be a key.
    String {
        key: bool,
    },
    /// What follows a backslash in a string.
    Escape {
        key: bool,
    },
    /// Hexadecimal digits of an escape, so many.
    Hex {
        key: bool,
        digits: u8,
    },
    Number(Digits),
    /// The rest of `true`, `false` or `null`.
    Literal(&'static [u8]),
    /// White space.
    End,
    /// Nothing: the bytes are broken.
    Nothing,
}

/// The part of a number that was read last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    InExponent,
}

impl Prefix {
    /// Returns the state before the first byte.
    pub(crate) fn new() -> Self {
        Self { expected: Expected::Start, objects: 0, depth: 0 }
    }

    /// Reads the next part.
    pub(crate) fn feed(&mut self, part: &[u8]) -> Progress {
        let mut at = 0;
        while let Some(byte) = part.get(at).copied() {
            if let Expected::String { .. } = self.expected {
                let end = plain_end(part, at);
                if end > at {
                    at = end;
                    continue;
                }
            }
            // A byte that ends a number is read again, as what follows the number.
            if self.step(byte) {
                at += 1;
            }
            if self.expected == Expected::Nothing {
                return Progress::Broken;
            }
        }
        match self.expected {
            Expected::End => Progress::Complete,
            Expected::Nothing => Progress::Broken,
            _ => Progress::Open,
        }
    }

    /// Reads one byte. Returns `false` if it ended a number, and is to be read again.
    fn step(&mut self, byte: u8) -> bool {
        let is_space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.expected = match (self.expected, byte) {
            (Expected::String { key }, b'"') => {
                if key {
                    Expected::Colon
                } else {
                    Expected::Separator
                }
            }
            (Expected::String { key }, b'\\') => Expected::Escape { key },
            (Expected::Escape { key }, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                Expected::String { key }
            }
            (Expected::Escape { key }, b'u') => Expected::Hex { key, digits: 4 },
            (Expected::Hex { key, digits: 1 }, _) if byte.is_ascii_hexdigit() => Expected::String { key },
            (Expected::Hex { key, digits }, _) if byte.is_ascii_hexdigit() => Expected::Hex { key, digits: digits - 1 },
            (Expected::Literal([next]), _) if byte == *next => Expected::Separator,
            (Expected::Literal([next, rest @ ..]), _) if byte == *next => Expected::Literal(rest),
            (Expected::Number(digits), _) => match digits.next(byte) {
                Some(digits) => Expected::Number(digits),
                None if digits.may_end() => {
                    self.expected = Expected::Separator;
                    return false;
                }
                None => Expected::Nothing,
            },
            (
                Expected::String { .. }
                | Expected::Escape { .. }
                | Expected::Hex { .. }
                | Expected::Literal(_)
                | Expected::Nothing,
                _,
            ) => Expected::Nothing,
            (same, _) if is_space => same,
            (Expected::Start, b'{') => self.open(true),
            (Expected::FirstElement, b']') | (Expected::FirstKey, b'}') => self.close(byte == b'}'),
            (Expected::FirstKey | Expected::Key, b'"') => Expected::String { key: true },
            (Expected::Colon, b':') => Expected::Value,
            (Expected::Separator, b',') if self.objects & 1 == 1 => Expected::Key,
            (Expected::Separator, b',') => Expected::Value,
            (Expected::Separator, b'}' | b']') => self.close(byte == b'}'),
            (Expected::Value | Expected::FirstElement, _) => self.value(byte),
            (
                Expected::Start
                | Expected::FirstKey
                | Expected::Key
                | Expected::Colon
                | Expected::Separator
                | Expected::End,
                _,
            ) => Expected::Nothing,
        };
        true
    }

    /// Reads the first byte of a value.
    fn value(&mut self, byte: u8) -> Expected {
        match byte {
            b'{' | b'[' => self.open(byte == b'{'),
            b'"' => Expected::String { key: false },
            b't' => Expected::Literal(b"rue"),
            b'f' => Expected::Literal(b"alse"),
            b'n' => Expected::Literal(b"ull"),
            b'-' => Expected::Number(Digits::Minus),
            b'0' => Expected::Number(Digits::Zero),
            b'1'..=b'9' => Expected::Number(Digits::Whole),
            _ => Expected::Nothing,
        }
    }

    fn open(&mut self, object: bool) -> Expected {
        if self.depth == MAX_DEPTH {
            return Expected::Nothing;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        if object { Expected::FirstKey } else { Expected::FirstElement }
    }

    fn close(&mut self, object: bool) -> Expected {
        if (self.objects & 1 == 1) != object {
            return Expected::Nothing;
        }
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 { Expected::End } else { Expected::Separator }
    }
}

impl Digits {
    /// Returns the part that `byte` belongs to; `None` if it does not belong to the number.
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::InExponent, b'0'..=b'9') => Self::InExponent,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::InExponent)
    }
}

/// The topic at the beginning of an object that ends early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TopicPart<'a> {
    /// The whole topic.
    Whole(Cow<'a, str>),
    /// Its beginning; the object ends in it.
    Beginning(&'a str),
}

/// Reads the topic of an object that ends early; `None` if it ends before the topic.
pub(crate) fn topic_of_prefix(text: &str) -> Option<TopicPart<'_>> {
    let mut cursor = Cursor::new(text.as_bytes());
    if !cursor.take(b'{') {
        return None;
    }
    loop {
        let key = string(text, &mut cursor)?.ok()?;
        if !cursor.take(b':') {
            return None;
        }
        if key == "topic" {
            return Some(match string(text, &mut cursor)? {
                Ok(topic) => TopicPart::Whole(topic),
                Err(beginning) => TopicPart::Beginning(beginning),
            });
        }
        cursor.value().ok()?;
        if !cursor.take(b',') {
            return None;
        }
    }
}

/// Takes a string, or what there is of it; `None` for another value.
fn string<'a>(text: &'a str, cursor: &mut Cursor<'_>) -> Option<Result<Cow<'a, str>, &'a str>> {
    if !cursor.take(b'"') {
        return None;
    }
    let start = cursor.at();
    if cursor.string_tail().is_err() {
        return text.get(start..).map(Err);
    }
    Json(text.get(start.checked_sub(1)?..cursor.at())?).as_str().map(Ok)
}

/// Returns `true` if the bytes are the beginning of an object whose first key is `topic`.
pub(crate) fn begins_with_topic(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    let key = br#""topic""#;
    cursor.take(b'{')
        && cursor.next_token().is_some()
        && bytes.get(cursor.at()..).is_some_and(|rest| rest.starts_with(key))
}

#[cfg(test)]
mod tests {
    use super::super::scan::{JsonError, validate};
    use super::*;

    /// What a scan of the whole makes of it.
    fn scanned(text: &[u8]) -> Progress {
        match validate(String::from_utf8_lossy(text).as_bytes()) {
            Ok(true) => Progress::Complete,
            Err(JsonError::Truncated(_) | JsonError::Empty) => Progress::Open,
            Ok(false) | Err(_) => Progress::Broken,
        }
    }

    const TEXTS: &[&[u8]] = &[
        br#"{}"#,
        br#" { "topic" : "sor" , "args" : [ { "orderId" : 1 } , [ ] , { } ] } "#,
        br#"{"a":-0.5e+10,"b":[0,1,-1,1E2,2e-0,10.25],"c":{"d":true,"e":[false,null,"x"]}}"#,
        b"{\"\\u00e4\\\"\\n\":\"\\ud800 \xc3\xa4 \x99\"}",
        br#"{"a":01}"#,
        br#"{"a":1.}"#,
        br#"{"a":-}"#,
        br#"{"a":1e}"#,
        br#"{"a":tru}"#,
        br#"{"a":nulll}"#,
        br#"{"a":1,}"#,
        br#"{"a":[1,]}"#,
        br#"{"a":[}"#,
        br#"{"a":{]}"#,
        br#"{,}"#,
        br#"{"a"}"#,
        br#"{"a":}"#,
        br#"{"a":1 2}"#,
        br#"{"a":"\x"}"#,
        br#"{"a":"\u12g4"}"#,
        b"{\"a\":\"\n\"}",
        br#"{"a":1}}"#,
        br#"{"a":1} x"#,
        br#"{} {}"#,
        br#"x"#,
    ];

    #[test]
    fn parts_are_judged_as_the_whole_is() {
        for text in TEXTS {
            for end in 0..=text.len() {
                let whole = scanned(&text[..end]);
                for cut in 0..=end {
                    let mut prefix = Prefix::new();
                    let first = prefix.feed(&text[..cut]);
                    let second = if first == Progress::Broken { first } else { prefix.feed(&text[cut..end]) };
                    // The scan of a character that was cut reads U+FFFD, which changes nothing
                    // here.
                    assert_eq!(second, whole, "{} | {}", text[..cut].escape_ascii(), text[cut..end].escape_ascii());
                }
            }
        }
    }

    #[test]
    fn the_limit_of_nesting_is_that_of_the_scan() {
        for depth in 125..130 {
            let text = [r#"{"a":"#.repeat(depth), "1".into(), "}".repeat(depth)].concat();
            let mut prefix = Prefix::new();
            assert_eq!(prefix.feed(text.as_bytes()), scanned(text.as_bytes()), "{depth}");
        }
    }

    #[test]
    fn the_topic_of_an_object_that_ends_early_is_read_where_it_stands() {
        let whole = |topic: &'static str| Some(TopicPart::Whole(topic.into()));
        for (text, topic) in [
            (r#"{"topic":"sor","args":[{"#, whole("sor")),
            (r#" {"31":"1","x":[1],"topic":"smd+7","#, whole("smd+7")),
            (r#"{"topic":"s\u006dd""#, whole("smd")),
            (r#"{"topic":"smd+26"#, Some(TopicPart::Beginning("smd+26"))),
            (r#"{"topic":""#, Some(TopicPart::Beginning(""))),
            (r#"{"topic":"#, None),
            (r#"{"topic":5,"#, None),
            (r#"{"args":[{"topic":"sor""#, None),
            (r#"{"to"#, None),
            ("{", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(topic_of_prefix(text), topic, "{text}");
        }
        assert!(begins_with_topic(b" { \"topic\":"));
        assert!(!begins_with_topic(b"{\"args\":{\"topic\":"));
        assert!(!begins_with_topic(b"\"topic\""));
        assert!(!begins_with_topic(b"{\"topi"));
    }
}
