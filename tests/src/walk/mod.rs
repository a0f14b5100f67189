//! Walks: a machine, a string of bytes that decides, and all the invariants.

mod calm;
mod dice;
pub mod frames;
mod replay;
mod step;

use core::fmt::Write as _;

use ibws_proto::{Event, Instant, Output, Phase, SubStatus};

pub use dice::Dice;
pub use step::Step;

use crate::invariants::Checked;
use replay::Taken;

/// What walks got to see: a walk that reaches nothing proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Walks.
    pub walks: u64,
    /// Steps.
    pub steps: u64,
    /// Outputs.
    pub outputs: u64,
    /// Walks in which a connection became ready before the calm.
    pub ready: u64,
    /// Walks in which a subscription was confirmed before the calm.
    pub confirmed: u64,
    /// Walks in which a stream was interrupted and resumed before the calm.
    pub resumed: u64,
}

impl Reach {
    /// Adds another walk's.
    pub fn add(&mut self, other: &Self) {
        self.walks += other.walks;
        self.steps += other.steps;
        self.outputs += other.outputs;
        self.ready += other.ready;
        self.confirmed += other.confirmed;
        self.resumed += other.resumed;
    }

    fn see(&mut self, output: &Output) {
        match output {
            Output::Event(Event::State(change)) if change.state == Phase::Ready => self.ready = 1,
            Output::Event(Event::Subscription(event)) if event.status == SubStatus::Active => self.confirmed = 1,
            Output::Event(Event::Resumed(_)) => self.resumed = 1,
            _ => {}
        }
    }
}

/// Walks where `bytes` lead: their first one says whether blindly.
///
/// # Errors
/// The rule that was broken, with every step that led there.
pub fn walk(bytes: &[u8], most: usize) -> Result<Reach, String> {
    let mut dice = Dice::new(bytes);
    let blind = dice.chance(128);
    let config = step::config(&mut dice);
    let start = Instant::from_millis(u64::from(dice.byte()) * 1_000);
    let mut checked = Checked::new(config.clone(), start);
    let mut taken = Vec::new();
    let mut told = Vec::new();
    let mut requests = Vec::new();
    let mut reach = Reach { walks: 1, ..Reach::default() };
    let walked = (|| {
        while !dice.is_empty() && taken.len() < most {
            let at = step::time(&mut dice, checked.now(), checked.machine());
            let step = if blind {
                step::blind(&mut dice, checked.machine(), &requests)
            } else {
                step::guided(&mut dice, checked.machine(), &requests)
            };
            let stale = checked.machine().stats().stale;
            taken.push(Taken { at, step: step.clone(), stale: false });
            let outputs = match step {
                Step::Input(input) => checked.handle(at, input)?,
                Step::Command(command) => {
                    let (id, outputs) = checked.submit(at, command)?;
                    requests.push(id);
                    outputs
                }
            };
            if let Some(last) = taken.last_mut() {
                last.stale = checked.machine().stats().stale > stale;
            }
            reach.steps += 1;
            reach.outputs += outputs.len() as u64;
            for output in &outputs {
                reach.see(output);
                told.push(replay::digest(output));
            }
        }
        replay::compare(&config, start, &taken, &told)?;
        calm::run(&mut checked, &mut |_| {})
    })();
    walked.map(|()| reach).map_err(|rule: String| {
        let mut text = format!("{rule}\n{config:?}\n");
        for Taken { at, step, stale } in &taken {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{at:?} {}{step:?}", if *stale { "(stale) " } else { "" });
        }
        text
    })
}
