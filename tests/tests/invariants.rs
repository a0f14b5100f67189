//! Holds the list of the invariants to the code and to its page. `IBWS_BLESS=1` writes
//! the document again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ibws_testkit::invariants::list;

/// The sources in which rules are checked, below `src`.
const SOURCES: [&str; 3] = ["invariants", "keeper/judge.rs", "replay"];
/// What stands before the message of a violation.
const HEADS: [&str; 4] = ["Err(", "ok_or(", "ok_or_else(||", ".then(||"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The path of a document of the kit.
fn document(name: &str) -> PathBuf {
    root().join("docs").join(name).with_extension("md")
}

fn rust_files(path: PathBuf, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            rust_files(entry.unwrap().path(), found);
        }
    } else {
        found.push(path);
    }
}

/// The literals that are messages of violations.
fn messages(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices('"') {
        let before = code[..at].trim_end();
        let before = before.strip_suffix("format!(").map_or(before, str::trim_end);
        if HEADS.iter().any(|head| before.ends_with(head)) {
            found.extend(code[at + 1..].split('"').next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_violation_of_the_code_is_in_the_list_and_every_message_of_the_list_is_in_the_code() {
    let mut files = Vec::new();
    SOURCES.iter().for_each(|source| rust_files(root().join("src").join(source), &mut files));
    files.retain(|file| !file.ends_with("list.rs"));
    assert!(files.len() > 12, "{files:?}");
    let code: BTreeSet<String> =
        files.iter().flat_map(|file| messages(&std::fs::read_to_string(file).unwrap())).collect();
    let listed: BTreeSet<String> = list().iter().flat_map(|it| it.messages).map(|text| (*text).to_owned()).collect();
    let unlisted: Vec<_> = code.difference(&listed).collect();
    assert!(unlisted.is_empty(), "add to src/invariants/list.rs: {unlisted:#?}");
    let gone: Vec<_> = listed.difference(&code).collect();
    assert!(gone.is_empty(), "no code has this message: {gone:#?}");
    assert!(code.len() > 90, "{}", code.len());
}

#[test]
fn names_are_unique_and_sources_are_documents_of_the_library() {
    let names: BTreeSet<_> = list().iter().map(|it| it.name).collect();
    assert_eq!(names.len(), list().len());
    for invariant in list() {
        let file = invariant.source.split(['#', ' ']).next().unwrap();
        assert!(root().join("../ibws-proto").join(file).exists(), "{invariant}");
    }
}

#[test]
fn the_document_is_the_list() {
    let mut text = String::from(
        "# Invariants\n\nThe rules that the kit checks after every step of a run. A machine that is checked is in every \
         `World`, walk,\nchaos run and run of the feature `proptest`; a keeper is checked in every `KeeperWorld`. The \
         sources are in\n`ibws-proto`. A test writes this page from `ibws_testkit::invariants::list` and compares it.\n",
    );
    for (part, title) in [("machine", "The machine"), ("replay", "Replays of a run"), ("keeper", "The keeper")] {
        text.push_str(&format!("\n## {title}\n\n| invariant | what must hold | source |\n|---|---|---|\n"));
        for it in list().iter().filter(|it| it.part == part) {
            text.push_str(&format!("| {} | {} | {} |\n", it.name, it.rule, it.source));
        }
    }
    let path = document("invariants");
    if std::env::var("IBWS_BLESS").is_ok() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "IBWS_BLESS=1 writes it again");
}

#[test]
fn the_guide_holds_the_example_as_it_is() {
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let guide = read(document("testing-your-strategy"));
    let example = read(root().join("examples/strategy.rs"));
    assert!(guide.contains(&format!("```\n{example}```\n")), "copy examples/strategy.rs into the guide");
    assert!(example.lines().count() < 60, "{}", example.lines().count());
}
