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
//! Each runs in a process of its own, whose peak is measured as well, and its gateway in another
//! one, so that all memory is that of the client. The runtimes have two threads each, and the
//! allocator is as it is by default. With `IBWS_BLESS=1` the table of the floods is written into
//! `docs/guarantees.md`:
//!
//! `IBWS_FLOOD_SECONDS=10 IBWS_BLESS=1 cargo test --release -p ibws-testkit --test bounded`
#![cfg(feature = "net")]

#[path = "bounded/gateway.rs"]
mod gateway;
#[path = "bounded/process.rs"]
mod process;
#[path = "bounded/table.rs"]
mod table;

use std::alloc::System;
use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gateway::Gateway;
use ibws_async_std::AsyncStdRuntime;
use ibws_proto::transport::{Limits, Runtime};
use ibws_testkit::conformance::memory::{Flood, unread};
use ibws_testkit::conformance::{Trace, floods, line, play, slow};
use ibws_tokio::TokioRuntime;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use table::{Figures, Row};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The limit in bytes for a client that reads, its gateway and everything else. Without bounds each
/// flood would cost more: 200,000 pongs 13 MB, as many events 30 MB, a message without end 650 MB,
/// and the slow consumer 10 MB a second.
const MAX_MEMORY: usize = 8 << 20;
/// The limit in bytes of a client of which nobody reads, with two messages as large as the limit on
/// top of it: its queues hold 12 MiB, and the rest is that of the connection.
const MAX_UNREAD: usize = 16 << 20;
/// The pause between two samples. A flood takes far longer, and a buffer that it fills stays full.
const SAMPLE_PAUSE: Duration = Duration::from_micros(500);
/// The variable that has a process of this test run one flood: the place of the flood, the limit of
/// a message, the adapter.
const CASE: &str = "IBWS_FLOOD_CASE";
/// How often a flood is measured whose peak is above the limit at first.
const TRIES: usize = 3;
const ADAPTERS: [&str; 2] = ["tokio", "async-std"];
/// The word before the figures in the output of such a process.
const FIGURES: &str = "figures:";

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
    env::var("IBWS_FLOOD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(default)
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// The only test of this file: the allocations of another, in parallel, would be counted as well.
#[test]
fn floods_cost_bounded_memory() {
    if let Ok(case) = env::var(gateway::CASE) {
        return gateway::serve(&case);
    }
    if let Ok(case) = env::var(CASE) {
        return one_flood(&case);
    }
    each_flood_costs_at_most_16_mib_and_two_messages_if_nobody_reads();
    read_floods_cost_bounded_memory();
}

/// Runs one flood and prints what it cost, in bytes: by the allocator, and by the process.
#[expect(clippy::print_stdout, reason = "the parent process reads the figures")]
fn one_flood(case: &str) {
    let mut words = case.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).expect("a number");
    let (flood, max_message) = (number(), number());
    let limits = Limits { max_message_size: max_message, max_frame_size: max_message, ..Limits::default() };
    let limits = (max_message != Limits::default().max_message_size).then_some(limits);
    let gateway = Gateway::start(flood, max_message, seconds(1));
    let (allocated, process) = match words.next() {
        Some("tokio") => {
            let runtime = tokio_runtime();
            cost(&TokioRuntime::with_handle(runtime.handle().clone()), &gateway, Flood::ALL[flood], limits)
        }
        _ => cost(&AsyncStdRuntime::new(), &gateway, Flood::ALL[flood], limits),
    };
    println!("\n{FIGURES} {allocated} {}", process.unwrap_or_default());
}

/// Returns the most bytes that a flood allocates, and the peak of the process above its start.
fn cost<R: Runtime + Clone>(
    runtime: &R,
    gateway: &Gateway,
    flood: Flood,
    limits: Option<Limits>,
) -> (usize, Option<usize>) {
    let client = |flood, limits| {
        play(runtime.clone(), true, |stage| unread(stage, gateway.at.clone(), flood, limits, gateway.wait()))
    };
    // A connection without a flood, so that the start includes the code of everything.
    client(Flood::Pings, limits.clone());
    let start = process::resident();
    process::reset_peak();
    let allocated = max_allocated(|| client(flood, limits));
    (allocated, process::peak().zip(start).map(|(peak, start)| peak.saturating_sub(start)))
}

/// Runs one flood in a process of its own, so that neither the memory of another flood nor what the
/// allocator kept of it is measured.
fn measured(flood: usize, max_message: usize, adapter: &str) -> Figures {
    let mut command = Command::new(env::current_exe().expect("the path of this test"));
    command.args(["--exact", "floods_cost_bounded_memory", "--nocapture"]);
    command.env(CASE, format!("{flood} {max_message} {adapter}"));
    // Two threads on every machine, as the runtime of tokio: each thread has an arena.
    command.env("ASYNC_STD_THREAD_COUNT", "2");
    let output = command.output().expect("a process of this test");
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| line.strip_prefix(FIGURES)).unwrap_or_else(|| {
        panic!("flood {flood} on {adapter} failed: {text}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    let mut figures = figures.split_whitespace().filter_map(|figure| figure.parse().ok());
    let allocated = figures.next().expect("the bytes of the allocator");
    Figures { allocated, process: figures.next().filter(|bytes| *bytes > 0) }
}

#[expect(clippy::print_stdout, reason = "prints the figures, for a run with --nocapture")]
fn each_flood_costs_at_most_16_mib_and_two_messages_if_nobody_reads() {
    let mut rows = Vec::new();
    for max_message in [Limits::default().max_message_size, 16 << 20] {
        for (number, flood) in Flood::ALL.into_iter().enumerate() {
            let limit = MAX_UNREAD + 2 * max_message;
            let figures = ADAPTERS.map(|adapter| {
                // What an arena keeps depends on when the task moved to another thread, and so on
                // what else runs on the machine. What the client holds does not.
                let mut tries = (0..TRIES).map(|_| measured(number, max_message, adapter));
                let first = tries.next().expect("a try");
                if first.max() <= limit {
                    first
                } else {
                    println!("{} bytes are above the limit of {limit}: measured again", first.max());
                    tries.min_by_key(Figures::max).unwrap_or(first)
                }
            });
            let row = Row { name: flood.name(), max_message, figures };
            println!("{}", row.to_line());
            rows.push(row);
        }
    }
    let is_too_much = |row: &&Row| row.max() > MAX_UNREAD + 2 * row.max_message;
    let failures: Vec<_> = rows.iter().filter(is_too_much).map(Row::to_line).collect();
    assert!(failures.is_empty(), "more than {MAX_UNREAD} bytes and two messages: {failures:#?}");
    table::check(&rows, seconds(1));
}

#[expect(clippy::print_stdout, reason = "prints the figures, for a run with --nocapture")]
fn read_floods_cost_bounded_memory() {
    let runtime = tokio_runtime();
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
