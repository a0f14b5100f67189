//! The client's task over a runtime whose socket the test scripts.
#![cfg(feature = "net")]

mod loans;
mod scripted;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ibws_proto::client::{Client, EventStream, QueueAccessor};
use ibws_proto::{CommandError, ConnectionState, Event, Item, Key, Subscribe};

use scripted::{Scripted, assert_returns, client, ready, within};

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
        while wire.lock().accepted < 64 * text.len() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!((client.status().state, wire.lock().dials), (ConnectionState::Ready, 1));
    wire.lock().stuck = true;
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
