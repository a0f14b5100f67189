//! Every guide is listed where readers look for it, is compiled, and leads to pages that exist.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the files of the guides, without that of the index.
fn guides() -> Vec<String> {
    let files = fs::read_dir(root().join("ibws-proto/docs/guides")).expect("the folder of the guides");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let mut names: Vec<_> = names.filter(|name| name != "README.md").collect();
    names.sort();
    names
}

#[test]
fn each_guide_is_in_the_index_in_the_manual_and_in_the_documentation_tests() {
    let guides = guides();
    assert!(guides.len() >= 9, "{guides:?}");
    for (list, before) in [
        ("ibws-proto/docs/guides/README.md", "]: "),
        ("ibws-proto/src/manual.rs", "guide!(\"../docs/guides/"),
        ("tests/src/guides.rs", "docs/guides/"),
    ] {
        let text = read(list);
        for guide in &guides {
            assert!(text.contains(&format!("{before}{guide}")), "{list} does not list {guide}");
        }
    }
}

/// Links are defined at the end of a guide, so that the manual can define them before.
#[test]
fn each_link_of_a_guide_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    let manual = read("ibws-proto/src/manual.rs");
    for guide in guides().iter().map(String::as_str).chain(["README.md"]) {
        let text = read(&format!("ibws-proto/docs/guides/{guide}"));
        assert!(!text.contains(".md)"), "{guide}: define the link at the end, [text][page]");
        for line in text.lines().filter(|line| line.starts_with('[') && line.contains("]: ")) {
            let (label, link) = line.trim_start_matches('[').split_once("]: ").expect("a link");
            assert!(text.contains(&format!("][{label}]")), "{guide} defines {label} without using it");
            assert!(manual.contains(&format!("\"[{label}]: ")), "the manual does not define {label}");
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let page = read(&format!("ibws-proto/docs/guides/{path}"));
            let anchors = page.lines().filter(|line| line.starts_with('#')).map(anchor_of);
            assert!(anchor.is_empty() || anchors.into_iter().any(|known| known == anchor), "{guide}: {link}");
            links += 1;
        }
    }
    assert!(links > 15, "{links}");
}

fn anchor_of(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn the_guide_with_the_picture_ends_with_it() {
    // The manual shows the picture at the end of this guide, because it cannot show a file.
    let guide = read("ibws-proto/docs/guides/running-for-days.md");
    let last = guide.lines().rfind(|line| !line.is_empty() && !line.contains("]: "));
    assert!(last.is_some_and(|line| line.ends_with("](../timeline.svg)")), "{last:?}");
}
