//! Statistics: exact figures of stories in which everything is known.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ibws_proto::queue::QueueLimits;
use ibws_proto::status::Stats;
use ibws_proto::{Command, Config, ConnId, Event, Input, Instant, Item, Key, Machine};

use super::*;

/// A machine, its connection and its clock.
struct Bare {
    machine: Machine,
    conn: ConnId,
    now: Instant,
}

impl Bare {
    fn open() -> Self {
        let config = Config { tic_interval: None, ..Config::default() };
        let mut machine = Machine::new(config, Instant::ORIGIN);
        machine.submit(Instant::ORIGIN, Command::Start);
        let mut bare = Self { machine, conn: ConnId(0), now: Instant::ORIGIN };
        bare.reopen();
        bare
    }

    /// Opens the next connection, and makes it ready.
    fn reopen(&mut self) {
        self.conn = ConnId(self.conn.0 + 1);
        self.machine.handle(self.now, Input::Opened(self.conn));
        self.frame(r#"{"topic":"system","success":"user"}"#);
        self.frame(r#"{"topic":"sts","args":{"authenticated":true}}"#);
    }

    fn frame(&mut self, text: &str) {
        self.machine.handle(self.now, Input::Frame(self.conn, text.to_owned().into()));
    }

    fn at(&mut self, millis: u64) {
        self.now = Instant::from_millis(millis);
        self.machine.handle(self.now, Input::Tick);
    }

    fn stats(&self) -> Stats {
        self.machine.stats()
    }
}

#[test]
fn a_round_trip_lasts_from_a_tic_to_the_first_of_its_replies() {
    const REPLY: &str = r#"{"topic":"tic","alive":true,"id":"x","lastAccessed":1}"#;
    let mut bare = Bare::open();
    for (sent, received) in [(1_000, 1_030), (2_000, 2_010), (3_000, 3_080)] {
        bare.at(sent);
        bare.machine.submit(bare.now, Command::Tic);
        for later in 0..4 {
            bare.at(received + later);
            bare.frame(REPLY);
        }
    }
    let tic = bare.stats().tic;
    assert_eq!((tic.count, tic.last, tic.shortest, tic.longest), (3, ms(80), ms(10), ms(80)));
    assert_eq!((tic.total, tic.mean()), (ms(120), Some(ms(40))));
    // A text of the application is a `tic` as well. The end of a connection ends the wait.
    bare.at(4_000);
    bare.machine.submit(bare.now, Command::SendText("tic".into()));
    bare.at(4_005);
    bare.frame(REPLY);
    assert_eq!((bare.stats().tic.count, bare.stats().tic.last), (4, ms(5)));
    bare.machine.submit(bare.now, Command::Tic);
    bare.machine.handle(bare.now, Input::Closed(bare.conn, ibws_proto::CloseCause::Eof));
    bare.at(20_000);
    bare.reopen();
    bare.frame(REPLY);
    assert_eq!(bare.stats().tic.count, 4);
}

#[test]
fn the_time_of_market_data_is_sampled_once_a_second() {
    let mut bare = Bare::open();
    let quote = |updated: &str| format!(r#"{{"topic":"smd+1","conid":1{updated},"31":"1"}}"#);
    let sample =
        |bare: &Bare| bare.stats().updated.map(|sample| (sample.updated.as_millis(), sample.at.as_nanos() / 1_000_000));
    assert_eq!((sample(&bare), bare.stats().last_frame), (None, Some(bare.now)));
    bare.at(100);
    bare.frame(&quote(r#","_updated":1790000000040"#));
    bare.at(1_099);
    bare.frame(&quote(r#","_updated":1790000001000"#));
    assert_eq!(sample(&bare), Some((1_790_000_000_040, 100)));
    bare.at(1_100);
    bare.frame(&quote(r#","_updated":1790000001020"#));
    assert_eq!(sample(&bare), Some((1_790_000_001_020, 1_100)));
    // A frame without the member, or with one that is no number, leaves the sample.
    for other in ["", r#","_updated":"soon""#] {
        bare.at(bare.now.as_nanos() / 1_000_000 + 2_000);
        bare.frame(&quote(other));
        assert_eq!(sample(&bare), Some((1_790_000_001_020, 1_100)));
    }
    assert_eq!(bare.stats().last_frame, Some(bare.now));
    bare.machine.handle(bare.now, Input::Closed(bare.conn, ibws_proto::CloseCause::Eof));
    assert_eq!(bare.stats().last_frame, None, "there is no connection");
}

#[test]
fn the_latency_and_the_age_of_the_last_frame_are_known_at_any_moment() {
    let runtime = simulated();
    let client = runtime.client();
    assert_eq!((client.stats().last_frame_age(), client.stats().latency_ms(SystemTime::UNIX_EPOCH)), (None, None));
    runtime.block_on(client.start()).unwrap();
    let received = runtime.now();
    gateway_sends(&runtime, r#"{"topic":"smd+1","conid":1,"_updated":1790000000000,"31":"1"}"#);
    // The gateway mutes, so that nothing else arrives; its frame came 40 ms after it was made.
    runtime.gateway(|gateway| {
        let conn = gateway.connections().last().unwrap();
        gateway.mute(conn);
    });
    runtime.run(ms(250));
    let stats = client.stats();
    assert_eq!((stats.at.since(received), stats.last_frame_age()), (ms(250), Some(ms(250))));
    let wall = SystemTime::UNIX_EPOCH + ms(1_790_000_000_000 + 40 + 250);
    assert_eq!(stats.latency_ms(wall), Some(40));
    assert_eq!(stats.latency_ms(wall - ms(90)), Some(-50), "the gateway's clock is ahead");
    let before = SystemTime::UNIX_EPOCH - ms(1);
    assert_eq!(stats.latency_ms(before), Some(-1_790_000_000_251));
}

/// What an observer with enough room has seen.
#[derive(Default)]
struct Tally {
    frames: BTreeMap<Option<Key>, u64>,
    malformed: u64,
    bytes: u64,
    gaps: Vec<Duration>,
}

#[test]
fn two_gaps_merges_and_losses_are_counted_exactly() {
    let runtime = simulated();
    let wide = QueueLimits { events: 100_000, bytes: usize::MAX };
    let client = runtime.builder().queue_limits(wide).total_queue_bytes(usize::MAX).build().unwrap();
    let mut all = client.events();
    runtime.block_on(client.start()).unwrap();
    let narrow = QueueLimits { events: 8, bytes: usize::MAX };
    let mut slow = client.events_within(narrow);
    let guards: Vec<_> =
        ["md+265598", "pl"].map(|key| runtime.block_on(client.subscribe(subscribe(key))).unwrap().into_guard()).into();
    for span in [700, 1_300] {
        runtime.run(ms(span));
        for n in 0..50 {
            gateway_sends(&runtime, &format!(r#"{{"topic":"smd+265598","conid":265598,"31":"{n}"}}"#));
            gateway_sends(&runtime, r#"{"topic":"blt","args":[{"id":1,"message":"An early close"}]}"#);
        }
        gateway_sends(&runtime, "no JSON");
        cut(&runtime);
        runtime.run(ms(10_000));
    }
    let stats = client.stats();
    let (machine, queues) = (&stats.machine, &stats.queues);

    let mut tally = Tally::default();
    let mut seen = 0;
    while let Some(item) = all.try_next() {
        let Item::Event(event) = item else { panic!("{item:?}") };
        seen += 1;
        match event {
            Event::Message(message) => {
                *tally.frames.entry(message.key).or_default() += 1;
                tally.bytes += message.frame.raw().len() as u64;
            }
            Event::Malformed(malformed) => {
                tally.malformed += 1;
                tally.bytes += malformed.raw.len() as u64;
            }
            Event::Resumed(end) => tally.gaps.push(end.at.since(end.since)),
            _ => {}
        }
    }
    for (key, count) in machine.frames_by_key.iter() {
        assert_eq!(count, tally.frames.get(&key).copied().unwrap_or_default(), "{key:?}");
    }
    assert!(machine.frames_by_key.get(Some(Key::MarketData)) > 100 && tally.frames[&Some(Key::Bulletins)] >= 100);
    assert_eq!((machine.malformed, tally.malformed), (2, 2));
    assert_eq!((machine.bytes, machine.frames), (tally.bytes, machine.frames_by_key.total() + 2));
    assert_eq!((machine.dials, machine.connections, machine.reconnects()), (3, 3, 2));
    // Two outages of two streams.
    let gaps = machine.gaps;
    assert_eq!((gaps.opened, gaps.ended.count, gaps.open, gaps.open_since), (4, 4, 0, None));
    assert_eq!(gaps.ended.total, tally.gaps.iter().sum::<Duration>());
    assert_eq!((Some(gaps.ended.longest), gaps.ended.last), (tally.gaps.iter().max().copied(), tally.gaps[3]));

    // What the slow queue merged and lost, it delivers with the rest.
    assert_eq!((queues.queues, queues.events, queues.longest), (2, seen + slow.len(), seen));
    let (mut merged, mut lost) = (BTreeMap::<_, u64>::new(), BTreeMap::<_, u64>::new());
    let (mut notices, mut taken) = (0, BTreeMap::<_, u64>::new());
    while let Some(item) = slow.try_next() {
        match item {
            Item::Event(Event::Message(message)) => {
                *merged.entry(message.key).or_default() += message.merged;
                *taken.entry(message.key).or_default() += 1;
            }
            Item::Event(_) => {}
            Item::Lost(report) => {
                *lost.entry(report.key).or_default() += report.messages;
                notices += report.notices;
            }
        }
    }
    for (key, count) in queues.lost.iter() {
        assert_eq!(count, lost.get(&key).copied().unwrap_or_default(), "{key:?}");
    }
    assert_eq!(queues.lost_notices.total(), notices);
    let bulletins = Some(Key::Bulletins);
    assert_eq!(queues.lost.get(bulletins) + taken.get(&bulletins).unwrap_or(&0), tally.frames[&bulletins]);
    assert_eq!(queues.merged.total(), queues.merged.get(Some(Key::MarketData)));
    // A merged message that is dropped takes with it what was merged into it.
    let data = Some(Key::MarketData);
    assert!(queues.merged.get(data) >= merged.get(&data).copied().unwrap_or_default());
    assert!(queues.merged.get(data) > 40 && queues.lost.get(bulletins) > 80 && notices > 0, "{queues:?}");

    // The counts outlive the queues.
    let closed = (queues.merged, queues.lost, queues.lost_notices);
    drop((slow, all));
    let queues = client.stats().queues;
    assert_eq!((queues.merged, queues.lost, queues.lost_notices), closed);
    assert_eq!((queues.queues, queues.events, queues.longest, queues.bytes), (0, 0, 0, 0));

    // A gap that is open is known as such, until it ends or its subscription is removed.
    let began = runtime.now();
    cut(&runtime);
    runtime.run(ms(1));
    let gaps = client.stats().machine.gaps;
    assert_eq!((gaps.opened, gaps.ended.count, gaps.open), (6, 4, 2));
    assert!(gaps.open_since.is_some_and(|since| since <= began));
    drop(guards);
    runtime.run(ms(5_000));
    let gaps = client.stats().machine.gaps;
    assert_eq!((gaps.opened, gaps.ended.count, gaps.open, gaps.open_since), (6, 4, 0, None));
}
