//! A gateway that does exactly what a test says, byte for byte where it wants to: what no honest gateway would do.

use core::any::Any;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use ibws_proto::transport::Trust;
use socket2::SockRef;
use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

use super::scripted_peer::{PeerInput, ScriptedPeer};
use super::tls::Identity;
use super::wire::Wire;

/// No read or write of a script waits longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest head of a request that is read.
const MAX_HEAD: usize = 16 * 1024;

type Serve = dyn Fn(usize, ClientInfo) -> io::Result<()> + Send + Sync;

/// A listener on loopback whose connections are served by a test's own function, each on a thread of its own.
///
/// Dropping it ends all of them, and panics if one of them did.
pub struct Script {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

pub(super) struct Shared {
    serve: Box<Serve>,
    /// The pinned certificate, and another one.
    identities: Option<[Identity; 2]>,
    stops: Mutex<bool>,
    stopped: Condvar,
    /// A second handle of every open connection, to end its thread from outside.
    sockets: Mutex<BTreeMap<usize, TcpStream>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    heard: Mutex<Vec<(usize, PeerInput)>>,
}

impl Script {
    /// Listens on a free port. `serve` gets the number of each connection, from 1; an error that it returns means that
    /// the client went away, which is for the client's side of the test to judge.
    ///
    /// # Panics
    /// Without a free port or a certificate.
    pub fn start(tls: bool, serve: impl Fn(usize, ClientInfo) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let make = || Identity::stock().expect("a certificate");
        let shared = Arc::new(Shared {
            serve: Box::new(serve),
            identities: tls.then(|| [make(), make()]),
            stops: Mutex::new(false),
            stopped: Condvar::new(),
            sockets: Mutex::default(),
            panic: Mutex::default(),
            heard: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accept(&listener, &accepting)));
        Self { address, shared, acceptor }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the WebSocket.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.shared.identities.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/v1/api/ws", self.address)
    }

    /// Exactly its certificate; web PKI if it has none.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.shared.identities.as_ref().map_or_else(Trust::default, |[own, _]| Trust::ExactCert(own.der.clone()))
    }

    /// Its certificate as PEM; nothing without TLS.
    #[must_use]
    pub fn pem(&self) -> String {
        self.shared.identities.as_ref().map_or_else(String::new, |[own, _]| own.pem())
    }

    /// Ends everything, and says what clients said to the last: pongs left out, each with the number of its connection.
    ///
    /// # Panics
    /// If a thread of it did.
    #[must_use]
    pub fn finish(self) -> Vec<(usize, PeerInput)> {
        let shared = Arc::clone(&self.shared);
        drop(self);
        core::mem::take(&mut *lock(&shared.heard))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        *lock(&self.shared.stops) = true;
        self.shared.stopped.notify_all();
        // `accept` has no timeout; a connection of our own wakes it.
        let wakes = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        for socket in lock(&self.shared.sockets).values() {
            // It may be closed already, which is what is wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
        if let (Some(acceptor), Ok(_)) = (self.acceptor.take(), wakes) {
            let _ = acceptor.join();
        }
        if let Some(panic) = lock(&self.shared.panic).take()
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for (before, stream) in listener.incoming().enumerate() {
        if *lock(&shared.stops) {
            break;
        }
        let Ok(stream) = stream else { continue };
        threads.retain(|thread| !thread.is_finished());
        let (shared, conn) = (Arc::clone(shared), before + 1);
        threads.push(thread::spawn(move || connection(&shared, conn, stream)));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn connection(shared: &Arc<Shared>, conn: usize, stream: TcpStream) {
    let Ok(twin) = stream.try_clone() else { return };
    lock(&shared.sockets).insert(conn, twin);
    let serves = AssertUnwindSafe(|| {
        // Looked at after registering: a stop either sees the socket there or is seen here.
        if !*lock(&shared.stops) {
            // The client went away, or the script did: the other side of the test judges that.
            let _ = ClientInfo::new(stream, conn, shared).and_then(|caller| (shared.serve)(conn, caller));
        }
    });
    if let Err(panic) = catch_unwind(serves) {
        *lock(&shared.panic) = Some(panic);
    }
    lock(&shared.sockets).remove(&conn);
}

/// A connection whose client has not been answered yet.
pub struct ClientInfo {
    wire: Wire,
    conn: usize,
    shared: Arc<Shared>,
}

impl ClientInfo {
    fn new(stream: TcpStream, conn: usize, shared: &Arc<Shared>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let identity = shared.identities.as_ref().map(|[own, _]| &own.config);
        Ok(Self { wire: Wire::new(stream, identity)?, conn, shared: Arc::clone(shared) })
    }

    /// Shows another certificate than the pinned one.
    ///
    /// # Errors
    /// If the socket is gone.
    pub fn impostor(self) -> io::Result<Self> {
        let identity = self.shared.identities.as_ref().map(|[_, other]| &other.config);
        Ok(Self { wire: Wire::new(self.tcp().try_clone()?, identity)?, ..self })
    }

    /// The bytes below TLS.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.wire.socket()
    }

    /// Is there TLS?
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.shared.identities.is_some()
    }

    /// Writes, above TLS if there is TLS.
    ///
    /// # Errors
    /// If the client is gone, or TLS fails.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes)?;
        self.wire.flush()
    }

    /// Reads the head of the request.
    ///
    /// # Errors
    /// If it does not come, or is too long.
    pub fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.wire.read_exact(&mut byte)?;
            head.extend(byte);
            if head.len() > MAX_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// The answer that opens the WebSocket.
    #[must_use]
    pub fn accepting(head: &str) -> Vec<u8> {
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        let accept = derive_accept_key(key.as_bytes());
        let start = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket";
        format!("{start}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
    }

    /// Opens the WebSocket, with `first` behind the answer in the same write.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn open(mut self, first: &[u8]) -> io::Result<ScriptedPeer> {
        let head = self.head()?;
        self.put(&[&Self::accepting(&head), first].concat())?;
        let socket = WebSocket::from_raw_socket(self.wire, Role::Server, None);
        Ok(ScriptedPeer::new(socket, self.conn, self.shared))
    }

    /// Opens the WebSocket and greets, as a gateway that is logged in does.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn greet(self) -> io::Result<ScriptedPeer> {
        let mut peer = self.open(b"")?;
        peer.greet()?;
        Ok(peer)
    }

    /// Keeps the connection until the client ends it, without a word.
    ///
    /// # Errors
    /// If the client takes too long.
    pub fn wait(&self) -> io::Result<()> {
        let mut scratch = [0; 4096];
        while self.tcp().read(&mut scratch)? > 0 {}
        Ok(())
    }

    /// Reads nothing, and keeps the connection until the script is dropped.
    ///
    /// # Errors
    /// None; it is what a script returns.
    pub fn hold(&self) -> io::Result<()> {
        self.shared.hold();
        Ok(())
    }

    /// Ends the connection with a reset.
    ///
    /// # Errors
    /// If the socket is gone.
    pub fn reset(self) -> io::Result<()> {
        self.shared.reset(self.conn, self.wire.socket())
    }
}

impl Shared {
    /// Writes down what a client said.
    pub(super) fn note(&self, conn: usize, heard: PeerInput) {
        lock(&self.heard).push((conn, heard));
    }

    /// Waits until the script is dropped.
    pub(super) fn hold(&self) {
        let going = self.stopped.wait_while(lock(&self.stops), |stops| !*stops);
        drop(going.unwrap_or_else(PoisonError::into_inner));
    }

    /// The client learns of it as "reset by peer", once the caller drops `socket`: no FIN, nothing more delivered.
    pub(super) fn reset(&self, conn: usize, socket: &TcpStream) -> io::Result<()> {
        SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
        // While there is another handle, closing one does nothing.
        lock(&self.sockets).remove(&conn);
        Ok(())
    }
}
