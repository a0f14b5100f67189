//! Reads from the sources of a crate which of its top-level modules use which others. Code that is
//! compiled for tests only does not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::lexer::{Kind, Token};
use crate::sources::{File, Repository};

/// A place where a module names another. `*` is a glob import from the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// The top-level modules of a crate and how they name each other.
pub(crate) struct Graph {
    pub(crate) modules: BTreeSet<String>,
    pub(crate) references: Vec<Reference>,
}

impl Graph {
    /// Reads the sources under `folder`, whose root is its `lib.rs`.
    pub(crate) fn read(repository: &Repository, folder: &str) -> Self {
        let inside = |file: &'_ File| file.path.strip_prefix(folder).and_then(module_path);
        let files: Vec<_> = repository.rust().filter_map(|file| Some((file, inside(file)?))).collect();
        let modules: BTreeSet<_> = files.iter().filter_map(|(_, path)| path.first().cloned()).collect();
        let root = files.iter().find(|(_, path)| path.is_empty());
        let exports = root.map(|(file, _)| exports(file)).unwrap_or_default();
        let mut references = Vec::new();
        for (file, path) in files.iter().filter(|(_, path)| !path.is_empty()) {
            let from = path.first().cloned().unwrap_or_default();
            for (name, line) in named(file, path.len()) {
                let to = if name == "*" || modules.contains(&name) { Some(&name) } else { exports.get(&name) };
                if let Some(to) = to.filter(|to| **to != from) {
                    let reference = Reference { from: from.clone(), to: to.clone(), file: file.path.clone(), line };
                    references.push(reference);
                }
            }
        }
        references.sort();
        Self { modules, references }
    }
}

/// Returns the path of the module in a file: `a::b` for `a/b.rs`, the root for `lib.rs`, `None` for
/// the tests of a module.
fn module_path(path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix(".rs")?;
    let mut parts: Vec<_> = path.split('/').map(str::to_owned).collect();
    match path.rsplit('/').next()? {
        "tests" => return None,
        "lib" | "mod" => drop(parts.pop()),
        _ => {}
    }
    Some(parts)
}

/// Returns the tokens of a file without comments and without items that are compiled for tests
/// only.
fn code(file: &File) -> Vec<(&str, &Token)> {
    let tokens = file.tokens.iter().filter(|token| !matches!(token.kind, Kind::Comment(_)));
    let all: Vec<_> =
        tokens.map(|token| (if token.kind == Kind::Text { "\"" } else { file.source(token) }, token)).collect();
    let mut code = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let texts: Vec<&str> = all.iter().skip(at).take(4).map(|(text, _)| *text).collect();
        let end = if texts == ["#", "[", "cfg", "("] { group_end(&all, at + 1) } else { at };
        let has = |word| all.get(at..end).unwrap_or_default().iter().any(|(text, _)| *text == word);
        if has("test") && !has("not") {
            at = item_end(&all, end);
        } else {
            code.extend(all.get(at).copied());
            at += 1;
        }
    }
    code
}

/// Returns the index after the bracket that closes the one at `at`.
fn group_end(all: &[(&str, &Token)], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, (text, _)) in all.iter().enumerate().skip(at) {
        match *text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    all.len()
}

/// Returns the index after the item that begins at `at`: after its `;`, or after its braces.
fn item_end(all: &[(&str, &Token)], mut at: usize) -> usize {
    while let Some((text, _)) = all.get(at) {
        match *text {
            ";" => return at + 1,
            "{" => return group_end(all, at),
            "(" | "[" => at = group_end(all, at),
            _ => at += 1,
        }
    }
    at
}

/// Returns the names that a file takes from the root of its crate, `depth` modules up, and their
/// lines.
fn named(file: &File, depth: usize) -> Vec<(String, usize)> {
    let code = code(file);
    let text = |at: usize| code.get(at).map_or("", |(text, _)| *text);
    let is_path = |at: usize| text(at) == ":" && text(at + 1) == ":";
    let mut names = Vec::new();
    // The open braces; `true` for those of modules.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < code.len() {
        match text(at) {
            "{" => braces.push(at >= 2 && text(at - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" if is_path(at + 1) => names.extend(first_names(&code, at + 3)),
            "super" if is_path(at + 1) && !(at >= 2 && is_path(at - 2)) => {
                let mut up = 1;
                while text(at + 3) == "super" && is_path(at + 4) {
                    (up, at) = (up + 1, at + 3);
                }
                if up == depth + braces.iter().filter(|is_module| **is_module).count() {
                    names.extend(first_names(&code, at + 3));
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// Returns the first name of the path at `at`, or of each path if it is a group.
fn first_names(code: &[(&str, &Token)], at: usize) -> Vec<(String, usize)> {
    let end = group_end(code, at);
    let mut depth = 0;
    let mut names = Vec::new();
    for index in at..end {
        let Some((text, token)) = code.get(index) else { break };
        match *text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ if index == at || depth == 1 && ["{", ","].contains(&code[index - 1].0) => {
                names.push(((*text).to_owned(), token.line));
            }
            _ => {}
        }
    }
    names
}

/// Returns the names that the root exports, each with its module.
fn exports(root: &File) -> BTreeMap<String, String> {
    let code = code(root);
    let mut exports = BTreeMap::new();
    for (at, _) in code.iter().enumerate().filter(|(_, (text, _))| *text == "use") {
        let path = code.iter().skip(at + 1).take_while(|(text, _)| *text != ";");
        let mut names = path.filter(|(_, token)| token.kind == Kind::Ident).map(|(text, _)| (*text).to_owned());
        if let Some(module) = names.by_ref().find(|name| name != "crate" && name != "self") {
            exports.extend(names.map(|name| (name, module.clone())));
        }
    }
    exports
}

#[cfg(test)]
mod tests;
