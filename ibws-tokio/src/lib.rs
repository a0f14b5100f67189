//! The ibws client on tokio: the clock, the dial and the WebSocket that [`ibws_proto::driver`] runs over.
//!
//! tungstenite writes every frame, the session message and the ids in `tic` included, to its TRACE log: keep the
//! `tungstenite` log target below TRACE. The upgrade request with its cookie does not pass through it.

mod dial;
mod filtered;
mod link;
mod runtime;

pub use dial::dial;
pub use link::TokioLink;
pub use runtime::TokioRuntime;
