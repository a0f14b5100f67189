//! Where credentials come from: asked for anew at each attempt to connect, since sessions end.

use core::future::{Future, ready};
use core::pin::Pin;
use std::boxed::Box;

use super::secret::Credentials;
use crate::ConnectError;

/// What a provider gives back.
pub type CredentialsFuture = Pin<Box<dyn Future<Output = Result<Credentials, ConnectError>> + Send>>;

/// Gives the credentials of each attempt to connect.
///
/// An error counts as a failed attempt and is followed by the usual delay; its kind should be
/// [`Credentials`](crate::ConnectErrorKind::Credentials), its detail free of secrets.
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials for an attempt that begins now.
    fn credentials(&self) -> CredentialsFuture;
}

/// The same ones each time.
impl CredentialsProvider for Credentials {
    fn credentials(&self) -> CredentialsFuture {
        Box::pin(ready(Ok(self.clone())))
    }
}

/// A function that makes them.
impl<F> CredentialsProvider for F
where
    F: Fn() -> CredentialsFuture + Send + Sync + 'static,
{
    fn credentials(&self) -> CredentialsFuture {
        self()
    }
}
