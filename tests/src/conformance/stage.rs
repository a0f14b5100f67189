//! Where a story is played: a runtime, with or without TLS, and the lines that it leaves behind.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use ibws_proto::client::{Builder, Client, EventStream, Subscription};
use ibws_proto::transport::{DialRequest, Endpoint, Plaintext, Runtime};
use ibws_proto::{Config, ConnectionLoss, Event, GapCause, Item, Subscribe};

use crate::{ClientInfo, PeerInput, Relay, Script};

/// No story takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The subscription of most stories.
pub(super) const SHARE: &str = r#"md+265598+{"fields":["31"]}"#;

/// What a story left behind: the lines of its clients in order, and what its gateways heard.
/// Without times, addresses and whatever else differs from run to run.
pub type Trace = Vec<String>;

/// A runtime to play on, with or without TLS.
#[derive(Clone)]
pub struct Stage<R> {
    /// The runtime.
    pub runtime: R,
    /// Over TLS, or over plain TCP.
    pub tls: bool,
    scripts: Arc<Mutex<Vec<Arc<Script>>>>,
    /// The latest lines, for a story that does not end.
    latest: Latest,
}

type Latest = Arc<Mutex<VecDeque<String>>>;

/// Plays a story on `runtime`, and gives back what it left behind.
///
/// # Panics
/// If the story fails, its gateway does, or it takes too long.
pub fn play<R, F>(runtime: R, tls: bool, story: impl FnOnce(Stage<R>) -> F) -> Trace
where
    R: Runtime + Clone,
    F: Future<Output = Trace> + Send + 'static,
{
    let stage = Stage { runtime, tls, scripts: Arc::default(), latest: Arc::default() };
    let (runtime, scripts, latest) = (stage.runtime.clone(), Arc::clone(&stage.scripts), Arc::clone(&stage.latest));
    let mut story = Box::pin(story(stage));
    let (told, tells) = mpsc::channel();
    // As a task, where a runtime's sockets and timers can be made; a panic is carried over to the
    // test's thread.
    runtime.spawn(async move {
        let end = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| story.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(trace)) => Poll::Ready(Ok(trace)),
            Err(panic) => Poll::Ready(Err(panic)),
        })
        .await;
        // What the story holds, its clients say, is gone when it counts as over.
        drop(story);
        let _ = told.send(end);
    });
    let mut trace = match tells.recv_timeout(PATIENCE) {
        Ok(Ok(trace)) => trace,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("the story does not end; it came to {:#?}", lock(&latest)),
    };
    // Ends the gateways off the runtime, and raises what went wrong in them.
    for script in core::mem::take(&mut *lock(&scripts)) {
        let script = Arc::into_inner(script).expect("the story is over and holds no gateway");
        let mut heard = script.finish();
        // In the order of connections: those of different ones may come in any.
        heard.sort_by_key(|(conn, _)| *conn);
        trace.extend(heard.into_iter().filter_map(|(conn, heard)| match heard {
            PeerInput::Text(text) => Some(format!("gateway #{conn} heard {text}")),
            PeerInput::Close(code) => Some(format!("gateway #{conn} heard close {code:?}")),
            _ => None,
        }));
    }
    trace
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Runtime + Clone> Stage<R> {
    /// A gateway that serves each connection as `serve` says.
    pub fn script(
        &self,
        serve: impl Fn(usize, ClientInfo) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Arc<Script> {
        let script = Arc::new(Script::start(self.tls, serve));
        lock(&self.scripts).push(Arc::clone(&script));
        script
    }

    /// A dial to `script` without a client around it.
    #[must_use]
    pub fn request(&self, script: &Script) -> DialRequest {
        let endpoint = Endpoint::parse(&script.url(), Plaintext::OnLoopback).expect("a loopback address");
        DialRequest { trust: script.trust(), ..DialRequest::new(endpoint) }
    }

    /// A client of `script`, with times that suit a test: no keep-alive by itself, and it comes
    /// back at once.
    pub fn builder(&self, script: &Script) -> Builder<R> {
        let builder = Builder::new(self.runtime.clone()).url(script.url()).trust(script.trust());
        builder.plaintext_on_loopback().configure(quick)
    }

    /// The same through a line.
    pub fn builder_through(&self, relay: &Relay, script: &Script) -> Builder<R> {
        let url = script.url().replace(&script.address().to_string(), &relay.address().to_string());
        self.builder(script).url(url)
    }

    /// A client of `script`, started and greeted.
    pub async fn ready(&self, script: &Script) -> Player<R> {
        let mut player = self.player(self.builder(script));
        player.start().await;
        player
    }

    /// Builds a client; nothing is dialled yet.
    #[must_use]
    pub fn player(&self, builder: Builder<R>) -> Player<R> {
        let client = builder.build().expect("a client");
        Player { events: client.events(), client, trace: Trace::new(), latest: Arc::clone(&self.latest) }
    }

    /// Waits until something holds that nothing wakes for: what the simulated gateway sees. Looks
    /// whenever other tasks had their turn.
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

    /// The same for what a future gives, or nothing when the time is over.
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

fn quick(config: &mut Config) {
    config.seed = 7;
    (config.backoff_min, config.backoff_max) = (Duration::from_millis(5), Duration::from_millis(5));
    (config.tic_interval, config.ping_interval, config.max_pong_age) = (None, None, None);
    // On a machine that is busy a test may be held up for longer than a confirmation usually takes.
    config.subscription_timeout = Duration::from_secs(20);
    config.ready_gate = ibws_proto::ReadyGate::Wait(Duration::from_secs(30));
    config.auth_wait = Duration::from_secs(30);
}

/// A client and the lines of what it told.
pub struct Player<R: Runtime> {
    /// The client.
    pub client: Client<R>,
    events: EventStream<R>,
    trace: Trace,
    latest: Latest,
}

impl<R: Runtime + Clone> Player<R> {
    /// Starts it, and waits until it is ready.
    pub async fn start(&mut self) {
        let answer = self.client.start().await;
        self.note(format!("started: {answer:?}"));
        self.until(" ready (").await;
    }

    /// Subscribes to market data of conid 265598, and waits for the outcome.
    pub async fn share(&mut self) -> Subscription<R> {
        let mut subscription = self.client.subscribe_nowait(Subscribe::parse(SHARE).expect("a channel"));
        let outcome = subscription.outcome().await;
        self.note(format!("subscribed: {outcome:?}"));
        subscription
    }

    /// Waits for a line that holds `words`, and gives it back; those before it are told as well.
    pub async fn until(&mut self, words: &str) -> String {
        loop {
            let item = self.events.next().await.expect("the client has not ended");
            let line = line(&item);
            self.note(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The same, several times.
    pub async fn all(&mut self, words: &[&str]) {
        for words in words {
            self.until(words).await;
        }
    }

    /// Adds a line of the story's own.
    pub fn note(&mut self, line: impl Into<String>) {
        let line = line.into();
        let mut latest = lock(&self.latest);
        latest.push_back(line.clone());
        if latest.len() > 30 {
            latest.pop_front();
        }
        self.trace.push(line);
    }

    /// What it told so far; the rest, and the client, are left to the story. For floods, which are
    /// cut off in other places in each run.
    #[must_use]
    pub fn abridged(self) -> Trace {
        self.trace
    }

    /// Shuts the client down and gives back all it told.
    pub async fn finish(mut self) -> Trace {
        let answer = self.client.shutdown().await;
        while let Some(item) = self.events.try_next() {
            self.note(line(&item));
        }
        self.note(format!("shut down: {answer:?}"));
        self.trace
    }
}

/// An item as a line, without what differs from run to run.
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

/// A dial's detail names ports, and has the system's words.
pub(super) fn loss(loss: &GapCause) -> String {
    match loss {
        GapCause::Connection(ConnectionLoss::Connect(error)) => {
            format!("{:?}, pause {:?}", error.kind, error.retry_after)
        }
        other => other.to_string(),
    }
}
