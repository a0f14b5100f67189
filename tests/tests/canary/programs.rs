//! The program `watch` with the canaries: standard output, plain and JSON, standard error and the
//! recording.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use ibws_testkit::{Recording, Script};
use serde_json::Value;

use crate::needles::{ACCOUNTS, Canary, SESSION};
use crate::running::{Running, watch};
use crate::story::serve;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ibws-canary-{}-{name}", std::process::id()))
}

/// Asserts that a text holds no session, cookie or token in any form.
fn assert_no_secret(name: &str, text: &str) {
    let found = Canary::secrets().iter().find_map(|canary| canary.found_in(text).map(str::to_owned));
    let place = found.is_some().then(|| text.lines().find(|line| line.contains("5e55")));
    assert_eq!(found, None, "{name}: {place:?}");
}

/// Runs `watch` with the session of each source until the fourth connection has sent its frames.
/// Returns standard output, standard error and the recording.
fn run(json: bool, source: &str) -> (String, String, String) {
    let script = Script::start(true, serve);
    let (pin, file, recording) = (scratch("pin.pem"), scratch("session"), scratch("recording"));
    fs::write(&pin, script.pem()).unwrap();
    fs::write(&file, format!("{SESSION}\n")).unwrap();
    let _ = fs::remove_file(&recording);
    let mut command = watch();
    command
        .args(["--for", "60", "--url", &script.url(), "--account", "U12345678", "--trust"])
        .arg(format!("pin:{}", pin.display()));
    command.arg("--record").arg(&recording);
    for key in ["or", "pl", "mh+265598", "sd+DU1234567", "ld+U12345678", "bd+DU1234567+265598"] {
        command.args(["--subscribe", key]);
    }
    if json {
        command.arg("--json");
    }
    match source {
        "file" => command.arg("--session-file").arg(&file),
        "stdin" => command.args(["--session-file", "-"]).stdin(Stdio::piped()),
        "variable" => command.env("IBWS_SESSION", SESSION),
        _ => command.args(["--session", SESSION]),
    };
    let mut running = Running::start(&mut command);
    if let Some(mut stdin) = running.child.stdin.take() {
        stdin.write_all(format!("{SESSION}\r\n").as_bytes()).unwrap();
    }
    let (mut out, mut ends) = (String::new(), 0);
    while ends < 4 {
        let line = running.until(|line| out += &format!("{line}\n"), |line| line.contains("zzz"));
        ends += usize::from(line.contains("zzz"));
    }
    running.interrupt();
    let (rest, err, status) = running.remaining();
    assert!(status.success(), "{err}");
    let recorded = fs::read_to_string(&recording).unwrap();
    assert!(Recording::read(&recording).unwrap().frames().count() > 100);
    // The gateway asked for the session on the first connection, so that it was read and sent.
    let received = script.finish();
    let sent = format!(r#"{{"session":"{SESSION}"}}"#);
    assert!(received.iter().any(|(_, input)| matches!(input, ibws_testkit::PeerInput::Text(text) if *text == sent)));
    for path in [pin, file, recording] {
        fs::remove_file(path).unwrap();
    }
    (out + &rest, err, recorded)
}

#[test]
fn watch_shows_no_canary_and_takes_the_session_from_each_source() {
    for (json, source) in [(false, "file"), (true, "stdin"), (false, "variable"), (true, "flag")] {
        let (out, err, recorded) = run(json, source);
        assert_eq!(err, "");
        assert!(!out.chars().any(|c| c != '\n' && ibws_proto::is_misleading(c)), "{out}");
        if !json {
            // Plain output has no account either.
            let found = Canary::all().iter().find_map(|canary| canary.found_in(&out).map(str::to_owned));
            assert_eq!(found, None, "{out}");
            assert!(out.contains("DU…567") && out.contains(r"***\u{1b}[2J for"), "{out}");
        }
        // JSON lines and recordings repeat a frame. What is replaced is the session in `tic`; the
        // gateway of this story puts it elsewhere too, and these frames are left out.
        let mut tics = 0;
        for line in out.lines().filter(|_| json).chain(recorded.lines()) {
            let value: Value = serde_json::from_str(line).unwrap();
            let frame = value["raw"]
                .as_str()
                .map_or(value["message"].clone(), |raw| serde_json::from_str(raw).unwrap_or_else(|_| raw.into()));
            let is_elsewhere = frame["topic"] != "tic" && Canary::secrets()[0].found_in(&frame.to_string()).is_some();
            if !is_elsewhere {
                assert_no_secret(source, line);
            }
            if frame["topic"] == "tic" {
                assert_eq!(frame["id"], "***", "{line}");
                tics += 1;
            }
            let has_account = ACCOUNTS.iter().any(|account| line.contains(account));
            let is_data =
                value.get("raw").is_some() || value.get("message").is_some() || value.get("channel").is_some();
            assert!(is_data || !has_account, "{line}");
        }
        assert!(tics >= 4, "{tics}");
    }
}

#[test]
fn watch_refuses_two_sources_and_bad_files_without_a_word_of_the_session() {
    let (bad, long) = (scratch("bad"), scratch("long"));
    fs::write(&bad, format!("{{\"session\":\"{SESSION}\"}}")).unwrap();
    fs::write(&long, SESSION.repeat(200)).unwrap();
    let pipe = std::env::temp_dir();
    let mut cases = vec![
        (vec!["--session-file", bad.to_str().unwrap()], None, "byte 1 of the secret"),
        (vec!["--session-file", long.to_str().unwrap()], None, "4096 bytes"),
        (vec!["--session-file", pipe.to_str().unwrap()], None, "no regular file"),
        (vec!["--session-file", "no-such-file"], None, "cannot read the session file"),
        (vec!["--session", SESSION, "--session-file", "x"], None, "--session and --session-file"),
        (vec!["--session", SESSION], Some(SESSION), "--session and IBWS_SESSION"),
        (vec!["--session-file", "x"], Some(SESSION), "--session-file and IBWS_SESSION"),
        (vec!["--sesion", SESSION], None, "--sesion"),
        (vec![SESSION], None, "***"),
        (vec!["--record-over"], None, "--record FILE"),
    ];
    let with_space = format!("{SESSION} {SESSION}");
    cases.push((Vec::new(), Some(&with_space), "bad IBWS_SESSION: byte 32"));
    for (flags, variable, rule) in cases {
        let mut command = watch();
        command.args(["--for", "20"]).args(&flags);
        if let Some(variable) = variable {
            command.env("IBWS_SESSION", variable);
        }
        let (out, err, status) = Running::start(&mut command).remaining();
        assert!(!status.success() && err.lines().count() == 1 && err.contains(rule), "{flags:?}: {err}");
        assert_no_secret("standard output", &out);
        assert_no_secret("standard error", &err);
    }
    for path in [bad, long] {
        fs::remove_file(path).unwrap();
    }
    // The help states who sees the flag.
    let (help, _, status) = Running::start(watch().arg("--help")).remaining();
    assert!(status.success() && help.replace(['\n', ' '], "").contains("Otherusersofthismachinecansee"), "{help}");
}
