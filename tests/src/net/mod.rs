//! The simulated gateway behind a real socket: one port for TLS, REST and the WebSocket, and one
//! thread per connection. [`Script`] is a gateway that a test writes byte by byte, [`Relay`] a bad
//! line in front of either.

mod flood;
mod http;
mod presented;
mod relay;
mod script;
mod scripted_peer;
mod session;
mod tls;
mod wire;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant as Clock, SystemTime, UNIX_EPOCH};

use ibws_proto::Instant;

pub use flood::Flood;
pub use presented::{Authority, Presented, other_address};
pub use relay::{LinkFaults, Relay};
pub use script::{ClientInfo, Script};
pub use scripted_peer::{PeerInput, ScriptedPeer};
#[cfg(feature = "suites")]
pub(crate) use wire::put_frame;

use crate::gateway::{Gateway, GatewayConfig};
use crate::opaque::opaque;
use tls::Identity;

/// Connections served at the same time; a further one is closed immediately.
const MAX_CONNECTIONS: usize = 256;
/// Time for a write after which a client that does not read is disconnected.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// The settings of a [`Server`].
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address, which must be a loopback address; port 0 takes a free port.
    pub listen: SocketAddr,
    /// Whether to use TLS, with a certificate made at start, or plain HTTP and `ws://`.
    pub tls: bool,
    /// The settings of the gateway. The present time replaces its `epoch_ms`.
    pub gateway: GatewayConfig,
    /// A flood of frames, for benchmarks.
    pub flood: Option<Flood>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: true,
            gateway: GatewayConfig::default(),
            flood: None,
        }
    }
}

impl ServerConfig {
    /// Settings for TLS on a free port of 127.0.0.1.
    #[must_use]
    pub fn tls(gateway: GatewayConfig) -> Self {
        Self { gateway, ..Self::default() }
    }

    /// Settings for plain TCP on a free port of 127.0.0.1.
    #[must_use]
    pub fn plain(gateway: GatewayConfig) -> Self {
        Self { gateway, tls: false, ..Self::default() }
    }
}

/// The reason why a server could not start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is not a loopback address.
    #[error("the simulated gateway listens on loopback only, not on {0}; take 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The server cannot listen on the address.
    #[error("cannot listen on {address}: {source}; take another port, or 0 for a free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}; set `ServerConfig::tls` to false to start without TLS")]
    Certificate(String),
}

/// The state that all threads of a server share.
struct Shared {
    gateway: Mutex<Gateway>,
    started: Clock,
    stops: AtomicBool,
    identity: Option<Identity>,
    flood: Option<Flood>,
    /// A second handle of every open connection, to end its thread from outside.
    sockets: Mutex<BTreeMap<u64, TcpStream>>,
}

impl Shared {
    fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn gateway(&self) -> MutexGuard<'_, Gateway> {
        // After a panic elsewhere the gateway still works, which shows more than a second panic.
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sockets(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stops(&self) -> bool {
        self.stops.load(Ordering::Relaxed)
    }
}

/// A running gateway on a loopback socket. Dropping it ends it and all its threads.
///
/// ```
/// use ibws_proto::{Subscribe, subscribe::Pnl};
/// use ibws_testkit::{GatewayConfig, Server, ServerConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::start(ServerConfig::tls(GatewayConfig::seeded(1)))?;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// // The server made its certificate at start, and its client pins exactly that one.
/// let client = ibws_tokio::builder().url(server.ws_url()).trust(server.trust()).build()?;
/// client.start().await?;
/// let mut profit = client.subscribe(Subscribe::try_from(Pnl::new())?).await?;
/// assert!(profit.next().await.is_some());
/// assert_eq!(server.control().connections().count(), 1);
/// client.drain().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })
/// # }
/// ```
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

opaque!(Server);

impl Server {
    /// Starts to listen and to serve connections.
    ///
    /// # Errors
    ///
    /// If the address is not a loopback address or is taken, or no certificate can be made.
    pub fn start(config: ServerConfig) -> Result<Self, StartError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let failed = |source| StartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = config.tls.then(Identity::make).transpose().map_err(StartError::Certificate)?;
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch_ms = u64::try_from(epoch.as_millis()).unwrap_or(0);
        let shared = Arc::new(Shared {
            gateway: Mutex::new(Gateway::new(GatewayConfig { epoch_ms, ..config.gateway })),
            started: Clock::now(),
            stops: AtomicBool::new(false),
            identity,
            flood: config.flood,
            sockets: Mutex::new(BTreeMap::new()),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { shared, address, acceptor: Some(acceptor) })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the WebSocket.
    #[must_use]
    pub fn ws_url(&self) -> String {
        let scheme = if self.shared.identity.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/v1/api/ws", self.address)
    }

    /// The URL of REST, without a slash at its end.
    #[must_use]
    pub fn rest_url(&self) -> String {
        let scheme = if self.shared.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/v1/api", self.address)
    }

    /// The certificate, made at start, for `localhost`, `127.0.0.1` and `::1`; `None` without TLS.
    #[must_use]
    pub fn certificate_der(&self) -> Option<&[u8]> {
        self.shared.identity.as_ref().map(|identity| identity.der.as_slice())
    }

    /// Trust in exactly this server's certificate; web PKI without TLS.
    #[must_use]
    pub fn trust(&self) -> ibws_proto::transport::Trust {
        self.certificate_der()
            .map_or_else(Default::default, |der| ibws_proto::transport::Trust::ExactCert(der.to_vec()))
    }

    /// The certificate as PEM, which can be saved as a pin; `None` without TLS.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<String> {
        self.shared.identity.as_ref().map(Identity::pem)
    }

    /// The SHA-256 of the certificate's DER, as a
    /// [`Fingerprint`](ibws_proto::transport::Fingerprint) prints it; `None` without TLS.
    #[must_use]
    pub fn certificate_sha256(&self) -> Option<String> {
        self.shared.identity.as_ref().map(Identity::sha256)
    }

    /// The present time on the gateway's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Locks the gateway, to control it and to see what clients sent. All connections wait while
    /// the guard exists.
    pub fn control(&self) -> MutexGuard<'_, Gateway> {
        let mut gateway = self.shared.gateway();
        gateway.tick(self.shared.now());
        gateway
    }

    /// Ends all connections and threads. Dropping the server does the same.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        // `accept` has no timeout; a connection made here wakes it.
        let wakes = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        for socket in self.shared.sockets().values() {
            // The socket may be closed already, which is fine.
            let _ = socket.shutdown(Shutdown::Both);
        }
        if let (Some(acceptor), Ok(_)) = (self.acceptor.take(), wakes) {
            let _ = acceptor.join();
        }
    }
}

/// Accepts connections until the server stops, then waits for their threads.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut next_conn = 1;
    for stream in listener.incoming() {
        if shared.stops() {
            break;
        }
        let Ok(stream) = stream else {
            // The process may be out of file descriptors: the next attempt can succeed, and must
            // not spin.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        threads.retain(|thread| !thread.is_finished());
        if threads.len() >= MAX_CONNECTIONS {
            continue;
        }
        let (shared, conn) = (Arc::clone(shared), next_conn);
        next_conn += 1;
        threads.push(thread::spawn(move || connection(&shared, conn, stream)));
    }
    // A connection that registers after the stop ends itself; the others were shut down.
    for thread in threads {
        let _ = thread.join();
    }
}

/// Serves one connection to its end. Its errors do not affect other connections.
fn connection(shared: &Shared, conn: u64, stream: TcpStream) {
    let Ok(twin) = stream.try_clone() else { return };
    shared.sockets().insert(conn, twin);
    // The flag is read after registering: a stop either finds the socket there or is seen here.
    if !shared.stops() {
        let _ = session::run(shared, conn, stream);
    }
    if let Some(socket) = shared.sockets().remove(&conn) {
        let _ = socket.shutdown(Shutdown::Both);
    }
}
