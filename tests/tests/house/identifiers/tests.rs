//! Tests with identifiers that hold retired words and identifiers that do not.

use super::*;

const SAMPLE: &[Retired] = &[
    Retired { patterns: &["left", "sit_down"], instead: "remaining", scope: "*" },
    Retired { patterns: &["type What", "fn turn", "=Gone"], instead: "Content", scope: "ibws-*" },
];

fn found(path: &str, source: &str, list: &str) -> Vec<String> {
    let offences = check([File::new(path, source)].iter(), SAMPLE, Allowed::parse(list));
    offences.iter().map(ToString::to_string).collect()
}

fn in_library(source: &str) -> Vec<String> {
    found("ibws-proto/src/x.rs", source, "")
}

#[test]
fn retired_words_are_offences_with_line_count_and_remedy() {
    let place = "ibws-proto/src/x.rs:2: ";
    let offence = format!("{place}`bytes_left` (2 times) holds the retired word \"left\": remaining");
    assert_eq!(in_library("fn x() {\n    let bytes_left = 1;\n    bytes_left\n}"), [offence]);
    assert_eq!(in_library("struct LeftOut;").len(), 1);
    assert_eq!(in_library("fn may_sit_down_now() {}").len(), 1);
    assert_eq!(in_library("struct What;\nfn turn() {}\nenum X { Gone }").len(), 3);
    assert_eq!(in_library("let x = 0..left; use a::b as left; X { left: 1 }").concat().matches("(3 times)").count(), 1);
}

#[test]
fn retired_words_elsewhere_are_none() {
    for good in [
        "// left\nlet x = \"left\"; let y = 'l';",
        "fn leftmost() {}",
        "fn sit() { down() }",
        "fn what() { turn.into() }",
        "enum X { Going, GoneBy }",
        "use other::{What, left};",
        "x.rotate_left(1); x.left; Side::Left; left::x(); fn f(x: What) {}",
    ] {
        assert_eq!(in_library(good), [""; 0], "{good}");
    }
    assert_eq!(found("tests/src/x.rs", "struct What; fn turn() {}", ""), [""; 0]);
}

#[test]
fn names_of_suites_and_programs_are_identifiers() {
    assert_eq!(found("tests/tests/left.rs", "", "").len(), 1);
    assert_eq!(found("tests/tests/left/main.rs", "", "").len(), 1);
    assert_eq!(found("tests/src/bin/left_over.rs", "", "").len(), 1);
    assert_eq!(found("tests/src/left.rs", "", ""), [""; 0]);
}

#[test]
fn permitted_identifiers_are_none_and_idle_entries_are_offences() {
    assert_eq!(found("a.rs", "fn rotate_left() {}", "left  rotate_left  std"), [""; 0]);
    let idle = found("a.rs", "fn rotate_right() {}", "left  rotate_left  std");
    assert!(idle.concat().contains("no `rotate_left` in `*` holds"), "{idle:?}");
}

#[test]
fn retired_words_are_no_words_of_this_language() {
    let words: Vec<_> = RETIRED.iter().flat_map(|row| row.patterns).filter(|it| !it.contains([' ', '='])).collect();
    assert!(words.iter().all(|word| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')));
    for word in ["type", "fn", "mod", "self", "crate", "new", "default"] {
        assert!(!words.contains(&&word), "{word}");
    }
}
