//! The ledger: numbered messages through the whole of machine and queues, under faults, to consumers of every laziness.
//!
//! Each number that the gateway said is accounted for, for each consumer: it was delivered, it was merged into a message
//! that says so, it was told as lost, or it never came and the consumer was told of the gap in which it is missing.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use ibws_proto::{
    Command, Config, Event, EventFilter, Item, Json, Key, Message, Output, Queue, QueueId, QueueLimits, Queues,
    SubscriptionKey,
};

use crate::gateway::{GatewayConfig, Source};
use crate::prng::Prng;
use crate::recording::Recording;
use crate::world::{Dial, What, World, sub};

/// Numbered messages that one seed says at least.
pub const MESSAGES: u64 = 2_000;

/// What is subscribed to. The gateway says nothing of its own about any of it.
const CHANNELS: [&str; 6] = ["md+990001+{}", "md+990002+{}", "bd+DU1234567+990001", "or", "tr", "pl"];

/// What became of the messages, of all consumers together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Numbered messages that the gateway said, times the consumers they were for.
    pub said: u64,
    /// Of these, taken out as they came, or as the newest of several.
    pub delivered: u64,
    /// Merged into those.
    pub merged: u64,
    /// Told as lost by a queue.
    pub lost: u64,
    /// Never came; the gap they are missing in was told.
    pub cut: u64,
    /// Gaps told.
    pub gaps: u64,
}

impl Report {
    /// Adds another one's.
    pub fn add(&mut self, other: &Self) {
        self.said += other.said;
        self.delivered += other.delivered;
        self.merged += other.merged;
        self.lost += other.lost;
        self.cut += other.cut;
        self.gaps += other.gaps;
    }
}

/// Runs the ledger of a seed.
///
/// # Errors
/// What does not add up.
///
/// # Panics
/// If an invariant of the machine breaks, with the timeline.
pub fn run_accounting(seed: u64) -> Result<Report, String> {
    let chance = &mut Prng::part(seed, "ledger", 0);
    let mut book = Book::new(seed, chance)?;
    let mut said = 0;
    while said < MESSAGES {
        let (channel, burst) = (chance.below(CHANNELS.len() as u64) as usize, 1 + chance.below(60));
        for _ in 0..burst {
            // Mostly one stream at a time, as bursts are.
            let other = chance.chance(1, 4).then(|| chance.below(CHANNELS.len() as u64) as usize);
            said += u64::from(book.say(other.unwrap_or(channel)));
        }
        if chance.chance(1, 5) {
            fault(&mut book.world, chance);
        }
        let span = *chance.pick(&[5, 50, 500, 3_000]);
        book.world.run(chance.millis(0, span));
        book.listen()?;
    }
    // The faults stop; every stream speaks once more.
    calm(&mut book.world);
    book.listen()?;
    for channel in 0..CHANNELS.len() {
        book.say(channel);
    }
    book.world.run(Duration::from_secs(1));
    book.close()
}

fn fault(world: &mut World, chance: &mut Prng) {
    match chance.below(12) {
        0 | 1 => world.cut(),
        2 => world.close(*chance.pick(&[1000, 1001, 1011])),
        3 => world.freeze(),
        4 => world.thaw(),
        5 => world.link.dials.push_back(Dial::refused()),
        6 => world.gateway.set_authenticated(false),
        7 | 8 => world.gateway.set_authenticated(true),
        9 => drop(world.submit(Command::HardReset { restart: true })),
        10 => drop(world.submit(Command::Recreate)),
        _ => world.link.latency = chance.millis(0, 400),
    }
}

fn calm(world: &mut World) {
    world.thaw();
    world.gateway.set_authenticated(true);
    world.link.latency = Duration::from_millis(10);
    world.run(Duration::from_secs(120));
}

/// What was said of one stream: which numbers came.
#[derive(Default)]
struct Stream {
    said: u64,
    came: Vec<u64>,
}

struct Book {
    world: World,
    /// How much of the world's trace has been seen.
    seen: usize,
    queues: Queues,
    streams: BTreeMap<SubscriptionKey, Stream>,
    consumers: Vec<Consumer>,
    chance: Prng,
}

impl Book {
    fn new(seed: u64, chance: &mut Prng) -> Result<Self, String> {
        let quiet = r#"{"t":0,"dir":"in","raw":"{\"topic\":\"news\"}"}"#;
        let recording = Recording::parse("ledger", quiet).map_err(|error| error.to_string())?;
        let gateway = GatewayConfig { source: Source::Recording(Arc::new(recording)), ..GatewayConfig::seeded(seed) };
        let mut world = World::new(Config { seed, ..Config::default() }, gateway);
        world.note(&format!("ledger {seed}"));
        world.settle(&CHANNELS);
        let favourite = sub(chance.pick(&CHANNELS).trim_end_matches("+{}"));
        let mut queues = Queues::default();
        let wanted = [EventFilter::All, EventFilter::Key(favourite.key()), EventFilter::Subscription(favourite)];
        let consumers = wanted.map(|wanted| Consumer::new(&mut queues, wanted, chance)).into();
        let streams = CHANNELS.map(|channel| (sub(channel.trim_end_matches("+{}")), Stream::default())).into();
        let seen = world.trace().len();
        let mut book = Self { world, seen, queues, streams, consumers, chance: Prng::part(seed, "lazy", 0) };
        // A gap is told of streams that flowed.
        for channel in 0..CHANNELS.len() {
            book.say(channel);
        }
        book.world.run(Duration::from_secs(2));
        Ok(book)
    }

    /// The gateway says the next number of a channel, if anybody is there to say it to.
    fn say(&mut self, channel: usize) -> bool {
        if self.world.conn().is_none() {
            return false;
        }
        let key = sub(CHANNELS[channel].trim_end_matches("+{}"));
        let stream = self.streams.entry(key.clone()).or_default();
        let n = stream.said;
        stream.said += 1;
        let rest = match key.key() {
            Key::MarketData => format!(r#""{}":"{n}""#, 7_000 + n % 9),
            Key::PriceLadder => format!(r#""data":[{{"row":{},"price":{n}}}]"#, n % 8),
            Key::Orders => format!(r#""args":[{{"orderId":{},"filledQuantity":{n}}}]"#, n % 20),
            Key::Trades => format!(r#""args":[{{"execution_id":"{n}","price":"{n}"}}]"#),
            _ => r#""args":{}"#.to_owned(),
        };
        self.world.gateway_sends(format!(r#"{{"topic":"s{key}","n":{n},{rest}}}"#));
        true
    }

    /// Hands on what has happened, and lets the consumers take what they feel like.
    fn listen(&mut self) -> Result<(), String> {
        for entry in self.world.trace().get(self.seen..).unwrap_or_default() {
            let What::Output(Output::Event(event)) = &entry.what else { continue };
            if let Some((key, n)) = numbered(event) {
                let came = &mut self.streams.entry(key.clone()).or_default().came;
                if came.last().is_some_and(|last| *last >= n) {
                    return Err(format!("{key}: {n} came again, or late"));
                }
                came.push(n);
            }
            let consumers = &mut self.consumers;
            self.queues.deliver(event.clone(), |id| {
                let consumer = consumers.iter_mut().find(|consumer| consumer.id == id);
                consumer.into_iter().for_each(|consumer| consumer.owe(event));
            });
        }
        self.seen = self.world.trace().len();
        for consumer in &mut self.consumers {
            if !self.chance.chance(1, consumer.laziness) {
                continue;
            }
            for _ in 0..self.chance.below(consumer.appetite) {
                consumer.take(&mut self.queues, &self.streams)?;
            }
        }
        Ok(())
    }

    /// Everything is taken out and must add up.
    fn close(mut self) -> Result<Report, String> {
        self.listen()?;
        let mut report = Report::default();
        for consumer in &mut self.consumers {
            while consumer.take(&mut self.queues, &self.streams)? {}
            report.add(&consumer.close(&self.streams)?);
        }
        Ok(report)
    }
}

/// The stream and the number of a message.
fn numbered(event: &Event) -> Option<(&SubscriptionKey, u64)> {
    let Event::Message(message) = event else { return None };
    let n = message.frame.get("n").and_then(Json::as_i64)?;
    Some((message.subscription.as_ref()?, u64::try_from(n).ok()?))
}

struct Consumer {
    id: QueueId,
    wanted: EventFilter,
    limits: QueueLimits,
    /// It looks once in so many times, and takes fewer than so many.
    laziness: u64,
    appetite: u64,
    /// Messages put in minus accounted for, by key.
    owed: BTreeMap<Option<Key>, i64>,
    accounts: BTreeMap<SubscriptionKey, Account>,
    report: Report,
}

/// What a consumer knows of one stream.
#[derive(Default)]
struct Account {
    /// Of the numbers that came, so many are behind it.
    behind: usize,
    /// It is in a gap, or was in one since its last message.
    gap: bool,
    was_gap: bool,
}

impl Consumer {
    fn new(queues: &mut Queues, wanted: EventFilter, chance: &mut Prng) -> Self {
        // Room for a few notices of each stream, so that gaps are always told as gaps.
        let limits = QueueLimits {
            events: 64 + chance.below(*chance.clone().pick(&[1, 100, 2_000])) as usize,
            bytes: if chance.chance(1, 2) { usize::MAX } else { 60_000 + chance.below(500_000) as usize },
        };
        let id = queues.open(wanted.clone(), limits);
        let (laziness, appetite) = (*chance.pick(&[1, 3, 30, 1_000]), *chance.pick(&[2, 20, 1_000]));
        let (owed, accounts, report) = (BTreeMap::new(), BTreeMap::new(), Report::default());
        Self { id, wanted, limits, laziness, appetite, owed, accounts, report }
    }

    fn owe(&mut self, event: &Event) {
        match event {
            Event::Message(message) => *self.owed.entry(message.key).or_default() += 1,
            Event::Malformed(_) => *self.owed.entry(None).or_default() += 1,
            _ => {}
        }
    }

    fn take(&mut self, queues: &mut Queues, streams: &BTreeMap<SubscriptionKey, Stream>) -> Result<bool, String> {
        let Some(queue) = queues.get_mut(self.id) else { return Err("the queue is gone".into()) };
        if queue.len() > self.limits.events || queue.bytes() > self.limits.bytes {
            return Err(format!("{} events and {} bytes within {:?}", queue.len(), queue.bytes(), self.limits));
        }
        let Some(item) = Queue::pop(queue) else { return Ok(false) };
        match item {
            Item::Lost(lost) => {
                *self.owed.entry(lost.key).or_default() -= i64::try_from(lost.messages).unwrap_or(i64::MAX);
            }
            Item::Event(Event::Message(message)) => {
                let stands_for = i64::try_from(message.merged).unwrap_or(i64::MAX) + 1;
                *self.owed.entry(message.key).or_default() -= stands_for;
                self.message(&message, streams).map_err(|what| format!("{:?}: {what}", self.wanted))?;
            }
            Item::Event(Event::Gap(gap)) => {
                self.report.gaps += 1;
                let account = self.accounts.entry(gap.key).or_default();
                (account.gap, account.was_gap) = (true, true);
            }
            Item::Event(Event::Resumed(end)) => self.accounts.entry(end.key).or_default().gap = false,
            Item::Event(_) => {}
        }
        Ok(true)
    }

    fn message(&mut self, message: &Message, streams: &BTreeMap<SubscriptionKey, Stream>) -> Result<(), String> {
        let event = Event::Message(message.clone());
        let Some((key, n)) = numbered(&event) else { return Ok(()) };
        let Some(stream) = streams.get(key) else { return Err(format!("{key} is no stream")) };
        let account = self.accounts.entry(key.clone()).or_default();
        let Ok(newest) = stream.came.binary_search(&n) else { return Err(format!("{key}: {n} never came")) };
        let oldest = newest.checked_sub(message.merged as usize).filter(|oldest| *oldest >= account.behind);
        let Some(oldest) = oldest else { return Err(format!("{key}: {n} stands for too many")) };
        let run = stream.came.get(oldest..=newest).unwrap_or_default();
        let first = run.first().copied().unwrap_or(n);
        if n - first != message.merged {
            return Err(format!("{key}: {n} stands for {first} on, of which some never came"));
        }
        // Numbers that came and are skipped were dropped; all others never came, and a gap must say so.
        let before = account.behind.checked_sub(1).and_then(|last| stream.came.get(last)).map_or(0, |last| last + 1);
        let dropped = (oldest - account.behind) as u64;
        let cut = first - before - dropped;
        if cut > 0 && !account.was_gap {
            return Err(format!("{key}: {cut} numbers from {before} on never came, and nobody said so"));
        }
        account.behind = newest + 1;
        account.was_gap = account.gap;
        self.report.delivered += 1;
        self.report.merged += message.merged;
        self.report.lost += dropped;
        self.report.cut += cut;
        Ok(())
    }

    fn close(&mut self, streams: &BTreeMap<SubscriptionKey, Stream>) -> Result<Report, String> {
        if let Some((key, owed)) = self.owed.iter().find(|(_, owed)| **owed != 0) {
            return Err(format!("{:?}: {owed} messages of {key:?} are unaccounted for", self.wanted));
        }
        for (key, stream) in streams {
            let is_for_it = match &self.wanted {
                EventFilter::Subscription(wanted) => wanted == key,
                EventFilter::Key(wanted) => *wanted == key.key(),
                _ => true,
            };
            if !is_for_it {
                continue;
            }
            self.report.said += stream.said;
            // Dropped at the very end, which the count above told.
            let account = self.accounts.entry(key.clone()).or_default();
            self.report.lost += (stream.came.len() - account.behind) as u64;
            let last = stream.came.last().map_or(0, |last| last + 1);
            if last != stream.said {
                return Err(format!("{key}: after the faults {last} of {} were the last to come", stream.said));
            }
            let behind =
                account.behind.checked_sub(1).and_then(|last| stream.came.get(last)).map_or(0, |last| last + 1);
            self.report.cut += stream.said - behind - (stream.came.len() - account.behind) as u64;
        }
        let Report { said, delivered, merged, lost, cut, .. } = self.report;
        if said == delivered + merged + lost + cut {
            Ok(self.report)
        } else {
            Err(format!("{:?}: {said} said, {:?} accounted for", self.wanted, self.report))
        }
    }
}
