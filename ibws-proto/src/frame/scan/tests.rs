use super::*;
use alloc::string::String;
use alloc::vec::Vec;
use serde::de::IgnoredAny;

fn members(text: &str) -> Vec<(&str, &str)> {
    let mut spans = Spans::default();
    match scan(text.as_bytes(), &mut spans) {
        Ok(Scan::Object { .. }) => spans.iter().map(|m| (&text[m.key()], &text[m.value()])).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_scan_finds_the_top_level_members() {
    assert_eq!(members("{}"), []);
    assert_eq!(
        members(" { \"topic\" : \"smd+1\" , \"a\":[1,{\"b\":\"}\"}],\"c\":-1.5E+3 } "),
        [("topic", "\"smd+1\""), ("a", "[1,{\"b\":\"}\"}]"), ("c", "-1.5E+3")]
    );
    assert_eq!(members(" \n{\"a\":\"b\",\"c\":1}"), [("a", "\"b\""), ("c", "1")]);
    assert_eq!(members(r#"{"a\"b":"c\\"}"#), [("a\\\"b", "\"c\\\\\"")]);
}

#[test]
fn a_scan_accepts_and_refuses_what_serde_json_does() {
    let cases = [
        "",
        " ",
        "{",
        "}",
        "{}",
        "[]",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 2}",
        "null",
        "nul",
        "nulll",
        "true",
        "false",
        "\"",
        "\"a",
        "\"a\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\n\"",
        "\"\n\"",
        "\"\0\"",
        "\u{feff}{}",
        "0",
        "-0",
        "-",
        "00",
        "01",
        "1.",
        ".1",
        "1.5",
        "1e",
        "1e+",
        "1E-7",
        "1e400",
        "NaN",
        "Infinity",
        "{} {}",
        "{}x",
        "[{}]",
        "[[],[[]]]",
        "[}",
        "{\"a\":[}",
        "{\"a\":[1,{\"b\":2}]}",
        "{\"a\":{\"b\":[]},\"c\":{}}",
        "{1:2}",
        "{\"a\":[{]}",
        "[1 ,2 , 3]",
        "[\"a\":1]",
        "{\"12345678\":\"1234567\\\"\"}",
        "{\"abcdefgh\u{1f}\":1}",
        "\"\u{80}é™\"",
    ];
    for case in cases {
        let theirs = serde_json::from_str::<IgnoredAny>(case).is_ok();
        assert_eq!(validate(case.as_bytes()).is_ok(), theirs, "{case:?}");
    }
}

#[test]
fn the_depth_limit_is_that_of_a_serde_json_value() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [1, 126, 127, 128, 129, 1_000] {
            let mut text: String = open.repeat(depth);
            text.push('1');
            text.push_str(&close.repeat(depth));
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(validate(text.as_bytes()).is_ok(), theirs, "{depth} levels of {open}");
        }
    }
    assert!(validate("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn the_number_of_members_has_a_limit() {
    let text = |members: usize| alloc::format!("{{{}\"a\":0}}", "\"\":0,".repeat(members - 1));
    assert_eq!(members(&text(MAX_MEMBERS)).len(), MAX_MEMBERS);
    let at = MAX_MEMBERS * 5 + 2;
    assert_eq!(validate(text(MAX_MEMBERS + 1).as_bytes()), Err(JsonError::TooManyMembers(at as u32)));
}

/// Calls `visit` with every text of up to `count` of these pieces.
fn every(pieces: &[&str], count: u32, mut visit: impl FnMut(&str)) {
    for mut number in 0..pieces.len().pow(count) {
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(pieces[number % pieces.len()]);
            number /= pieces.len();
        }
        visit(&text);
    }
}

#[test]
fn every_short_value_within_values_is_accepted_or_refused_as_serde_json_does() {
    let mut accepted = 0;
    let mut compare = |text: &str| {
        let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok();
        assert_eq!(validate(text.as_bytes()).is_ok(), theirs, "{text:?}");
        accepted += u32::from(theirs);
    };
    // An empty piece makes the text shorter, so that each is in it at every place.
    let pieces = ["", "{", "}", "[", "]", "\"a\":", "\"b\"", ",", "1", " ", "\"\\u00fc\"", "\"ü\"", "\""];
    every(&pieces, 5, |text| compare(&alloc::format!("{{\"topic\":\"a\",\"b\":[{text}],\"c\":1}}")));
    every(&pieces, 4, |text| compare(&alloc::format!("{{\"b\":[{{\"a\":{text}}}]}}")));
    let digits = ["", "0", "1", "23456789", "-", "+", ".", "e", "E"];
    every(&digits, 5, |text| compare(&alloc::format!("{{\"b\":[{text}]}}")));
    assert!(accepted > 1_000, "{accepted} texts were JSON");
}

/// What a value holds does not depend on where it lies in the blocks that are searched for quotes.
#[test]
fn a_value_within_values_ends_where_it_ends_at_every_place() {
    for value in ["[{\"a\":[1,\"b\"],\"c\":{}},-0.5]", "[\"ü\",{\"a\":1}]", "[ {\"a\" : 1} ]", "[{\"a\\\"\":\"\\\\\"}]"]
    {
        for len in 0..200 {
            let key = "k".repeat(len);
            let text = alloc::format!("{{\"{key}\":1,\"a\":{value},\"b\":\"c\"}}");
            assert_eq!(members(&text), [(key.as_str(), "1"), ("a", value), ("b", "\"c\"")]);
            for end in 0..text.len() {
                let cut = validate(text.as_bytes().get(..end).unwrap());
                assert!(matches!(cut, Err(JsonError::Truncated(_) | JsonError::Empty)), "{cut:?} of {end} bytes");
            }
        }
    }
}
