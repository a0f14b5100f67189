//! The summary of chaos runs that a person reads.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::fault::faults;
use crate::tally::{Reach, tally};

tally! {
    /// What chaos runs did and reached.
    pub struct Report {
        /// The tally that they share with walks.
        reach: Reach,
        /// Runs that ended with a recovery: the faults stopped, and everything worked again.
        recovered: u64,
        /// Virtual time.
        time: Duration,
        /// How often each fault was injected, by its number.
        faults: BTreeMap<u8, u64>,
        /// Seeds that failed.
        failures: Vec<u64>,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time.as_secs() / 3_600;
        let Reach { runs, steps, outputs, ready, confirmed, resumed, .. } = &self.reach;
        writeln!(f, "{runs} runs, {steps} steps, {outputs} outputs, {hours} virtual hours")?;
        writeln!(f, "ready {ready}, confirmed {confirmed}, resumed {resumed}, recovered {}", self.recovered)?;
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
