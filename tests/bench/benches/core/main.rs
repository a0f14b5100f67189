//! The core, in process: each kind of frame through each stage beside what a program would read it
//! with instead, and the cost of a frame and a tick by the number of subscriptions.

mod baselines;
mod frames;
mod read;
mod ready;
mod samples;
mod subscriptions;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Short measurements, so that what is compared is measured within seconds of each other.
fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(60)
}

criterion_group! {
    name = core;
    config = settings();
    targets = frames::frames, subscriptions::subscriptions
}
criterion_main!(core);
