//! Runs a future on the present thread, which blocks while the future waits: in the system until
//! its socket has something to read, and no longer than until the deadline of the future.

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::thread;

use super::net::Blocking;
use super::tcp::Tcp;
use crate::Instant;
use crate::transport::Runtime as _;
use crate::transport::dial::until;

/// The longest time after which a write that waits is tried again. The standard library reports
/// when a socket can be read, and not when it can be written.
const WRITE_INTERVAL: Duration = Duration::from_millis(5);
/// The longest time in the system. No time that the system would refuse is longer.
const FAR: Duration = Duration::from_secs(24 * 3600);

std::thread_local! {
    /// What the future that this thread runs waits for.
    static WAITS: RefCell<Waits> = const { RefCell::new(Waits { deadline: None, reads: None, writes: false }) };
}

/// What a future waits for. It notes this while it is polled.
struct Waits {
    /// The end of the stage, from the start of its first poll.
    deadline: Option<Instant>,
    /// The socket from which it waits to read. The owner of the socket may close it meanwhile.
    reads: Option<Weak<Tcp>>,
    /// Set if it waits to write.
    writes: bool,
}

/// Notes the end of the stage, which also limits the calls that block while they are polled.
pub(super) fn note_deadline(deadline: Option<Instant>) {
    WAITS.with_borrow_mut(|waits| waits.deadline = deadline);
}

/// Notes that there is nothing to read from `socket`.
pub(super) fn note_read(socket: &Arc<Tcp>) {
    WAITS.with_borrow_mut(|waits| waits.reads = Some(Arc::downgrade(socket)));
}

/// Notes that a socket takes no more bytes.
pub(super) fn note_write() {
    WAITS.with_borrow_mut(|waits| waits.writes = true);
}

/// Returns the time until the deadline; zero if it has passed.
pub(super) fn remaining() -> Duration {
    let deadline = WAITS.with_borrow(|waits| waits.deadline);
    deadline.map_or(FAR, |deadline| deadline.since(Blocking.now()).min(FAR))
}

/// Set by a layer that is to be polled again although nothing happens, such as one that yields.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the output of `future`. All of its stages must have a deadline.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        let (reads, writes) = WAITS.with_borrow_mut(|waits| (waits.reads.take(), core::mem::take(&mut waits.writes)));
        if !woken.0.swap(false, Ordering::Relaxed) {
            block(reads.and_then(|socket| socket.upgrade()), writes);
        }
    }
}

/// Blocks until something may have happened.
fn block(reads: Option<Arc<Tcp>>, writes: bool) {
    let time = if writes { remaining().min(WRITE_INTERVAL) } else { remaining() };
    match reads {
        _ if time.is_zero() => {}
        Some(socket) => socket.wait(time),
        None => thread::park_timeout(time),
    }
}

/// Polls until there is a value, for at most `wait`. Returns `None` if there is none by then.
pub(super) fn within<T>(wait: Duration, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    // While messages arrive faster than they are taken, nothing is allocated and no clock is read.
    if let Poll::Ready(value) = poll(&mut Context::from_waker(Waker::noop())) {
        return Some(value);
    }
    block_on(until(&Blocking, Blocking.now() + wait, poll_fn(poll)))
}
