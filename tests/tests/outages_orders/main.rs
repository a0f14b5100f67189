//! Outages while orders are placed, filled and cancelled: no execution is missing, none is reported
//! twice, and the book is what the gateway lists after each, however late, often or badly the REST
//! handler replies.
//!
//! `cargo test --release -p ibws-testkit --test outages_orders -- --nocapture` takes from the
//! environment:
//!
//! * `IBWS_OUTAGES`: how many outages of the stream of orders; 1,000 by default (200 in debug
//!   builds);
//! * `IBWS_SEED`: the first seed; 0 by default;
//! * `IBWS_THREADS`: on how many threads; 2 by default.
//!
//! Each seed is one client with 100 outages, half of them with a subscription to executions. The
//! test prints what it reached. A failure prints its seed.

mod application;
mod consumer;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use application::{Application, Reached};
use ibws_testkit::tally::setting;

/// The outages of one client.
const OUTAGES: u64 = 100;

/// Prints the seed of a run that fails.
struct OfSeed(u64);

impl Drop for OfSeed {
    #[expect(clippy::print_stderr, reason = "prints the seed of a failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("IBWS_SEED={}", self.0);
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "prints the summary for a run with --nocapture")]
fn no_outage_loses_or_repeats_an_execution_and_each_ends_with_the_book_of_the_gateway() {
    let outages = setting("IBWS_OUTAGES").unwrap_or(if cfg!(debug_assertions) { 200 } else { 1_000 });
    let next = AtomicU64::new(setting("IBWS_SEED").unwrap_or(0));
    let reached: Mutex<Reached> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..setting("IBWS_THREADS").unwrap_or(2) {
            scope.spawn(|| {
                while reached.lock().unwrap().outages < outages {
                    let seed = OfSeed(next.fetch_add(1, Ordering::Relaxed));
                    let of_seed = Application::new(seed.0).run(OUTAGES.min(outages));
                    reached.lock().unwrap().add(&of_seed);
                }
            });
        }
    });
    let reached = reached.into_inner().unwrap();
    println!("{reached:?}");
    let Reached { outages: gaps, checks, caught_up, pending, late, orders, executions, streamed, merged, stale } =
        reached;
    assert!(gaps >= outages && checks > outages / 4, "{reached:?}");
    // A run that never meets a case proves nothing about it.
    for count in [caught_up, pending, late, orders, executions, streamed, merged, stale] {
        assert!(count > outages / 40, "{reached:?}");
    }
}
