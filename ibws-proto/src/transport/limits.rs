//! The limits of a dial and of its connection, in time and in memory.

use core::time::Duration;

/// The limits of a dial and of the connection that it opens.
///
/// No limit can be switched off; a large value has the same effect. The limit of closing is part of
/// [`Config`](crate::Config).
///
/// ```
/// use core::time::Duration;
/// use ibws_proto::transport::Limits;
///
/// let patient = Limits { tcp: Duration::from_secs(60), ..Limits::default() };
/// assert_eq!(patient.max_message_size, 1024 * 1024);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The time for the name lookup and for connecting to one of the addresses. Default 10 s.
    pub tcp: Duration,
    /// The time for the response of a proxy, which includes its connection to the gateway. Default
    /// 10 s.
    pub proxy: Duration,
    /// The time for the TLS handshake. Default 10 s.
    pub tls: Duration,
    /// The time for the HTTP upgrade, from the request to the end of the response head.
    /// Default 10 s.
    pub upgrade: Duration,
    /// The size of the largest incoming message in bytes. A larger one ends the connection.
    /// Default 1 MiB; the gateway itself cuts messages at 64 KiB. While a message arrives it takes
    /// up to twice its size.
    pub max_message_size: usize,
    /// The size of the largest incoming frame in bytes. A larger one ends the connection.
    /// Default 1 MiB.
    pub max_frame_size: usize,
    /// The size in bytes of the buffer that messages are read into. The last event of a queue may
    /// keep a few times this much memory, because it shares that buffer. Default 16 KiB. The socket
    /// is read in pieces of up to 64 KiB, which nothing keeps.
    pub read_buffer: usize,
    /// The number of unsent bytes from which messages are written without waiting for a flush.
    /// Default 128 KiB.
    pub write_buffer: usize,
    /// The largest number of unsent bytes, replies to the peer's pings included.
    ///
    /// A message that does not fit into the empty buffer ends the connection. The same number of
    /// bytes of messages may wait for room in the buffer; the connection of a peer that has stopped
    /// reading is abandoned when they become more. Default 1 MiB; at least `write_buffer` + 1.
    pub max_write_buffer: usize,
    /// The size of the largest body of a reply to a REST call of the session keeper, in bytes.
    /// Default 1 MiB.
    pub max_reply_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tcp: Duration::from_secs(10),
            proxy: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            upgrade: Duration::from_secs(10),
            max_message_size: 1024 * 1024,
            max_frame_size: 1024 * 1024,
            read_buffer: 16 * 1024,
            write_buffer: 128 * 1024,
            max_write_buffer: 1024 * 1024,
            max_reply_size: 1024 * 1024,
        }
    }
}
