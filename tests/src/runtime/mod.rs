//! The virtual client: a runtime without threads, sockets or waiting, which runs the whole client
//! against the simulated gateway, one poll at a time.
//!
//! Tasks are polled in the order in which they were woken, and the clock jumps to the next event. A
//! run is therefore the same each time, an hour takes milliseconds, and a test can stop between any
//! two polls. The client is the one that programs use, over a link without bytes.
//!
//! ```
//! use std::time::Duration;
//!
//! use ibws_proto::{Event, Item, subscribe::MarketData};
//! use ibws_testkit::{GatewayConfig, runtime::Simulated, world::Fault};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Simulated::new(GatewayConfig::seeded(1));
//! let client = runtime.client();
//! runtime.block_on(client.start())?;
//! let quotes = ibws_proto::Subscribe::try_from(MarketData::new(265_598))?;
//! let mut quotes = runtime.block_on(client.subscribe(quotes))?;
//! runtime.inject(&Fault::Cut);
//! // The client dials again by itself, and the stream reports its gap.
//! let gap = runtime.block_on_for(Duration::from_secs(60), async {
//!     loop {
//!         if let Some(Item::Event(Event::Gap(gap))) = quotes.next().await {
//!             return gap;
//!         }
//!     }
//! })?;
//! assert_eq!(&gap.key, quotes.key());
//! # Ok(())
//! # }
//! ```
//!
//! [`Simulated::inject`] and [`Simulated::play`] break the link, [`Simulated::gateway`] changes the
//! gateway, [`Simulated::rule`] checks a rule of the test after every step, and
//! [`Simulated::block_on_for`] limits how long a future may take. Rules do not see what the client
//! does inside: [`invariants`](crate::invariants) check the machine in the
//! [virtual world](crate::world).

mod link;
mod story;
mod tasks;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ibws_proto::client::{Builder, Client};
use ibws_proto::transport::{DialRequest, Runtime};
use ibws_proto::{Action, ConnectError, Input, Instant, Output};

use crate::gateway::{Gateway, GatewayConfig};
use crate::world::{Content, Dial, Fault, LineState};

use crate::opaque::opaque;
pub use link::SimulatedLink;
use link::Wires;
use story::Story;
pub(crate) use tasks::{Flag, Tasks, Timers};

/// Time from the dial to the open socket.
const DIAL: Duration = Duration::from_millis(100);
/// Steps without time passing after which a run counts as livelocked.
const STEPS_AT_ONCE: u32 = 1_000_000;

/// The runtime. Clones are handles of the same runtime.
#[derive(Clone)]
pub struct Simulated(Arc<Inner>);

opaque!(Simulated);

struct Inner {
    world: Mutex<World>,
    tasks: Tasks,
}

struct World {
    now: Instant,
    gateway: Gateway,
    wires: Wires,
    timers: Timers,
    /// Faults that are planned, by time.
    agenda: VecDeque<(Instant, Fault)>,
    /// Outcomes of the next dials; all after them succeed.
    dials: VecDeque<Dial>,
    line: LineState,
    story: Story,
}

/// A future that was not ready in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the future was not ready after {span:?}, at {at}")]
#[non_exhaustive]
pub struct TimedOut {
    /// The limit.
    pub span: Duration,
    /// The virtual time at which it ended, which is exactly `span` after the call.
    pub at: Instant,
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
            agenda: VecDeque::new(),
            dials: VecDeque::new(),
            line: LineState::default(),
            story: Story::default(),
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
            world.see(|| Content::Note("an act on the gateway".into()));
            (result, world.wires.ready())
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// The virtual time, as [`Runtime::now`], without an import of the trait.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.world().now
    }

    /// Runs `task` beside the client whenever the clock moves, as [`Runtime::spawn`], without an
    /// import of the trait.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ibws_testkit::{GatewayConfig, runtime::Simulated, world::Fault};
    ///
    /// let runtime = Simulated::new(GatewayConfig::seeded(1));
    /// let (client, link) = (runtime.client(), runtime.clone());
    /// runtime.block_on(client.start())?;
    /// let handle = client.clone();
    /// runtime.spawn(async move {
    ///     handle.sleep(Duration::from_secs(30)).await;
    ///     link.inject(&Fault::Cut);
    /// });
    /// assert_eq!(runtime.tasks(), 2); // the client's own, and this one
    /// runtime.run(Duration::from_secs(40));
    /// assert_eq!((runtime.tasks(), client.stats().machine.connections), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(Box::pin(task));
    }

    /// The number of tasks that have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.0.tasks.len()
    }

    /// Takes one step: polls the task that was woken first or, without one, moves the clock to the
    /// next event, if that is not after `end`. Returns `false` if there was nothing to do.
    ///
    /// # Panics
    /// If a [rule](Self::rule) is broken; the message holds the timeline and the seed.
    pub fn step(&self, end: Instant) -> bool {
        let went_on = self.0.tasks.poll_first() || self.jump(end);
        self.check_rules();
        went_on
    }

    fn jump(&self, end: Instant) -> bool {
        let wakers = {
            let mut world = self.world();
            let Some(next) = world.next().filter(|next| *next <= end) else { return false };
            world.now = world.now.max(next);
            world.due()
        };
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// Lets `span` pass.
    ///
    /// # Panics
    /// If the run livelocks, or a [rule](Self::rule) is broken.
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
        self.check_rules();
    }

    /// Runs everything until `future` is ready.
    ///
    /// # Panics
    /// If it is not ready after an hour of virtual time, or a [rule](Self::rule) is broken.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let hour = Duration::from_secs(3_600);
        self.block_on_for(hour, future).unwrap_or_else(|_| panic!("the future is not ready after an hour"))
    }

    /// Runs `future`, and everything that was spawned, until it is ready, but for at most `span` of
    /// virtual time, inclusive of what is due at the end of it. The future is dropped when its time
    /// is over; what was spawned stays and goes on with the next call.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ibws_testkit::{GatewayConfig, runtime::Simulated};
    ///
    /// let runtime = Simulated::new(GatewayConfig::seeded(1));
    /// let (span, never) = (Duration::from_secs(90), std::future::pending::<()>());
    /// let timed_out = runtime.block_on_for(span, never).unwrap_err();
    /// assert_eq!(timed_out.at, ibws_proto::Instant::ORIGIN + span);
    /// ```
    ///
    /// # Errors
    /// [`TimedOut`] if the future is not ready in time. The clock then stands at the end of `span`.
    ///
    /// # Panics
    /// If a [rule](Self::rule) is broken, or the run livelocks.
    pub fn block_on_for<T>(&self, span: Duration, future: impl Future<Output = T>) -> Result<T, TimedOut> {
        let end = self.now() + span;
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        let (mut steps, mut last) = (0, self.now());
        loop {
            let outcome = future.as_mut().poll(&mut Context::from_waker(&waker));
            self.check_rules();
            if let Poll::Ready(result) = outcome {
                return Ok(result);
            }
            loop {
                let (went_on, now) = (self.step(end), self.now());
                steps = if now > last { 0 } else { steps + 1 };
                last = now;
                assert!(steps < STEPS_AT_ONCE, "livelock at {last}");
                if flag.take() {
                    break;
                }
                if !went_on {
                    self.run(end.since(now));
                    return Err(TimedOut { span, at: end });
                }
            }
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// When something happens next without a task.
    fn next(&self) -> Option<Instant> {
        let planned = self.agenda.front().map(|(at, _)| *at);
        let moments = [self.timers.next(), self.gateway.next_wake(), self.wires.next(self.now), planned];
        moments.into_iter().flatten().min()
    }

    /// The wakers of everything that is due now.
    fn due(&mut self) -> Vec<Waker> {
        let now = self.now;
        while let Some((_, fault)) = self.agenda.pop_front_if(|(at, _)| *at <= now) {
            self.inject(&fault);
        }
        self.deliver();
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
        Self::now(self)
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
        let (conn, dial) = {
            let mut world = self.world();
            let conn = world.wires.dialled();
            world.see(|| Content::Output(Output::Action(Action::Connect { conn })));
            (conn, world.dials.pop_front().unwrap_or(Dial::Opens))
        };
        async move {
            if dial == Dial::Hangs {
                std::future::pending::<()>().await;
            }
            runtime.sleep_until(runtime.now() + DIAL).await;
            if let Dial::Fails(kind, retry_after) = dial {
                let error = Dial::error(kind, retry_after);
                runtime.world().see(|| Content::Input(Input::ConnectFailed(conn, error.clone())));
                return Err(error);
            }
            Ok(SimulatedLink::open(runtime, conn, authorised))
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        Self::spawn(self, task);
    }
}

/// A pending sleep.
pub struct Sleep {
    runtime: Simulated,
    at: Instant,
    timer: Option<u64>,
}

opaque!(Sleep);

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
