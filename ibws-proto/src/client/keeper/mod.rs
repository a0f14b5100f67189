//! The session keeper of a client: a task of its own that drives
//! [`Keeper`](crate::keeper::Keeper) over the client's network, as the REST handler and the
//! provider of credentials of the client.
//!
//! `task` drives the keeper, `mailbox` is what the task shares with everything else, `pacing` the
//! one pacer of a process, `rest_connection` makes the calls, `events` is what the application
//! reads.

mod events;
mod mailbox;
mod pacing;
mod rest_connection;
mod task;

use std::boxed::Box;
use std::format;
use std::sync::Arc;

use self::mailbox::{Mailbox, RequestResult};
use self::task::{KeeperTask, MakeCall, make_call};
use super::client::Client;
use super::contain::contain;
use super::rest_handler::{RestFuture, RestHandler};
use super::shared::Shared;
use crate::keeper::{KeeperConfig, KeeperEvent, KeeperInput};
use crate::rest::{RestError, RestRequest};
use crate::transport::websocket::Net;
use crate::transport::{CookieForm, CredentialsFuture, CredentialsProvider, DialRequest, Endpoint, Runtime};
use crate::{ConnectError, ConnectErrorKind, ConnectionState};

pub use events::KeeperEvents;
pub(super) use mailbox::Mailbox as KeeperMailbox;
pub use pacing::Pacing;
pub use rest_connection::RestConnection;

/// Why a request to the keeper has no result.
const ENDED: &str = "the client was stopped, and its session keeper with it";

/// What a builder knows of the keeper that it will start.
pub(super) struct KeeperPlan<R: Runtime> {
    pub(super) config: KeeperConfig,
    pub(super) pacing: Pacing,
    make_call: MakeCall<R>,
}

impl<R: Runtime + Net> KeeperPlan<R> {
    pub(super) fn new(config: KeeperConfig, pacing: Pacing) -> Self {
        Self { config, pacing, make_call: make_call::<R> }
    }
}

impl<R: Runtime> KeeperPlan<R> {
    /// Takes the seed of the client's machine, unless the keeper has one of its own.
    pub(super) fn seeded(mut self, seed: u64) -> Self {
        if self.config.seed == KeeperConfig::default().seed {
            self.config.seed = seed;
        }
        self
    }

    /// Makes the keeper the REST handler and the provider of credentials of a client. `credentials`
    /// stays the source of everything but the session.
    pub(super) fn connect(
        mut self,
        target: &DialRequest,
        credentials: &mut Arc<dyn CredentialsProvider>,
        rest_handler: &mut Option<Arc<dyn RestHandler>>,
    ) -> ConnectedKeeper<R> {
        let mailbox = Arc::<Mailbox>::default();
        let base = Arc::clone(credentials);
        let form = cookie_form(&target.endpoint);
        let handle = KeeperHandle { mailbox: Arc::clone(&mailbox), base: Arc::clone(&base), form };
        let handle = Arc::new(handle);
        *credentials = handle.clone();
        *rest_handler = Some(handle);
        if self.config.base_url == KeeperConfig::default().base_url {
            self.config.base_url = format!("https://{}", target.endpoint.authority()).into();
        }
        // The keeper calls this closure of the application; a panic counts as no reply.
        self.config.prompts = self.config.prompts.map(|prompts| {
            let contained: crate::keeper::PromptReply = Arc::new(move |prompt| contain(|| prompts(prompt)).flatten());
            contained
        });
        ConnectedKeeper { plan: self, mailbox, base, target: target.clone(), form }
    }
}

/// A keeper that is connected to a client that does not exist yet.
pub(super) struct ConnectedKeeper<R: Runtime> {
    plan: KeeperPlan<R>,
    pub(super) mailbox: Arc<Mailbox>,
    base: Arc<dyn CredentialsProvider>,
    target: DialRequest,
    form: CookieForm,
}

impl<R: Runtime> ConnectedKeeper<R> {
    pub(super) fn spawn(self, shared: &Arc<Shared<R>>) {
        shared.runtime.spawn(KeeperTask::new(shared, self));
    }
}

/// Returns the form of the session in the cookie: bare for IBKR's own hosts, JSON for a gateway
/// (docs/protocol.md §1.2).
fn cookie_form(endpoint: &Endpoint) -> CookieForm {
    let host = endpoint.host();
    if host == "ibkr.com" || host.ends_with(".ibkr.com") { CookieForm::Direct } else { CookieForm::Gateway }
}

/// The keeper as the client's task knows it.
struct KeeperHandle {
    mailbox: Arc<Mailbox>,
    base: Arc<dyn CredentialsProvider>,
    form: CookieForm,
}

impl RestHandler for KeeperHandle {
    fn handle(&self, request: RestRequest) -> RestFuture {
        let outcome = self.mailbox.submit(|ticket| KeeperInput::Serve { ticket, request });
        Box::pin(async move {
            match outcome.await {
                RequestResult::Served(result) => result,
                RequestResult::Session(_) | RequestResult::Ended => Err(RestError::new(ENDED)),
            }
        })
    }
}

/// Provides the credentials of the application with the session of the last tickle.
impl CredentialsProvider for KeeperHandle {
    fn credentials(&self) -> CredentialsFuture {
        let outcome = self.mailbox.submit(KeeperInput::SessionNeeded);
        let (base, form) = (self.base.credentials(), self.form);
        Box::pin(async move {
            let base = base.await?;
            match outcome.await {
                RequestResult::Session(session) => Ok(base.with_session(session?, form)),
                RequestResult::Served(_) | RequestResult::Ended => {
                    Err(ConnectError::new(ConnectErrorKind::Credentials, ENDED))
                }
            }
        })
    }
}

impl<R: Runtime> Client<R> {
    /// Returns the present state of the session keeper, and what belongs to it; `None` if the
    /// client has no keeper ([`Builder::keeper`](super::Builder::keeper)) or is stopped.
    #[must_use]
    pub fn keeper_state(&self) -> Option<KeeperEvent> {
        let is_stopped = self.status().state == ConnectionState::Stopped;
        self.keeper.as_ref().filter(|_| !is_stopped).and_then(|mailbox| mailbox.present())
    }

    /// Returns a stream of the states of the session keeper, the present one first; `None` if the
    /// client has no keeper ([`Builder::keeper`](super::Builder::keeper)).
    #[must_use]
    pub fn keeper_events(&self) -> Option<KeeperEvents> {
        self.keeper.as_ref().map(KeeperEvents::new)
    }

    pub(super) fn with_keeper(mut self, mailbox: &Arc<Mailbox>) -> Self {
        self.keeper = Some(Arc::clone(mailbox));
        self
    }
}
