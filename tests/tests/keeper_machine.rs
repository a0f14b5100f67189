//! The machine and the session keeper together: the machine spaces its own requests, the keeper
//! spaces HTTP calls over all clients. A second keeper shares the pacer and calls the same paths.

use std::time::Duration;

use ibws_proto::keeper::{
    Call, CallId, CallReply, Keeper, KeeperConfig, KeeperInput, KeeperOutput, KeeperState, Pacer, Ticket,
};
use ibws_proto::rest::{RestOutcome, RestRequest, RestRequestId};
use ibws_proto::{Action, Config, Input, Instant, Output, SubscriptionState};
use ibws_testkit::GatewayConfig;
use ibws_testkit::world::{Content, QUOTES, World, secs, sub};

/// How long the result of a call takes, and the step of the test.
const STEP: Duration = Duration::from_millis(50);

/// A world whose REST handler is a keeper, and a second keeper beside it.
struct Both {
    world: World,
    keepers: [Keeper; 2],
    pacer: Pacer,
    /// Entries of the timeline that were looked at.
    seen: usize,
    /// Calls on their way back: keeper, call, result.
    returning: Vec<(usize, CallId, CallReply)>,
    calls: Vec<(Instant, usize, Call)>,
    other_tickets: u64,
}

impl Both {
    fn new() -> Self {
        let mut world = World::new(Config::default(), GatewayConfig::default());
        // The world's own handler does nothing.
        world.link.rest = None;
        let keeper = |seed| Keeper::new(KeeperConfig { seed, ..KeeperConfig::default() }, Instant::ORIGIN);
        Self {
            world,
            keepers: [keeper(1), keeper(2)],
            pacer: Pacer::default(),
            seen: 0,
            returning: Vec::new(),
            calls: Vec::new(),
            other_tickets: 0,
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.world.now() + span;
        while self.world.now() < end {
            self.world.run(STEP);
            let now = self.world.now();
            for (index, id, reply) in std::mem::take(&mut self.returning) {
                self.keepers[index].handle(now, KeeperInput::Done(id, Ok(reply)));
            }
            let entries = &self.world.trace()[self.seen..];
            self.seen += entries.len();
            for entry in entries {
                if let Content::Output(Output::Action(Action::Rest { id, request })) = &entry.content {
                    let input = KeeperInput::Serve { ticket: Ticket(id.0), request: request.clone() };
                    self.keepers[0].handle(now, input);
                }
            }
            (0..2).for_each(|index| self.poll(index));
        }
    }

    fn poll(&mut self, index: usize) {
        let now = self.world.now();
        self.keepers[index].handle(now, KeeperInput::Tick);
        while let Some(output) = self.keepers[index].poll(now, &mut self.pacer) {
            match output {
                KeeperOutput::Call { id, call } => {
                    let path = format!("/v1/api{}", call.path());
                    let (query, body) = (call.query().unwrap_or_default(), call.body().unwrap_or_default());
                    let method = call.method().as_str();
                    let reply = self.world.gateway.rest_with_body(now, method, &path, &query, body.as_bytes());
                    let reply =
                        CallReply { status: reply.status, retry_after: None, body: reply.body.into_bytes().into() };
                    self.returning.push((index, id, reply));
                    self.calls.push((now, index, call));
                    self.world.flush_gateway();
                }
                KeeperOutput::Served { ticket, result } if index == 0 => {
                    self.world.input(Input::RestDone(RestRequestId(ticket.0), result));
                }
                _ => {}
            }
        }
    }

    /// Lets the second keeper prime orders, as another client of the process does.
    fn other_primes(&mut self) {
        self.other_tickets += 1;
        let input = KeeperInput::Serve { ticket: Ticket(self.other_tickets), request: RestRequest::Prime(sub("or")) };
        self.keepers[1].handle(self.world.now(), input);
    }

    fn count(&self, outcome: RestOutcome, is: impl Fn(&RestRequest) -> bool) -> usize {
        self.world.reports().filter(|(_, report)| report.outcome == outcome && is(&report.request)).count()
    }
}

#[test]
fn the_machine_spaces_its_requests_and_the_keeper_spaces_calls_over_all_clients() {
    let mut both = Both::new();
    both.run(secs(1));
    both.world.start();
    for channel in ["or", QUOTES, "tr"] {
        both.world.subscribe(channel);
    }
    both.run(secs(60));
    let is_prime = |request: &RestRequest| matches!(request, RestRequest::Prime(_));
    let is_reconcile = |request: &RestRequest| matches!(request, RestRequest::Reconcile { .. });
    assert_eq!(both.count(RestOutcome::Done, is_prime), 1, "{}", both.world.timeline());
    // Ten outages, while the other client calls the same path again and again.
    for round in 0..10 {
        both.other_primes();
        both.run(secs(2));
        both.world.cut();
        both.run(secs(40));
        if round % 3 == 0 {
            both.world.gateway.set_authenticated(false);
            both.run(secs(10));
            assert!(both.world.gateway.is_authenticated(), "the keeper opens the session again");
        }
        both.run(secs(50));
        for key in ["or", "md+265598", "tr"] {
            let state = both.world.subscription_state(key);
            assert!(matches!(state, SubscriptionState::Active | SubscriptionState::Quiet), "{key}: {state:?}");
        }
    }
    assert!(both.keepers.iter().all(|keeper| keeper.state().state == KeeperState::Authenticated));
    assert!(both.count(RestOutcome::Done, is_prime) >= 10);
    assert!(both.count(RestOutcome::Done, is_reconcile) >= 10, "{}", both.world.timeline());
    assert_eq!(both.world.gateway.pacing_violations(), 0);
    for path in ["/iserver/account/orders", "/iserver/account/trades"] {
        let times: Vec<_> = both.calls.iter().filter(|(_, _, call)| call.path() == path).map(|(at, ..)| *at).collect();
        assert!(times.len() >= 10, "{path}: {times:?}");
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= secs(5)), "{path}: {times:?}");
    }
    let by_other = both.calls.iter().filter(|(_, index, call)| *index == 1 && *call == Call::Orders { force: true });
    assert_eq!(by_other.count(), 10, "the other client does not starve");
    // Beyond the tickles, every call has a request of the machine or of the other client.
    let requests = both.world.outputs_at().filter(|(_, output)| matches!(output, Output::Action(Action::Rest { .. })));
    let accounts = both.calls.iter().filter(|(_, _, call)| *call == Call::Accounts).count();
    assert!(accounts <= requests.count() + 10, "{accounts}");
    let inits = both.calls.iter().filter(|(_, _, call)| matches!(call, Call::Init { .. })).count();
    assert!((4..=8).contains(&inits), "{inits}");
    assert!(both.calls.iter().filter(|(_, _, call)| *call == Call::Tickle).count() < 100);
}
