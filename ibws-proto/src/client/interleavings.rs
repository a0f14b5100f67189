//! The shared state of the client under many interleavings of its threads: no wake-up is lost or
//! doubled, and the client ends whoever drops its last handle.
//!
//! Shuttle runs every thread and task here, and decides at each lock and each atomic which one goes
//! on. A story that waits for ever is a failure, because then no thread can go on. A failure prints
//! the schedule, and `shuttle::replay` repeats it. Each story runs `IBWS_SCHEDULES` times (default:
//! 500) from the seed `IBWS_SEED` (default: 1) with random schedules, and as often with schedules
//! of few switches.
//!
//! `RUSTFLAGS='--cfg shuttle' cargo test -p ibws-proto --features client --lib interleavings`

use core::future::{Pending, poll_fn};
use core::pin::pin;
use std::boxed::Box;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::vec::Vec;

use shuttle::future::{JoinHandle, block_on};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Runner, thread};

use super::sync::Mutex;
use super::{Builder, Client};
use crate::subscribe::{Processor, WireProcessor};
use crate::transport::{DialRequest, IncomingMessage, Link, OutgoingMessage, Runtime, WriteError};
use crate::{CloseCause, CommandError, ConnectError, ConnectionState, Event, Instant, Item, Key, Subscribe};

const GREETING: [&str; 2] =
    [r#"{"topic":"system","success":"user12345"}"#, r#"{"topic":"sts","args":{"authenticated":true}}"#];
const NOTIFICATION: &str = r#"{"topic":"ntf","args":[]}"#;
/// The most switches that a schedule of few switches makes.
const SWITCHES: usize = 4;

/// Runs a story under many schedules.
fn explore(story: fn()) {
    let setting = |name, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (seed, schedules): (u64, u64) = (setting("IBWS_SEED", 1), setting("IBWS_SCHEDULES", 500));
    let schedules = usize::try_from(schedules).expect("a number of schedules");
    // Shuttle takes every atomic as sequentially consistent. Those of the client only decide
    // whether a lock is worth taking.
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    Runner::new(RandomScheduler::new_from_seed(seed, schedules), config.clone()).run(story);
    Runner::new(PctScheduler::new_from_seed(seed, SWITCHES, schedules), config).run(story);
}

/// A runtime whose tasks are those of shuttle, with one peer. Its time stands still.
#[derive(Clone)]
struct Threads {
    peer: Arc<Peer>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// What the peer of the client has sent and the client has not received.
#[derive(Default)]
struct Peer {
    inbox: Mutex<(VecDeque<IncomingMessage>, Option<Waker>)>,
}

impl Peer {
    fn send(&self, message: IncomingMessage) {
        let reader = {
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.0.push_back(message);
            inbox.1.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }

    fn text(&self, text: &'static str) {
        self.send(IncomingMessage::Frame(text.into()));
    }
}

/// The client's end of the connection to a [`Peer`]. The peer confirms a Close.
struct PeerLink(Arc<Peer>);

impl Link for PeerLink {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<IncomingMessage> {
        let mut inbox = self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        match inbox.0.pop_front() {
            Some(message) => Poll::Ready(message),
            None => {
                let before = inbox.1.replace(cx.waker().clone());
                drop(inbox);
                drop(before);
                Poll::Pending
            }
        }
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        message: &mut Option<OutgoingMessage>,
    ) -> Poll<Result<(), WriteError>> {
        if let Some(OutgoingMessage::Close(code)) = message.take() {
            self.0.send(IncomingMessage::Closed(CloseCause::Close(Some(code))));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        Poll::Ready(Ok(()))
    }
}

impl Runtime for Threads {
    type Link = PeerLink;
    type Sleep = Pending<()>;

    fn now(&self) -> Instant {
        Instant::ORIGIN
    }

    fn sleep_until(&self, _: Instant) -> Pending<()> {
        core::future::pending()
    }

    fn dial(&self, _: DialRequest) -> impl Future<Output = Result<PeerLink, ConnectError>> + Send + 'static {
        let peer = Arc::clone(&self.peer);
        async move {
            GREETING.into_iter().for_each(|text| peer.text(text));
            Ok(PeerLink(peer))
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = shuttle::future::spawn(task);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

/// A client of a [`Peer`].
fn client() -> (Threads, Client<Threads>) {
    let runtime = Threads { peer: Arc::default(), tasks: Arc::default() };
    let builder = Builder::new(runtime.clone()).url("ws://127.0.0.1:5000/v1/api/ws").plaintext_on_loopback();
    let client = builder.configure(|config| config.seed = 1).build().expect("a client");
    (runtime, client)
}

impl Threads {
    /// Waits until every task has ended, which they do once the last handle is dropped. Nothing
    /// holds the shared state then.
    fn until_over(self) {
        let tasks = core::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        assert!(!tasks.is_empty());
        tasks.into_iter().for_each(|task| block_on(task).expect("a task that ends by itself"));
        assert_eq!(Arc::strong_count(&self.tasks), 1, "something of the client holds its runtime");
    }
}

fn is_stopped(item: &Item) -> bool {
    matches!(item, Item::Event(Event::State(change)) if change.state == ConnectionState::Stopped)
}

fn is_notification(item: &Item) -> bool {
    matches!(item, Item::Event(Event::Message(message)) if message.key == Some(Key::Notifications))
}

#[test]
fn no_wake_up_of_a_consumer_is_lost() {
    explore(|| {
        let (runtime, client) = client();
        let mut queue = client.queue(Key::Notifications);
        let consumer = thread::spawn(move || {
            for _ in 0..3 {
                let item = block_on(queue.recv()).expect("the client lives");
                assert!(is_notification(&item), "{item:?}");
            }
            assert!(queue.try_recv().is_none());
        });
        let peer = Arc::clone(&runtime.peer);
        let sender = thread::spawn(move || (0..3).for_each(|_| peer.text(NOTIFICATION)));
        assert_eq!(block_on(client.start()), Ok(()));
        sender.join().expect("no panic");
        consumer.join().expect("no panic");
        drop(client);
        runtime.until_over();
    });
}

/// Notifications of a flood. A round reads one here.
const FLOOD: usize = 5;

#[test]
fn a_flood_reaches_every_consumer_whoever_reads_it() {
    explore(|| {
        let (runtime, client) = client();
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let mut events = client.events();
                thread::spawn(move || {
                    for _ in 0..FLOOD {
                        while !is_notification(&block_on(events.next()).expect("the client lives")) {}
                    }
                })
            })
            .collect();
        drop(client.start());
        let peer = Arc::clone(&runtime.peer);
        let sender = thread::spawn(move || (0..FLOOD).for_each(|_| peer.text(NOTIFICATION)));
        assert_eq!(block_on(client.check_ping()), Ok(true));
        sender.join().expect("no panic");
        consumers.into_iter().for_each(|consumer| consumer.join().expect("no panic"));
        drop(client);
        runtime.until_over();
    });
}

#[test]
fn a_client_may_end_while_a_consumer_reads() {
    explore(|| {
        let (runtime, client) = client();
        let mut events = client.events();
        let consumer = thread::spawn(move || while !is_stopped(&block_on(events.next()).expect("the client lives")) {});
        drop(client.start());
        (0..FLOOD).for_each(|_| runtime.peer.text(NOTIFICATION));
        assert_eq!(block_on(client.shutdown()), Ok(()));
        drop(client);
        consumer.join().expect("no panic");
        runtime.until_over();
    });
}

#[test]
fn consumers_that_share_a_queue_are_all_woken() {
    explore(|| {
        let (runtime, client) = client();
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let mut queue = client.queue(Key::Notifications);
                thread::spawn(move || {
                    let item = block_on(queue.recv()).expect("the client lives");
                    assert!(is_notification(&item), "{item:?}");
                    // The queue stays open for the other one.
                    queue
                })
            })
            .collect();
        drop(client.start());
        (0..2).for_each(|_| runtime.peer.text(NOTIFICATION));
        let mut queues: Vec<_> = consumers.into_iter().map(|consumer| consumer.join().expect("no panic")).collect();
        assert!(queues.iter_mut().all(|queue| queue.try_recv().is_none()));
        drop((client, queues));
        runtime.until_over();
    });
}

#[test]
fn every_request_gets_its_reply_whoever_shuts_the_client_down() {
    explore(|| {
        let (runtime, client) = client();
        let start = client.start();
        let other = client.clone();
        let ready = thread::spawn(move || block_on(other.ready()));
        let other = client.clone();
        let checked = thread::spawn(move || {
            // A future that is dropped after a poll takes its waker along.
            let dropped = poll_fn(|cx| {
                let mut request = pin!(other.tic());
                let _ = request.as_mut().poll(cx);
                Poll::Ready(())
            });
            block_on(dropped);
            block_on(other.check_ping())
        });
        let last = thread::spawn(move || block_on(client.shutdown()));
        assert!(matches!(block_on(start), Ok(()) | Err(CommandError::ShutDown | CommandError::Superseded)));
        assert!(matches!(
            ready.join().expect("no panic"),
            Ok(()) | Err(CommandError::NotReady(_) | CommandError::ShutDown | CommandError::Superseded)
        ));
        assert_eq!(checked.join().expect("no panic"), Ok(true));
        assert_eq!(last.join().expect("no panic"), Ok(()));
        runtime.until_over();
    });
}

#[test]
fn the_client_ends_whoever_drops_its_last_handle() {
    explore(|| {
        let (runtime, client) = client();
        let (events, queue) = (client.events(), client.queue(Key::Orders));
        let subscription =
            client.subscribe_nowait(Subscribe::parse("or").expect("a channel")).expect("a valid request");
        let guard = client
            .subscribe_nowait(Subscribe::parse("md+1+{}").expect("a channel"))
            .expect("a valid request")
            .into_guard();
        let start = client.start();
        let threads = [
            thread::spawn(move || drop((events, start))),
            thread::spawn(move || drop((subscription, queue))),
            thread::spawn(move || drop((client, guard))),
        ];
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        runtime.until_over();
    });
}

/// A waker that counts, and uses the client each time that it is woken or dropped.
struct Curious {
    client: Client<Threads>,
    woken: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        let _ = self.client.stats();
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        let _ = self.client.status();
    }
}

#[test]
fn a_waker_is_woken_once_and_dropped_once_without_the_lock() {
    explore(|| {
        let (runtime, client) = client();
        let counts = <[Arc<AtomicUsize>; 2]>::default();
        let [woken, dropped] = counts.clone();
        let waker = Waker::from(Arc::new(Curious { client: client.clone(), woken, dropped }));
        let mut start = Box::pin(client.start());
        let is_pending = start.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        drop(waker);
        // The greeting and the shutdown both resolve the request, whichever comes first.
        let other = client.clone();
        let last = thread::spawn(move || block_on(other.shutdown()));
        assert_eq!(last.join().expect("no panic"), Ok(()));
        assert!(!is_pending || start.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        drop((start, client));
        runtime.until_over();
        let [woken, dropped] = counts.map(|count| count.load(Ordering::SeqCst));
        assert_eq!((woken, dropped), (usize::from(is_pending), 1));
    });
}

/// A value that a processor holds.
struct Held(WireProcessor, #[expect(dead_code, reason = "its drop is counted")] Arc<()>);

impl crate::subscribe::SubscriptionProcessor for Held {
    fn subscribe_payload(&self, channel: &str, args: Option<&crate::subscribe::Args>) -> std::string::String {
        self.0.subscribe_payload(channel, args)
    }

    fn unsubscribe_payload(&self, channel: &str, args: Option<&crate::subscribe::Args>) -> std::string::String {
        self.0.unsubscribe_payload(channel, args)
    }
}

#[test]
fn every_processor_is_dropped_with_its_subscription() {
    explore(|| {
        let (runtime, client) = client();
        let held = Arc::new(());
        let weak: Weak<()> = Arc::downgrade(&held);
        let threads = ["md+1+{}", "md+2+{}"].map(|text| {
            let (client, held) = (client.clone(), Arc::clone(&held));
            thread::spawn(move || {
                let subscribe = Subscribe::parse(text).expect("a channel");
                let subscribe = subscribe.processor(Processor::new(Held(WireProcessor, held)));
                drop(client.subscribe_nowait(subscribe).expect("a valid request"));
            })
        });
        drop(held);
        drop(client.start());
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(block_on(client.shutdown()), Ok(()));
        assert_eq!(weak.strong_count(), 0, "a processor was not dropped");
        drop(client);
        runtime.until_over();
    });
}
