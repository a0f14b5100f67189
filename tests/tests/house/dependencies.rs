//! Checks that `docs/dependencies.md` lists the dependencies of the workspace as `Cargo.toml` has
//! them, with licences that `deny.toml` allows.

use std::collections::BTreeMap;

use crate::report::Offence;
use crate::sources::Repository;

const DOCUMENT: &str = "ibws-proto/docs/dependencies.md";
/// The manifests, and the names of their crates.
const CRATES: [(&str, &str); 4] = [
    ("ibws-proto/Cargo.toml", "ibws-proto"),
    ("ibws-tokio/Cargo.toml", "ibws-tokio"),
    ("ibws-async-std/Cargo.toml", "ibws-async-std"),
    ("tests/Cargo.toml", "ibws-testkit"),
];

/// Returns the rows that are missing, wrong or about nothing.
pub(crate) fn offences(repository: &Repository) -> Vec<Offence> {
    let text = |path: &str| repository.file(path).map_or("", |file| &file.text);
    let users: Vec<_> = CRATES.iter().flat_map(|(path, name)| users(text(path), name)).collect();
    let mut declared = declared(text("Cargo.toml"));
    let allowed = text("deny.toml").lines().find_map(|line| line.strip_prefix("allow = ")).map(quoted);
    let allowed = allowed.unwrap_or_default();
    let mut offences = Vec::new();
    let mut offend = |line: usize, wrong: String, instead: String| {
        offences.push(Offence::new(DOCUMENT, line, wrong, instead));
    };
    for (at, line) in text(DOCUMENT).lines().enumerate() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, name, version, features, licence, used_by, reason, _] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        let Some((known_version, known_features)) = declared.remove(name) else {
            offend(at + 1, format!("`{name}` is no dependency of the workspace"), "remove the row".to_owned());
            continue;
        };
        let known_users = users_of(name, &users);
        let known = [&known_version, &known_features, &known_users];
        for (cell, known) in [version, features, used_by].into_iter().zip(known) {
            if cell != known {
                offend(at + 1, format!("`{name}` has `{cell}`"), format!("write `{known}`, as Cargo.toml has it"));
            }
        }
        if !licence
            .split(" OR ")
            .any(|licence| licence.split(" AND ").all(|one| allowed.iter().any(|allowed| allowed == one)))
        {
            offend(at + 1, format!("the licence {licence}"), "use one that deny.toml allows".to_owned());
        }
        if reason.len() < 10 {
            offend(at + 1, format!("`{name}` has no reason"), "state what it is for".to_owned());
        }
    }
    for name in declared.keys() {
        offend(1, format!("`{name}` is missing"), "add a row for it".to_owned());
    }
    offences
}

/// Returns the version and the features of each dependency of the workspace that is not its own.
fn declared(manifest: &str) -> BTreeMap<&str, (String, String)> {
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let mut declared = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(" = ")) {
        let value = value.split(" #").next().unwrap_or_default();
        if name.starts_with('#') || value.contains("path = ") {
            continue;
        }
        let mut features = Vec::new();
        if !value.contains("default-features = false") {
            features.push("default".to_owned());
        }
        features.extend(value.split(" features = ").nth(1).map(quoted).unwrap_or_default());
        let features = if features.is_empty() { "-".to_owned() } else { features.join(", ") };
        let version = quoted(value).into_iter().next().unwrap_or_default();
        declared.insert(name, (version, features));
    }
    declared
}

/// Returns the texts in quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A use of a dependency: its name, the crate, and whether only its tests use it.
type User<'a> = (&'a str, &'a str, bool);

fn users<'a>(manifest: &'a str, crate_name: &'a str) -> Vec<User<'a>> {
    let (mut is_dependency, mut is_test, mut users) = (false, false, Vec::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependency = line.ends_with("dependencies]");
            is_test = line.ends_with("dev-dependencies]");
        } else if let Some((name, value)) = line.split_once([' ', '.'])
            && is_dependency
            && value.contains("workspace = true")
        {
            users.push((name, crate_name, is_test));
        }
    }
    users
}

fn users_of(name: &str, users: &[User<'_>]) -> String {
    let of_name = |user: &&User<'_>| user.0 == name;
    let is_used = |crate_name: &str| users.contains(&(name, crate_name, false));
    let mut names: Vec<String> = Vec::new();
    for (_, crate_name, is_test) in users.iter().filter(of_name) {
        match (is_test, is_used(crate_name)) {
            (false, _) => names.push((*crate_name).to_owned()),
            (true, false) => names.push(format!("{crate_name} (tests)")),
            (true, true) => {}
        }
    }
    names.join(", ")
}

#[test]
fn rows_that_differ_from_the_manifest_are_offences() {
    let files = |row: &str| {
        let found = offences(&Repository::sample(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nibws-proto = { path = \"ibws-proto\" }\n# The core.\nbytes = { version = \
                 \"1.12\", default-features = false, features = [\"std\"] } # \"shared\"\n\n[lints]\nx = \"1\"\n",
            ),
            ("ibws-proto/Cargo.toml", "[dependencies]\nbytes.workspace = true\n[lints]\nbytes.workspace = true\n"),
            ("tests/Cargo.toml", "[dev-dependencies]\nbytes = { workspace = true }\n"),
            ("deny.toml", "allow = [\"MIT\"]\n"),
            (DOCUMENT, row),
        ]));
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let users = "ibws-proto, ibws-testkit (tests)";
    assert_eq!(files(&format!("| `bytes` | 1.12 | std | Zlib OR MIT | {users} | Frames are shared. |")), "");
    for (row, offence) in [
        ("| `bytes` | 1.13 | std | MIT | USERS | Frames are shared. |", "write `1.12`"),
        ("| `bytes` | 1.12 | - | MIT | USERS | Frames are shared. |", "write `std`"),
        ("| `bytes` | 1.12 | std | GPL-3.0 | USERS | Frames are shared. |", "the licence GPL-3.0"),
        (
            "| `bytes` | 1.12 | std | MIT | ibws-proto | Frames are shared. |",
            "write `ibws-proto, ibws-testkit (tests)`",
        ),
        ("| `bytes` | 1.12 | std | MIT | USERS | |", "has no reason"),
        ("| `serde` | 1 | std | MIT | USERS | Frames are shared. |", "`serde` is no dependency"),
        ("", "`bytes` is missing"),
    ] {
        let found = files(&row.replace("USERS", users));
        assert!(found.contains(offence), "{row}: {found}");
    }
}
