//! What a queue counts is what it holds, measured with a counting allocator; merging wide frames
//! takes little more than linear time; and what a machine remembers of orders and executions is
//! bounded.

use std::alloc::System;
use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use ibws_proto::queue::{EventFilter, QueueId, QueueLimits, Queues};
use ibws_proto::{Command, Config, ConnId, Event, Input, Instant, Machine, Output, Subscribe};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are not part of any event: the buffers of the machine, and the counts of losses.
const FIXED: usize = 64 * 1024;
/// The limit in bytes of what a machine remembers of orders and executions.
const MAX_REMEMBERED: usize = 5 << 19;
/// No limit.
const ANY: usize = usize::MAX;

fn allocated() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// A ready machine, and one queue of all its events.
struct Rig {
    machine: Machine,
    queues: Queues,
    id: QueueId,
}

impl Rig {
    fn new(limits: QueueLimits) -> Self {
        let now = Instant::ORIGIN;
        let mut machine = Machine::new(Config { max_lines: ANY, ..Config::default() }, now);
        machine.submit(now, Command::Start);
        machine.handle(now, Input::Opened(ConnId(1)));
        for text in [r#"{"topic":"system","success":"user12345"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#]
        {
            machine.handle(now, Input::Frame(ConnId(1), text.into()));
        }
        // Orders are not subscribed to: the machine would remember what it delivers of them.
        for text in ["tr", "md+1+{}"] {
            machine.submit(now, Command::Subscribe(Subscribe::parse(text).expect("a channel")));
        }
        while machine.poll().is_some() {}
        let mut queues = Queues::default();
        let id = queues.open(EventFilter::All, limits);
        Self { machine, queues, id }
    }

    fn receive(&mut self, bytes: Bytes) {
        self.machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), bytes));
        while let Some(output) = self.machine.poll() {
            if let Output::Event(event @ Event::Message(_)) = output {
                self.queues.deliver(event, |_, _| {});
            }
        }
    }

    /// Returns the bytes that the queue counts.
    fn counted(&self) -> usize {
        self.queues.get(self.id).expect("open").bytes()
    }
}

/// Numbers below `count` in an order without a pattern.
fn scattered(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| n * 7_919 % count)
}

fn orders(number: u64) -> String {
    let row = format!(
        r#"{{"acct":"DU1234567","orderId":{number},"ticker":"AAPL","status":"Submitted","side":"BUY","filledQuantity":0.0}}"#
    );
    format!(r#"{{"topic":"sor","args":[{row}]}}"#)
}

fn trades(number: u64) -> String {
    format!(
        r#"{{"topic":"str","args":[{{"execution_id":"0000e0d5.{number:08x}.01.01","symbol":"AAPL","side":"B","size":5.0,"price":"192.26"}}]}}"#
    )
}

/// Puts messages into a queue, and compares what it counts with what was allocated. Returns the
/// failure.
fn compare(name: &str, events: usize, is_exact: bool, messages: impl Iterator<Item = Bytes>) -> Option<String> {
    let mut rig = Rig::new(QueueLimits { events, bytes: ANY });
    let before = allocated();
    messages.for_each(|bytes| rig.receive(bytes));
    let (held, counted) = (allocated().saturating_sub(before), rig.counted());
    let too_little = held > counted + counted / 10 + FIXED;
    // The counting allocator does not see what an allocator takes for itself, which is counted.
    let too_much = is_exact && held + FIXED < counted - counted / 4;
    (too_little || too_much).then(|| format!("{name}: {held} bytes held, {counted} counted"))
}

fn what_a_queue_counts_is_what_it_holds() {
    let weather = |n: u64| format!(r#"{{"topic":"weather","number":{n}}}"#);
    // Each message is cut from a buffer of its own that is far larger.
    let cut = |n: u64| {
        let mut buffer = weather(n).into_bytes();
        let length = buffer.len();
        buffer.resize(50_000, b' ');
        Bytes::from(buffer).slice(..length)
    };
    let quote = |n: u64| format!(r#"{{"topic":"smd+{}","31":"{n}.50","84":"{n}.25","_updated":{n}}}"#, n % 500);
    let failures: Vec<_> = [
        compare("small messages", ANY, false, (0..1_000).map(|n| weather(n).into())),
        compare("small messages of large buffers", ANY, false, (0..1_000).map(cut)),
        compare("orders, ascending", 2, true, (0..20_000).map(|n| orders(n).into())),
        compare("orders, scattered", 2, true, scattered(20_000).map(|n| orders(n).into())),
        compare("orders, changed", 2, true, (0..40_000).map(|n| orders(n % 20_000).into())),
        compare("executions", 2, true, (0..20_000).map(|n| trades(n).into())),
        compare("executions, scattered", 2, true, scattered(20_000).map(|n| trades(n).into())),
        compare("merged quotes", 600, false, (0..20_000).map(|n| quote(n).into())),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Returns the shortest of several times of merging a hundred frames of `members` members.
fn merging(members: u64) -> Duration {
    let frame = |first: u64| {
        let fields: Vec<_> = (first..first + members).map(|field| format!("\"{}\":\"1.5\"", 1_000 + field)).collect();
        format!(r#"{{"topic":"smd+1",{}}}"#, fields.join(","))
    };
    let frames = [Bytes::from(frame(0)), Bytes::from(frame(2))];
    let mut rig = Rig::new(QueueLimits { events: 1, bytes: ANY });
    let mut once = || {
        let began = Clock::now();
        (0..50).for_each(|_| frames.iter().for_each(|frame| rig.receive(frame.clone())));
        began.elapsed()
    };
    (0..10).map(|_| once()).min().unwrap_or_default()
}

fn wide_frames_merge_in_little_more_than_linear_time() {
    let (narrow, wide) = (merging(20), merging(240));
    assert!(wide < narrow * 30, "frames with twelve times the members take {narrow:?} and {wide:?}");
}

/// A machine that is subscribed to orders remembers the latest 10,000 orders and 50,000 executions
/// at most, in a few bytes each.
fn what_a_machine_remembers_is_bounded() {
    let mut rig = Rig::new(QueueLimits::default());
    rig.machine.submit(Instant::ORIGIN, Command::Subscribe(Subscribe::parse("or").expect("a channel")));
    let before = allocated();
    let mut most = 0;
    for first in (0..120_000_u64).step_by(40) {
        let order = |n: u64| format!(r#"{{"orderId":{n},"status":"Submitted","price":"1.5"}}"#);
        let trade = |n: u64| format!(r#"{{"execution_id":"0000e0d5.{n:08x}.01.01"}}"#);
        let orders: Vec<_> = (first..first + 40).map(order).collect();
        let trades: Vec<_> = (first..first + 40).map(trade).collect();
        for (topic, rows) in [("sor", orders), ("str", trades)] {
            let text = format!(r#"{{"topic":"{topic}","args":[{}]}}"#, rows.join(","));
            rig.machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), text.into()));
        }
        while rig.machine.poll().is_some() {}
        most = most.max(allocated().saturating_sub(before));
    }
    assert!(most > 256 * 1024 && most < MAX_REMEMBERED, "{most} bytes for orders and executions");
}

/// The only test of this file: the allocations of another, in parallel, would be counted as well.
#[test]
fn a_queue_counts_what_it_holds_and_merges_wide_frames_fast() {
    what_a_queue_counts_is_what_it_holds();
    wide_frames_merge_in_little_more_than_linear_time();
    what_a_machine_remembers_is_bounded();
}
