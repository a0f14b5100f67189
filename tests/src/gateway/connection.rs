//! The state of one connection: whether it is ready, its subscriptions, and its queue to the
//! client.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ibws_proto::Instant;

use super::config::GatewayOutput;
use crate::feed::rows::{Filter, Row};
use crate::feed::target::Target;
use crate::json::Members;
use crate::recording::Playback;

/// Longest queue of frames; a client that does not read is disconnected at this length.
pub(crate) const MAX_QUEUED: usize = 16_384;
/// Largest number of streams of all kinds on one connection.
pub(crate) const MAX_STREAMS: usize = 256;
/// Market data lines: as many as an account has by default (docs/protocol.md §3.1).
pub(crate) const MAX_LINES: usize = 100;
/// Largest number of concurrent history requests (docs/protocol.md §3.2).
pub(crate) const MAX_HISTORIES: usize = 5;

pub(crate) struct Connection {
    /// Its number among all connections, from 1; it seeds the delays.
    pub(crate) number: u64,
    /// The gateway's session when this socket was authorised; subscriptions die with it
    /// (docs/protocol.md §4.1).
    pub(crate) session: String,
    /// The gateway sent `waiting for session` and has not got the right one.
    pub(crate) is_waiting: bool,
    /// The gateway honours what the client sends; before that it drops it silently
    /// (docs/protocol.md §1.3).
    pub(crate) is_ready: bool,
    /// The connection is half-open: nothing is sent or received.
    pub(crate) is_muted: bool,
    /// It was opened while the backend was away: pings are replied to, nothing else ever comes.
    pub(crate) is_dead: bool,
    /// The gateway closed or dropped the connection.
    pub(crate) has_ended: bool,
    pub(crate) streams: BTreeMap<String, Stream>,
    /// Server ids of running history requests.
    pub(crate) histories: BTreeSet<u64>,
    pub(crate) generation: u64,
    pub(crate) playback: Option<Playback>,
    pub(crate) outputs: VecDeque<(u64, GatewayOutput)>,
}

/// One subscription, with what was last sent to the client.
pub(crate) struct Stream {
    pub(crate) generation: u64,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Quotes(Box<Quotes>),
    Ladder { account: String, conid: u64 },
    Orders { filter: Option<String> },
    Pnl,
    Trades,
    Summary { filter: Filter, sent: Vec<Row> },
    Ledger { filter: Filter, sent: Vec<Row> },
}

/// A subscription to market data.
pub(crate) struct Quotes {
    pub(crate) target: Target,
    pub(crate) fields: Vec<String>,
    pub(crate) server_id: String,
    /// The values last sent; `None` before the first frame.
    pub(crate) sent: Option<Members>,
    /// Field `6508` was sent.
    pub(crate) has_services: bool,
    /// When the stream ends silently (docs/protocol.md §3.1).
    pub(crate) expires: Instant,
}

impl Connection {
    pub(crate) fn new(number: u64, session: String) -> Self {
        Self {
            number,
            session,
            is_waiting: false,
            is_ready: false,
            is_muted: false,
            is_dead: false,
            has_ended: false,
            streams: BTreeMap::new(),
            histories: BTreeSet::new(),
            generation: 0,
            playback: None,
            outputs: VecDeque::new(),
        }
    }

    /// Queues a frame, or drops the connection of a client that reads too slowly.
    pub(crate) fn push(&mut self, serial: u64, output: GatewayOutput) {
        if self.has_ended || self.is_muted || self.is_dead {
            return;
        }
        if self.outputs.len() >= MAX_QUEUED {
            self.end(serial, GatewayOutput::Drop);
            return;
        }
        self.outputs.push_back((serial, output));
    }

    /// Queues the last output. A drop discards what was queued before it.
    pub(crate) fn end(&mut self, serial: u64, output: GatewayOutput) {
        if self.has_ended {
            return;
        }
        if output == GatewayOutput::Drop {
            self.outputs.clear();
        }
        self.has_ended = true;
        self.streams.clear();
        self.playback = None;
        self.outputs.push_back((serial, output));
    }

    pub(crate) fn lines(&self) -> usize {
        self.streams.values().filter(|stream| matches!(stream.kind, Kind::Quotes(_))).count()
    }
}
