//! ibws-proto: sans-IO core.
#![no_std]
extern crate alloc;
#[cfg(feature = "driver")]
extern crate std;

mod connect;
#[cfg(feature = "driver")]
pub mod driver;
mod filter;
mod time;

pub use connect::{ConnId, ConnectError, ConnectErrorKind};
pub use filter::TextFilter;
pub use time::Instant;
