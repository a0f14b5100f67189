//! The client's task over a runtime whose socket the test scripts.
#![cfg(feature = "net")]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ibws_proto::client::{Builder, Client, EventStream, QueueAccessor};
use ibws_proto::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
use ibws_proto::{CommandError, ConnectError, ConnectionState, Event, Instant, Item, Key, Subscribe};
use ibws_tokio::TokioRuntime;

/// The longest that a test waits for anything.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// The clock and the tasks of tokio, with a wire whose other end the test holds.
#[derive(Clone)]
struct Scripted {
    tokio: TokioRuntime,
    wire: Wire,
}

#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Ends>>);

#[derive(Default)]
struct Ends {
    incoming: VecDeque<IncomingMessage>,
    reader: Option<Waker>,
    /// Set if the socket accepts no more bytes.
    stuck: bool,
    /// The number of bytes that the socket accepted.
    accepted: usize,
    dials: usize,
}

impl Wire {
    fn push(&self, frame: &'static str) {
        let reader = {
            let mut ends = self.0.lock().unwrap();
            ends.incoming.push_back(IncomingMessage::Frame(frame.as_bytes().into()));
            ends.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }
}

impl Link for Wire {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let mut ends = self.0.lock().unwrap();
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
        let mut ends = self.0.lock().unwrap();
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
        self.wire.0.lock().unwrap().dials += 1;
        std::future::ready(Ok(self.wire.clone()))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tokio.spawn(task);
    }
}

fn client() -> (Client<Scripted>, Wire) {
    let wire = Wire::default();
    let runtime = Scripted { tokio: TokioRuntime::new(), wire: wire.clone() };
    (Builder::new(runtime).build().unwrap(), wire)
}

/// Returns a client that is ready.
async fn ready() -> (Client<Scripted>, Wire) {
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

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(MAX_WAIT, future).await.expect("it takes too long")
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn consumers_that_share_a_queue_wait_until_an_event_comes() {
    let (client, wire) = ready().await;
    let mut queues: [QueueAccessor<_>; 3] = core::array::from_fn(|_| client.queue(Key::System));
    let counts: [Arc<Count>; 3] = Default::default();
    let mut waiting: Vec<_> = queues.iter_mut().map(|queue| Box::pin(queue.recv())).collect();
    for _ in 0..3 {
        for (future, count) in waiting.iter_mut().zip(&counts) {
            let waker = Waker::from(count.clone());
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::SeqCst)), [0; 3], "the consumers wake one another");
    wire.push(r#"{"topic":"system","hb":1}"#);
    within(async {
        // Every consumer is woken, because the one that is woken first may no longer wait.
        while counts.iter().any(|count| count.0.load(Ordering::SeqCst) == 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A waker like those of an executor whose tasks live as long as their wakers: dropping the last
/// one drops a task with the handles that it holds.
struct UsesClient(Client<Scripted>);

impl Wake for UsesClient {
    fn wake(self: Arc<Self>) {}
}

impl Drop for UsesClient {
    fn drop(&mut self) {
        let _ = self.0.status();
    }
}

/// Calls `act` on a thread of its own, because it may block for ever, and asserts that it returns.
fn assert_returns(act: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        act();
        let _ = done.send(());
    });
    is_done.recv_timeout(MAX_WAIT).expect("it blocks");
}

fn poll_once(future: Pin<&mut (impl Future + ?Sized)>, client: &Client<Scripted>) {
    let waker = Waker::from(Arc::new(UsesClient(client.clone())));
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
}

#[test]
fn no_waker_is_dropped_under_the_lock() {
    assert_returns(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _on_runtime = runtime.enter();
        // The client's task never runs.
        let (client, _wire) = client();
        let mut request = Box::pin(client.disconnect());
        poll_once(request.as_mut(), &client);
        poll_once(request.as_mut(), &client);
        drop(request);
        let mut events: EventStream<_> = client.events();
        poll_once(pin!(events.next()), &client);
        poll_once(pin!(events.next()), &client);
        drop(events);
        let mut queues = [client.queue(Key::System), client.queue(Key::System)];
        queues.iter_mut().for_each(|queue| poll_once(pin!(queue.recv()), &client));
        queues.into_iter().for_each(drop);
    });
}

#[tokio::test]
async fn connection_to_a_peer_that_does_not_read_is_dropped_before_it_costs_much_memory() {
    let (client, wire) = ready().await;
    let text = "x".repeat(65_536);
    // A burst that the socket accepts does not end the connection.
    let burst: Vec<_> = (0..64).map(|_| client.send_text(&text)).collect();
    for sent in burst {
        within(sent).await.unwrap();
    }
    within(async {
        while wire.0.lock().unwrap().accepted < 64 * text.len() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((client.status().state, wire.0.lock().unwrap().dials), (ConnectionState::Ready, 1));
    wire.0.lock().unwrap().stuck = true;
    for _ in 0..64 {
        if within(client.send_text(&text)).await.is_err() {
            return;
        }
    }
    panic!("the client holds every text");
}

#[test]
fn client_that_outlives_its_runtime_is_stopped_and_reports_it() {
    assert_returns(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, wire) = runtime.block_on(ready());
        let mut events = client.events();
        let quotes = client.subscribe_nowait(Subscribe::parse("pl").unwrap()).unwrap();
        drop(runtime);
        drop(wire);
        let (mut last, mut cx) = (None, Context::from_waker(Waker::noop()));
        while let Poll::Ready(Some(item)) = pin!(events.next()).poll(&mut cx) {
            if let Item::Event(Event::State(change)) = item {
                last = Some(change.state);
            }
        }
        assert_eq!(last, Some(ConnectionState::Stopped));
        assert_eq!(pin!(events.next()).poll(&mut cx).map(|item| item.is_none()), Poll::Ready(true));
        for _ in 0..3 {
            let (start, tic) = (client.start(), client.tic());
            assert_eq!(pin!(start).poll(&mut cx), Poll::Ready(Err(CommandError::ShutDown)));
            assert_eq!(pin!(tic).poll(&mut cx), Poll::Ready(Err(CommandError::ShutDown)));
        }
        let status = client.status();
        assert_eq!((status.state, status.requests, status.subscriptions), (ConnectionState::Stopped, 0, 0));
        drop(quotes);
    });
}
