//! The command line of `watch`.

use core::time::Duration;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ibws_proto::Subscribe;
use ibws_proto::transport::{Endpoint, FingerprintError, Secret, Trust};

use super::{secret, terminal};

/// The five US shares of the seeded feed: AAPL, MSFT, AMAT, AMZN, NVDA.
const SHARES: [&str; 5] = ["265598", "272093", "266093", "3691937", "4815747"];
/// The fields: symbol, last, bid, ask, change in percent, sizes, availability.
const FIELDS: &str = r#"{"fields":["55","31","84","86","83","88","85","6509"]}"#;

/// Watch the stream of an Interactive Brokers gateway.
///
/// Without --url it starts a simulated gateway in this process, with TLS, a pinned certificate made
/// at start, and invented data, and watches that.
#[derive(Parser)]
#[command(name = "watch", version, after_help = "Stops after --for, or on Ctrl-C: unsubscribes, closes, exits 0.")]
pub(super) struct Options {
    /// The URL of the gateway: wss://localhost:5000/v1/api/ws, or ws:// for one on this machine
    /// without TLS.
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The gateway, by default localhost:5000, with a session keeper: it keeps the session alive
    /// and makes the REST calls that the stream needs. Without --trust it accepts the stock
    /// certificate of a gateway on this machine.
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "localhost:5000",
        conflicts_with_all = ["url", "raw_session", "session_file", "tickle"], value_parser = super::keeper::address)]
    pub(super) gateway: Option<Endpoint>,
    /// The account that the session must serve; a line reports if it does not. The simulated
    /// gateway serves this account. Default for the simulated gateway: DU1234567.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(super) account: Option<String>,
    /// A subscription, as on the wire without its first letter:
    /// 'md+265598+{"fields":["31","84","86"]}', or, pl, tr, sd+DU1234567. May be repeated. Default:
    /// five US shares.
    #[arg(long, value_name = "CHANNEL", value_parser = channel)]
    subscribe: Vec<Subscribe>,
    /// A file with the session of the gateway's /tickle, at most 4096 bytes; - reads standard
    /// input. The session is sent as a cookie, and as a message if the gateway waits for a session.
    /// The environment variable IBWS_SESSION can hold it instead. Give one of the three.
    #[arg(long, value_name = "FILE")]
    session_file: Option<PathBuf>,
    /// The session itself. Other users of this machine can see it in the list of processes, and the
    /// shell may keep it in its history: prefer --session-file or IBWS_SESSION.
    #[arg(long = "session", value_name = "TOKEN")]
    raw_session: Option<String>,
    #[arg(skip)]
    pub(super) session: Option<Secret>,
    /// The URL of the gateway's /tickle, such as https://localhost:5000/v1/api/tickle, which is
    /// called for the session of each dial, with the same --trust. Needs --url.
    #[arg(long, value_name = "URL", conflicts_with_all = ["raw_session", "session_file"],
        value_parser = super::tickle::address)]
    pub(super) tickle: Option<Endpoint>,
    /// The certificate to accept: webpki, ca:FILE for the authorities in FILE (PEM), pin:FILE for
    /// exactly the certificate in FILE (PEM or DER), or sha256:HEX for exactly the one with this
    /// fingerprint. The gateway's stock certificate is accepted on this machine only. Default:
    /// webpki.
    #[arg(long, value_name = "webpki|ca:FILE|pin:FILE|sha256:HEX", value_parser = trust)]
    pub(super) trust: Option<Trust>,
    /// Stop after this number of seconds.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(super) duration: Option<Duration>,
    /// Print one JSON object per line, and nothing else, on standard output.
    #[arg(long)]
    pub(super) json: bool,
    /// Write what the gateway sends to FILE, for `gateway --recording`. The file must not exist.
    /// Only you can read it. It contains account ids; the session in `tic` is replaced by ***.
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    /// Draw the states, the gaps and the messages of the run to FILE, as SVG, when it ends. The
    /// file must not exist. Account ids are masked in it.
    #[arg(long, value_name = "FILE")]
    pub(super) timeline: Option<PathBuf>,
    /// Let --record and --timeline replace FILE if it exists.
    #[arg(long)]
    pub(super) record_over: bool,
}

impl Options {
    /// Reads the command line, and prints an error on one line.
    pub(super) fn read() -> Result<Self, ExitCode> {
        let mut options = Self::try_parse().map_err(|error| {
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            let text = error.to_string();
            refuse(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
        })?;
        if options.tickle.is_some() && options.url.is_none() {
            return Err(refuse("--tickle needs the address of the WebSocket: pass --url URL with it"));
        }
        if options.record_over && options.record.is_none() && options.timeline.is_none() {
            return Err(refuse("--record-over has no effect alone: pass --record FILE with it"));
        }
        // clap must not parse the session, because its errors repeat the value.
        let (flag, file) = (options.raw_session.take(), options.session_file.take());
        options.session = secret::read(flag, file.as_deref(), secret::variable()).map_err(|error| refuse(&error))?;
        Ok(options)
    }

    /// The given subscriptions, or the five shares.
    pub(super) fn subscriptions(&self) -> Vec<Subscribe> {
        if !self.subscribe.is_empty() {
            return self.subscribe.clone();
        }
        SHARES.iter().filter_map(|conid| Subscribe::parse(&format!("md+{conid}+{FIELDS}")).ok()).collect()
    }
}

fn channel(text: &str) -> Result<Subscribe, String> {
    Subscribe::parse(text).map_err(|error| error.to_string())
}

fn refuse(line: &str) -> ExitCode {
    terminal::error(&format!("{line} (see watch --help)"));
    ExitCode::from(2)
}

fn account(text: &str) -> Result<String, String> {
    let fits = (2..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(text.into()) } else { Err("an account id is letters and digits, for example DU1234567".into()) }
}

fn trust(text: &str) -> Result<Trust, String> {
    match text.split_once(':') {
        None if text == "webpki" => Ok(Trust::WebPki),
        Some(("ca", file)) if !file.is_empty() => Trust::from_ca_file(file).map_err(|error| error.to_string()),
        Some(("pin", file)) if !file.is_empty() => Trust::from_pin_file(file).map_err(|error| error.to_string()),
        Some(("sha256", hex)) if !hex.is_empty() => {
            hex.parse().map(Trust::ExactSha256).map_err(|error: FingerprintError| error.to_string())
        }
        _ => Err("write webpki, ca:FILE, pin:FILE or sha256:HEX".into()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=31_536_000.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds, for example 10 or 0.5".into())
}
