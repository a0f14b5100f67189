//! The kit that ibws is tested with.
//!
//! Its centre is a simulated gateway: the peer of the client, speaking the protocol as the real one
//! does, from a seed. [`Gateway`] is the protocol half, a state machine without socket or clock,
//! for the virtual world of the tests; `Server` (feature `net`) puts it behind a real socket, TLS
//! and all, and the `gateway` program is a command line around that. The data comes from a seeded
//! feed or from a [`Recording`].

pub mod accounting;
mod balance;
mod calendar;
pub mod chaos;
pub mod conflation;
#[cfg(feature = "net")]
pub mod conformance;
mod feed;
pub mod frames;
pub mod fuzz;
mod gateway;
pub mod invariants;
mod json;
#[cfg(feature = "net")]
mod net;
mod prng;
mod recording;
pub mod replay;
#[cfg(feature = "client")]
pub mod runtime;
pub mod tally;
pub mod walk;
#[cfg(feature = "watch")]
mod watch;
pub mod world;

pub use gateway::{
    FrameKind, Gateway, GatewayConfig, GatewayOutput, OpeningOrder, OrderSide, PromptReply, Received, Recovery,
    RestFault, RestReply, Scenario, Source, Success, UnknownScenario,
};
#[cfg(feature = "net")]
pub use net::{
    ClientInfo, Flood, LinkFaults, PeerInput, Relay, Script, ScriptedPeer, Server, ServerConfig, StartError,
};
pub use prng::Prng;
pub use recording::{Recording, RecordingError};
#[cfg(feature = "watch")]
pub use watch::watch;
