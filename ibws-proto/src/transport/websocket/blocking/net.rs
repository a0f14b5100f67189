//! The network of a thread: a name lookup, TCP and a clock of the standard library, for futures
//! that run on the thread that needs them.

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::string::String;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Instant as Clock;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::park::{self, block_on, remaining};
use super::tcp::{Tcp, TcpByteStream};
use super::tls::TlsStream;
use crate::transport::websocket::{ByteStream, Net, WebSocket, dial};
use crate::transport::{DialRequest, Runtime};
use crate::{ConnectError, Instant};

/// A runtime without an executor. Its futures run in [`block_on`].
#[derive(Clone, Copy)]
pub(super) struct Blocking;

/// The origin of the clock.
#[expect(clippy::disallowed_methods, reason = "the clock of this runtime")]
static ORIGIN: LazyLock<Clock> = LazyLock::new(Clock::now);

/// A sleep, which is the end of a stage as well: it notes its time for what blocks meanwhile.
pub(super) struct Sleep(Instant);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Blocking.now() >= self.0 {
            return Poll::Ready(());
        }
        park::note_deadline(Some(self.0));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        park::note_deadline(None);
    }
}

impl Runtime for Blocking {
    type Link = WebSocket;
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        Instant::ORIGIN + ORIGIN.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        // What is polled before the sleep is limited too.
        park::note_deadline(Some(at));
        Sleep(at)
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send + 'static {
        let runtime = *self;
        async move { dial(&runtime, &request).await }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // A system without room for another thread is reported by what misses the task.
        drop(thread::Builder::new().spawn(move || block_on(task)));
    }
}

impl Net for Blocking {
    async fn look_up(host: String, port: u16) -> io::Result<impl Iterator<Item = SocketAddr> + Send> {
        // The resolver of the system has no limit, so it has a thread of its own. A lookup that
        // takes too long ends there, when the resolver gives up.
        let (found, result) = mpsc::sync_channel(1);
        Blocking.spawn(async move { drop(found.send((host.as_str(), port).to_socket_addrs())) });
        poll_fn(move |_| match result.recv_timeout(remaining()) {
            Ok(found) => Poll::Ready(found),
            Err(RecvTimeoutError::Timeout) => Poll::Pending,
            Err(RecvTimeoutError::Disconnected) => {
                Poll::Ready(Err(io::Error::other("the name lookup needs a thread, and the system has none")))
            }
        })
        .await
    }

    async fn connect(address: SocketAddr) -> io::Result<impl ByteStream> {
        let connected = poll_fn(|_| match remaining() {
            time if time.is_zero() => Poll::Pending,
            time => match TcpStream::connect_timeout(&address, time) {
                // The dial reports its own limit.
                Err(error) if error.kind() == ErrorKind::TimedOut && remaining().is_zero() => Poll::Pending,
                result => Poll::Ready(result),
            },
        });
        let stream = connected.await?;
        // The client sends small messages and waits for their replies. If the option is refused,
        // the messages arrive later, so the error is ignored.
        let _ = stream.set_nodelay(true);
        Ok(TcpByteStream(Arc::new(Tcp::new(stream)?)))
    }

    async fn secure(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: impl ByteStream,
    ) -> io::Result<impl ByteStream> {
        TlsStream::connect(config, name, stream).await
    }
}
