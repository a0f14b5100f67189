//! ibws-proto: sans-IO core.
#![cfg_attr(not(test), no_std)]
extern crate alloc;
#[cfg(feature = "driver")]
extern crate std;

mod command;
mod config;
mod connect;
#[cfg(feature = "driver")]
pub mod driver;
mod event;
pub mod field;
mod filter;
pub mod fold;
mod frame;
mod json;
mod key;
mod lifecycle;
mod liveness;
mod machine;
pub mod message;
mod number;
mod payload;
mod queue;
mod random;
mod read;
mod requests;
mod scan;
mod session;
pub mod subscribe;
mod subscriptions;
mod time;
mod timer;

pub use command::{Command, Failure, Loss, Modify, RequestId, Standing, Success, Unsubscribed};
pub use config::{Config, ReadyGate};
pub use connect::{ConnId, ConnectError, ConnectErrorKind};
pub use event::{
    Action, Event, Gap, Input, Message, Output, Resumed, SessionNews, StateChange, SubStatus, SubscriptionEvent,
};
pub use field::{Field, UnknownField, Value};
pub use filter::TextFilter;
pub use frame::{Frame, Json, Malformed, MalformedReason, Shape};
pub use json::{Elements, Kind, Members};
pub use key::{Key, SubKey, SubKeyError, UnknownChannel, UnknownKey};
pub use lifecycle::{Phase, lifecycle_diagram};
pub use liveness::{Ages, Health, HealthReason};
pub use machine::{Machine, Stats, Status, WakeReason};
pub use message::Body;
pub use number::Number;
pub use payload::{
    Args, ArgsError, ParseSubscribeError, Processor, ReferenceProcessor, Subscribe, SubscriptionProcessor,
    WireProcessor, confirms,
};
pub use queue::{Item, Lost, Queue, QueueLimits};
pub use read::{Expected, FieldError, FromJson, Lookup, RowError, RowReason};
pub use scan::Fault;
pub use subscriptions::SubscriptionInfo;
pub use time::Instant;
pub use timer::Timer;
