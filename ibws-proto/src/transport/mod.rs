//! Connects to the gateway: endpoint, credentials, trust, the stages of a dial and their limits.
//!
//! Nothing here depends on the [`Machine`](crate::Machine). The client drives a [`Link`]; an
//! application without the client can drive one itself.

mod credentials;
pub mod dial;
mod endpoint;
mod fingerprint;
mod header;
mod limits;
mod provider;
mod proxy;
#[cfg(any(feature = "client", feature = "websocket"))]
mod queued_link;
mod redaction;
mod refusal;
pub(crate) mod retry_after;
mod runtime;
mod save;
mod secret;
mod text_filter;
#[cfg(feature = "tls")]
pub mod tls;
mod trust;
pub mod tunnel;
pub mod upgrade;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use credentials::{BearerForm, CookieForm, Credentials, USER_AGENT};
pub use dial::Peer;
pub use endpoint::{DEFAULT_PATH, Endpoint, EndpointError, Plaintext};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use limits::Limits;
pub use provider::{CredentialsFuture, CredentialsProvider};
pub use proxy::{Proxy, ProxyError};
#[cfg(any(feature = "client", feature = "websocket"))]
pub(crate) use queued_link::QueuedLink;
pub use runtime::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
pub use save::SaveError;
pub use secret::{Secret, SecretError};
pub use text_filter::TextFilter;
pub use trust::{Trust, TrustError};
