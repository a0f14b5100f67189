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
mod split;
mod stream;

pub use link::WebSocket;
pub use net::{ByteStream, Net};
pub use open::{connect, dial, open};
pub use stream::TextFilterStream;
/// The libraries that the signatures of [`Net`] name.
///
/// The TLS and WebSocket libraries of an adapter must resolve to these versions.
pub use {futures_core, futures_sink, rustls, tungstenite};

#[cfg(test)]
mod tests;
