//! What a consumer that reads nothing costs another one: messages of two streams arrive in turn,
//! and one of them has a consumer whose queue is full. The rounds with and without it alternate, so
//! that both see the same machine.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use ibws_bench::{Figure, save};
use ibws_proto::queue::{EventFilter, Item, Overflow, Queue, QueueId, QueueLimits, Queues};
use ibws_proto::{Event, Machine, Subscribe};

#[path = "core/ready.rs"]
mod ready;
#[path = "core/samples.rs"]
mod samples;

use samples::SAMPLES;

/// The messages of each stream in a round.
const MESSAGES: u32 = 20_000;
/// The pairs of rounds.
const ROUNDS: usize = 41;
/// The contract of the stream that has a consumer at work in all rounds, and a frame of it.
const FAST: usize = 265_598;
const FAST_FRAME: &str = r#"{"server_id":"q17","conidEx":"265598","conid":265598,"_updated":1790000000623,"6119":"q17","84":"101.26","86":"101.31","88":"1,200","topic":"smd+265598"}"#;

/// A stream whose consumer reads nothing.
struct Case {
    name: &'static str,
    /// The name of the frame that arrives.
    frame: &'static str,
    overflow: Overflow,
}

const CASES: [Case; 5] = [
    Case { name: "smd, merged", frame: "smd full", overflow: Overflow::Merge },
    Case { name: "sor, folded", frame: "sor", overflow: Overflow::Merge },
    Case { name: "str, folded", frame: "str", overflow: Overflow::Merge },
    Case { name: "smd, oldest dropped", frame: "smd full", overflow: Overflow::DropOldest },
    Case { name: "smd, newest kept", frame: "smd full", overflow: Overflow::KeepNewest },
];

fn main() -> io::Result<()> {
    let mut figures = Vec::new();
    for case in &CASES {
        let (at_work, stalled, cost) = measure(case);
        for (column, unit, values) in
            [("both read", "messages/s", at_work), ("one reads nothing", "messages/s", stalled), ("cost", "%", cost)]
        {
            let figure = figure(case.name, column, unit, values);
            println!("{}, {}: {:.1} {}", figure.name, figure.column, figure.median, figure.unit);
            figures.push(figure);
        }
    }
    save("consumers", &figures)
}

fn figure(name: &str, column: &str, unit: &str, mut values: Vec<f64>) -> Figure {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    Figure {
        group: "consumers".into(),
        name: name.into(),
        column: column.into(),
        unit: unit.into(),
        median: at(values.len() / 2),
        range: (at(0), at(values.len().saturating_sub(1))),
    }
}

/// Returns the messages a second of the fast stream while both consumers read, and while one reads
/// nothing, and what the second costs in percent; one value for each pair of rounds.
fn measure(case: &Case) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut at_work, mut stalled) = (Rig::new(case, true), Rig::new(case, false));
    // The first rounds fill the queue of the consumer that reads nothing.
    at_work.round();
    stalled.round();
    assert!(stalled.is_full(), "{}: a queue that nobody reads is full", case.name);
    let pairs: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|round| {
            // Either comes first in turn.
            if round % 2 == 0 {
                let first = at_work.round();
                (first, stalled.round())
            } else {
                let first = stalled.round();
                (at_work.round(), first)
            }
        })
        .collect();
    let cost = pairs.iter().map(|(before, after)| (before / after - 1.0) * 100.0).collect();
    (pairs.iter().map(|pair| pair.0).collect(), pairs.iter().map(|pair| pair.1).collect(), cost)
}

/// A machine with two streams, and a queue for each.
struct Rig {
    machine: Machine,
    queues: Queues,
    fast: QueueId,
    slow: QueueId,
    frames: [Bytes; 2],
    both_read: bool,
}

impl Rig {
    fn new(case: &Case, both_read: bool) -> Self {
        let sample = SAMPLES.iter().find(|sample| sample.name == case.frame).expect("a sample");
        let subscription = sample.subscription.expect("a stream");
        let frames = [FAST_FRAME, sample.text].map(|text| Bytes::from(text.to_owned()));
        let own = ready::quotes(FAST, 1).chain([(subscription.to_owned(), frames[1].clone())]);
        let mut queues = Queues::default();
        let mut open = |text: &str, overflow: Overflow| {
            let key = Subscribe::parse(text).expect("a channel").key;
            queues.open(EventFilter::Subscription(key), QueueLimits::default().overflow(overflow))
        };
        let (fast, slow) = (open(&format!("md+{FAST}"), Overflow::Merge), open(subscription, case.overflow));
        Self { machine: ready::machine(own), queues, fast, slow, frames, both_read }
    }

    /// Delivers the messages of a round, and returns those of the fast stream a second.
    fn round(&mut self) -> f64 {
        let began = Instant::now();
        for _ in 0..MESSAGES {
            for frame in &self.frames {
                let event = ready::event(&mut self.machine, frame.clone());
                self.queues.deliver(event, |_, _| {});
            }
            let taken = self.queues.get_mut(self.fast).and_then(Queue::pop);
            assert!(matches!(taken, Some(Item::Event(Event::Message(_)))), "the fast stream loses nothing");
            if self.both_read {
                drop(self.queues.get_mut(self.slow).and_then(Queue::pop).expect("an event"));
            }
        }
        f64::from(MESSAGES) / began.elapsed().as_secs_f64()
    }

    /// Returns whether the queue of the consumer that reads nothing has had to make room.
    fn is_full(&self) -> bool {
        let stats = self.queues.stats();
        stats.merged.iter().chain(stats.lost.iter()).any(|(_, count)| count > 0)
    }
}
