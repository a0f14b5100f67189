//! Checks that the adapters are thin and alike, and that files are small.

use crate::report::Offence;
use crate::sources::{File, Repository};

/// The greatest number of lines of a Rust file.
const FILE_LINES: usize = 520;
/// The greatest number of lines of an adapter's sources.
const ADAPTER_LINES: usize = 320;
/// The greatest number of lines, added and removed, by which the adapters' sources differ.
const ADAPTER_DIFFERENCES: usize = 120;
/// The sources of the adapters.
const ADAPTERS: [&str; 2] = ["ibws-tokio/src/", "ibws-async-std/src/"];

/// Returns the files that are too long.
pub(crate) fn file_offences<'a>(files: impl Iterator<Item = &'a File>) -> Vec<Offence> {
    let lines = files.map(|file| (file, file.text.lines().count()));
    let long = lines.filter(|(_, lines)| *lines > FILE_LINES);
    long.map(|(file, lines)| {
        Offence::new(
            &file.path,
            lines,
            format!("the file has {lines} lines"),
            format!("split it, at most {FILE_LINES}"),
        )
    })
    .collect()
}

/// Returns the adapters that are too large, or too different from each other.
pub(crate) fn adapter_offences(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    let [first, second] = ADAPTERS.map(|folder| sources(repository, folder));
    for (folder, files) in ADAPTERS.iter().zip([&first, &second]) {
        let lines: usize = files.iter().map(|(_, lines)| lines.len()).sum();
        if lines == 0 || lines > ADAPTER_LINES {
            let wrong = format!("the adapter has {lines} lines ({})", sizes(files));
            let instead = format!("move what both adapters do to ibws-proto; at most {ADAPTER_LINES}");
            offences.push(Offence::new(folder, 1, wrong, instead));
        }
    }
    let mut names: Vec<&str> = first.iter().chain(&second).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let differ = names.into_iter().map(|name| (name, difference(lines(&first, name), lines(&second, name))));
    let differ: Vec<_> = differ.collect();
    let sum: usize = differ.iter().map(|(_, lines)| lines).sum();
    if sum > ADAPTER_DIFFERENCES {
        let each: Vec<_> = differ.iter().map(|(name, lines)| format!("{name} {lines}")).collect();
        let wrong = format!("the adapters differ in {sum} lines ({})", each.join(", "));
        let instead = format!("write the same lines in the same order, or share them; at most {ADAPTER_DIFFERENCES}");
        offences.push(Offence::new(ADAPTERS[1], 1, wrong, instead));
    }
    offences
}

/// A file's name under the folder of its adapter, and its lines.
type Source<'a> = (&'a str, Vec<&'a str>);

fn sources<'a>(repository: &'a Repository, folder: &str) -> Vec<Source<'a>> {
    let named =
        repository.rust().filter_map(|file| Some((file.path.strip_prefix(folder)?, file.text.lines().collect())));
    named.collect()
}

/// Returns the lines of the file of that name, none if there is no such file.
fn lines<'a, 'b>(files: &'b [Source<'a>], name: &str) -> &'b [&'a str] {
    files.iter().find(|(known, _)| *known == name).map_or(&[], |(_, lines)| lines)
}

fn sizes(files: &[Source<'_>]) -> String {
    let sizes: Vec<_> = files.iter().map(|(name, lines)| format!("{name} {}", lines.len())).collect();
    sizes.join(", ")
}

/// Counts the lines of either text that are outside a longest common subsequence.
fn difference(old: &[&str], new: &[&str]) -> usize {
    let mut common = vec![0; new.len() + 1];
    for line in old {
        let mut diagonal = 0;
        for (at, other) in new.iter().enumerate() {
            let above = common[at + 1];
            common[at + 1] = if line == other { diagonal + 1 } else { above.max(common[at]) };
            diagonal = above;
        }
    }
    old.len() + new.len() - 2 * common[new.len()]
}

#[test]
fn difference_counts_lines_added_and_removed() {
    let cases: [(&[&str], &[&str], usize); 6] = [
        (&["a", "b", "c"], &["a", "b", "c"], 0),
        (&["a", "b", "c"], &["a", "x", "c"], 2),
        (&["a", "b"], &["a", "b", "c", "d"], 2),
        (&["a", "b", "c"], &["c", "a", "b"], 2),
        (&[], &["a"], 1),
        (&["a", "a", "b"], &["b", "a", "a"], 2),
    ];
    for (old, new, lines) in cases {
        assert_eq!(difference(old, new), lines, "{old:?} {new:?}");
    }
}

#[test]
fn adapters_above_their_limits_are_offences() {
    let text = |lines: usize, from: usize| (from..from + lines).map(|at| format!("{at}\n")).collect::<String>();
    let found = |tokio: &str, std: &str| {
        let files = [("ibws-tokio/src/lib.rs", tokio), ("ibws-async-std/src/lib.rs", std)];
        adapter_offences(&Repository::sample(&files)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found(&text(320, 0), &text(320, 60)), [""; 0]);
    let apart = found(&text(320, 0), &text(320, 61));
    assert!(
        apart.concat().contains("ibws-async-std/src/:1: the adapters differ in 122 lines (lib.rs 122)"),
        "{apart:?}"
    );
    let large = found(&text(321, 0), &text(320, 0));
    assert!(large.concat().starts_with("ibws-tokio/src/:1: the adapter has 321 lines (lib.rs 321)"), "{large:?}");
}

#[test]
fn long_files_are_offences() {
    let found = |lines: usize| file_offences([File::new("a.rs", &"x\n".repeat(lines))].iter()).len();
    assert_eq!([found(520), found(521)], [0, 1]);
}
