//! Lists and reads the files of the repository.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::headings::{Heading, headings};
use crate::lexer::{Token, lex};

/// Extensions of the files that are read.
const EXTENSIONS: [&str; 3] = ["rs", "md", "toml"];
/// Directories of build products and of inputs for fuzzing.
const SKIPPED: [&str; 5] = ["target", "corpora", "corpus", "artifacts", "node_modules"];

/// All files of the repository, read once for all checks.
pub(crate) static REPOSITORY: LazyLock<Repository> =
    LazyLock::new(|| Repository::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")));

/// A file, with its tokens if it is Rust and its headings if it is Markdown.
pub(crate) struct File {
    /// Path from the root of the repository, with `/` on every system.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) headings: Vec<Heading>,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let tokens = if path.ends_with(".rs") { lex(text) } else { Vec::new() };
        let headings = if path.ends_with(".md") { headings(text) } else { Vec::new() };
        Self { path: path.to_owned(), text: text.to_owned(), tokens, headings }
    }

    /// Returns the source text of a token.
    pub(crate) fn source(&self, token: &Token) -> &str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }
}

/// The files that the checks read.
pub(crate) struct Repository {
    pub(crate) files: Vec<File>,
}

impl Repository {
    /// Reads the tree under `root`.
    fn read(root: &Path) -> Self {
        let mut paths = Vec::new();
        walk(root, "", &mut paths);
        paths.sort();
        let read = |path: &String| {
            let bytes = fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            File::new(path, &String::from_utf8_lossy(&bytes))
        };
        let files: Vec<_> = paths.iter().map(read).collect();
        assert!(
            files.iter().any(|file| file.path == "ibws-proto/src/lib.rs"),
            "{} is not the repository",
            root.display()
        );
        Self { files }
    }

    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(path, text)).collect() }
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Adds the paths under `root/at` to `paths`.
fn walk(root: &Path, at: &str, paths: &mut Vec<String>) {
    let entries = fs::read_dir(root.join(at)).unwrap_or_else(|error| panic!("{at}: {error}"));
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
            walk(root, &path, paths);
        } else if kind.is_file() && is_read(&name) {
            paths.push(path);
        }
    }
}

fn is_read(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

#[test]
fn repository_holds_its_crates_and_nothing_built() {
    for path in ["README.md", "Cargo.toml", "ibws-tokio/src/lib.rs", "tests/tests/house/main.rs"] {
        assert!(REPOSITORY.file(path).is_some(), "{path} is not read");
    }
    assert!(REPOSITORY.files.iter().all(|file| !file.path.contains("target/") && !file.path.contains(".git/")));
    assert!(!is_read("Cargo.lock") && !is_read("rs") && is_read("lib.rs"));
}
