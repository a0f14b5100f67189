//! Both outputs of `watch` on frames whose every string holds what a terminal would obey or not
//! show.

use std::fs;
use std::path::PathBuf;

use ibws_proto::{Config, ConnId, Event, Input, Instant, Item, Machine, Output, is_misleading};
use serde_json::Value;

use super::record::Recorder;
use super::{json, plain};
use crate::frames::{Kind, frame};

/// Escape sequences of 7 and 8 bits, DEL, C1, bidi, zero-width and line separators, then a line
/// that looks like one of the program.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\r\u{9b}31m\u{9d}8;;\u{9c}\u{7f}\u{85}\u{80}\u{202e}\u{2066}\u{200b}\
    \u{200f}\u{feff}\u{2028}\u{ad}\u{e0041}\n   0.000s  -- ready\u{8}\u{b}\t";

/// The events of frames that arrive on an open connection.
fn items(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<Item> {
    let now = Instant::ORIGIN;
    let mut machine = Machine::new(Config::default(), now);
    for text in ["md+265598", "mh+265598", "or", "pl", "tr", "sd+DU1234567", "ld+DU1234567", "bd+DU1234567+265598"] {
        machine.submit(now, ibws_proto::Command::Subscribe(ibws_proto::Subscribe::parse(text).unwrap()));
    }
    machine.submit(now, ibws_proto::Command::Start);
    machine.handle(now, Input::Opened(ConnId(1)));
    for frame in frames {
        machine.handle(now, Input::Frame(ConnId(1), frame.into()));
    }
    let outputs = std::iter::from_fn(|| machine.poll());
    outputs
        .filter_map(|output| if let Output::Event(event) = output { Some(Item::Event(event)) } else { None })
        .collect()
}

fn plain_of(items: &[Item]) -> String {
    let (mut screen, mut out) = (plain::Screen::default(), Vec::new());
    items.iter().for_each(|item| screen.write(item, &mut out));
    String::from_utf8(out).unwrap()
}

fn json_of(item: &Item) -> String {
    let mut out = Vec::new();
    json::write(item, std::time::SystemTime::UNIX_EPOCH, &mut out);
    String::from_utf8(out).unwrap()
}

/// Puts the hostile text behind every string of a value but a topic without a target, which decides
/// the kind of the frame. Returns the number of strings.
fn poison(value: &mut Value) -> usize {
    match value {
        Value::String(text) => {
            text.push_str(HOSTILE);
            1
        }
        Value::Array(elements) => elements.iter_mut().map(poison).sum(),
        Value::Object(members) => {
            let topic = members.remove("topic");
            let mut count: usize = members.values_mut().map(poison).sum();
            // A key is a string of the wire as well, as that of an account in `spl` is.
            let keys: Vec<_> = members.keys().filter(|key| key.starts_with(['D', 'U'])).cloned().collect();
            for key in keys {
                let value = members.remove(&key).unwrap();
                members.insert(key + HOSTILE, value);
                count += 1;
            }
            members.insert(format!("undocumented{HOSTILE}"), HOSTILE.into());
            if let Some(mut topic) = topic {
                if let Value::String(text) = &mut topic {
                    // What follows a plus is a target.
                    text.push_str(if text.contains('+') { HOSTILE } else { "" });
                }
                members.insert("topic".into(), topic);
            }
            count + 1
        }
        _ => 0,
    }
}

fn assert_harmless(lines: &str) {
    let bad = lines.chars().find(|character| is_misleading(*character) && *character != '\n');
    assert_eq!(bad, None, "{lines:?}");
}

#[test]
fn no_string_of_any_kind_of_frame_reaches_a_terminal_raw() {
    let (mut strings, mut shown) = (0, 0);
    for kind in Kind::ALL {
        for seed in 0..6 {
            let Ok(mut sent) = serde_json::from_str::<Value>(&frame(*kind, seed)) else { continue };
            strings += poison(&mut sent);
            let events = items([sent.to_string().into_bytes()]);
            let plain = plain_of(&events);
            assert_harmless(&plain);
            assert!(!plain.contains("\n   0.000s  -- ready"), "{plain}");
            shown += plain.matches(r"\u{1b}").count();
            for item in &events {
                let line = json_of(item);
                assert_harmless(&line);
                assert!(line.lines().count() <= 1, "{line}");
                if let Item::Event(Event::Message(_)) = item {
                    let mut expected = sent.clone();
                    if *kind == Kind::Tic {
                        expected["id"] = "***".into();
                    }
                    let parsed: Value = serde_json::from_str(&line).unwrap();
                    assert_eq!(parsed["message"], expected, "{kind:?}");
                }
            }
        }
    }
    assert!(strings > 1_500 && shown > 300, "{strings} strings, {shown} shown");
}

#[test]
fn a_frame_that_cannot_be_read_reaches_no_terminal_raw() {
    let mut bad = format!("{{\"topic\":\"str\",\"x\":\"{HOSTILE}").into_bytes();
    bad.push(0x99);
    let events = items([bad, format!("ech+hb{HOSTILE}").into_bytes(), HOSTILE.as_bytes().to_vec()]);
    assert_harmless(&plain_of(&events));
    let lines: String = events.iter().map(json_of).collect();
    assert_harmless(&lines);
    assert_eq!(lines.matches(r#""type":"malformed""#).count(), 3, "{lines}");
}

#[test]
fn fields_and_rows_are_limited() {
    let long = "x".repeat(100_000);
    let row = |n: u32| serde_json::json!({"orderId": n, "status": long, "orderDesc": long});
    let orders =
        |count| serde_json::json!({"topic": "sor", "args": (0..count).map(row).collect::<Vec<_>>()}).to_string();
    for (count, more) in [(12, None), (13, Some("… 1 more row")), (30, Some("… 18 more rows"))] {
        let plain = plain_of(&items([orders(count).into_bytes()]));
        let rows: Vec<_> = plain.lines().filter(|line| line.contains("order ")).collect();
        assert_eq!(rows.len(), 12);
        assert!(rows.iter().all(|line| line.chars().count() < 250), "{plain}");
        assert_eq!(
            plain.lines().find(|line| line.contains("more row")).map(|line| line.contains(more.unwrap())),
            more.map(|_| true)
        );
    }
    let accounts: serde_json::Map<_, _> =
        (0..40).map(|n| (format!("DU12345{n:02}.Core"), serde_json::json!({"dpl": 1}))).collect();
    let plain = plain_of(&items([serde_json::json!({"topic": "spl", "args": accounts}).to_string().into_bytes()]));
    assert!(plain.contains("… 28 more rows"), "{plain}");
    let quote = serde_json::json!({"topic": "smd+265598", "conid": 265598, "55": long, "84": long, "86": long, "31": long, "83": long});
    let plain = plain_of(&items([quote.to_string().into_bytes()]));
    assert!(plain.lines().all(|line| line.chars().count() < 250), "{plain}");
}

#[test]
fn plain_output_shows_neither_accounts_nor_sessions() {
    const SESSION: &str = "00112233445566778899aabbccddeeff";
    for kind in Kind::ALL {
        let text = frame(*kind, 1);
        let plain = plain_of(&items([text.into_bytes()]));
        assert!(!plain.contains("DU1234567") && !plain.contains("U12345678"), "{plain}");
    }
    let tic = format!(r#"{{"topic":"tic","alive":true,"id":"{SESSION}","error":"no {SESSION} of DU1234567"}}"#);
    let plain = plain_of(&items([tic.into_bytes()]));
    assert!(plain.contains("no *** of DU…567"), "{plain}");
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ibws-record-{}-{name}", std::process::id()))
}

#[test]
fn a_recording_holds_no_session_and_everything_else() {
    let path = scratch("tic");
    let tic = r#"{"topic":"tic","alive":true,"id":"00112233445566778899aabbccddeeff"}"#;
    let orders = r#"{"topic":"sor","args":[{"acct":"DU1234567","orderId":1}]}"#;
    let mut recorder = Recorder::create(&path, false).unwrap();
    for item in items([tic.as_bytes().to_vec(), orders.as_bytes().to_vec()]) {
        recorder.record(&item, &[]).unwrap();
    }
    drop(recorder);
    let recording = crate::Recording::read(&path).unwrap();
    let frames: Vec<_> = recording.frames().collect();
    assert_eq!(frames, [r#"{"topic":"tic","alive":true,"id":"***"}"#, orders]);
    fs::remove_file(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn a_recording_is_created_for_its_user_alone_and_never_over_a_file_or_through_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let (path, link) = (scratch("mode"), scratch("link"));
    let mode = || fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777;
    Recorder::create(&path, false).unwrap();
    assert_eq!(mode(), 0o600);
    fs::write(&path, "kept").unwrap();
    let refused = Recorder::create(&path, false).err().unwrap();
    assert!(refused.contains("--record-over") && refused.contains(path.to_str().unwrap()), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    symlink(&path, &link).unwrap();
    for over in [false, true] {
        let refused = Recorder::create(&link, over).err().unwrap();
        assert!(refused.contains("link"), "{refused}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    fs::remove_file(&link).unwrap();
    // A link to nothing is no way to create a file elsewhere.
    symlink(scratch("nowhere"), &link).unwrap();
    assert!(Recorder::create(&link, true).is_err() && !scratch("nowhere").exists());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let other_name = scratch("hard");
    fs::hard_link(&path, &other_name).unwrap();
    Recorder::create(&path, true).unwrap();
    assert_eq!(mode(), 0o600, "the file is a new one");
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    assert_eq!(fs::read_to_string(&other_name).unwrap(), "kept", "another name of the old file keeps it");
    for file in [path, link, other_name] {
        fs::remove_file(file).unwrap();
    }
}
