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
