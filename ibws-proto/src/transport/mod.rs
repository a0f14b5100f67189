//! From an address to an open WebSocket: endpoint, credentials, trust, the dial's stages and their limits.
//!
//! Nothing here knows the [`Machine`](crate::Machine); the client, or a program of your own, drives a [`Link`].

mod credentials;
pub mod dial;
mod endpoint;
mod limits;
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
