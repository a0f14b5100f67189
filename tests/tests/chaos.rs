//! Chaos runs: the machine and the simulated gateway under faults from a seed, as
//! `ibws_testkit::chaos` describes.
//!
//! `cargo test --release -p ibws-testkit --test chaos -- --nocapture` takes from the environment:
//!
//! * `IBWS_CHAOS`: how many seeds; 1,000 by default (60 in debug builds);
//! * `IBWS_MINUTES`: for how long instead, on as many seeds as that takes;
//! * `IBWS_SEED`: the first seed; 0 by default;
//! * `IBWS_THREADS`: on how many threads; 1 by default.
//!
//! The test prints a summary: runs, steps, faults of each kind, failures. A seed that fails prints
//! its timeline and a test.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ibws_testkit::chaos::{Broken, Report, STEPS, faults, run_chaos};
use ibws_testkit::tally::{Reach, Tally as _, setting};

/// The run ends after this many failures.
const MOST_FAILURES: usize = 5;

#[test]
#[expect(clippy::print_stdout, reason = "prints the summary for a run with --nocapture")]
fn no_chaos_run_breaks_an_invariant() {
    let first = setting("IBWS_SEED").unwrap_or(0);
    let minutes = setting("IBWS_MINUTES");
    let seeds = setting("IBWS_CHAOS").or(minutes.map(|_| u64::MAX >> 1));
    let seeds = seeds.unwrap_or(if cfg!(debug_assertions) { 60 } else { 1_000 });
    let began = Instant::now();
    let is_over = || minutes.is_some_and(|minutes| began.elapsed() > Duration::from_secs(minutes * 60));
    let next = AtomicU64::new(first);
    let all: Mutex<(Report, Vec<Box<Broken>>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..setting("IBWS_THREADS").unwrap_or(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || is_over() || all.lock().unwrap().1.len() >= MOST_FAILURES {
                        return;
                    }
                    let outcome = run_chaos(seed);
                    let mut all = all.lock().unwrap();
                    match outcome {
                        Ok(report) => all.0.add(&report),
                        Err(broken) => {
                            let reach = Reach { runs: 1, ..Reach::default() };
                            all.0.add(&Report { reach, failures: vec![seed], ..Report::default() });
                            all.1.push(broken);
                        }
                    }
                }
            });
        }
    });
    let (report, broken) = all.into_inner().unwrap();
    println!("{report}, in {:.1} s", began.elapsed().as_secs_f64());
    let failures: String = broken.iter().map(|broken| format!("{broken}\n")).collect();
    assert!(broken.is_empty(), "{failures}\n{report}");
    // The runs must reach these states, or they prove nothing. A run of a few chosen seeds need
    // not.
    if report.reach.runs < 60 {
        return;
    }
    let reach = &report.reach;
    assert!(reach.steps >= reach.runs * STEPS as u64, "{report}");
    assert!(reach.ready * 4 > reach.runs * 3, "{report}");
    assert!(reach.confirmed * 2 > reach.runs, "{report}");
    assert!(reach.resumed * 4 > reach.runs, "{report}");
    let missing: Vec<_> = faults().filter(|fault| !report.faults.contains_key(&fault.number)).collect();
    let missing: Vec<_> = missing.iter().map(|fault| fault.name).collect();
    assert!(missing.is_empty(), "never injected: {missing:?}");
}
