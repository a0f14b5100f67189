//! From nothing to quotes, as a user runs it: the programs of the README against the program
//! `gateway`, which listens on TLS with a certificate of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// Returns the path of an example of the workspace. A test run of the whole workspace builds it
/// along with this test; a test run of this package builds it here, once.
fn example(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = std::env::current_exe().unwrap();
    let examples = tests.ancestors().nth(2).unwrap().join("examples");
    let path = examples.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--workspace", "--example", name, "--profile", profile]);
        assert!(build.status().unwrap().success(), "{name} does not build");
    }
    path
}

/// A running program, which is killed at the end of the test.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Reads lines up to the first one that `matches` accepts, and returns it.
    fn until(&mut self, matches: impl Fn(&str) -> bool) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line).unwrap() == 0 {
                let mut err = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                panic!("the program ended early: {err}");
            }
            if matches(line.trim_end()) {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program `gateway` on a free port, and what it announces.
struct Gateway {
    _running: Running,
    /// Its address, as `HOST:PORT`.
    address: String,
    sha256: String,
    /// The file with its certificate, removed at the end.
    pem: PathBuf,
}

impl Gateway {
    fn start(name: &str) -> Self {
        let mut running = Running::start(Command::new(env!("CARGO_BIN_EXE_gateway")).args(["--listen", "127.0.0.1:0"]));
        let listening = running.until(|line| line.starts_with("listening on "));
        let address = listening.trim_start_matches("listening on wss://").split('/').next().unwrap().to_owned();
        let sha256 = running.until(|line| line.starts_with("certificate SHA-256 "));
        let sha256 = sha256.rsplit(' ').next().unwrap().to_owned();
        let mut text = running.until(|line| line.starts_with("-----BEGIN"));
        while !text.contains("-----END") {
            text = format!("{text}\n{}", running.until(|_| true));
        }
        let pem = std::env::temp_dir().join(format!("ibws-programs-{}-{name}.pem", std::process::id()));
        std::fs::write(&pem, text).unwrap();
        Self { _running: running, address, sha256, pem }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.pem);
    }
}

/// Returns the example of the README and the documents that show the same code.
fn shown(example: &str, documents: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join(example)).unwrap();
    // The introduction of the file ends with the first empty line.
    let (_, code) = text.split_once("\n\n").unwrap();
    for document in documents {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        assert!(text.contains(&format!("```rust,no_run\n{code}```\n")), "{document} does not show {example} as it is");
    }
}

/// Runs an example of a README, with nothing but the address and the certificate of the gateway in
/// its environment.
fn shows_quotes(name: &str) {
    let gateway = Gateway::start(name);
    let mut program = Command::new(example(name));
    program.env("IBIND_WS_URL", format!("wss://{}/v1/api/ws", gateway.address)).env("IBIND_CACERT", &gateway.pem);
    let mut program = Running::start(&mut program);
    let line = program.until(|line| line.contains("smd+265598"));
    assert!(line.starts_with("Event("), "{line}");
}

#[test]
fn the_program_of_the_readme_shows_quotes() {
    shown("ibws-tokio/examples/quotes.rs", &["README.md", "ibws-tokio/README.md"]);
    shows_quotes("quotes");
}

#[test]
fn the_program_of_the_readme_reports_that_no_gateway_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(); // and closed again
    let mut program = Command::new(example("quotes"));
    program.env("IBIND_WS_URL", format!("wss://{free}/v1/api/ws"));
    let line = Running::start(&mut program).until(|line| line.starts_with("backoff for "));
    assert!(line.contains(&format!("cannot connect to {free}")) && line.contains("gateway is running"), "{line}");
}

#[test]
fn the_program_of_the_readme_on_async_std_shows_quotes() {
    shown("ibws-async-std/examples/quotes_async_std.rs", &["ibws-async-std/README.md"]);
    shows_quotes("quotes_async_std");
}

#[test]
fn the_documents_hold_the_programs_as_they_are() {
    shown("ibws-async-std/examples/smol.rs", &["ibws-async-std/README.md"]);
    shown("ibws-proto/examples/machine_by_hand.rs", &["ibws-proto/docs/guides/machine-by-hand.md"]);
}

#[test]
fn the_program_of_the_readme_names_the_variable_that_it_cannot_use() {
    let mut program = Command::new(example("quotes"));
    program.env("IBIND_CACERT", "False").stdin(Stdio::null());
    let output = program.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && err.contains("ChecksOff") && err.contains("IBIND_CACERT"), "{err}");
}

#[test]
fn watch_gateway_shows_the_session_and_quotes_with_nothing_but_address_and_trust() {
    let gateway = Gateway::start("watch");
    let trust = format!("sha256:{}", gateway.sha256);
    let mut watch = Command::new(example("watch"));
    let mut watch = Running::start(watch.args(["--json", "--gateway", &gateway.address, "--trust", &trust]));
    let session = watch.until(|line| line.starts_with(r#"{"type":"keeper""#) && line.contains("authenticated"));
    let session: Value = serde_json::from_str(&session).unwrap();
    assert_eq!((&session["state"], &session["why"]), (&"authenticated".into(), &Value::Null));
    let quote = watch.until(|line| line.contains(r#""key":"MARKET_DATA""#));
    assert_eq!(serde_json::from_str::<Value>(&quote).unwrap()["type"], "data");
    drop(watch);
    // A second program within a second exceeds the pacing of a gateway, so it has one of its own.
    let gateway = Gateway::start("plain");
    let pin = format!("pin:{}", gateway.pem.display());
    let mut watch = Command::new(example("watch"));
    let mut watch = Running::start(watch.args(["--gateway", &gateway.address, "--trust", &pin]));
    watch.until(|line| line.contains("session authenticated"));
    watch.until(|line| line.contains(" AAPL ") && line.split_whitespace().any(|word| word.parse::<f64>().is_ok()));
}

#[test]
fn watch_gateway_refuses_what_does_not_go_with_it() {
    let gateway = Gateway::start("refused");
    for (flags, hint) in [
        (vec!["--gateway", gateway.address.as_str()], "sha256:"),
        (vec!["--gateway", "wss://localhost:5000"], "HOST:PORT"),
        (vec!["--gateway", "localhost", "--url", "wss://localhost:5000/v1/api/ws"], "--url"),
        (vec!["--gateway", "localhost", "--session", "0123456789abcdef"], "--session"),
    ] {
        let output = Command::new(example("watch")).args(["--for", "30"]).args(&flags).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{flags:?}");
        assert!(err.lines().count() == 1 && err.contains(hint) && !err.contains("panicked"), "{flags:?}: {err}");
    }
}
