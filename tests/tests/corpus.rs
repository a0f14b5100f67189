//! Replays the committed fuzz corpora without a fuzzer, and then mutants of them.
//!
//! `IBWS_FUZZ` sets the number of mutants of each target; the default is 2,000 in release builds
//! and 50 in debug builds. `IBWS_SEED` sets the first seed, 0 by default, and `IBWS_TARGET` the one
//! target to run. A night on a machine without a fuzzer:
//!
//! ```text
//! IBWS_FUZZ=1000000 cargo test --release -p ibws-testkit --test corpus -- --nocapture
//! ```
//!
//! A failure names its target and its seed, and prints the input, which belongs into the corpus.

use std::alloc::System;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ibws_testkit::fuzz::{Dictionary, TARGETS, is_counted, mutate};
use ibws_testkit::tally::setting;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// With this allocator the bodies measure the memory that they hold.
#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The inputs of a corpus, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("tests/corpora").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn play(target: &str, body: fn(&[u8]), input: &[u8], origin: &str) {
    if catch_unwind(|| body(input)).is_err() {
        panic!("the target {target} fails on {origin}, which is b\"{}\"", input.escape_ascii());
    }
}

/// The only test of this file, because the memory of another one in parallel would be counted as
/// well.
#[test]
#[expect(clippy::print_stdout, reason = "prints the rates and the seeds for a run with --nocapture")]
fn every_target_accepts_its_corpus_and_mutants_of_it() {
    assert!(is_counted(), "the bodies measure no memory");
    let dictionary = fs::read_to_string(root().join("fuzz/dictionaries/ibws.dict")).unwrap();
    let dictionary = Dictionary::parse(&dictionary).unwrap();
    let default = if cfg!(debug_assertions) { 50 } else { 2_000 };
    let (mutants, first) = (setting("IBWS_FUZZ").unwrap_or(default), setting("IBWS_SEED").unwrap_or(0));
    let chosen = std::env::var("IBWS_TARGET").ok();
    for (target, body) in TARGETS.iter().filter(|(target, _)| chosen.as_ref().is_none_or(|chosen| chosen == target)) {
        let files = corpus(target);
        for (file, input) in &files {
            play(target, *body, input, &format!("the file {file} of its corpus"));
        }
        let inputs: Vec<_> = files.into_iter().map(|(_, input)| input).collect();
        let began = Instant::now();
        for seed in first..first.saturating_add(mutants) {
            play(target, *body, &mutate(&inputs, &dictionary, seed), &format!("the seed {seed}"));
        }
        let rate = mutants as f64 / began.elapsed().as_secs_f64().max(1e-9);
        println!("{target}: {} files, {mutants} mutants from seed {first}, {rate:.0} runs/s", inputs.len());
    }
}
