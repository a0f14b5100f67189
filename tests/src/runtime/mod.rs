//! A runtime without threads, sockets or waiting: it runs the whole client against the simulated
//! gateway, one poll at a time.
//!
//! Tasks are polled in the order in which they were woken, and the clock jumps to the next event. A
//! run is therefore the same each time, and a test can stop between any two polls.

mod link;
mod tasks;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ibws_proto::client::{Builder, Client};
use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{ConnectError, Instant};

use crate::gateway::{Gateway, GatewayConfig};
pub use link::SimulatedLink;
use link::Wires;
pub(crate) use tasks::{Flag, Tasks, Timers};

/// Time from the dial to the open socket.
const DIAL: Duration = Duration::from_millis(100);
/// Steps without time passing after which a run counts as livelocked.
const STEPS_AT_ONCE: u32 = 1_000_000;

/// The runtime. Clones are handles of the same runtime.
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
    /// The wall-clock time at the origin of the virtual clock: 2026-01-01, midnight UTC.
    #[must_use]
    pub fn wall_clock_origin() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_767_225_600)
    }

    /// Makes a runtime whose dials reach this gateway.
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

    /// The builder of a client on this runtime.
    ///
    /// # Panics
    /// Never: the address is valid.
    pub fn builder(&self) -> Builder<Self> {
        let seed = |config: &mut ibws_proto::Config| config.seed = 1;
        Builder::new(self.clone()).url("ws://127.0.0.1:5000/v1/api/ws").plaintext_on_loopback().configure(seed)
    }

    /// A client with default settings on this runtime.
    ///
    /// # Panics
    /// Never: the default settings are valid.
    #[must_use]
    pub fn client(&self) -> Client<Self> {
        self.builder().build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Calls `act` with the gateway, and wakes the connections that have something to read.
    pub fn gateway<T>(&self, act: impl FnOnce(&mut Gateway) -> T) -> T {
        let (result, wakers) = {
            let mut world = self.world();
            let result = act(&mut world.gateway);
            (result, world.wires.ready())
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// The number of tasks that have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.0.tasks.len()
    }

    /// Takes one step: polls the task that was woken first or, without one, moves the clock to the
    /// next event, if that is not after `end`. Returns `false` if there was nothing to do.
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

    /// Lets `span` pass.
    ///
    /// # Panics
    /// If the run livelocks.
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

    /// Runs everything until `future` is ready.
    ///
    /// # Panics
    /// If it is not ready after an hour of virtual time.
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
                assert!(self.step(end), "the future is not ready after an hour");
            }
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// The wakers of everything that is due now.
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

    fn system_time(&self) -> SystemTime {
        Self::wall_clock_origin() + self.now().since(Instant::ORIGIN)
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep { runtime: self.clone(), at, timer: None }
    }

    fn dial(&self, request: DialRequest) -> impl Future<Output = Result<SimulatedLink, ConnectError>> + Send + 'static {
        let runtime = self.clone();
        // The upgrade carries the session as a cookie, if there is one, as with a real socket.
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
