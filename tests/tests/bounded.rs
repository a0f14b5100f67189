//! What a hostile peer, or a lazy consumer, costs in memory: bounded, whatever is sent and however long.
//!
//! The lazy consumer takes one message a second of a flood of 20,000 a second, for 3 s in the ordinary run, on both
//! adapters over TLS. For 30 s, in real time:
//! `IBWS_FLOOD_SECONDS=30 cargo test --release -p ibws-testkit --test bounded -- --nocapture`
#![cfg(feature = "net")]

use std::alloc::System;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ibws_async_std::AsyncStdRuntime;
use ibws_testkit::conformance::{Trace, floods, line, play, slow};
use ibws_tokio::TokioRuntime;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Client, gateway and all. Unbounded, each flood would cost more: 200,000 answers to pings 13 MB, as many events 30 MB, a
/// message without end 650 MB; and three seconds of the slow consumer 10 MB a second, were its queues not bounded.
const MEMORY: usize = 8 << 20;
/// How often is looked. A flood takes far longer, and what it fills stays full.
const LOOK: Duration = Duration::from_micros(500);

fn held() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// The most that was held at any time while `act` ran, over what was held before.
fn most(act: impl FnOnce() -> Trace) -> usize {
    let (before, over) = (held(), AtomicBool::new(false));
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::SeqCst) {
                most = most.max(held());
                thread::park_timeout(LOOK);
            }
            most
        });
        act();
        over.store(true, Ordering::SeqCst);
        watch.join().expect("no panic").saturating_sub(before)
    })
}

/// One test in this file: others would run beside it and be counted.
#[test]
#[expect(clippy::print_stdout, reason = "the figures, for those who run it with --nocapture")]
fn floods_cost_bounded_memory() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let tokio = TokioRuntime::with_handle(runtime.handle().clone());
    let mut report = Vec::new();
    macro_rules! measured {
        ($($module:ident :: $story:ident),* $(,)?) => {$(
            for tls in [false, true] {
                let on_tokio = most(|| play(tokio.clone(), tls, $module::$story));
                let on_async_std = most(|| play(AsyncStdRuntime::new(), tls, $module::$story));
                report.push((stringify!($story), tls, on_tokio, on_async_std));
            }
        )*};
    }
    measured!(
        floods::pings_without_reading,
        floods::pongs,
        floods::empty_frames,
        floods::empty_fragments,
        floods::endless_message,
        line::a_peer_that_does_not_read_is_disconnected_in_the_end,
    );
    let seconds = std::env::var("IBWS_FLOOD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(3);
    let on_tokio = most(|| play(tokio.clone(), true, move |stage| slow::consumer(stage, seconds)));
    let on_async_std = most(|| play(AsyncStdRuntime::new(), true, move |stage| slow::consumer(stage, seconds)));
    report.push(("consumer", true, on_tokio, on_async_std));
    println!("{seconds} s of a slow consumer; the most that was held: {report:?}");
    let worst = report.iter().map(|(_, _, one, other)| one.max(other)).max();
    assert!(worst.is_some_and(|worst| *worst < MEMORY), "bytes on tokio and on async-std: {report:#?}");
}
