//! The protocol of Interactive Brokers' Client Portal streaming WebSocket (`/v1/api/ws`), as a pure
//! state machine.
//!
//! [`Machine`] has no socket, no clock, no thread and no runtime. It takes frames and the time, and
//! returns the I/O operations to perform, the events for the application, and the replies to
//! requests. It guarantees that no loss is silent: the application receives each message, or an
//! event that states which stream is incomplete and since when.
//!
//! # Where to begin
//!
//! | for | take |
//! |---|---|
//! | quotes, orders, profit and loss in a program on tokio | `ibws-tokio`, and [the first stream](manual::guides::first_stream) |
//! | the same on async-std or smol | `ibws-async-std` |
//! | another async runtime | the feature `client`, and [your own runtime](manual::guides::your_own_runtime) |
//! | the protocol alone: a thread, a simulation, a test | this page, and [the machine by hand](manual::guides::machine_by_hand) |
//! | tests of a program, without an account | `ibws-testkit`, and [testing](manual::guides::testing) |
//! | what the gateway does | [what will surprise you](manual::guides::surprises), and [the wire protocol](manual::protocol) |
//!
//! The types of this page are those of every adapter, which exports this crate as `proto`. The
//! [`manual`] holds the documents of the project: the guides, the wire protocol with the source of
//! each fact (`docs/protocol.md`), the guarantees, the costs, the schema of events and the design
//! decisions.
//!
//! # The first quote
//!
//! The opening burst of a gateway and two frames of market data, without a socket:
//!
//! ```
//! use ibws_proto::fold::Quote;
//! use ibws_proto::subscribe::MarketData;
//! use ibws_proto::{Action, Body, Command, Config, Event, Field, Input, Instant, Machine, Output};
//! use ibws_proto::Subscribe;
//!
//! let now = Instant::ORIGIN;
//! let mut machine = Machine::new(Config::default(), now);
//! machine.submit(now, Command::Start);
//! let apple = MarketData::new(265598).fields([Field::LAST, Field::BID]);
//! machine.submit(now, Command::Subscribe(Subscribe::try_from(apple)?));
//!
//! let (mut written, mut quote) = (Vec::new(), Quote::new());
//! while let Some(output) = machine.poll() {
//!     match output {
//!         Output::Action(Action::Connect { conn }) => {
//!             machine.handle(now, Input::Opened(conn));
//!             let greeting = r#"{"topic":"system","success":"user"}"#;
//!             let authenticated = r#"{"topic":"sts","args":{"authenticated":true}}"#;
//!             let first = r#"{"topic":"smd+265598","conid":265598,"31":"182.43","84":"182.40"}"#;
//!             let update = r#"{"topic":"smd+265598","conid":265598,"84":"182.41"}"#;
//!             for frame in [greeting, authenticated, first, update] {
//!                 machine.handle(now, Input::Frame(conn, frame.into()));
//!             }
//!         }
//!         Output::Action(Action::SendText { text, .. }) => written.push(text),
//!         Output::Event(Event::State(change)) => println!("{}", change.state.name()),
//!         Output::Event(Event::Message(message)) => {
//!             if let Body::MarketData(data) = message.frame.body() {
//!                 quote.apply(message.conn, message.at, &data);
//!             }
//!         }
//!         _ => {}
//!     }
//! }
//! assert_eq!(written, [r#"smd+265598+{"fields":["31","84"]}"#]);
//! assert_eq!(quote.last()?.map(|last| last.text()), Some("182.43"));
//! assert_eq!(quote.bid()?.map(|bid| bid.text()), Some("182.41"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The run loop
//!
//! 1. Create a [`Machine`] from a [`Config`] and the current [`Instant`], and
//!    [`submit`](Machine::submit) [`Command::Start`].
//! 2. Take all outputs with [`poll`](Machine::poll). An [`Action`] is an I/O operation to perform.
//!    An [`Event`] is for the application. A [`Done`](Output::Done) is the reply to a request.
//! 3. Wait until the socket receives something, the application makes a request, or
//!    [`poll_timeout`](Machine::poll_timeout) is reached.
//! 4. Pass it to the machine with the current time: an [`Input`] with [`handle`](Machine::handle)
//!    ([`Input::Tick`] for the timeout), a [`Command`] with `submit`.
//! 5. Continue with step 2.
//!
//! # Time
//!
//! [`Instant`] is a duration since an origin that the driver chooses. The machine reads no clock. A
//! time before the previous one counts as the previous one. The only randomness, the jitter of
//! delays, comes from [`Config::seed`], so the same inputs give the same outputs.
//!
//! # Slow consumers
//!
//! [`Queues`](queue::Queues) hold events for consumers, each within
//! [`QueueLimits`](queue::QueueLimits), so the task that reads the socket never waits for a
//! consumer. A full [`Queue`](queue::Queue) merges market data and ladders, folds orders and
//! executions, and drops other messages; [`Overflow`](queue::Overflow) is the choice of another
//! treatment. [`Message::merged`] and [`Item::Lost`] report the exact number of messages that were
//! merged, folded or dropped. [`LatestValue`](fold::LatestValue) holds the newest value of a
//! subscription without a queue.
//!
//! # Events as lines
//!
//! [`Item`], [`Event`] and what they hold implement `Serialize`, as one JSON object each, in the
//! written schema of [`manual::events`] (`docs/events.md`). The module [`mod@line`] reads them
//! back.
//!
//! # REST requests
//!
//! The machine makes no REST calls. It requests them with [`Action::Rest`]:
//!
//! * before it subscribes to orders, and after a refusal of another channel, because the gateway
//!   refuses subscriptions if certain calls are missing;
//! * when the gateway waits for a session, or the session is no longer authenticated;
//! * after a gap in orders, which the gateway does not repeat, and when the stream begins; the
//!   machine compares the reply with the stream, and [`Event::CaughtUp`] reports which orders and
//!   executions came in the gap;
//! * when the gateway asks a question about an order.
//!
//! An attempt ends with [`Input::RestDone`], at its time limit, or when its connection ends, and
//! [`Event::Rest`] reports it exactly once. What fails is requested again for as long as it is
//! needed. The streams continue without a REST handler.
//!
//! # Errors by reach
//!
//! | reach | reported by | effect |
//! |---|---|---|
//! | a frame | [`Event::Malformed`] | none on the frames after it |
//! | a request | a [`CommandError`] as its reply | none on other requests |
//! | a subscription | its state, [`Event::Gap`], [`Event::Resumed`] | it is retried until it is unsubscribed |
//! | a connection | a [`ConnectionLoss`] in state changes, gaps and replies | the machine dials again |
//! | the machine | [`CommandError::GaveUp`] | it has stopped, unless it was connected before; it can be started again |
//!
//! # Features
//!
//! | feature | content | dependencies |
//! |---|---|---|
//! | none | the machine, `no_std` with `alloc` | `bytes`, `serde`, `serde_json`, `thiserror` |
//! | `simd` (default) | the scanner reads 16 bytes at a time; without it 8 | `wide` |
//! | `transport` | endpoint, credentials, proxy, limits, the pure half of the HTTP upgrade, the text filter | `std`, `data-encoding`, `httparse`, `zeroize` |
//! | `client` | the client, its handles and streams over any runtime | `transport`, `futures-core`, `log` |
//! | `tls` | the trust rules as a rustls configuration | `transport`, `ring`, `rustls`, `webpki-roots` |
//! | `websocket` | the dial and the WebSocket of every adapter, generic over the runtime's network; a WebSocket of blocking calls | `tls`, `tungstenite` |
//! | `session` | the session keeper: its machine, its HTTP connection, its task | `client`, `websocket`, `hyper` |
//! | `tracing` | lines and spans of the client: states, gaps, failures | `client`, `tracing` |
//! | `metrics` | `Client::export_metrics`, to the recorder of the program | `client`, `metrics` |
//! | `decimal` | lossless decimal prices and amounts | `rust_decimal` |
//! | `time` | moments of the wire as `time::UtcDateTime` | `time` |
//!
//! # Deliberate differences from the reference
//!
//! The reference for behaviour is the WebSocket client of the Python library IBind 0.1. This crate
//! has all of its functions. It differs where the behaviour of the reference caused faults for its
//! users:
//!
//! * The client's own clock measures the age of a heartbeat. The server's timestamp is not used,
//!   because the clocks may differ.
//! * Subscriptions run in parallel, and only a frame that belongs to a subscription confirms it.
//! * The machine does not wait for a confirmation of `or` and `bd`, because the gateway sends none.
//!   They are [`SubscriptionState::Quiet`] until data arrives.
//! * A text never causes a dial. A text that cannot be written is an error.
//! * A topic is compared whole up to its first `+`: `actABC` is not `act`.
//! * Bytes that are not UTF-8 end neither the connection nor the message.
//! * A Close by the server, code 1000 included, causes a reconnect.
//! * Certificate checks cannot be disabled. An exact pin is possible.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The core is total: no input makes it panic.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::unreachable)
)]
#![cfg_attr(test, allow(clippy::disallowed_types))]

extern crate alloc;
#[cfg(feature = "transport")]
extern crate std;

mod catch_up;
#[cfg(feature = "client")]
pub mod client;
mod command;
mod config;
mod connect;
mod error_text;
mod escape;
mod event;
pub mod field;
pub mod fold;
pub mod frame;
#[cfg(feature = "session")]
pub mod keeper;
pub mod key;
mod lifecycle;
pub mod line;
mod liveness;
mod machine;
#[cfg(doc)]
pub mod manual;
mod mask;
pub mod message;
mod payload;
mod pending;
pub mod queue;
mod random;
pub mod rest;
mod session;
mod state;
pub mod subscribe;
mod subscriptions;
mod time;
mod timer;
mod topic;
#[cfg(feature = "transport")]
pub mod transport;

/// What [`Machine::status`], [`Machine::stats`] and the queries of the client return.
pub mod status {
    #[cfg(feature = "client")]
    pub use crate::client::ClientStats;
    pub use crate::key::KeyCounts;
    pub use crate::liveness::{Ages, Health, HealthReason};
    pub use crate::machine::{MachineStatus, Stats, UpdatedSample, WakeReason};
    pub use crate::queue::QueueStats;
    pub use crate::subscriptions::{GapStats, SubscriptionInfo};
    pub use crate::time::SpanStats;
    pub use crate::timer::Timer;
}

/// The transitions between states, as tables and diagrams for documents and tests.
pub mod transitions {
    pub use crate::lifecycle::lifecycle_diagram;
    pub use crate::subscriptions::{Transition, subscription_diagram, subscription_transitions};
}

pub use catch_up::{CatchUpPending, CatchUpReason, CaughtUp};
pub use command::{
    Command, CommandError, ConnectionLoss, GapCause, Modify, Reply, RequestId, SubscribeOutcome, UnsubscribeOutcome,
};
pub use config::{Account, Config, ReadyGate};
pub use connect::{CloseCause, ConnId, ConnectError, ConnectErrorKind, UnknownCertificate};
pub use event::{
    Action, Event, Fresh, Gap, GapRecovery, Input, Message, Output, ProcessorPanic, Resumed, SessionUpdate, Stale,
    StateChange,
};
pub use field::Field;
pub use frame::{Frame, Json};
pub use key::{Key, SubscriptionKey};
pub use lifecycle::ConnectionState;
pub use machine::Machine;
pub use mask::{excerpt, excerpt_within, is_misleading};
pub use message::Body;
pub use payload::{Renewal, Subscribe, Unsubscribe};
pub use queue::Item;
pub use state::{StateCause, SubscriptionEvent, SubscriptionState};
pub use time::{CivilTime, Instant, UnixMillis};

// The crates whose types are part of the interface, in the versions that it uses.
pub use bytes;
#[cfg(feature = "client")]
pub use futures_core;
#[cfg(feature = "decimal")]
pub use rust_decimal;
pub use serde_json;
#[cfg(feature = "transport")]
pub use zeroize;
