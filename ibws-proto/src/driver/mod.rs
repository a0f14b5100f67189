//! The generic driver: the machine run over any runtime.

mod builder;
mod client;
mod credentials;
#[cfg(feature = "transport")]
pub mod dial;
mod endpoint;
mod handle;
mod limits;
#[cfg(feature = "tls")]
mod public_key;
mod rest_handler;
mod runtime;
mod secret;
mod shared;
mod sink;
mod stream;
mod task;
#[cfg(feature = "tls")]
pub mod tls;
mod trust;
#[cfg(feature = "transport")]
pub mod upgrade;

pub use builder::{BuildError, Builder};
pub use client::Client;
pub use credentials::{CredentialsFuture, CredentialsProvider};
pub use endpoint::{DEFAULT_PATH, Endpoint, EndpointError, Plaintext};
pub use limits::Limits;
pub use rest_handler::{RestFuture, RestHandler};
pub use runtime::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
pub use secret::{CookieForm, Credentials, Secret, SecretError, USER_AGENT};
pub use sink::EventSink;
pub use stream::{EventStream, QueueAccessor, Subscription};
pub use trust::{Trust, TrustError};
