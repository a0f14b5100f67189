//! Allocations for a frame, and bytes for a subscription, counted and not timed. Equal builds count
//! the same.

use std::alloc::System;
use std::io;

use bytes::Bytes;
use ibws_bench::{Figure, save};
use ibws_proto::queue::{EventFilter, Queue, QueueLimits, Queues};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "core/ready.rs"]
mod ready;
#[path = "core/samples.rs"]
mod samples;

use samples::{SAMPLES, Sample};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The frames of one round. All of them fit into a queue with default limits.
const FRAMES: u16 = 512;
/// The rounds before the counting, after which the buffers of the machine have their size.
const WARM: usize = 2;
/// The subscriptions of the large table.
const SUBSCRIPTIONS: u32 = 100_000;

fn main() -> io::Result<()> {
    let mut figures: Vec<Figure> = SAMPLES.iter().flat_map(allocations).collect();
    figures.push(figure("subscriptions", "each of 100,000", "", "bytes", bytes_of_a_subscription()));
    for figure in &figures {
        println!("{}, {}, {}: {} {}", figure.group, figure.name, figure.column, figure.median, figure.unit);
    }
    save("memory", &figures)
}

fn figure(group: &str, name: &str, column: &str, unit: &str, value: f64) -> Figure {
    let (group, name, column, unit) = (group.into(), name.into(), column.into(), unit.into());
    Figure { group, name, column, unit, median: value, range: (value, value) }
}

/// Counts what a frame allocates from its bytes to the end of its event: if it is consumed before
/// the next one is read, and if it waits in a queue with 511 others. The list of the queue grows
/// for them; that is no allocation of a frame.
fn allocations(sample: &Sample) -> [Figure; 2] {
    let raw = Bytes::from(sample.text.to_owned());
    let own = sample.subscription.map(|text| (text.to_owned(), raw.clone()));
    let mut machine = ready::machine(own);
    let mut queues = Queues::default();
    let id = queues.open(EventFilter::All, QueueLimits::default());
    let mut round = |waits: bool| {
        let region = Region::new(COUNTED);
        for _ in 0..FRAMES {
            queues.deliver(ready::event(&mut machine, raw.clone()), |_, _| {});
            if !waits {
                drop(queues.get_mut(id).and_then(Queue::pop).expect("an event"));
            }
        }
        let mut taken = 0;
        while queues.get_mut(id).and_then(Queue::pop).is_some() {
            taken += 1;
        }
        assert_eq!(taken, if waits { FRAMES } else { 0 }, "{}: the queue has room for all", sample.name);
        let change = region.change();
        // A list that doubles grows a few times, however many frames there are. Anything of a frame
        // would grow for each.
        let growths = usize::from(FRAMES).ilog2() as usize + 1;
        assert!(change.reallocations <= growths, "{}: {} growths of buffers", sample.name, change.reallocations);
        change.allocations as f64 / f64::from(FRAMES)
    };
    let mut counted = |column: &str, waits: bool| {
        for _ in 0..WARM {
            round(waits);
        }
        figure("allocations", sample.name, column, "allocations", round(waits))
    };
    [counted("consumed at once", false), counted("queued", true)]
}

/// Counts the bytes that a machine keeps for each of many active subscriptions.
fn bytes_of_a_subscription() -> f64 {
    let region = Region::new(COUNTED);
    let machine = ready::machine(ready::quotes(100_000, SUBSCRIPTIONS as usize));
    let change = region.change();
    assert_eq!(machine.status().subscriptions, SUBSCRIPTIONS as usize, "all are active");
    // Reallocated bytes are part of both counts.
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    kept as f64 / f64::from(SUBSCRIPTIONS)
}
