//! Each body of a fuzz target has its shim, its entry in the manifest, and a corpus of a few files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ibws_testkit::fuzz::TARGETS;

/// The most files of a corpus. More belong to the fuzzer, not to the repository.
const MAX_FILES: usize = 32;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_target_has_a_shim_and_a_corpus_of_a_few_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names: BTreeSet<_> = TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    let shims: BTreeSet<_> = entries(&root.join("fuzz/fuzz_targets"))
        .iter()
        .map(|shim| shim.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(shims, names);
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let files = entries(&root.join("tests/corpora").join(name)).len();
        assert!((10..=MAX_FILES).contains(&files), "{files} files in the corpus of {name}");
    }
}
