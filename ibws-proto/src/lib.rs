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
mod filter;
mod frame;
mod key;
mod lifecycle;
mod liveness;
mod machine;
mod payload;
mod queue;
mod random;
mod requests;
mod scan;
mod session;
mod subscriptions;
mod time;
mod timer;

pub use command::{Command, Failure, Loss, Modify, RequestId, Standing, Success, Unsubscribed};
pub use config::{Config, ReadyGate};
pub use connect::{ConnId, ConnectError, ConnectErrorKind};
pub use event::{
    Action, Event, Gap, Input, Message, Output, Resumed, SessionNews, StateChange, SubStatus, SubscriptionEvent,
};
pub use filter::TextFilter;
pub use frame::{Frame, Json, Malformed, MalformedReason, Shape};
pub use key::{Key, SubKey, SubKeyError, UnknownChannel, UnknownKey};
pub use lifecycle::{Phase, lifecycle_diagram};
pub use liveness::{Ages, Health, HealthReason};
pub use machine::{Machine, Stats, Status, WakeReason};
pub use payload::{
    Args, ArgsError, ParseSubscribeError, Processor, ReferenceProcessor, Subscribe, SubscriptionProcessor,
    WireProcessor, confirms,
};
pub use queue::{Item, Lost, Queue, QueueLimits};
pub use scan::Fault;
pub use subscriptions::SubscriptionInfo;
pub use time::Instant;
pub use timer::Timer;
