//! Property walks of the machine alone: arbitrary inputs and commands, half of the walks blind and
//! half guided by the present state. Every invariant is checked after every step, and the
//! metamorphic replays at the end.
//!
//! `IBWS_CASES` sets the number of walks; the default is 50,000 in release builds and 512 in debug
//! builds. A failure prints the shrunk bytes, which repeat it:
//! `ibws_testkit::walk::walk(&bytes, 256)`.

use std::cell::RefCell;

use ibws_testkit::tally::{Reach, Tally as _, setting};
use ibws_testkit::walk::walk;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

#[test]
#[expect(clippy::print_stdout, reason = "prints what the walks reached for a run with --nocapture")]
fn no_walk_breaks_an_invariant() {
    let default = if cfg!(debug_assertions) { 512 } else { 50_000 };
    let cases = setting("IBWS_CASES").map_or(default, |cases| u32::try_from(cases).unwrap_or(u32::MAX));
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
            // A walk reads zeros after its bytes end, so zeros at the end are redundant.
            while bytes.last() == Some(&0) && bytes.len() > 1 {
                bytes.pop();
            }
            panic!("{rule}\nbytes: {bytes:?}");
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let reach = reach.into_inner();
    println!("{reach:?}");
    // The walks must reach these states, or they prove nothing.
    assert!(reach.ready * 3 > reach.runs, "{reach:?}");
    assert!(reach.confirmed * 4 > reach.runs, "{reach:?}");
    assert!(reach.resumed * 20 > reach.runs, "{reach:?}");
}
