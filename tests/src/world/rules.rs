//! Rules of a test's own: closures with state, which are checked after every step.
//!
//! A rule has a name, a state of any type, and a function that reads the newest entry of the
//! timeline. The bare machine ([`World::rule`](super::World::rule)), the whole client
//! ([`Simulated::rule`](crate::runtime::Simulated::rule), feature `client`) and the runs of the
//! feature `proptest` take the same rules, because all of them have the same timeline.
//!
//! ```
//! use ibws_proto::Event;
//! use ibws_testkit::world::{self, Moment, QUOTES, secs};
//!
//! let mut world = world::world();
//! // The state is the number of gaps that are open.
//! world.rule("one gap at a time", 0, |open, moment: &Moment<'_>| {
//!     match moment.event() {
//!         Some(Event::Gap(_)) => *open += 1,
//!         Some(Event::Resumed(_)) => *open -= 1,
//!         _ => {}
//!     }
//!     if *open > 1 { Err(format!("{open} gaps are open")) } else { Ok(()) }
//! });
//! world.settle(&[QUOTES]);
//! world.cut();
//! world.run(secs(60));
//! assert_eq!(world.resumptions().len(), 1);
//! ```

use core::fmt;

use ibws_proto::{Action, Event, Input, Instant, Output};

use super::{Content, Schedule};
use crate::gateway::{Gateway, OpenOrder};
use crate::invariants::Invariant;
use crate::tally::setting;

/// What a rule reads: the newest entry of the timeline, and the gateway.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Moment<'a> {
    /// The virtual time.
    pub at: Instant,
    /// What happened.
    pub content: &'a Content,
    /// The gateway after it; `None` in runs of a machine without a gateway.
    pub gateway: Option<&'a Gateway>,
}

impl<'a> Moment<'a> {
    pub(crate) fn new(at: Instant, content: &'a Content, gateway: Option<&'a Gateway>) -> Self {
        Self { at, content, gateway }
    }

    /// The event, if the machine or the client reported one.
    #[must_use]
    pub fn event(&self) -> Option<&'a Event> {
        match self.content {
            Content::Output(Output::Event(event)) => Some(event),
            _ => None,
        }
    }

    /// The text, if the client wrote one to the connection.
    #[must_use]
    pub fn written(&self) -> Option<&'a str> {
        match self.content {
            Content::Output(Output::Action(Action::SendText { text, .. })) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if a frame arrived at the client.
    #[must_use]
    pub fn received(&self) -> Option<&'a [u8]> {
        match self.content {
            Content::Input(Input::Frame(_, raw)) => Some(raw),
            _ => None,
        }
    }

    /// The orders of the account that are neither filled nor cancelled, as the gateway knows them;
    /// empty without a gateway.
    #[must_use]
    pub fn open_orders(&self) -> Vec<OpenOrder> {
        self.gateway.map(Gateway::open_orders).unwrap_or_default()
    }
}

/// Writes time and content.
impl fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment").field("at", &self.at).field("content", self.content).finish_non_exhaustive()
    }
}

type Check = Box<dyn FnMut(&Moment<'_>) -> Result<(), String> + Send>;

/// Rules with their states.
#[derive(Default)]
pub struct Rules(Vec<(String, Check)>);

impl Rules {
    /// Makes an empty set, to which every moment is right.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule. `check` gets the rule's state and each moment in turn; an error is a text that
    /// states what is wrong.
    #[must_use]
    pub fn rule<S: Send + 'static>(
        mut self,
        name: &str,
        state: S,
        check: impl FnMut(&mut S, &Moment<'_>) -> Result<(), String> + Send + 'static,
    ) -> Self {
        self.add(name, state, check);
        self
    }

    /// Adds a rule in place, like [`rule`](Self::rule).
    pub fn add<S: Send + 'static>(
        &mut self,
        name: &str,
        mut state: S,
        mut check: impl FnMut(&mut S, &Moment<'_>) -> Result<(), String> + Send + 'static,
    ) {
        self.0.push((name.to_owned(), Box::new(move |moment| check(&mut state, moment))));
    }

    /// Returns `true` if there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a moment.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&mut self, moment: &Moment<'_>) -> Result<(), Violation> {
        for (name, check) in &mut self.0 {
            let outcome = check(moment);
            outcome.map_err(|reason| Violation { rule: name.clone(), reason, at: moment.at })?;
        }
        Ok(())
    }
}

/// Writes the names of the rules.
impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the rule \"{rule}\" is broken at {at}: {reason}")]
#[non_exhaustive]
pub struct Violation {
    /// The name of the rule.
    pub rule: String,
    /// What is wrong.
    pub reason: String,
    /// The virtual time.
    pub at: Instant,
}

/// The seeds of a test: `0..count`, or the one in the environment variable `IBWS_SEED`, which
/// repeats the run of a message.
///
/// ```
/// use ibws_testkit::world::{World, seeds, secs};
/// use ibws_testkit::GatewayConfig;
///
/// for seed in seeds(3) {
///     let mut world = World::new(Default::default(), GatewayConfig::seeded(seed));
///     world.settle(&["pl"]);
///     world.run(secs(60));
/// }
/// ```
///
/// # Panics
/// If `IBWS_SEED` is not a number.
pub fn seeds(count: u64) -> impl Iterator<Item = u64> {
    match setting("IBWS_SEED") {
        Some(seed) => seed..seed.saturating_add(1),
        None => 0..count,
    }
}

/// The message of a run that broke a rule: the rule, the timeline, and how to repeat the run. The
/// rule comes first and last, because a timeline is long.
pub(crate) fn report(rule: &str, seed: u64, played: &[Schedule], timeline: &str) -> String {
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main");
    let mut text = format!("{rule}\n\n{timeline}\n{rule}\n");
    if let Some(invariant) = Invariant::of(rule) {
        text.push_str(&format!("This breaks {invariant}.\n"));
    }
    text.push_str(&format!("\nThe seed of the gateway is {seed}."));
    for schedule in played {
        text.push_str(&format!(" The faults were:\n{schedule}\n"));
    }
    text.push_str("\nTo replay it, build the gateway with GatewayConfig::seeded(");
    text.push_str(&format!("{seed}) and repeat the calls and the faults above;"));
    text.push_str("\na test that takes its seeds from world::seeds replays it by\n");
    let test = test.unwrap_or("NAME_OF_THE_TEST");
    text.push_str(&format!("IBWS_SEED={seed} cargo test {test}\n"));
    text.push_str("and a test of proptest, which plays the case that has failed before all others, by\n");
    text.push_str(&format!("cargo test {test}\n"));
    text
}
