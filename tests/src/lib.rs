//! The kit that ibws is tested with.
//!
//! Its centre is a simulated gateway: the peer of the client, speaking the protocol as the real one does, from a seed.
//! [`Gateway`] is the protocol half, a state machine without socket or clock, for the virtual world of the tests;
//! `Server` (feature `net`) puts it behind a real socket, TLS and all, and the `gateway` program is a command line
//! around that. The data comes from a seeded feed or from a [`Recording`].

mod calendar;
pub mod conflation;
#[cfg(feature = "net")]
pub mod conform;
mod feed;
pub mod frames;
pub mod fuzz;
mod gateway;
pub mod invariants;
mod json;
pub mod ledger;
#[cfg(feature = "net")]
mod net;
mod prng;
mod recording;
pub mod retold;
#[cfg(feature = "client")]
pub mod runtime;
pub mod storm;
pub mod walk;
#[cfg(feature = "net")]
mod watch;
pub mod world;

pub use gateway::{
    FrameKind, Gateway, GatewayConfig, GatewayOutput, Lift, OpeningOrder, Received, RestReply, Scenario, Source,
    Success, UnknownScenario,
};
#[cfg(feature = "net")]
pub use net::{Caller, Flood, Heard, Line, Peer, Relay, Script, Server, ServerConfig, StartError};
pub use prng::Prng;
pub use recording::{Recording, RecordingError};
#[cfg(feature = "net")]
pub use watch::watch;
