//! Outages while orders are placed, filled and cancelled: no execution is missing, none is reported
//! twice, and the book is what the gateway lists after each, however late, often or badly the REST
//! handler replies.
//!
//! `cargo test --release -p ibws-testkit --test outages_orders -- --nocapture` takes from the
//! environment:
//!
//! * `IBWS_OUTAGES`: how many outages of the stream of orders; 10,000 by default (200 in debug
//!   builds);
//! * `IBWS_SEED`: the first seed; 0 by default.
//!
//! Each seed is one client with 100 outages, half of them with a subscription to executions. The
//! test prints what it reached. A failure prints its seed.

mod application;
mod consumer;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use application::{Application, Reached};
use ibws_testkit::tally::setting;

/// The outages of one client.
const OUTAGES: u64 = 100;

#[test]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "prints the summary, and the seed of a failure")]
fn no_outage_loses_or_repeats_an_execution_and_each_ends_with_the_book_of_the_gateway() {
    let first = setting("IBWS_SEED").unwrap_or(0);
    let outages = setting("IBWS_OUTAGES").unwrap_or(if cfg!(debug_assertions) { 200 } else { 10_000 });
    let mut reached = Reached::default();
    for seed in first.. {
        if reached.outages >= outages {
            break;
        }
        let run = AssertUnwindSafe(|| Application::new(seed).run(OUTAGES.min(outages)));
        match catch_unwind(run) {
            Ok(of_seed) => reached.add(&of_seed),
            Err(panic) => {
                eprintln!("IBWS_SEED={seed}");
                resume_unwind(panic)
            }
        }
    }
    println!("{reached:?}");
    let Reached { outages: gaps, checks, caught_up, pending, late, orders, executions, streamed, merged, stale } =
        reached;
    assert!(gaps >= outages && checks > outages / 4, "{reached:?}");
    // A run that never meets a case proves nothing about it.
    for count in [caught_up, pending, late, orders, executions, streamed, merged, stale] {
        assert!(count > outages / 40, "{reached:?}");
    }
}
