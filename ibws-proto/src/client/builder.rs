//! How a client is made: where to, whom to trust, who is asking, and the settings of the machine.

use std::boxed::Box;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::client::{Client, QueueFactory};
use super::rest_handler::RestHandler;
use super::shared::Shared;
use super::sink::EventSink;
use super::task::ClientTask;
use crate::transport::CredentialsProvider;
use crate::transport::{Credentials, Endpoint, EndpointError, Limits, Plaintext, Trust, TrustError};
use crate::transport::{DialRequest, Runtime};
use crate::{Config, Key, Machine, QueueLimits};

/// Collects the settings of a [`Client`]. Everything has a default: the gateway on this machine,
/// `wss://localhost:5000/v1/api/ws`, trusted by web PKI.
#[must_use = "a builder does nothing until it is built"]
pub struct Builder<R> {
    runtime: R,
    url: Option<String>,
    plaintext: Plaintext,
    host: String,
    port: u16,
    trust: Trust,
    credentials: Arc<dyn CredentialsProvider>,
    rest_handler: Option<Arc<dyn RestHandler>>,
    limits: Limits,
    queues: QueueFactory,
    sinks: Vec<Box<dyn EventSink>>,
    config: Config,
}

impl<R: Runtime> Builder<R> {
    /// A client for `runtime`; an adapter's `builder()` calls this.
    pub fn new(runtime: R) -> Self {
        let seed = RandomState::new().build_hasher().finish();
        Self {
            runtime,
            url: None,
            plaintext: Plaintext::Refused,
            host: "localhost".into(),
            port: 5000,
            trust: Trust::default(),
            credentials: Arc::new(Credentials::default()),
            rest_handler: None,
            limits: Limits::default(),
            queues: QueueFactory::default(),
            sinks: Vec::new(),
            config: Config { seed, ..Config::default() },
        }
    }

    /// The whole address. Default: `wss://{host}:{port}/v1/api/ws`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// RestHandler of the gateway, if no address is given. Default: `localhost`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Port of the gateway, if no address is given. Default: 5000.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Allows a `ws://` address of this machine. Default: refused.
    pub fn plaintext_on_loopback(mut self) -> Self {
        self.plaintext = Plaintext::OnLoopback;
        self
    }

    /// Which certificates are accepted. Default: [`Trust::WebPki`]. The gateway's own certificate wants
    /// [`Trust::ExactCert`].
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Who is asking: the same credentials each time, or a provider that is asked at each attempt. Default: none, as
    /// the local gateway wants it once its own login is done.
    pub fn credentials(mut self, credentials: impl CredentialsProvider) -> Self {
        self.credentials = Arc::new(credentials);
        self
    }

    /// Who makes the REST calls that the stream needs. Default: nobody; what would have been asked is then told as
    /// [`Event::Rest`](crate::Event::Rest) with the outcome `Failed`.
    pub fn rest_handler(mut self, handler: impl RestHandler) -> Self {
        self.rest_handler = Some(Arc::new(handler));
        self
    }

    /// What the transport may take and hold. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What each queue of events may hold. Default: [`QueueLimits::default`].
    pub fn queue_limits(mut self, limits: QueueLimits) -> Self {
        self.queues.limits = limits;
        self
    }

    /// What the queue of each key may hold, [`Client::queue`] and the streams of its subscriptions. Default: what
    /// [`queue_limits`](Self::queue_limits) says.
    pub fn queue_limits_by_key(mut self, limits: impl Fn(Key) -> QueueLimits + Send + Sync + 'static) -> Self {
        self.queues.by_key = Some(Arc::new(limits));
        self
    }

    /// Hands everything that happens, from the first dial on, to `sink` as well; as often as there are sinks.
    pub fn sink(mut self, sink: impl EventSink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Changes the settings of the machine.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Makes the client and starts its task; nothing is dialled before [`Client::start`].
    ///
    /// # Errors
    /// [`BuildError`] if the address or the trust cannot be used; its text says what to write instead.
    pub fn build(self) -> Result<Client<R>, BuildError> {
        let endpoint = match &self.url {
            Some(url) => Endpoint::parse(url, self.plaintext)?,
            None => Endpoint::gateway(&self.host, self.port)?,
        };
        #[cfg(feature = "tls")]
        if endpoint.is_tls() {
            self.trust.client_config(&endpoint)?;
        }
        let target =
            DialRequest { endpoint, trust: self.trust, credentials: Credentials::default(), limits: self.limits };
        let machine = Machine::new(self.config, self.runtime.now());
        let shared = Arc::new(Shared::new(self.runtime, machine));
        let client = Client::new(shared.clone(), self.queues);
        self.sinks.into_iter().for_each(|sink| client.attach_boxed(sink));
        shared.runtime.spawn(ClientTask::new(shared.clone(), target, self.credentials, self.rest_handler));
        Ok(client)
    }
}

/// Settings from which no client can be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
}
