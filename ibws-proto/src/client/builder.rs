//! The builder of a client: its address, trust, credentials, queues, sinks, and the settings of the
//! machine.

use core::fmt;
use std::boxed::Box;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::client::Client;
#[cfg(feature = "session")]
use super::keeper::{KeeperPlan, Pacing};
use super::payloads::Payloads;
use super::raw_log::RawLog;
use super::rest_handler::RestHandler;
use super::shared::Shared;
use super::sink::EventSink;
use super::task::ClientTask;
use crate::error_text::debug_with_text;
#[cfg(feature = "tls")]
use crate::transport::Fingerprint;
use crate::transport::{
    Credentials, CredentialsProvider, DialRequest, Endpoint, EndpointError, Limits, Plaintext, Proxy, ProxyError,
    Runtime, Trust, TrustError,
};
use crate::{
    Config, Key, Machine,
    queue::{DEFAULT_TOTAL_BYTES, EventFilter, QueueOptions},
};
#[cfg(feature = "session")]
use crate::{keeper::KeeperConfig, transport::websocket::Net};

/// Collects the settings of a [`Client`].
///
/// Every setting has a default. Without any, the client connects to the gateway on this machine,
/// `wss://localhost:5000/v1/api/ws`, and trusts public certificate authorities.
///
/// ```
/// use core::time::Duration;
/// use ibws_proto::client::{BuildError, Builder, Client};
/// use ibws_proto::transport::{Runtime, Trust};
///
/// # fn example<R: Runtime>(runtime: R) -> Result<Client<R>, BuildError> {
/// // An adapter has a function `builder()`, which supplies the runtime.
/// let client = Builder::new(runtime)
///     .host("gateway.example")
///     .trust(Trust::WebPki)
///     .account("DU1234567")
///     .backoff(Duration::from_secs(1), Duration::from_secs(30))
///     .max_connection_attempts(None)
///     .configure(|config| config.auth_wait = Duration::from_secs(2))
///     .build()?;
/// # Ok(client)
/// # }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<R: Runtime> {
    runtime: R,
    url: Option<String>,
    pub(super) plaintext: Plaintext,
    host: String,
    port: u16,
    trust: Trust,
    #[cfg(feature = "tls")]
    pin_file: Option<PathBuf>,
    credentials: Arc<dyn CredentialsProvider>,
    proxy: Option<Proxy>,
    rest_handler: Option<Arc<dyn RestHandler>>,
    limits: Limits,
    queues: QueueSettings,
    sinks: Vec<Box<dyn EventSink>>,
    log_raw_messages: bool,
    config: Config,
    #[cfg(feature = "session")]
    keeper: Option<KeeperPlan<R>>,
}

/// Writes where the client connects to and what it trusts there. The URL, credentials and accounts
/// are not shown.
impl<R: Runtime> fmt::Debug for Builder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, trust, limits, .. } = self;
        let mut shown = f.debug_struct("Builder");
        shown.field("host", host).field("port", port).field("trust", trust).field("limits", limits);
        shown.finish_non_exhaustive()
    }
}

impl<R: Runtime> Builder<R> {
    /// Creates a builder of a client on `runtime`, with a random [`Config::seed`]. The `builder()`
    /// of an adapter calls this.
    pub fn new(runtime: R) -> Self {
        let seed = RandomState::new().build_hasher().finish();
        Self {
            runtime,
            url: None,
            plaintext: Plaintext::Refused,
            host: "localhost".into(),
            port: 5000,
            trust: Trust::default(),
            #[cfg(feature = "tls")]
            pin_file: None,
            credentials: Arc::new(Credentials::default()),
            proxy: None,
            rest_handler: None,
            limits: Limits::default(),
            queues: QueueSettings::default(),
            sinks: Vec::new(),
            log_raw_messages: false,
            config: Config { seed, ..Config::default() },
            #[cfg(feature = "session")]
            keeper: None,
        }
    }

    /// Returns the runtime, for what an application runs beside the client.
    pub fn runtime(&self) -> &R {
        &self.runtime
    }

    /// Sets the whole address. It takes precedence over [`host`](Self::host) and
    /// [`port`](Self::port). Default: `wss://{host}:{port}/v1/api/ws`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets the host of the gateway, used if no [`url`](Self::url) is set. Default: `localhost`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Sets the port of the gateway, used if no [`url`](Self::url) is set. Default: 5000.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Permits a `ws://` address whose host is this machine. Default: refused.
    pub fn plaintext_on_loopback(mut self) -> Self {
        self.plaintext = Plaintext::OnLoopback;
        self
    }

    /// Sets which certificates are accepted. The certificate that the gateway ships with needs
    /// [`Trust::StockCertificate`], one of its own [`Trust::ExactCert`]. Default:
    /// [`Trust::WebPki`].
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Accepts exactly the certificate in this file (PEM or DER), in place of
    /// [`trust`](Self::trust). Default: none.
    ///
    /// If there is no such file when the client is built, no certificate is accepted:
    /// [`Client::start`] ends with the one that the peer presented
    /// ([`ConnectError::certificate`](crate::ConnectError::certificate)), which the application can
    /// [`save`](crate::UnknownCertificate::save) there once its user approves. So a lost file is
    /// never replaced by another trust.
    #[cfg(feature = "tls")]
    pub fn pin_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.pin_file = Some(path.into());
        self
    }

    /// Sets the credentials: fixed ones, or a provider that is called for each dial. Default: none,
    /// which suits the local gateway once its own login is done.
    pub fn credentials(mut self, credentials: impl CredentialsProvider) -> Self {
        self.credentials = Arc::new(credentials);
        self
    }

    /// Sets the HTTP proxy through which the client connects. Default: none; no environment
    /// variable is read.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Sets the handler of the REST calls that the stream needs. Default: none; each need is then
    /// reported once as [`Event::Rest`](crate::Event::Rest) with the outcome
    /// [`NoHandler`](crate::rest::RestOutcome::NoHandler), and listed by
    /// [`Machine::rest_needs`](crate::Machine::rest_needs).
    pub fn rest_handler(mut self, handler: impl RestHandler) -> Self {
        self.rest_handler = Some(Arc::new(handler));
        self
    }

    /// Sets the limits of the transport in time and memory. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the limits of each queue of events: streams, subscriptions, keys and sinks. Default:
    /// [`QueueLimits::default`](crate::queue::QueueLimits::default) and
    /// [`Overflow::Merge`](crate::queue::Overflow::Merge).
    pub fn queue_limits(mut self, options: impl Into<QueueOptions>) -> Self {
        self.queues.options = options.into();
        self
    }

    /// Sets the limits of the queues by key: of [`Client::queue`] and of the streams of
    /// subscriptions. `limits` is called each time such a queue is requested. Default: the limits
    /// of [`queue_limits`](Self::queue_limits).
    pub fn queue_limits_by_key<O: Into<QueueOptions>>(
        mut self,
        limits: impl Fn(Key) -> O + Send + Sync + 'static,
    ) -> Self {
        self.queues.by_key = Some(Arc::new(move |key| limits(key).into()));
        self
    }

    /// Sets the maximum size in bytes of all queues of events of the client together.
    ///
    /// When they would hold more, the largest ones make room, and a loss report counts what they
    /// drop. Queues with limits above this one are bounded by it. Default: 12 MiB.
    pub fn total_queue_bytes(mut self, bytes: usize) -> Self {
        self.queues.total_bytes = bytes;
        self
    }

    /// Adds a sink, to which all events from the first dial on are delivered as well. It can be
    /// called repeatedly.
    pub fn sink(mut self, sink: impl EventSink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Logs each received message at the level `debug` of the target `ibws::raw` of the crate
    /// `log`, without session ids and with account ids masked. With the feature `tracing`, a
    /// subscriber that reads the level TRACE of that target receives it instead. Default: `false`.
    ///
    /// The log reads from a queue within [`queue_limits`](Self::queue_limits), as a
    /// [`sink`](Self::sink) does. What it is too slow for is merged or counted.
    pub fn log_raw_messages(mut self, is_on: bool) -> Self {
        self.log_raw_messages = is_on;
        self
    }

    /// Changes the settings of the machine in place. The settings that people change most have
    /// methods of their own, such as [`account`](Self::account). Default: [`Config::default`] with
    /// a random seed.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Returns the present settings of the machine.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Builds the client and spawns its task. Nothing is dialled before [`Client::start`].
    ///
    /// # Errors
    /// [`BuildError`] if the address, the proxy or the trust cannot be used.
    pub fn build(self) -> Result<Client<R>, BuildError> {
        let (client, task) = self.build_with_task()?;
        client.handle.shared.runtime.spawn(task);
        Ok(client)
    }

    /// Builds the client and returns its task, which the application runs itself: on an executor of
    /// its own, in a set of tasks that end together, or joined with the future that reads the
    /// messages. The session keeper and the sinks have tasks of their own, as always.
    ///
    /// The client does nothing while its task is not polled: no connection is read, and no request
    /// has its reply. The task ends once every handle of the client is dropped and its connection
    /// is closed. Dropping it closes the connection without a Close frame; then requests fail with
    /// [`CommandError::ShutDown`](crate::CommandError::ShutDown), and streams end.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with_task(self) -> Result<(Client<R>, impl Future<Output = ()> + Send + 'static), BuildError> {
        let endpoint = match &self.url {
            Some(url) => Endpoint::parse(url, self.plaintext)?,
            None => Endpoint::gateway(&self.host, self.port)?,
        };
        let trust = self.trust;
        #[cfg(feature = "tls")]
        let trust = match &self.pin_file {
            // A file that cannot be examined is reported when it is read.
            Some(path) if path.try_exists().unwrap_or(true) => Trust::from_pin_file(path)?,
            Some(_) => Trust::ExactSha256(Fingerprint::OF_NO_CERTIFICATE),
            None => trust,
        };
        #[cfg(feature = "tls")]
        if endpoint.is_tls() {
            trust.check()?;
        }
        if let Some(proxy) = &self.proxy {
            proxy.check_endpoint(&endpoint)?;
        }
        let (proxy, limits) = (self.proxy, self.limits);
        let target = DialRequest { trust, proxy, limits, ..DialRequest::new(endpoint) };
        let (credentials, rest_handler) = (self.credentials, self.rest_handler);
        #[cfg(feature = "session")]
        let (mut credentials, mut rest_handler) = (credentials, rest_handler);
        #[cfg(feature = "session")]
        let keeper = self
            .keeper
            .map(|keeper| keeper.seeded(self.config.seed).connect(&target, &mut credentials, &mut rest_handler));
        let payloads = Arc::<Payloads>::default();
        let config = Config {
            processor: payloads.stand_in(self.config.processor),
            rest_handler: rest_handler.is_some(),
            ..self.config
        };
        let machine = Machine::new(config, self.runtime.now());
        let shared = Arc::new(Shared::new(self.runtime, payloads, machine, self.queues.total_bytes, &target.endpoint));
        let client = Client::new(shared.clone(), self.queues);
        self.sinks.into_iter().for_each(|sink| client.attach_boxed(EventFilter::All, sink));
        if self.log_raw_messages {
            client.attach(RawLog);
        }
        #[cfg(feature = "session")]
        let client = match keeper {
            Some(keeper) => {
                let client = client.with_keeper(&keeper.mailbox);
                keeper.spawn(&shared);
                client
            }
            None => client,
        };
        Ok((client, ClientTask::new(shared, target, credentials, rest_handler)))
    }
}

#[cfg(feature = "session")]
impl<R: Runtime + Net> Builder<R> {
    /// Creates a builder of a client of the gateway on this machine, on `runtime`. The
    /// `local_gateway()` of an adapter calls this.
    ///
    /// It is [`new`](Self::new) with `wss://localhost:5000/v1/api/ws`, the trust
    /// [`Trust::StockCertificate`], a [`keeper`](Self::keeper) with its defaults, and no limit of
    /// connection attempts: [`Client::start`] completes once somebody has logged in, and
    /// [`Client::keeper_events`] shows what it waits for. Each of these settings can be changed.
    /// For a gateway with a certificate of its own, add a [`pin_file`](Self::pin_file).
    ///
    /// The stock certificate proves nothing but the address: its private key is public. It is
    /// accepted from loopback peers only. Any other certificate ends [`Client::start`] with
    /// [`GaveUp`](crate::CommandError::GaveUp), whose
    /// [`certificate`](crate::ConnectError::certificate) has the fingerprint and the PEM of what
    /// the peer presented. Nothing is saved or trusted unless the application calls
    /// [`save`](crate::UnknownCertificate::save).
    pub fn local_gateway(runtime: R) -> Self {
        let builder = Self::new(runtime).trust(Trust::StockCertificate).keeper(KeeperConfig::default());
        builder.configure(|config| config.max_connection_attempts = None)
    }

    /// Starts a session keeper with the client: it keeps the session alive, provides the session of
    /// each dial, and makes the REST calls that the stream needs, on the address, the trust and the
    /// limits of the client. Default: none.
    ///
    /// It runs from [`Client::start`] until the client is stopped, and retries without a limit.
    /// [`Client::keeper_state`] and [`Client::keeper_events`] show what it does. It replaces a
    /// [`rest_handler`](Self::rest_handler). Of the [`credentials`](Self::credentials), it replaces
    /// the session. All clients of a process share one pacing of REST calls, unless another
    /// [`pacing`](Self::pacing) is set.
    pub fn keeper(mut self, config: KeeperConfig) -> Self {
        let pacing = self.keeper.map(|keeper| keeper.pacing).unwrap_or_default();
        self.keeper = Some(KeeperPlan::new(config, pacing));
        self
    }

    /// Sets what paces the calls of the [`keeper`](Self::keeper), which is added with its defaults
    /// if there is none. Default: [`Pacing::of_process`].
    pub fn pacing(mut self, pacing: Pacing) -> Self {
        let config = self.keeper.map(|keeper| keeper.config).unwrap_or_default();
        self.keeper = Some(KeeperPlan::new(config, pacing));
        self
    }
}

/// Settings from which no client can be built.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The trust cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The proxy cannot be used with the address.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

debug_with_text!(BuildError { Endpoint, Trust, Proxy });

/// The limits of the queues that a client opens.
#[derive(Clone)]
pub(super) struct QueueSettings {
    pub(super) options: QueueOptions,
    by_key: Option<Arc<dyn Fn(Key) -> QueueOptions + Send + Sync>>,
    /// The limit of all queues together.
    total_bytes: usize,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { options: QueueOptions::default(), by_key: None, total_bytes: DEFAULT_TOTAL_BYTES }
    }
}

impl QueueSettings {
    /// Returns the limits of a queue of this key. Calls a closure of the application, so never
    /// under the lock.
    pub(super) fn of_key(&self, key: Key) -> QueueOptions {
        self.by_key.as_ref().map_or(self.options, |limits| limits(key))
    }

    /// Sets the limits of every queue.
    pub(super) fn set(&mut self, options: QueueOptions) {
        self.options = options;
        self.by_key = None;
    }
}
