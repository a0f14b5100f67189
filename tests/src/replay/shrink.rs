//! Shortens a run while it still breaks a rule.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ibws_proto::Command;

use super::{Step, Taken, Transcript};

/// Largest number of replays; each takes as long as the run.
const TRIES: usize = 4_000;

impl Transcript {
    /// Returns a run with few steps of this one that still break a rule, and the rule; `None` if a
    /// replay of this run breaks no rule.
    #[must_use]
    pub fn shrunk(&self) -> Option<(Self, String)> {
        let mut best = self.again(&self.taken)?;
        let mut tries = 0;
        let mut size = best.0.taken.len().div_ceil(2);
        while size > 0 && tries < TRIES {
            let mut at = 0;
            let before = best.0.taken.len();
            while at < best.0.taken.len() && tries < TRIES {
                let end = (at + size).min(best.0.taken.len());
                let kept = |n: &usize| !(at..end).contains(n);
                let steps = best.0.taken.iter().enumerate();
                let fewer: Vec<_> = steps.filter(|(n, _)| kept(n)).map(|(_, step)| step.clone()).collect();
                tries += 1;
                match self.again(&fewer) {
                    Some(found) => best = found,
                    None => at = end,
                }
            }
            // Single steps are tried again as long as one of them can be removed.
            size = if size > 1 { size / 2 } else { usize::from(best.0.taken.len() < before) };
        }
        Some(best)
    }

    /// Takes these steps with a new machine, up to the one that breaks a rule.
    fn again(&self, taken: &[Taken]) -> Option<(Self, String)> {
        let mut replay = Self::new(self.config.clone(), self.start).with_rule(self.rule);
        replay.secrets.clone_from(&self.secrets);
        // Steps name requests by the numbers of the first run.
        let mut numbers = BTreeMap::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for Taken { at, step, request, .. } in taken {
                let step = match step {
                    Step::Command(Command::Release(of)) => match numbers.get(of) {
                        Some(of) => Step::Command(Command::Release(*of)),
                        None => continue,
                    },
                    Step::Command(Command::Cancel(of)) => match numbers.get(of) {
                        Some(of) => Step::Command(Command::Cancel(*of)),
                        None => continue,
                    },
                    other => other.clone(),
                };
                let (id, _) = replay.take(*at, step)?;
                if let (Some(first), Some(now)) = (request, id) {
                    numbers.insert(*first, now);
                }
            }
            replay.check_replays()
        }));
        let rule = match outcome {
            Ok(Ok(())) => return None,
            Ok(Err(rule)) => rule,
            Err(panic) => super::panic_message(&*panic),
        };
        Some((replay, rule))
    }
}
