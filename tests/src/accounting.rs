//! Accounting: numbered messages pass through the machine and the queues, under faults, to
//! consumers that are fast or slow.
//!
//! Every number that the gateway sent is accounted for, for each consumer. It was delivered; or it
//! was merged into a message that counts it; or it was reported as lost; or it never reached the
//! client, and the consumer got the gap in which it is missing.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use ibws_proto::{
    Command, Config, Event, Item, Json, Message, Output, SubscriptionKey,
    queue::{EventFilter, Queue, QueueId, QueueLimits, Queues},
};

use crate::balance::{Balance, within_limits};
use crate::frames::numbered;
use crate::gateway::{GatewayConfig, Source};
use crate::prng::Prng;
use crate::recording::Recording;
use crate::tally::{Deliveries, Tally as _};
use crate::world::{Content, Dial, World, sub};

/// Numbered messages that the gateway sends in a run, at least.
pub const MESSAGES: u64 = 2_000;

/// The subscriptions. The gateway plays a recording that has no data of its own for them.
const CHANNELS: [&str; 6] = ["md+990001+{}", "md+990002+{}", "bd+DU1234567+990001", "or", "tr", "pl"];

/// Runs one seed.
///
/// # Errors
/// The count that does not add up.
///
/// # Panics
/// If an invariant of the machine breaks, with the timeline.
pub fn run_accounting(seed: u64) -> Result<Deliveries, String> {
    let chance = &mut Prng::part(seed, "ledger", 0);
    let mut run = Run::new(seed, chance)?;
    let mut sent = 0;
    while sent < MESSAGES {
        let (channel, burst) = (chance.below(CHANNELS.len() as u64) as usize, 1 + chance.below(60));
        for _ in 0..burst {
            // A burst is mostly of one stream.
            let other = chance.chance(1, 4).then(|| chance.below(CHANNELS.len() as u64) as usize);
            sent += u64::from(run.send(other.unwrap_or(channel)));
        }
        if chance.chance(1, 5) {
            fault(&mut run.world, chance);
        }
        let span = *chance.pick(&[5, 50, 500, 3_000]);
        run.world.run(chance.millis(0, span));
        run.consume()?;
    }
    // The faults stop, and every stream sends once more: its newest number must arrive.
    recover(&mut run.world);
    run.consume()?;
    for channel in 0..CHANNELS.len() {
        run.send(channel);
    }
    run.world.run(Duration::from_secs(1));
    run.close()
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

fn recover(world: &mut World) {
    world.thaw();
    world.gateway.set_authenticated(true);
    world.link.latency = Duration::from_millis(10);
    world.run(Duration::from_secs(120));
}

/// One stream: how many numbers were sent, and which of them reached the client.
#[derive(Default)]
struct Stream {
    sent: u64,
    received: Vec<u64>,
}

struct Run {
    world: World,
    /// Entries of the world's timeline that were handled.
    seen: usize,
    queues: Queues,
    streams: BTreeMap<SubscriptionKey, Stream>,
    consumers: Vec<Consumer>,
    chance: Prng,
}

impl Run {
    fn new(seed: u64, chance: &mut Prng) -> Result<Self, String> {
        let no_data = r#"{"t":0,"dir":"in","raw":"{\"topic\":\"news\"}"}"#;
        let recording = Recording::parse("accounting", no_data).map_err(|error| error.to_string())?;
        let gateway = GatewayConfig { source: Source::Recording(Arc::new(recording)), ..GatewayConfig::seeded(seed) };
        let mut world = World::new(Config { seed, ..Config::default() }, gateway);
        world.note(&format!("accounting {seed}"));
        world.settle(&CHANNELS);
        let favourite = sub(chance.pick(&CHANNELS).trim_end_matches("+{}"));
        let mut queues = Queues::default();
        let filters = [EventFilter::All, EventFilter::Key(favourite.key()), EventFilter::Subscription(favourite)];
        let consumers = filters.map(|filter| Consumer::new(&mut queues, filter, chance)).into();
        let streams = CHANNELS.map(|channel| (sub(channel.trim_end_matches("+{}")), Stream::default())).into();
        let seen = world.trace().len();
        let mut run = Self { world, seen, queues, streams, consumers, chance: Prng::part(seed, "lazy", 0) };
        // Only a stream that has flowed gets a gap.
        for channel in 0..CHANNELS.len() {
            run.send(channel);
        }
        run.world.run(Duration::from_secs(2));
        Ok(run)
    }

    /// Makes the gateway send the next number of a channel; returns `false` without a connection.
    fn send(&mut self, channel: usize) -> bool {
        if self.world.conn().is_none() {
            return false;
        }
        let key = sub(CHANNELS[channel].trim_end_matches("+{}"));
        let stream = self.streams.entry(key.clone()).or_default();
        let n = stream.sent;
        stream.sent += 1;
        self.world.gateway_sends(numbered::plain(&key, n));
        true
    }

    /// Delivers new events to the queues, and lets each consumer take a random number of items.
    fn consume(&mut self) -> Result<(), String> {
        for entry in self.world.trace().get(self.seen..).unwrap_or_default() {
            let Content::Output(Output::Event(event)) = &entry.content else { continue };
            if let Some((key, n)) = numbered(event) {
                let received = &mut self.streams.entry(key.clone()).or_default().received;
                if received.last().is_some_and(|last| *last >= n) {
                    return Err(format!("{key}: {n} came again, or late"));
                }
                received.push(n);
            }
            let consumers = &mut self.consumers;
            self.queues.deliver(event.clone(), |id, _| {
                let consumer = consumers.iter_mut().find(|consumer| consumer.id == id);
                consumer.into_iter().for_each(|consumer| consumer.balance.accepted(event));
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

    /// Empties all queues and checks that everything adds up.
    fn close(mut self) -> Result<Deliveries, String> {
        self.consume()?;
        let mut all = Deliveries::default();
        for consumer in &mut self.consumers {
            while consumer.take(&mut self.queues, &self.streams)? {}
            all.add(&consumer.close(&self.streams)?);
        }
        Ok(all)
    }
}

/// The stream and the number of a numbered message.
fn numbered(event: &Event) -> Option<(&SubscriptionKey, u64)> {
    let Event::Message(message) = event else { return None };
    let n = message.frame.get("n").and_then(Json::as_i64)?;
    Some((message.subscription.as_ref()?, u64::try_from(n).ok()?))
}

struct Consumer {
    id: QueueId,
    filter: EventFilter,
    limits: QueueLimits,
    /// It looks into its queue once in this many times.
    laziness: u64,
    /// It takes fewer items than this when it looks.
    appetite: u64,
    balance: Balance,
    accounts: BTreeMap<SubscriptionKey, Account>,
    deliveries: Deliveries,
}

/// A consumer's account of one stream.
#[derive(Default)]
struct Account {
    /// Numbers that reached the client and are accounted for.
    covered: usize,
    /// The stream is in a gap.
    gap: bool,
    /// The stream was in a gap at some time since its last message.
    was_gap: bool,
}

impl Consumer {
    fn new(queues: &mut Queues, filter: EventFilter, chance: &mut Prng) -> Self {
        // The queue has room for a few notices of each stream, so a gap is never among the losses.
        let limits = QueueLimits {
            events: 64 + chance.below(*chance.clone().pick(&[1, 100, 2_000])) as usize,
            bytes: if chance.chance(1, 2) { usize::MAX } else { 60_000 + chance.below(500_000) as usize },
        };
        let id = queues.open(filter.clone(), limits);
        let (laziness, appetite) = (*chance.pick(&[1, 3, 30, 1_000]), *chance.pick(&[2, 20, 1_000]));
        let (balance, accounts, deliveries) = (Balance::default(), BTreeMap::new(), Deliveries::default());
        Self { id, filter, limits, laziness, appetite, balance, accounts, deliveries }
    }

    fn take(&mut self, queues: &mut Queues, streams: &BTreeMap<SubscriptionKey, Stream>) -> Result<bool, String> {
        within_limits(queues.get(self.id), self.limits)?;
        let Some(item) = queues.get_mut(self.id).and_then(Queue::pop) else { return Ok(false) };
        self.balance.taken(&item);
        match item {
            Item::Event(Event::Message(message)) => {
                self.message(&message, streams).map_err(|what| format!("{:?}: {what}", self.filter))?;
            }
            Item::Event(Event::Gap(gap)) => {
                self.deliveries.gaps += 1;
                let account = self.accounts.entry(gap.key).or_default();
                (account.gap, account.was_gap) = (true, true);
            }
            Item::Event(Event::Resumed(end)) => self.accounts.entry(end.key).or_default().gap = false,
            Item::Lost(_) | Item::Event(_) => {}
        }
        Ok(true)
    }

    fn message(&mut self, message: &Message, streams: &BTreeMap<SubscriptionKey, Stream>) -> Result<(), String> {
        let event = Event::Message(message.clone());
        let Some((key, n)) = numbered(&event) else { return Ok(()) };
        let Some(stream) = streams.get(key) else { return Err(format!("{key} is no stream")) };
        let account = self.accounts.entry(key.clone()).or_default();
        let Ok(newest) = stream.received.binary_search(&n) else {
            return Err(format!("{key}: {n} never reached the client"));
        };
        let oldest = newest.checked_sub(message.merged as usize).filter(|oldest| *oldest >= account.covered);
        let Some(oldest) = oldest else { return Err(format!("{key}: {n} stands for too many")) };
        let run = stream.received.get(oldest..=newest).unwrap_or_default();
        let first = run.first().copied().unwrap_or(n);
        if n - first != message.merged {
            return Err(format!("{key}: {n} stands for {first} on, of which some never reached the client"));
        }
        // Skipped numbers that reached the client were dropped by the queue. All others never
        // reached it, and a gap must have been reported.
        let before =
            account.covered.checked_sub(1).and_then(|last| stream.received.get(last)).map_or(0, |last| last + 1);
        let dropped = (oldest - account.covered) as u64;
        let missed = first - before - dropped;
        if missed > 0 && !account.was_gap {
            return Err(format!(
                "{key}: {missed} numbers from {before} on never reached the client, and no gap was reported"
            ));
        }
        account.covered = newest + 1;
        account.was_gap = account.gap;
        self.deliveries.delivered += 1;
        self.deliveries.merged += message.merged;
        self.deliveries.lost += dropped;
        self.deliveries.missed += missed;
        Ok(())
    }

    fn close(&mut self, streams: &BTreeMap<SubscriptionKey, Stream>) -> Result<Deliveries, String> {
        self.balance.check().map_err(|what| format!("{:?}: {what}", self.filter))?;
        for (key, stream) in streams {
            let is_for_it = match &self.filter {
                EventFilter::Subscription(own) => own == key,
                EventFilter::Key(own) => *own == key.key(),
                _ => true,
            };
            if !is_for_it {
                continue;
            }
            self.deliveries.sent += stream.sent;
            // Numbers after the last message taken were dropped; the balance counted their loss
            // report.
            let account = self.accounts.entry(key.clone()).or_default();
            self.deliveries.lost += (stream.received.len() - account.covered) as u64;
            let last = stream.received.last().map_or(0, |last| last + 1);
            if last != stream.sent {
                return Err(format!(
                    "{key}: after the faults the newest number is {last}, and {} were sent",
                    stream.sent
                ));
            }
            let covered =
                account.covered.checked_sub(1).and_then(|last| stream.received.get(last)).map_or(0, |last| last + 1);
            self.deliveries.missed += stream.sent - covered - (stream.received.len() - account.covered) as u64;
        }
        let Deliveries { sent, delivered, merged, lost, missed, .. } = self.deliveries;
        if sent == delivered + merged + lost + missed {
            Ok(self.deliveries.clone())
        } else {
            Err(format!("{:?}: {sent} sent, accounted for: {:?}", self.filter, self.deliveries))
        }
    }
}
