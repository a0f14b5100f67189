//! Opens a WebSocket on any runtime and drives it: TCP, TLS, the HTTP upgrade and the
//! [`Link`](super::Link).
//!
//! An adapter implements [`Net`] and [`Runtime`](super::Runtime) for its runtime type and calls
//! [`dial`]; an application with a connection of its own calls [`open`]. Everything else about the
//! socket is written here once.

mod cause;
mod link;
mod net;
mod open;
mod split;
mod stream;

pub use link::WebSocket;
pub use net::{ByteStream, Net};
#[cfg(feature = "session")]
pub(super) use open::open_stream;
pub use open::{dial, open};
pub use stream::TextFilterStream;
/// The libraries that the signatures of [`Net`] name.
///
/// The TLS and WebSocket libraries of an adapter must resolve to these versions.
pub use {rustls, tungstenite};

#[cfg(test)]
mod tests;
