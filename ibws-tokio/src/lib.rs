//! The ibws client on tokio: the clock, the dial and the WebSocket that [`ibws_proto::driver`] runs over.
//!
//! tungstenite writes every frame, the session message and the ids in `tic` included, to its TRACE log: keep the
//! `tungstenite` log target below TRACE. The upgrade request with its cookie does not pass through it.

mod dial;
mod filtered;
mod link;
mod runtime;

pub use dial::dial;
pub use link::TokioLink;
pub use runtime::TokioRuntime;

/// A client on tokio. See [`ibws_proto::driver::Client`].
pub type Client = ibws_proto::driver::Client<TokioRuntime>;
/// The stream of one subscription.
pub type Subscription = ibws_proto::driver::Subscription<TokioRuntime>;
/// A stream of events.
pub type EventStream = ibws_proto::driver::EventStream<TokioRuntime>;
/// The queue of one key.
pub type QueueAccessor = ibws_proto::driver::QueueAccessor<TokioRuntime>;

/// Begins a client on the tokio runtime that this is called on.
///
/// # Panics
/// Off a tokio runtime; there, use [`Builder::new`](ibws_proto::driver::Builder::new) with
/// [`TokioRuntime::with_handle`].
pub fn builder() -> ibws_proto::driver::Builder<TokioRuntime> {
    ibws_proto::driver::Builder::new(TokioRuntime::new())
}

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
