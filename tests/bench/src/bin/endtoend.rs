//! The program of the end-to-end measurements; [`ibws_bench::endtoend`] describes it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ibws_bench::endtoend::connection::Target;
use ibws_bench::endtoend::ibws::Reading;
use ibws_bench::endtoend::tally::{Outcome, Tally};
use ibws_bench::endtoend::{bare, discard, hand_written, ibind, ibws, idle, loopback, serve};
use ibws_bench::{latency, stacks};
use tokio::runtime::{Builder, Runtime};

/// Measures whole clients before a gateway that floods them.
#[derive(Parser)]
#[command(name = "endtoend", arg_required_else_help = false)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All measurements, one after the other.
    All(Rounds),
    /// Messages a second of every client.
    Loopback(Rounds),
    /// From the server's write to the consumer.
    Latency(Rounds),
    /// Wake-ups and memory of a client that receives nothing.
    Idle(Rounds),
    /// The Python package ibind beside ibws.
    Ibind(Rounds),
    /// The server of a run, which the other commands start.
    #[command(hide = true)]
    Serve(serve::Options),
    /// A client of a run, which the other commands start.
    #[command(hide = true)]
    Client(Client),
}

#[derive(Args)]
struct Rounds {
    /// Rounds of each measurement, of which the median is taken.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Messages of each flood.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Seconds of each client and rate in a round of `latency`.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds of `idle`: more than a period of each timer.
    #[arg(long, default_value_t = 65, value_parser = clap::value_parser!(u64).range(5..))]
    idle_seconds: u64,
    /// Only this client of `loopback`; may be repeated.
    #[arg(long, value_name = "STACK")]
    only: Vec<String>,
}

#[derive(Args)]
struct Client {
    /// The address of the server.
    #[arg(long)]
    address: SocketAddr,
    /// The file with its certificate; without TLS if not given.
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// The messages of the flood.
    #[arg(long, default_value_t = 0)]
    messages: u64,
    /// The subscriptions over which they are spread.
    #[arg(long, default_value_t = 1)]
    subscriptions: usize,
    /// Measure the age of each message.
    #[arg(long)]
    timed: bool,
    /// The client.
    stack: Stack,
}

#[derive(Clone, Copy, ValueEnum)]
enum Stack {
    Bare,
    Discard,
    HandWritten,
    IbwsCurrent,
    IbwsCurrentMain,
    IbwsCurrentBatches,
    IbwsMulti,
    IbwsMultiBatches,
    IbwsMultiLarge,
    IbwsAsyncStd,
    IbwsAsyncStdLarge,
    Fastwebsockets,
    Sockudo,
    /// Connects and waits for `--messages` seconds, or until it is ended.
    Idle,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            return fail(&format!("{}; endtoend --help lists all options", line.trim_start_matches("error: ")));
        }
    };
    match run(options.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(line: &str) -> ExitCode {
    eprintln!("endtoend: {line}");
    ExitCode::from(2)
}

fn run(command: Command) -> io::Result<()> {
    match command {
        Command::All(rounds) => {
            loops(&rounds)?;
            latencies(&rounds)?;
            idle::run(rounds.idle_seconds)?;
            ibind::run(rounds.rounds as usize, rounds.messages as usize)
        }
        Command::Loopback(rounds) => loops(&rounds),
        Command::Latency(rounds) => latencies(&rounds),
        Command::Idle(rounds) => idle::run(rounds.idle_seconds),
        Command::Ibind(rounds) => ibind::run(rounds.rounds as usize, rounds.messages as usize),
        Command::Serve(options) => serve::run(&options),
        Command::Client(client) => {
            let outcome = client.run()?;
            writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)
        }
    }
}

fn loops(rounds: &Rounds) -> io::Result<()> {
    loopback::run(rounds.rounds as usize, rounds.messages as usize, &rounds.only)
}

fn latencies(rounds: &Rounds) -> io::Result<()> {
    latency::run::run(rounds.rounds as usize, rounds.seconds)
}

impl Client {
    fn run(self) -> io::Result<Outcome> {
        let target = Target { address: self.address, certificate: self.certificate };
        let (count, messages) = (self.subscriptions, self.messages);
        let tally = Tally::new(messages, self.timed);
        match self.stack {
            Stack::Bare => current()?.block_on(bare::run(&target, count, tally)),
            Stack::Discard => current()?.block_on(discard::run(&target, count, messages)),
            Stack::HandWritten => current()?.block_on(hand_written::run(&target, count, tally)),
            Stack::Fastwebsockets => current()?.block_on(stacks::fastwebsockets::run(&target, count, tally)),
            Stack::Sockudo => current()?.block_on(stacks::sockudo::run(&target, count, tally)),
            Stack::Idle => current()?.block_on(idle::client_of(&target, messages)),
            Stack::IbwsCurrent => tokio_task(&current()?, target, count, tally, false, Reading::Items),
            Stack::IbwsCurrentBatches => tokio_task(&current()?, target, count, tally, false, Reading::Batches),
            // The consumer is the future of `block_on`, and not a task.
            Stack::IbwsCurrentMain => current()?.block_on(async {
                let client =
                    ibws::settings(ibws_tokio::builder(), &target, false)?.build().map_err(io::Error::other)?;
                ibws::run(client, count, tally, Reading::Items).await
            }),
            Stack::IbwsMulti | Stack::IbwsMultiLarge | Stack::IbwsMultiBatches => {
                let is_large = matches!(self.stack, Stack::IbwsMultiLarge);
                let is_batched = matches!(self.stack, Stack::IbwsMultiBatches);
                let reading = if is_batched { Reading::Batches } else { Reading::Items };
                let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
                tokio_task(&runtime, target, count, tally, is_large, reading)
            }
            Stack::IbwsAsyncStd | Stack::IbwsAsyncStdLarge => {
                let is_large = matches!(self.stack, Stack::IbwsAsyncStdLarge);
                async_std::task::block_on(async {
                    let builder = ibws::settings(ibws_async_std::builder(), &target, is_large)?;
                    let client = builder.build().map_err(io::Error::other)?;
                    ibws::run(client, count, tally, Reading::Items).await
                })
            }
        }
    }
}

fn current() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Runs the client of tokio, with its consumer in a task.
fn tokio_task(
    runtime: &Runtime,
    target: Target,
    count: usize,
    tally: Tally,
    is_large: bool,
    reading: Reading,
) -> io::Result<Outcome> {
    runtime.block_on(async move {
        let builder = ibws::settings(ibws_tokio::builder(), &target, is_large)?;
        let client = builder.build().map_err(io::Error::other)?;
        tokio::spawn(ibws::run(client, count, tally, reading)).await.map_err(io::Error::other)?
    })
}
