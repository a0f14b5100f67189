//! The protocol of Interactive Brokers' Client Portal streaming WebSocket (`/v1/api/ws`), as a pure state machine.
//!
//! No socket, no clock, no thread, no runtime: [`Machine`] takes frames and time, and gives back what to write, what
//! happened, and the answers to requests. Its one promise is that nothing is lost silently: the user gets the message, or
//! is told exactly what is missing and since when.
//!
//! Most people want an adapter instead (`ibws-tokio`), or, for a runtime of their own, the feature `driver`: it runs the
//! machine over a small trait. Everything below is for those who drive it themselves, and for those who test it.
//!
//! # The run loop
//!
//! 1. Make a [`Machine`] from a [`Config`] and the present [`Instant`], and [`submit`](Machine::submit)
//!    [`Command::Start`].
//! 2. Take all outputs with [`poll`](Machine::poll). An [`Action`] is an order about the socket: carry it out. An
//!    [`Event`] is for the user. A `Done` is the answer to a request.
//! 3. Wait until something arrives on the socket, a user asks for something, or
//!    [`poll_timeout`](Machine::poll_timeout) is reached, whichever is first.
//! 4. Hand it in: an [`Input`] with [`handle`](Machine::handle) (for the timeout, [`Input::Tick`]), a [`Command`] with
//!    `submit`. Always with the present time.
//! 5. Go on with 2.
//!
//! ```
//! use ibws_proto::{Action, Command, Config, Event, Input, Instant, Machine, Output, Subscribe};
//!
//! let now = Instant::ORIGIN;
//! let mut machine = Machine::new(Config::default(), now);
//! machine.submit(now, Command::Start);
//! machine.submit(now, Command::Subscribe(Subscribe::parse(r#"md+265598+{"fields":["31"]}"#).unwrap()));
//!
//! // What a gateway would say to this client, in a world without sockets.
//! let said = [r#"{"topic":"system","success":"user"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#];
//! let mut written = Vec::new();
//! while let Some(output) = machine.poll() {
//!     match output {
//!         Output::Action(Action::Connect { conn }) => {
//!             machine.handle(now, Input::Opened(conn));
//!             for frame in said {
//!                 machine.handle(now, Input::Frame(conn, frame.into()));
//!             }
//!         }
//!         Output::Action(Action::SendText { text, .. }) => written.push(text),
//!         Output::Event(Event::State(change)) => println!("{}", change.state.name()),
//!         _ => {}
//!     }
//! }
//! assert_eq!(written, [r#"smd+265598+{"fields":["31"]}"#]);
//! ```
//!
//! # Time
//!
//! [`Instant`] is a duration since an origin that the caller picks. The machine reads no clock; time that runs backwards
//! is taken as standing still. Randomness (the jitter of delays) comes from [`Config::seed`]: the same inputs give the
//! same outputs.
//!
//! # Slow consumers
//!
//! [`Queues`] hold events for consumers, each within [`QueueLimits`]: whoever reads the socket never waits for them. A full
//! [`Queue`] merges market data and ladders, folds orders and executions, drops other messages, and says so: in
//! [`Message::merged`] and [`Item::Lost`], to the message.
//!
//! # The host
//!
//! REST stays outside. Where the stream needs a call, the machine asks ([`Action::Rest`]): before orders are subscribed, when
//! the gateway waits for a session or lost its own, after a gap in orders, which the gateway does not repeat, and when it
//! asks something about an order itself. Each question is answered with [`Input::RestDone`] or its time runs out, and its
//! end is told once ([`Event::Rest`]); without a host the stream goes on all the same.
//!
//! # Errors, by how far they reach
//!
//! * A frame: [`Event::Malformed`]. The next frame is fine.
//! * A request: its answer is a [`CommandError`].
//! * A connection: a [`ConnectionLoss`], told by state changes, gaps and the answers of what waited on it.
//! * The machine: [`CommandError::GaveUp`]; it has stopped and can be started again.
//!
//! # Features
//!
//! | feature | what it adds | and depends on |
//! |---|---|---|
//! | none | the machine, `no_std` with `alloc` | `bytes`, `serde`, `serde_json`, `thiserror` |
//! | `driver` | the generic driver, client and streams over a `Runtime` | `std`, `futures-core`, `zeroize` |
//! | `transport` | the pure half of the HTTP upgrade | `httparse` |
//! | `tls` | the trust rules as a rustls configuration | `rustls`, `webpki-roots` |
//! | `decimal` | prices and amounts without loss | `rust_decimal` |
//!
//! # Where it deliberately differs from the reference
//!
//! The reference for behaviour is the WebSocket client of the Python library IBind 0.1. What it can do, this can; it
//! differs where users were bitten:
//!
//! * The age of a heartbeat is measured on our clock, never against the server's timestamp: clocks differ.
//! * Subscriptions run in parallel, and only a frame that belongs to one confirms it.
//! * `or` and `bd` are not waited for: the gateway never confirms them. They are [`SubscriptionState::Quiet`] until data comes.
//! * Nothing dials from inside a request; a text that cannot be written is an error.
//! * A topic is a channel only if it begins with the subscribe letter: `actABC` is not `act`.
//! * Bad bytes cost neither the connection nor the message.
//! * A close by the server, code 1000 included, is a reason to connect again.
//! * Switching certificate checks off is not possible; an exact pin is.
#![cfg_attr(not(test), no_std)]
// The core is total: nothing that comes in may make it panic.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]
#![cfg_attr(test, allow(clippy::disallowed_types))]

extern crate alloc;
#[cfg(feature = "transport")]
extern crate std;

#[cfg(feature = "client")]
pub mod client;
mod command;
mod config;
mod connect;
mod event;
pub mod field;
pub mod fold;
mod frame;
mod key;
mod lifecycle;
mod liveness;
mod machine;
mod mask;
pub mod message;
mod payload;
mod pending;
mod queue;
mod random;
mod rest;
mod session;
mod status;
pub mod subscribe;
mod subscriptions;
mod time;
mod timer;
mod topic;
#[cfg(feature = "transport")]
pub mod transport;

pub use command::{
    Command, CommandError, ConnectionLoss, GapCause, Modify, Reply, RequestId, SubscribeOutcome, UnsubscribeOutcome,
};
pub use config::{Account, Config, ReadyGate, Renewal};
pub use connect::{ConnId, ConnectError, ConnectErrorKind};
pub use event::{Action, Event, Fresh, Gap, Input, Message, Output, Resumed, SessionUpdate, Stale, StateChange};
pub use field::{Field, UnknownFieldError, Value};
pub use frame::{
    Elements, Expected, FieldError, FieldResult, Frame, FrameError, FrameErrorKind, FromJson, Json, JsonError, Kind,
    Members, Number, RowError, RowReason, Shape,
};
pub use key::{Key, SubscriptionKey, SubscriptionKeyError, UnknownChannelError, UnknownKeyError};
pub use lifecycle::{ConnectionState, lifecycle_diagram};
pub use liveness::{Ages, Health, HealthReason};
pub use machine::{Machine, MachineStatus, Stats, WakeReason};
pub use message::Body;
pub use payload::{
    Args, ArgsError, ParseSubscribeError, Processor, ReferenceProcessor, Staleness, Subscribe, SubscriptionProcessor,
    WireProcessor,
};
pub use queue::{EventFilter, Item, LossReport, Queue, QueueId, QueueLimits, Queues};
pub use rest::{Prompt, RestOutcome, RestReport, RestRequest, RestRequestId, SessionNeed};
pub use status::{StateCause, SubscriptionEvent, SubscriptionState};
pub use subscriptions::{SubscriptionInfo, Transition, subscription_diagram, subscription_transitions};
pub use time::Instant;
pub use timer::Timer;
