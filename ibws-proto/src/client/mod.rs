//! The client: the machine run over any [`Runtime`](crate::transport::Runtime), with futures for requests and bounded
//! queues for events.

mod builder;
#[allow(clippy::module_inception)]
mod client;
mod handle;
mod rest_handler;
mod shared;
mod sink;
mod stream;
mod task;

pub use builder::{BuildError, Builder};
pub use client::Client;
pub use rest_handler::{RestFuture, RestHandler};
pub use sink::EventSink;
pub use stream::{EventStream, QueueAccessor, Subscription};
