//! The two processes of a run, and where they are pinned.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::connection::Target;
use super::pour::{Flood, Poured};
use super::serve::Report;
use super::tally::Outcome;

/// The longest time until a server listens.
const START: Duration = Duration::from_secs(20);
/// The longest time of a client.
const RUN: Duration = Duration::from_mins(2);
/// The core of the server.
const SERVER_CORE: &str = "0";
/// The core of the client.
const CLIENT_CORE: &str = "1";

/// Whether processes can be pinned to two cores.
static PINS: LazyLock<bool> = LazyLock::new(|| {
    let pinned = |core| Command::new("taskset").args(["-c", core, "true"]).output();
    [SERVER_CORE, CLIENT_CORE].map(pinned).iter().all(|run| run.as_ref().is_ok_and(|run| run.status.success()))
});

/// States whether the processes of each run are pinned, and how busy other programs keep the
/// machine: latencies beyond the median are theirs if the load is not near zero.
#[must_use]
pub fn conditions() -> String {
    let pinned = if *PINS {
        "the server is pinned to core 0, the client to core 1"
    } else {
        "not pinned, because taskset is missing or there is one core only"
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{pinned}; load average before: {}", load.split(' ').next().unwrap_or("unknown"))
}

/// Where a client runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Core {
    /// On the core beside the server's.
    Own,
    /// On both cores, one of which is the server's.
    Both,
}

/// Returns a command that runs this program on a core.
fn program(core: Option<&str>) -> io::Result<Command> {
    let program = std::env::current_exe()?;
    Ok(pinned(core, program))
}

/// Returns a command that runs a program on a core; on any without one.
fn pinned(core: Option<&str>, program: impl AsRef<std::ffi::OsStr>) -> Command {
    match core.filter(|_| *PINS) {
        None => Command::new(program),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core]).arg(program);
            command
        }
    }
}

/// A child process that is ended with its handle.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a command whose output is read.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(mut command: Command) -> io::Result<(Self, ChildStdout)> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((Self(child), output))
    }
}

/// A server process.
#[derive(Debug)]
pub struct ServerProcess {
    process: Running,
    lines: Receiver<String>,
    target: Target,
}

impl ServerProcess {
    /// Starts a server, with TLS if `tls` is set.
    ///
    /// # Errors
    ///
    /// If it does not listen in time.
    pub fn start(flood: Flood, tls: bool) -> io::Result<Self> {
        let certificate = tls.then(certificate_file);
        let mut command = program(Some(SERVER_CORE))?;
        command.args(["serve", "--messages", &flood.messages.to_string()]);
        command.args(["--subscriptions", &flood.subscriptions.to_string()]);
        if let Some(rate) = flood.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if let Some(file) = &certificate {
            command.arg("--certificate").arg(file);
        }
        let (process, output) = Running::start(command)?;
        let lines = lines(output);
        let line = lines.recv_timeout(START).map_err(io::Error::other)?;
        let Report::Listening(address) = serde_json::from_str(&line)? else {
            return Err(io::Error::other("the server reports no address"));
        };
        Ok(Self { process, lines, target: Target { address, certificate } })
    }

    /// Returns its address and its certificate.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Returns what the flood took the server.
    ///
    /// # Errors
    ///
    /// If it has written none.
    pub fn poured(&self) -> io::Result<Poured> {
        let line = self.lines.recv_timeout(START).map_err(io::Error::other)?;
        match serde_json::from_str(&line)? {
            Report::Poured(poured) => Ok(poured),
            Report::Listening(_) => Err(io::Error::other("the server reports no flood")),
        }
    }

    /// Returns the address alone.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.target.address
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.process.0.kill();
        if let Some(file) = &self.target.certificate {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Returns a name for the certificate of the next server of this process.
fn certificate_file() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("ibws-bench-{}-{number}.pem", std::process::id()))
}

/// Runs a client of this program before a server, with `arguments` of the command `client`.
///
/// # Errors
///
/// If the client fails or takes too long.
pub fn client(target: &Target, core: Core, arguments: &[&str]) -> io::Result<Outcome> {
    let mut command = client_command(target, core)?;
    command.args(arguments);
    outcome(command)
}

/// Returns the command of a client, without the name of the client.
///
/// # Errors
///
/// If the program cannot be found.
pub fn client_command(target: &Target, core: Core) -> io::Result<Command> {
    let mut command = program((core == Core::Own).then_some(CLIENT_CORE))?;
    command.arg("client").args(["--address", &target.address.to_string()]);
    if let Some(file) = &target.certificate {
        command.arg("--certificate").arg(file);
    }
    Ok(command)
}

/// Returns a command that runs another program where a client runs.
#[must_use]
pub fn beside(program: impl AsRef<std::ffi::OsStr>) -> Command {
    pinned(Some(CLIENT_CORE), program)
}

/// Runs a client whose last line of output is an [`Outcome`].
///
/// # Errors
///
/// If the client fails or takes too long.
pub fn outcome(command: Command) -> io::Result<Outcome> {
    let (mut process, output) = Running::start(command)?;
    let lines = lines(output);
    let mut last = String::new();
    loop {
        match lines.recv_timeout(RUN) {
            Ok(line) => last = line,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => return Err(io::Error::other("a client took longer than 120 s")),
        }
    }
    let status = process.0.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("a client failed: {status}")));
    }
    Ok(serde_json::from_str(&last)?)
}

/// Reads lines on a thread, so that a wait for one can end.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}
