//! Messages a second of every client over loopback.

use std::collections::BTreeMap;
use std::io;

use super::child::{Core, ServerProcess, client, conditions};
use super::pour::Flood;
use super::rounds::{figure, number, print};
use crate::save;

/// A client, as the command `client` names it, and its row.
struct Row {
    group: &'static str,
    name: &'static str,
    stack: &'static str,
    core: Core,
}

/// The clients in the order of a round.
const ROWS: [Row; 13] = [
    Row { group: "loopback", name: "bare tokio-tungstenite", stack: "bare", core: Core::Own },
    Row { group: "loopback", name: "reads bytes only", stack: "discard", core: Core::Own },
    Row { group: "loopback", name: "hand-written Value loop", stack: "hand-written", core: Core::Own },
    Row { group: "loopback", name: "ibws-tokio current-thread", stack: "ibws-current", core: Core::Own },
    Row {
        group: "loopback",
        name: "ibws-tokio current-thread, consumer in block_on",
        stack: "ibws-current-main",
        core: Core::Own,
    },
    Row {
        group: "loopback",
        name: "ibws-tokio current-thread, next_batch",
        stack: "ibws-current-batches",
        core: Core::Own,
    },
    Row { group: "loopback", name: "ibws-tokio multi-thread", stack: "ibws-multi", core: Core::Both },
    Row {
        group: "loopback",
        name: "ibws-tokio multi-thread, next_batch",
        stack: "ibws-multi-batches",
        core: Core::Both,
    },
    Row {
        group: "loopback",
        name: "ibws-tokio multi-thread, large queue",
        stack: "ibws-multi-large",
        core: Core::Both,
    },
    Row { group: "loopback", name: "ibws-async-std", stack: "ibws-async-std", core: Core::Own },
    Row { group: "loopback", name: "ibws-async-std, large queue", stack: "ibws-async-std-large", core: Core::Own },
    Row { group: "stacks", name: "fastwebsockets", stack: "fastwebsockets", core: Core::Own },
    Row { group: "stacks", name: "sockudo-ws", stack: "sockudo", core: Core::Own },
];

/// The columns: their name, whether they use TLS, their subscriptions.
const COLUMNS: [(&str, bool, usize); 3] =
    [("plain, 1 subscription", false, 1), ("plain, 100 subscriptions", false, 100), ("TLS, 1 subscription", true, 1)];

/// The rounds of one row and column.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    cpu: Vec<f64>,
    busy: Vec<f64>,
    merged: u64,
    lost: u64,
    messages: u64,
}

/// Runs `rounds` rounds of `messages` messages with all clients, or those whose stack is in `only`.
///
/// # Errors
///
/// If a process fails.
pub fn run(rounds: usize, messages: usize, only: &[String]) -> io::Result<()> {
    if let Some(unknown) = only.iter().find(|only| ROWS.iter().all(|row| row.stack != only.as_str())) {
        let stacks = ROWS.map(|row| row.stack).join(", ");
        return Err(io::Error::other(format!("--only {unknown} is no client; the clients are {stacks}")));
    }
    println!("loopback: {rounds} rounds of {messages} messages of 266 bytes; {}", conditions());
    println!("a client on several threads uses both cores, of which one is the server's");
    let mut measured: BTreeMap<(usize, usize), Rounds> = BTreeMap::new();
    let rows = || ROWS.iter().enumerate().filter(|(_, row)| only.is_empty() || only.iter().any(|one| one == row.stack));
    for _ in 0..rounds {
        for (column, (_, tls, subscriptions)) in COLUMNS.iter().enumerate() {
            for (row, client) in rows() {
                let rounds = measured.entry((column, row)).or_default();
                rounds.add(client, messages, *tls, *subscriptions)?;
            }
        }
    }
    let mut figures = Vec::new();
    let mut cpu = Vec::new();
    for ((column, row), rounds) in measured {
        let (row, column) = (&ROWS[row], COLUMNS[column].0);
        rounds.print(row.name, column);
        figures.push(figure(row.group, row.name, column, "messages/s", rounds.rates));
        if rounds.cpu.iter().all(|spent| *spent > 0.0) {
            cpu.push(figure(&format!("{}-cpu", row.group), row.name, column, "ns", rounds.cpu));
        }
    }
    figures.extend(cpu);
    print(&figures);
    save("loopback", &figures)
}

impl Rounds {
    /// Runs one server and one client.
    fn add(&mut self, row: &Row, messages: usize, tls: bool, subscriptions: usize) -> io::Result<()> {
        let server = ServerProcess::start(Flood { messages, subscriptions, rate: None }, tls)?;
        let (messages, subscriptions) = (messages.to_string(), subscriptions.to_string());
        let arguments = ["--messages", &messages, "--subscriptions", &subscriptions, row.stack];
        let outcome = client(server.target(), row.core, &arguments)?;
        let poured = server.poured()?;
        self.rates.push(outcome.messages as f64 * 1e9 / outcome.nanoseconds as f64);
        self.cpu.push(outcome.cpu as f64 / outcome.messages as f64);
        self.busy.push(poured.cpu as f64 / poured.nanoseconds as f64);
        self.merged += outcome.merged;
        self.lost += outcome.lost;
        self.messages += outcome.messages;
        Ok(())
    }

    /// Prints what no figure holds: how busy the server was, and what queues merged and lost.
    fn print(&self, name: &str, column: &str) {
        let busy = self.busy.iter().sum::<f64>() / self.busy.len() as f64 * 100.0;
        let mut line = format!("{name}, {column}: the server was busy for {busy:.0} % of the time");
        if self.merged + self.lost > 0 {
            let [messages, merged, lost] = [self.messages, self.merged, self.lost].map(|count| number(count as f64));
            line += &format!("; of {messages} messages {merged} were merged and {lost} dropped");
        }
        println!("{line}");
    }
}
