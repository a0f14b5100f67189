//! A runtime without threads, sockets or waiting: the whole client against the simulated gateway, one poll at a time.
//!
//! Tasks are polled in the order in which they were woken, the clock jumps to whatever comes next, so a run is the same
//! each time, and a test can stop between any two polls.

mod link;
mod tasks;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ibws_proto::client::{Builder, Client};
use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{ConnectError, Instant};

use crate::gateway::{Gateway, GatewayConfig};
pub use link::SimulatedLink;
use link::Wires;
use tasks::{Flag, Tasks, Timers};

/// From dial to open socket.
const DIAL: Duration = Duration::from_millis(100);
/// More steps than this without time passing is a livelock.
const STEPS_AT_ONCE: u32 = 1_000_000;

/// The runtime. Clones are handles of the same one.
#[derive(Clone)]
pub struct Simulated(Arc<Inner>);

struct Inner {
    world: Mutex<World>,
    tasks: Tasks,
}

struct World {
    now: Instant,
    gateway: Gateway,
    wires: Wires,
    timers: Timers,
}

impl Simulated {
    /// A runtime whose dials reach this gateway.
    #[must_use]
    pub fn new(gateway: GatewayConfig) -> Self {
        let world = World {
            now: Instant::ORIGIN,
            gateway: Gateway::new(gateway),
            wires: Wires::default(),
            timers: Timers::default(),
        };
        Self(Arc::new(Inner { world: Mutex::new(world), tasks: Tasks::default() }))
    }

    /// The settings of a client on this runtime.
    ///
    /// # Panics
    /// Never; the address is a good one.
    pub fn builder(&self) -> Builder<Self> {
        let seed = |config: &mut ibws_proto::Config| config.seed = 1;
        Builder::new(self.clone()).url("ws://127.0.0.1:5000/v1/api/ws").plaintext_on_loopback().configure(seed)
    }

    /// A client on this runtime.
    ///
    /// # Panics
    /// Never; its settings are the default ones.
    #[must_use]
    pub fn client(&self) -> Client<Self> {
        self.builder().build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Does something to the gateway.
    pub fn gateway<T>(&self, act: impl FnOnce(&mut Gateway) -> T) -> T {
        let (result, wakers) = {
            let mut world = self.world();
            let result = act(&mut world.gateway);
            (result, world.wires.ready())
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Tasks that have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.0.tasks.len()
    }

    /// One step: one poll of the task that was woken first, or, with none, a jump of the clock to what comes next, if
    /// that is not after `end`. `false` if there was nothing to do.
    pub fn step(&self, end: Instant) -> bool {
        if self.0.tasks.poll_first() {
            return true;
        }
        let wakers = {
            let mut world = self.world();
            let next = [world.timers.next(), world.gateway.next_wake()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { return false };
            world.now = world.now.max(next);
            world.due()
        };
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// Lets this much time pass.
    ///
    /// # Panics
    /// If it stands still: a livelock.
    pub fn run(&self, span: Duration) {
        let end = self.now() + span;
        let (mut steps, mut last) = (0, self.now());
        while self.step(end) {
            steps = if self.now() > last { 0 } else { steps + 1 };
            last = self.now();
            assert!(steps < STEPS_AT_ONCE, "livelock at {last}");
        }
        let wakers = {
            let mut world = self.world();
            world.now = world.now.max(end);
            world.due()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Runs everything until `future` is done.
    ///
    /// # Panics
    /// If nothing can make it go on within an hour.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let end = self.now() + Duration::from_secs(3_600);
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return result;
            }
            while !flag.take() {
                assert!(self.step(end), "it waits for ever");
            }
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Whom to wake at the present moment.
    fn due(&mut self) -> Vec<Waker> {
        self.gateway.tick(self.now);
        let mut wakers = self.timers.due(self.now);
        wakers.extend(self.wires.ready());
        wakers
    }
}

impl Runtime for Simulated {
    type Link = SimulatedLink;
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.world().now
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep { runtime: self.clone(), at, timer: None }
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<SimulatedLink, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        // As on the wire: the upgrade carries the cookie, if there is one.
        let authorised = request.credentials.session().is_some();
        async move {
            runtime.sleep_until(runtime.now() + DIAL).await;
            Ok(SimulatedLink::open(runtime, authorised))
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(Box::pin(task));
    }
}

/// A pending sleep.
pub struct Sleep {
    runtime: Simulated,
    at: Instant,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut world = self.runtime.world();
        if world.now >= self.at {
            return Poll::Ready(());
        }
        let timer = world.timers.set(self.at, self.timer, cx.waker());
        drop(world);
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.timer.and_then(|timer| self.runtime.world().timers.clear(self.at, timer));
        drop(waker);
    }
}
