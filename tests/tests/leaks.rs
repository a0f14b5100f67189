//! A thousand clients opened and closed: no task, timer, dial, file descriptor or memory stays behind.
#![cfg(feature = "net")]

use std::alloc::System;
use std::time::{Duration, Instant};

use ibws_async_std::AsyncStdRuntime;
use ibws_proto::transport::Runtime;
use ibws_testkit::conformance::cycles::{Counted, open_and_close};
use ibws_testkit::conformance::play;
use ibws_tokio::TokioRuntime;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CYCLES: usize = 1_000;
/// What a thousand clients may leave in caches of allocators and runtimes: far less than 100 bytes each.
const MEMORY: usize = 96 * 1024;
/// Tasks that were told to end are given so long to do it.
const PATIENCE: Duration = Duration::from_secs(20);

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Waits until what was dropped has ended; says what has not.
fn settled(mut left: impl FnMut() -> Option<String>) {
    let began = Instant::now();
    while let Some(left) = left() {
        assert!(began.elapsed() < PATIENCE, "{left} left behind");
        std::thread::yield_now();
    }
}

fn nothing_stays_behind<R: Runtime + Clone>(runtime: R, name: &str) {
    let runtime = Counted::new(runtime);
    let alive = || (runtime.alive() != [0; 3]).then(|| format!("{name}: {:?} tasks, timers, dials", runtime.alive()));
    // What is made once, and stays: threads, buffers of the runtime.
    for tls in [false, true] {
        play(runtime.clone(), tls, |stage| open_and_close(stage, 50));
    }
    settled(alive);
    let files = open_files();
    let region = Region::new(COUNTED);
    for tls in [false, true] {
        play(runtime.clone(), tls, |stage| open_and_close(stage, CYCLES / 2));
        settled(alive);
        settled(|| {
            Some(open_files()).filter(|now| *now > files).map(|now| format!("{name}: {files}, now {now} files"))
        });
    }
    let change = region.change();
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    assert!(kept < MEMORY, "{name}: {kept} bytes left behind");
}

/// One test in this file: others would run beside it and be counted.
#[test]
fn a_thousand_clients_leave_nothing_behind() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    nothing_stays_behind(TokioRuntime::with_handle(tokio.handle().clone()), "tokio");
    settled(|| {
        Some(tokio.metrics().num_alive_tasks()).filter(|tasks| *tasks > 0).map(|tasks| format!("{tasks} tasks"))
    });
    nothing_stays_behind(AsyncStdRuntime::new(), "async-std");
}
