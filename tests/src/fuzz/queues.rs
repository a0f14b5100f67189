//! Queues that arbitrary operations fill and empty, against the reference model of conflation, and
//! against the memory that they hold.

use bytes::Bytes;
use ibws_proto::Event;
use ibws_proto::SubscriptionKey;
use ibws_proto::queue::{EventFilter, QueueId, QueueLimits, Queues};

use super::memory::{allocated, held};
use crate::balance::within_limits;
use crate::conflation::{CHANNELS, Model, Source};
use crate::prng::Prng;
use crate::walk::ByteSource;

/// The largest number of operations of a run.
const OPERATIONS: usize = 128;
/// The largest number of queues at once.
const QUEUES: usize = 4;
/// Bytes that a queue holds beside its events: its list of slots, and its index.
const FIXED: usize = 64 * 1024;
/// Bytes of the buffers of dropped messages that all queues keep for others.
const SPARE: usize = 256 * 1024;
/// Bytes that may remain after a run: buffers of the program that are not of this run.
const REMAINDER: usize = 64 * 1024;

/// Opens, fills, empties and closes queues as the bytes decide. Checks that:
///
/// * each message is delivered, merged, reported as lost or still queued, and a consumer's fold of
///   what it received is that of a model, in every field;
/// * no queue exceeds its limits, nor do all of them together;
/// * dropping the queues frees no more than they counted, in a program whose allocator counts.
///
/// Memory is measured in runs without a model, because a model shares the bytes of the messages.
///
/// # Panics
/// If one of these does not hold.
pub fn queues(data: &[u8]) {
    let before = allocated();
    let mut bytes = ByteSource::new(data);
    let checked = if bytes.chance(96) { measured(&mut bytes) } else { modelled(&mut bytes) };
    if let Err(rule) = checked {
        panic!("{rule}");
    }
    let remaining = allocated().saturating_sub(before);
    assert!(remaining <= REMAINDER, "{remaining} bytes remain");
}

/// A queue with its consumer.
struct Consumer {
    id: QueueId,
    limits: QueueLimits,
    model: Option<Model>,
    /// The most bytes that it counted since it was last empty. The list of its slots is as long as
    /// it was then.
    peak: usize,
}

/// The queues of a run.
struct Run {
    source: Source,
    queues: Queues,
    total: usize,
    consumers: Vec<Consumer>,
    has_models: bool,
    /// Whether each frame holds its number outside of its rows, by which a model knows it.
    is_numbered: bool,
    /// The number of the next frame with arbitrary members.
    next: u64,
}

impl Run {
    fn new(bytes: &mut ByteSource<'_>, has_models: bool) -> Self {
        let total = if bytes.chance(128) { 400 << bytes.below(8) } else { usize::MAX };
        let is_numbered = bytes.chance(192);
        let mut source = Source::new(u64::from(bytes.byte()), is_numbered);
        // The events of connecting are left out, so that the queues have room for the streams.
        drop(source.events());
        let queues = Queues::with_total_bytes(total);
        let mut run = Self { source, queues, total, consumers: Vec::new(), has_models, is_numbered, next: 1_000_000 };
        run.open(bytes);
        run
    }

    /// Takes the operations that the bytes decide.
    fn operate(&mut self, bytes: &mut ByteSource<'_>) -> Result<(), String> {
        for _ in 0..OPERATIONS {
            if bytes.is_empty() {
                break;
            }
            match bytes.below(32) {
                0 => self.source.cut(),
                1 => self.source.lose_authentication(),
                2 => self.source.heartbeat(),
                3 => self.source.garbage(),
                4 => self.open(bytes),
                5 => self.close(bytes)?,
                6..=12 => self.take(bytes)?,
                31 => self.queues.begin_round(),
                // A model needs the numbers of frames with rows and fields.
                13 | 14 if !self.has_models => self.source.receive(in_large_buffer(bytes.bytes(255))),
                13..=16 if self.is_numbered || !self.has_models => {
                    self.next += 1;
                    self.source.receive(with_topic(bytes, self.next));
                }
                _ => {
                    let channel = bytes.below(CHANNELS.len());
                    self.source.frame(channel, &mut Prng::new(u64::from(bytes.byte())));
                }
            }
            self.deliver()?;
        }
        Ok(())
    }

    fn open(&mut self, bytes: &mut ByteSource<'_>) {
        if self.consumers.len() == QUEUES {
            return;
        }
        let key = SubscriptionKey::parse(bytes.pick(&CHANNELS).0).unwrap_or_else(|error| panic!("{error}"));
        let filter = match bytes.below(4) {
            0 => EventFilter::Subscription(key),
            1 => EventFilter::Key(key.key()),
            _ => EventFilter::All,
        };
        let events = 1 + bytes.below(24);
        let limits = QueueLimits { events, bytes: if bytes.chance(96) { 64 << bytes.below(10) } else { usize::MAX } };
        let id = self.queues.open(filter, limits);
        self.consumers.push(Consumer { id, limits, model: self.has_models.then(Model::default), peak: 0 });
    }

    fn close(&mut self, bytes: &mut ByteSource<'_>) -> Result<(), String> {
        if self.consumers.is_empty() {
            return Ok(());
        }
        let mut consumer = self.consumers.swap_remove(bytes.below(self.consumers.len()));
        self.empty(&mut consumer)?;
        self.queues.close(consumer.id).map(drop).ok_or_else(|| "the queue is not open".into())
    }

    /// Takes everything out of a queue, and settles its account.
    fn empty(&mut self, consumer: &mut Consumer) -> Result<(), String> {
        let Some(model) = &mut consumer.model else { return Ok(()) };
        while model.take(&mut self.queues, consumer.id)? {}
        model.settle()
    }

    fn take(&mut self, bytes: &mut ByteSource<'_>) -> Result<(), String> {
        if self.consumers.is_empty() {
            return Ok(());
        }
        let at = bytes.below(self.consumers.len());
        let consumer = &mut self.consumers[at];
        for _ in 0..=bytes.below(8) {
            match &mut consumer.model {
                Some(model) => drop(model.take(&mut self.queues, consumer.id)?),
                None => drop(self.queues.get_mut(consumer.id).and_then(|queue| queue.pop())),
            }
        }
        let queue = self.queues.get(consumer.id).ok_or("the queue is not open")?;
        if queue.is_empty() {
            consumer.peak = 0;
        }
        Ok(())
    }

    /// Delivers the events of the source, and checks the limits after each.
    fn deliver(&mut self) -> Result<(), String> {
        for event in self.source.events() {
            let copy = self.has_models.then(|| event.clone());
            self.deliver_one(event, copy)?;
        }
        Ok(())
    }

    fn deliver_one(&mut self, event: Event, copy: Option<Event>) -> Result<(), String> {
        let mut accepted = Vec::new();
        self.queues.deliver(event, |id, _| accepted.push(id));
        for consumer in &mut self.consumers {
            if accepted.contains(&consumer.id)
                && let (Some(model), Some(copy)) = (&mut consumer.model, &copy)
            {
                model.put_in(copy.clone());
            }
            let queue = self.queues.get(consumer.id);
            within_limits(queue, consumer.limits)?;
            consumer.peak = consumer.peak.max(queue.map_or(0, |queue| queue.bytes()));
        }
        let bytes = self.queues.bytes();
        if bytes <= self.total {
            Ok(())
        } else {
            Err(format!("{bytes} bytes in all queues, the limit is {}", self.total))
        }
    }
}

/// An object with the topic of a channel, a number and arbitrary members.
fn with_topic(bytes: &mut ByteSource<'_>, number: u64) -> Bytes {
    let topic = bytes.pick(&CHANNELS).1;
    let members = bytes.bytes(255);
    let comma = if members.is_empty() { "" } else { "," };
    [format!(r#"{{"topic":"{topic}","n":{number}{comma}"#).as_bytes(), members, b"}"].concat().into()
}

/// A frame that is cut from a buffer far larger than it, as a read of a socket makes it.
fn in_large_buffer(frame: &[u8]) -> Bytes {
    let mut buffer = frame.to_vec();
    buffer.resize(20_000, b' ');
    Bytes::from(buffer).slice(..frame.len())
}

fn modelled(bytes: &mut ByteSource<'_>) -> Result<(), String> {
    let mut run = Run::new(bytes, true);
    run.operate(bytes)?;
    for mut consumer in std::mem::take(&mut run.consumers) {
        run.empty(&mut consumer)?;
    }
    Ok(())
}

fn measured(bytes: &mut ByteSource<'_>) -> Result<(), String> {
    let mut run = Run::new(bytes, false);
    run.operate(bytes)?;
    // What the last round shares with the buffers that it was received in is not counted.
    run.queues.begin_round();
    let Run { source, queues, consumers, .. } = run;
    // What the machine holds would be freed with it.
    drop(source);
    let counted: usize = consumers.iter().map(|consumer| consumer.peak).sum();
    let open = consumers.len();
    let held = held(queues);
    let most = counted + counted / 10 + FIXED * open.max(1) + SPARE;
    if held <= most { Ok(()) } else { Err(format!("{open} queues hold {held} bytes, and counted {counted}")) }
}
