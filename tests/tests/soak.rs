//! A soak in real time over loopback: 5,000 messages a second and a lost connection every 20 s, on
//! both adapters. Resident memory and file descriptors stay flat, and every message is accounted
//! for.
//!
//! It takes 2 s by default; `IBWS_SOAK_MINUTES` sets its length, and the figures of each minute are
//! printed:
//!
//! `IBWS_SOAK_MINUTES=15 cargo test --release -p ibws-testkit --test soak -- --nocapture`
//!
//! `IBWS_SOAK_ADAPTER=tokio` or `async-std` soaks one adapter only.
#![cfg(feature = "net")]

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ibws_async_std::AsyncStdRuntime;
use ibws_proto::client::Builder;
use ibws_proto::transport::Runtime;
use ibws_proto::{Event, Item, Json, Subscribe};
use ibws_testkit::{PeerInput, Script, ScriptedPeer};
use ibws_tokio::TokioRuntime;

/// Messages a second. A debug build sends fewer.
const RATE: u64 = if cfg!(debug_assertions) { 1_000 } else { 5_000 };
/// The longest that a connection lasts; in a short soak, a third of it.
const MAX_CONNECTION: Duration = Duration::from_secs(20);
/// The most that resident memory may grow after the first tenth of the soak, in bytes.
const MAX_GROWTH: u64 = 4 << 20;

/// What the consumer received.
#[derive(Default)]
struct Received {
    messages: u64,
    lost: u64,
    /// Numbers that are missing between a `Gap` and the first message after it.
    in_gaps: u64,
    /// Numbers that are missing elsewhere, which must not happen.
    unaccounted: u64,
    gaps: u64,
    resumed: u64,
    next: u64,
    in_gap: bool,
}

impl Received {
    fn take(&mut self, item: &Item) {
        match item {
            Item::Event(Event::Gap(_)) => (self.gaps, self.in_gap) = (self.gaps + 1, true),
            Item::Event(Event::Resumed(_)) => self.resumed += 1,
            Item::Lost(report) => self.lost += report.messages,
            Item::Event(Event::Message(message)) => {
                let number = message.frame.get("_updated").and_then(Json::as_i64).map_or(0, |n| n as u64);
                // A merged message stands for the numbers before its own.
                let first = number - message.merged;
                let missing = first.saturating_sub(self.next);
                if core::mem::take(&mut self.in_gap) {
                    self.in_gaps += missing;
                } else {
                    self.unaccounted += missing;
                }
                self.next = number + 1;
                self.messages += 1 + message.merged;
            }
            Item::Event(_) => {}
        }
    }
}

/// What the server sent.
#[derive(Default)]
struct Sent {
    /// The number of the next quote.
    number: AtomicU64,
    /// How long quotes were sent, in milliseconds: without the time between connections.
    millis: AtomicU64,
}

/// Serves one connection: numbered quotes at the rate, until its time is over; then it ends in one
/// of three ways.
fn serve(conn: usize, mut peer: ScriptedPeer, sent: &Sent, lasts: Duration) -> io::Result<()> {
    peer.stop_recording();
    peer.expect("smd")?;
    peer.tcp().set_read_timeout(Some(Duration::from_millis(5)))?;
    let Sent { number, millis } = sent;
    let (began, first, before) = (Instant::now(), number.load(Ordering::SeqCst), millis.load(Ordering::SeqCst));
    while began.elapsed() < lasts {
        let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        millis.store(before + elapsed, Ordering::SeqCst);
        let due = first + elapsed * RATE / 1_000;
        while number.load(Ordering::SeqCst) < due {
            peer.write(ScriptedPeer::quote_text(number.fetch_add(1, Ordering::SeqCst)).into())?;
        }
        match peer.receive() {
            Ok(PeerInput::Close(_) | PeerInput::End) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(error);
            }
            _ => {}
        }
    }
    match conn % 3 {
        0 => peer.reset(),
        1 => peer.finish(),
        _ => Ok(()),
    }
}

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

#[expect(clippy::print_stdout, reason = "prints the figures for a run with --nocapture")]
fn soak<R: Runtime>(name: &str, runtime: R, length: Duration) {
    let sent = Arc::new(Sent::default());
    let (server, lasts) = (Arc::clone(&sent), (length / 3).min(MAX_CONNECTION));
    let script = Script::start(false, move |conn, client| serve(conn, client.greet()?, &server, lasts));
    let builder = Builder::new(runtime).url(script.url()).plaintext_on_loopback();
    let client = builder.build().expect("an address");
    let mut stream =
        client.subscribe_nowait(Subscribe::parse("md+265598").expect("a channel")).expect("a valid request");
    let mut received = Received::default();
    block_on(client.start()).expect("a start");
    let (began, mut base, mut next_report) = (Instant::now(), None, length / 10);
    while began.elapsed() < length {
        let item = block_on(stream.next_within(Duration::from_millis(500)));
        item.iter().for_each(|item| received.take(item));
        if began.elapsed() >= next_report {
            let figures = (resident(), open_files());
            println!(
                "{name} {:4} s: {:6} KiB resident, {} files, {} messages, {} sent a second of connection, {} gaps, \
                 {} resumed, {} lost in gaps",
                began.elapsed().as_secs(),
                figures.0 / 1_024,
                figures.1,
                received.messages,
                sent.number.load(Ordering::SeqCst) * 1_000 / sent.millis.load(Ordering::SeqCst).max(1),
                received.gaps,
                received.resumed,
                received.in_gaps,
            );
            let (memory, files) = *base.get_or_insert(figures);
            assert!(figures.0 <= memory + MAX_GROWTH, "{name}: resident memory grew from {memory} to {}", figures.0);
            assert!(figures.1 <= files + 4, "{name}: files grew from {files} to {}", figures.1);
            next_report += (length / 10).max(Duration::from_millis(200));
        }
    }
    assert_eq!((received.unaccounted, received.lost), (0, 0), "{name}");
    assert_eq!(received.messages + received.in_gaps, received.next, "{name}: every number is accounted for");
    assert!(received.next > 0 && received.gaps.abs_diff(received.resumed) <= 1, "{name}");
    block_on(client.shutdown()).expect("a stop");
    drop((stream, script));
}

/// One test, because the two soaks measure the same process one after the other.
#[test]
fn memory_files_and_accounting_stay_flat() {
    let minutes = std::env::var("IBWS_SOAK_MINUTES").ok().and_then(|minutes| minutes.parse::<f64>().ok());
    let length = Duration::from_secs_f64(minutes.map_or(2.0, |minutes| minutes * 60.0));
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let only = std::env::var("IBWS_SOAK_ADAPTER").ok();
    let is_included = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if is_included("tokio") {
        soak("tokio", TokioRuntime::with_handle(tokio.handle().clone()), length);
    }
    if is_included("async-std") {
        soak("async-std", AsyncStdRuntime::new(), length);
    }
}
