//! The gateway of a flood, in a process of its own: the process of the client holds the client
//! alone.

use std::env;
use std::io::{self, BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use ibws_testkit::conformance::memory::{Flood, flooding};

/// The variable that has a process of this test be the gateway: the place of the flood, the limit
/// of a message, and the seconds that the flood takes.
pub(crate) const CASE: &str = "IBWS_FLOOD_GATEWAY";
/// The word before the URL and the certificate in the output of the gateway.
const SERVES: &str = "gateway:";
/// The line of the gateway once a connection has received everything.
const OVER: &str = "over";
/// The time that a gateway takes beside its flood.
const PATIENCE: u64 = 90;

/// A gateway in a process of its own, which ends when this is dropped.
pub(crate) struct Gateway {
    child: Child,
    lines: Arc<Mutex<Lines<BufReader<ChildStdout>>>>,
    /// Its URL and its certificate.
    pub(crate) at: (String, Vec<u8>),
}

impl Gateway {
    /// Starts the process and waits until it listens.
    pub(crate) fn start(flood: usize, max_message: usize, seconds: u64) -> Self {
        let mut command = Command::new(env::current_exe().expect("the path of this test"));
        command.args(["--exact", "floods_cost_bounded_memory", "--nocapture"]);
        command.env(CASE, format!("{flood} {max_message} {seconds}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process of this test");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix(SERVES).map(str::to_owned));
        let line = line.expect("a gateway that listens");
        let (url, certificate) = line.trim().split_once(' ').expect("a URL and a certificate");
        let at = (url.to_owned(), from_hex(certificate));
        Self { child, lines: Arc::new(Mutex::new(lines)), at }
    }

    /// Returns a function that returns once a connection has received everything.
    pub(crate) fn wait(&self) -> impl FnOnce() + Send + use<> {
        let lines = Arc::clone(&self.lines);
        move || {
            let mut lines = lines.lock().expect("no panic");
            assert!(lines.by_ref().map_while(Result::ok).any(|line| line == OVER), "the gateway has ended");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It ends with its standard input. If it does not, it is ended.
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is the gateway, until its standard input ends.
#[expect(clippy::print_stdout, reason = "the process of the client reads it")]
pub(crate) fn serve(case: &str) {
    let numbers: Vec<_> = case.split(' ').filter_map(|word| word.parse::<usize>().ok()).collect();
    let [flood, max_message, seconds] = numbers[..] else { panic!("three numbers") };
    let (flood, seconds) = (Flood::ALL[flood], seconds as u64);
    let script = flooding(flood, flood.payload(max_message), seconds, || println!("\n{OVER}"));
    let certificate: String = script.certificate().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("\n{SERVES} {} {certificate}", script.url());
    let (ended, when_ended) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        ended.send(())
    });
    let end = when_ended.recv_timeout(Duration::from_secs(seconds + PATIENCE));
    assert!(end.is_ok(), "the client does not end");
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |at| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    (0..text.len()).step_by(2).map(|at| digits(at).expect("two digits")).collect()
}
