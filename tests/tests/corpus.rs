//! The committed corpora, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_of_frames_breaks_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/frames");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        ibws_testkit::fuzz::frames(&fs::read(entry.unwrap().path()).unwrap());
        played += 1;
    }
    assert!(played >= 10, "{played} files");
}
