//! Transcripts: every step of a run is recorded, so that the run can be replayed in other ways,
//! shortened while it still fails, and printed as a test.

mod code;
mod compare;
pub mod prelude;
mod shrink;

use core::fmt::{self, Write as _};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;

use ibws_proto::{Command, Config, Event, Input, Instant, Output, RequestId};

use crate::invariants::Checked;

/// A step of a run.
#[derive(Clone, Debug)]
pub enum Step {
    /// An input.
    Input(Input),
    /// A command.
    Command(Command),
}

/// A recorded step.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The time that the machine was given.
    pub at: Instant,
    /// The step.
    pub step: Step,
    /// The request of a command.
    pub request: Option<RequestId>,
    /// The machine counted the input as stale.
    pub stale: bool,
}

/// An additional rule that a test has for every output.
pub type Rule = fn(&Output) -> Result<(), String>;

/// A checked machine with a record of its steps.
#[derive(Debug)]
pub struct Transcript {
    checked: Checked,
    config: Config,
    start: Instant,
    taken: Vec<Taken>,
    /// Digests of the outputs.
    digests: Vec<u64>,
    /// Whether steps are recorded; off for runs of many days.
    remembers: bool,
    rule: Option<Rule>,
    /// Secrets that must not appear in any output. Outputs that are frames are exempt.
    secrets: Vec<String>,
    text: String,
}

impl Transcript {
    /// Makes a machine with this configuration at this time.
    #[must_use]
    pub fn new(config: Config, start: Instant) -> Self {
        Self {
            checked: Checked::new(config.clone(), start),
            config,
            start,
            taken: Vec::new(),
            digests: Vec::new(),
            remembers: true,
            rule: None,
            secrets: Vec::new(),
            text: String::new(),
        }
    }

    /// Switches the record off: the run can then not be replayed.
    #[must_use]
    pub fn forgetful(mut self) -> Self {
        self.remembers = false;
        self
    }

    /// Adds a rule that every output must keep.
    #[must_use]
    pub fn with_rule(mut self, rule: Option<Rule>) -> Self {
        self.rule = rule;
        self
    }

    /// Adds a text that no output except a frame may contain.
    pub fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    pub(crate) fn remembers(&self) -> bool {
        self.remembers
    }

    /// The checked machine.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The checked machine, for steps that are not recorded.
    pub fn checked_mut(&mut self) -> &mut Checked {
        &mut self.checked
    }

    /// The recorded steps.
    #[must_use]
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Gives the machine an input.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn handle(&mut self, at: Instant, input: Input) -> Result<Vec<Output>, String> {
        let stale = self.checked.machine().stats().stale;
        if self.remembers {
            self.taken.push(Taken { at, step: Step::Input(input.clone()), request: None, stale: false });
        }
        let outputs = self.checked.handle(at, input)?;
        let is_stale = self.checked.machine().stats().stale > stale;
        if let Some(last) = self.taken.last_mut().filter(|_| is_stale) {
            last.stale = true;
        }
        self.check(&outputs)?;
        Ok(outputs)
    }

    /// Submits a command.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn submit(&mut self, at: Instant, command: Command) -> Result<(RequestId, Vec<Output>), String> {
        if self.remembers {
            self.taken.push(Taken { at, step: Step::Command(command.clone()), request: None, stale: false });
        }
        let (id, outputs) = self.checked.submit(at, command)?;
        if let Some(last) = self.taken.last_mut() {
            last.request = Some(id);
        }
        self.check(&outputs)?;
        Ok((id, outputs))
    }

    /// Takes a step that another run recorded.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn take(&mut self, at: Instant, step: Step) -> Result<(Option<RequestId>, Vec<Output>), String> {
        match step {
            Step::Input(input) => Ok((None, self.handle(at, input)?)),
            Step::Command(command) => self.submit(at, command).map(|(id, outputs)| (Some(id), outputs)),
        }
    }

    /// Replays the run in other ways, which must give the same outputs: with other times at which
    /// outputs are polled, without stale inputs, with backward time clamped, and with additional
    /// ticks at handled instants.
    ///
    /// # Errors
    /// The first replay with other outputs.
    pub fn check_replays(&self) -> Result<(), String> {
        compare::compare(&self.config, self.start, &self.taken, &self.digests)
    }

    fn check(&mut self, outputs: &[Output]) -> Result<(), String> {
        for output in outputs {
            if let Some(rule) = self.rule {
                rule(output)?;
            }
            if !self.remembers {
                continue;
            }
            self.text.clear();
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{output:?}");
            self.digests.push(digest(&self.text));
            if matches!(output, Output::Event(Event::Message(_) | Event::Malformed(_))) {
                continue;
            }
            if let Some(secret) = self.secrets.iter().find(|secret| self.text.contains(*secret)) {
                return Err(format!("the session {secret} is in {}", self.text));
            }
        }
        Ok(())
    }

    /// The recorded steps, one per line, with aligned times.
    #[must_use]
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        for Taken { at, step, stale, .. } in &self.taken {
            let stale = if *stale { "(stale) " } else { "" };
            let entry = match step {
                Step::Input(Input::Frame(conn, raw)) => format!("frame {conn} {}", raw.escape_ascii()),
                Step::Input(input) => format!("{input:?}"),
                Step::Command(command) => format!("{command:?}"),
            };
            let entry: String = entry.chars().take(200).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:>16}  {stale}{entry}", Exact(*at));
        }
        text
    }
}

/// A time to the nanosecond, aligned at its decimal point.
struct Exact(Instant);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        f.pad(&format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000))
    }
}

/// A digest of a text: equal texts have equal digests.
fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
