//! Everything that was handed to a machine, kept: so that it can be told differently, made shorter
//! while it still fails, and printed as a test.

mod code;
mod compare;
pub mod prelude;
mod shrink;

use core::fmt::{self, Write as _};
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;

use ibws_proto::{Command, Config, Event, Input, Instant, Output, RequestId};

use crate::invariants::Checked;

/// What is handed in.
#[derive(Clone, Debug)]
pub enum Step {
    /// An input.
    Input(Input),
    /// A command.
    Command(Command),
}

/// A step that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The time that was handed in with it.
    pub at: Instant,
    /// The step.
    pub step: Step,
    /// The number that a command was given.
    pub request: Option<RequestId>,
    /// The machine counted it as stale.
    pub stale: bool,
}

/// A rule of a test's own, for every output.
pub type Rule = fn(&Output) -> Result<(), String>;

/// A machine under supervision that remembers what it was handed.
#[derive(Debug)]
pub struct Transcript {
    checked: Checked,
    config: Config,
    start: Instant,
    taken: Vec<Taken>,
    /// Digests of the outputs.
    told: Vec<u64>,
    /// Off: nothing is remembered, for walks of many days.
    remembers: bool,
    rule: Option<Rule>,
    /// Words that no output may hold, the frames themselves apart.
    secrets: Vec<String>,
    text: String,
}

impl Transcript {
    /// A machine with this configuration, at this time.
    #[must_use]
    pub fn new(config: Config, start: Instant) -> Self {
        Self {
            checked: Checked::new(config.clone(), start),
            config,
            start,
            taken: Vec::new(),
            told: Vec::new(),
            remembers: true,
            rule: None,
            secrets: Vec::new(),
            text: String::new(),
        }
    }

    /// Remembers nothing: what happened can be told only once.
    #[must_use]
    pub fn forgetful(mut self) -> Self {
        self.remembers = false;
        self
    }

    /// Every output must keep this rule as well.
    #[must_use]
    pub fn with_rule(mut self, rule: Option<Rule>) -> Self {
        self.rule = rule;
        self
    }

    /// No output but a frame itself may hold this word.
    pub fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    pub(crate) fn remembers(&self) -> bool {
        self.remembers
    }

    /// The machine under supervision.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The same, for what need not be remembered.
    pub fn checked_mut(&mut self) -> &mut Checked {
        &mut self.checked
    }

    /// What was handed in.
    #[must_use]
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Hands in an input.
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
        self.told(&outputs)?;
        Ok(outputs)
    }

    /// Hands in a command.
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
        self.told(&outputs)?;
        Ok((id, outputs))
    }

    /// Hands in a step again, as another walk took it.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn take(&mut self, at: Instant, step: Step) -> Result<(Option<RequestId>, Vec<Output>), String> {
        match step {
            Step::Input(input) => Ok((None, self.handle(at, input)?)),
            Step::Command(command) => self.submit(at, command).map(|(id, outputs)| (Some(id), outputs)),
        }
    }

    /// The same steps give the same outputs, whenever the outputs are taken, without the stale
    /// inputs, with backward time standing still, and with more ticks at instants that were handled
    /// (scenarios C "Metamorphic").
    ///
    /// # Errors
    /// The telling that came out differently.
    pub fn check_replays(&self) -> Result<(), String> {
        compare::compare(&self.config, self.start, &self.taken, &self.told)
    }

    fn told(&mut self, outputs: &[Output]) -> Result<(), String> {
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
            self.told.push(digest(&self.text));
            if matches!(output, Output::Event(Event::Message(_) | Event::Malformed(_))) {
                continue;
            }
            if let Some(secret) = self.secrets.iter().find(|secret| self.text.contains(*secret)) {
                return Err(format!("the session {secret} is in {}", self.text));
            }
        }
        Ok(())
    }

    /// What was handed in, one line a step, with aligned times.
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

/// A time to the nanosecond, aligned by its point.
struct Exact(Instant);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        f.pad(&format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000))
    }
}

/// A text as a number: equal texts, equal numbers.
fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
