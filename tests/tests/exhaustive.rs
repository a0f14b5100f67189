//! Every input up to a bounded length, against a slow and simple model: the text filter, the number
//! reader, and the places of members in a frame.
//!
//! A debug build plays the shorter inputs only.

use ibws_proto::Frame;
use ibws_proto::frame::Number;
use ibws_proto::transport::TextFilter;

const DEBUG: bool = cfg!(debug_assertions);

/// Calls `visit` with every text of up to `length` symbols, the empty one included.
fn every_text<T: Copy>(alphabet: &[T], length: usize, visit: &mut impl FnMut(&[T])) {
    fn extend<T: Copy>(text: &mut Vec<T>, alphabet: &[T], length: usize, visit: &mut impl FnMut(&[T])) {
        visit(text);
        if length > 0 {
            for symbol in alphabet {
                text.push(*symbol);
                extend(text, alphabet, length - 1, visit);
                text.pop();
            }
        }
    }
    extend(&mut Vec::new(), alphabet, length, visit);
}

/// The output of the text filter for a whole stream, and the code of its first Close.
fn filter_model(stream: &[u8]) -> (Vec<u8>, Option<u16>) {
    let (mut out, mut code, mut has_close, mut at) = (stream.to_vec(), None, false, 0);
    while at < stream.len() {
        let opcode = stream[at] & 0x0f;
        if opcode == 1 {
            out[at] = stream[at] & 0xf0 | 2;
        }
        let Some(second) = stream.get(at + 1) else { break };
        let (width, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u128::from(short)),
        };
        let Some(long) = stream.get(at + 2..at + 2 + width) else { break };
        let length = long.iter().fold(short, |length, byte| length << 8 | u128::from(*byte));
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let body = at + 2 + width;
        let end = usize::try_from(length + mask).unwrap_or(usize::MAX).saturating_add(body).min(stream.len());
        if opcode == 8 && !has_close {
            has_close = true;
            code = stream[body..end].first_chunk().map(|code| u16::from_be_bytes(*code));
        }
        at = end;
    }
    (out, code)
}

#[test]
fn the_text_filter_is_right_for_every_short_stream_however_it_is_cut() {
    // Opcodes: continuation, text, binary, close. As lengths: short ones, the two long forms, and
    // masked ones.
    const BYTES: [u8; 8] = [0x00, 0x01, 0x02, 0x81, 0x88, 0x7e, 0x7f, 0xfe];
    // The streams begin in each kind of header, so that the long ones are completed too.
    let starts: [(&[u8], usize); 6] = [
        (b"", 6),
        (b"\x81\x7e\x00", 4),
        (b"\x88\xfe\x00", 4),
        (b"\x01\x7f\x00\x00\x00\x00\x00\x00", 4),
        (b"\x88\x7f\x00\x00\x00\x00\x00\x00\x00", 4),
        (b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01abcd", 4),
    ];
    let (mut runs, mut changed, mut codes) = (0_u64, 0_u64, 0_u64);
    for (start, length) in starts {
        every_text(&BYTES, length - usize::from(DEBUG) * 2, &mut |tail| {
            let stream = [start, tail].concat();
            let (expected, code) = filter_model(&stream);
            changed += u64::from(expected != stream);
            codes += u64::from(code.is_some());
            // Bit n of `cuts` is a cut before byte n of the tail.
            for cuts in 0..1_u32 << tail.len() {
                let (mut bytes, mut filter, mut begin) = (stream.clone(), TextFilter::new(), 0);
                for at in (0..tail.len()).filter(|at| cuts >> at & 1 == 1) {
                    filter.apply(&mut bytes[begin..start.len() + at]);
                    begin = start.len() + at;
                }
                filter.apply(&mut bytes[begin..]);
                assert!(
                    bytes == expected && filter.close_code() == code,
                    "{stream:02x?} with cuts {cuts:b}: {bytes:02x?} and {:?}, not {expected:02x?} and {code:?}",
                    filter.close_code()
                );
                runs += 1;
            }
        });
    }
    let (least, least_codes) = if DEBUG { (60_000, 50) } else { (16_000_000, 20_000) };
    assert!(runs > least && changed > least / 200 && codes > least_codes, "{runs} {changed} {codes}");
}

/// A number by its parts.
struct Parts {
    is_negative: bool,
    /// The digits without point and separators.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

/// Reads a number by splitting its text.
fn number_model(text: &str) -> Option<Parts> {
    let text = text.trim_matches(' ');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, power) = if let Some((mantissa, power)) = unsigned.split_once('e') {
        let digits = power.strip_prefix(['-', '+']).unwrap_or(power);
        let is_power = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (mantissa, is_power.then(|| power.parse::<i64>().ok())??)
    } else if let Some(mantissa) = unsigned.strip_suffix('K') {
        (mantissa, 3)
    } else {
        (unsigned, 0)
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let groups: Vec<_> = whole.split(',').collect();
    if let [first, others @ ..] = &groups[..]
        && !others.is_empty()
        && !((1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3))
    {
        return None;
    }
    let digits = groups.concat() + fraction;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = power - i64::try_from(fraction.len()).ok()?;
    is_number.then(|| Parts { is_negative: text.starts_with('-'), digits, exponent })
}

impl Parts {
    fn to_f64(&self) -> Option<f64> {
        let text = format!("{}{}e{}", if self.is_negative { "-" } else { "" }, self.digits, self.exponent);
        text.parse().ok().filter(|float: &f64| float.is_finite())
    }

    fn to_i64(&self) -> Option<i64> {
        let digits = self.digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(0);
        }
        let whole = if self.exponent >= 0 {
            // No 64 bits hold more than 19 digits.
            (self.exponent < 20).then(|| digits.to_owned() + &"0".repeat(self.exponent as usize))?
        } else {
            let zeros = "0".repeat(usize::try_from(-self.exponent).ok()?.min(digits.len() + 1));
            digits.strip_suffix(&zeros[..])?.to_owned()
        };
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}{whole}").parse().ok()
    }
}

#[test]
fn every_short_number_is_read_by_its_parts() {
    const SYMBOLS: [char; 10] = ['-', '+', '.', ',', 'e', 'K', '0', '1', '9', ' '];
    let (mut numbers, mut whole, mut others) = (0_u64, 0_u64, 0_u64);
    every_text(&SYMBOLS, if DEBUG { 5 } else { 7 }, &mut |symbols| {
        let text: String = symbols.iter().collect();
        match (Number::parse(&text), number_model(&text)) {
            (None, None) => others += 1,
            (Some(number), Some(parts)) => {
                numbers += 1;
                whole += u64::from(parts.to_i64().is_some());
                assert_eq!(number.to_f64().map(f64::to_bits), parts.to_f64().map(f64::to_bits), "{text:?}");
                assert_eq!(number.to_i64(), parts.to_i64(), "{text:?}");
                assert_eq!((number.is_negative(), number.text()), (parts.is_negative, &text[..]), "{text:?}");
            }
            (number, parts) => panic!("{text:?}: {number:?}, and {} by its parts", parts.is_some()),
        }
    });
    let least = if DEBUG { 500 } else { 70_000 };
    assert!(numbers > least && whole > least / 2 && others > least, "{numbers} {whole} {others}");
}

/// The tokens of the texts: their bytes, and what they stand for.
const TOKENS: [(&str, Token); 10] = [
    ("{", Token::Open(true)),
    ("}", Token::Close(true)),
    ("[", Token::Open(false)),
    ("]", Token::Close(false)),
    (":", Token::Colon),
    (",", Token::Comma),
    (r#""a""#, Token::Text),
    ("\"\u{e9}\\n,}\"", Token::Text),
    ("-1.5e3", Token::Scalar),
    (" \n", Token::Space),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// Of an object, or of an array.
    Open(bool),
    Close(bool),
    Colon,
    Comma,
    Text,
    Scalar,
    Space,
}

/// A reader of tokens.
#[derive(Clone)]
struct Model {
    /// What is open: `true` for an object.
    open: Vec<bool>,
    expects: Expects,
    /// The keys and values of the outermost object, by their bytes.
    members: Vec<[usize; 4]>,
    is_object: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    Separator,
    Nothing,
}

impl Model {
    /// Reads the token of the bytes from `start` to `end`. Returns `false` if it cannot stand
    /// there.
    fn read(&mut self, token: Token, start: usize, end: usize) -> bool {
        use Expects::{Colon, Key, KeyOrEnd, Nothing, Separator, Value, ValueOrEnd};
        if token == Token::Space {
            return true;
        }
        let is_outermost = self.open == [true];
        match (self.expects, token) {
            (Value | ValueOrEnd, Token::Open(is_object)) => {
                match self.open.len() {
                    0 => self.is_object = is_object,
                    1 if is_outermost => self.begin_value(start),
                    _ => {}
                }
                self.open.push(is_object);
                self.expects = if is_object { KeyOrEnd } else { ValueOrEnd };
            }
            (Value | ValueOrEnd, Token::Text | Token::Scalar) => {
                if is_outermost {
                    self.begin_value(start);
                }
                self.end_value(end);
            }
            (Key | KeyOrEnd, Token::Text) => {
                if is_outermost {
                    self.members.push([start, end, 0, 0]);
                }
                self.expects = Colon;
            }
            (Colon, Token::Colon) => self.expects = Value,
            (Separator, Token::Comma) => self.expects = if self.open.last() == Some(&true) { Key } else { Value },
            (Separator, Token::Close(is_object)) | (KeyOrEnd, Token::Close(is_object @ true))
                if self.open.last() == Some(&is_object) =>
            {
                self.open.pop();
                self.end_value(end);
            }
            (ValueOrEnd, Token::Close(false)) => {
                self.open.pop();
                self.end_value(end);
            }
            (Nothing, _) | (_, _) => return false,
        }
        true
    }

    fn begin_value(&mut self, start: usize) {
        if let Some(member) = self.members.last_mut() {
            member[2] = start;
        }
    }

    fn end_value(&mut self, end: usize) {
        if self.open == [true]
            && let Some(member) = self.members.last_mut()
        {
            member[3] = end;
        }
        self.expects = if self.open.is_empty() { Expects::Nothing } else { Expects::Separator };
    }
}

/// What the texts that were read showed.
#[derive(Default, Debug)]
struct Seen {
    refused: u64,
    accepted: u64,
    members: u64,
}

/// Reads `text`, then every text that continues it by at most `more` tokens. A text that nothing
/// can complete is not continued.
fn read_every(text: &str, model: &Model, more: u32, seen: &mut Seen) {
    match Frame::decode(text.to_owned().into()) {
        Ok(frame) => {
            assert!(model.expects == Expects::Nothing, "{text:?} is accepted");
            seen.accepted += 1;
            let members = if model.is_object { &model.members[..] } else { &[] };
            let expected = members.iter().map(|[key, key_end, value, value_end]| {
                let key = serde_json::from_str::<String>(&text[*key..*key_end]).expect("a string");
                (key, &text[*value..*value_end])
            });
            let found = frame.members().map(|(key, value)| (key.into_owned(), value.text()));
            assert!(expected.eq(found), "{text:?}: {:?}", frame.members().collect::<Vec<_>>());
            seen.members += members.len() as u64;
        }
        Err(error) => {
            assert!(model.expects != Expects::Nothing, "{text:?} is refused: {error}");
            seen.refused += 1;
        }
    }
    if more == 0 {
        return;
    }
    for (bytes, token) in TOKENS {
        let next = format!("{text}{bytes}");
        let mut model = model.clone();
        if model.read(token, text.len(), next.len()) {
            read_every(&next, &model, more - 1, seen);
        } else {
            assert!(Frame::decode(next.clone().into()).is_err(), "{next:?} is accepted");
            seen.refused += 1;
        }
    }
}

#[test]
fn every_short_text_is_accepted_by_its_tokens_with_its_members_in_place() {
    let model = Model { open: Vec::new(), expects: Expects::Value, members: Vec::new(), is_object: false };
    let mut seen = Seen::default();
    read_every("", &model, if DEBUG { 8 } else { 11 }, &mut seen);
    let least = if DEBUG { 100 } else { 10_000 };
    assert!(seen.refused > least && seen.accepted > least && seen.members > least, "{seen:?}");
}
