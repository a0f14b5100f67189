//! The property walk: arbitrary inputs and commands. Half of the walks choose blindly, the other
//! half by the present state. Every invariant is checked after every step, and each walk is
//! replayed in other forms at its end.
//!
//! `IBWS_CASES` sets the number of walks. The default is 50,000 in release builds and 512 in debug
//! builds. A failure prints the shrunk bytes. `ibws_testkit::walk::walk(&bytes, 256)` repeats it.

use std::cell::RefCell;

use ibws_testkit::walk::{Reach, walk};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

#[test]
#[expect(clippy::print_stdout, reason = "prints what the walks reached, with --nocapture")]
fn no_walk_breaks_an_invariant() {
    let default = if cfg!(debug_assertions) { 512 } else { 50_000 };
    let cases = std::env::var("IBWS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let reach = RefCell::new(Reach::default());
    let bytes = proptest::collection::vec(any::<u8>(), 40..700);
    let outcome = TestRunner::new(config).run(&bytes, |bytes| {
        let reached = walk(&bytes, 256).map_err(TestCaseError::fail)?;
        reach.borrow_mut().add(&reached);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(rule, mut bytes)) => {
            // A walk reads zeros after the last byte, so trailing zeros are not needed.
            while bytes.last() == Some(&0) && bytes.len() > 1 {
                bytes.pop();
            }
            panic!("{rule}\nbytes: {bytes:?}");
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let reach = reach.into_inner();
    println!("{reach:?}");
    // Walks that reach none of these states prove nothing.
    assert!(reach.ready * 3 > reach.walks, "{reach:?}");
    assert!(reach.confirmed * 4 > reach.walks, "{reach:?}");
    assert!(reach.resumed * 20 > reach.walks, "{reach:?}");
}
