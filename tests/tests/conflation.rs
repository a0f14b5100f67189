//! Queues against their reference model: what a slow consumer is told adds up to what was sent.
//!
//! `IBWS_CONFLATION` sets the number of seeds; the default is 100,000 in release builds and 2,000 in debug builds. A
//! failure names its seed, which repeats it: `ibws_testkit::conflation::run_conflation(seed)`.

use ibws_testkit::conflation::{Reach, run_conflation};

#[test]
#[expect(clippy::print_stdout, reason = "what the cases reached, for those who run them with --nocapture")]
fn what_a_slow_consumer_is_told_adds_up_to_what_was_sent() {
    let default = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
    let seeds: u64 = std::env::var("IBWS_CONFLATION").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default);
    let half = |from: u64| {
        let mut reach = Reach::default();
        for seed in (from..seeds).step_by(2) {
            reach.add(&run_conflation(seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
        }
        reach
    };
    let mut reach = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut reach = half(0);
        reach.add(&other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        reach
    });
    println!("{seeds} seeds: {reach:?}");
    // Cases that reach nothing prove nothing.
    let each = seeds / 10;
    for reached in [reach.merged, reach.folded, reach.lost, reach.notices, reach.gaps, reach.whole] {
        assert!(reached > each, "{reach:?}");
    }
    reach.put_in /= seeds.max(1);
    assert!(reach.put_in > 20, "{reach:?}");
}
