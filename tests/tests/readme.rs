//! The README and the documents of `ibws-proto` match the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ibws_testkit::chaos::faults;

const README: &str = include_str!("../../README.md");
const GUARANTEES: &str = include_str!("../../ibws-proto/docs/guarantees.md");
const COSTS: &str = include_str!("../../ibws-proto/docs/costs.md");
const COSTS_SVG: &str = include_str!("../../ibws-proto/docs/costs.svg");
const LATENCY_SVG: &str = include_str!("../../ibws-proto/docs/latency.svg");

#[test]
fn the_lifecycle_diagram_is_drawn_from_the_table_of_the_machine() {
    let diagram = format!("```mermaid\n{}```\n", ibws_proto::transitions::lifecycle_diagram());
    assert!(GUARANTEES.contains(&diagram), "put this into docs/guarantees.md:\n{diagram}");
}

#[test]
fn the_subscription_diagram_is_drawn_from_the_transition_table() {
    let diagram = format!("```mermaid\n{}```\n", ibws_proto::transitions::subscription_diagram());
    assert!(GUARANTEES.contains(&diagram), "put this into docs/guarantees.md:\n{diagram}");
}

#[test]
fn the_chaos_table_lists_each_fault_and_adds_up() {
    let (_, table) = GUARANTEES.split_once("| fault | times |\n|---|---|\n").unwrap();
    let rows: Vec<_> = table.lines().map_while(|row| row.strip_prefix("| ")?.strip_suffix(" |")).collect();
    let (names, times): (Vec<_>, Vec<_>) = rows.iter().map(|row| row.rsplit_once(" | ").unwrap()).unzip();
    let known: BTreeSet<_> = faults().map(|fault| fault.name).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(names.len(), known.len(), "a fault is listed twice");
    let sum: u64 = times.iter().map(|times| number(times)).sum();
    let (before, kinds) = GUARANTEES.split_once(" faults of ").unwrap();
    assert_eq!(number(before.rsplit(' ').next().unwrap()), sum);
    assert_eq!(number(kinds.split(' ').next().unwrap()), known.len() as u64);
}

#[test]
fn the_pictures_of_the_costs_show_the_figures_of_the_tables() {
    let (_, section) = COSTS.split_once("<!-- bench: begin -->\n").unwrap();
    let (section, _) = section.split_once("<!-- bench: end -->\n").unwrap();
    for (picture, least) in [(COSTS_SVG, 60), (LATENCY_SVG, 0)] {
        let shown = picture.split("class=\"value\"").skip(1).filter_map(|rest| rest.split(['>', '<']).nth(1));
        let shown: Vec<_> = shown.collect();
        assert!(shown.len() >= least, "{shown:?}");
        for figure in shown {
            let is_listed =
                |line: &str| line.split("| ").any(|cell| cell.split([' ', '(']).next() == figure.split(' ').next());
            assert!(section.lines().any(is_listed), "{figure} is in no table");
        }
    }
}

#[test]
fn the_manual_includes_each_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ibws-proto");
    let manual = fs::read_to_string(root.join("src/manual.rs")).unwrap();
    let mut count = 0;
    for folder in ["docs", "docs/decisions"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "README.md" {
                assert!(manual.contains(&format!("include_str!(\"../{folder}/{name}\")")), "{folder}/{name}");
                count += 1;
            }
        }
    }
    assert!(count >= 13, "{count} documents");
}

#[test]
fn each_of_the_two_commands_has_its_own_code_block() {
    for command in ["cargo run --release -p ibws-tokio --example watch", "cargo test --release --workspace"] {
        assert!(README.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}

#[test]
fn the_readme_has_at_most_90_lines() {
    assert!(README.lines().count() <= 90, "{} lines", README.lines().count());
}

/// Reads a number with commas between its thousands.
fn number(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}
