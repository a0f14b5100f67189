//! The invariants: rules that hold after every step, for any input.
//!
//! [`Checked`] is a machine whose every step is checked from the outside, from inputs, outputs and
//! getters alone. A broken rule is returned as text, so that walks can shrink and fuzzers can stop
//! on it.
//!
//! * `checker` holds the rules about actions, events and replies, `checker/state` those about the
//!   states of the connection, `checker/catch_up` those about snapshots of orders,
//!   and `checker/settled` those that hold at the end of a step.
//! * `subscriptions` is the reference model of the subscriptions, with its deadlines.
//! * `evidence` collects what one connection has shown, and `grammar` parses the texts that are
//!   written to it. Both are written from the protocol, not from the library's own code.
//! * `patience` bounds how long requests wait.
//!
//! [`list`] has the name, the text and the source of each rule;
//! [`World`](crate::world::World), walks, chaos runs and the runs of the feature `proptest` check
//! them all. The rules of a test's own are [`Rules`](crate::world::Rules).
//!
//! ```
//! use ibws_proto::{Command, Config, Instant};
//! use ibws_testkit::invariants::Checked;
//!
//! let mut checked = Checked::new(Config::default(), Instant::ORIGIN);
//! let (_, outputs) = checked.submit(Instant::ORIGIN, Command::Start)?;
//! assert!(!outputs.is_empty());
//! assert_eq!(checked.checker().pending().count(), 1);
//! # Ok::<(), String>(())
//! ```

mod checker;
mod evidence;
mod grammar;
mod list;
mod patience;
mod subscriptions;

use ibws_proto::{Command, Config, Input, Instant, Machine, Output, RequestId};

pub use checker::Checker;
pub use list::{Invariant, list};

/// A machine whose every step is checked.
#[derive(Debug)]
pub struct Checked {
    machine: Machine,
    checker: Checker,
    now: Instant,
}

impl Checked {
    /// Makes a machine with this configuration at this time.
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

    /// The checker, with what it recorded.
    #[must_use]
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// The latest time that the machine was given.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Gives the machine an input.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<Vec<Output>, String> {
        self.now = self.now.max(now);
        self.checker.input(self.now, &input);
        self.machine.handle(now, input);
        self.drain()
    }

    /// Submits a command.
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
                return Err(format!("poll_timeout is {at:?}, next_wake is {queued:?}"));
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
