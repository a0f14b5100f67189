//! The ibws client on tokio: Interactive Brokers' Client Portal streaming WebSocket.
//!
//! [`builder`] creates a builder for a [`Client`]. The client, its streams and its queues are those
//! of [`ibws_proto::client`] and equal on every runtime; so are the dial and the WebSocket, in
//! [`ibws_proto::transport::websocket`]. This crate supplies the network, the clock and the tasks.
//!
//! A program needs this crate alone: the names below, and [`proto`] for the rest of the core.
//!
//! ```
//! use ibws_tokio::{Event, Item, Subscribe, SubscribeOutcome};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! // A simulated gateway. A real one has the address wss://localhost:5000/v1/api/ws and a
//! // certificate to pin.
//! let gateway = ibws_testkit::Server::start(Default::default())?;
//! let client = ibws_tokio::builder().url(gateway.ws_url()).trust(gateway.trust()).build()?;
//! client.start().await?;
//!
//! let subscribe = Subscribe::parse(r#"md+265598+{"fields":["31","84","86"]}"#)?;
//! let mut quotes = client.subscribe(subscribe).await?;
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
//! With the feature `tracing`, the client writes its states, gaps and failures to the crate
//! `tracing`, without secrets: see [`ibws_proto::client`]. With the feature `metrics`,
//! `Client::export_metrics` hands its counters to the exporter of the program.
//!
//! tungstenite writes every frame to its TRACE log, including the session message and the ids in
//! `tic`, and the reason of a Close frame to its DEBUG log. The `tungstenite` log target must
//! therefore stay at INFO. The upgrade request with its cookie does not pass through tungstenite.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod net;
mod runtime;
mod stream;

pub use net::{WebSocket, open};
pub use runtime::TokioRuntime;

/// The core, for everything that is not listed here.
pub use ibws_proto as proto;
pub use ibws_proto::client::{BuildError, EventSink, KeeperEvents, Pacing, RestConnection, RestHandler};
pub use ibws_proto::client::{Settings, SettingsError};
pub use ibws_proto::keeper::{KeeperConfig, KeeperEvent, KeeperState};
pub use ibws_proto::queue::{EventFilter, LossReport, QueueLimits};
pub use ibws_proto::transport::{Credentials, CredentialsProvider, Fingerprint, Limits, Proxy, Trust, TrustError};
pub use ibws_proto::{
    Account, Body, CatchUpPending, CaughtUp, CommandError, Config, ConnectError, ConnectErrorKind, ConnectionLoss,
    ConnectionState, Event, Field, Frame, Gap, GapCause, Instant, Item, Json, Key, Message, ReadyGate, Renewal,
    Resumed, StateCause, StateChange, Subscribe, SubscribeOutcome, SubscriptionEvent, SubscriptionKey,
    SubscriptionState, UnknownCertificate, UnsubscribeOutcome,
};
pub use ibws_proto::{field, fold, message, status, subscribe};

/// The settings of a client on this runtime; see [`ibws_proto::client::Builder`].
pub type Builder = ibws_proto::client::Builder<TokioRuntime>;
/// A client on this runtime; see [`ibws_proto::client::Client`].
///
#[doc = include_str!("../docs/client.md")]
pub type Client = ibws_proto::client::Client<TokioRuntime>;
/// The stream of one subscription.
///
#[doc = include_str!("../docs/subscription.md")]
pub type Subscription = ibws_proto::client::Subscription<TokioRuntime>;
/// A handle of a subscription without a stream.
pub type SubscriptionGuard = ibws_proto::client::SubscriptionGuard<TokioRuntime>;
/// Many subscriptions with one stream.
///
#[doc = include_str!("../docs/subscription_group.md")]
pub type SubscriptionGroup = ibws_proto::client::SubscriptionGroup<TokioRuntime>;
/// The newest value of one subscription.
///
#[doc = include_str!("../docs/latest.md")]
pub type Latest = ibws_proto::client::Latest<TokioRuntime>;
/// A stream of events.
///
#[doc = include_str!("../docs/event_stream.md")]
pub type EventStream = ibws_proto::client::EventStream<TokioRuntime>;
/// The queue of one key.
///
#[doc = include_str!("../docs/queue_accessor.md")]
pub type QueueAccessor<K = Key> = ibws_proto::client::QueueAccessor<TokioRuntime, K>;

/// Returns a builder for a client on the runtime that this function is called on.
///
/// # Panics
/// Outside a tokio runtime; [`Builder::new`](ibws_proto::client::Builder::new) with
/// [`TokioRuntime::with_handle`] works there.
pub fn builder() -> Builder {
    Builder::new(TokioRuntime::new())
}

/// Returns a builder for a client of the gateway on this machine, with a session keeper and without
/// a limit of attempts; see
/// [`Builder::local_gateway`](ibws_proto::client::Builder::local_gateway).
///
/// # Panics
/// Outside a tokio runtime, as [`builder`].
pub fn local_gateway() -> Builder {
    Builder::local_gateway(TokioRuntime::new())
}

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
