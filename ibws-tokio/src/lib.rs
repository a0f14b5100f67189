#![doc = include_str!("../docs/landing.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod net;
mod runtime;
mod stream;

pub use net::open;
pub use runtime::TokioRuntime;

/// The core, for everything that is not listed here.
pub use ibws_proto as proto;
#[doc(inline)]
#[doc = include_str!("../docs/event_sink.md")]
pub use ibws_proto::client::EventSink;
#[doc(inline)]
#[doc = include_str!("../docs/keeper_events.md")]
pub use ibws_proto::client::KeeperEvents;
#[doc(inline)]
#[doc = include_str!("../docs/pacing.md")]
pub use ibws_proto::client::Pacing;
#[doc(inline)]
#[doc = include_str!("../docs/rest_handler.md")]
pub use ibws_proto::client::RestHandler;
pub use ibws_proto::client::{BuildError, RestConnection, Settings, SettingsError};
pub use ibws_proto::frame::{FieldError, FieldResult, Number};
pub use ibws_proto::keeper::{KeeperConfig, KeeperEvent, KeeperState};
pub use ibws_proto::queue::{EventFilter, LossReport, Overflow, QueueLimits, QueueOptions};
pub use ibws_proto::transport::websocket::WebSocket;
pub use ibws_proto::transport::{
    Credentials, CredentialsProvider, Endpoint, Fingerprint, Limits, Proxy, Secret, Trust, TrustError,
};
pub use ibws_proto::{
    Account, Body, CatchUpPending, CaughtUp, CommandError, Config, ConnectError, ConnectErrorKind, ConnectionLoss,
    ConnectionState, Event, Field, Frame, Gap, GapCause, Instant, Item, Json, Key, Message, ReadyGate, Renewal,
    Resumed, StateCause, StateChange, Subscribe, SubscribeOutcome, SubscriptionEvent, SubscriptionKey,
    SubscriptionState, UnknownCertificate, UnsubscribeOutcome,
};
pub use ibws_proto::{field, fold, message, status, subscribe};

/// The settings of a client on this runtime.
///
#[doc = include_str!("../docs/builder.md")]
pub type Builder = ibws_proto::client::Builder<TokioRuntime>;
/// A client on this runtime.
///
#[doc = include_str!("../docs/client.md")]
pub type Client = ibws_proto::client::Client<TokioRuntime>;
/// The stream of one subscription.
///
#[doc = include_str!("../docs/subscription.md")]
pub type Subscription = ibws_proto::client::Subscription<TokioRuntime>;
/// A handle of a subscription without a stream.
///
#[doc = include_str!("../docs/subscription_guard.md")]
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
