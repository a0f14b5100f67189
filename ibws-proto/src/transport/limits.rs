//! What a connection may cost, in time and in memory.

use core::time::Duration;

/// The limits of a dial and of the connection it makes.
///
/// None of them can be switched off; choose a large value instead. Closing has no limit here: that one is the core's.
///
/// ```
/// use core::time::Duration;
/// use ibws_proto::transport::Limits;
///
/// let patient = Limits { tcp: Duration::from_secs(60), ..Limits::default() };
/// assert_eq!(patient.max_message_size, 16 * 1024 * 1024);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// For looking up the name and connecting to one of its addresses. Default 10 s.
    pub tcp: Duration,
    /// For the TLS handshake. Default 10 s.
    pub tls: Duration,
    /// For the HTTP upgrade, request to the end of the answer's head. Default 10 s.
    pub upgrade: Duration,
    /// The largest incoming message, in bytes; a larger one ends the connection. Default 16 MiB.
    pub max_message_size: usize,
    /// The largest incoming frame, in bytes; a larger one ends the connection. Default 16 MiB.
    pub max_frame_size: usize,
    /// How much is read at once, in bytes. An event that is kept keeps up to this much memory. Default 16 KiB.
    pub read_buffer: usize,
    /// From how many unsent bytes on a message is written at once, without a flush. Default 128 KiB.
    pub write_buffer: usize,
    /// How many unsent bytes are held at most, replies to the peer's pings included; a message that does not fit into
    /// it even when it is empty ends the connection. As many bytes of texts again wait for room in it; a peer that lets
    /// them become more, because it has stopped reading, is left. Default 1 MiB; at least `write_buffer` + 1.
    pub max_write_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tcp: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            upgrade: Duration::from_secs(10),
            max_message_size: 16 * 1024 * 1024,
            max_frame_size: 16 * 1024 * 1024,
            read_buffer: 16 * 1024,
            write_buffer: 128 * 1024,
            max_write_buffer: 1024 * 1024,
        }
    }
}
