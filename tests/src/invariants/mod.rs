//! What must hold after every step, whatever came: checked from the outside, from inputs, outputs and getters alone.
//!
//! [`Checked`] is a machine under supervision. Each rule that it enforces is a line of the list in the crate's
//! documentation of tests; a broken one is returned as text, so that walks shrink and fuzzers stop on it.

mod checker;
mod evidence;
mod grammar;
mod model;
mod patience;
mod table;

use ibws_proto::{Command, Config, Input, Instant, Machine, Output, RequestId};

pub use checker::Checker;

/// A machine whose every step is checked.
#[derive(Debug)]
pub struct Checked {
    machine: Machine,
    checker: Checker,
    now: Instant,
}

impl Checked {
    /// A machine with this configuration, at this time.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let machine = Machine::new(config, now);
        Self { checker: Checker::new(machine.config().clone()), machine, now }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What the checker knows.
    #[must_use]
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// The latest time that was handed in.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Hands in an input.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<Vec<Output>, String> {
        self.now = self.now.max(now);
        self.checker.input(self.now, &input);
        self.machine.handle(now, input);
        self.drain()
    }

    /// Hands in a command.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn submit(&mut self, now: Instant, command: Command) -> Result<(RequestId, Vec<Output>), String> {
        self.now = self.now.max(now);
        let id = self.machine.submit(now, command.clone());
        self.checker.command(self.now, id, &command)?;
        Ok((id, self.drain()?))
    }

    fn drain(&mut self) -> Result<Vec<Output>, String> {
        if let Some(at) = self.machine.poll_timeout().filter(|at| *at > self.now) {
            let queued = self.machine.next_wake().map(|(at, _)| at);
            if queued != Some(at) {
                return Err(format!("poll_timeout says {at:?}, next_wake {queued:?}"));
            }
        }
        let outputs: Vec<_> = std::iter::from_fn(|| self.machine.poll()).collect();
        for output in &outputs {
            self.checker.output(output)?;
        }
        self.checker.settled(&self.machine, outputs.len())?;
        Ok(outputs)
    }
}
