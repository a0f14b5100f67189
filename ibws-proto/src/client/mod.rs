//! The client: runs the machine over any [`Runtime`](crate::transport::Runtime), and offers its
//! requests as futures and its events as bounded queues.
//!
//! A [`Builder`] makes a [`Client`]. One task per client owns the connection; the builder spawns
//! it, or returns it ([`Builder::build_with_task`]). In a flood, a consumer whose queue is empty
//! reads the connection in its place, so a poll of a stream may poll the socket. Handles talk to
//! the task through state behind a lock. No code of the application runs under that lock, so sinks,
//! REST handlers, credentials providers, processors, and wakers that are woken or dropped, may use
//! the client. A panic in one of the first four is contained, and reported as its failure.
//!
//! | an application reads | by |
//! |---|---|
//! | one subscription | [`Subscription`], from [`Client::subscribe`] |
//! | many as one stream | [`SubscriptionGroup`], from [`Client::subscribe_all`] |
//! | the newest value, without a queue | [`Latest`], from [`Subscription::into_latest`] |
//! | everything, in one order | [`EventStream`], from [`Client::events`] |
//! | a channel, shared by workers | [`QueueAccessor`], from [`Client::queue`] |
//! | by being called | [`EventSink`], with [`Client::attach`]; or [`Client::on`] |
//! | what the session waits for | `KeeperEvents`, from `Client::keeper_events` (feature `session`) |
//! | states, health and counts at a moment | [`Client::status`], [`Client::health`], [`Client::stats`] |
//!
//! [`SubscriptionGuard`] keeps a subscription that is read elsewhere. [`Client::with_queues`]
//! chooses what a slow consumer loses, [`Client::system_time`] returns the wall-clock time of an
//! event.
//!
//! The files of the module: `client`, `subscription`, `group`, `stream`, `queue` and `latest` hold
//! the handles, `consume` opens streams and queues, `reader` and `consumers` are what they read
//! from, `handle` and `replies` how a request gets its reply, `clock` has the times of events.
//! `machine_settings` adds to the builder what the machine can be set to. `task` runs the machine,
//! `intake` reads the connection for it, `patience` has it wait for consumers, `payloads` calls
//! processors, `sink` runs the callbacks, `rest_handler` is the one for REST calls, `contain`
//! contains panics, `keeper` runs the session keeper. `settings` reads variables and files,
//! `raw_log` logs messages, `trace` logs events, `stats` and `metrics` count. `shared` holds the
//! lock, which `sync` names; `interleavings` tests both.
//!
//! # Logs
//!
//! With the feature `tracing`, the client writes to the crate `tracing`, with the target `ibws`. It
//! has a span `client` with the fields `client` ([`Client::number`]) and `address` (the scheme,
//! host and port), and in it a span `connection` with the field `conn` for each connection, from
//! the dial to the next one. Each line belongs to one of them. Texts from outside are
//! [excerpts](crate::excerpt); no line holds a payload, a session or a whole account.
//!
//! | level | lines |
//! |---|---|
//! | WARN | a failed dial; a gap that the application did not cause; a subscription that is refused or that failed; a stale stream; a REST request that failed; a competing login; an account that the session does not serve; a processor that panicked; a state of the keeper in which there is no session |
//! | INFO | a state of the connection; a gap by a shutdown or a reset; the end of a gap; orders that were caught up; the end of a silence or of a competing login; any other state of the keeper |
//! | DEBUG | a state of a subscription; a frame that cannot be read; a REST request that is done or superseded; orders that are not caught up yet |
//! | TRACE | received messages, with the target `ibws::raw`, on request ([`Builder::log_raw_messages`]) |
//!
//! The lines are made of the events of the client, once the lock is released. Below the level of
//! the subscriber an event costs a comparison, and a message always does. A subscriber that panics
//! does not harm the client.

mod builder;
#[allow(clippy::module_inception)]
mod client;
mod clock;
mod consume;
mod consumers;
mod contain;
mod group;
mod handle;
mod intake;
#[cfg(all(test, shuttle))]
mod interleavings;
#[cfg(feature = "session")]
mod keeper;
mod latest;
mod machine_settings;
#[cfg(feature = "metrics")]
mod metrics;
mod patience;
mod payloads;
mod queue;
mod raw_log;
mod reader;
mod replies;
mod rest_handler;
mod settings;
mod shared;
mod sink;
mod stats;
mod stream;
mod subscription;
mod sync;
mod task;
#[cfg_attr(not(feature = "tracing"), path = "trace_off.rs")]
mod trace;

pub use builder::{BuildError, Builder};
pub use client::Client;
pub use group::{NotConfirmed, SubscriptionGroup};
#[cfg(feature = "session")]
pub use keeper::{KeeperEvents, Pacing, RestConnection};
pub use latest::Latest;
pub use queue::QueueAccessor;
pub use rest_handler::{RestFuture, RestHandler};
pub use settings::{Settings, SettingsError};
pub use sink::{EventSink, FromItem, callback};
pub use stats::ClientStats;
pub use stream::EventStream;
pub use subscription::{Subscription, SubscriptionGuard};
