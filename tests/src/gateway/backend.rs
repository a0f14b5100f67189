//! The backend behind the gateway: it goes away and comes back, and its messages come in pieces
//! (docs/protocol.md §1.8).

use super::{Gateway, GatewayOutput};

/// Largest number of parts of one message.
const MOST_PIECES: u64 = 4;

impl Gateway {
    /// Takes the backend away. Every open connection ends with Close 1000. The gateway still
    /// accepts connections and replies to their pings, but nothing else comes on them, ever, and
    /// what clients write on them is lost. REST replies 503, which is a choice of the kit.
    pub fn lose_backend(&mut self) {
        self.is_backend_away = true;
        let open: Vec<u64> =
            self.connections.iter().filter(|(_, connection)| !connection.is_dead).map(|(conn, _)| *conn).collect();
        for conn in open {
            self.output(conn, GatewayOutput::Close(1_000));
        }
    }

    /// Brings the backend back. Connections that were opened while it was away stay dead.
    pub fn restore_backend(&mut self) {
        self.is_backend_away = false;
    }

    /// Restarts the gateway: the backend is there, and every connection ends without a Close frame.
    pub fn restart(&mut self) {
        self.is_backend_away = false;
        for conn in self.connections.keys().copied().collect::<Vec<_>>() {
            self.output(conn, GatewayOutput::Drop);
        }
    }

    /// Returns `true` while the backend is away.
    #[must_use]
    pub fn is_backend_away(&self) -> bool {
        self.is_backend_away
    }

    /// Returns `true` if the connection was opened while the backend was away.
    #[must_use]
    pub fn is_dead(&self, conn: u64) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.is_dead)
    }

    /// Delivers every message of at least `bytes` in two to four pieces, each a complete message of
    /// its own, at once and in order. `None` ends that.
    pub fn set_pieces(&mut self, bytes: Option<usize>) {
        self.faults.pieces = bytes;
    }

    /// The message as it is delivered: whole, or in pieces.
    pub(super) fn delivered(&mut self, output: GatewayOutput) -> Vec<GatewayOutput> {
        let is_text = matches!(output, GatewayOutput::Text(_)) && !self.config.binary_only;
        let kind = if is_text { GatewayOutput::Text } else { GatewayOutput::Binary };
        let mut rest = match output {
            GatewayOutput::Text(bytes) | GatewayOutput::Binary(bytes) => bytes,
            end => return vec![end],
        };
        let mut pieces = Vec::new();
        if self.faults.pieces.is_some_and(|least| rest.len() >= least.max(2)) {
            for _ in 0..=self.piece_chance.below(MOST_PIECES - 1) {
                if rest.len() > 1 {
                    let at = 1 + self.piece_chance.below(rest.len() as u64 - 1) as usize;
                    let tail = rest.split_off(at);
                    pieces.push(kind(core::mem::replace(&mut rest, tail)));
                }
            }
        }
        pieces.push(kind(rest));
        pieces
    }
}
