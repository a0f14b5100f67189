//! Events as lines: what they serialise to, the schema `ibws-proto/docs/events.schema.json`, and
//! the document `ibws-proto/docs/events.md`.
//!
//! The chaos runs take `IBWS_CHAOS`, the number of seeds: 60 by default (20 in debug builds), and
//! `IBWS_SEED`, the first seed. `IBWS_BLESS=1` writes the tables of the document anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use bytes::Bytes;
use ibws_proto::frame::Kind;
use ibws_proto::line::{Cause, Line, SCHEMA_VERSION};
use ibws_proto::{
    CloseCause, Command, Config, ConnId, ConnectError, ConnectErrorKind, ConnectionLoss, Event, Frame, GapCause, Input,
    Instant, Item, Json, Key, Machine, Output, is_misleading,
};
use ibws_testkit::Prng;
use ibws_testkit::chaos::run_chaos_with;
use ibws_testkit::schema::{Schema, read_back};
use ibws_testkit::tally::setting;

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::of_lines);
/// The number of lines of each type that were checked.
static CHECKED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Types that no machine emits in a chaos run, or seldom.
const RARE: [&str; 8] =
    ["account", "catch_up_pending", "fresh", "keeper", "lost", "processor_panicked", "stale", "competing"];

/// Checks a line against the schema, and reads it back. Returns its type.
fn check(written: &str) -> Result<String, String> {
    SCHEMA.check_line(written).map_err(|error| format!("{error}: {written}"))?;
    read_back(written)?;
    let name = written.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split('"').next());
    Ok(name.ok_or("the type is not first")?.to_owned())
}

fn check_output(output: &Output) -> Result<(), String> {
    let Output::Event(event) = output else { return Ok(()) };
    // The event and the item are one line.
    let written = serde_json::to_string(event).map_err(|error| error.to_string())?;
    let name = check(&written)?;
    if Line::from(event).to_string() != written {
        return Err(format!("Line and Serialize differ: {written}"));
    }
    let line = Frame::decode(written.clone().into()).map_err(|error| error.to_string())?;
    let at = event.at().map(|at| at.as_nanos() / 1_000_000);
    if line.get("at_ms").and_then(|at| at.text().parse().ok()) != at {
        return Err(format!("it happened at {at:?} ms: {written}"));
    }
    if let Event::Message(message) = event {
        let text = message.frame.redacted();
        if !text.chars().any(is_misleading) && !written.contains(&*text) && text.trim() == text && text != "ech+hb" {
            return Err(format!("the text of the frame is changed: {written}"));
        }
    }
    *CHECKED.lock().unwrap().entry(name).or_default() += 1;
    Ok(())
}

#[test]
fn every_event_of_chaos_runs_fits_the_schema_and_is_read_back() {
    let first = setting("IBWS_SEED").unwrap_or(0);
    let seeds = setting("IBWS_CHAOS").unwrap_or(if cfg!(debug_assertions) { 20 } else { 60 });
    for seed in first..first + seeds {
        if let Err(broken) = run_chaos_with(seed, Some(check_output)) {
            panic!("{broken}");
        }
    }
    // A run of a few chosen seeds need not reach everything.
    if seeds < 20 {
        return;
    }
    let checked = CHECKED.lock().unwrap();
    for name in Line::TYPES.iter().filter(|name| !RARE.contains(name)) {
        assert!(checked.contains_key(*name), "{name} of {checked:?}");
    }
}

/// Texts that a terminal would obey or not show: C0, DEL, C1, bidi, zero-width and tag characters;
/// and bytes that are not UTF-8.
const HOSTILE: [&[u8]; 9] = [
    b"\x1b[2J",
    b"\x7f",
    "\u{85}".as_bytes(),
    "\u{9b}31m".as_bytes(),
    "\u{202e}\u{2066}".as_bytes(),
    "\u{200b}\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{e0041}".as_bytes(),
    b"\x99\xff",
];

/// Frames of the corpus of the decoder, with and without hostile bytes in a random place, are lines
/// that fit the schema and are read back, whether the frame can be read or not.
#[test]
fn hostile_bytes_in_any_place_of_a_frame_are_one_harmless_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/decode");
    let mut machine = Machine::new(Config { ping_interval: None, ..Config::default() }, Instant::ORIGIN);
    let mut chance = Prng::part(setting("IBWS_SEED").unwrap_or(0), "lines", 0);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    let (mut readable, mut others) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let frame = std::fs::read(entry.unwrap().path()).unwrap();
        for n in 0..60 {
            let mut raw = frame.clone();
            if n > 0 {
                let at = chance.between(0, raw.len() as i64).unsigned_abs() as usize;
                raw.splice(at..at, chance.pick(&HOSTILE).iter().copied());
            }
            machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), raw.into()));
            // A message that may be a piece is reported later.
            machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), Bytes::from_static(b"ech+hb")));
            while let Some(output) = machine.poll() {
                let Output::Event(event) = output else { continue };
                match check(&Line::from(&event).to_string()) {
                    Ok(name) if name == "malformed" => others += 1,
                    Ok(_) => readable += 1,
                    // The line is one level deeper than its message.
                    Err(broken) => assert!(broken.starts_with("nested deeper"), "{broken}"),
                }
            }
        }
    }
    assert!(readable > 500 && others > 200, "{readable} {others}");
}

#[test]
fn the_lines_of_the_golden_file_fit_the_schema_and_are_read_back() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/events.golden");
    let golden = std::fs::read_to_string(golden).unwrap();
    let mut types: Vec<_> =
        golden.lines().filter(|line| line.starts_with('{')).map(|line| check(line).unwrap()).collect();
    types.sort_unstable();
    types.dedup();
    // A keeper and a processor are no part of a machine.
    let missing: Vec<_> = Line::TYPES.iter().filter(|name| !types.iter().any(|found| found == *name)).collect();
    assert_eq!(missing, [&"keeper", &"processor_panicked"]);
}

#[test]
fn the_schema_has_every_type_and_no_other() {
    let mut types: Vec<_> = SCHEMA.types().collect();
    types.sort_unstable();
    let mut known: Vec<_> = Line::TYPES.iter().map(|name| (*name).to_owned()).collect();
    known.sort_unstable();
    assert_eq!(types, known);
    assert_eq!(SCHEMA.json().get("x-version").and_then(Json::as_i64), Some(SCHEMA_VERSION.into()));
    let title = SCHEMA.json().get("title").and_then(Json::as_str).unwrap();
    assert!(title.ends_with(&format!("version {SCHEMA_VERSION}")), "{title}");
}

/// Returns the values that the schema of a member shows: its words, or an example.
fn values(schema: Json<'_>) -> Vec<String> {
    let schema = SCHEMA.resolved(schema);
    if let Some(example) = schema.get("examples").and_then(|all| all.elements().next()) {
        return vec![example.text().to_owned()];
    }
    if let Some(word) = schema.get("const") {
        return vec![word.text().to_owned()];
    }
    if let Some(words) = schema.get("enum") {
        return words.elements().map(|word| word.text().to_owned()).collect();
    }
    vec![match schema.get("type").and_then(Json::as_str).as_deref() {
        Some("integer") => "7".into(),
        Some("boolean") => "true".into(),
        Some("string") => r#""a text""#.into(),
        Some("object") => object(
            &schema
                .get("properties")
                .unwrap()
                .members()
                .map(|(key, it)| (key.into_owned(), values(it).remove(0)))
                .collect::<Vec<_>>(),
        ),
        other => panic!("no value of {other:?}"),
    }]
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
    format!("{{{}}}", members.join(",")).replace("\": ", "\":").replace(", \"", ",\"")
}

/// A line with all members that the schema of its type has, read and written, is the same. So the
/// schema has no member and no word that the code does not know, and both have one order.
#[test]
fn every_member_and_word_of_the_schema_is_read_and_written() {
    let mut lines = 0;
    for name in SCHEMA.types() {
        let members: Vec<_> = SCHEMA.members(&name).map(|(key, schema)| (key, values(schema))).collect();
        let most = members.iter().map(|(_, values)| values.len()).max().unwrap();
        for n in 0..most {
            let members: Vec<_> =
                members.iter().map(|(key, values)| (key.clone(), values[n % values.len()].clone())).collect();
            let line = object(&members);
            assert_eq!(check(&line), Ok(name.clone()));
            lines += 1;
        }
    }
    assert!(lines > 80, "{lines}");
}

#[test]
fn every_cause_fits_the_schema() {
    let kinds = [
        ConnectErrorKind::Unreachable,
        ConnectErrorKind::TimedOut,
        ConnectErrorKind::Trust,
        ConnectErrorKind::Protocol,
        ConnectErrorKind::AuthenticationRequired,
        ConnectErrorKind::Status(503),
        ConnectErrorKind::Credentials,
        ConnectErrorKind::Proxy,
    ];
    let dials = kinds.map(|kind| ConnectionLoss::Connect(ConnectError::new(kind, "why")));
    let ends = [
        CloseCause::Close(None),
        CloseCause::Close(Some(1000)),
        CloseCause::Reset,
        CloseCause::Eof,
        CloseCause::Failed("why".into()),
        CloseCause::TooLarge { limit: 1, size: 2 },
        CloseCause::Protocol("why".into()),
        CloseCause::Tls("why".into()),
        CloseCause::WriteStalled { limit: 1 },
        CloseCause::WriteTooLarge { limit: 1, size: 2 },
    ];
    let losses = [
        ConnectionLoss::NoFirstFrame,
        ConnectionLoss::NotGreeted,
        ConnectionLoss::NotAuthenticated,
        ConnectionLoss::Silent,
        ConnectionLoss::PongMissing,
        ConnectionLoss::SessionChanged,
        ConnectionLoss::Requested,
    ];
    let losses = dials.into_iter().chain(ends.map(ConnectionLoss::from)).chain(losses).map(GapCause::from);
    let gaps = [
        GapCause::Unauthenticated,
        GapCause::Refused("why".into()),
        GapCause::Unconfirmed,
        GapCause::Invalidated,
        GapCause::Malformed,
    ];
    let mut kinds = Vec::new();
    for cause in losses.chain(gaps) {
        let detail = Cause::from(&cause);
        let written = serde_json::to_string(&detail).unwrap();
        let frame = ibws_proto::Frame::decode(written.clone().into()).unwrap();
        SCHEMA.check(SCHEMA.definition("cause_detail"), frame.json(), "cause").unwrap();
        assert_eq!(serde_json::from_str::<Cause>(&written).unwrap(), detail);
        kinds.push(frame.get("kind").unwrap().text().to_owned());
    }
    kinds.sort_unstable();
    kinds.dedup();
    let words = SCHEMA.definition("cause_detail").get("properties").and_then(|it| it.get("kind")?.get("enum"));
    assert_eq!(kinds.len(), words.unwrap().elements().count());
}

#[test]
fn every_key_is_a_word_of_the_schema() {
    let words = SCHEMA.members("data").find(|(key, _)| key == "key").and_then(|(_, it)| it.get("enum")).unwrap();
    let words: Vec<_> = words.elements().filter_map(|word| word.as_str()).collect();
    let mut keys = Key::ALL.map(Key::name).to_vec();
    keys.sort_unstable_by_key(|name| words.iter().position(|word| word == name));
    assert_eq!(words, keys);
}

#[cfg(feature = "session")]
#[test]
fn every_state_of_the_keeper_fits_the_schema() {
    use ibws_proto::keeper::{Keeper, KeeperConfig, KeeperState};
    let mut event = Keeper::new(KeeperConfig::default(), ibws_proto::Instant::ORIGIN).state().clone();
    for state in KeeperState::ALL {
        event.state = state;
        assert_eq!(check(&Line::from(&event).to_string()), Ok("keeper".into()));
    }
}

#[test]
fn a_loss_report_is_a_line() {
    use ibws_proto::queue::{Queue, QueueLimits};
    let mut queue = Queue::new(QueueLimits { events: 1, ..QueueLimits::default() });
    let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    for n in 0..4 {
        machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), format!(r#"{{"topic":"x{n}"}}"#).into()));
    }
    while let Some(output) = machine.poll() {
        if let Output::Event(event) = output {
            queue.push(event);
        }
    }
    let items: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
    assert!(items.iter().any(|item| matches!(item, Item::Lost(_))));
    for item in items {
        let written = serde_json::to_string(&item).unwrap();
        assert_eq!(matches!(item, Item::Lost(_)), check(&written) == Ok("lost".into()));
    }
}

/// Returns the tables of the document: one for each type of line, made of the schema.
fn tables() -> String {
    let mut text = String::new();
    for name in SCHEMA.types().chain(["cause_detail".into()]) {
        let definition = SCHEMA.definition(&name);
        let note =
            |schema: Json<'_>, key: &str| schema.get(key).and_then(Json::scalar).unwrap_or_default().into_owned();
        let since = note(definition, "x-since");
        writeln!(text, "### `{name}`\n\n{} Since version {since}.\n", note(definition, "description")).unwrap();
        text.push_str("| member | type | since | absent | content |\n|---|---|---|---|---|\n");
        for (key, schema) in SCHEMA.members(&name).filter(|(key, _)| key != "type") {
            let (content, absent) =
                (note(SCHEMA.resolved(schema), "description"), note(SCHEMA.resolved(schema), "x-absent"));
            let content = schema.get("description").map_or(content, |_| note(schema, "description"));
            let absent = schema.get("x-absent").map_or(absent, |_| note(schema, "x-absent"));
            let since = if schema.get("x-since").is_some() { schema } else { SCHEMA.resolved(schema) };
            let absent = if absent.is_empty() { "never" } else { &absent };
            let row = format!("| `{key}` | {} | {} | {absent} | {content} |", kind_of(schema), note(since, "x-since"));
            writeln!(text, "{row}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// Describes the type of a member: the name of a kind of JSON, or its words.
fn kind_of(schema: Json<'_>) -> String {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str)
        && SCHEMA.resolved(schema).get("properties").is_some()
    {
        let name = name.trim_start_matches("#/$defs/");
        return format!("object, [`{name}`](#{name})");
    }
    let schema = SCHEMA.resolved(schema);
    if let Some(words) = schema.get("enum") {
        let words: Vec<_> =
            words.elements().map(|word| format!("`{}`", word.scalar().unwrap_or("null".into()))).collect();
        return words.join(", ");
    }
    if let Some(value) = schema.get("const") {
        return format!("`{}`", value.scalar().unwrap_or(value.text().into()));
    }
    match schema.get("type") {
        None => "any".into(),
        Some(names) if names.kind() == Kind::Array => {
            names.elements().filter_map(|name| name.as_str()).collect::<Vec<_>>().join(" or ")
        }
        Some(name) => name.as_str().unwrap().into_owned(),
    }
}

#[test]
fn the_tables_of_the_document_are_those_of_the_schema() {
    const BEGIN: &str = "<!-- schema: begin -->\n\n";
    const END: &str = "<!-- schema: end -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ibws-proto/docs/events.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let tables = tables();
    if std::env::var_os("IBWS_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{tables}{END}{after}")).unwrap();
        return;
    }
    assert!(shown == tables, "run with IBWS_BLESS=1: the tables of docs/events.md differ from docs/events.schema.json");
    assert!(before.contains(&format!("is version {SCHEMA_VERSION} of the schema")));
}

#[test]
fn no_member_of_the_first_version_follows_one_of_the_second() {
    for name in SCHEMA.types() {
        let versions: Vec<_> = SCHEMA
            .members(&name)
            .filter_map(|(_, schema)| SCHEMA.resolved(schema).get("x-since").or(schema.get("x-since"))?.as_i64())
            .collect();
        assert!(versions.is_sorted(), "{name}: {versions:?}");
    }
}
