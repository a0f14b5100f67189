//! An application in a world whose market moves: its outages, and the REST calls that it makes.

use std::collections::BTreeSet;
use std::mem::take;
use std::time::Duration;

use ibws_proto::fold::TradesReply;
use ibws_proto::queue::{Queue, QueueLimits};
use ibws_proto::{
    Action, Config, Event, Input, Instant, Item, Key, Output, SubscriptionState,
    rest::{RestError, RestReply, RestRequest, RestRequestId, RestResult, RestSnapshot},
};
use ibws_testkit::world::{Dial, World, days_since, ms, secs, sub};
use ibws_testkit::{GatewayConfig, OrderSide, Prng};

use crate::consumer::Consumer;

/// The connection of another client. Orders change as long as somebody is subscribed to them, so it
/// keeps them changing while the application has no connection.
const OTHER: u64 = 1_000_000;
/// Orders of the script that are open at most.
const MOST_OPEN: usize = 8;
/// Replies in a row that bring no snapshot, at most: the gateway remembers 120 executions.
const MOST_FAILURES: u32 = 2;

/// What the runs met.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Reached {
    /// Gaps of the stream of orders.
    pub(crate) outages: u64,
    /// Comparisons with the gateway.
    pub(crate) checks: u64,
    pub(crate) caught_up: u64,
    pub(crate) pending: u64,
    /// Snapshots that the market overtook before they arrived.
    pub(crate) late: u64,
    /// Changed orders, and executions, that `CaughtUp` listed.
    pub(crate) orders: u64,
    pub(crate) executions: u64,
    /// Executions that the stream delivered first.
    pub(crate) streamed: u64,
    /// `CaughtUp` events that a full queue merged.
    pub(crate) merged: u64,
    /// Replies that came after their attempt had ended, or twice.
    pub(crate) stale: u64,
}

impl Reached {
    pub(crate) fn add(&mut self, other: &Self) {
        self.outages += other.outages;
        self.checks += other.checks;
        self.caught_up += other.caught_up;
        self.pending += other.pending;
        self.late += other.late;
        self.orders += other.orders;
        self.executions += other.executions;
        self.streamed += other.streamed;
        self.merged += other.merged;
        self.stale += other.stale;
    }
}

/// A call whose reply is on its way.
struct Call {
    id: RestRequestId,
    arrives: Instant,
    result: RestResult,
    /// The executions that existed when the gateway replied.
    truth: usize,
    /// The number of changes of the market until then.
    changes: u64,
}

pub(crate) struct Application {
    world: World,
    chance: Prng,
    has_trades: bool,
    consumer: Consumer,
    /// A consumer that reads at the checks only, through a small queue.
    slow: Consumer,
    queue: Queue,
    calls: Vec<Call>,
    failures: u32,
    /// The executions since the start, oldest first.
    truth: Vec<String>,
    known: BTreeSet<String>,
    /// How many of them the last snapshot that was taken in must have.
    covered: usize,
    /// Set while what the last gap lost is unknown.
    owed: bool,
    open: Vec<u64>,
    changes: u64,
    reached: Reached,
}

impl Application {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Prng::part(seed, "outages", 0);
        // The test reads what the gateway lists far more often than a client may.
        let mut gateway = GatewayConfig::seeded(seed);
        gateway.paces_rest = false;
        // The gateway remembers 120 executions, and a snapshot may take minutes.
        gateway.pace = 4;
        let mut world = World::new(Config { seed, ..Config::default() }, gateway);
        world.link.rest = None;
        world.link.jitter = ms(chance.below(200));
        world.gateway.opened(world.now(), OTHER, true);
        world.run(secs(1));
        world.gateway.received(world.now(), OTHER, b"sor+{}");
        world.start();
        world.subscribe("or");
        let has_trades = seed.is_multiple_of(2);
        if has_trades {
            world.subscribe("tr");
        }
        let mut application = Self {
            world,
            chance,
            has_trades,
            consumer: Consumer::default(),
            slow: Consumer::default(),
            queue: Queue::new(QueueLimits { events: 96, ..QueueLimits::default() }),
            calls: Vec::new(),
            failures: 0,
            truth: Vec::new(),
            known: BTreeSet::new(),
            covered: 0,
            owed: true,
            open: Vec::new(),
            changes: 0,
            reached: Reached::default(),
        };
        // What was executed before the start may be older than the days that are requested.
        application.note_truth();
        application.truth.clear();
        application
    }

    /// Goes through this many outages.
    pub(crate) fn run(mut self, outages: u64) -> Reached {
        self.settle();
        self.check();
        while self.reached.outages < outages {
            self.outage();
            // The next one may come before this one is made up for, or while that goes on.
            for _ in 0..self.chance.below(6).saturating_sub(3) {
                let span = self.chance.millis(0, 12_000);
                self.pass(span);
                self.outage();
            }
            self.settle();
            self.check();
        }
        self.settle();
        self.check();
        self.reached.stale = self.world.machine().stats().stale;
        self.reached.orders = self.consumer.orders;
        self.reached.executions = self.consumer.caught_up;
        self.reached.streamed = if self.has_trades { self.consumer.streamed } else { self.consumer.caught_up };
        self.reached
    }

    fn outage(&mut self) {
        // A connection that discards what the client writes, and lives, is no outage that anybody
        // could notice. So the faults of one begin when nothing has to be written.
        let kinds = if self.flows() { 10 } else { 7 };
        match self.chance.below(kinds) {
            0..=3 => {
                for _ in 0..self.chance.below(3) {
                    self.world.link.dials.push_back(Dial::refused());
                }
                self.world.cut();
                let span = self.chance.millis(0, 15_000);
                self.pass(span);
            }
            4..=6 => {
                self.world.gateway.set_authenticated(false);
                self.world.flush_gateway();
                let span = self.chance.millis(50, 15_000);
                self.pass(span);
                self.world.gateway.set_authenticated(true);
                self.world.flush_gateway();
            }
            7..=8 => {
                // The rows of this time are lost, and of the last message a part arrives.
                let Some(conn) = self.world.conn() else { return };
                self.world.gateway.mute(conn.0);
                let span = self.chance.millis(0, 6_000);
                self.pass(span);
                self.world.gateway.unmute(conn.0);
                self.world.gateway_sends(&br#"{"topic":"sor","args":[{"acct":"DU1234567","#[..]);
                self.pass(ms(1_500));
            }
            _ => {
                self.world.freeze();
                let span = self.chance.millis(20_000, 40_000);
                self.pass(span);
                self.world.thaw();
            }
        }
    }

    /// Lets time pass in which the market moves.
    fn pass(&mut self, span: Duration) {
        let end = self.world.now() + span;
        while self.world.now() < end {
            if self.chance.chance(1, 6) {
                self.trade();
            }
            let step = self.chance.millis(20, 700);
            self.advance(step);
        }
    }

    /// Lets time pass, with everything that the application does.
    fn advance(&mut self, step: Duration) {
        self.world.run(step);
        self.read();
        let now = self.world.now();
        while let Some(at) = self.calls.iter().position(|call| call.arrives <= now) {
            let call = self.calls.remove(at);
            self.reply(call);
        }
    }

    /// Places, fills or cancels an order.
    fn trade(&mut self) {
        let open = self.open.len() as u64;
        let choice = self.chance.below(10);
        if open == 0 || (choice < 4 && self.open.len() < MOST_OPEN) {
            let conid = *self.chance.pick(&[265_598, 272_093, 4_815_747]);
            let side = *self.chance.pick(&[OrderSide::Buy, OrderSide::Sell]);
            let (quantity, limit) = (self.chance.between(1, 90), self.chance.between(1_000, 50_000));
            self.open.extend(self.world.gateway.place_order(conid, side, quantity, limit));
        } else {
            let at = self.chance.below(open) as usize;
            let order = self.open[at];
            let done = if choice < 8 {
                let (size, price) = (self.chance.between(1, 60), self.chance.between(1_000, 50_000));
                !self.world.gateway.fill_order(order, size, price)
            } else {
                self.world.gateway.cancel_order(order);
                true
            };
            if done {
                self.open.swap_remove(at);
            }
        }
        self.changes += 1;
        self.world.flush_gateway();
        if self.changes.is_multiple_of(16) {
            self.note_truth();
        }
    }

    fn get(&mut self, path: &str, query: &str) -> Result<String, RestError> {
        let reply = self.world.gateway.rest(self.world.now(), "GET", &format!("/v1/api/iserver/{path}"), query);
        if reply.status == 200 { Ok(reply.body) } else { Err(RestError::from_reply(path, reply.status, &reply.body)) }
    }

    /// Adds to the truth what the gateway has executed.
    fn note_truth(&mut self) {
        let Ok(body) = self.get("account/trades", "days=7") else { return };
        for row in TradesReply::parse(body.as_bytes()).unwrap().rows().map(Result::unwrap) {
            let id = row.execution_id().unwrap().unwrap().into_owned();
            if self.known.insert(id.clone()) {
                self.truth.push(id);
            }
        }
    }

    /// Reads what the machine has emitted.
    fn read(&mut self) {
        let outputs: Vec<Output> = self.world.outputs_at().map(|(_, output)| output.clone()).collect();
        self.world.forget();
        for output in outputs {
            match output {
                Output::Event(event) => self.on_event(event),
                Output::Action(Action::Rest { id, request }) => self.call(id, &request),
                _ => {}
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match &event {
            Event::Gap(gap) if gap.key.key() == Key::Orders => {
                self.reached.outages += 1;
                self.owed = true;
            }
            Event::CaughtUp(_) => {
                self.reached.caught_up += 1;
                self.owed = false;
            }
            Event::CatchUpPending(_) => self.reached.pending += 1,
            _ => {}
        }
        self.consumer.on_event(&event, true);
        self.queue.push(event);
    }

    /// Makes the calls for a request. How they end and when the reply arrives is random.
    fn call(&mut self, id: RestRequestId, request: &RestRequest) {
        let result = match request {
            RestRequest::Prime(_) => self
                .get("accounts", "")
                .and_then(|_| self.get("account/orders", "force=true"))
                .map(|_| RestReply::Complete),
            RestRequest::Reconcile { since, .. } => self.snapshot(*since),
            _ => Ok(RestReply::Complete),
        };
        let spans: &[u64] = match request {
            RestRequest::Reconcile { .. } => &[50, 300, 2_000, 8_000, 20_000, 29_000],
            _ => &[50, 300, 2_000],
        };
        self.note_truth();
        let mut arrives = self.world.now() + ms(*self.chance.pick(spans));
        if self.failures < MOST_FAILURES && self.chance.chance(1, 8) {
            self.failures += 1;
            arrives = arrives + secs(30);
        }
        let (truth, changes) = (self.truth.len(), self.changes);
        if self.chance.chance(1, 5) {
            let again = arrives + ms(self.chance.below(40_000));
            self.calls.push(Call { id, arrives: again, result: result.clone(), truth, changes });
        }
        self.calls.push(Call { id, arrives, result, truth, changes });
    }

    fn snapshot(&mut self, since: Instant) -> RestResult {
        let orders = self.get("account/orders", "")?;
        let days = days_since(since, self.world.now());
        let executions = self.get("account/trades", &format!("days={days}"))?;
        let fails = self.failures < MOST_FAILURES && self.chance.chance(1, 3);
        self.failures = if fails { self.failures + 1 } else { 0 };
        if !fails {
            return Ok(RestReply::Snapshot(RestSnapshot {
                orders: orders.into(),
                executions: Some(executions.into()),
            }));
        }
        let of = |orders: String| RestReply::Snapshot(RestSnapshot { orders: orders.into(), executions: None });
        match self.chance.below(5) {
            0 => Err(RestError::new("simulated: HTTP 500")),
            1 => Ok(RestReply::Incomplete),
            2 => Ok(of(orders.replace("\"snapshot\":true", "\"snapshot\":false"))),
            3 => Ok(of(r#"{"error":"no bridge"}"#.into())),
            _ => Ok(of(orders[..orders.len() / 2].into())),
        }
    }

    fn reply(&mut self, call: Call) {
        let before = self.reached.caught_up;
        self.world.input(Input::RestDone(call.id, call.result));
        self.read();
        if self.reached.caught_up > before {
            self.covered = self.covered.max(call.truth);
            self.reached.late += u64::from(self.changes > call.changes);
        }
    }

    /// Lets time pass until what the gaps lost is known, and both streams flow.
    fn settle(&mut self) {
        let end = self.world.now() + secs(900);
        while self.owed || !self.flows() {
            assert!(
                self.world.now() < end,
                "not caught up after 15 minutes:\n{:?}",
                self.world.machine().subscriptions()
            );
            self.pass(secs(1));
        }
    }

    fn flows(&self) -> bool {
        let state = |key: &str| self.world.machine().subscription(&sub(key));
        let has_gap = self.world.machine().subscriptions().iter().any(|info| info.gap_since.is_some());
        let orders = matches!(state("or"), Some(SubscriptionState::Quiet | SubscriptionState::Active));
        !has_gap && orders && (!self.has_trades || state("tr") == Some(SubscriptionState::Active))
    }

    /// Waits until no change is on its way, and compares what the consumers know with the gateway.
    fn check(&mut self) {
        self.world.gateway.set_invented_orders(false);
        self.advance(ms(500));
        if self.owed || !self.flows() {
            // Another outage has begun.
            self.world.gateway.set_invented_orders(true);
            self.settle();
            return self.check();
        }
        self.note_truth();
        let listed = self.get("account/orders", "").expect("the gateway is there");
        self.consumer.check_book(&listed, "fast");
        while let Some(item) = self.queue.pop() {
            match item {
                Item::Event(event) => {
                    if let Event::CaughtUp(caught_up) = &event {
                        self.reached.merged += caught_up.merged;
                    }
                    self.slow.on_event(&event, false);
                }
                Item::Lost(lost) if matches!(lost.key, Some(Key::Orders | Key::Trades)) => {
                    assert_eq!(lost.messages, 0, "{lost:?}");
                }
                Item::Lost(_) => {}
            }
        }
        self.slow.check_book(&listed, "slow");
        for consumer in [&self.consumer, &self.slow] {
            // Without a stream of executions the last snapshot is the latest news of them.
            let expected = if self.has_trades { &self.truth[..] } else { &self.truth[..self.covered] };
            let missing: Vec<_> = expected.iter().filter(|id| !consumer.received.contains(*id)).collect();
            assert!(missing.is_empty(), "missing: {missing:?}");
            let invented: Vec<_> = consumer.received.iter().filter(|id| !self.known.contains(*id)).collect();
            assert!(invented.is_empty(), "unknown to the gateway: {invented:?}");
            assert_eq!(consumer.executions.len(), consumer.received.len());
        }
        self.reached.checks += 1;
        self.world.gateway.set_invented_orders(true);
        drop(take(&mut self.world.link.dials));
    }
}
