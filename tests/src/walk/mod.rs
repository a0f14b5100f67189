//! Walks: a machine, a string of bytes that decides, and all the invariants.

mod byte_source;
mod recovery;
pub(crate) mod step;

use std::collections::BTreeSet;

use ibws_proto::{ConnectionState, Event, Instant, Output, StateCause, SubscriptionState};

pub use crate::replay::Step;
use crate::replay::Transcript;
pub use byte_source::ByteSource;

/// What walks got to see: a walk that reaches nothing proves nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// The moves of subscriptions that were told: from, to, why.
    pub moves: BTreeSet<(SubscriptionState, SubscriptionState, StateCause)>,
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
        self.moves.extend(&other.moves);
    }

    fn see(&mut self, output: &Output) {
        match output {
            Output::Event(Event::State(change)) if change.state == ConnectionState::Ready => self.ready = 1,
            Output::Event(Event::Subscription(event)) if event.state == SubscriptionState::Active => self.confirmed = 1,
            Output::Event(Event::Resumed(_)) => self.resumed = 1,
            _ => {}
        }
    }
}

/// Walks where `bytes` lead: their first one says whether blindly.
///
/// # Errors
/// The rule that was broken, with every step that led there, and the test that repeats it.
pub fn walk(bytes: &[u8], most: usize) -> Result<Reach, String> {
    let mut bytes = ByteSource::new(bytes);
    let blind = bytes.chance(128);
    let config = step::config(&mut bytes);
    let start = Instant::from_millis(u64::from(bytes.byte()) * 1_000);
    let mut told = Transcript::new(config, start);
    let mut requests = Vec::new();
    let mut reach = Reach { walks: 1, ..Reach::default() };
    let walked = (|| {
        while !bytes.is_empty() && told.taken().len() < most {
            let (now, machine) = (told.checked().now(), told.checked().machine());
            let at = step::time(&mut bytes, now, machine);
            let step = if blind {
                step::blind(&mut bytes, machine, &requests)
            } else {
                step::guided(&mut bytes, machine, &requests)
            };
            let (request, outputs) = told.take(at, step)?;
            requests.extend(request);
            reach.steps += 1;
            reach.outputs += outputs.len() as u64;
            outputs.iter().for_each(|output| reach.see(output));
        }
        reach.moves.clone_from(told.checked().checker().moves());
        told.check_replays()?;
        recovery::run(told.checked_mut(), &mut |_| {})
    })();
    walked.map(|()| reach).map_err(|rule: String| format!("{rule}\n{}\n{}", told.timeline(), told.as_test("walked")))
}
