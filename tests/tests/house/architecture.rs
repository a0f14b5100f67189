//! Checks that `ARCHITECTURE.md` shows the modules as the code uses them, and that each file,
//! function and type that its tables name is there.
//!
//! `IBWS_BLESS=1 cargo test -p ibws-testkit --test house` rewrites the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::graph::Graph;
use crate::lexer::Kind;
use crate::modules::{FOLDER, layer};
use crate::patterns::defines;
use crate::report::Offence;
use crate::sources::{File, Repository};

/// The page, from the root of the repository.
const PAGE: &str = "ARCHITECTURE.md";
/// The lines between which the picture stands.
const BEGIN: &str = "<!-- modules: begin -->\n";
const END: &str = "<!-- modules: end -->\n";

/// Folders at which a path in a table may begin.
const FOLDERS: [&str; 2] = ["", FOLDER];

/// Returns the page with the picture that the code gives.
fn drawn(repository: &Repository, page: &str) -> Result<String, Offence> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        let wrong = format!("the page has no lines `{}` and `{}`", BEGIN.trim(), END.trim());
        return Err(Offence::new(PAGE, 1, wrong, "put the picture between them"));
    };
    let picture = picture(&Graph::read(repository, FOLDER));
    Ok(format!("{before}{BEGIN}\n```mermaid\n{picture}```\n\n{END}{after}"))
}

/// Writes the picture that the code gives into the page.
pub(crate) fn bless(repository: &Repository) {
    let page = repository.file(PAGE).map_or("", |file| &file.text);
    let drawn = drawn(repository, page).unwrap_or_else(|offence| panic!("{offence}"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    fs::write(&path, drawn).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Returns the offence of a picture that is not the one of the code.
pub(crate) fn picture_offences(repository: &Repository) -> Vec<Offence> {
    let page = repository.file(PAGE).map_or("", |file| &file.text);
    match drawn(repository, page) {
        Ok(drawn) if drawn == page => Vec::new(),
        Ok(drawn) => {
            let lines = page.lines().zip(drawn.lines());
            let line = lines.take_while(|(old, new)| old == new).count() + 1;
            let wrong = "the picture of the modules is not the one of the code";
            let instead = "IBWS_BLESS=1 cargo test -p ibws-testkit --test house";
            vec![Offence::new(PAGE, line, wrong, instead)]
        }
        Err(offence) => vec![offence],
    }
}

/// Returns the rows of tables that name a file which is not there, or a name that its file does not
/// define. The file is in the second column, the names in the third; the first is prose.
pub(crate) fn table_offences(repository: &Repository) -> Vec<Offence> {
    let page = repository.file(PAGE).map_or("", |file| &file.text);
    let mut offences = Vec::new();
    let mut rows = 0;
    for (at, line) in page.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let &["", _, path, names, ""] = cells.as_slice() else { continue };
        let Some(path) = spans(path).next().filter(|path| path.ends_with(".rs")) else { continue };
        rows += 1;
        let Some(file) = FOLDERS.iter().find_map(|folder| repository.file(&format!("{folder}{path}"))) else {
            offences.push(Offence::new(PAGE, at + 1, format!("there is no file `{path}`"), "name the present file"));
            continue;
        };
        for name in spans(names).filter(|name| !is_defined(file, name)) {
            let wrong = format!("`{path}` defines no `{name}`");
            offences.push(Offence::new(PAGE, at + 1, wrong, "name a function or type of the file"));
        }
    }
    if rows == 0 {
        offences.push(Offence::new(PAGE, 1, "no table names a file", "list what to find where"));
    }
    offences
}

/// Returns the code spans of a text.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_defined(file: &File, name: &str) -> bool {
    let is_definition = |keyword| defines(keyword) || keyword == "const";
    let tokens: Vec<_> = file.tokens.iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
    tokens.windows(2).any(|pair| file.source(pair[1]) == name && is_definition(file.source(pair[0])))
}

/// Returns the modules as a Mermaid flowchart. An arrow means "uses". An arrow that a chain of
/// others implies is not drawn.
fn picture(graph: &Graph) -> String {
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for reference in graph.references.iter().filter(|it| it.to != "*") {
        uses.entry(&reference.from).or_default().insert(&reference.to);
    }
    let mut text = String::from("flowchart TD\n");
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for module in &graph.modules {
        let is_used = uses.contains_key(module.as_str()) || uses.values().any(|to| to.contains(module.as_str()));
        // The documents are a module that no code uses.
        if is_used {
            modules.entry(layer(module)).or_default().push(module);
        }
    }
    for (layer, modules) in &modules {
        if *layer == "core" {
            text += "    subgraph core\n";
            modules.iter().for_each(|module| text += &format!("        {module}\n"));
            text += "    end\n";
        } else {
            modules.iter().for_each(|module| text += &format!("    {module}\n"));
        }
    }
    for (from, all) in &uses {
        let is_implied = |to: &&&str| all.iter().any(|other| other != *to && reaches(&uses, other, to));
        let drawn: Vec<&str> = all.iter().filter(|to| !is_implied(to)).copied().collect();
        if !drawn.is_empty() {
            text += &format!("    {from} --> {}\n", drawn.join(" & "));
        }
    }
    text
}

/// Returns `true` if a chain of uses leads from one module to another.
fn reaches<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(module) = open.pop() {
        for next in uses.get(module).into_iter().flatten() {
            if *next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [(&str, &str); 6] = [
        ("ibws-proto/src/lib.rs", "mod a; mod b; mod c; mod client; mod manual;"),
        ("ibws-proto/src/a.rs", "use crate::b::X;\nuse crate::c::Y;\nfn run() {}"),
        ("ibws-proto/src/b.rs", "use crate::c::Y;"),
        ("ibws-proto/src/c.rs", "pub struct Y;"),
        ("ibws-proto/src/client/mod.rs", "use crate::a::run;"),
        ("ibws-proto/src/manual.rs", ""),
    ];

    fn offences(check: fn(&Repository) -> Vec<Offence>, page: &str) -> Vec<String> {
        let mut files = SOURCES.to_vec();
        files.push((PAGE, page));
        check(&Repository::sample(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn picture_draws_each_use_that_no_chain_implies() {
        let picture = picture(&Graph::read(&Repository::sample(&SOURCES), FOLDER));
        let core = "    subgraph core\n        a\n        b\n        c\n    end\n";
        assert_eq!(picture, format!("flowchart TD\n    client\n{core}    a --> b\n    b --> c\n    client --> a\n"));
    }

    #[test]
    fn picture_that_differs_is_an_offence_and_is_redrawn() {
        let old = format!("# Page\n{BEGIN}old\n{END}more\n");
        assert!(offences(picture_offences, &old).concat().starts_with("ARCHITECTURE.md:3: the picture"));
        let new = drawn(&Repository::sample(&SOURCES), &old).unwrap();
        assert_eq!(offences(picture_offences, &new), [""; 0]);
        assert!(new.starts_with("# Page\n") && new.ends_with("more\n"));
        assert!(offences(picture_offences, "# Page\n").concat().contains("no lines"));
    }

    #[test]
    fn rows_that_name_what_is_not_there_are_offences() {
        let good = "| rule | `a.rs` | `run` |\n| rule | `ibws-proto/src/c.rs` | `Y` |\n|---|---|---|\n| x | y | z |\n";
        assert_eq!(offences(table_offences, good), [""; 0]);
        let bad = offences(table_offences, "| rule | `d.rs` | `run` |\n| rule | `a.rs` | `run`, `walk` |\n");
        assert_eq!(bad.len(), 2);
        assert!(bad[0].starts_with("ARCHITECTURE.md:1: there is no file `d.rs`"), "{bad:?}");
        assert!(offences(table_offences, "# Page\n").concat().contains("no table names a file"));
        assert!(bad[1].starts_with("ARCHITECTURE.md:2: `a.rs` defines no `walk`"), "{bad:?}");
    }
}
