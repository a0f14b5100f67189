//! The ledger: sent = delivered + merged + told as lost, exactly, under faults.
//!
//! `IBWS_ACCOUNTING` sets the number of seeds; the default is 1,000 in release builds and 20 in debug builds. Ten thousand:
//!
//! ```text
//! IBWS_ACCOUNTING=10000 cargo test --release -p ibws-testkit --test accounting -- --nocapture
//! ```
//!
//! A failure names its seed, which repeats it: `ibws_testkit::accounting::run_accounting(seed)`.

use std::time::Instant;

use ibws_testkit::accounting::{MESSAGES, Report, run_accounting};

#[test]
#[expect(clippy::print_stdout, reason = "what became of the messages, for those who run it with --nocapture")]
fn every_number_is_delivered_merged_or_told_as_lost() {
    let default = if cfg!(debug_assertions) { 20 } else { 1_000 };
    let seeds: u64 = std::env::var("IBWS_ACCOUNTING").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default);
    let began = Instant::now();
    let half = |from: u64| {
        let mut report = Report::default();
        for seed in (from..seeds).step_by(2) {
            report.add(&run_accounting(seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
        }
        report
    };
    let report = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut report = half(0);
        report.add(&other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        report
    });
    println!("{seeds} seeds of {MESSAGES} messages in {:?}: {report:?}", began.elapsed());
    let Report { said, delivered, merged, lost, cut, gaps } = report;
    assert_eq!(said, delivered + merged + lost + cut);
    assert!(said > seeds * MESSAGES);
    // A ledger in which nothing happens proves nothing.
    for happened in [delivered, merged, lost, cut, gaps] {
        assert!(happened > seeds * 5, "{report:?}");
    }
}
