//! The cost of the whole core, from the bytes of a frame to its event, with 1 to 10,000
//! subscriptions, and of a borrowed `serde_json` pass over the same bytes.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ibws_proto::{Command, Config, ConnId, Event, Input, Instant, Machine, Output, Subscribe};
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// A first market data frame of 16 fields in 266 bytes, with invented values.
const FRAME: &str = r#"{"6509":"RpB","conidEx":"265598","topic":"smd+265598","conid":265598,"_updated":1790000000143,"6119":"q2","83":0.41,"server_id":"q2","84":"181.20","31":"181.27","86":"181.31","85":"1,200","88":"300","7059":"100","55":"AAPL","6508":"&serviceID1=122&serviceID2=12333"}"#;

/// Returns a ready machine with `count` active subscriptions.
fn ready(count: usize) -> (Machine, ConnId, Instant) {
    let now = Instant::ORIGIN;
    let config = Config { max_lines: usize::MAX, renew_market_data: None, tic_interval: None, ..Config::default() };
    let mut machine = Machine::new(config, now);
    machine.submit(now, Command::Start);
    let conn = ConnId(1);
    machine.handle(now, Input::Opened(conn));
    for frame in [r#"{"topic":"system","success":"user"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#] {
        machine.handle(now, Input::Frame(conn, frame.into()));
    }
    for n in 0..count {
        let conid = 265_598 + n;
        machine.submit(now, Command::Subscribe(Subscribe::parse(&format!("md+{conid}")).unwrap()));
        machine.handle(now, Input::Frame(conn, format!(r#"{{"topic":"smd+{conid}"}}"#).into()));
    }
    while machine.poll().is_some() {}
    (machine, conn, now)
}

/// Collects every key and the text of every value in one borrowed pass.
fn borrowed(text: &str) -> Vec<(&str, &RawValue)> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(&'de str, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::with_capacity(24);
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Pairs).unwrap()
}

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("market data frame");
    let raw = Bytes::from_static(FRAME.as_bytes());
    group.bench_function("borrowed serde_json pass", |bencher| bencher.iter(|| borrowed(black_box(FRAME))));
    for count in [1, 100, 10_000] {
        let (mut machine, conn, now) = ready(count);
        group.bench_with_input(BenchmarkId::new("bytes to event, subscriptions", count), &raw, |bencher, raw| {
            bencher.iter_batched(
                || raw.clone(),
                |raw| {
                    machine.handle(now, Input::Frame(conn, raw));
                    let Some(Output::Event(Event::Message(message))) = machine.poll() else { panic!("no message") };
                    assert!(message.subscription.is_some() && message.frame.get("31").is_some());
                    message
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
