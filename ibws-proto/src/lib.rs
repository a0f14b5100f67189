//! ibws-proto: sans-IO core.
#![cfg_attr(not(test), no_std)]
extern crate alloc;
#[cfg(feature = "driver")]
extern crate std;

mod connect;
#[cfg(feature = "driver")]
pub mod driver;
pub mod field;
mod filter;
pub mod fold;
mod frame;
mod json;
mod key;
pub mod message;
mod number;
mod payload;
mod read;
mod scan;
pub mod subscribe;
mod time;

pub use connect::{ConnId, ConnectError, ConnectErrorKind};
pub use field::{Field, UnknownField, Value};
pub use filter::TextFilter;
pub use frame::{Frame, Json, Malformed, MalformedReason, Shape};
pub use json::{Elements, Kind, Members};
pub use key::{Key, SubKey, SubKeyError, UnknownChannel, UnknownKey};
pub use message::Body;
pub use number::Number;
pub use payload::{
    Args, ArgsError, ParseSubscribeError, Processor, ReferenceProcessor, Subscribe, SubscriptionProcessor,
    WireProcessor, confirms,
};
pub use read::{Expected, FieldError, FromJson, Lookup, RowError, RowReason};
pub use scan::Fault;
pub use time::Instant;
