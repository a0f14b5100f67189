//! Other WebSocket libraries for tokio, which read and count the same flood.

pub mod fastwebsockets;
pub mod handshake;
pub mod sockudo;
