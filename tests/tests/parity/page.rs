//! The page and the tests name each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::keys::{SUBSCRIBED, UNSOLICITED};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    let path = root().join("../ibws-proto/docs/guides/coming-from-ibind.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the tests of the suite, without those of this file.
fn tests() -> BTreeSet<String> {
    let files = fs::read_dir(root().join("tests/parity")).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.file_name().is_some_and(|name| name != "page.rs"));
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        while lines.by_ref().any(|line| line == "#[test]") {
            let name = lines.next().and_then(|line| line.strip_prefix("fn ")).and_then(|line| line.split('(').next());
            names.insert(name.unwrap_or_else(|| panic!("{}: a test without a name", file.display())).to_owned());
        }
    }
    names
}

/// The cells of each row of the page's tables, without their heads.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines: Vec<_> = page.lines().collect();
    let is_body = |n: usize| {
        let is_head = lines.get(n + 1).is_some_and(|next| next.starts_with("|---"));
        lines[n].starts_with("| ") && !is_head
    };
    let body = (0..lines.len()).filter(|n| is_body(*n)).map(|n| lines[n]);
    body.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn each_row_of_the_page_names_its_test_and_each_test_has_a_row() {
    let (page, tests) = (page(), tests());
    let mut named = BTreeSet::new();
    for row in rows(&page) {
        let test = row.last().unwrap().trim_matches('`');
        assert!(tests.contains(test), "the row {row:?} names no test");
        named.insert(test.to_owned());
    }
    assert!(tests.len() > 50, "{}", tests.len());
    assert_eq!(tests.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "tests without a row");
}

#[test]
fn the_page_names_every_key_with_its_channel() {
    let page = page();
    let rows = rows(&page);
    let subscribed = SUBSCRIBED.map(|(name, channel, key)| (name, format!("`{channel}`"), key));
    let unsolicited = UNSOLICITED.map(|(name, key)| (name, "none".to_owned(), key));
    for (name, channel, key) in subscribed.into_iter().chain(unsolicited) {
        let expected = [format!("`{name}`"), channel, format!("`Key::{key:?}`")];
        assert!(rows.iter().any(|row| row[..3] == expected), "{expected:?}");
    }
}
