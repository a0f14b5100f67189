//! Contains panics in code of the application.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls code of the application. Returns `None` if it panics.
///
/// Nothing that `act` may have left half-done is used afterwards, apart from values of the
/// application itself.
pub(super) fn contain<T>(act: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(value) => Some(value),
        Err(panic) => {
            // The value of a panic may panic when it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
            None
        }
    }
}

/// A future of the application that completes with `None` if it panics.
pub(super) struct Contained<T> {
    /// `None` once it has completed.
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T> Contained<T> {
    /// Calls `make` for the future, and contains a panic in that call as well.
    pub(super) fn new(make: impl FnOnce() -> Pin<Box<dyn Future<Output = T> + Send>>) -> Self {
        Self { future: contain(make) }
    }

    /// Drops the future, which runs code of the application.
    fn take(&mut self) {
        let future = self.future.take();
        contain(|| drop(future));
    }
}

impl<T> Future for Contained<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.future else { return Poll::Ready(None) };
        let polled = contain(|| future.as_mut().poll(cx));
        match polled {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(value)) => Poll::Ready(Some(value)),
            None => {
                // It is not polled again.
                self.get_mut().take();
                Poll::Ready(None)
            }
        }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        self.take();
    }
}
