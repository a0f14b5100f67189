//! Makes frames, for every harness of the kit. All values are the project's own.
//!
//! * [`frame`] makes a frame of each known shape from a seed; [`expected`] and [`reachable`]
//!   compare it with what a user can reach through the typed message.
//! * [`data`] makes the smallest data frame of a subscription, and [`SUCCESS`], [`AUTHENTICATED`]
//!   and the other constants are the smallest frames of the session. Walks, chaos runs and the fuzz
//!   bodies use them.
//! * `numbered` makes data frames with a number, of which accounting and conflation keep account.
//!
//! The seeded market of the simulated gateway is `feed`.

mod channels;
mod make;
pub(crate) mod minimal;
#[cfg(feature = "suites")]
pub(crate) mod numbered;
mod reach;
mod unsolicited;

pub use make::{Kind, frame};
pub use minimal::{AUTHENTICATED, HEARTBEAT, KEYS, OTHER_FRAMES, SUCCESS, UNAUTHENTICATED, WAITING, data, server_id};
pub use reach::{expected, reachable, variant};
