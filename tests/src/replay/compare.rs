//! Replays a run in other ways and compares the outputs.

use core::fmt::Write as _;

use ibws_proto::{Config, Input, Instant, Machine};

use super::{Step, Taken, digest};

fn put(machine: &mut Machine, at: Instant, step: &Step) {
    match step {
        Step::Input(input) => machine.handle(at, input.clone()),
        Step::Command(command) => drop(machine.submit(at, command.clone())),
    }
}

struct Drain {
    digests: Vec<u64>,
    text: String,
}

impl Drain {
    fn new(most: usize) -> Self {
        Self { digests: Vec::with_capacity(most), text: String::new() }
    }

    fn some(&mut self, machine: &mut Machine, most: usize) {
        for output in std::iter::from_fn(|| machine.poll()).take(most) {
            self.text.clear();
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{output:?}");
            self.digests.push(digest(&self.text));
        }
    }
}

/// Compares the replays with the first run.
pub(super) fn compare(config: &Config, start: Instant, taken: &[Taken], first: &[u64]) -> Result<(), String> {
    let mut highest = start;
    let clamped: Vec<_> = taken
        .iter()
        .map(|step| {
            highest = highest.max(step.at);
            highest
        })
        .collect();

    // The first replay polls a few outputs now and then, and the rest at the end.
    let mut lazy = Machine::new(config.clone(), start);
    let mut drain = Drain::new(first.len());
    for (n, step) in taken.iter().enumerate() {
        put(&mut lazy, step.at, &step.step);
        drain.some(&mut lazy, [0, 0, 3, 0, 1][n % 5]);
    }
    drain.some(&mut lazy, usize::MAX);
    differ("replay that polls now and then", first, &drain.digests)?;

    // The second replay clamps backward time, replaces stale inputs by ticks, and adds ticks at
    // handled instants.
    let mut other = Machine::new(config.clone(), start);
    let mut drain = Drain::new(first.len());
    for (step, at) in taken.iter().zip(clamped) {
        if step.stale {
            other.handle(at, Input::Tick);
        } else {
            put(&mut other, at, &step.step);
        }
        other.handle(at, Input::Tick);
        drain.some(&mut other, usize::MAX);
    }
    differ("replay with clamped times, without stale inputs, with additional ticks", first, &drain.digests)
}

fn differ(what: &str, first: &[u64], other: &[u64]) -> Result<(), String> {
    if first == other {
        return Ok(());
    }
    let at = first.iter().zip(other).position(|(a, b)| a != b).unwrap_or(first.len().min(other.len()));
    Err(format!("{what}: output {at} of {} differs ({} outputs in the replay)", first.len(), other.len()))
}
