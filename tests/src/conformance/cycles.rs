//! Clients opened and closed many times, which must leave no task, timer or dial.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{ConnectError, Instant};

use super::stage::{Stage, Trace};

use crate::opaque::opaque;

/// Runs `count` clients, one after the other. Each is made, connects, subscribes, and is shut down,
/// drained or just dropped.
pub async fn open_and_close<R: Runtime + Clone>(stage: Stage<R>, count: usize) -> Trace {
    let script = stage.script(|_, client| {
        let mut peer = client.greet()?;
        peer.stop_recording();
        peer.expect("smd")?;
        peer.quote(1)?;
        peer.until_end()
    });
    for number in 0..count {
        let mut player = stage.player(stage.builder(&script));
        player.start().await;
        let share = player.share().await;
        match number % 3 {
            0 => drop(player.finish().await),
            1 => player.client.drain().await.expect("a stop"),
            _ => drop(player),
        }
        drop(share);
    }
    vec![format!("{count} clients")]
}

/// A runtime that counts its tasks, timers and dials that have not ended.
#[derive(Clone)]
pub struct Counted<R> {
    runtime: R,
    alive: Arc<[AtomicUsize; 3]>,
}

opaque!(Counted<R>);

impl<R: Runtime> Counted<R> {
    /// Wraps `runtime`.
    #[must_use]
    pub fn new(runtime: R) -> Self {
        Self { runtime, alive: Arc::default() }
    }

    /// The numbers of tasks, timers and dials that have not ended.
    #[must_use]
    pub fn alive(&self) -> [usize; 3] {
        [0, 1, 2].map(|kind| self.alive.get(kind).map_or(0, |alive| alive.load(Ordering::SeqCst)))
    }

    fn count<F>(&self, kind: usize, future: F) -> Alive<F> {
        self.alive.get(kind).map(|alive| alive.fetch_add(1, Ordering::SeqCst));
        Alive { future: Box::pin(future), guard: Guard(kind, Arc::clone(&self.alive)) }
    }
}

/// A future that counts until it is dropped.
pub struct Alive<F> {
    future: Pin<Box<F>>,
    #[expect(dead_code, reason = "dropped with the future, and after it")]
    guard: Guard,
}

opaque!(Alive<F>);

struct Guard(usize, Arc<[AtomicUsize; 3]>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.1.get(self.0).map(|alive| alive.fetch_sub(1, Ordering::SeqCst));
    }
}

impl<F: Future> Future for Alive<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.get_mut().future.as_mut().poll(cx)
    }
}

impl<R: Runtime> Runtime for Counted<R> {
    type Link = R::Link;
    type Sleep = Alive<R::Sleep>;

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.count(1, self.runtime.sleep_until(at))
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<R::Link, ConnectError>> + Send + 'static {
        self.count(2, self.runtime.dial(request))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(self.count(0, task));
    }
}
