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

/// The different frames of a stream, which arrive in turn.
const FRAMES: usize = 64;

/// A stream whose consumer reads nothing.
struct Case {
    name: &'static str,
    /// The name of the frame that its frames are made from.
    frame: &'static str,
    overflow: Overflow,
    /// Makes the frame with this number.
    vary: fn(&str, usize) -> String,
}

const CASES: [Case; 8] = [
    Case { name: "smd, other values, merged", frame: "smd full", overflow: Overflow::Merge, vary: values },
    Case { name: "smd, other fields, merged", frame: "smd full", overflow: Overflow::Merge, vary: fields },
    Case { name: "sor, one order, folded", frame: "sor", overflow: Overflow::Merge, vary: values },
    Case { name: "sor, 8 orders, folded", frame: "sor", overflow: Overflow::Merge, vary: orders },
    Case { name: "str, one execution, folded", frame: "str", overflow: Overflow::Merge, vary: values },
    Case { name: "str, 64 executions, folded", frame: "str", overflow: Overflow::Merge, vary: executions },
    Case { name: "smd, oldest dropped", frame: "smd full", overflow: Overflow::DropOldest, vary: values },
    Case { name: "smd, newest kept", frame: "smd full", overflow: Overflow::KeepNewest, vary: values },
];

/// Replaces a part of the text, which has it.
fn replaced(text: &str, part: &str, by: &str) -> String {
    assert!(text.contains(part), "{part} in {text}");
    text.replace(part, by)
}

/// Changes a price.
fn values(text: &str, number: usize) -> String {
    let price = ["101.27", "99.50"].into_iter().find(|price| text.contains(price)).expect("a price");
    replaced(text, price, &format!("100.{:02}", number % 100))
}

/// Sends four sets of fields in turn, as a gateway does: the last price, the bid, the ask, both.
fn fields(_: &str, number: usize) -> String {
    let price = |tag: &str| format!(r#""{tag}":"100.{:02}""#, number % 100);
    let size = |tag: &str| format!(r#""{tag}":"{}00""#, number % 100 + 1);
    let changed = match number % 4 {
        0 => [price("31"), size("7059")].join(","),
        1 => [price("84"), size("88")].join(","),
        2 => [price("86"), size("85")].join(","),
        _ => [price("84"), size("88"), price("86"), size("85")].join(","),
    };
    format!(
        r#"{{"server_id":"q1","conidEx":"700123","conid":700123,"_updated":1893598245{number:03},"6119":"q1",{changed},"topic":"smd+700123"}}"#
    )
}

fn orders(text: &str, number: usize) -> String {
    replaced(&values(text, number), "70000001", &format!("7000000{}", number % 8))
}

fn executions(text: &str, number: usize) -> String {
    replaced(text, "0000aaaa.70000001.01.01", &format!("0000aaaa.70000001.{number:02}.01"))
}

fn main() -> io::Result<()> {
    // As with the other benchmarks, a part of a name selects what runs, and what is saved stays.
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut figures = Vec::new();
    for case in CASES.iter().filter(|case| part.as_ref().is_none_or(|part| case.name.contains(part.as_str()))) {
        let (at_work, stalled, cost) = measure(case);
        for (column, unit, values) in
            [("both read", "messages/s", at_work), ("one reads nothing", "messages/s", stalled), ("cost", "%", cost)]
        {
            let figure = figure(case.name, column, unit, values);
            println!("{}, {}: {:.1} {}", figure.name, figure.column, figure.median, figure.unit);
            figures.push(figure);
        }
    }
    if part.is_some() { Ok(()) } else { save("consumers", &figures) }
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
    fast_frame: Bytes,
    slow_frames: Vec<Bytes>,
    both_read: bool,
}

impl Rig {
    fn new(case: &Case, both_read: bool) -> Self {
        let sample = SAMPLES.iter().find(|sample| sample.name == case.frame).expect("a sample");
        let subscription = sample.subscription.expect("a stream");
        let slow_frames: Vec<Bytes> = (0..FRAMES).map(|number| (case.vary)(sample.text, number).into()).collect();
        let own = ready::quotes(FAST, 1).chain([(subscription.to_owned(), slow_frames[0].clone())]);
        let mut queues = Queues::default();
        let mut open = |text: &str, overflow: Overflow| {
            let key = Subscribe::parse(text).expect("a channel").key;
            queues.open(EventFilter::Subscription(key), QueueLimits::default().overflow(overflow))
        };
        let (fast, slow) = (open(&format!("md+{FAST}"), Overflow::Merge), open(subscription, case.overflow));
        let fast_frame = Bytes::from(FAST_FRAME.to_owned());
        Self { machine: ready::machine(own), queues, fast, slow, fast_frame, slow_frames, both_read }
    }

    /// Delivers the messages of a round, and returns those of the fast stream a second.
    fn round(&mut self) -> f64 {
        let began = Instant::now();
        for (_, slow_frame) in (0..MESSAGES).zip(self.slow_frames.iter().cycle()) {
            for frame in [&self.fast_frame, slow_frame] {
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
