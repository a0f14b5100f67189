//! Queues against their reference model: for a slow consumer, the messages delivered, merged and
//! reported as lost add up to the messages sent.
//!
//! `IBWS_CONFLATION` sets the number of seeds; the default is 100,000 in release builds and 2,000
//! in debug builds. A failure names its seed, which repeats it:
//! `ibws_testkit::conflation::run_conflation(seed)`.

use ibws_testkit::conflation::run_conflation;
use ibws_testkit::tally::{Deliveries, setting, sum_seeds};

#[test]
#[expect(clippy::print_stdout, reason = "prints what the cases reached for a run with --nocapture")]
fn messages_delivered_merged_and_lost_add_up_to_those_sent() {
    let default = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
    let seeds = setting("IBWS_CONFLATION").unwrap_or(default);
    let mut report = sum_seeds(seeds, run_conflation);
    println!("{seeds} seeds: {report:?}");
    // The cases must reach these states, or they prove nothing.
    let Deliveries { merged, lost, gaps, .. } = report.deliveries;
    let each = seeds / 10;
    for reached in [merged, report.folded, lost, report.notices, gaps, report.whole] {
        assert!(reached > each, "{report:?}");
    }
    report.events /= seeds.max(1);
    assert!(report.events > 20, "{report:?}");
}
