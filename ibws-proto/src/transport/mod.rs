//! Connects to the gateway: endpoint, credentials, trust, the stages of a dial and their limits.
//!
//! Nothing here depends on the [`Machine`](crate::Machine). The client drives a [`Link`]; an
//! application without the client can drive one itself.

mod credentials;
pub mod dial;
mod endpoint;
#[cfg(feature = "session")]
pub mod http;
mod limits;
mod refusal;
mod retry_after;
mod runtime;
mod secret;
mod text_filter;
#[cfg(feature = "tls")]
pub mod tls;
mod trust;
pub mod upgrade;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use credentials::{CredentialsFuture, CredentialsProvider};
pub use endpoint::{DEFAULT_PATH, Endpoint, EndpointError, Plaintext};
pub use limits::Limits;
pub use runtime::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
pub use secret::{CookieForm, Credentials, Secret, SecretError, USER_AGENT};
pub use text_filter::TextFilter;
pub use trust::{Trust, TrustError};
