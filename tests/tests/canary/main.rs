//! Canaries: a session, a cookie, a token and two accounts go through clients and programs over
//! real sockets, and are in no output in any of twelve forms. Every crate logs at TRACE.
//!
//! One exception is documented and asserted as it is: the log of tungstenite shows frames.

#[path = "../logged/mod.rs"]
mod logged;
mod needles;
mod programs;
#[path = "../running/mod.rs"]
mod running;
mod story;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use ibws_async_std::AsyncStdRuntime;
use ibws_testkit::conformance::play;
use ibws_tokio::TokioRuntime;
use log::{Level, LevelFilter, Log, Metadata, Record};

use logged::{Collector, Logged};
use needles::Canary;

/// A line of the log: its target, its level and its text.
type Line = (String, Level, String);

/// Collects what every crate logs.
struct LogCollector(Mutex<Vec<Line>>);

static LOG: LogCollector = LogCollector(Mutex::new(Vec::new()));

impl LogCollector {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for LogCollector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.lines().push((record.target().into(), record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

/// The lines of other crates that show frames, by target and level: tungstenite logs what it reads
/// and writes, and each Close frame with its reason.
const EXCEPTION: [(&str, Level); 3] = [
    ("tungstenite::protocol", Level::Trace),
    ("tungstenite::protocol", Level::Debug),
    ("tungstenite::protocol::frame", Level::Trace),
];

#[test]
fn no_canary_is_in_any_output_of_clients_on_both_adapters_with_and_without_tls() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let traced = Collector::new(tracing::level_filters::LevelFilter::TRACE);
    tracing::subscriber::set_global_default(traced.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut shown: Vec<String> = thread::scope(|scope| {
        let plays = [false, true].map(|tls| {
            let on_tokio = TokioRuntime::with_handle(runtime.handle().clone());
            [
                scope.spawn(move || play(on_tokio, tls, story::clients)),
                scope.spawn(move || play(AsyncStdRuntime::new(), tls, story::clients)),
            ]
        });
        plays.into_iter().flatten().flat_map(|play| play.join().unwrap()).collect()
    });
    // What the gateways received is theirs to know.
    shown.retain(|line| !line.starts_with("gateway #"));
    let canaries = Canary::all();
    for line in &shown {
        let found = canaries.iter().find_map(|canary| canary.found_in(line));
        assert_eq!(found, None, "{line}");
    }
    let masked = shown.iter().filter(|line| line.contains("DU…567") || line.contains("***")).count();
    assert!(masked > 100, "{masked} of {} texts have something masked", shown.len());

    let lines = core::mem::take(&mut *LOG.lines());
    let crates: BTreeSet<_> = lines.iter().filter_map(|(target, ..)| target.split("::").next()).collect();
    for logging in ["tungstenite", "async_std", "rustls"] {
        assert!(crates.contains(logging), "{logging} logged nothing; {crates:?} did");
    }
    let mut leaking = BTreeSet::new();
    for (target, level, text) in &lines {
        if let Some(found) = canaries.iter().find_map(|canary| canary.found_in(text)) {
            let excepted = EXCEPTION.iter().any(|(name, at)| name == target && at == level);
            assert!(excepted, "{target} shows {found} at {level}: {text}");
            leaking.insert((target.as_str(), *level));
        }
    }
    assert_eq!(leaking, EXCEPTION.into_iter().collect(), "the exception is as documented");
    assert_traced(&traced.take(), &canaries);
}

/// Checks the lines of the crate `tracing`: no canary is in any of them, and there are lines of
/// every level.
fn assert_traced(lines: &[Logged], canaries: &[Canary]) {
    for line in lines {
        let shown = format!("{} {}", line.spans, line.text);
        let found = canaries.iter().find_map(|canary| canary.found_in(&shown));
        assert_eq!(found, None, "{line:?}");
        let is_own = line.target.starts_with("ibws");
        assert!(!is_own || !shown.chars().any(ibws_proto::is_misleading), "{line:?}");
    }
    let count = |target: &str, level: tracing::Level, text: &str| {
        let fits = |line: &&Logged| line.target == target && line.level == level && line.text.starts_with(text);
        lines.iter().filter(fits).count()
    };
    // Two adapters, with and without TLS, and four connections each.
    assert!(count("ibws", tracing::Level::INFO, "connection state=\"ready\"") >= 12);
    for (level, text) in [
        (tracing::Level::WARN, "gap key="),
        (tracing::Level::WARN, "subscription key="),
        (tracing::Level::WARN, "REST request request=\"prompt\" outcome=Failed reason=\"/iserver/x: HTTP 400"),
        (tracing::Level::DEBUG, "subscription key=sd+DU…567"),
        (tracing::Level::DEBUG, "a frame cannot be read"),
    ] {
        assert!(count("ibws", level, text) >= 4, "{level} {text}");
    }
    // Messages, on request only, and masked.
    assert!(count("ibws::raw", tracing::Level::TRACE, r#"{"topic":"tic","alive":true,"id":"***""#) >= 4);
    assert!(count("ibws::raw", tracing::Level::TRACE, "") > 100);
}
