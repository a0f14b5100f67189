//! Frames of every shape that the gateway is known to send, with values of the project's own, from
//! a seed.

mod channels;
mod make;
mod minimal;
pub(crate) mod numbered;
mod reach;
mod unsolicited;

pub use make::{Kind, frame};
pub use minimal::{AUTHENTICATED, HEARTBEAT, KEYS, OTHER_FRAMES, SUCCESS, UNAUTHENTICATED, WAITING, data, server_id};
pub use reach::{expected, reachable, variant};
