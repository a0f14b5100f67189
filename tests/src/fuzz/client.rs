//! The whole client on a link and a clock that the bytes move.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ibws_proto::client::{Builder, Client, EventStream, QueueAccessor, Subscription, SubscriptionGuard};
use ibws_proto::queue::QueueLimits;
use ibws_proto::transport::IncomingMessage;
use ibws_proto::{ConnectErrorKind, Item, Key, Subscribe};

use super::line::{Line, ends};
use super::memory::allocated;
use crate::frames::minimal::{any, some_key};
use crate::frames::{AUTHENTICATED, SUCCESS, data};
use crate::runtime::Flag;
use crate::walk::ByteSource;

/// The largest number of operations of a run.
const OPERATIONS: usize = 192;
/// The largest number of handles of one kind at once.
const HANDLES: usize = 8;
/// The time in which a shutdown has ended, whatever the peer does.
const SHUTDOWN: Duration = Duration::from_secs(60);
/// Bytes that may remain after a run: buffers of the program that are not of this run.
const REMAINDER: usize = 64 * 1024;

/// Uses the client, and moves its peer, its link and its clock, as the bytes decide: dials end or
/// wait, links yield, stall, fail and end, messages arrive in pieces, tasks are polled with and
/// without having been woken, and handles are dropped at any moment. Checks that:
///
/// * nothing is ready without having been woken, and everything that was received is read;
/// * a task that is polled without having been woken does nothing;
/// * after a shutdown each request has a reply, and each stream has ended;
/// * after the last handle is dropped no task, timer, link, waker or memory remains.
///
/// # Panics
/// If one of these does not hold.
pub fn client(data: &[u8]) {
    let before = allocated();
    let mut bytes = ByteSource::new(data);
    let mut run = Run::new(&mut bytes);
    for _ in 0..OPERATIONS {
        if bytes.is_empty() {
            break;
        }
        run.operate(&mut bytes);
        if bytes.chance(160) {
            run.check();
        }
    }
    run.end();
    let remaining = allocated().saturating_sub(before);
    assert!(remaining <= REMAINDER, "{remaining} bytes remain");
}

/// A waker that remembers that it was woken, and the flag that it sets.
#[derive(Default)]
struct Woken(Arc<Flag>);

impl Woken {
    fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    fn take(&self) -> bool {
        self.0.take()
    }
}

/// A request whose reply has not come.
struct Request {
    name: &'static str,
    reply: Pin<Box<dyn Future<Output = ()> + Send>>,
    woken: Woken,
    is_polled: bool,
}

impl Request {
    fn poll(&mut self) -> bool {
        self.is_polled = true;
        self.reply.as_mut().poll(&mut Context::from_waker(&self.woken.waker())).is_ready()
    }
}

/// A stream of events.
enum Stream {
    Events(EventStream<Line>),
    Queue(QueueAccessor<Line>),
    Subscription(Subscription<Line>),
    Guard(SubscriptionGuard<Line>),
}

/// A consumer of a stream.
struct Consumer {
    stream: Stream,
    woken: Woken,
    /// It found nothing, and waits to be woken.
    waits: bool,
}

impl Consumer {
    fn poll(&mut self) -> Poll<Option<Item>> {
        let waker = self.woken.waker();
        let cx = &mut Context::from_waker(&waker);
        let polled = match &mut self.stream {
            Stream::Events(stream) => pin!(stream.next()).poll(cx),
            Stream::Queue(queue) => pin!(queue.recv()).poll(cx),
            Stream::Subscription(subscription) => pin!(subscription.next()).poll(cx),
            // A guard has no items, only the outcome of its subscribe.
            Stream::Guard(guard) => pin!(guard.outcome()).poll(cx).map(|_| None),
        };
        self.waits = polled.is_pending();
        polled
    }

    /// Checks that the stream of a subscription has ended, once everything was taken.
    fn check_end(&mut self) {
        while let Poll::Ready(Some(_)) = self.poll() {}
        let Stream::Subscription(subscription) = &self.stream else { return };
        assert!(!self.waits, "the stream of {} has not ended after the shutdown", subscription.key());
    }
}

/// A run: the client with everything that was made of it.
struct Run {
    line: Line,
    clients: Vec<Client<Line>>,
    requests: Vec<Request>,
    consumers: Vec<Consumer>,
    /// The flags of all wakers, which outlive none of them.
    flags: Vec<Arc<Flag>>,
}

impl Run {
    fn new(bytes: &mut ByteSource<'_>) -> Self {
        let line = Line::default();
        let limits = QueueLimits { events: 1 + bytes.below(32), bytes: 64 << bytes.below(12) };
        let builder = Builder::new(line.clone()).url("ws://127.0.0.1:5000/v1/api/ws").plaintext_on_loopback();
        let builder = builder.configure(|config| config.seed = 1).queue_limits(limits);
        let client = builder.build().unwrap_or_else(|error| panic!("{error}"));
        Self { line, clients: vec![client], requests: Vec::new(), consumers: Vec::new(), flags: Vec::new() }
    }

    fn operate(&mut self, bytes: &mut ByteSource<'_>) {
        match bytes.below(32) {
            0..=9 => self.request(bytes),
            10 => self.attach(bytes),
            11 => self.detach(bytes),
            12 if !self.requests.is_empty() => drop(self.requests.swap_remove(bytes.below(self.requests.len()))),
            13 => self.read(bytes),
            14 => self.clone_or_drop(bytes),
            15..=17 => self.line.end_dial(match bytes.below(8) {
                0 => Err(ConnectErrorKind::Unreachable),
                1 => Err(ConnectErrorKind::AuthenticationRequired),
                2 => Err(ConnectErrorKind::Trust),
                _ => Ok(()),
            }),
            18 | 19 => {
                for text in [SUCCESS, AUTHENTICATED] {
                    self.line.send(IncomingMessage::Frame(text.into()));
                }
            }
            20..=22 => self.line.send(IncomingMessage::Frame(any(bytes))),
            23 => self.send_in_pieces(bytes),
            24 => self.line.send(match bytes.below(4) {
                0 => IncomingMessage::Closed(bytes.pick(&ends()).clone()),
                1 => IncomingMessage::Ping,
                _ => IncomingMessage::Pong,
            }),
            25 => self.line.stick(bytes.chance(128)),
            26 => self.line.yield_after_each(bytes.chance(128)),
            27 if bytes.chance(64) => self.line.break_writes(),
            28 | 29 => {
                let span = bytes.span(Duration::from_secs(40));
                self.line.pass(span);
            }
            30 => self.poll_without_wake(),
            _ => self.line.poll_one(),
        }
    }

    fn request(&mut self, bytes: &mut ByteSource<'_>) {
        let Some(client) = self.clients.last().filter(|_| self.requests.len() < HANDLES) else { return };
        let (kind, subscribe) = (bytes.below(16), Subscribe::new(some_key(bytes)));
        macro_rules! request {
            ($name:literal, $reply:expr) => {{
                let reply = $reply;
                ($name, Box::pin(async move { drop(reply.await) }) as Pin<Box<dyn Future<Output = ()> + Send>>)
            }};
        }
        let (name, reply) = match kind {
            0..=3 => request!("start", client.start()),
            4 => request!("shutdown", client.shutdown()),
            5 => request!("drain", client.drain()),
            6 => request!("disconnect", client.disconnect()),
            7 => request!("hard_reset", client.hard_reset(bytes.chance(128))),
            8 => request!("check_ping", client.check_ping()),
            9 => request!("check_health", client.check_health()),
            10 => request!("subscribe", client.subscribe(subscribe)),
            11 => request!("unsubscribe", client.unsubscribe(&subscribe.key, bytes.chance(128))),
            12 => request!("recreate_subscriptions", client.recreate_subscriptions()),
            13 => request!("send_text", client.send_text("tic")),
            14 => request!("tic", client.tic()),
            _ => request!("ready", client.ready()),
        };
        let woken = self.flag();
        let mut request = Request { name, reply, woken, is_polled: false };
        // A future may be polled long after its request was made.
        if bytes.chance(32) || !request.poll() {
            self.requests.push(request);
        }
    }

    fn flag(&mut self) -> Woken {
        let woken = Woken::default();
        self.flags.push(woken.0.clone());
        woken
    }

    fn attach(&mut self, bytes: &mut ByteSource<'_>) {
        let Some(client) = self.clients.last().filter(|_| self.consumers.len() < HANDLES) else { return };
        let key = some_key(bytes);
        let stream = match bytes.below(4) {
            0 => Stream::Events(client.events()),
            1 => Stream::Queue(client.queue(if bytes.chance(128) { Key::System } else { key.key() })),
            _ => Stream::Subscription(client.subscribe_nowait(Subscribe::new(key)).expect("a valid request")),
        };
        let woken = self.flag();
        self.consumers.push(Consumer { stream, woken, waits: false });
    }

    fn detach(&mut self, bytes: &mut ByteSource<'_>) {
        if self.consumers.is_empty() {
            return;
        }
        let mut consumer = self.consumers.swap_remove(bytes.below(self.consumers.len()));
        if let Stream::Subscription(subscription) = consumer.stream
            && bytes.chance(64)
        {
            consumer.stream = Stream::Guard(subscription.into_guard());
            consumer.waits = false;
            drop(consumer.poll());
            self.consumers.push(consumer);
        }
    }

    fn read(&mut self, bytes: &mut ByteSource<'_>) {
        if self.consumers.is_empty() {
            return;
        }
        let at = bytes.below(self.consumers.len());
        for _ in 0..=bytes.below(8) {
            if self.consumers[at].poll().is_pending() {
                break;
            }
        }
    }

    fn clone_or_drop(&mut self, bytes: &mut ByteSource<'_>) {
        if bytes.chance(64) {
            self.clients.pop();
        } else if let Some(client) = self.clients.first().filter(|_| self.clients.len() < 3).cloned() {
            self.clients.push(client);
        }
    }

    fn send_in_pieces(&mut self, bytes: &mut ByteSource<'_>) {
        let frame = data(&some_key(bytes));
        let at = bytes.below(frame.len());
        self.line.send(IncomingMessage::Frame(frame.slice(..at)));
        if bytes.chance(128) {
            self.line.settle();
        }
        self.line.send(IncomingMessage::Frame(frame.slice(at..)));
    }

    /// Lets everything run that was woken, and checks that what was not woken is not ready.
    fn check(&mut self) {
        loop {
            let polls = self.line.settle();
            let open = self.requests.len();
            self.requests.retain_mut(|request| {
                let may_be_ready = request.woken.take() || !request.is_polled;
                let is_ready = request.poll();
                assert!(may_be_ready || !is_ready, "{} has its reply and was not woken", request.name);
                !is_ready
            });
            for consumer in self.consumers.iter_mut().filter(|consumer| consumer.waits) {
                let is_woken = consumer.woken.take();
                assert!(consumer.poll().is_pending() || is_woken, "a stream has an item and was not woken");
            }
            // A reply that comes may drop a handle, and that wakes the task of the client again.
            if polls == 0 && self.requests.len() == open {
                break;
            }
        }
    }

    fn poll_without_wake(&mut self) {
        self.check();
        let woken = |run: &Self| run.flags.iter().filter(|flag| flag.take()).count();
        woken(self);
        let before = self.line.counts();
        let machine = self.clients.last().map(Client::status);
        self.line.poll_all();
        assert_eq!((self.line.counts(), woken(self)), (before, 0), "a task had something to do and was not woken");
        assert_eq!(self.clients.last().map(Client::status), machine);
    }

    /// Lets time pass, with everything that happens in it.
    fn pass(&mut self, span: Duration) {
        for _ in 0..1_000 {
            self.check();
            if !self.line.pass(span) {
                break;
            }
        }
        self.check();
    }

    /// Shuts down, drops every handle, and checks that nothing remains.
    fn end(mut self) {
        if let Some(client) = self.clients.last() {
            let reply = client.shutdown();
            let woken = Woken::default();
            self.flags.push(woken.0.clone());
            let reply = Box::pin(async move { drop(reply.await) });
            self.requests.push(Request { name: "the last shutdown", reply, woken, is_polled: false });
            self.pass(SHUTDOWN);
            let open: Vec<_> = self.requests.iter().map(|request| request.name).collect();
            assert!(open.is_empty(), "without a reply after the shutdown: {open:?}");
            self.consumers.iter_mut().for_each(Consumer::check_end);
        }
        self.requests.clear();
        self.clients.clear();
        // A stream keeps the client alive: the last one ends it.
        self.consumers.clear();
        self.pass(SHUTDOWN);
        let (tasks, _, remaining) = self.line.counts();
        assert_eq!((tasks, remaining, self.line.handles()), (0, 0, 1), "tasks; timers, links and dials; handles");
        let held = self.flags.iter().filter(|flag| Arc::strong_count(flag) > 1).count();
        assert_eq!(held, 0, "wakers remain");
    }
}
