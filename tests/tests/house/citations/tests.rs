//! Tests with citations that are right and citations that are wrong.

use super::*;

const DOCUMENT: &str = "# Wire\n## 3 Topics\n### 3.1 Market data\n## 8a Seen\n## Costs of a frame\n";

fn found(path: &str, text: &str) -> Vec<String> {
    let files = [("ibws-proto/docs/protocol.md", DOCUMENT), ("README.md", "# ibws\n"), (path, text)];
    offences(&Repository::sample(&files)).iter().map(ToString::to_string).collect()
}

fn in_rust(text: &str) -> Vec<String> {
    found("ibws-proto/src/key.rs", text)
}

#[test]
fn existing_sections_and_headings_pass() {
    for good in [
        "/// The topic (docs/protocol.md §3.1).",
        "/// The topic (`docs/protocol.md` §3.1, §8a and §3).",
        "/// The topic, see `docs/protocol.md`\n/// §3.1.",
        "// RFC 6455 §5.2, X.509 §4.1 and docs/protocol.md, \"Market data\".",
        "// docs/protocol.md, Costs of a frame, and docs/protocol.md#costs-of-a-frame.",
        "//! [The README](../../README.md) and https://example.com/missing.md are documents.",
        "const TEXT: &str = include_str!(\"../../README.md\");",
        "// Every `*.md` and `<file>.md`, which is fine; scenarios B2 and scenarios of all kinds.",
    ] {
        assert_eq!(in_rust(good), [""; 0], "{good}");
    }
    assert_eq!(found("ibws-proto/docs/costs.md", "## 1 One\nAs §1 says, and RFC 6455 §5.2."), [""; 0]);
    assert_eq!(found("ibws-proto/docs/costs.md", "- A <https://example.com/a>,\n  `doc/b.md`."), [""; 0]);
    assert_eq!(found("ibws-proto/docs/costs.md", "- A <https://example.com/a>\n- `doc/b.md`.").len(), 1);
}

#[test]
fn missing_sections_and_headings_are_offences() {
    let cases = [
        ("/// docs/protocol.md §3.2", "`ibws-proto/docs/protocol.md` has no heading `3.2`"),
        ("/// docs/protocol.md §3.1, §9", "`ibws-proto/docs/protocol.md` has no heading `9`"),
        ("/// docs/protocol.md, \"Market\"", "`ibws-proto/docs/protocol.md` has no heading \"Market\""),
        ("/// docs/protocol.md, Prices", "`ibws-proto/docs/protocol.md` has no heading that \"Prices…\" begins with"),
        ("/// docs/protocol.md#market", "`ibws-proto/docs/protocol.md` has no heading `#market`"),
        ("let x = \"docs/protocol.md §7\";", "`ibws-proto/docs/protocol.md` has no heading `7`"),
    ];
    for (text, wrong) in cases {
        assert_eq!(in_rust(text), [format!("ibws-proto/src/key.rs:1: {wrong}: {REMEDY}")], "{text}");
    }
}

#[test]
fn documents_outside_the_repository_are_offences() {
    let cases = [
        ("/// The topic (protocol §3.1).", "`protocol §3.1` names no document of the repository"),
        ("/// The topic (protocol §3.1, §3.2).", "`protocol §3.1` names no document of the repository"),
        ("/// The topic (`handbook` §4).", "`handbook §4` names no document of the repository"),
        ("/// docs/missing.md", "there is no document `docs/missing.md`"),
        ("/// (`scenarios` B 55)", "the catalogue `scenarios B` is not in the repository"),
    ];
    for (text, wrong) in cases {
        assert_eq!(in_rust(text), [format!("ibws-proto/src/key.rs:1: {wrong}: {REMEDY}")], "{text}");
    }
    let beside = beside();
    let outside = format!("ibws-proto/src/key.rs:1: `{beside}` is not in the repository: {REMEDY}");
    assert_eq!(in_rust(&format!("/// As {beside}/a has it.")), [outside]);
    assert_eq!(in_rust(&format!("let a = \"/../{beside}/a\"; print(\"skipped\")")), [""; 0]);
    assert_eq!(
        found("x.toml", "a = 1\n# see handbook §2"),
        [format!("x.toml:2: `handbook §2` names no document of the repository: {REMEDY}")]
    );
}

#[test]
fn offence_has_the_line_of_a_citation_that_is_broken_over_two() {
    let found = in_rust("/// A fact\n/// (docs/protocol.md\n/// §9).");
    assert!(found.concat().starts_with("ibws-proto/src/key.rs:3: "), "{found:?}");
}
