//! Conflation: a queue merges messages for a slow consumer, and a reference model checks the
//! result.
//!
//! The model keeps every event that was put into the queue, in order. What comes out must account
//! for all of it:
//!
//! * Each message stands for a run of messages put in: in order, none twice, within one connection,
//!   and between the same gaps.
//! * Messages in no run are exactly those that were reported as lost.
//! * The consumer's fold of what it got equals the fold of all messages in those runs, in every
//!   field.

mod folds;
mod source;

use std::collections::BTreeMap;

use ibws_proto::{
    Event, Frame, Instant, Item, Json, Key, Message, SubscriptionKey,
    queue::{EventFilter, LossReport, Queue, QueueId, QueueLimits, Queues},
};

use crate::balance::{Balance, counted_under, merged, within_limits};
use crate::prng::Prng;
use crate::tally::{Deliveries, tally};
use folds::Fold;
use source::channel;
pub(crate) use source::{CHANNELS, Source};

tally! {
    /// What the runs did and reached.
    pub struct Report {
        /// Events put into the queue.
        events: u64,
        /// What happened to the messages among them.
        deliveries: Deliveries,
        /// Orders and executions among the merged messages.
        folded: u64,
        /// Notices, which are events other than messages, reported as lost.
        notices: u64,
        /// Streams of more than eight messages of which none was lost, so that their folds are
        /// complete.
        whole: u64,
    }
}

/// A message that was put in.
struct Sent {
    /// Its place among all events put in.
    place: usize,
    message: Message,
}

/// One stream: the messages put in, and what came out of them.
#[derive(Default)]
struct Stream {
    sent: Vec<Sent>,
    /// How many of the messages put in are accounted for by what came out.
    covered: usize,
    /// Messages in no run: lost.
    missing: u64,
    /// The consumer's fold, of the messages it got.
    got: Fold,
    /// The fold of all messages in the runs.
    model: Fold,
}

impl Stream {
    fn agrees(&self) -> Result<(), String> {
        let (got, expected) = (self.got.known(), self.model.known());
        if got == expected { Ok(()) } else { Err(format!("the consumer's fold is {got:#?} instead of {expected:#?}")) }
    }
}

/// The reference model of one queue.
#[derive(Default)]
pub(crate) struct Model {
    streams: BTreeMap<usize, Stream>,
    /// Places of gaps and of their ends, by subscription, kind and time.
    fences: BTreeMap<(SubscriptionKey, bool, Instant), usize>,
    /// Places of the newest item that was taken out of each subscription, and of its newest fence.
    passed: BTreeMap<SubscriptionKey, (usize, usize)>,
    events: usize,
    balance: Balance,
    /// A loss report announced a fold as the next item: its key, and how many messages it merges.
    announced: Option<(Option<Key>, u64)>,
    report: Report,
}

/// Runs one seed: a queue with random limits, random events, and a consumer of random laziness.
///
/// # Errors
/// The rule that was broken.
pub fn run_conflation(seed: u64) -> Result<Report, String> {
    let chance = &mut Prng::part(seed, "conflation", 0);
    let numbered = chance.chance(3, 4);
    let mut source = Source::new(seed, numbered);
    let limits = QueueLimits {
        events: 1 + chance.below(*chance.clone().pick(&[2, 6, 20])) as usize,
        bytes: if chance.chance(1, 2) { usize::MAX } else { 400 + chance.below(9_000) as usize },
    };
    let favourite = chance.below(CHANNELS.len() as u64) as usize;
    let key = SubscriptionKey::parse(CHANNELS[favourite].0).map_err(|error| error.to_string())?;
    let filter = match chance.below(4) {
        0 => EventFilter::Subscription(key),
        1 => EventFilter::Key(key.key()),
        _ => EventFilter::All,
    };
    let mut queues = Queues::default();
    let id = queues.open(filter, limits);
    let mut model = Model::default();
    // The events of connecting are left out, so that the queue has room for the streams.
    drop(source.events());
    let laziness = 1 + chance.below(12);
    for _ in 0..8 + chance.below(40) {
        match chance.below(80) {
            0 => source.cut(),
            1 => source.lose_authentication(),
            2..5 => source.heartbeat(),
            5 => source.garbage(),
            6..40 => source.frame(favourite, chance),
            _ => source.frame(chance.below(CHANNELS.len() as u64) as usize, chance),
        }
        for event in source.events() {
            let (copy, mut accepted) = (event.clone(), false);
            queues.deliver(event, |_, _| accepted = true);
            if accepted {
                model.put_in(copy);
            }
            within_limits(queues.get(id), limits)?;
        }
        if chance.chance(1, laziness) {
            for _ in 0..1 + chance.below(4) {
                model.take(&mut queues, id)?;
                within_limits(queues.get(id), limits)?;
            }
        }
    }
    while model.take(&mut queues, id)? {}
    model.settle()?;
    Ok(model.report)
}

/// The number that a frame holds.
fn number(frame: &Frame) -> Option<usize> {
    frame.get("n").and_then(Json::as_i64).and_then(|number| usize::try_from(number).ok())
}

impl Model {
    /// Records an event that the queue accepted.
    pub(crate) fn put_in(&mut self, event: Event) {
        let place = self.events;
        self.events += 1;
        self.report.events += 1;
        self.report.deliveries.sent += u64::from(counted_under(&event).1);
        self.balance.accepted(&event);
        match event {
            Event::Message(message) => {
                if let Some(channel) = channel(message.subscription.as_ref(), message.key) {
                    self.streams.entry(channel).or_default().sent.push(Sent { place, message });
                }
            }
            Event::Gap(gap) => drop(self.fences.insert((gap.key, false, gap.since), place)),
            Event::Resumed(end) => drop(self.fences.insert((end.key, true, end.at), place)),
            _ => {}
        }
    }

    /// Takes an item out and accounts for it; returns `false` if there is none.
    pub(crate) fn take(&mut self, queues: &mut Queues, id: QueueId) -> Result<bool, String> {
        let Some(item) = queues.get_mut(id).and_then(Queue::pop) else { return Ok(false) };
        let announced = self.announced.take();
        self.balance.taken(&item);
        match item {
            Item::Lost(lost) if announced.is_none() => self.lost(&lost)?,
            Item::Lost(lost) => return Err(format!("{lost:?} came where the fold of {announced:?} was announced")),
            Item::Event(event) => {
                let ((key, is_message), merged) = (counted_under(&event), merged(&event));
                let is_folded = matches!(key, Some(Key::Orders | Key::Trades)) && merged > 0;
                if announced != is_folded.then_some((key, merged)) {
                    return Err(format!("announced {announced:?}, got {merged} merged of {key:?}"));
                }
                self.report.deliveries.delivered += u64::from(is_message);
                self.report.deliveries.merged += merged;
                self.report.folded += if is_folded { merged } else { 0 };
                self.event(event)?;
            }
        }
        Ok(true)
    }

    fn lost(&mut self, lost: &LossReport) -> Result<(), String> {
        let count = lost.messages + lost.folded + lost.notices;
        if count == 0 || lost.folded > 0 && count > lost.folded {
            return Err(format!("{lost:?} reports nothing, or a loss and a fold at once"));
        }
        self.announced = (lost.folded > 0).then_some((lost.key, lost.folded));
        self.report.deliveries.lost += lost.messages;
        self.report.notices += lost.notices;
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Message(message) => self.message(&message),
            Event::Gap(gap) => {
                self.report.deliveries.gaps += 1;
                self.fence(gap.key, false, gap.since)
            }
            Event::Resumed(end) => self.fence(end.key, true, end.at),
            _ => Ok(()),
        }
    }

    fn fence(&mut self, key: SubscriptionKey, is_end: bool, at: Instant) -> Result<(), String> {
        let place = self.fences.get(&(key.clone(), is_end, at)).copied();
        let Some(place) = place else { return Err(format!("a fence of {key} at {at} that was never put in")) };
        let passed = self.passed.entry(key.clone()).or_default();
        if place < passed.0 {
            return Err(format!("a fence of {key} at {at} came out after a later item"));
        }
        *passed = (place, place);
        Ok(())
    }

    fn message(&mut self, message: &Message) -> Result<(), String> {
        let channel = channel(message.subscription.as_ref(), message.key);
        let (Some(channel), Some(key)) = (channel, &message.subscription) else { return Ok(()) };
        let stream = self.streams.entry(channel).or_default();
        let wrong = |what: &str| Err(format!("{what}: {} merged into {message:?}", message.merged));
        let merged = message.merged as usize;
        // The time identifies a message; a number, where there is one, must agree.
        let Some(newest) = stream.sent.iter().position(|sent| sent.message.at == message.at) else {
            return wrong("never put in");
        };
        if number(&message.frame) != number(&stream.sent[newest].message.frame) {
            return wrong("the number is not that of the newest");
        }
        let Some(oldest) = newest.checked_sub(merged).filter(|oldest| *oldest >= stream.covered) else {
            return wrong("delivered twice, or out of order");
        };
        let run = &stream.sent[oldest..=newest];
        if run.iter().any(|sent| sent.message.conn != message.conn) {
            return wrong("merged across connections");
        }
        if run.first().is_some_and(|first| first.message.since != message.since) {
            return wrong("`since` is not the time of the first");
        }
        let passed = self.passed.entry(key.clone()).or_default();
        if run.first().is_some_and(|first| first.place < passed.1) {
            return wrong("merged across a gap");
        }
        let last = run.last().map_or(0, |last| last.place);
        let crossed = self.fences.iter().any(|((sub, ..), place)| {
            sub == key && run.first().is_some_and(|first| first.place < *place) && *place < last
        });
        if crossed {
            return wrong("merged across a gap that is still to come");
        }
        passed.0 = passed.0.max(last);
        stream.missing += (oldest - stream.covered) as u64;
        for sent in run {
            stream.model.apply(sent.message.conn, sent.message.at, &sent.message.frame);
        }
        stream.covered = newest + 1;
        stream.got.apply(message.conn, message.at, &message.frame);
        // The folds are compared now and then, so that a later message cannot hide a difference,
        // and always at the end.
        if newest % 4 == 0 { stream.agrees() } else { Ok(()) }
    }

    /// Checks that the emptied queue leaves nothing unaccounted for.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.balance.check()?;
        let Deliveries { sent, delivered, merged, lost, .. } = self.report.deliveries;
        if sent != delivered + merged + lost {
            return Err(format!("{sent} messages sent, accounted for: {:?}", self.report.deliveries));
        }
        for stream in self.streams.values_mut() {
            stream.agrees()?;
            stream.missing += (stream.sent.len() - stream.covered) as u64;
            self.report.whole += u64::from(stream.missing == 0 && stream.sent.len() > 8);
        }
        Ok(())
    }
}
