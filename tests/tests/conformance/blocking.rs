//! A runtime whose dials and connections are those of a thread without a runtime, so that they play
//! the stories as well. Its clock, its sleeps and its tasks are those of tokio.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use ibws_proto::transport::websocket::blocking;
use ibws_proto::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
use ibws_proto::{ConnectError, Instant};
use ibws_tokio::TokioRuntime;

/// Each connection blocks the thread that polls it, so there are many, for all stories that are
/// played at the same time.
static THREADS: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(16).enable_all().build().expect("a tokio runtime")
});

/// The longest time that a poll blocks, and the time between two polls of a connection on which
/// nothing arrives.
const WAIT: Duration = Duration::from_millis(2);

#[derive(Clone)]
pub(crate) struct BlockingRuntime(TokioRuntime);

impl BlockingRuntime {
    pub(crate) fn new() -> Self {
        Self(TokioRuntime::with_handle(THREADS.handle().clone()))
    }
}

impl Runtime for BlockingRuntime {
    type Link = BlockingLink;
    type Sleep = <TokioRuntime as Runtime>::Sleep;

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.0.sleep_until(at)
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<BlockingLink, ConnectError>> + Send + 'static {
        let dial = THREADS.spawn_blocking(move || blocking::dial(&request));
        let runtime = self.0.clone();
        async move {
            let socket = dial.await.expect("no panic")?;
            Ok(BlockingLink { runtime, socket, pause: None, is_closing: false })
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

/// A connection of a thread, with the interface of one that is polled.
pub(crate) struct BlockingLink {
    runtime: TokioRuntime,
    socket: blocking::WebSocket,
    /// The time until the next poll.
    pause: Option<Pin<Box<<TokioRuntime as Runtime>::Sleep>>>,
    /// A Close was sent.
    is_closing: bool,
}

impl BlockingLink {
    /// Has the task polled again after a pause.
    fn pause<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        loop {
            let at = self.runtime.now() + WAIT;
            let pause = self.pause.get_or_insert_with(|| Box::pin(self.runtime.sleep_until(at)));
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
    }
}

impl Link for BlockingLink {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        match self.socket.receive(WAIT) {
            Some(message) => Poll::Ready(message),
            None => self.pause(cx),
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        // A thread may send without waiting for room. What polls waits for it.
        match self.socket.flush(Duration::ZERO) {
            Ok(true) => {}
            Ok(false) => return self.pause(cx),
            Err(error) => return Poll::Ready(Err(error)),
        }
        if self.is_closing {
            return Poll::Ready(Err(WriteError));
        }
        let Some(outgoing) = message.take() else { return Poll::Ready(Ok(())) };
        self.is_closing = matches!(outgoing, OutgoingMessage::Close(_));
        let refused = outgoing.clone();
        let sent = self.socket.send(outgoing);
        if sent.is_err() {
            *message = Some(refused);
        }
        Poll::Ready(sent)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        match self.socket.flush(Duration::ZERO) {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => self.pause(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
