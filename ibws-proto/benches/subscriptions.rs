//! The cost of a frame and of a tick with 10, 1,000 and 100,000 subscriptions. Frames of ten keys
//! show the cost of the work, frames of random keys add the cost of cache misses.

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ibws_proto::{Command, Config, ConnId, Event, Input, Instant, Machine, Output, Subscribe};

const COUNTS: [usize; 3] = [10, 1_000, 100_000];
const CONN: ConnId = ConnId(1);
/// The number of frames with random keys.
const RANDOM: usize = 4_096;

fn conid(n: usize) -> usize {
    100_000 + n
}

/// Returns a delta of three fields, like most frames of market data.
fn delta(n: usize) -> Bytes {
    let conid = conid(n);
    format!(
        r#"{{"server_id":"q2","conidEx":"{conid}","conid":{conid},"_updated":1790000000143,"6119":"q2","31":"181.27","84":"181.20","86":"181.31","topic":"smd+{conid}"}}"#
    )
    .into()
}

/// Returns a ready machine with `count` active subscriptions, and its time.
fn ready(count: usize) -> (Machine, Instant) {
    let now = Instant::ORIGIN;
    let config =
        Config { max_lines: usize::MAX, tic_interval: None, resubscribe_burst: usize::MAX, ..Config::default() };
    let mut machine = Machine::new(config, now);
    machine.submit(now, Command::Start);
    machine.handle(now, Input::Opened(CONN));
    for frame in [r#"{"topic":"system","success":"user"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#] {
        machine.handle(now, Input::Frame(CONN, frame.into()));
    }
    for n in 0..count {
        let subscribe = Subscribe::parse(&format!(r#"md+{}+{{"fields":["31","84","86"]}}"#, conid(n))).unwrap();
        machine.submit(now, Command::Subscribe(subscribe));
        machine.handle(now, Input::Frame(CONN, delta(n)));
        while machine.poll().is_some() {}
    }
    (machine, now)
}

/// Measures frames from input to output.
fn frames(criterion: &mut Criterion, name: &str, keys: impl Fn(usize) -> Vec<usize>) {
    let mut group = criterion.benchmark_group(name);
    for count in COUNTS {
        let (mut machine, now) = ready(count);
        let frames: Vec<Bytes> = keys(count).into_iter().map(delta).collect();
        let mut at = 0;
        group.bench_function(BenchmarkId::new("subscriptions", count), |bencher| {
            bencher.iter_batched(
                || {
                    at = (at + 1) % frames.len();
                    frames[at].clone()
                },
                |raw| {
                    machine.handle(now, Input::Frame(CONN, raw));
                    let Some(Output::Event(Event::Message(message))) = machine.poll() else { panic!("no message") };
                    assert!(message.subscription.is_some());
                    message
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn hot(criterion: &mut Criterion) {
    // The keys are spread over the table, as those of active contracts are.
    frames(criterion, "frame of ten hot keys", |count| (0..10).map(|n| n * (count / 10)).collect());
}

fn random(criterion: &mut Criterion) {
    frames(criterion, "frame of random keys", |count| {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0) % count
        };
        (0..RANDOM).map(|_| next()).collect()
    });
}

/// Measures a tick at which nothing is due.
fn idle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick with nothing due");
    for count in COUNTS {
        let (mut machine, now) = ready(count);
        group.bench_function(BenchmarkId::new("subscriptions", count), |bencher| {
            bencher.iter(|| {
                machine.handle(now, Input::Tick);
                assert!(machine.poll().is_none());
            });
        });
    }
    group.finish();
}

/// Measures a tick that renews one subscription, and the frame that confirms it.
fn due(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick that renews one, and its confirmation");
    for count in COUNTS {
        let (mut machine, mut now) = ready(count);
        group.bench_function(BenchmarkId::new("subscriptions", count), |bencher| {
            bencher.iter(|| {
                // A pong at each tick prevents other timers from becoming due.
                let (at, _) = machine.next_wake().unwrap_or((now, ibws_proto::status::WakeReason::Silence));
                now = at.max(now);
                machine.handle(now, Input::Pong(CONN));
                let mut renewed = None;
                while let Some(output) = machine.poll() {
                    if let Output::Event(Event::Subscription(event)) = output {
                        renewed = event.key.conid();
                    }
                }
                if let Some(conid) = renewed {
                    let n = usize::try_from(conid).unwrap_or(0) - 100_000;
                    machine.handle(now, Input::Frame(CONN, delta(n)));
                    while machine.poll().is_some() {}
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hot, random, idle, due);
criterion_main!(benches);
