//! Fewer steps that still break a rule.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ibws_proto::Command;

use super::{Step, Taken, Transcript};

/// Tellings tried at most; each costs what the walk cost.
const TRIES: usize = 4_000;

impl Transcript {
    /// A walk with as few steps of this one as still break a rule, and the rule; `None` if this one
    /// breaks none when it is told again.
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
            // Once more with single steps as long as that finds something.
            size = if size > 1 { size / 2 } else { usize::from(best.0.taken.len() < before) };
        }
        Some(best)
    }

    /// These steps with a new machine, up to the one that breaks a rule.
    fn again(&self, taken: &[Taken]) -> Option<(Self, String)> {
        let mut replay = Self::new(self.config.clone(), self.start).with_rule(self.rule);
        replay.secrets.clone_from(&self.secrets);
        // Steps name requests by the numbers of the first telling.
        let mut numbers = BTreeMap::new();
        let told = catch_unwind(AssertUnwindSafe(|| {
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
        let rule = match told {
            Ok(Ok(())) => return None,
            Ok(Err(rule)) => rule,
            Err(panic) => super::panic_message(&*panic),
        };
        Some((replay, rule))
    }
}
