//! The host: whoever makes REST calls, which the stream needs now and then.

use core::future::Future;
use core::pin::Pin;
use std::boxed::Box;

use crate::RestRequest;

/// The answer of a host: did it do what it was asked for?
pub type RestFuture = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Makes the REST calls that the stream needs. Each question says which; see [`RestRequest`].
///
/// An answer that takes longer than [`Config::prime_timeout`](crate::Config::prime_timeout), for anything but `Prime` than
/// [`Config::rest_timeout`](crate::Config::rest_timeout), is no longer waited for, and the future is dropped.
pub trait RestHandler: Send + Sync + 'static {
    /// Begins the calls for `ask`. Called on the client's own task: it must not block.
    fn handle(&self, request: RestRequest) -> RestFuture;
}

/// A function that makes them.
impl<F> RestHandler for F
where
    F: Fn(RestRequest) -> RestFuture + Send + Sync + 'static,
{
    fn handle(&self, request: RestRequest) -> RestFuture {
        self(request)
    }
}
