//! The client: runs the machine over any [`Runtime`](crate::transport::Runtime), and offers its
//! requests as futures and its events as bounded queues.
//!
//! A [`Builder`] makes a [`Client`]. One task per client owns the connection; handles talk to it
//! through state behind a lock. No code of the application runs under that lock, so sinks, REST
//! handlers, credentials providers, processors, and wakers that are woken or dropped, may use the
//! client. A panic in one of the first four is contained, and reported as its failure.
//!
//! `client`, `subscription`, `group`, `stream`, `queue` and `latest` hold the handles, `consume`
//! opens streams and queues, `reader` and `consumers` are what they read from, `handle` and
//! `replies` how a request gets its reply, `clock` has the times of events. `machine_settings` adds
//! to the builder what the machine can be set to. `task` runs the machine, `link` writes to the
//! connection, `payloads` calls processors, `sink` runs the callbacks, `contain` contains panics,
//! `keeper` runs the session keeper. `settings` reads variables and files, `raw_log` logs messages.
//! `shared` holds the lock, which `sync` names; `interleavings` tests both.

mod builder;
#[allow(clippy::module_inception)]
mod client;
mod clock;
mod consume;
mod consumers;
mod contain;
mod group;
mod handle;
#[cfg(all(test, shuttle))]
mod interleavings;
#[cfg(feature = "session")]
mod keeper;
mod latest;
mod link;
mod machine_settings;
mod payloads;
mod queue;
mod raw_log;
mod reader;
mod replies;
mod rest_handler;
mod settings;
mod shared;
mod sink;
mod stream;
mod subscription;
mod sync;
mod task;

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
pub use stream::EventStream;
pub use subscription::{Subscription, SubscriptionGuard};
