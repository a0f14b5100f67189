//! The environment of a story: a runtime, with or without TLS, and the trace that the story
//! returns.

use core::future::{Future, poll_fn};
use core::net::IpAddr;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use ibws_proto::client::{Builder, Client, EventStream, Subscription};
use ibws_proto::transport::{DialRequest, Endpoint, Plaintext, Runtime};
use ibws_proto::{Config, ConnectionLoss, Event, GapCause, Item, Subscribe};

use crate::opaque::opaque;
use crate::{ClientInfo, PeerInput, Presented, Relay, Script};

/// Longest time that a story takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The subscription of most stories.
pub(super) const SHARE: &str = r#"md+265598+{"fields":["31"]}"#;

/// The result of a story: the events of its clients as lines, in order, and what its gateways
/// received. It has no times, addresses or anything else that differs between runs.
pub type Trace = Vec<String>;

/// The environment of a story: a runtime, with or without TLS.
#[derive(Clone)]
pub struct Stage<R> {
    /// The runtime.
    pub runtime: R,
    /// `true` for TLS, `false` for plain TCP.
    pub tls: bool,
    scripts: Arc<Mutex<Vec<Arc<Script>>>>,
    /// The newest lines, for the error of a story that does not end.
    latest: Latest,
}

opaque!(Stage<R>);

type Latest = Arc<Mutex<VecDeque<String>>>;

/// Runs a story on `runtime` and returns its trace.
///
/// # Panics
/// If the story or its gateway fails, or the story takes longer than a minute.
pub fn play<R, F>(runtime: R, tls: bool, story: impl FnOnce(Stage<R>) -> F) -> Trace
where
    R: Runtime + Clone,
    F: Future<Output = Trace> + Send + 'static,
{
    let stage = Stage { runtime, tls, scripts: Arc::default(), latest: Arc::default() };
    let (runtime, scripts, latest) = (stage.runtime.clone(), Arc::clone(&stage.scripts), Arc::clone(&stage.latest));
    let mut story = Box::pin(story(stage));
    let (done, when_done) = mpsc::channel();
    // The story runs as a task, in which sockets and timers of the runtime can be made. A panic is
    // carried over to the thread of the test.
    runtime.spawn(async move {
        let end = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| story.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(trace)) => Poll::Ready(Ok(trace)),
            Err(panic) => Poll::Ready(Err(panic)),
        })
        .await;
        // Clients and other values of the story are dropped before it counts as ended.
        drop(story);
        let _ = done.send(end);
    });
    let mut trace = match when_done.recv_timeout(PATIENCE) {
        Ok(Ok(trace)) => trace,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("the story does not end; its newest lines: {:#?}", lock(&latest)),
    };
    // The gateways end outside of the runtime; their panics are raised here.
    for script in core::mem::take(&mut *lock(&scripts)) {
        let script = Arc::into_inner(script).expect("the story has ended and holds no gateway");
        let mut received = script.finish();
        // Inputs of different connections come in any order, so they are sorted by connection.
        received.sort_by_key(|(conn, _)| *conn);
        trace.extend(received.into_iter().filter_map(|(conn, input)| match input {
            PeerInput::Text(text) => Some(format!("gateway #{conn} received {text}")),
            PeerInput::Close(code) => Some(format!("gateway #{conn} received close {code:?}")),
            _ => None,
        }));
    }
    trace
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Runtime + Clone> Stage<R> {
    /// Starts a gateway that serves each connection with `serve`.
    pub fn script(
        &self,
        serve: impl Fn(usize, ClientInfo) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Arc<Script> {
        let script = Arc::new(Script::start(self.tls, serve));
        lock(&self.scripts).push(Arc::clone(&script));
        script
    }

    /// Starts a TLS server at `address` that presents `presented`.
    pub fn presenting(
        &self,
        address: IpAddr,
        presented: &Presented,
        serve: impl Fn(usize, ClientInfo) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Arc<Script> {
        let script = Arc::new(Script::presenting(address, presented, serve));
        lock(&self.scripts).push(Arc::clone(&script));
        script
    }

    /// Starts a server without TLS.
    pub fn plain_script(
        &self,
        serve: impl Fn(usize, ClientInfo) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Arc<Script> {
        let script = Arc::new(Script::start(false, serve));
        lock(&self.scripts).push(Arc::clone(&script));
        script
    }

    /// The request of a dial to `script` without a client.
    #[must_use]
    pub fn request(&self, script: &Script) -> DialRequest {
        let endpoint = Endpoint::parse(&script.url(), Plaintext::OnLoopback).expect("a loopback address");
        DialRequest { trust: script.trust(), ..DialRequest::new(endpoint) }
    }

    /// The builder of a client of `script`, with settings for tests: no keep-alive of its own, and
    /// a backoff of 5 ms.
    pub fn builder(&self, script: &Script) -> Builder<R> {
        let builder = Builder::new(self.runtime.clone()).url(script.url()).trust(script.trust());
        builder.plaintext_on_loopback().configure(quick)
    }

    /// The builder of a client of `script` behind a relay.
    pub fn builder_through(&self, relay: &Relay, script: &Script) -> Builder<R> {
        let url = script.url().replace(&script.address().to_string(), &relay.address().to_string());
        self.builder(script).url(url)
    }

    /// Starts a client of `script` and waits until it is ready.
    pub async fn ready(&self, script: &Script) -> Player<R> {
        let mut player = self.player(self.builder(script));
        player.start().await;
        player
    }

    /// Builds a client without starting it.
    #[must_use]
    pub fn player(&self, builder: Builder<R>) -> Player<R> {
        let client = builder.build().expect("a client");
        Player { events: client.events(), client, trace: Trace::new(), latest: Arc::clone(&self.latest) }
    }

    /// Waits until a condition holds for which there is no waker, such as a state of the simulated
    /// gateway. It is checked each time other tasks have run.
    pub async fn until(&self, mut holds: impl FnMut() -> bool) {
        poll_fn(|cx| {
            if holds() {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::thread::yield_now();
            Poll::Pending
        })
        .await;
    }

    /// Waits for a future; returns `None` after `span`.
    pub async fn within<T>(&self, span: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut sleep = Box::pin(self.runtime.sleep_until(self.runtime.now() + span));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        })
        .await
    }
}

/// Settings for tests: no keep-alive of the client's own, and a backoff of 5 ms.
pub(super) fn quick(config: &mut Config) {
    config.seed = 7;
    (config.backoff_min, config.backoff_max) = (Duration::from_millis(5), Duration::from_millis(5));
    (config.tic_interval, config.ping_interval, config.max_pong_age) = (None, None, None);
    // On a busy machine a test can be delayed for longer than a confirmation usually takes.
    config.subscription_timeout = Duration::from_secs(20);
    config.ready_gate = ibws_proto::ReadyGate::Wait(Duration::from_secs(30));
    config.auth_wait = Duration::from_secs(30);
}

/// A client and its events as lines.
pub struct Player<R: Runtime> {
    /// The client.
    pub client: Client<R>,
    events: EventStream<R>,
    trace: Trace,
    latest: Latest,
}

opaque!(Player<R> where R: Runtime);

impl<R: Runtime + Clone> Player<R> {
    /// Starts the client and waits until it is ready.
    pub async fn start(&mut self) {
        let reply = self.client.start().await;
        self.note(format!("started: {reply:?}"));
        self.until(" ready (").await;
    }

    /// Subscribes to market data of conid 265598 and waits for the outcome.
    pub async fn share(&mut self) -> Subscription<R> {
        let mut subscription =
            self.client.subscribe_nowait(Subscribe::parse(SHARE).expect("a channel")).expect("a valid request");
        let outcome = subscription.outcome().await;
        self.note(format!("subscribed: {outcome:?}"));
        subscription
    }

    /// Waits for a line that contains `text` and returns it. The lines before it are noted as well.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            let item = self.events.next().await.expect("the client has not ended");
            let line = line(&item);
            self.note(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for several lines, in order.
    pub async fn all(&mut self, texts: &[&str]) {
        for text in texts {
            self.until(text).await;
        }
    }

    /// Adds a line to the trace.
    pub fn note(&mut self, line: impl Into<String>) {
        let line = line.into();
        let mut latest = lock(&self.latest);
        latest.push_back(line.clone());
        if latest.len() > 30 {
            latest.pop_front();
        }
        self.trace.push(line);
    }

    /// Returns the trace so far; later events are not noted. Floods use it, because the part of a
    /// flood that arrives differs between runs.
    #[must_use]
    pub fn abridged(self) -> Trace {
        self.trace
    }

    /// Shuts the client down and returns the whole trace.
    pub async fn finish(mut self) -> Trace {
        let reply = self.client.shutdown().await;
        while let Some(item) = self.events.try_next() {
            self.note(line(&item));
        }
        self.note(format!("shut down: {reply:?}"));
        self.trace
    }
}

/// An item as a line, without what differs between runs.
fn line(item: &Item) -> String {
    match item {
        Item::Lost(lost) => format!("lost {} messages, {} notices", lost.messages, lost.notices),
        Item::Event(Event::State(change)) => {
            let conn = change.conn.map(|conn| format!(" {conn}")).unwrap_or_default();
            let cause = change.cause.as_ref().map(|cause| format!(": {}", loss(cause))).unwrap_or_default();
            format!("state{conn} {}{cause} (attempt {})", change.state.name(), change.attempt)
        }
        Item::Event(Event::Subscription(change)) => {
            let reason = change.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{} {}, attempt {}{reason}", change.key, change.state.name(), change.attempt)
        }
        Item::Event(Event::Message(message)) => {
            let lossy = if message.frame.is_lossy() { " (lossy)" } else { "" };
            let key = message.key.map_or("-", |key| key.name());
            format!("message {} {key}{lossy} {}", message.conn, message.frame.text())
        }
        Item::Event(Event::Malformed(malformed)) => {
            format!("malformed, {} bytes: {}", malformed.raw.len(), malformed.kind)
        }
        Item::Event(Event::Gap(gap)) => format!("gap {}: {}", gap.key, loss(&gap.cause)),
        Item::Event(Event::Resumed(end)) => format!("resumed {}, attempts {}", end.key, end.attempts),
        Item::Event(other) => format!("{other:?}"),
    }
}

/// A cause as text. The detail of a dial is left out, because it names ports and has texts of the
/// system.
pub(super) fn loss(loss: &GapCause) -> String {
    match loss {
        GapCause::Connection(ConnectionLoss::Connect(error)) => {
            format!("{:?}, pause {:?}", error.kind, error.retry_after)
        }
        other => other.to_string(),
    }
}
