//! A runtime whose socket the test scripts.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ibws_proto::client::{Builder, Client};
use ibws_proto::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
use ibws_proto::{ConnectError, ConnectionState, Instant};
use ibws_tokio::TokioRuntime;

/// The longest that a test waits for anything.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(20);

/// The clock and the tasks of tokio, with a wire whose other end the test holds.
#[derive(Clone)]
pub(crate) struct Scripted {
    tokio: TokioRuntime,
    wire: Wire,
}

#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Ends>>);

#[derive(Default)]
pub(crate) struct Ends {
    incoming: VecDeque<IncomingMessage>,
    reader: Option<Waker>,
    /// Set if the socket accepts no more bytes.
    pub(crate) stuck: bool,
    /// The number of bytes that the socket accepted.
    pub(crate) accepted: usize,
    pub(crate) dials: usize,
    /// The number of polls of the tasks that the client spawned.
    pub(crate) polls: usize,
}

impl Wire {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap()
    }

    /// Returns the number of holders of the wire.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    pub(crate) fn push(&self, frame: &str) {
        self.push_all([frame.to_owned()]);
    }

    /// Pushes frames that can be read at once.
    pub(crate) fn push_all(&self, frames: impl IntoIterator<Item = String>) {
        let reader = {
            let mut ends = self.lock();
            ends.incoming.extend(frames.into_iter().map(|frame| IncomingMessage::Frame(frame.into())));
            ends.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }
}

impl Link for Wire {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let mut ends = self.lock();
        if let Some(received) = ends.incoming.pop_front() {
            return Poll::Ready(received);
        }
        ends.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        let mut ends = self.lock();
        if ends.stuck {
            return Poll::Pending;
        }
        if let Some(OutgoingMessage::Text(text)) = message.take() {
            ends.accepted += text.len();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }
}

impl Runtime for Scripted {
    type Link = Wire;
    type Sleep = <TokioRuntime as Runtime>::Sleep;

    fn now(&self) -> Instant {
        self.tokio.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.tokio.sleep_until(at)
    }

    fn dial(&self, _: DialRequest) -> impl Future<Output = Result<Wire, ConnectError>> + Send + 'static {
        self.wire.lock().dials += 1;
        std::future::ready(Ok(self.wire.clone()))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let wire = self.wire.clone();
        self.tokio.spawn(async move {
            let mut task = pin!(task);
            poll_fn(|cx| {
                wire.lock().polls += 1;
                task.as_mut().poll(cx)
            })
            .await;
        });
    }
}

pub(crate) fn client() -> (Client<Scripted>, Wire) {
    let wire = Wire::default();
    let runtime = Scripted { tokio: TokioRuntime::new(), wire: wire.clone() };
    (Builder::new(runtime).build().unwrap(), wire)
}

/// Returns a client that is ready.
pub(crate) async fn ready() -> (Client<Scripted>, Wire) {
    let (client, wire) = client();
    wire.push(r#"{"topic":"system","success":"user"}"#);
    wire.push(r#"{"topic":"sts","args":{"authenticated":true}}"#);
    within(client.start()).await.unwrap();
    within(async {
        while client.status().state != ConnectionState::Ready {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (client, wire)
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(MAX_WAIT, future).await.expect("it takes too long")
}

/// Calls `act` on a thread of its own, because it may block for ever, and asserts that it returns.
pub(crate) fn assert_returns(act: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        act();
        let _ = done.send(());
    });
    is_done.recv_timeout(MAX_WAIT).expect("it blocks");
}
