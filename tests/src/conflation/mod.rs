//! Conflation against its reference model: whatever a queue makes of a stream, its consumer is told exactly what it got.
//!
//! The model keeps every event that was put in, with its number. What comes out must be an account of it: each message
//! stands for a run of those put in, in order, none twice, within one connection and between the same gaps; what no run
//! covers is what was told as lost, to the message; and a consumer's fold of what it got equals the fold of the messages
//! in those runs, to the field.

mod folds;
mod source;

use std::collections::BTreeMap;

use ibws_proto::{
    Event, EventFilter, Frame, Instant, Item, Json, Key, LossReport, Message, Queue, QueueId, QueueLimits, Queues,
    SubscriptionKey,
};

use crate::prng::Prng;
use folds::Fold;
use source::{CHANNELS, Source, channel};

/// What the cases got to see: cases that reach nothing prove nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Events put in.
    pub put_in: u64,
    /// Messages merged into others.
    pub merged: u64,
    /// Of these, orders and executions.
    pub folded: u64,
    /// Messages told as lost.
    pub lost: u64,
    /// Other events told as lost.
    pub notices: u64,
    /// Gaps taken out.
    pub gaps: u64,
    /// Cases in which a stream was folded whole.
    pub whole: u64,
}

impl Reach {
    /// Adds another case's.
    pub fn add(&mut self, other: &Self) {
        self.put_in += other.put_in;
        self.merged += other.merged;
        self.folded += other.folded;
        self.lost += other.lost;
        self.notices += other.notices;
        self.gaps += other.gaps;
        self.whole += other.whole;
    }
}

/// A message that was put in.
struct Sent {
    /// Its place among all events.
    place: usize,
    message: Message,
}

/// One stream, as it was put in and as it came out.
#[derive(Default)]
struct Stream {
    sent: Vec<Sent>,
    /// How many of those put in are behind what was taken out.
    covered: usize,
    missing: u64,
    got: Fold,
    model: Fold,
}

impl Stream {
    fn agrees(&self) -> Result<(), String> {
        let (got, expected) = (self.got.known(), self.model.known());
        if got == expected { Ok(()) } else { Err(format!("the consumer knows {got:#?} instead of {expected:#?}")) }
    }
}

#[derive(Default)]
struct Model {
    streams: BTreeMap<usize, Stream>,
    /// Gaps and their ends, with their places, by when they were.
    fences: BTreeMap<(SubscriptionKey, bool, Instant), usize>,
    /// The place of what was last taken out of each subscription, and of its last fence.
    passed: BTreeMap<SubscriptionKey, (usize, usize)>,
    events: usize,
    /// Messages and notices, put in minus accounted for, by key.
    open: BTreeMap<Option<Key>, (i64, i64)>,
    /// A fold was announced and is to come next: of this key, and so many.
    announced: Option<(Option<Key>, u64)>,
    reach: Reach,
}

/// Runs the case of a seed.
///
/// # Errors
/// What did not hold.
pub fn run_conflation(seed: u64) -> Result<Reach, String> {
    let dice = &mut Prng::part(seed, "conflation", 0);
    let numbered = dice.chance(3, 4);
    let mut source = Source::new(seed, numbered);
    let limits = QueueLimits {
        events: 1 + dice.below(*dice.clone().pick(&[2, 6, 20])) as usize,
        bytes: if dice.chance(1, 2) { usize::MAX } else { 400 + dice.below(9_000) as usize },
    };
    let favourite = dice.below(CHANNELS.len() as u64) as usize;
    let key = SubscriptionKey::parse(CHANNELS[favourite].0).map_err(|error| error.to_string())?;
    let wanted = match dice.below(4) {
        0 => EventFilter::Subscription(key),
        1 => EventFilter::Key(key.key()),
        _ => EventFilter::All,
    };
    let mut queues = Queues::default();
    let id = queues.open(wanted.clone(), limits);
    let mut model = Model::default();
    // What led to the open connection is not told: room for the streams.
    drop(source.events());
    let laziness = 1 + dice.below(12);
    for _ in 0..8 + dice.below(40) {
        match dice.below(80) {
            0 => source.cut(),
            1 => source.lose_authentication(),
            2..5 => source.heartbeat(),
            5 => source.garbage(),
            6..40 => source.frame(favourite, dice),
            _ => source.frame(dice.below(CHANNELS.len() as u64) as usize, dice),
        }
        for event in source.events() {
            let (copy, mut taken) = (event.clone(), false);
            queues.deliver(event, |_| taken = true);
            if taken {
                model.put_in(copy);
            }
            within(queues.get(id), limits)?;
        }
        if dice.chance(1, laziness) {
            for _ in 0..1 + dice.below(4) {
                model.take(&mut queues, id)?;
                within(queues.get(id), limits)?;
            }
        }
    }
    while model.take(&mut queues, id)? {}
    model.settle()?;
    Ok(model.reach)
}

fn within(queue: Option<&Queue>, limits: QueueLimits) -> Result<(), String> {
    let Some(queue) = queue else { return Err("the queue is gone".into()) };
    let (events, bytes) = (queue.len(), queue.bytes());
    let holds = events <= limits.events && bytes <= limits.bytes && (events > 0) == (bytes > 0);
    if holds { Ok(()) } else { Err(format!("{events} events, {bytes} bytes in a queue of {limits:?}")) }
}

/// The number that a frame says it has.
fn number(frame: &Frame) -> Option<usize> {
    frame.get("n").and_then(Json::as_i64).and_then(|number| usize::try_from(number).ok())
}

impl Model {
    fn put_in(&mut self, event: Event) {
        let place = self.events;
        self.events += 1;
        self.reach.put_in += 1;
        let (key, is_message) = account(&event);
        let open = self.open.entry(key).or_default();
        if is_message {
            open.0 += 1
        } else {
            open.1 += 1
        }
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

    /// Takes an item out and accounts for it; `false` if there is none.
    fn take(&mut self, queues: &mut Queues, id: QueueId) -> Result<bool, String> {
        let Some(item) = queues.get_mut(id).and_then(Queue::pop) else { return Ok(false) };
        let announced = self.announced.take();
        match item {
            Item::Lost(lost) if announced.is_none() => self.lost(&lost)?,
            Item::Lost(lost) => return Err(format!("{lost:?} where the fold of {announced:?} was announced")),
            Item::Event(event) => {
                let (key, is_message) = account(&event);
                let merged = if let Event::Message(message) = &event { message.merged } else { 0 };
                let is_folded = matches!(key, Some(Key::Orders | Key::Trades)) && merged > 0;
                if announced != is_folded.then_some((key, merged)) {
                    return Err(format!("announced {announced:?}, got {merged} merged of {key:?}"));
                }
                let open = self.open.entry(key).or_default();
                if is_message {
                    open.0 -= 1 + merged as i64
                } else {
                    open.1 -= 1
                }
                self.reach.merged += merged;
                self.reach.folded += if is_folded { merged } else { 0 };
                self.event(event)?;
            }
        }
        Ok(true)
    }

    fn lost(&mut self, lost: &LossReport) -> Result<(), String> {
        let told = lost.messages + lost.folded + lost.notices;
        if told == 0 || lost.folded > 0 && told > lost.folded {
            return Err(format!("{lost:?} tells nothing, or too much at once"));
        }
        let open = self.open.entry(lost.key).or_default();
        open.0 -= lost.messages as i64;
        open.1 -= lost.notices as i64;
        self.announced = (lost.folded > 0).then_some((lost.key, lost.folded));
        self.reach.lost += lost.messages;
        self.reach.notices += lost.notices;
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Message(message) => self.message(&message),
            Event::Gap(gap) => {
                self.reach.gaps += 1;
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
            return Err(format!("a fence of {key} at {at} comes behind what came after it"));
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
        // Times tell messages apart; where they are numbered, the number must say the same.
        let Some(newest) = stream.sent.iter().position(|sent| sent.message.at == message.at) else {
            return wrong("never put in");
        };
        if number(&message.frame) != number(&stream.sent[newest].message.frame) {
            return wrong("another number than the newest");
        }
        let Some(oldest) = newest.checked_sub(merged).filter(|oldest| *oldest >= stream.covered) else {
            return wrong("told twice, or out of order");
        };
        let run = &stream.sent[oldest..=newest];
        if run.iter().any(|sent| sent.message.conn != message.conn) {
            return wrong("merged across connections");
        }
        if run.first().is_some_and(|first| first.message.since != message.since) {
            return wrong("not since the first");
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
        // Now and then here, so that nothing is made good later, and always at the end.
        if newest % 4 == 0 { stream.agrees() } else { Ok(()) }
    }

    /// Everything is taken out: everything is accounted for.
    fn settle(&mut self) -> Result<(), String> {
        if let Some((key, open)) = self.open.iter().find(|(_, open)| **open != (0, 0)) {
            return Err(format!("{key:?}: (messages, notices) put in and not accounted for: {open:?}"));
        }
        for stream in self.streams.values_mut() {
            stream.agrees()?;
            stream.missing += (stream.sent.len() - stream.covered) as u64;
            self.reach.whole += u64::from(stream.missing == 0 && stream.sent.len() > 8);
        }
        Ok(())
    }
}

/// What an event is counted under: its key, and whether it is a message.
fn account(event: &Event) -> (Option<Key>, bool) {
    match event {
        Event::Message(message) => (message.key, true),
        Event::Malformed(_) => (None, true),
        Event::Subscription(change) => (Some(change.key.key()), false),
        Event::Gap(gap) => (Some(gap.key.key()), false),
        Event::Resumed(end) => (Some(end.key.key()), false),
        Event::Stale(stale) => (Some(stale.key.key()), false),
        Event::Fresh(fresh) => (Some(fresh.key.key()), false),
        _ => (None, false),
    }
}
