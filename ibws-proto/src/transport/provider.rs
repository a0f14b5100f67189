//! The source of credentials, called for each attempt to connect, because sessions end.

use core::future::{Future, ready};
use core::pin::Pin;
use std::boxed::Box;

use super::credentials::Credentials;
use crate::ConnectError;

/// The future that a provider returns.
pub type CredentialsFuture = Pin<Box<dyn Future<Output = Result<Credentials, ConnectError>> + Send>>;

/// Provides the credentials of each attempt to connect.
///
/// An error counts as a failed attempt and is followed by the usual delay. Its kind should be
/// [`Credentials`](crate::ConnectErrorKind::Credentials), and its detail free of secrets.
pub trait CredentialsProvider: Send + Sync + 'static {
    /// Returns the credentials for an attempt that begins now.
    fn credentials(&self) -> CredentialsFuture;
}

/// Provides the same credentials for each attempt.
impl CredentialsProvider for Credentials {
    fn credentials(&self) -> CredentialsFuture {
        Box::pin(ready(Ok(self.clone())))
    }
}

/// Calls the function for each attempt.
impl<F> CredentialsProvider for F
where
    F: Fn() -> CredentialsFuture + Send + Sync + 'static,
{
    fn credentials(&self) -> CredentialsFuture {
        self()
    }
}
