//! The time from the server's write to the consumer that holds the message.
//!
//! Server and client are two processes and read the same monotonic clock. The server writes the
//! time into each frame when it writes the frame, and the consumer subtracts it from the time at
//! which it holds the message. Both clients pay the same for the socket and for the wake-up of
//! their thread, so their difference is what the client adds.

pub mod distribution;
pub mod run;

pub use distribution::{Distribution, Latencies};
