//! The timeline of a run, drawn from its events: the states of the connection and of each
//! subscription, the messages, the gaps, and what happened at the marked moments.
//!
//! A program notes events while it runs and draws them at the end. A drawing needs no file beside
//! it and can be shown on white and on dark pages. Accounts are masked in it.
//!
//! ```
//! use ibws_testkit::timeline::Timeline;
//! use ibws_testkit::world::{QUOTES, secs, settled};
//!
//! let mut world = settled(&[QUOTES]);
//! world.run(secs(30));
//! world.cut();
//! world.run(secs(60));
//!
//! let timeline: Timeline = world.events().collect();
//! let svg = timeline.to_svg();
//! assert!(svg.starts_with("<svg ") && svg.contains("the connection ended without a close"));
//! ```

// `mod` notes what happened, `look` gives states their colours, `axis` divides the time, `drawing`
// places everything, `svg` writes the elements.

mod axis;
mod drawing;
mod look;
mod svg;

use core::time::Duration;

use ibws_proto::{
    CaughtUp, ConnectionLoss, Event, GapCause, Instant, Item, StateChange, SubscriptionKey, SubscriptionState,
    excerpt_within,
};

use look::Look;

/// The greatest number of characters of the name of a lane.
const MAX_NAME: usize = 19;
/// The greatest number of characters of a note.
const MAX_NOTE: usize = 110;
/// The number of moments that are marked in a drawing. The others are counted.
const MAX_NOTES: usize = 12;
/// The number of runs of messages of a lane above which closer runs are joined.
const MAX_RUNS: usize = 2_000;

/// What happened in a run, as its events show it.
///
/// It keeps the changes of states, the gaps and the marked moments, and of messages only the spans
/// in which they came, so its size does not grow with their number.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    first: Option<Instant>,
    last: Instant,
    connection: Lane,
    competing: Lane,
    streams: Vec<(SubscriptionKey, Lane)>,
    notes: Vec<Note>,
    /// Number of moments that were not marked, because there are too many.
    unmarked: usize,
}

/// A row of the drawing.
#[derive(Clone, Debug, Default)]
struct Lane {
    states: Vec<Span>,
    gaps: Vec<Span>,
    /// The spans in which messages came without a pause.
    runs: Vec<(Instant, Instant)>,
    /// The longest pause within a run; nothing before there were too many runs.
    pause: Duration,
}

/// A span of time with its meaning. The last one of a lane may have no end yet.
#[derive(Clone, Debug)]
struct Span {
    from: Instant,
    to: Option<Instant>,
    look: Look,
    /// What the drawing shows beside the name of the look when the pointer is over it.
    why: String,
}

/// A moment that is marked and described.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    at: Instant,
    text: String,
    /// The number of dials that failed in a row, if it describes failed dials.
    dials: u32,
}

impl Timeline {
    /// Creates an empty timeline.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an event that was reported at this time. Times do not decrease.
    pub fn push(&mut self, at: Instant, event: &Event) {
        self.pass(at);
        match event {
            Event::State(change) => self.change(at, change),
            Event::Subscription(change) => {
                let why = change.cause.name();
                match change.state {
                    SubscriptionState::Removed => self.stream(&change.key).end_state(at),
                    state => self.stream(&change.key).begin_state(at, Look::of_subscription(state), why),
                }
                if change.state == SubscriptionState::Refused {
                    let reason = change.reason.as_deref().unwrap_or("the gateway gives no reason");
                    self.note(at, &format!("{:?} is refused: {reason}", change.key));
                }
            }
            Event::Message(message) => match &message.subscription {
                Some(key) => self.stream(key).receive(message.at),
                None => self.connection.receive(message.at),
            },
            Event::Gap(gap) => {
                let span = Span { from: gap.since, to: None, look: Look::GAP, why: gap.cause.to_string() };
                self.stream(&gap.key).gaps.push(span);
            }
            Event::Resumed(end) => {
                if let Some(gap) = self.stream(&end.key).gaps.last_mut().filter(|gap| gap.to.is_none()) {
                    gap.to = Some(end.at);
                }
            }
            Event::CaughtUp(found) => self.note(at, &describe(found)),
            Event::CatchUpPending(pending) => {
                self.note(at, &format!("{:?} is not caught up yet: {}", pending.key, pending.why));
            }
            Event::Stale(stale) => self.note(at, &format!("{:?} is stale", stale.key)),
            Event::Fresh(fresh) => self.note(at, &format!("{:?} is no longer stale", fresh.key)),
            Event::Competing(true) => {
                self.competing.begin_state(at, Look::COMPETING, "");
                self.note(at, "another login competes for the brokerage session");
            }
            Event::Competing(false) => {
                self.competing.end_state(at);
                self.note(at, "the other login no longer competes");
            }
            Event::Malformed(_) => self.note(at, "a frame could not be read"),
            Event::AccountMismatch => self.note(at, "the session does not serve the account"),
            _ => {}
        }
    }

    /// Notes an item of a queue, and what it reports as lost. An event without a time of its own
    /// counts as reported at the time of the one before it.
    pub fn push_item(&mut self, item: &Item) {
        match item {
            Item::Event(event) => self.push(time_of(event).unwrap_or(self.last).max(self.last), event),
            Item::Lost(lost) => {
                let of = lost.key.map_or("no known key", |key| key.name());
                let text = format!(
                    "the consumer is too slow for {of}: {} messages dropped, {} folded, {} notices dropped",
                    lost.messages, lost.folded, lost.notices
                );
                self.note(self.last, &text);
            }
        }
    }

    /// Lets the drawing end at this time, if it is later than the last event.
    pub fn pass(&mut self, now: Instant) {
        self.first = Some(self.first.map_or(now, |first| first.min(now)));
        self.last = self.last.max(now);
    }

    /// Draws the timeline as an SVG document of 960 units width, in UTF-8, without empty lines.
    #[must_use]
    pub fn to_svg(&self) -> String {
        drawing::draw(self)
    }

    fn change(&mut self, at: Instant, change: &StateChange) {
        let why = change.cause.as_ref().map(ToString::to_string).unwrap_or_default();
        self.connection.begin_state(at, Look::of_connection(change.state), &why);
        if why.is_empty() {
            return;
        }
        if let Some(GapCause::Connection(ConnectionLoss::Connect(_))) = change.cause {
            return self.note_dial(at, &why);
        }
        match change.delay {
            Some(delay) => self.note(at, &format!("{why}; the next dial is {:.1} s later", delay.as_secs_f64())),
            None => self.note(at, &why),
        }
    }

    /// Notes a failed dial, with those before it if nothing else happened meanwhile.
    fn note_dial(&mut self, at: Instant, why: &str) {
        match self.notes.last_mut().filter(|note| note.dials > 0 && self.unmarked == 0) {
            Some(note) => {
                note.dials += 1;
                note.text =
                    excerpt_within(&format!("{} dials failed, the last one: {why}", note.dials), MAX_NOTE).into();
            }
            None => {
                self.note(at, &format!("a dial failed: {why}"));
                if let Some(note) = self.notes.last_mut().filter(|_| self.unmarked == 0) {
                    note.dials = 1;
                }
            }
        }
    }

    fn stream(&mut self, key: &SubscriptionKey) -> &mut Lane {
        let place = self.streams.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
            self.streams.push((key.clone(), Lane::default()));
            self.streams.len() - 1
        });
        &mut self.streams[place].1
    }

    fn note(&mut self, at: Instant, text: &str) {
        let note = Note { at, text: excerpt_within(text, MAX_NOTE).into(), dials: 0 };
        if self.notes.last() == Some(&note) {
            return;
        }
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        } else {
            self.unmarked += 1;
        }
    }
}

impl<'a> FromIterator<(Instant, &'a Event)> for Timeline {
    fn from_iter<I: IntoIterator<Item = (Instant, &'a Event)>>(events: I) -> Self {
        let mut timeline = Self::new();
        for (at, event) in events {
            timeline.push(at, event);
        }
        timeline
    }
}

impl Lane {
    fn begin_state(&mut self, at: Instant, look: Look, why: &str) {
        self.end_state(at);
        self.states.push(Span { from: at, to: None, look, why: why.to_owned() });
    }

    fn end_state(&mut self, at: Instant) {
        if let Some(state) = self.states.last_mut().filter(|state| state.to.is_none()) {
            state.to = Some(at);
        }
    }

    fn receive(&mut self, at: Instant) {
        match self.runs.last_mut() {
            Some((_, to)) if at.since(*to) <= self.pause => *to = at.max(*to),
            _ => self.runs.push((at, at)),
        }
        if self.runs.len() > MAX_RUNS {
            self.pause = (self.pause * 2).max(Duration::from_millis(100));
            let runs = core::mem::take(&mut self.runs);
            for (from, to) in runs {
                match self.runs.last_mut() {
                    Some((_, end)) if from.since(*end) <= self.pause => *end = to,
                    _ => self.runs.push((from, to)),
                }
            }
        }
    }
}

/// Describes what made up for a gap of the orders.
fn describe(found: &CaughtUp) -> String {
    let count = |count: usize, of: &str| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
    let (orders, executions) = (found.orders().count(), found.executions().count());
    format!(
        "{:?} is caught up: {} and {} that the stream did not deliver",
        found.key,
        count(orders, "changed order"),
        count(executions, "execution")
    )
}

/// The time that an event has of its own.
fn time_of(event: &Event) -> Option<Instant> {
    match event {
        Event::State(change) => Some(change.at),
        Event::Subscription(change) => Some(change.at),
        Event::Message(message) => Some(message.at),
        Event::Resumed(end) => Some(end.at),
        Event::CaughtUp(found) => Some(found.at),
        Event::CatchUpPending(pending) => Some(pending.at),
        Event::Fresh(fresh) => Some(fresh.at),
        _ => None,
    }
}
