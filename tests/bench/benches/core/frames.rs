//! Each kind of frame through each stage, and through what a program would read it with instead,
//! all in one group.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use ibws_proto::queue::{EventFilter, Item, Queue, QueueLimits, Queues};
use ibws_proto::{Event, Frame, Machine};

use crate::read::Folds;
use crate::samples::{SAMPLES, Sample};
use crate::{baselines, read, ready};

/// The subscriptions of the larger machine.
const MANY: usize = 10_000;
/// The contract of the first of the other subscriptions.
const OTHERS: usize = 1_000_000;

/// Returns a machine with this many subscriptions, of which one receives the frame.
fn machine(sample: &Sample, count: usize) -> Machine {
    let own = sample.subscription.map(|text| (text.to_owned(), Bytes::from_static(sample.text.as_bytes())));
    let others = count - usize::from(own.is_some());
    let mut machine = ready::machine(own.into_iter().chain(ready::quotes(OTHERS, others)));
    let Event::Message(message) = ready::event(&mut machine, Bytes::from_static(sample.text.as_bytes())) else {
        panic!("no message")
    };
    assert_eq!(message.subscription.is_some(), sample.subscription.is_some(), "{}: how it is routed", sample.name);
    machine
}

/// Measures all kinds.
pub(crate) fn frames(criterion: &mut Criterion) {
    SAMPLES.iter().for_each(|sample| frame(criterion, sample));
}

fn frame(criterion: &mut Criterion, sample: &Sample) {
    // A clone is a reference count, as it is for the frames in a socket's buffer.
    let raw = Bytes::from(sample.text.to_owned());
    let mut group = criterion.benchmark_group(sample.name);
    group.throughput(Throughput::Bytes(raw.len() as u64));

    group.bench_function("serde_json, one pass", |b| b.iter(|| baselines::serde_pass(black_box(&raw))));
    group.bench_function("scan", |b| b.iter(|| Frame::decode(black_box(&raw).clone())));
    for (name, count) in [("to event, 1 subscription", 1), ("to event, 10,000 subscriptions", MANY)] {
        let mut machine = machine(sample, count);
        group.bench_function(name, |b| b.iter(|| ready::event(&mut machine, black_box(&raw).clone())));
    }
    group.bench_function("sonic-rs, one pass", |b| b.iter(|| baselines::sonic_pass(black_box(&raw))));
    group.bench_function("scan and every field", |b| {
        b.iter(|| read::fields::<false>(&Frame::decode(black_box(&raw).clone()).expect("a frame")));
    });
    group.bench_function("scan and every field, as f64", |b| {
        b.iter(|| read::fields::<true>(&Frame::decode(black_box(&raw).clone()).expect("a frame")));
    });
    group.bench_function("serde_json, one pass over a str", |b| {
        b.iter(|| baselines::serde_pass_of_text(black_box(sample.text)));
    });
    group.bench_function("serde_json, Value", |b| b.iter(|| baselines::serde_value(black_box(&raw))));
    group.bench_function("sonic-rs, Value", |b| b.iter(|| baselines::sonic_value(black_box(&raw))));

    let (mut folds, decoded) = (Folds::default(), Frame::decode(raw.clone()).expect("a frame"));
    if folds.apply(&decoded) {
        group.bench_function("fold", |b| b.iter(|| assert!(folds.apply(black_box(&decoded)))));
    }

    let mut machine = machine(sample, 1);
    let mut queues = Queues::default();
    let id = queues.open(EventFilter::All, QueueLimits::default());
    let mut through = |event| {
        queues.deliver(event, |_, _| {});
        match queues.get_mut(id).and_then(Queue::pop) {
            Some(Item::Event(event)) => event,
            other => panic!("no event but {other:?}"),
        }
    };
    // The same event goes round, so that neither a copy nor its end is measured.
    let mut event = Some(ready::event(&mut machine, raw.clone()));
    group.bench_function("queue", |b| b.iter(|| event = event.take().map(&mut through)));
    group.bench_function("whole core", |b| {
        b.iter(|| {
            let event = through(ready::event(&mut machine, black_box(&raw).clone()));
            let Event::Message(message) = &event else { panic!("no message") };
            read::fields::<false>(&message.frame);
        });
    });
    group.finish();
}
