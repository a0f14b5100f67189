//! A gateway that does exactly what a test writes, byte by byte if needed, including what no real
//! gateway would do.

use core::any::Any;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
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

use super::presented::Presented;
use super::scripted_peer::{PeerInput, ScriptedPeer};
use super::tls::Identity;
use super::wire::Wire;

use crate::opaque::opaque;

/// Longest time that a read or write of a script waits.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest head of a request.
const MAX_HEAD: usize = 16 * 1024;

type Serve = dyn Fn(usize, ClientInfo) -> io::Result<()> + Send + Sync;

/// A listener on loopback. A function of the test serves each connection, on a thread of its own.
///
/// Dropping it ends all connections, and panics if one of the threads did.
pub struct Script {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

opaque!(Script);

pub(super) struct Shared {
    serve: Box<Serve>,
    /// The pinned certificate and another one.
    identities: Option<[Identity; 2]>,
    stops: Mutex<bool>,
    stopped: Condvar,
    /// A second handle of every open connection, to end its thread from outside.
    sockets: Mutex<BTreeMap<usize, TcpStream>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    received: Mutex<Vec<(usize, PeerInput)>>,
}

impl Script {
    /// Listens on a free port. `serve` gets the number of each connection, from 1. Its errors are
    /// ignored: they mean that the client closed the connection, which the client's side of the
    /// test checks.
    ///
    /// # Panics
    /// Without a free port or a certificate.
    pub fn start(tls: bool, serve: impl Fn(usize, ClientInfo) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let make = || Identity::stock().expect("a certificate");
        Self::start_at(Ipv4Addr::LOCALHOST.into(), tls.then(|| [make(), make()]), serve)
    }

    /// Listens with TLS on a free port of `address`, an address of this machine, and presents
    /// `presented`.
    ///
    /// # Panics
    /// Without a free port, or for a key that cannot be used.
    pub fn presenting(
        address: IpAddr,
        presented: &Presented,
        serve: impl Fn(usize, ClientInfo) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let make = || Identity::of(&presented.chain, presented.key.clone()).expect("a key");
        Self::start_at(address, Some([make(), make()]), serve)
    }

    fn start_at(
        address: IpAddr,
        identities: Option<[Identity; 2]>,
        serve: impl Fn(usize, ClientInfo) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            serve: Box::new(serve),
            identities,
            stops: Mutex::new(false),
            stopped: Condvar::new(),
            sockets: Mutex::default(),
            panic: Mutex::default(),
            received: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accept(&listener, &accepting)));
        Self { address, shared, acceptor }
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the WebSocket.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.shared.identities.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/v1/api/ws", self.address)
    }

    /// Trust in exactly its certificate; web PKI without TLS.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.shared.identities.as_ref().map_or_else(Trust::default, |[own, _]| Trust::ExactCert(own.der.clone()))
    }

    /// The certificate in DER; empty without TLS.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        self.shared.identities.as_ref().map_or_else(Vec::new, |[own, _]| own.der.clone())
    }

    /// The certificate as PEM; empty without TLS.
    #[must_use]
    pub fn pem(&self) -> String {
        self.shared.identities.as_ref().map_or_else(String::new, |[own, _]| own.pem())
    }

    /// Ends all connections and returns what clients sent, each with the number of its connection;
    /// pongs are omitted.
    ///
    /// # Panics
    /// If one of its threads panicked.
    #[must_use]
    pub fn finish(self) -> Vec<(usize, PeerInput)> {
        let shared = Arc::clone(&self.shared);
        drop(self);
        core::mem::take(&mut *lock(&shared.received))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        *lock(&self.shared.stops) = true;
        self.shared.stopped.notify_all();
        // `accept` has no timeout; a connection made here wakes it.
        let wakes = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        for socket in lock(&self.shared.sockets).values() {
            // The socket may be closed already, which is fine.
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
        // The flag is read after registering: a stop either finds the socket there or is seen here.
        if !*lock(&shared.stops) {
            // The client or the script closed the connection: the client's side of the test checks
            // that.
            let _ = ClientInfo::new(stream, conn, shared).and_then(|client| (shared.serve)(conn, client));
        }
    });
    if let Err(panic) = catch_unwind(serves) {
        *lock(&shared.panic) = Some(panic);
    }
    lock(&shared.sockets).remove(&conn);
}

/// A connection before the response to its upgrade request.
pub struct ClientInfo {
    wire: Wire,
    /// The head of a request that was read and has no response yet.
    head: Option<String>,
    conn: usize,
    shared: Arc<Shared>,
}

opaque!(ClientInfo);

impl ClientInfo {
    fn new(stream: TcpStream, conn: usize, shared: &Arc<Shared>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let identity = shared.identities.as_ref().map(|[own, _]| &own.config);
        Ok(Self { wire: Wire::new(stream, identity)?, head: None, conn, shared: Arc::clone(shared) })
    }

    /// Presents another certificate than the pinned one.
    ///
    /// # Errors
    /// If the socket is closed.
    pub fn impostor(self) -> io::Result<Self> {
        let identity = self.shared.identities.as_ref().map(|[_, other]| &other.config);
        Ok(Self { wire: Wire::new(self.tcp().try_clone()?, identity)?, ..self })
    }

    /// The socket below TLS.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        self.wire.socket()
    }

    /// Returns `true` if the connection uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.shared.identities.is_some()
    }

    /// Writes bytes, through TLS if the connection uses it.
    ///
    /// # Errors
    /// If the client closed the connection, or TLS fails.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.head = None;
        self.wire.write_all(bytes)?;
        self.wire.flush()
    }

    /// Returns `true` if the client ends the connection, or TLS fails, before a byte of HTTP
    /// arrives.
    pub fn is_closed_unread(&mut self) -> bool {
        !matches!(self.wire.read(&mut [0]), Ok(1..))
    }

    /// Reads the head of the next request. [`open`](Self::open) and [`greet`](Self::greet) may
    /// follow: they reply to the request whose head was read last, unless [`put`](Self::put) has.
    ///
    /// ```
    /// use ibws_testkit::Script;
    ///
    /// let (heads, received) = std::sync::mpsc::channel();
    /// let script = Script::start(false, move |_, mut client| {
    ///     heads.send(client.head()?).expect("a receiver"); // its path, its cookies, its headers
    ///     client.greet()?.until_end()
    /// });
    /// # let url = format!("ws://{}/v1/api/ws", script.address());
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let client = ibws_tokio::builder().url(url).plaintext_on_loopback().build()?;
    /// # client.start().await?;
    /// # client.ready().await?;
    /// # client.shutdown().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// assert!(received.recv()?.starts_with("GET /v1/api/ws"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If it does not arrive, or is longer than 16 KiB.
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
        Ok(self.head.insert(String::from_utf8_lossy(&head).into_owned()).clone())
    }

    /// Reads `length` bytes after the head of the request.
    ///
    /// # Errors
    /// If they do not arrive.
    pub fn body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.wire.read_exact(&mut body)?;
        Ok(body)
    }

    /// Ends the stream properly, including TLS.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn finish(&mut self) -> io::Result<()> {
        self.wire.finish()
    }

    /// The response that opens the WebSocket.
    #[must_use]
    pub fn accept_response(head: &str) -> Vec<u8> {
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        let accept = derive_accept_key(key.as_bytes());
        let start = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket";
        format!("{start}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
    }

    /// Opens the WebSocket, with the bytes `first` after the response in the same write.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn open(mut self, first: &[u8]) -> io::Result<ScriptedPeer> {
        let head = match self.head.take() {
            Some(head) => head,
            None => self.head()?,
        };
        self.put(&[&Self::accept_response(&head), first].concat())?;
        let socket = WebSocket::from_raw_socket(self.wire, Role::Server, None);
        Ok(ScriptedPeer::new(socket, self.conn, self.shared))
    }

    /// Opens the WebSocket and sends the first two frames of a gateway that is logged in.
    ///
    /// # Errors
    /// If the client closed the connection.
    pub fn greet(self) -> io::Result<ScriptedPeer> {
        let mut peer = self.open(b"")?;
        peer.greet()?;
        Ok(peer)
    }

    /// Keeps the connection until the client ends it, and sends nothing.
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
    /// None; the type is that of the other ends of a script.
    pub fn hold(&self) -> io::Result<()> {
        self.shared.hold();
        Ok(())
    }

    /// Ends the connection with a reset.
    ///
    /// # Errors
    /// If the socket is closed.
    pub fn reset(self) -> io::Result<()> {
        self.shared.reset(self.conn, self.wire.socket())
    }
}

impl Shared {
    /// Records what a client sent.
    pub(super) fn note(&self, conn: usize, input: PeerInput) {
        lock(&self.received).push((conn, input));
    }

    /// Waits until the script is dropped.
    pub(super) fn hold(&self) {
        let going = self.stopped.wait_while(lock(&self.stops), |stops| !*stops);
        drop(going.unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes the client see "reset by peer" once the caller drops `socket`: no FIN, and no further
    /// data.
    pub(super) fn reset(&self, conn: usize, socket: &TcpStream) -> io::Result<()> {
        SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
        // While another handle exists, closing this one has no effect.
        lock(&self.sockets).remove(&conn);
        Ok(())
    }
}
