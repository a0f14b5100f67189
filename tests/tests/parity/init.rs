//! The parameters of the constructor, `IbkrWsClient.__init__`, with their defaults and variables.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::sync::Once;

use ibws_proto::client::{EventSink, RestFuture, Settings, SettingsError};
use ibws_proto::queue::EventFilter;
use ibws_proto::rest::{RestReply, RestRequest};
use ibws_proto::subscribe::{Args, Processor, SubscriptionProcessor};
use ibws_proto::transport::{Endpoint, Plaintext, Trust};
use ibws_proto::{Account, CommandError, Config, GapCause, Key, ReadyGate, StateChange};
use ibws_testkit::world::Fault;

use super::*;

/// Reads one variable of the environment of the reference.
fn variable(name: &str, value: &str) -> Result<Settings, SettingsError> {
    Settings::from_variables(|read| (read == name).then(|| OsString::from(value)))
}

/// Returns the settings of the machine with one variable set.
fn config_with(name: &str, value: &str) -> Config {
    let builder = simulated().builder().settings(&variable(name, value).unwrap()).unwrap();
    builder.config().clone()
}

fn default_config() -> Config {
    simulated().builder().config().clone()
}

/// A bad value is an error that names the variable.
fn refuses(name: &str, value: &str) {
    let error = variable(name, value).unwrap_err().to_string();
    assert!(error.contains(name), "{error}");
}

#[test]
fn init_ibkr_client() {
    let runtime = simulated();
    let requested = Arc::new(Mutex::new(Vec::new()));
    let noted = requested.clone();
    let handler = move |request: RestRequest| -> RestFuture {
        noted.lock().unwrap().push(request);
        Box::pin(core::future::ready(Ok(RestReply::Complete)))
    };
    let client = started(&runtime, runtime.builder().rest_handler(handler));
    drop(runtime.block_on(client.subscribe("or")).unwrap());
    assert_eq!(requested.lock().unwrap()[0], RestRequest::Prime(key("or")));
    // Default: none; each need is reported, and the stream is subscribed to without it.
    let (runtime, client) = ready();
    let mut events = client.events();
    drop(runtime.block_on(client.subscribe("or")).unwrap());
    let mut items = std::iter::from_fn(|| events.try_next());
    assert!(
        items.any(|item| matches!(item, Item::Event(Event::Rest(report)) if report.outcome.name() == "no_handler"))
    );
    assert_eq!(texts(&runtime, "sor"), ["sor+{}"]);
}

#[test]
fn init_account_id() {
    assert_eq!(default_config().account, None);
    assert_eq!(config_with("IBIND_ACCOUNT_ID", "DU1234567").account, Some(Account::new("DU1234567")));
    refuses("IBIND_ACCOUNT_ID", "DU 1");
    // A session of another account is reported.
    let runtime = simulated();
    let client = runtime.builder().account("U12345678").build().unwrap();
    let mut events = client.events();
    runtime.block_on(client.start()).unwrap();
    runtime.run(ms(500));
    let mut items = std::iter::from_fn(|| events.try_next());
    assert!(items.any(|item| matches!(item, Item::Event(Event::AccountMismatch))));
}

#[test]
fn init_url() {
    let shown = |request: DialRequest| {
        format!("{}://{}{}", request.endpoint.scheme(), request.endpoint.host_and_port(), request.endpoint.path())
    };
    // Default: none; the address is made of the host, the port and the path.
    assert_eq!(shown(Noting::dial(|builder| builder)), "wss://localhost:5000/v1/api/ws");
    let url = "wss://gateway.example:5001/v1/api/ws";
    assert_eq!(shown(Noting::dial(|builder| builder.host("other.example").url(url))), url);
    assert_eq!(shown(Noting::dial(|b| b.settings(&variable("IBIND_WS_URL", url).unwrap()).unwrap())), url);
    refuses("IBIND_WS_URL", "http://gateway.example");
}

#[test]
fn init_host() {
    assert_eq!(Noting::dial(|builder| builder).endpoint.host(), "localhost");
    assert_eq!(Noting::dial(|builder| builder.host("gateway.example")).endpoint.host(), "gateway.example");
}

#[test]
fn init_port() {
    assert_eq!(Noting::dial(|builder| builder).endpoint.port(), 5000);
    assert_eq!(Noting::dial(|builder| builder.port(5001)).endpoint.port(), 5001);
}

#[test]
fn init_base_route() {
    assert_eq!(Noting::dial(|builder| builder).endpoint.path(), "/v1/api/ws");
    let other = Noting::dial(|builder| builder.url("wss://localhost:5000/v2/ws"));
    assert_eq!(other.endpoint.path(), "/v2/ws");
    assert!(Endpoint::parse("wss://localhost:5000/v1/api/ws", Plaintext::Refused).is_ok());
}

/// Writes every text in capitals.
struct Capitals;

impl SubscriptionProcessor for Capitals {
    fn subscribe_payload(&self, channel: &str, _: Option<&Args>) -> String {
        format!("S{channel}")
    }

    fn unsubscribe_payload(&self, channel: &str, _: Option<&Args>) -> String {
        format!("U{channel}")
    }
}

#[test]
fn init_subscription_processor_class() {
    let runtime = simulated();
    let client = started(&runtime, runtime.builder().processor(Processor::new(Capitals)));
    let ladder = runtime.block_on(client.subscribe("bd+DU1234567+265598")).unwrap();
    drop(ladder);
    runtime.run(ms(10));
    assert_eq!(texts(&runtime, "Sbd"), ["Sbd+DU1234567+265598"]);
    assert_eq!(texts(&runtime, "Ubd"), ["Ubd+DU1234567"]);
    // Default: the texts of the gateway.
    let (runtime, client) = ready();
    drop(runtime.block_on(client.subscribe("pl")).unwrap());
    runtime.run(ms(10));
    assert_eq!((texts(&runtime, "spl"), texts(&runtime, "upl")), (vec!["spl+{}".into()], vec!["upl+{}".into()]));
}

/// A queue of the application, which keeps the newest item only.
#[derive(Clone, Default)]
struct Newest(Arc<Mutex<Option<Item>>>);

impl EventSink for Newest {
    fn receive(&mut self, item: Item) -> ControlFlow<()> {
        *self.0.lock().unwrap() = Some(item);
        ControlFlow::Continue(())
    }
}

#[test]
fn init_queue_controller_class() {
    let (runtime, client) = ready();
    let queue = Newest::default();
    client.attach_filtered(EventFilter::Key(Key::Bulletins), queue.clone());
    for n in 0..3 {
        gateway_sends(&runtime, &format!(r#"{{"topic":"blt","args":[{{"id":{n}}}]}}"#));
        gateway_sends(&runtime, r#"{"topic":"system","hb":1}"#);
    }
    assert_eq!(text(queue.0.lock().unwrap().take()).as_deref(), Some(r#"{"topic":"blt","args":[{"id":2}]}"#));
}

/// Keeps the lines of raw messages.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "ibws::raw" && metadata.level() == log::Level::Debug
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn init_log_raw_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&LINES).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    let bulletin = r#"{"topic":"blt","args":[{"id":7,"message":"for DU1234567"}]}"#;
    let (runtime, _client) = ready();
    gateway_sends(&runtime, bulletin);
    assert!(LINES.0.lock().unwrap().is_empty(), "default: off");
    let runtime = simulated();
    let settings = variable("IBIND_WS_LOG_RAW_MESSAGES", "True").unwrap();
    let _client = started(&runtime, runtime.builder().settings(&settings).unwrap());
    gateway_sends(&runtime, bulletin);
    let lines = LINES.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.contains(r#""message":"for DU…567""#)), "accounts are masked: {lines:?}");
    refuses("IBIND_WS_LOG_RAW_MESSAGES", "maybe");
}

#[test]
fn init_unsolicited_channels_to_be_queued() {
    let bulletin = r#"{"topic":"blt","args":[]}"#;
    let (runtime, client) = ready();
    gateway_sends(&runtime, bulletin);
    // Default: none; nothing is queued for a key before its accessor exists.
    let mut bulletins = client.queue(Key::Bulletins);
    assert!(bulletins.is_empty());
    gateway_sends(&runtime, bulletin);
    gateway_sends(&runtime, r#"{"topic":"ntf","args":{}}"#);
    assert_eq!((text(bulletins.try_recv()).as_deref(), bulletins.len()), (Some(bulletin), 0));
}

/// Returns the causes of the states that a client with this change went through, with their times.
fn losses(runtime: &Simulated, client: &Client<Simulated>) -> Arc<Mutex<Vec<(Instant, GapCause)>>> {
    let causes = Arc::new(Mutex::new(Vec::new()));
    let (noted, clock) = (causes.clone(), runtime.clone());
    client.on(move |change: StateChange| {
        noted.lock().unwrap().extend(change.cause.map(|cause| (clock.now(), cause)));
    });
    causes
}

#[test]
fn init_ping_interval() {
    assert_eq!(default_config().ping_interval, Some(secs(45)));
    assert_eq!(config_with("IBIND_WS_PING_INTERVAL", "7").ping_interval, Some(secs(7)));
    refuses("IBIND_WS_PING_INTERVAL", "soon");
    assert_eq!(simulated().builder().ping_interval(None).config().ping_interval, None);
}

#[test]
fn init_max_ping_interval() {
    assert_eq!(default_config().max_pong_age, Some(secs(300)));
    assert_eq!(config_with("IBIND_WS_MAX_PING_INTERVAL", "60").max_pong_age, Some(secs(60)));
    refuses("IBIND_WS_MAX_PING_INTERVAL", "-1");
    // It is apart from the limit of silence, which ends a dead connection long before.
    assert_eq!(default_config().silence_limit, secs(25));
    let (runtime, client) = ready();
    runtime.run(secs(15));
    let causes = losses(&runtime, &client);
    runtime.inject(&Fault::HalfOpen);
    let broken_at = runtime.now();
    runtime.run(secs(60));
    let (at, cause) = causes.lock().unwrap()[0].clone();
    assert_eq!(cause, ibws_proto::ConnectionLoss::Silent.into());
    assert!(at.since(broken_at) <= secs(25));
}

#[test]
fn init_timeout() {
    let config = default_config();
    assert_eq!((config.ready_gate, config.close_timeout), (ReadyGate::Wait(secs(5)), secs(5)));
    let config = config_with("IBIND_WS_TIMEOUT", "7");
    assert_eq!((config.ready_gate, config.close_timeout), (ReadyGate::Wait(secs(7)), secs(7)));
    refuses("IBIND_WS_TIMEOUT", "0");
}

/// Returns the number of dials in a minute after a fault.
fn dials_after(fault: &Fault, change: impl FnOnce(&mut Config)) -> u64 {
    let runtime = simulated();
    let client = started(&runtime, runtime.builder().configure(change));
    runtime.inject(fault);
    runtime.run(secs(60));
    client.stats().machine.dials
}

#[test]
fn init_restart_on_close() {
    assert!(default_config().restart_on_close);
    for code in [1000, 1001, 1011] {
        assert_eq!(dials_after(&Fault::Close(code), |_| {}), 2, "{code}");
        assert_eq!(dials_after(&Fault::Close(code), |config| config.restart_on_close = false), 1, "{code}");
    }
    assert_eq!(dials_after(&Fault::Cut, |config| config.restart_on_close = false), 2);
}

#[test]
fn init_restart_on_critical() {
    assert!(default_config().restart_on_critical);
    assert_eq!(dials_after(&Fault::Cut, |_| {}), 2);
    assert_eq!(dials_after(&Fault::Cut, |config| config.restart_on_critical = false), 1);
    assert_eq!(dials_after(&Fault::Close(1000), |config| config.restart_on_critical = false), 2);
}

#[test]
fn init_max_connection_attempts() {
    assert_eq!(default_config().max_connection_attempts, Some(10));
    let runtime = simulated();
    let client = runtime.client();
    runtime.inject(&Fault::RefuseDials(100));
    let error = runtime.block_on(client.start()).unwrap_err();
    assert!(matches!(error, CommandError::GaveUp { attempts: 10, .. }), "{error}");
    let client = runtime.builder().max_connection_attempts(3).build().unwrap();
    let error = runtime.block_on(client.start()).unwrap_err();
    assert!(matches!(error, CommandError::GaveUp { attempts: 3, .. }), "{error}");
}

#[test]
fn init_cacert() {
    assert!(matches!(Noting::dial(|builder| builder).trust, Trust::WebPki));
    // False is refused: the error names what to use in its place.
    let error = variable("IBIND_CACERT", "False").unwrap_err();
    assert!(matches!(error, SettingsError::ChecksOff { .. }) && error.to_string().contains("pin"), "{error}");
    // A path is read as authorities when it is applied.
    let settings = variable("IBIND_CACERT", "/no/such/file.pem").unwrap();
    assert_eq!(settings.cacert.as_deref(), Some("/no/such/file.pem"));
    let error = simulated().builder().settings(&settings).unwrap_err();
    assert!(matches!(error, SettingsError::BadFile { .. }), "{error}");
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = std::env::temp_dir().join(format!("ibws-parity-{}.pem", std::process::id()));
    std::fs::write(&path, ibws_proto::UnknownCertificate::from_der(signed.cert.der()).pem.as_bytes()).unwrap();
    let settings = variable("IBIND_CACERT", path.to_str().unwrap()).unwrap();
    let trust = Noting::dial(|builder| builder.settings(&settings).unwrap()).trust;
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(trust, Trust::CaPem(_)), "{trust:?}");
}

#[test]
fn init_subscription_retries() {
    assert_eq!(default_config().subscription_retries, 5);
    assert_eq!(config_with("IBIND_WS_SUBSCRIPTION_RETRIES", "2").subscription_retries, 2);
    refuses("IBIND_WS_SUBSCRIPTION_RETRIES", "0");
    for (retries, expected) in [(None, 5), (Some(2), 2)] {
        let runtime = simulated();
        let builder = runtime.builder();
        let client = started(&runtime, retries.into_iter().fold(builder, |b, count| b.subscription_retries(count)));
        runtime.gateway(|gateway| gateway.set_confirmations(false));
        let error = runtime.block_on(client.subscribe(QUOTES)).unwrap_err();
        assert!(matches!(error, CommandError::Unconfirmed { attempts, .. } if attempts == expected), "{error}");
        assert_eq!(texts(&runtime, "smd").len(), expected as usize);
    }
}

#[test]
fn init_subscription_timeout() {
    assert_eq!(default_config().subscription_timeout, secs(2));
    assert_eq!(config_with("IBIND_WS_SUBSCRIPTION_TIMEOUT", "0.5").subscription_timeout, ms(500));
    refuses("IBIND_WS_SUBSCRIPTION_TIMEOUT", "x");
    let (runtime, client) = ready();
    runtime.gateway(|gateway| gateway.set_confirmations(false));
    runtime.block_on(client.subscribe(QUOTES)).unwrap_err();
    let sent: Vec<_> = received(&runtime, "smd").into_iter().map(|(at, _)| at).collect();
    assert!(sent.windows(2).all(|pair| pair[1].since(pair[0]) == secs(2)), "{sent:?}");
}
