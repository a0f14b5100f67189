//! The host: whoever makes REST calls, which the stream needs now and then.

use core::future::Future;
use core::pin::Pin;
use std::boxed::Box;

use crate::Ask;

/// The answer of a host: did it do what it was asked for?
pub type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Makes the REST calls that the stream needs. Each question says which; see [`Ask`].
///
/// An answer that takes longer than [`Config::prime_timeout`](crate::Config::prime_timeout), for anything but `Prime` than
/// [`Config::host_timeout`](crate::Config::host_timeout), is no longer waited for, and the future is dropped.
pub trait Host: Send + Sync + 'static {
    /// Begins the calls for `ask`. Called on the client's own task: it must not block.
    fn ask(&self, ask: Ask) -> Answer;
}

/// A function that makes them.
impl<F> Host for F
where
    F: Fn(Ask) -> Answer + Send + Sync + 'static,
{
    fn ask(&self, ask: Ask) -> Answer {
        self(ask)
    }
}
