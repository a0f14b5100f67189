//! A bad line between a client and a gateway: slow, sliced, frozen, reset or half-closed; random
//! delays come from a seed.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use crate::Prng;
use crate::opaque::opaque;

/// The faults of one direction of a [`Relay`]. The default passes everything on at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkFaults {
    /// Largest number of bytes passed on at once; 0 is unlimited.
    pub slice: usize,
    /// Upper limit of the random delay of each piece.
    pub jitter: Duration,
    /// Bytes passed on per second; 0 is unlimited.
    pub bandwidth: u32,
}

/// The direction from the client to the gateway.
const UP: usize = 0;
/// The direction from the gateway to the client.
const DOWN: usize = 1;

/// A TCP relay on loopback in front of a gateway. Dropping it ends its connections and threads.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

opaque!(Relay);

struct Shared {
    to: SocketAddr,
    seed: u64,
    lines: [LinkFaults; 2],
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stops: bool,
    /// Connections through which nothing passes in either direction.
    frozen: BTreeSet<usize>,
    /// The direction to the clients is held back.
    down_frozen: bool,
    /// Connections that end with a reset; no FIN may come before it.
    reset: BTreeSet<usize>,
    /// Both ends of every open connection: the client's and the gateway's.
    ends: BTreeMap<usize, [TcpStream; 2]>,
}

impl Relay {
    /// Listens on a free port and passes connections on to `to`, with the faults `up` in the
    /// direction to the gateway and `down` in the direction to the client.
    ///
    /// # Panics
    /// Without a free port.
    #[must_use]
    pub fn start(to: SocketAddr, seed: u64, up: LinkFaults, down: LinkFaults) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Shared { to, seed, lines: [up, down], state: Mutex::default(), changed: Condvar::new() };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        Self { address, shared, acceptor: Some(thread::spawn(move || accept(&listener, &accepting))) }
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Freezes a connection, numbered from 1: nothing passes, and neither side is notified.
    pub fn freeze(&self, conn: usize) {
        self.shared.change(|state| state.frozen.extend([conn]));
    }

    /// Holds back what the gateway sends, on every connection.
    pub fn freeze_down(&self) {
        self.shared.change(|state| state.down_frozen = true);
    }

    /// Ends the freeze of a connection. What was held back comes in one burst.
    pub fn thaw(&self, conn: usize) {
        self.shared.change(|state| state.frozen.retain(|frozen| *frozen != conn));
    }

    /// Ends [`freeze_down`](Self::freeze_down).
    pub fn thaw_down(&self) {
        self.shared.change(|state| state.down_frozen = false);
    }

    /// Resets every connection, towards both ends.
    pub fn reset(&self) {
        self.shared.change(|state| {
            // The reset is sent when the threads have dropped their handles as well.
            for (conn, ends) in core::mem::take(&mut state.ends) {
                state.reset.insert(conn);
                for end in &ends {
                    // The socket may be closed already, which is fine.
                    let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
                    let _ = end.shutdown(Shutdown::Read);
                }
            }
        });
    }

    /// Ends the direction to the clients, and still passes on what they send.
    pub fn half_close(&self) {
        self.shared.change(|state| {
            for [client, _] in state.ends.values() {
                let _ = client.shutdown(Shutdown::Write);
            }
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.stops = true;
            for end in state.ends.values().flatten() {
                let _ = end.shutdown(Shutdown::Both);
            }
        });
        // `accept` has no timeout; a connection made here wakes it.
        let wakes = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Some(acceptor), Ok(_)) = (self.acceptor.take(), wakes) {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits while the line is frozen; returns `false` if the relay stops.
    fn passes(&self, conn: usize, line: usize) -> bool {
        let frozen =
            |state: &mut State| (state.frozen.contains(&conn) || state.down_frozen && line == DOWN) && !state.stops;
        let state = self.changed.wait_while(self.lock(), frozen).unwrap_or_else(PoisonError::into_inner);
        !state.stops
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for (before, client) in listener.incoming().enumerate() {
        if shared.lock().stops {
            break;
        }
        let Ok(client) = client else { continue };
        threads.retain(|thread| !thread.is_finished());
        let (shared, conn) = (Arc::clone(shared), before + 1);
        threads.push(thread::spawn(move || {
            // If the gateway does not accept, the client's connection is closed.
            let _ = connection(&shared, conn, &client);
            shared.change(|state| drop(state.ends.remove(&conn)));
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Serves one connection until both directions have ended.
fn connection(shared: &Shared, conn: usize, client: &TcpStream) -> io::Result<()> {
    let gateway = TcpStream::connect(shared.to)?;
    client.set_nodelay(true)?;
    gateway.set_nodelay(true)?;
    let ends = [client.try_clone()?, gateway.try_clone()?];
    shared.change(|state| drop(state.ends.insert(conn, ends)));
    let pump = |from: &TcpStream, to: &TcpStream, line: usize| {
        let _ = pass(shared, conn, from, to, line);
        if !shared.lock().reset.contains(&conn) {
            let _ = to.shutdown(Shutdown::Write);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(client, &gateway, UP));
        pump(&gateway, client, DOWN);
    });
    Ok(())
}

fn pass(shared: &Shared, conn: usize, mut from: &TcpStream, mut to: &TcpStream, line: usize) -> io::Result<()> {
    let mut chance = Prng::part(shared.seed, "line", (conn * 2 + line) as u64);
    let Some(&LinkFaults { slice, jitter, bandwidth }) = shared.lines.get(line) else { return Ok(()) };
    let mut chunk = [0; 16 * 1024];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            // The end of the stream waits on a frozen line as well.
            shared.passes(conn, line);
            return Ok(());
        }
        let slice = if slice == 0 { count } else { slice };
        for piece in chunk.get(..count).unwrap_or_default().chunks(slice) {
            // The delay belongs to the simulated line; the test does not wait here.
            let late = Duration::from_micros(chance.below(u64::try_from(jitter.as_micros()).unwrap_or(0) + 1));
            let slow = match bandwidth {
                0 => Duration::ZERO,
                bandwidth => Duration::from_secs_f64(piece.len() as f64 / f64::from(bandwidth)),
            };
            if !(late + slow).is_zero() {
                thread::sleep(late + slow);
            }
            if !shared.passes(conn, line) {
                return Ok(());
            }
            to.write_all(piece)?;
        }
    }
}
