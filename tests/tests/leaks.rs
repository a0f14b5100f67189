//! A thousand clients, opened and closed: no task, timer, dial, file descriptor or memory remains.
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
/// The limit in bytes for what remains of a thousand clients in caches of allocators and runtimes,
/// less than 100 bytes each.
const MAX_MEMORY: usize = 96 * 1024;
/// The longest that a dropped task may take to end.
const MAX_WAIT: Duration = Duration::from_secs(20);

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Waits until `remaining` returns `None`, and fails with its text if that takes too long.
fn wait_until_none(mut remaining: impl FnMut() -> Option<String>) {
    let began = Instant::now();
    while let Some(remaining) = remaining() {
        assert!(began.elapsed() < MAX_WAIT, "{remaining} remaining");
        std::thread::yield_now();
    }
}

fn assert_nothing_remains<R: Runtime + Clone>(runtime: R, name: &str) {
    let runtime = Counted::new(runtime);
    let alive = || (runtime.alive() != [0; 3]).then(|| format!("{name}: {:?} tasks, timers, dials", runtime.alive()));
    // The first clients create what stays: threads and buffers of the runtime.
    for tls in [false, true] {
        play(runtime.clone(), tls, |stage| open_and_close(stage, 50));
    }
    wait_until_none(alive);
    let files = open_files();
    let region = Region::new(COUNTED);
    for tls in [false, true] {
        play(runtime.clone(), tls, |stage| open_and_close(stage, CYCLES / 2));
        wait_until_none(alive);
        wait_until_none(|| {
            Some(open_files()).filter(|now| *now > files).map(|now| format!("{name}: {files}, now {now} files"))
        });
    }
    let change = region.change();
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    assert!(kept < MAX_MEMORY, "{name}: {kept} bytes remaining");
}

/// The only test of this file: the allocations of another, in parallel, would be counted as well.
#[test]
fn nothing_remains_of_a_thousand_closed_clients() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    assert_nothing_remains(TokioRuntime::with_handle(tokio.handle().clone()), "tokio");
    wait_until_none(|| {
        Some(tokio.metrics().num_alive_tasks()).filter(|tasks| *tasks > 0).map(|tasks| format!("{tasks} tasks"))
    });
    assert_nothing_remains(AsyncStdRuntime::new(), "async-std");
}
