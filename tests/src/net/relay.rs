//! A bad line between a client and a gateway: slow, cut into slices, frozen, reset, half closed; all from a seed.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use crate::Prng;

/// How one direction of a [`Relay`] behaves. The default passes everything on at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkFaults {
    /// Most bytes passed on at once; 0: as they come.
    pub slice: usize,
    /// Each piece comes later by up to this, drawn anew for each.
    pub jitter: Duration,
    /// Bytes passed on in a second; 0: as many as come.
    pub bandwidth: u32,
}

/// From the client to the gateway.
const UP: usize = 0;
/// From the gateway to the client.
const DOWN: usize = 1;

/// A TCP relay on loopback in front of a gateway. Dropping it ends its connections and threads.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

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
    /// Connections through which nothing passes, either way.
    frozen: BTreeSet<usize>,
    /// What the gateways say is held back.
    down_frozen: bool,
    /// Connections that end with a reset: a FIN before it would spoil that.
    reset: BTreeSet<usize>,
    /// Both ends of every open connection: the client's, the gateway's.
    ends: BTreeMap<usize, [TcpStream; 2]>,
}

impl Relay {
    /// Listens on a free port and passes connections on to `to`: what the client says as `up` has it, what the gateway
    /// says as `down` has it.
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

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing passes any more on one connection, numbered from 1, and nobody is told.
    pub fn freeze(&self, conn: usize) {
        self.shared.change(|state| state.frozen.extend([conn]));
    }

    /// Holds back, on every connection, what the gateway says.
    pub fn freeze_down(&self) {
        self.shared.change(|state| state.down_frozen = true);
    }

    /// Ends the freeze of one connection; what was held back comes in one burst.
    pub fn thaw(&self, conn: usize) {
        self.shared.change(|state| state.frozen.retain(|frozen| *frozen != conn));
    }

    /// The same for what the gateways say.
    pub fn thaw_down(&self) {
        self.shared.change(|state| state.down_frozen = false);
    }

    /// Resets every connection, towards both ends.
    pub fn reset(&self) {
        self.shared.change(|state| {
            // The resets go out when the threads have let go of their handles as well.
            for (conn, ends) in core::mem::take(&mut state.ends) {
                state.reset.insert(conn);
                for end in &ends {
                    // Gone already is what is wanted.
                    let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
                    let _ = end.shutdown(Shutdown::Read);
                }
            }
        });
    }

    /// Says to the clients that nothing more will come, and goes on listening to them.
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
        // `accept` has no timeout; a connection of our own wakes it.
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

    /// Waits while the line is frozen; says whether it still is to be served.
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
            // A gateway that takes no connection: the client finds its own closed.
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
    let mut dice = Prng::part(shared.seed, "line", (conn * 2 + line) as u64);
    let Some(&LinkFaults { slice, jitter, bandwidth }) = shared.lines.get(line) else { return Ok(()) };
    let mut chunk = [0; 16 * 1024];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            // The end passes no frozen line either.
            shared.passes(conn, line);
            return Ok(());
        }
        let slice = if slice == 0 { count } else { slice };
        for piece in chunk.get(..count).unwrap_or_default().chunks(slice) {
            // What a line does: it is not the test that waits here.
            let late = Duration::from_micros(dice.below(u64::try_from(jitter.as_micros()).unwrap_or(0) + 1));
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
