//! The state of one connection: its gate, its subscriptions, and its queue to the client.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ibws_proto::Instant;

use super::config::GatewayOutput;
use crate::feed::rows::{Filter, Row};
use crate::feed::target::Target;
use crate::json::Members;
use crate::recording::Playback;

/// A client that leaves more than this unread is cut off.
pub(crate) const MAX_QUEUED: usize = 16_384;
/// Streams of all kinds that one connection can hold.
pub(crate) const MAX_STREAMS: usize = 256;
/// Market data lines, as many as an account has by default (docs/protocol.md §3.1).
pub(crate) const MAX_LINES: usize = 100;
/// Concurrent history requests (docs/protocol.md §3.2).
pub(crate) const MAX_HISTORIES: usize = 5;

pub(crate) struct Connection {
    /// How many were opened before, which seeds its delays.
    pub(crate) number: u64,
    /// The gateway's session when this socket was authorised; subscriptions die with it (docs/protocol.md §4.1).
    pub(crate) session: String,
    /// `waiting for session` was said and not yet answered rightly.
    pub(crate) is_waiting: bool,
    /// What the client sends is honoured, not dropped without a word (docs/protocol.md §1.3).
    pub(crate) is_ready: bool,
    /// Half-open: nothing is sent any more, nothing heard.
    pub(crate) is_muted: bool,
    /// Closed or dropped by the gateway.
    pub(crate) has_ended: bool,
    pub(crate) streams: BTreeMap<String, Stream>,
    /// Server ids of running history requests.
    pub(crate) histories: BTreeSet<u64>,
    pub(crate) generation: u64,
    pub(crate) playback: Option<Playback>,
    pub(crate) outputs: VecDeque<(u64, GatewayOutput)>,
}

/// One subscription and what the client was last told of it.
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

/// A market data line.
pub(crate) struct Quotes {
    pub(crate) target: Target,
    pub(crate) fields: Vec<String>,
    pub(crate) server_id: String,
    /// Values as last sent; `None` before the first frame.
    pub(crate) sent: Option<Members>,
    /// `6508` went out already.
    pub(crate) has_services: bool,
    /// The stream ends silently here (docs/protocol.md §3.1).
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
            has_ended: false,
            streams: BTreeMap::new(),
            histories: BTreeSet::new(),
            generation: 0,
            playback: None,
            outputs: VecDeque::new(),
        }
    }

    /// Puts a frame into the queue; a client that reads too slowly loses the connection instead.
    pub(crate) fn push(&mut self, serial: u64, output: GatewayOutput) {
        if self.has_ended || self.is_muted {
            return;
        }
        if self.outputs.len() >= MAX_QUEUED {
            self.end(serial, GatewayOutput::Drop);
            return;
        }
        self.outputs.push_back((serial, output));
    }

    /// The last output. A drop takes what was queued with it.
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
