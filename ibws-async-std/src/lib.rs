//! The ibws client on async-std, for the streaming WebSocket of Interactive Brokers' Client Portal Web API.
//!
//! [`builder`] makes a [`Client`]; the client, its streams and its queues are those of [`ibws_proto::client`], and the same
//! on every runtime. This crate adds the rest: the dial, TLS over it, and the clock.
//!
//! ```
//! use ibws_proto::{Event, Item, SubscribeOutcome, Subscribe};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # async_std::task::block_on(async {
//! // A simulated gateway; a real one has its address, wss://localhost:5000/v1/api/ws, and its certificate in a file.
//! let gateway = ibws_testkit::Server::start(Default::default())?;
//! let client = ibws_async_std::builder().url(gateway.ws_url()).trust(gateway.trust()).build()?;
//! client.start().await?;
//!
//! let mut quotes = client.subscribe(Subscribe::parse(r#"md+265598+{"fields":["31","84","86"]}"#)?).await?;
//! assert_eq!(quotes.known_outcome(), SubscribeOutcome::Active);
//! while let Some(item) = quotes.next().await {
//!     if let Item::Event(Event::Message(quote)) = item {
//!         assert_eq!(quote.frame.topic().as_deref(), Some("smd+265598"));
//!         break;
//!     }
//! }
//! client.drain().await?; // unsubscribes, then closes
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Logs
//!
//! tungstenite writes every frame, the session message and the ids in `tic` included, to its TRACE log: keep the
//! `tungstenite` log target below TRACE. The upgrade request with its cookie does not pass through it.

mod net;
mod runtime;
mod stream;

pub use net::{WebSocket, open};
pub use runtime::AsyncStdRuntime;

/// A client on this runtime. See [`ibws_proto::client::Client`].
pub type Client = ibws_proto::client::Client<AsyncStdRuntime>;
/// The stream of one subscription.
pub type Subscription = ibws_proto::client::Subscription<AsyncStdRuntime>;
/// A stream of events.
pub type EventStream = ibws_proto::client::EventStream<AsyncStdRuntime>;
/// The queue of one key.
pub type QueueAccessor<K = ibws_proto::Key> = ibws_proto::client::QueueAccessor<AsyncStdRuntime, K>;

/// Begins a client on the runtime that this is called on.
pub fn builder() -> ibws_proto::client::Builder<AsyncStdRuntime> {
    ibws_proto::client::Builder::new(AsyncStdRuntime::new())
}

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
