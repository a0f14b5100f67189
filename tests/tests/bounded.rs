//! The memory that a hostile peer or a slow consumer costs. It is bounded, whatever is sent and for
//! however long.
//!
//! The slow consumer takes one message a second of a flood of 20,000 a second, for 3 s by default,
//! on both adapters over TLS. `IBWS_FLOOD_SECONDS` sets the length, in real time:
//!
//! `IBWS_FLOOD_SECONDS=30 cargo test --release -p ibws-testkit --test bounded -- --nocapture`
//!
//! The floods of a client of which nobody reads run with default settings, and again with a message
//! limit of 16 MiB, for a second each by default and as long as `IBWS_FLOOD_SECONDS` otherwise.
#![cfg(feature = "net")]

use std::alloc::System;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ibws_async_std::AsyncStdRuntime;
use ibws_proto::transport::Limits;
use ibws_testkit::conformance::memory::{Flood, unread};
use ibws_testkit::conformance::{Trace, floods, line, play, slow};
use ibws_tokio::TokioRuntime;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The limit in bytes for the client, the gateway and everything else. Without bounds each flood
/// would cost more: 200,000 pongs 13 MB, as many events 30 MB, a message without end 650 MB, and
/// the slow consumer 10 MB a second.
const MAX_MEMORY: usize = 8 << 20;
/// The limit in bytes of a client of which nobody reads, with two messages as large as the limit on
/// top of it: its queues hold 12 MiB, and the rest is that of the connection.
const MAX_UNREAD: usize = 16 << 20;
/// The pause between two samples. A flood takes far longer, and a buffer that it fills stays full.
const SAMPLE_PAUSE: Duration = Duration::from_micros(500);

/// Returns the number of bytes that are allocated now.
fn allocated() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Returns the largest number of bytes allocated while `act` runs, less those allocated before.
fn max_allocated(act: impl FnOnce() -> Trace) -> usize {
    let (before, is_over) = (allocated(), AtomicBool::new(false));
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut max = 0;
            while !is_over.load(Ordering::SeqCst) {
                max = max.max(allocated());
                thread::park_timeout(SAMPLE_PAUSE);
            }
            max
        });
        act();
        is_over.store(true, Ordering::SeqCst);
        sampler.join().expect("no panic").saturating_sub(before)
    })
}

/// Returns the length of a flood in seconds.
fn seconds(default: u64) -> u64 {
    std::env::var("IBWS_FLOOD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(default)
}

/// The only test of this file: the allocations of another, in parallel, would be counted as well.
#[test]
fn floods_cost_bounded_memory() {
    each_flood_costs_at_most_16_mib_and_two_messages_if_nobody_reads();
    read_floods_cost_bounded_memory();
}

#[expect(clippy::print_stdout, reason = "prints the figures, for a run with --nocapture")]
fn each_flood_costs_at_most_16_mib_and_two_messages_if_nobody_reads() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let tokio = TokioRuntime::with_handle(runtime.handle().clone());
    let raised = Limits { max_message_size: 16 << 20, max_frame_size: 16 << 20, ..Limits::default() };
    let seconds = seconds(1);
    let mut failures = Vec::new();
    for limits in [None, Some(raised)] {
        let max_message = limits.clone().unwrap_or_default().max_message_size;
        for flood in Flood::ALL {
            let payload = flood.payload(max_message);
            let story = |stage| unread(stage, flood, payload.clone(), limits.clone(), seconds);
            let on_tokio = max_allocated(|| play(tokio.clone(), true, story));
            let on_async_std = max_allocated(|| {
                play(AsyncStdRuntime::new(), true, |stage| {
                    unread(stage, flood, payload.clone(), limits.clone(), seconds)
                })
            });
            let figures =
                format!("{flood:?}, messages to {max_message}: {on_tokio} on tokio, {on_async_std} on async-std");
            println!("{figures}");
            if on_tokio.max(on_async_std) > MAX_UNREAD + 2 * max_message {
                failures.push(figures);
            }
        }
    }
    assert!(failures.is_empty(), "more than {MAX_UNREAD} bytes and two messages: {failures:#?}");
}

#[expect(clippy::print_stdout, reason = "prints the figures, for a run with --nocapture")]
fn read_floods_cost_bounded_memory() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let tokio = TokioRuntime::with_handle(runtime.handle().clone());
    let mut report = Vec::new();
    macro_rules! measured {
        ($($module:ident :: $story:ident),* $(,)?) => {$(
            for tls in [false, true] {
                let on_tokio = max_allocated(|| play(tokio.clone(), tls, $module::$story));
                let on_async_std = max_allocated(|| play(AsyncStdRuntime::new(), tls, $module::$story));
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
    let seconds = seconds(3);
    let on_tokio = max_allocated(|| play(tokio.clone(), true, move |stage| slow::consumer(stage, seconds)));
    let on_async_std =
        max_allocated(|| play(AsyncStdRuntime::new(), true, move |stage| slow::consumer(stage, seconds)));
    report.push(("consumer", true, on_tokio, on_async_std));
    println!("{seconds} s of a slow consumer; the most that was allocated: {report:?}");
    let worst = report.iter().map(|(_, _, one, other)| one.max(other)).max();
    assert!(worst.is_some_and(|worst| *worst < MAX_MEMORY), "bytes on tokio and on async-std: {report:#?}");
}
