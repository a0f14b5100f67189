//! Tests of the two programs as a user runs them: real processes with real sockets on loopback.

mod running;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ibws_testkit::{GatewayConfig, GatewayOutput, Script, Server, ServerConfig};
use running::{Running, watch};
use serde_json::Value;
use tungstenite::Message;

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn watch_without_flags_shows_all_five_symbols_with_bid_ask_and_last() {
    let (out, err, status) = Running::start(watch().args(["--for", "2"])).remaining();
    assert!(status.success(), "{err}");
    assert_eq!(err, "");
    for symbol in ["AAPL", "MSFT", "AMAT", "AMZN", "NVDA"] {
        let row = out
            .lines()
            .find(|line| line.contains(&format!(" {symbol} ")) && line.contains('.') && !line.contains("active"));
        let row = row.unwrap_or_else(|| panic!("no quote of {symbol} in\n{out}"));
        let prices = row.split_whitespace().skip(2).filter(|word| word.parse::<f64>().is_ok()).count();
        assert!(prices >= 3, "{row}");
    }
}

#[test]
fn watch_draws_the_timeline_of_its_run_and_replaces_a_file_only_with_record_over() {
    let path = std::env::temp_dir().join(format!("ibws-timeline-{}.svg", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let file = path.to_str().unwrap();
    let run = |flags: &[&str]| Running::start(watch().args(["--for", "1", "--timeline", file]).args(flags)).remaining();
    let (_, err, status) = run(&["--subscribe", "sd+DU1234567"]);
    assert!(status.success(), "{err}");
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("active for "), "{svg}");
    assert!(svg.contains("sd+DU…567") && !svg.contains("DU1234567"), "{svg}");
    let (_, err, status) = run(&[]);
    assert!(!status.success() && err.contains("--record-over"), "{err}");
    let (_, err, status) = run(&["--record-over"]);
    assert!(status.success(), "{err}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn ctrl_c_unsubscribes_and_exits_with_success() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(5))).unwrap();
    let mut watch = watch();
    let mut watch = Running::start(watch.args(["--json", "--url", &server.ws_url(), "--subscribe", "md+265598"]));
    watch.until(|_| (), |line| line.contains(r#""status":"active""#));
    watch.interrupt();
    let (out, err, status) = watch.remaining();
    assert!(status.success(), "{err}");
    assert!(json_lines(&out).iter().any(|line| line["state"] == "stopped"), "{out}");
    let sent: Vec<_> = server.control().log().map(|received| received.text.clone()).collect();
    assert_eq!(sent, ["smd+265598+{}", "umd+265598+{}"]);
}

#[test]
fn watch_writes_nothing_before_success_and_reconnects_after_every_kind_of_end() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(9))).unwrap();
    let mut watch = watch();
    let fields = r#"md+265598+{"fields":["31","84"]}"#;
    let mut watch =
        Running::start(watch.args(["--json", "--url", &server.ws_url(), "--subscribe", fields, "--subscribe", "or"]));
    for end in [Some(1000), None, Some(1011)] {
        watch.until(|_| (), |line| line.contains(r#""status":"active""#) && line.contains("md+265598"));
        {
            let mut gateway = server.control();
            let conn = gateway.connections().last().unwrap();
            match end {
                Some(code) => gateway.close(conn, code),
                None => gateway.drop_connection(conn),
            }
        }
        watch.until(|_| (), |line| line.starts_with(r#"{"type":"gap""#));
        watch.until(|_| (), |line| line.starts_with(r#"{"type":"resumed""#));
    }
    watch.until(|_| (), |line| line.contains(r#""status":"active""#) && line.contains("md+265598"));
    watch.interrupt();
    assert!(watch.remaining().2.success());
    let gateway = server.control();
    let log: Vec<_> = gateway.log().collect();
    assert!(log.iter().all(|received| received.honoured), "{log:?}");
    let subscribed = log.iter().filter(|received| received.text == format!("s{fields}")).count();
    assert_eq!(subscribed, 4);
    assert_eq!(log.iter().filter(|received| received.text == "sor+{}").count(), 4);
}

#[test]
fn a_frame_with_a_bad_byte_is_delivered_as_lossy_and_the_next_one_is_not() {
    for output in [GatewayOutput::Text, GatewayOutput::Binary] {
        let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(2))).unwrap();
        let mut watch = watch();
        let mut watch = Running::start(watch.args(["--json", "--url", &server.ws_url(), "--subscribe", "tr"]));
        watch.until(|_| (), |line| line.contains(r#""status":"active""#));
        let conn = server.control().connections().last().unwrap();
        for bytes in [
            &b"{\"topic\":\"str\",\"args\":[{\"company_name\":\"ACME\x99\"}]}"[..],
            br#"{"topic":"str","args":[{"company_name":"GOOD"}]}"#,
        ] {
            server.control().inject(conn, output(bytes.to_vec()));
        }
        let bad = watch.until(|_| (), |line| line.contains("ACME"));
        let bad: Value = serde_json::from_str(&bad).unwrap();
        assert_eq!((&bad["lossy"], &bad["key"]), (&Value::Bool(true), &Value::from("TRADES")));
        let good = watch.until(|_| (), |line| line.contains("GOOD"));
        assert_eq!(serde_json::from_str::<Value>(&good).unwrap().get("lossy"), None);
        watch.interrupt();
        assert!(watch.remaining().2.success());
    }
}

#[test]
fn a_session_sent_with_the_upgrade_is_not_sent_as_a_message() {
    let mut demanding = GatewayConfig::seeded(4);
    demanding.waiting_for_session = true;
    let server = Server::start(ServerConfig::plain(demanding)).unwrap();
    let session = server.control().session().to_owned();
    let mut watch = watch();
    let mut watch =
        Running::start(watch.args(["--json", "--url", &server.ws_url(), "--session", &session, "--subscribe", "pl"]));
    watch.until(|_| (), |line| line.contains(r#""status":"active""#));
    watch.interrupt();
    let (_, err, status) = watch.remaining();
    assert!(status.success() && err.is_empty(), "{err}");
    assert!(server.control().log().all(|received| !received.text.contains("session")));
}

#[test]
fn the_session_of_a_tickle_authorises_each_dial() {
    let mut demanding = GatewayConfig::seeded(5);
    demanding.waiting_for_session = true;
    let server = Server::start(ServerConfig::plain(demanding)).unwrap();
    let tickle = server.ws_url().replace("ws://", "http://").replace("/v1/api/ws", "/v1/api/tickle");
    let mut watch = watch();
    let mut watch =
        Running::start(watch.args(["--json", "--url", &server.ws_url(), "--tickle", &tickle, "--subscribe", "pl"]));
    watch.until(|_| (), |line| line.contains(r#""status":"active""#));
    watch.interrupt();
    let (out, err, status) = watch.remaining();
    let session = server.control().session().to_owned();
    assert!(status.success() && err.is_empty() && !out.contains(&session), "{err}");
    assert!(server.control().log().all(|received| !received.text.contains("session")));
}

#[test]
fn a_gateway_that_waits_for_a_session_receives_only_the_session_before_success() {
    // A peer that ignores the cookie and sends each frame explicitly.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/v1/api/ws", listener.local_addr().unwrap());
    let mut watch = watch();
    let session = "00112233445566778899aabbccddeeff";
    let watch = Running::start(watch.args(["--json", "--url", &url, "--session", session, "--subscribe", "pl"]));
    let mut peer = tungstenite::accept(listener.accept().unwrap().0).unwrap();
    peer.send(Message::text(r#"{"message":"waiting for session"}"#)).unwrap();
    assert_eq!(peer.read().unwrap().to_text().unwrap(), format!(r#"{{"session":"{session}"}}"#));
    peer.send(Message::text(r#"{"topic":"sts","args":{"authenticated":true}}"#)).unwrap();
    peer.send(Message::text(r#"{"topic":"system","success":"nobody"}"#)).unwrap();
    assert_eq!(peer.read().unwrap().to_text().unwrap(), "spl+{}");
    watch.interrupt();
    assert_eq!(peer.read().unwrap().to_text().unwrap(), "upl+{}");
    assert!(peer.read().unwrap().is_close());
    drop(peer.read());
    let (out, err, status) = watch.remaining();
    assert!(status.success(), "{err}");
    assert!(!out.contains(session) && !err.contains(session));
}

#[test]
fn invalid_input_prints_one_line_with_a_hint_and_does_not_panic() {
    let taken = Server::start(ServerConfig::tls(GatewayConfig::seeded(1))).unwrap();
    let unpinned = taken.ws_url();
    for (flags, hint) in [
        (vec!["--url", "nonsense"], "wss://HOST:PORT"),
        (vec!["--url", "ws://example.com/v1/api/ws"], "loopback hosts only"),
        (vec!["--url", "wss://user:pw@localhost/"], "watch"),
        (vec!["--frobnicate"], "--help"),
        (vec!["--subscribe", "zz"], "unknown channel"),
        (vec!["--subscribe", "md"], "needs a target"),
        (vec!["--subscribe", "md+1+{"], "JSON"),
        (vec!["--subscribe", "md+1", "--subscribe", r#"md+1+{"fields":["31"]}"#], "other arguments"),
        (
            vec![
                "--subscribe",
                "mh+1",
                "--subscribe",
                "mh+2",
                "--subscribe",
                "mh+3",
                "--subscribe",
                "mh+4",
                "--subscribe",
                "mh+5",
                "--subscribe",
                "mh+6",
            ],
            "limit of 5",
        ),
        (vec!["--url", &unpinned, "--tickle", "https://localhost"], "https://localhost:5000/v1/api/tickle"),
        (vec!["--tickle", "https://localhost/v1/api/tickle"], "--url"),
        (vec!["--trust", "ca:no-such-file"], "no-such-file: "),
        (vec!["--trust", "sha256:12:34"], "2 bytes"),
        (vec!["--trust", "anything"], "pin:FILE"),
        (vec!["--url", "wss://localhost:1/", "--trust", "pin:no-such-file"], "check the path"),
        (vec!["--url", unpinned.as_str()], "pass --trust sha256:"),
        (vec!["--session", "not a token"], "bad --session"),
    ] {
        let (_, err, status) = Running::start(watch().args(["--for", "20"]).args(&flags)).remaining();
        assert!(!status.success(), "{flags:?}");
        assert!(!err.contains("not a token"), "{err}");
        assert_eq!(err.lines().count(), 1, "{flags:?}: {err}");
        assert!(err.contains(hint) && !err.contains("panicked"), "{flags:?}: {err}");
    }
}

#[test]
fn a_closed_port_ends_watch_after_the_attempts_of_start() {
    let (_, err, status) = Running::start(watch().args(["--json", "--url", "ws://127.0.0.1:1/v1/api/ws"])).remaining();
    assert!(!status.success());
    assert!(
        err.lines().count() == 1 && err.contains("127.0.0.1:1") && err.contains("check that the gateway is running"),
        "{err}"
    );
}

#[test]
fn an_address_that_the_gateway_denies_ends_watch_with_the_setting_that_allows_it() {
    let denying = Script::start(false, |_, mut client| {
        client.head()?;
        client.put(b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nAccess Denied")
    });
    let (_, err, status) = Running::start(watch().args(["--json", "--url", &denying.url()])).remaining();
    assert!(!status.success());
    assert!(
        err.lines().count() == 1
            && err.contains("HTTP 404 Not Found and the body \"Access Denied\"")
            && err.contains("`ips` setting of the gateway's conf.yaml"),
        "{err}"
    );
}

#[test]
fn the_gateway_refuses_invalid_flags_with_one_line() {
    let taken = Server::start(ServerConfig::plain(GatewayConfig::seeded(1))).unwrap();
    let address = taken.addr().to_string();
    for flags in [
        vec!["--listen", address.as_str()],
        vec!["--listen", "192.0.2.1:5000"],
        vec!["--listen", "nowhere"],
        vec!["--scenario", "nonsense"],
        vec!["--recording", "no-such-file"],
        vec!["--account", "nobody"],
        vec!["--certificate", "no-such-folder/gateway.pem", "--listen", "127.0.0.1:0"],
        vec!["--certificate", "gateway.pem", "--plain"],
        vec!["--frobnicate"],
    ] {
        let mut gateway = Command::new(env!("CARGO_BIN_EXE_gateway"));
        gateway.args(&flags).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (_, err, status) = Running::start(&mut gateway).remaining();
        assert!(!status.success(), "{flags:?}");
        assert!(err.lines().count() == 1 && !err.contains("panicked"), "{flags:?}: {err}");
    }
}

/// Starts the gateway on a free port, and returns it with its first line.
fn gateway(flags: &[&str]) -> (Running, String) {
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_gateway"));
    gateway.args(["--listen", "127.0.0.1:0"]).args(flags);
    let mut gateway = Running::start(gateway.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let listening = gateway.until(|_| (), |line| line.starts_with("listening on "));
    (gateway, listening)
}

#[test]
fn the_gateway_writes_its_certificate_to_a_file_before_its_first_line() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gateway-{}.pem", std::process::id()));
    let (mut gateway, _) = gateway(&["--certificate", path.to_str().unwrap()]);
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut printed = String::new();
    gateway.until(|line| printed = format!("{printed}{line}\n"), |line| line.starts_with("-----END"));
    assert!(written.starts_with("-----BEGIN CERTIFICATE-----\n") && printed.ends_with(&written), "{printed}");
}

#[test]
fn the_gateway_refuses_a_second_tickle_within_a_second_unless_unpaced() {
    for (flags, second) in [(vec!["--plain"], "429"), (vec!["--plain", "--unpaced"], "200")] {
        let (_gateway, listening) = gateway(&flags);
        let address = listening.split_once("ws://").unwrap().1.split_once('/').unwrap().0;
        let codes = ["200", second].map(|expected| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(b"GET /v1/api/tickle HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).unwrap();
            (reply.split(' ').nth(1).unwrap().to_owned(), expected)
        });
        assert!(codes.iter().all(|(code, expected)| code == expected), "{flags:?}: {codes:?}");
    }
}

/// Plays a recording through `gateway --recording` and `watch --json`, and compares the frames.
fn plays_unchanged(recording: &Path) {
    let text = std::fs::read_to_string(recording).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let frames =
        |dir: &str| lines.iter().filter(|l| l["dir"] == dir).map(|l| l["raw"].as_str().unwrap()).collect::<Vec<_>>();
    let expected = frames("in");
    let (_gateway, listening) = gateway(&["--plain", "--recording", recording.to_str().unwrap()]);
    let url = listening.split_whitespace().find(|word| word.starts_with("ws://")).unwrap();
    let mut watch = watch();
    watch.args(["--json", "--url", url]);
    for channel in frames("out").iter().filter_map(|text| text.strip_prefix('s')) {
        watch.args(["--subscribe", channel]);
    }
    let mut watch = Running::start(&mut watch);
    let mut received = Vec::new();
    while received.len() < expected.len() {
        let line = watch.until(|_| (), |line| line.starts_with(r#"{"type":"data""#));
        let (_, message) = line.split_once(r#","message":"#).unwrap();
        received.push(message.to_owned());
    }
    for (n, (received, expected)) in received.iter().zip(&expected).enumerate() {
        // The text of the frame, byte for byte, and then the next member of the line.
        let rest = received.strip_prefix(expected).unwrap_or_default();
        let is_next_member = [r#","channel":""#, r#","conn":"#].iter().any(|member| rest.starts_with(member));
        assert!(is_next_member, "server frame {n}: {received}, not {expected}");
    }
    watch.interrupt();
    assert!(watch.remaining().2.success());
}

#[test]
fn gateway_and_watch_json_pass_on_every_frame_of_a_generated_recording_unchanged() {
    let path = std::env::temp_dir().join(format!("ibws-recording-{}.jsonl", std::process::id()));
    let mut text = String::new();
    let mut line =
        |t: u64, dir: &str, raw: &str| text += &format!("{}\n", serde_json::json!({"t": t, "dir": dir, "raw": raw}));
    line(0, "in", r#"{"topic":"system","success":"nobody","isFT":false,"isPaper":true}"#);
    line(5, "in", r#"{"topic":"sts","args":{"authenticated":true,"competing":false}}"#);
    line(10, "out", r#"smd+76792991+{"fields":["31"]}"#);
    for n in 0..50 {
        line(20 + 10 * n, "in", &format!(r#"{{"31":"{}.{n:02}", "é":"\u00e9","topic":"smd+76792991"}}"#, 100 + n));
    }
    // A recording with a heartbeat makes the gateway add none of its own.
    line(600, "in", r#"{"topic":"system","hb":1767225600000}"#);
    std::fs::write(&path, text).unwrap();
    plays_unchanged(&path);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn gateway_and_watch_json_pass_on_every_frame_of_the_market_data_recording_unchanged() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/recordings/market-data-5-symbols.jsonl");
    if !path.exists() {
        let _ = writeln!(std::io::stderr(), "skipped: the recording is not published with the project");
        return;
    }
    plays_unchanged(&path);
}

/// Returns the exit status of a program that must exit within `limit`.
fn exit_within(child: &mut Child, limit: Duration) -> ExitStatus {
    let started_at = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started_at.elapsed() < limit, "the program did not exit within {limit:?}");
        std::thread::yield_now();
    }
}

#[test]
fn watch_exits_with_success_and_no_message_when_its_output_is_closed() {
    let mut child = watch().args(["--json", "--for", "60"]).spawn().unwrap();
    // The reader closes the pipe after one line, as `head -1` does.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let status = exit_within(&mut child, Duration::from_secs(20));
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success() && err.is_empty(), "{status}: {err}");
}

#[test]
fn watch_exits_in_time_while_its_output_is_blocked() {
    let server = Server::start(ServerConfig::plain(GatewayConfig::seeded(1))).unwrap();
    let mut watch = watch();
    let mut watch = Running::start(watch.args(["--json", "--url", &server.ws_url(), "--subscribe", "pl"]));
    watch.until(|_| (), |line| line.contains(r#""state":"ready""#));
    let conn = server.control().connections().last().unwrap();
    // The frame is larger than a pipe and the buffer of its reader together.
    let big = format!(r#"{{"topic":"big","text":"{}"}}"#, "x".repeat(1_000_000));
    server.control().inject(conn, GatewayOutput::Text(big.into_bytes()));
    // The output has begun a line that it cannot finish.
    while !watch.stdout.fill_buf().unwrap().ends_with(b"xxx") {
        let read = watch.stdout.buffer().len();
        watch.stdout.consume(read);
    }
    watch.interrupt();
    assert!(exit_within(&mut watch.child, Duration::from_secs(6)).success());
}
