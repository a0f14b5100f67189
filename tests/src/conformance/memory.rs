//! Floods of a client whose consumers read nothing: the memory that they cost is bounded.

use core::future::poll_fn;
use core::time::Duration;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant as Clock;

use ibws_proto::client::Builder;
use ibws_proto::transport::{Limits, Runtime, Trust};
use ibws_proto::{Key, Subscribe};

use super::stage::{SHARE, Stage, Trace, quick};
use crate::net::put_frame;
use crate::signal::Signal;
use crate::{PeerInput, Script, ScriptedPeer};

/// Bytes of one write.
const CHUNK: usize = 64 * 1024;
/// Lines of market data.
const LINES: usize = 100;
/// Orders of [`Flood::Orders`]. A debug build is ten times slower.
const ORDERS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
/// Executions of [`Flood::Orders`]; in a release build more than the machine remembers.
const EXECUTIONS: u64 = ORDERS / 16;
/// Orders in one frame.
const ROWS: u64 = 20;

/// The greatest number of members of a frame that is accepted.
const MAX_MEMBERS: usize = 128 * 1024;

/// What a peer sends to a client of which nobody reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flood {
    /// Messages as large as the limit, with small ones between them.
    LargeMessages,
    /// Pings with small messages between them.
    Pings,
    /// Orders of which no two have the same number, and executions of which no two have the same
    /// id.
    Orders,
    /// Status messages whose flags are arrays of zeros, as large as the limit.
    NestedZeros,
    /// Market data of 100 contracts that a queue cannot merge.
    UnmergeableLines,
    /// Messages in fragments that stay unfinished, as large as the limit.
    Fragments,
    /// Messages as large as the limit, with as many members as fit, and with as many as are
    /// accepted.
    TinyMembers,
    /// Messages as large as the limit, of bytes that are not UTF-8.
    BadBytes,
    /// The same, without the end of the JSON, so that the message may be the first of several
    /// pieces.
    CutBadBytes,
    /// Messages as large as the limit, one byte of which is not UTF-8.
    OneBadByte,
}

impl Flood {
    /// All floods.
    pub const ALL: [Self; 10] = [
        Self::LargeMessages,
        Self::Pings,
        Self::Orders,
        Self::NestedZeros,
        Self::UnmergeableLines,
        Self::Fragments,
        Self::TinyMembers,
        Self::BadBytes,
        Self::CutBadBytes,
        Self::OneBadByte,
    ];

    /// Returns the words for it, as `docs/guarantees.md` has them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LargeMessages => "messages as large as the limit, small ones between them",
            Self::Pings => "pings, small messages between them",
            Self::Orders => "a million orders with numbers of their own",
            Self::NestedZeros => "`sts` of nested zeros, as large as the limit",
            Self::UnmergeableLines => "100 lines of market data that cannot be merged",
            Self::Fragments => "fragments of messages that stay unfinished",
            Self::TinyMembers => "members of five bytes, as many as fit",
            Self::BadBytes => "bytes that are not UTF-8, as many as fit",
            Self::CutBadBytes => "the same in an object that ends early",
            Self::OneBadByte => "one byte that is not UTF-8 in a message as large as the limit",
        }
    }

    /// Returns the bytes that are sent repeatedly, for messages of at most `limit` bytes. They are
    /// built before anything is measured.
    #[must_use]
    pub fn payload(self, limit: usize) -> Arc<Vec<u8>> {
        let mut bytes = Vec::with_capacity(2 * limit + CHUNK);
        let weather = r#"{"topic":"weather","text":""#;
        match self {
            Self::LargeMessages => {
                filled(&mut bytes, limit, weather, b"x", r#""}"#);
                small(1, &mut bytes);
                put_frame(&mut bytes, 0x81, ScriptedPeer::quote_text(1).as_bytes());
            }
            Self::Pings => {
                for _ in 0..100 {
                    put_frame(&mut bytes, 0x89, &[b'p'; 125]);
                    small(1, &mut bytes);
                }
            }
            Self::Orders => {}
            Self::NestedZeros => {
                filled(
                    &mut bytes,
                    limit,
                    r#"{"topic":"sts","args":{"authenticated":[[0"#,
                    b",0",
                    r#"]],"competing":[0]}}"#,
                );
            }
            Self::UnmergeableLines => {
                // A value of more than 4 KiB is not merged.
                let value = "x".repeat(5_000);
                for line in 0..LINES {
                    let text = format!(r#"{{"topic":"smd+{}","31":"{value}"}}"#, 1_000 + line);
                    put_frame(&mut bytes, 0x81, text.as_bytes());
                }
            }
            Self::Fragments => {
                bytes.extend([0x01, 0]);
                let fragment = [b'x'; 1_000];
                for _ in 0..(limit / fragment.len()) {
                    put_frame(&mut bytes, 0x00, &fragment);
                }
            }
            Self::TinyMembers => {
                let head = r#"{"topic":"weather""#;
                filled(&mut bytes, limit, head, br#","":0"#, "}");
                let members = r#","":0"#.repeat((limit / 8).min(MAX_MEMBERS - 2));
                filled(&mut bytes, limit, &format!(r#"{head}{members},"text":""#), b"x", r#""}"#);
            }
            Self::BadBytes => filled(&mut bytes, limit, weather, b"\xff", r#""}"#),
            Self::CutBadBytes => filled(&mut bytes, limit, weather, b"\xff", ""),
            Self::OneBadByte => {
                filled(&mut bytes, limit, weather, b"x", r#""}"#);
                if let Some(byte) = bytes.get_mut(limit / 2) {
                    *byte = 0xff;
                }
            }
        }
        Arc::new(bytes)
    }

    fn lines(self) -> usize {
        if self == Self::UnmergeableLines { LINES } else { 0 }
    }
}

/// Appends a text message of `limit` bytes, or a few less: `head`, `filler` as often as it fits,
/// and `tail`.
fn filled(out: &mut Vec<u8>, limit: usize, head: &str, filler: &[u8], tail: &str) {
    let mut message = Vec::with_capacity(limit);
    message.extend(head.bytes());
    while message.len() + filler.len() + tail.len() <= limit {
        message.extend(filler);
    }
    message.extend(tail.bytes());
    put_frame(out, 0x81, &message);
}

/// Appends `count` small messages of an unknown topic, which a queue does not merge.
fn small(count: usize, out: &mut Vec<u8>) {
    for number in 0..count {
        put_frame(out, 0x81, format!(r#"{{"topic":"weather","number":{number}}}"#).as_bytes());
    }
}

/// Starts the gateway of a flood, over TLS. The first connection gets no flood, so that a client
/// can have everything ready; the others are flooded for `seconds`. `over` is called once the first
/// connection, or all that was sent to the others, has been received. `payload` is that of the
/// flood.
pub fn flooding(flood: Flood, payload: Arc<Vec<u8>>, seconds: u64, over: impl Fn() + Send + Sync + 'static) -> Script {
    let ends = OnceLock::new();
    Script::start(true, move |conn, client| {
        let mut peer = client.greet()?;
        peer.stop_recording();
        peer.expect("smd+265598")?;
        peer.quote(0)?;
        let is_over = || Clock::now() >= *ends.get_or_init(|| Clock::now() + Duration::from_secs(seconds));
        match flood {
            _ if conn == 1 => pour(&mut peer, &Flood::Pings.payload(CHUNK))?,
            Flood::Orders => orders(&mut peer)?,
            Flood::Fragments if !is_over() => {
                // The connection ends with the message unfinished, and the client dials again.
                pour(&mut peer, &payload)?;
                return settle(&mut peer);
            }
            Flood::Fragments => {}
            _ => {
                while !is_over() {
                    pour(&mut peer, &payload)?;
                }
            }
        }
        settle(&mut peer)?;
        over();
        peer.until_end()
    })
}

/// Runs a client of a [`flooding`] gateway with this URL and certificate until `wait` returns, on a
/// thread of its own. The client has a stream of all events, a queue of orders, and a handle of
/// each subscription, and nobody reads any of them. `limits` are those of the transport, the
/// default ones if `None`.
pub async fn unread<R: Runtime + Clone>(
    stage: Stage<R>,
    gateway: (String, Vec<u8>),
    flood: Flood,
    limits: Option<Limits>,
    wait: impl FnOnce() + Send + 'static,
) -> Trace {
    let over = Signal::default();
    let done = over.clone();
    let waiter = thread::spawn(move || {
        wait();
        done.set();
    });
    let (url, certificate) = gateway;
    let mut builder =
        Builder::new(stage.runtime.clone()).url(url).trust(Trust::ExactCert(certificate)).configure(quick);
    if let Some(limits) = limits {
        builder = builder.limits(limits);
    }
    let mut player = stage.player(builder);
    player.start().await;
    let client = player.client.clone();
    drop(player);
    let (events, orders) = (client.events(), client.queue(Key::Orders));
    let share = client.subscribe_nowait(Subscribe::parse(SHARE).expect("a channel")).expect("a valid request");
    let line = |line: usize| Subscribe::parse(&format!("md+{}", 1_000 + line)).expect("a channel");
    // The machine remembers what the stream of orders delivers, as long as it is subscribed to.
    let stream = (flood == Flood::Orders)
        .then(|| client.subscribe_nowait(Subscribe::parse("or").expect("a channel")).expect("a valid request"));
    let lines: Vec<_> =
        (0..flood.lines()).map(|number| client.subscribe_nowait(line(number)).expect("a valid request")).collect();
    poll_fn(|cx| over.poll(cx)).await;
    let frames = client.stats().machine.frames;
    client.shutdown().await.expect("a stop");
    drop((events, orders, share, stream, lines));
    waiter.join().expect("no panic");
    vec![format!("{frames} frames")]
}

fn pour(peer: &mut ScriptedPeer, bytes: &[u8]) -> io::Result<()> {
    bytes.chunks(CHUNK).try_for_each(|chunk| peer.raw(chunk))
}

/// Sends [`ORDERS`] rows with numbers of their own, and an execution with each of the first
/// [`EXECUTIONS`].
fn orders(peer: &mut ScriptedPeer) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    for first in (0..ORDERS).step_by(ROWS as usize) {
        let row = |number: u64| format!(r#"{{"acct":"DU1234567","orderId":{number},"status":"Submitted"}}"#);
        let rows: Vec<_> = (first..first + ROWS).map(row).collect();
        put_frame(&mut bytes, 0x81, format!(r#"{{"topic":"sor","args":[{}]}}"#, rows.join(",")).as_bytes());
        if first < EXECUTIONS {
            let row = |number: u64| format!(r#"{{"execution_id":"{number:08x}.01","order_id":{number}}}"#);
            let rows: Vec<_> = (first..first + ROWS).map(row).collect();
            put_frame(&mut bytes, 0x81, format!(r#"{{"topic":"str","args":[{}]}}"#, rows.join(",")).as_bytes());
        }
        if bytes.len() > CHUNK {
            peer.raw(&bytes)?;
            bytes.clear();
        }
    }
    peer.raw(&bytes)
}

/// Waits until the client has received everything: it replies to a ping after that.
fn settle(peer: &mut ScriptedPeer) -> io::Result<()> {
    peer.send(tungstenite::Message::Ping(b"over"[..].into()))?;
    loop {
        match peer.receive()? {
            PeerInput::End | PeerInput::Close(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            PeerInput::Pong => return Ok(()),
            PeerInput::Text(_) | PeerInput::Ping => {}
        }
    }
}
