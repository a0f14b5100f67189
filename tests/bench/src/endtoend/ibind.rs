//! The Python package ibind, unmodified, and ibws before the same server with the same frames.
//!
//! ibind has TLS only and one process, so both clients have TLS, one subscription and one core.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::child::{Core, ServerProcess, beside, client, conditions, outcome};
use super::pour::Flood;
use super::rounds::{figure, number, print};
use super::tally::Outcome;
use crate::{folder, save};

/// The rounds of one client.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    peaks: Vec<f64>,
    lost: u64,
}

/// Runs `rounds` rounds of `messages` messages with both clients. Prints why if it skips them.
///
/// # Errors
///
/// If a process fails.
pub fn run(rounds: usize, messages: usize) -> io::Result<()> {
    let python = match environment() {
        Ok(python) => python,
        Err(reason) => {
            println!("ibind: skipped, because {reason}");
            return Ok(());
        }
    };
    println!("ibind: {rounds} rounds of {messages} messages of 266 bytes over TLS, 1 subscription; {}", conditions());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ibind/flood.py");
    let count = messages.to_string();
    let [mut ibind, mut ibws] = [Rounds::default(), Rounds::default()];
    for _ in 0..rounds {
        let flood = Flood { messages, subscriptions: 1, rate: None };
        let server = ServerProcess::start(flood, true)?;
        let mut command = beside(&python);
        command.arg(&script).arg(server.address().port().to_string());
        command.args(&server.target().certificate).arg(&count);
        ibind.add(&outcome(command)?);
        let server = ServerProcess::start(flood, true)?;
        ibws.add(&client(server.target(), Core::Own, &["--messages", &count, "ibws-current"])?);
    }
    let mut figures = Vec::new();
    for (name, rounds) in [("ibws", ibws), ("ibind", ibind)] {
        if rounds.lost > 0 {
            println!("{name}: {} messages were merged or dropped in all rounds", number(rounds.lost as f64));
        }
        figures.push(figure("ibind", name, "messages/s", "messages/s", rounds.rates));
        figures.push(figure("ibind", name, "KiB", "KiB", rounds.peaks));
    }
    print(&figures);
    save("ibind", &figures)
}

impl Rounds {
    fn add(&mut self, outcome: &Outcome) {
        self.rates.push(outcome.messages as f64 * 1e9 / outcome.nanoseconds as f64);
        self.peaks.push(outcome.peak as f64);
        self.lost += outcome.merged + outcome.lost;
    }
}

/// Makes a virtual environment with what `tests/ibind/requirements.txt` pins, or takes the one of
/// an earlier run. Returns its python, or the reason why there is none.
fn environment() -> Result<PathBuf, String> {
    let environment = folder().with_file_name("ibind-venv");
    let python = environment.join("bin/python");
    if run_quietly(Command::new(&python).args(["-c", "import ibind"])).is_ok() {
        return Ok(python);
    }
    let has_venv = "import sys, venv; sys.exit(sys.version_info < (3, 10))";
    run_quietly(Command::new("python3").args(["-c", has_venv]))
        .map_err(|_| "it needs python3 of version 3.10 or later, with venv")?;
    run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&environment))
        .map_err(|error| format!("python3 makes no virtual environment: {error}"))?;
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ibind/requirements.txt");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1"]);
    pip.args(["--timeout", "30", "--only-binary", "pydantic-core", "--requirement"]).arg(requirements);
    run_quietly(&mut pip).map_err(|error| format!("pip cannot install tests/ibind/requirements.txt: {error}"))?;
    Ok(python)
}

/// Runs a command. Returns the last line of its errors if it fails.
fn run_quietly(command: &mut Command) -> Result<(), String> {
    let Output { status, stderr, .. } = command.output().map_err(|error| error.to_string())?;
    let errors = String::from_utf8_lossy(&stderr);
    if status.success() { Ok(()) } else { Err(errors.lines().last().unwrap_or("no reason").to_owned()) }
}
