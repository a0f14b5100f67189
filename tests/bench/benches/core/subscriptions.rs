//! A frame and a tick with 10, 1,000 and 100,000 subscriptions. Frames of ten keys show the cost of
//! the work, frames of random keys add the cost of cache misses.

use bytes::Bytes;
use criterion::Criterion;
use ibws_proto::{Event, Input, Machine};

use crate::ready::{self, NOW};

const COUNTS: [(usize, &str); 3] = [(10, "10"), (1_000, "1,000"), (100_000, "100,000")];
/// The contract of the first subscription.
const FIRST: usize = 100_000;
/// The number of frames with random keys.
const RANDOM: usize = 4_096;

/// Returns a delta of three fields, like most frames of market data.
fn delta(conid: usize) -> Bytes {
    format!(
        r#"{{"server_id":"q2","conidEx":"{conid}","conid":{conid},"_updated":1790000000143,"6119":"q2","31":"181.27","84":"181.20","86":"181.31","topic":"smd+{conid}"}}"#
    )
    .into()
}

fn machine(count: usize) -> Machine {
    ready::machine(ready::quotes(FIRST, count))
}

/// Measures all of them.
pub(crate) fn subscriptions(criterion: &mut Criterion) {
    // The keys are spread over the table, as those of active contracts are.
    frames(criterion, "hot keys", |count| (0..10).map(|n| n * (count / 10)).collect());
    frames(criterion, "random keys", |count| {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0) % count
        };
        (0..RANDOM).map(|_| next()).collect()
    });
    nothing_due(criterion);
}

/// Measures frames from their bytes to their events.
fn frames(criterion: &mut Criterion, name: &str, keys: impl Fn(usize) -> Vec<usize>) {
    let mut group = criterion.benchmark_group(name);
    for (count, column) in COUNTS {
        let mut machine = machine(count);
        let frames: Vec<Bytes> = keys(count).into_iter().map(|key| delta(FIRST + key)).collect();
        let mut frames = frames.iter().cycle();
        group.bench_function(column, |b| {
            b.iter(|| {
                let event = ready::event(&mut machine, frames.next().expect("a cycle").clone());
                assert!(matches!(&event, Event::Message(message) if message.subscription.is_some()));
            });
        });
    }
    group.finish();
}

fn nothing_due(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick, nothing due");
    for (count, column) in COUNTS {
        let mut machine = machine(count);
        group.bench_function(column, |b| {
            b.iter(|| {
                machine.handle(NOW, Input::Tick);
                assert!(machine.poll().is_none());
            });
        });
    }
    group.finish();
}
