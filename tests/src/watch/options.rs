//! The command line of `watch`.

use core::time::Duration;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ibws_proto::Subscribe;
use ibws_proto::transport::{Endpoint, FingerprintError, Secret, Trust};

/// The five US shares of the seeded feed: AAPL, MSFT, AMAT, AMZN, NVDA.
const SHARES: [&str; 5] = ["265598", "272093", "266093", "3691937", "4815747"];
/// The fields: symbol, last, bid, ask, change in percent, sizes, availability.
const FIELDS: &str = r#"{"fields":["55","31","84","86","83","88","85","6509"]}"#;

/// Watch the stream of an Interactive Brokers gateway.
///
/// Without --url it starts a simulated gateway in this process, with TLS, a pinned certificate made
/// at start, and invented data, and watches that.
#[derive(Parser, Debug)]
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
        conflicts_with_all = ["url", "raw_session", "tickle"], value_parser = super::keeper::address)]
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
    /// The session of the gateway's /tickle. It is sent as a cookie, and as a message if the
    /// gateway waits for a session.
    #[arg(long = "session", value_name = "TOKEN")]
    raw_session: Option<String>,
    #[arg(skip)]
    pub(super) session: Option<Secret>,
    /// Not available yet.
    #[arg(long, value_name = "URL", value_parser = no_tickle)]
    tickle: Option<String>,
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
    /// Write what the gateway sends to FILE, for `gateway --recording`. The file contains account
    /// and session ids.
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
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
        // clap must not parse the session, because its errors repeat the value.
        if let Some(session) = options.raw_session.take() {
            let session = Secret::new(session).map_err(|error| refuse(&format!("bad --session: {error}")))?;
            options.session = Some(session);
        }
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
    let _ = writeln!(io::stderr(), "watch: {line} (see watch --help)");
    ExitCode::from(2)
}

fn account(text: &str) -> Result<String, String> {
    let fits = (2..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(text.into()) } else { Err("an account id is letters and digits, for example DU1234567".into()) }
}

fn no_tickle(_: &str) -> Result<String, String> {
    Err("--tickle is not available yet: pass the session itself with --session".into())
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
