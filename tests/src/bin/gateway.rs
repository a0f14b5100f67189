//! The program `gateway`: the simulated gateway, for clients in any language.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use ibws_testkit::{FrameKind, GatewayConfig, Recording, Scenario, Server, ServerConfig, Source, StartError};

/// A simulated Interactive Brokers gateway: its WebSocket and the REST calls that belong to it, on
/// loopback, with invented data.
#[derive(Parser)]
#[command(name = "gateway", version, after_help = scenarios())]
struct Options {
    /// The address to listen on: a loopback address and a port; 0 takes a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000", value_parser = address)]
    listen: SocketAddr,
    /// Use ws:// and http:// instead of TLS.
    #[arg(long)]
    plain: bool,
    /// Write the certificate to this file as PEM, before the first line of output.
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    certificate: Option<PathBuf>,
    /// Reply to REST calls at any rate, without 429 and the penalty box.
    #[arg(long)]
    unpaced: bool,
    /// Play this recording (JSON lines with t, dir, raw) instead of the seeded feed.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// The name of the fault scenario; see below.
    #[arg(long, value_name = "NAME", default_value = "default")]
    scenario: Scenario,
    /// The seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The account id: DU or U and digits.
    #[arg(long, value_name = "ACCOUNT", default_value = "DU1234567", value_parser = account)]
    account: String,
    /// Send binary frames only, as the real gateway does, also where a scenario sends text.
    #[arg(long, conflicts_with = "text")]
    binary: bool,
    /// Send text frames.
    #[arg(long)]
    text: bool,
}

fn scenarios() -> String {
    let lines = Scenario::all().map(|scenario| format!("  {:<22}{}\n", scenario.name(), scenario.description()));
    format!("Scenarios:\n{}", lines.collect::<String>())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| "take a loopback address and a port, for example 127.0.0.1:5000 or [::1]:5000".into())
}

fn account(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("DU").or_else(|| text.strip_prefix('U')).unwrap_or("");
    if (5..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account is DU or U and five to nine digits, for example DU1234567".into())
    }
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return fail(&usage(&error)),
    };
    let seed = options.seed;
    match start(options) {
        Ok(server) => {
            announce(&server, seed);
            // A signal ends the process at once; connections then end like those of a killed
            // gateway.
            loop {
                std::thread::park();
            }
        }
        Err(error) => fail(&error),
    }
}

fn start(options: Options) -> Result<Server, String> {
    let mut gateway = GatewayConfig::seeded(options.seed);
    gateway.account = options.account;
    gateway.binary_only = options.binary;
    gateway.paces_rest = !options.unpaced;
    if options.text {
        gateway.frames = FrameKind::Text;
    }
    if let Some(path) = &options.recording {
        let recording = Recording::read(path).map_err(|error| error.to_string())?;
        gateway.source = Source::Recording(Arc::new(recording));
    }
    let gateway = gateway.with_scenario(options.scenario);
    let config = ServerConfig { listen: options.listen, tls: !options.plain, gateway, ..ServerConfig::default() };
    let server = Server::start(config).map_err(|error| match error {
        StartError::Certificate(_) => format!("{error} (--plain)"),
        other => other.to_string(),
    })?;
    if let (Some(path), Some(pem)) = (&options.certificate, server.certificate_pem()) {
        std::fs::write(path, pem).map_err(|error| {
            format!("cannot write the certificate to {}: {error}; name another file", path.display())
        })?;
    }
    Ok(server)
}

/// Prints the address, the seed and the certificate. A closed standard output is ignored, so that
/// the gateway runs on.
fn announce(server: &Server, seed: u64) {
    let mut text = format!("listening on {}\n", server.ws_url());
    text += &format!("seed {seed}, account {}, REST at {}\n", server.control().account(), server.rest_url());
    if let (Some(sha256), Some(pem)) = (server.certificate_sha256(), server.certificate_pem()) {
        text += &format!("certificate SHA-256 {sha256}\n");
        text += &format!("to trust it, save these lines to a file and pin that (watch --trust pin:FILE):\n{pem}");
    }
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An error of the command line, on one line.
fn usage(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines =
        text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let line = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    format!("{}; gateway --help lists all options", line.strip_prefix("error: ").unwrap_or(&line))
}

/// Prints one line on stderr that says what to do.
#[expect(clippy::print_stderr, reason = "this is how the program fails")]
fn fail(message: &str) -> ExitCode {
    eprintln!("gateway: {message}");
    ExitCode::from(2)
}
