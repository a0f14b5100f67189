//! The Autobahn test suite against the WebSocket of both adapters.
//!
//! The suite, `autobahntestsuite` of PyPI, needs Python 2.7. It plays a server, whose cases the
//! client of each adapter echoes. `docs/autobahn.md` has the results, and the deviations that are
//! by design. `.ci/run autobahn` runs the test where `wstest`, the program of the suite, is
//! installed: in the path, or where `IBWS_WSTEST` names it. `IBWS_BLESS=1` writes the table.
#![cfg(feature = "net")]

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::fs;
use std::future::poll_fn;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use ibws_async_std::AsyncStdRuntime;
use ibws_proto::ConnectError;
use ibws_proto::transport::{
    DialRequest, Endpoint, IncomingMessage, Limits, Link, OutgoingMessage, Plaintext, Runtime,
};
use ibws_tokio::TokioRuntime;

const DOCUMENT: &str = "../ibws-proto/docs/autobahn.md";
const BEGIN: &str = "<!-- autobahn: begin -->\n";
const END: &str = "<!-- autobahn: end -->";
const AGENTS: [&str; 2] = ["ibws-tokio", "ibws-async-std"];
/// The longest that the suite takes to start, and that a case takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// The code of the Close with which a message is refused that cannot be echoed (RFC 6455 §7.4.1).
const UNSUPPORTED_DATA: u16 = 1003;

/// The cases that fail or are not implemented by design, by the start of their number, and why.
const BY_DESIGN: [(&str, &str); 7] = [
    ("1.2", BINARY),
    ("9.2", BINARY),
    ("9.4", BINARY),
    ("9.6", BINARY),
    ("9.8", BINARY),
    ("12", COMPRESSED),
    ("13", COMPRESSED),
];
const BINARY: &str =
    "the message is binary and is to be echoed as binary; the gateway takes text, so the client writes no other";
const COMPRESSED: &str = "the suite offers compression (RFC 7692), which the client does not request";

/// The program of the suite while it runs.
struct Suite {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Suite {
    fn start(program: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("autobahn-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let spec = format!(
            r#"{{"url": "ws://127.0.0.1:{port}", "outdir": "reports", "cases": ["*"], "exclude-cases": [], "exclude-agent-cases": {{}}}}"#
        );
        fs::write(folder.join("spec.json"), spec).expect("a file");
        let log = fs::File::create(folder.join("log.txt")).expect("a file");
        let process = Command::new(program)
            .args(["-m", "fuzzingserver", "-s", "spec.json", "-u", "0"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        Self { process, folder, port }
    }

    fn request(&self, path: &str) -> DialRequest {
        let url = format!("ws://127.0.0.1:{}/{path}", self.port);
        let endpoint = Endpoint::parse(&url, Plaintext::OnLoopback).expect("a loopback address");
        // The largest messages of the suite have 16 MiB.
        let size = 20 << 20;
        let limits =
            Limits { max_message_size: size, max_frame_size: size, max_write_buffer: 2 * size, ..Limits::default() };
        DialRequest { limits, ..DialRequest::new(endpoint) }
    }

    /// Connects to `path`, echoes, and returns what was received.
    fn visit<R: Runtime + Clone>(&self, runtime: &R, path: &str) -> Result<Vec<Vec<u8>>, ConnectError> {
        let request = self.request(path);
        let (done, when_done) = mpsc::channel();
        let dialler = runtime.clone();
        runtime.spawn(async move {
            let received = match dialler.dial(request).await {
                Ok(mut link) => {
                    let mut echo = Echo::default();
                    poll_fn(|cx| echo.poll(&mut link, cx)).await;
                    Ok(echo.first)
                }
                Err(error) => Err(error),
            };
            let _ = done.send(received);
        });
        when_done.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{path} does not end"))
    }

    /// Plays every case on one adapter.
    fn play<R: Runtime + Clone>(&self, runtime: &R, agent: &str) {
        let until = Instant::now() + PATIENCE;
        let count = loop {
            match self.visit(runtime, "getCaseCount") {
                Ok(received) => break received.concat(),
                Err(error) => assert!(Instant::now() < until, "the suite does not listen: {error}"),
            }
            // The suite is a program of its own, which takes a while to listen.
            thread::sleep(Duration::from_millis(100));
        };
        let count: usize = String::from_utf8_lossy(&count).parse().expect("a number of cases");
        assert!(count > 500, "the suite has only {count} cases");
        for case in 1..=count {
            self.visit(runtime, &format!("runCase?case={case}&agent={agent}")).expect("a connection");
        }
        self.visit(runtime, &format!("updateReports?agent={agent}")).expect("a connection");
    }

    /// Returns the result of each case of one agent.
    fn results(&self, agent: &str) -> BTreeMap<CaseId, String> {
        let index = fs::read_to_string(self.folder.join("reports/index.json")).expect("the reports");
        let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
        let cases = index[agent].as_object().expect("the cases of the agent");
        cases.iter().map(|(id, case)| (CaseId::parse(id), case["behavior"].as_str().unwrap_or("?").into())).collect()
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The number of a case, such as 6.4.1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct CaseId(Vec<u32>);

impl CaseId {
    fn parse(text: &str) -> Self {
        Self(text.split('.').map(|part| part.parse().expect("a number")).collect())
    }

    /// Returns the group of the case, which is a row of the table.
    fn group(&self) -> Self {
        Self(self.0[..self.0.len().min(2).min(if matches!(self.0[0], 1 | 6 | 7 | 9) { 2 } else { 1 })].to_vec())
    }

    fn text(&self) -> String {
        self.0.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }

    fn begins_with(&self, start: &str) -> bool {
        self.0.starts_with(&Self::parse(start).0)
    }
}

/// Echoes as text what is text. The client writes no other frames, so it closes the connection
/// after a message that is not.
#[derive(Default)]
struct Echo {
    outgoing: VecDeque<OutgoingMessage>,
    next: Option<OutgoingMessage>,
    /// The first message.
    first: Vec<Vec<u8>>,
}

impl Echo {
    fn poll<L: Link>(&mut self, link: &mut L, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.write(link, cx);
            match link.poll_recv(cx) {
                Poll::Ready(IncomingMessage::Frame(bytes)) => {
                    if self.first.is_empty() {
                        self.first.push(bytes.to_vec());
                    }
                    self.outgoing.push_back(match String::from_utf8(bytes.into()) {
                        Ok(text) => OutgoingMessage::Text(text),
                        Err(_) => OutgoingMessage::Close(UNSUPPORTED_DATA),
                    });
                }
                Poll::Ready(IncomingMessage::Ping | IncomingMessage::Pong) => {}
                Poll::Ready(IncomingMessage::Closed(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn write<L: Link>(&mut self, link: &mut L, cx: &mut Context<'_>) {
        loop {
            if self.next.is_none() {
                self.next = self.outgoing.pop_front();
            }
            if self.next.is_none() {
                break;
            }
            match link.poll_send(cx, &mut self.next) {
                Poll::Ready(Ok(())) => self.next = None,
                // The read half reports the end.
                Poll::Ready(Err(_)) => {
                    self.next = None;
                    self.outgoing.clear();
                }
                Poll::Pending => return,
            }
        }
        let _ = link.poll_flush(cx);
    }
}

/// Returns the table of the document: for each group of cases, how many had which result.
fn table(results: &BTreeMap<CaseId, String>) -> String {
    let kinds = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED"];
    let mut groups: BTreeMap<CaseId, [usize; 5]> = BTreeMap::new();
    for (id, result) in results {
        let kind = kinds.iter().position(|kind| kind == result).unwrap_or_else(|| panic!("the result {result}"));
        groups.entry(id.group()).or_default()[kind] += 1;
    }
    let mut table = String::from(
        "| cases | OK | non-strict | informational | not implemented | failed |\n|---|---|---|---|---|---|\n",
    );
    for (group, counts) in groups {
        let counts = counts.map(|count| if count == 0 { "-".to_owned() } else { count.to_string() });
        table += &format!("| {}.* | {} |\n", group.text(), counts.join(" | "));
    }
    table += "\nWhat is not implemented or fails, all of it by design:\n\n";
    for (start, reason) in BY_DESIGN {
        let cases: Vec<_> = deviations(results).filter(|id| id.begins_with(start)).map(CaseId::text).collect();
        let cases = match &cases[..] {
            [first, .., last] => format!("{first} to {last} ({} cases)", cases.len()),
            _ => cases.concat(),
        };
        table += &format!("- {cases}: {reason}.\n");
    }
    table
}

fn deviations(results: &BTreeMap<CaseId, String>) -> impl Iterator<Item = &CaseId> {
    results.iter().filter(|(_, result)| matches!(&result[..], "FAILED" | "UNIMPLEMENTED")).map(|(id, _)| id)
}

#[test]
#[ignore = "needs wstest, which needs Python 2.7; .ci/run autobahn runs it where it is installed"]
fn both_adapters_pass_the_autobahn_suite_except_for_deviations_by_design() {
    let program = env::var("IBWS_WSTEST").unwrap_or_else(|_| "wstest".into());
    let suite = Suite::start(&program);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    suite.play(&TokioRuntime::with_handle(tokio.handle().clone()), AGENTS[0]);
    suite.play(&AsyncStdRuntime::new(), AGENTS[1]);
    let [results, others] = AGENTS.map(|agent| suite.results(agent));
    let differing: Vec<_> = results.iter().filter(|(id, result)| others.get(id) != Some(result)).collect();
    assert!(results.len() == others.len() && differing.is_empty(), "other results on async-std: {differing:?}");
    let is_by_design = |id: &CaseId| BY_DESIGN.iter().any(|(start, _)| id.begins_with(start));
    let unexpected: Vec<_> = deviations(&results).filter(|id| !is_by_design(id)).map(CaseId::text).collect();
    assert!(unexpected.is_empty(), "cases that failed, with reports in {:?}: {unexpected:?}", suite.folder);
    for (start, reason) in BY_DESIGN {
        assert!(deviations(&results).any(|id| id.begins_with(start)), "no case {start} deviates: {reason}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let text = fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (recorded, after) = rest.split_once(END).expect("the end of the table");
    let table = table(&results);
    if env::var("IBWS_BLESS").is_ok_and(|bless| bless == "1") {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("a document that can be written");
    } else {
        assert_eq!(recorded, table, "{DOCUMENT}; IBWS_BLESS=1 writes it");
    }
}
