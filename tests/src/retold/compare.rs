//! The same walk told differently must come out the same.

use core::fmt::{self, Write as _};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;

use ibws_proto::{Config, Input, Instant, Machine, Output};

use super::step::Step;

/// A step that was taken, when, and whether the machine counted it as stale.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) at: Instant,
    pub(super) step: Step,
    pub(super) stale: bool,
}

struct Digest(DefaultHasher);

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// An output as a number: equal outputs, equal numbers.
pub(super) fn digest(output: &Output) -> u64 {
    let mut digest = Digest(DefaultHasher::new());
    // Writing into a hasher cannot fail.
    let _ = write!(digest, "{output:?}");
    digest.0.finish()
}

fn put(machine: &mut Machine, at: Instant, step: &Step) {
    match step {
        Step::Input(input) => machine.handle(at, input.clone()),
        Step::Command(command) => drop(machine.submit(at, command.clone())),
    }
}

fn drain(machine: &mut Machine, into: &mut Vec<u64>) {
    while let Some(output) = machine.poll() {
        into.push(digest(&output));
    }
}

/// Compares the tellings with the first one.
pub(super) fn compare(config: &Config, start: Instant, taken: &[Taken], first: &[u64]) -> Result<(), String> {
    let mut highest = start;
    let clamped: Vec<_> = taken
        .iter()
        .map(|step| {
            highest = highest.max(step.at);
            highest
        })
        .collect();

    // Drained only at the end; and each instant ticked once more after it was handled.
    let mut lazy = Machine::new(config.clone(), start);
    for step in taken {
        put(&mut lazy, step.at, &step.step);
    }
    let mut told = Vec::with_capacity(first.len());
    drain(&mut lazy, &mut told);
    differ("drained at the end", first, &told)?;

    // Time that ran backwards stands still; stale inputs are mere ticks; ticks at handled instants are added.
    let mut other = Machine::new(config.clone(), start);
    let mut told = Vec::with_capacity(first.len());
    for (step, at) in taken.iter().zip(clamped) {
        if step.stale {
            other.handle(at, Input::Tick);
        } else {
            put(&mut other, at, &step.step);
        }
        other.handle(at, Input::Tick);
        drain(&mut other, &mut told);
    }
    differ("clamped, without stale inputs, with extra ticks", first, &told)
}

fn differ(what: &str, first: &[u64], other: &[u64]) -> Result<(), String> {
    if first == other {
        return Ok(());
    }
    let at = first.iter().zip(other).position(|(a, b)| a != b).unwrap_or(first.len().min(other.len()));
    Err(format!("{what}: output {at} of {} differs ({} in this telling)", first.len(), other.len()))
}
