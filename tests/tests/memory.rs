//! The memory that a subscription costs: at most 1 KiB.

use std::alloc::System;

use ibws_proto::{Command, Config, ConnId, Input, Instant, Machine, Subscribe};
use ibws_testkit::frames::{AUTHENTICATED, SUCCESS};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The only test of this file: the allocations of another, in parallel, would be counted as well.
#[test]
#[expect(clippy::print_stdout, reason = "prints the figure, for a run with --nocapture")]
fn subscription_costs_at_most_1_kib() {
    let now = Instant::ORIGIN;
    for count in [1_000_usize, 100_000] {
        let config = Config { max_lines: usize::MAX, resubscribe_burst: usize::MAX, ..Config::default() };
        let mut machine = Machine::new(config, now);
        machine.submit(now, Command::Start);
        machine.handle(now, Input::Opened(ConnId(1)));
        for frame in [SUCCESS, AUTHENTICATED] {
            machine.handle(now, Input::Frame(ConnId(1), frame.into()));
        }
        while machine.poll().is_some() {}
        let region = Region::new(COUNTED);
        for n in 0..count {
            let text = format!(r#"md+{}+{{"fields":["31","84","86"]}}"#, 100_000 + n);
            machine.submit(now, Command::Subscribe(Subscribe::parse(&text).unwrap()));
            let frame = format!(r#"{{"topic":"smd+{}","31":"1.00"}}"#, 100_000 + n);
            machine.handle(now, Input::Frame(ConnId(1), frame.into()));
            while machine.poll().is_some() {}
        }
        let change = region.change();
        // Reallocated bytes are part of both counts.
        let kept = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
        let each = kept / count as i64;
        println!("{count} active subscriptions: {each} bytes each");
        assert_eq!(machine.status().subscriptions, count);
        // The request and its arguments alone have more than 100 bytes. Fewer would mean that
        // nothing was measured.
        assert!((100..=1_024).contains(&each), "{each} bytes a subscription");
    }
}
