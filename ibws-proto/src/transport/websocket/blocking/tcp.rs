//! A TCP socket of the standard library that is read and written without blocking, and waited for
//! with a limit.

use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::park;
use crate::transport::websocket::ByteStream;

/// The shortest limit that every system takes.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// A connected socket. It blocks in [`wait`](Self::wait) only.
pub(super) struct Tcp {
    stream: TcpStream,
    /// The error that a wait found. The system reports an error once, so the next read returns it.
    error: Mutex<Option<io::Error>>,
}

impl Tcp {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, error: Mutex::new(None) })
    }

    /// Waits until there is something to read, an end and an error included, for at most `time` or
    /// a millisecond.
    pub(super) fn wait(&self, time: Duration) {
        let waited = self.stream.set_nonblocking(false).and_then(|()| {
            self.stream.set_read_timeout(Some(time.max(MIN_WAIT)))?;
            self.stream.peek(&mut [0])
        });
        let restored = self.stream.set_nonblocking(true);
        if let Some(error) = waited.err().filter(|error| !is_temporary(error)).or(restored.err()) {
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The byte stream of a socket.
pub(super) struct TcpByteStream(pub(super) Arc<Tcp>);

impl ByteStream for TcpByteStream {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.0.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Poll::Ready(Err(error));
        }
        polled(|| (&self.0.stream).read(buf), || park::note_read(&self.0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        polled(|| (&self.0.stream).write(buf), park::note_write)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.stream.shutdown(Shutdown::Write))
    }
}

/// Makes a call that does not block, and notes if it would.
fn polled<T>(mut call: impl FnMut() -> io::Result<T>, note: impl FnOnce()) -> Poll<io::Result<T>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                note();
                return Poll::Pending;
            }
            result => return Poll::Ready(result),
        }
    }
}
