//! What a test does to the virtual client, and what it reads: faults, rules and the timeline.

use core::fmt::Write as _;
use std::collections::VecDeque;
use std::task::Waker;

use ibws_proto::client::Client;
use ibws_proto::{Item, Output};

use super::{Simulated, World};
use crate::world::{Content, Dial, Entry, Fault, Moment, Rules, Schedule, report};

/// Entries of the timeline that are kept; the oldest are dropped beyond it.
const ENTRIES: usize = 5_000;

/// The timeline and the rules.
#[derive(Default)]
pub(super) struct Story {
    is_recorded: bool,
    trace: VecDeque<Entry>,
    dropped: u64,
    rules: Rules,
    played: Vec<Schedule>,
    /// The message about the first rule that was broken.
    broken: Option<String>,
}

impl Story {
    fn timeline(&self) -> String {
        let mut text = String::new();
        if self.dropped > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "({} older entries are dropped)", self.dropped);
        }
        for entry in &self.trace {
            let _ = writeln!(text, "{entry}");
        }
        text
    }
}

impl World {
    /// Writes an entry into the timeline and checks the rules, if the test asked for either.
    pub(super) fn see(&mut self, content: impl FnOnce() -> Content) {
        if !self.story.is_recorded {
            return;
        }
        let content = content();
        let outcome = self.story.rules.check(&Moment::new(self.now, &content, Some(&self.gateway)));
        if self.story.trace.len() == ENTRIES {
            self.story.trace.pop_front();
            self.story.dropped += 1;
        }
        self.story.trace.push_back(Entry { at: self.now, content });
        if let (Err(broken), None) = (outcome, &self.story.broken) {
            let timeline = self.story.timeline();
            let seed = self.gateway.seed();
            self.story.broken = Some(report(&broken.to_string(), seed, &self.story.played, &timeline));
        }
    }

    pub(super) fn inject(&mut self, fault: &Fault) {
        self.see(|| Content::Note(format!("fault: {fault:?}")));
        let newest = self.wires.newest();
        if fault.at_gateway(&mut self.gateway, newest) || self.line.take(fault, self.now) {
            return;
        }
        let (dial, count) = match fault {
            Fault::HalfOpen => return self.wires.half_open(),
            Fault::RefuseDials(count) => (Dial::refused(), *count),
            Fault::HangDials(count) => (Dial::Hangs, *count),
            _ => return,
        };
        self.dials.extend(std::iter::repeat_n(dial, count as usize));
    }
}

/// What a test does to the runtime, and what it reads.
impl Simulated {
    /// Adds a rule that is checked whenever something happens, from now on: a dial and its end,
    /// everything that the client writes or receives, each event of the clients that
    /// [`observe`](Self::observe) names, each act on the gateway, and each note. `state` belongs to
    /// the rule; an error is a text that states what is wrong.
    ///
    /// [`step`](Self::step), [`run`](Self::run) and [`block_on`](Self::block_on) panic when a rule
    /// is broken. The message holds the rule, the timeline, the seed of the gateway, the faults
    /// that were played, and how to replay the run.
    pub fn rule<S: Send + 'static>(
        &self,
        name: &str,
        state: S,
        check: impl FnMut(&mut S, &Moment<'_>) -> Result<(), String> + Send + 'static,
    ) {
        let mut world = self.world();
        world.story.is_recorded = true;
        world.story.rules.add(name, state, check);
    }

    /// Writes the events of this client into the timeline, where the rules see them. It attaches a
    /// sink, which misses no event from now on.
    pub fn observe(&self, client: &Client<Self>) {
        self.world().story.is_recorded = true;
        // The client ends with its last handle, and so does its sink. The runtime outlives both.
        let runtime = self.clone();
        client.attach(move |item: Item| {
            let content = match item {
                Item::Event(event) => Content::Output(Output::Event(event)),
                other => Content::Note(format!("{other:?}")),
            };
            runtime.world().see(|| content);
        });
    }

    /// Writes a line into the timeline, where the rules see it.
    pub fn note(&self, text: &str) {
        self.world().see(|| Content::Note(text.to_owned()));
    }

    /// Makes the gateway, or the line to it, do something wrong now.
    pub fn inject(&self, fault: &Fault) {
        let wakers = {
            let mut world = self.world();
            world.inject(fault);
            world.wires.ready()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Plans the faults of a schedule, which begins now. They happen while time passes in
    /// [`run`](Self::run), [`block_on`](Self::block_on) and the others.
    pub fn play(&self, schedule: &Schedule) {
        let mut world = self.world();
        let start = world.now;
        let faults = schedule.faults().map(|(after, fault)| (start + after, fault.clone()));
        world.agenda.extend(faults);
        // A stable sort keeps the order of faults at one time.
        world.agenda.make_contiguous().sort_by_key(|(at, _)| *at);
        world.story.played.push(schedule.clone());
    }

    /// The timeline as text, a line for each entry; empty unless there is a rule or an observed
    /// client. It holds the last 5,000 entries.
    #[must_use]
    pub fn timeline(&self) -> String {
        self.world().story.timeline()
    }

    /// Panics if a rule is broken.
    pub(super) fn check_rules(&self) {
        let broken = self.world().story.broken.take();
        if let Some(broken) = broken {
            panic!("{broken}");
        }
    }
}
