//! The accounting of queues under faults: messages sent = delivered + merged + reported as lost,
//! exactly.
//!
//! `IBWS_ACCOUNTING` sets the number of seeds; the default is 1,000 in release builds and 20 in
//! debug builds. Ten thousand:
//!
//! ```text
//! IBWS_ACCOUNTING=10000 cargo test --release -p ibws-testkit --test accounting -- --nocapture
//! ```
//!
//! A failure names its seed, which repeats it: `ibws_testkit::accounting::run_accounting(seed)`.

use std::time::Instant;

use ibws_testkit::accounting::{MESSAGES, run_accounting};
use ibws_testkit::tally::{Deliveries, setting, sum_seeds};

#[test]
#[expect(clippy::print_stdout, reason = "prints the sums for a run with --nocapture")]
fn every_number_is_delivered_merged_or_reported_as_lost() {
    let default = if cfg!(debug_assertions) { 20 } else { 1_000 };
    let seeds = setting("IBWS_ACCOUNTING").unwrap_or(default);
    let began = Instant::now();
    let deliveries = sum_seeds(seeds, run_accounting);
    println!("{seeds} seeds of {MESSAGES} messages in {:?}: {deliveries:?}", began.elapsed());
    let Deliveries { sent, delivered, merged, lost, missed, gaps } = deliveries;
    assert_eq!(sent, delivered + merged + lost + missed);
    assert!(sent > seeds * MESSAGES);
    // Each of these must happen, or the sum proves nothing.
    for happened in [delivered, merged, lost, missed, gaps] {
        assert!(happened > seeds * 5, "{deliveries:?}");
    }
}
