//! The examples: small, explained, listed, and run by `.ci/run`.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The crates, with the names of their examples and the texts of these. `watch` is a program of the
/// kit.
fn examples() -> Vec<(&'static str, String, String)> {
    let mut examples = Vec::new();
    for name in ["ibws-tokio", "ibws-async-std", "ibws-proto"] {
        for file in fs::read_dir(root().join(name).join("examples")).unwrap() {
            let path = file.unwrap().path();
            let example = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if example != "watch" {
                let text = fs::read_to_string(&path).unwrap();
                examples.push((name, example, text));
            }
        }
    }
    assert!(examples.len() >= 16, "{}", examples.len());
    examples
}

#[test]
fn each_example_is_short_and_its_head_shows_how_it_is_run() {
    for (_, name, text) in examples() {
        assert!(text.lines().count() <= 59, "{name} has {} lines", text.lines().count());
        let (head, _) = text.split_once("\n\n").unwrap();
        let head = head.lines().filter_map(|line| line.strip_prefix("//! ")).collect::<Vec<_>>().join(" ");
        let run = format!("--example {name}");
        for part in ["eal gateway", "imulated one", "--features gateway -- ", &run] {
            assert!(head.contains(part), "the head of {name} does not name {part}");
        }
    }
}

#[test]
fn each_example_is_listed_by_the_readme_of_its_crate_and_run_by_the_checks() {
    let checks = read(".ci/run");
    for (folder, name, _) in examples() {
        let list = if folder == "ibws-proto" { "docs/guides/machine-by-hand.md" } else { "README.md" };
        assert!(read(&format!("{folder}/{list}")).contains(&name), "{folder}/{list} does not list {name}");
        // Those of the README have tests, which end them.
        let is_run =
            checks.contains(&format!("\n  example {name} '")) || name.starts_with("quotes") && name != "quotes_table";
        assert!(is_run, ".ci/run does not run {name}");
    }
}

#[test]
fn the_order_monitor_differs_between_the_runtimes_in_at_most_3_lines() {
    let (one, other) =
        (read("ibws-tokio/examples/order_monitor.rs"), read("ibws-async-std/examples/order_monitor_async_std.rs"));
    assert_eq!(one.lines().count(), other.lines().count());
    let differ: Vec<_> = one.lines().zip(other.lines()).filter(|(one, other)| one != other).collect();
    assert!(differ.len() <= 3, "{differ:#?}");
}
