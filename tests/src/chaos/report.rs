//! What storms did and reached, for people.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ibws_proto::{ConnectionState, Event, Output, StateCause, SubscriptionState};

use super::fault::faults;

/// What storms did and reached.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Storms.
    pub walks: u64,
    /// Of these, calm at their end, and all well then.
    pub calmed: u64,
    /// Inputs and commands handed to machines.
    pub steps: u64,
    /// Outputs.
    pub outputs: u64,
    /// Virtual time.
    pub time: Duration,
    /// Storms in which a connection became ready before the calm.
    pub ready: u64,
    /// Storms in which a subscription was confirmed before the calm.
    pub confirmed: u64,
    /// Storms in which a stream was interrupted and resumed before the calm.
    pub resumed: u64,
    /// How often each fault was injected, by its number.
    pub faults: BTreeMap<u8, u64>,
    /// The moves of subscriptions that were told: from, to, why.
    pub moves: BTreeSet<(SubscriptionState, SubscriptionState, StateCause)>,
    /// Seeds that failed.
    pub failures: Vec<u64>,
}

impl Report {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.walks += other.walks;
        self.calmed += other.calmed;
        self.steps += other.steps;
        self.outputs += other.outputs;
        self.time += other.time;
        self.ready += other.ready;
        self.confirmed += other.confirmed;
        self.resumed += other.resumed;
        for (number, count) in &other.faults {
            *self.faults.entry(*number).or_default() += count;
        }
        self.moves.extend(&other.moves);
        self.failures.extend(&other.failures);
    }

    pub(super) fn see(&mut self, output: &Output) {
        self.outputs += 1;
        match output {
            Output::Event(Event::State(change)) if change.state == ConnectionState::Ready => self.ready = 1,
            Output::Event(Event::Subscription(event)) if event.state == SubscriptionState::Active => self.confirmed = 1,
            Output::Event(Event::Resumed(_)) => self.resumed = 1,
            _ => {}
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time.as_secs() / 3_600;
        writeln!(f, "{} storms, {} steps, {} outputs, {hours} virtual hours", self.walks, self.steps, self.outputs)?;
        writeln!(
            f,
            "ready {}, confirmed {}, resumed {}, calm and well {}",
            self.ready, self.confirmed, self.resumed, self.calmed
        )?;
        for fault in faults() {
            let count = self.faults.get(&fault.number).copied().unwrap_or_default();
            writeln!(f, "{count:>10} x {:>2} {}", fault.number, fault.name)?;
        }
        write!(f, "failures: {}", self.failures.len())?;
        if !self.failures.is_empty() {
            write!(f, ", seeds {:?}", self.failures)?;
        }
        Ok(())
    }
}
