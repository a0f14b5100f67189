//! Frames of every shape that the gateway is known to send, with values of the project's own, from a seed.

mod channels;
mod make;
mod reach;
mod unsolicited;

pub use make::{Kind, frame};
pub use reach::{expected, reachable, variant};
