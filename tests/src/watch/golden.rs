//! Compares every kind of line with two golden files. Other programs read these lines, so no string
//! and no key in them may change when a type is renamed.
//!
//! `watch-json.golden` holds the lines of the first version of the schema, as `watch --json`
//! printed them. It is never rewritten: a line of today begins with the members that it had then.
//! `events.golden` holds the lines of all events as they are today; `IBWS_BLESS=1` rewrites it.

use core::fmt::Write as _;
use core::time::Duration;
use std::time::SystemTime;

use ibws_proto::{
    Account, CloseCause, Command, Config, ConnId, ConnectError, ConnectErrorKind, ConnectionLoss, ConnectionState,
    GapCause, Input, Instant, Item, Machine, Modify, Output, SessionUpdate, StateCause, Subscribe, SubscriptionKey,
    SubscriptionState, Unsubscribe,
    queue::{Queue, QueueLimits},
    rest::{RestError, RestReply, RestRequestId, RestSnapshot},
    subscribe::Staleness,
};

use ibws_proto::line::Line;

use super::json;

const GREETING: &str = r#"{"topic":"system","success":"user"}"#;
const AUTHENTICATED: &str = r#"{"topic":"sts","args":{"authenticated":true}}"#;

/// A machine whose events are printed as they are emitted.
struct Script {
    machine: Machine,
    now: Instant,
    conn: u64,
    /// The lines that the program prints.
    lines: String,
    /// The lines of all events.
    all: String,
}

impl Script {
    fn new(config: Config) -> Self {
        let mut script = Self {
            machine: Machine::new(config, Instant::ORIGIN),
            now: Instant::ORIGIN,
            conn: 0,
            lines: String::new(),
            all: String::new(),
        };
        script.submit(Command::Start);
        script
    }

    fn print(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Event(event) => self.line(&Item::Event(event)),
                Output::Action(ibws_proto::Action::Connect { conn }) => self.conn = conn.0,
                _ => {}
            }
        }
    }

    fn line(&mut self, item: &Item) {
        let mut out = Vec::new();
        // The clock of a script begins at midnight UTC of 2026-01-01.
        let at = item.at().unwrap_or(self.now).since(Instant::ORIGIN);
        json::write(item, SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + at, &mut out);
        self.lines.push_str(core::str::from_utf8(&out).unwrap());
        writeln!(self.all, "{}", Line::from(item)).unwrap();
    }

    fn submit(&mut self, command: Command) {
        self.machine.submit(self.now, command);
        self.print();
    }

    fn subscribe(&mut self, text: &str) {
        self.submit(Command::Subscribe(Subscribe::parse(text).unwrap()));
    }

    fn input(&mut self, input: impl FnOnce(ConnId) -> Input) {
        self.machine.handle(self.now, input(ConnId(self.conn)));
        self.print();
    }

    fn frames(&mut self, frames: &[&str]) {
        for frame in frames {
            self.input(|conn| Input::Frame(conn, frame.as_bytes().to_vec().into()));
        }
    }

    fn open(&mut self) {
        self.input(Input::Opened);
        self.frames(&[GREETING, AUTHENTICATED]);
    }

    /// Advances the virtual time by `span`, with a tick at each deadline of the machine on the way.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.machine.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.input(|_| Input::Tick);
        }
        self.now = end;
    }

    fn clear(&mut self) {
        self.lines.clear();
        self.all.clear();
    }

    fn printed(self) -> [String; 2] {
        [self.lines, self.all]
    }

    fn title(&mut self, title: &str) {
        for lines in [&mut self.lines, &mut self.all] {
            writeln!(lines, "# {title}").unwrap();
        }
    }
}

fn key(text: &str) -> SubscriptionKey {
    text.parse().unwrap()
}

/// A session without faults, followed by every fault that has a line.
fn session() -> [String; 2] {
    let config = Config {
        account: Some(Account::new("DU1234567")),
        subscription_retries: 2,
        ping_interval: None,
        renew_market_data: Some(Duration::from_secs(40)),
        connect_timeout: Duration::from_secs(600),
        ..Config::default()
    };
    let mut s = Script::new(config);
    s.title("a session and its subscriptions");
    s.subscribe(r#"md+265598+{"fields":["31"]}"#);
    s.subscribe("or");
    s.subscribe("mh+265598");
    s.open();
    s.frames(&[
        r#"{"topic":"act","args":{"accounts":["DU1234567"]}}"#,
        r#"{"topic":"act","args":{"accounts":["U12345678"]}}"#,
        r#"{"topic":"smd+265598","conid":265598,"31":"231.70"}"#,
        r#"{"topic":"smh+265598","serverId":"1","data":[]}"#,
        r#"{"topic":"zzz","n":1}"#,
        r#"{"topic":"system","hb":1764366452000}"#,
        "ech+hb",
        r#"{"message":"hello"}"#,
        r#"{"error":"No accounts","code":500,"topic":"smd"}"#,
    ]);
    s.input(|conn| Input::Frame(conn, b"{\"topic\":\"str\",\"n\":\"a\x99\"}".to_vec().into()));
    s.title("frames that cannot be read");
    let deep = "[".repeat(200);
    for bad in [
        "{",
        "{} {}",
        "",
        "[1]",
        "\"x\"",
        r#"{"topic":"a","topic":"b"}"#,
        r#"{"conid":1,"conid":2,"topic":"smd"}"#,
        &deep,
        r#"{"a":01}"#,
        r#"{"a":"\x"}"#,
    ] {
        s.frames(&[bad]);
    }
    s.title("refused, failed, retried");
    s.subscribe("pl");
    s.frames(&[r#"{"error":"unable to subscribe","code":500,"topic":"spl"}"#]);
    s.wait(Duration::from_secs(12));
    s.title("silence of a stream, and its end");
    s.submit(Command::Modify({
        let mut modify = Modify::new(key("md+265598"));
        modify.staleness = Some(Staleness::After(Duration::from_secs(1)));
        modify
    }));
    s.wait(Duration::from_secs(2));
    s.frames(&[r#"{"topic":"smd+265598","conid":265598,"31":"231.71"}"#]);
    s.title("invalidated, recreated");
    s.submit(Command::Invalidate(Some(key("md+265598"))));
    s.submit(Command::Recreate);
    s.frames(&[r#"{"topic":"smd+265598","conid":265598,"31":"231.72"}"#]);
    s.title("authentication lost and back; competing");
    s.frames(&[
        r#"{"topic":"sts","args":{"authenticated":false,"competing":true}}"#,
        r#"{"topic":"sts","args":{"authenticated":true,"competing":false}}"#,
        r#"{"topic":"smd+265598","conid":265598,"31":"231.73"}"#,
    ]);
    s.title("market data is renewed");
    s.frames(&[r#"{"topic":"smh+265598","serverId":"1","data":[]}"#]);
    s.wait(Duration::from_secs(20));
    s.frames(&[r#"{"topic":"system","hb":1764366452000}"#]);
    s.wait(Duration::from_secs(20));
    s.frames(&[r#"{"topic":"smd+265598","conid":265598,"31":"231.74"}"#]);
    s.title("unsubscribed with confirmation");
    s.submit(Command::Unsubscribe(Unsubscribe::new(key("mh+265598")).needs_confirmation(true)));
    s.frames(&[r#"{"message":"Unsubscribed 1"}"#]);
    s.title("losses of the connection, each with its cause");
    let errors = [
        ConnectErrorKind::Unreachable,
        ConnectErrorKind::TimedOut,
        ConnectErrorKind::Protocol,
        ConnectErrorKind::AuthenticationRequired,
        ConnectErrorKind::Status(503),
        ConnectErrorKind::Credentials,
        ConnectErrorKind::Trust,
    ];
    s.input(|conn| Input::Closed(conn, CloseCause::Close(Some(1000))));
    for kind in errors {
        s.wait(Duration::from_secs(70));
        s.input(|conn| Input::ConnectFailed(conn, ConnectError::new(kind, "why it failed")));
    }
    let ends: [fn(ConnId) -> Input; 2] =
        [|conn| Input::Closed(conn, CloseCause::Eof), |conn| Input::Session(conn, SessionUpdate::Changed)];
    for end in ends {
        s.wait(Duration::from_secs(10));
        s.open();
        s.frames(&[r#"{"topic":"smd+265598","conid":265598,"31":"231.75"}"#]);
        s.input(end);
    }
    s.wait(Duration::from_secs(10));
    s.open();
    s.frames(&[r#"{"topic":"smd+265598","conid":265598,"31":"231.76"}"#, r#"{"topic":"system","hb":1764366452000}"#]);
    s.submit(Command::Recreate);
    s.wait(Duration::from_secs(40));
    s.title("a session is wanted");
    s.input(Input::Opened);
    s.frames(&[r#"{"message":"waiting for session"}"#]);
    s.input(|conn| Input::Session(conn, SessionUpdate::Unavailable));
    s.wait(Duration::from_secs(31));
    s.title("shut down");
    s.open();
    s.submit(Command::Shutdown { drain: true });
    s.wait(Duration::from_secs(5));
    s.printed()
}

/// The lines about what a gap of orders lost.
fn catch_up() -> [String; 2] {
    let mut s = Script::new(Config { ping_interval: None, ..Config::default() });
    s.clear();
    s.title("what existed before the stream of orders, and what a gap lost");
    s.subscribe("or");
    s.open();
    let orders = r#"{"orders":[{"acct":"DU1234567","orderId":1,"status":"Submitted"}],"snapshot":true}"#;
    let executions = Some(r#"[{"execution_id":"0000e1a5.1","size":5.0}]"#.into());
    let replies = [
        Ok(RestReply::Complete),
        Err(RestError::new("why it failed")),
        Ok(RestReply::Incomplete),
        Ok(RestReply::Snapshot(RestSnapshot { orders: orders.into(), executions })),
    ];
    for (id, reply) in (1..).zip(replies) {
        // Attempts begin 5 s apart at least.
        s.wait(Duration::from_secs(2));
        s.input(|_| Input::RestDone(RestRequestId(id), reply));
        s.wait(Duration::from_secs(5));
        s.frames(&[r#"{"topic":"system","hb":1764366452000}"#]);
    }
    s.printed()
}

/// The lines for a consumer that was too slow.
fn lost() -> [String; 2] {
    let mut queue = Queue::new(QueueLimits { events: 2, ..QueueLimits::default() });
    let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    for frame in [
        GREETING,
        r#"{"topic":"smd+1","conid":1,"31":"1"}"#,
        r#"{"topic":"smd+1","conid":1,"84":"2"}"#,
        r#"{"topic":"sor","args":[{"acct":"DU1234567","orderId":1,"status":"Filled"}]}"#,
        r#"{"topic":"sor","args":[{"acct":"DU1234567","orderId":2,"status":"Filled"}]}"#,
        r#"{"topic":"spl","args":{}}"#,
    ] {
        machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), frame.as_bytes().to_vec().into()));
    }
    while let Some(output) = machine.poll() {
        if let Output::Event(event) = output {
            queue.push(event);
        }
    }
    let mut script = Script::new(Config::default());
    script.clear();
    script.title("a consumer that is too slow");
    while let Some(item) = queue.pop() {
        script.line(&item);
    }
    script.printed()
}

/// The texts of states and causes.
fn texts() -> String {
    let mut text = String::from("# words\n");
    let states = [
        ConnectionState::Stopped,
        ConnectionState::Connecting,
        ConnectionState::Open,
        ConnectionState::Ready,
        ConnectionState::Degraded,
        ConnectionState::Closing,
        ConnectionState::Backoff,
    ];
    for state in states {
        writeln!(text, "state {}", state.name()).unwrap();
    }
    for status in SubscriptionState::ALL {
        writeln!(text, "status {}", status.name()).unwrap();
    }
    let causes = [
        StateCause::Requested,
        StateCause::Ready,
        StateCause::Primed,
        StateCause::Confirmed,
        StateCause::Unconfirmed,
        StateCause::Refused,
        StateCause::Retried,
        StateCause::Renewed,
        StateCause::Unauthenticated,
        StateCause::Lost,
        StateCause::UnsubscribeConfirmed,
        StateCause::UnsubscribeTimedOut,
        StateCause::Assumed,
        StateCause::Stale,
    ];
    for cause in causes {
        writeln!(text, "reason {}", cause.name()).unwrap();
    }
    let losses = [
        ConnectionLoss::Closed(Some(1000)).into(),
        ConnectionLoss::Cut.into(),
        ConnectionLoss::Silent.into(),
        ConnectionLoss::PongMissing.into(),
        ConnectionLoss::SessionChanged.into(),
        GapCause::Unauthenticated,
        GapCause::Refused("why".into()),
        GapCause::Unconfirmed,
        GapCause::Invalidated,
        ConnectionLoss::Requested.into(),
        ConnectionLoss::NoFirstFrame.into(),
        ConnectionLoss::NotGreeted.into(),
        ConnectionLoss::NotAuthenticated.into(),
    ];
    for loss in losses {
        writeln!(text, "cause {loss}").unwrap();
    }
    text
}

/// Returns `true` if a line has the members that it had, unchanged and in their order, before those
/// that were added.
fn extends(line: &str, old: &str) -> bool {
    let Some(members) = old.strip_suffix('}').filter(|_| old.starts_with('{')) else { return line == old };
    line.strip_prefix(members).is_some_and(|added| added.starts_with([',', '}']))
}

#[test]
fn every_line_is_as_it_was_but_for_members_at_its_end() {
    let [printed, all] = [session(), catch_up(), lost()]
        .into_iter()
        .fold([String::new(), String::new()], |sum, part| [sum[0].clone() + &part[0], sum[1].clone() + &part[1]]);
    let lines = printed + &texts();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpora/");
    let golden = std::fs::read_to_string(format!("{folder}watch-json.golden")).unwrap();
    for (n, (line, old)) in lines.lines().zip(golden.lines()).enumerate() {
        assert!(extends(line, old), "line {}: {line}\nwas {old}", n + 1);
        let is_event = line.starts_with("{\"type\"");
        let time = line.rsplit_once(",\"unix_ms\":").and_then(|(_, end)| end.strip_suffix('}')?.parse::<u64>().ok());
        assert_eq!(time.is_some_and(|time| time >= 1_767_225_600_000), is_event, "{line}");
    }
    assert_eq!(lines.lines().count(), golden.lines().count());
    let path = format!("{folder}events.golden");
    if std::env::var_os("IBWS_BLESS").is_some() {
        std::fs::write(&path, &all).unwrap();
    }
    for (n, (line, expected)) in all.lines().zip(std::fs::read_to_string(&path).unwrap().lines()).enumerate() {
        assert_eq!(line, expected, "line {} of events.golden", n + 1);
    }
    assert_eq!(all.lines().count(), std::fs::read_to_string(&path).unwrap().lines().count());
    for kind in [
        "state",
        "subscription",
        "data",
        "gap",
        "resumed",
        "caught_up",
        "catch_up_pending",
        "error",
        "malformed",
        "session",
        "stale",
        "fresh",
        "competing",
        "account",
        "lost",
    ] {
        assert!(golden.contains(&format!("{{\"type\":\"{kind}\"")), "no line of type {kind}");
    }
}
