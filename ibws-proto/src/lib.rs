//! ibws-proto: sans-IO core.
#![cfg_attr(not(test), no_std)]
extern crate alloc;
#[cfg(feature = "driver")]
extern crate std;

mod connect;
#[cfg(feature = "driver")]
pub mod driver;
mod filter;
mod frame;
mod json;
mod key;
mod payload;
mod scan;
mod time;

pub use connect::{ConnId, ConnectError, ConnectErrorKind};
pub use filter::TextFilter;
pub use frame::{Frame, Json, Malformed, MalformedReason, Shape};
pub use json::{Elements, Kind, Members};
pub use key::{Key, SubKey, SubKeyError, UnknownChannel, UnknownKey};
pub use payload::{
    Args, ArgsError, ParseSubscribeError, Processor, ReferenceProcessor, Subscribe, SubscriptionProcessor,
    WireProcessor, confirms,
};
pub use scan::Fault;
pub use time::Instant;
