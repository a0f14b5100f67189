//! Logs: which event is which line, and that nobody writes under a lock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ibws_proto::rest::{RestError, RestReply, RestRequest};
use ibws_proto::subscribe::{Args, Processor, ReferenceProcessor, Staleness, SubscriptionProcessor};
use ibws_proto::transport::Credentials;
use ibws_proto::{Account, ConnectError, ConnectErrorKind, ConnectionState};
use ibws_testkit::Recovery;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber, span, subscriber::with_default};

use super::logged::{Collector, Logged};
use super::*;

/// The session and the account that must be in no line.
const SECRETS: [&str; 3] = ["5e55109fcaca0a1b2c3d4e5f60718293", "DU1234567", "U12345678"];

/// Panics at its first call.
struct PanicsOnce(AtomicU32);

impl SubscriptionProcessor for PanicsOnce {
    fn subscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "as the story wants it");
        ReferenceProcessor.subscribe_payload(channel, data)
    }

    fn unsubscribe_payload(&self, channel: &str, data: Option<&Args>) -> String {
        ReferenceProcessor.unsubscribe_payload(channel, data)
    }
}

/// The lines of this level that begin with `text`.
pub(super) fn lines<'a>(all: &'a [Logged], level: Level, text: &'a str) -> Vec<&'a Logged> {
    all.iter().filter(|line| line.level == level && line.text.starts_with(text)).collect()
}

/// The text of the only line of this level that begins with `text`.
fn only<'a>(all: &'a [Logged], level: Level, text: &'a str) -> &'a str {
    let found = lines(all, level, text);
    assert_eq!(found.len(), 1, "{level} {text}: {found:#?} of {all:#?}");
    assert_eq!(found[0].target, "ibws");
    &found[0].text
}

pub(super) fn assert_no_secret(lines: &[Logged]) {
    for line in lines {
        for secret in SECRETS {
            assert!(!line.text.contains(secret) && !line.spans.contains(secret), "{line:?}");
        }
        assert!(!line.text.contains("payload"), "{line:?}");
        assert!(!line.text.chars().any(ibws_proto::is_misleading), "{line:?}");
    }
}

/// Runs a story with a collector of lines up to `level`.
pub(super) fn collect(level: LevelFilter, story: impl FnOnce(&Collector)) -> Vec<Logged> {
    prepare();
    let collector = Collector::new(level);
    with_default(collector.clone(), || story(&collector));
    collector.take()
}

#[test]
fn the_way_to_a_ready_connection_and_through_an_outage_is_a_line_for_each_step() {
    let dials = Arc::new(AtomicU32::new(0));
    let mut address = String::new();
    let all = collect(LevelFilter::DEBUG, |_| {
        let runtime = simulated();
        let provider = move || {
            let is_first = dials.fetch_add(1, Ordering::Relaxed) == 0;
            let detail = format!("no session {} for\n{}", SECRETS[0], SECRETS[1]);
            let error = ConnectError::new(ConnectErrorKind::Credentials, detail);
            Box::pin(async move { if is_first { Err(error) } else { Ok(Credentials::default()) } }) as _
        };
        let client = runtime.builder().credentials(provider).build().unwrap();
        address = format!(r#"client{{client={} address="ws://127.0.0.1:5000"}}"#, client.number());
        runtime.block_on(client.start()).unwrap();
        let _guard = runtime.block_on(client.subscribe(subscribe("sd+DU1234567"))).unwrap();
        runtime.run(ms(500));
        cut(&runtime);
        runtime.run(ms(10_000));
        assert_eq!(client.status().state, ConnectionState::Ready);
        runtime.block_on(client.shutdown()).unwrap();
    });
    assert_no_secret(&all);
    let error = only(&all, Level::WARN, "dial failed");
    assert!(error.contains(r#"state="backoff" attempt=1 error="no session *** for\\nDU…567" delay_ms="#), "{error}");
    let gap = only(&all, Level::WARN, "gap ");
    assert!(gap.contains("key=sd+DU…567 since=") && gap.contains("cause=\"the connection ended without a"), "{gap}");
    assert!(only(&all, Level::INFO, "gap key=").ends_with(r#"cause="closed here""#));
    let end = only(&all, Level::INFO, "gap ended");
    assert!(end.starts_with("gap ended key=sd+DU…567 ms=") && end.ends_with(" dials=1"), "{end}");
    assert_eq!(all.iter().filter(|line| line.level == Level::WARN).count(), 2, "{all:#?}");
    // A line for each state, on the span of its connection.
    let states = lines(&all, Level::INFO, "connection ");
    assert!(states.iter().all(|line| !line.text.contains("attempt=0")), "{states:#?}");
    let states = states.iter().map(|line| {
        let conn = line.spans.strip_prefix(&address).unwrap_or_else(|| panic!("{line:?}"));
        (line.text.split('"').nth(1).unwrap(), conn)
    });
    let conn = ["connection{conn=1}", "connection{conn=2}", "connection{conn=3}"];
    let expected = [
        ("connecting", conn[0]),
        ("connecting", conn[1]),
        ("open", conn[1]),
        ("ready", conn[1]),
        ("backoff", conn[1]),
        ("connecting", conn[2]),
        ("open", conn[2]),
        ("ready", conn[2]),
        ("closing", conn[2]),
        ("stopped", conn[2]),
    ];
    assert_eq!(states.collect::<Vec<_>>(), expected);
    // And one for each transition of the subscription.
    let transitions = lines(&all, Level::DEBUG, "subscription key=sd+DU…567 state=");
    let transitions: Vec<_> = transitions.iter().map(|line| line.text.split('"').nth(1).unwrap()).collect();
    assert_eq!(transitions, ["subscribing", "active", "pending", "subscribing", "active", "pending", "gone"]);
}

#[test]
fn each_trouble_of_a_connection_is_a_line_of_its_own() {
    let all = collect(LevelFilter::DEBUG, |_| {
        let runtime = simulated();
        // The account is not among those of the gateway.
        let other = |config: &mut ibws_proto::Config| config.account = Some(Account::new(SECRETS[2]));
        let rest = |request: RestRequest| {
            let error = RestError::new(format!("{request:?} {}\u{202e} payload", SECRETS[0]).replace("payload", "x"));
            let result = if matches!(request, RestRequest::Session(_)) { Ok(RestReply::Complete) } else { Err(error) };
            Box::pin(async move { result }) as _
        };
        let client = runtime.builder().configure(other).rest_handler(rest).build().unwrap();
        runtime.block_on(client.start()).unwrap();
        runtime.run(ms(500));
        // A refusal, and the failed REST request that follows.
        let reason = format!("no permission for {}\u{1b}[2J", SECRETS[1]);
        runtime.gateway(|gateway| gateway.refuse("smh", &reason, Some(1), Recovery::Never));
        let history = client.subscribe_nowait(subscribe("mh+265598"));
        runtime.run(ms(100));
        drop(history);
        // A silence.
        let quotes = subscribe("md+265598").staleness(Staleness::After(ms(20)));
        let quotes = runtime.block_on(client.subscribe(quotes)).unwrap();
        runtime.run(ms(1_500));
        drop(quotes);
        let processor = Processor::new(PanicsOnce(AtomicU32::new(0)));
        let pnl = runtime.block_on(client.subscribe(subscribe("pl").processor(processor))).unwrap();
        drop(pnl);
        gateway_sends(&runtime, "payload without sense");
        for competing in [true, false] {
            runtime.gateway(|gateway| gateway.set_competing(competing));
            runtime.run(ms(100));
        }
    });
    assert_no_secret(&all);
    let refused = only(&all, Level::WARN, "subscription key=mh+265598 state=\"refused\"");
    assert!(refused.contains(r#"reason="no permission for DU…567\\u{1b}[2J""#), "{refused}");
    let rest = lines(&all, Level::WARN, "REST request");
    assert!(!rest.is_empty());
    for line in rest {
        let start =
            "REST request request=\"prime\" key=mh+265598 outcome=Failed reason=\"Prime(mh+265598) ***\\\\u{202e}";
        assert!(line.text.starts_with(start), "{line:?}");
    }
    let stale = lines(&all, Level::WARN, "stale key=md+265598 since=").len();
    let fresh = lines(&all, Level::INFO, "no longer stale key=md+265598 ms=").len();
    assert!(stale > 0 && (stale == fresh || stale == fresh + 1), "{stale} {fresh}");
    only(&all, Level::WARN, "a subscription processor panicked key=pl");
    only(&all, Level::WARN, "the session does not serve the account");
    only(&all, Level::WARN, "another login competes");
    only(&all, Level::INFO, "no other login competes");
    let unread = only(&all, Level::DEBUG, "a frame cannot be read");
    assert!(unread.ends_with("bytes=21"), "{unread}");
}

#[test]
fn a_subscriber_decides_which_levels_are_written() {
    let story = |_: &Collector| {
        let runtime = simulated();
        let client = runtime.builder().log_raw_messages(true).build().unwrap();
        runtime.block_on(client.start()).unwrap();
        let _guard = runtime.block_on(client.subscribe(subscribe("ld+DU1234567"))).unwrap();
        cut(&runtime);
        runtime.run(ms(10_000));
    };
    let mut counts = Vec::new();
    for level in [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE] {
        let all = collect(level, story);
        assert_no_secret(&all);
        assert!(all.iter().all(|line| line.level <= level));
        assert!(all.iter().any(|line| line.level == level), "no line of {level}");
        counts.push(all.len());
        // Messages are written by the switch only, masked, and at TRACE only.
        let raw: Vec<_> = all.iter().filter(|line| line.target == "ibws::raw").collect();
        assert_eq!(raw.is_empty(), level < LevelFilter::TRACE);
        assert!(raw.iter().all(|line| line.level == Level::TRACE));
        assert_eq!(raw.iter().any(|line| line.text.contains(r#""topic":"sld+DU…567""#)), !raw.is_empty());
    }
    assert!(counts.is_sorted_by(|one, other| one < other), "{counts:?}");
    let all = collect(LevelFilter::TRACE, |_| {
        let runtime = simulated();
        let client = runtime.client();
        runtime.block_on(client.start()).unwrap();
        runtime.run(ms(10_000));
    });
    assert!(all.iter().all(|line| line.target == "ibws"), "without the switch no message is written");
}

/// A subscriber that uses the client in each call, and panics in the calls for lines.
struct Curious(Mutex<Option<SimulatedClient>>, AtomicU32);

impl Subscriber for &'static Curious {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        let client = self.0.lock().unwrap().clone();
        if let Some(client) = client {
            let (_, _) = (client.status(), client.stats());
        }
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        let client = self.0.lock().unwrap().clone();
        if let Some(client) = client {
            drop(client.check_health());
        }
        panic!("as the story wants it");
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn a_subscriber_may_use_the_client_and_its_panics_are_contained() {
    prepare();
    let curious: &'static Curious = Box::leak(Box::new(Curious(Mutex::new(None), AtomicU32::new(0))));
    with_default(curious, || {
        let runtime = simulated();
        let client = runtime.client();
        *curious.0.lock().unwrap() = Some(client.clone());
        runtime.block_on(client.start()).unwrap();
        let quotes = runtime.block_on(client.subscribe(subscribe("md+265598")));
        assert!(quotes.is_ok());
        cut(&runtime);
        runtime.run(ms(10_000));
        assert_eq!(client.status().state, ConnectionState::Ready);
        *curious.0.lock().unwrap() = None;
        drop((client, quotes));
        runtime.run(ms(10_000));
        assert_eq!(runtime.tasks(), 0);
    });
    assert!(curious.1.load(Ordering::Relaxed) > 10);
}

#[test]
fn a_story_without_a_subscriber_switches_no_line_off() {
    let line = || tracing::info!(target: "ibws", "reached first by a thread that collects nothing");
    let all = collect(LevelFilter::INFO, |_| {
        std::thread::scope(|scope| drop(scope.spawn(line).join()));
        line();
    });
    assert_eq!(all.len(), 1, "{all:#?}");
}
