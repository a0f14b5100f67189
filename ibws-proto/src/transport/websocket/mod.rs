//! Opens a WebSocket on any runtime and drives it: TCP, TLS, the HTTP upgrade and the
//! [`Link`](super::Link).
//!
//! An adapter implements [`Net`] and [`Runtime`](super::Runtime) for its runtime type and calls
//! [`dial`]; an application with a connection of its own calls [`open`], and one that sends HTTP
//! requests calls [`connect`]. Everything else about the socket is written here once. A program
//! without an async runtime calls [`blocking::dial`].

pub mod blocking;
mod cause;
mod link;
mod net;
mod open;
mod read_ahead;
mod socket;
mod split;
mod stream;

pub use link::WebSocket;
pub use net::{ByteStream, Net};
pub use open::{connect, dial, open};
/// The library of TLS that the signatures of [`Net`] name. That of an adapter must resolve to this
/// version.
pub use rustls;
use stream::TextFilterStream;

#[cfg(test)]
mod tests;
