//! A flood: frames as fast as the socket takes them, for benchmarks of a client.

use std::io::{self, Write};

use ibws_proto::Instant;

use super::wire::{Wire, put_frame};
use crate::gateway::{Gateway, GatewayConfig};

/// Bytes of one write.
const CHUNK: usize = 64 * 1024;

/// Frames without pauses, instead of at the pace of a market. The flood begins at the first
/// subscribe of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flood {
    /// The number of frames.
    pub total: u64,
    /// The payloads, sent repeatedly as binary frames; built in advance, so that making them costs
    /// nothing.
    pub frames: Vec<Vec<u8>>,
}

impl Flood {
    /// Makes a flood of `total` market data frames of five shares, built by a gateway with `seed`.
    #[must_use]
    pub fn market_data(total: u64, seed: u64) -> Self {
        let mut gateway = Gateway::new(GatewayConfig::seeded(seed));
        gateway.opened(Instant::ORIGIN, 1, true);
        let ready = Instant::from_millis(500);
        for conid in [265_598, 266_093, 3_691_937, 272_093, 4_815_747] {
            let text = format!("smd+{conid}+{{\"fields\":[\"31\",\"84\",\"86\",\"83\"]}}");
            gateway.received(ready, 1, text.as_bytes());
        }
        gateway.tick(Instant::from_millis(60_000));
        let is_data = |frame: &Vec<u8>| frame.windows(5).any(|window| window == b"\"smd+");
        let mut frames = Vec::new();
        while let Some((_, output)) = gateway.poll() {
            frames.extend(output.payload().map(<[u8]>::to_vec).filter(is_data));
        }
        Self { total, frames }
    }

    /// Writes all frames below the WebSocket, whose own buffer must be empty.
    pub(super) fn pour(&self, wire: &mut Wire) -> io::Result<()> {
        let mut chunk = Vec::with_capacity(CHUNK + 1024);
        for frame in self.frames.iter().cycle().take(usize::try_from(self.total).unwrap_or(usize::MAX)) {
            put_frame(&mut chunk, 0x82, frame);
            if chunk.len() >= CHUNK {
                wire.write_all(&chunk)?;
                chunk.clear();
            }
        }
        wire.write_all(&chunk)?;
        wire.flush()
    }
}
