//! Replays the committed fuzz corpora without a fuzzer.

use std::fs;
use std::path::Path;

use ibws_testkit::fuzz;

fn replay(corpus: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(corpus);
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        target(&fs::read(entry.unwrap().path()).unwrap());
        played += 1;
    }
    assert!(played >= 10, "{played} files");
}

#[test]
fn the_frames_target_accepts_its_corpus() {
    replay("frames", fuzz::frames);
}

#[test]
fn the_decode_target_accepts_its_corpus() {
    replay("decode", fuzz::decode);
}

#[test]
fn the_payload_target_accepts_its_corpus() {
    replay("payload", fuzz::payload);
}
