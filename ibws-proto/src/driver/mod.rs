//! The generic driver: the machine run over any runtime.

mod endpoint;
mod limits;
#[cfg(feature = "tls")]
mod public_key;
mod runtime;
mod secret;
#[cfg(feature = "tls")]
pub mod tls;
mod trust;
#[cfg(feature = "transport")]
pub mod upgrade;

pub use endpoint::{DEFAULT_PATH, Endpoint, EndpointError, Plaintext};
pub use limits::Limits;
pub use runtime::{DialRequest, Link, Outgoing, Received, Runtime, WriteFailed};
pub use secret::{CookieForm, Credentials, Secret, SecretError, USER_AGENT};
pub use trust::{Trust, TrustError};
