//! Tests of REST requests: which requests the machine makes of the REST handler, how long it waits
//! for their results, and what follows. All times are virtual and exact. The brackets above a test
//! name the public issues that it covers.

use ibws_proto::{
    Account, Command, Config, ConnectionState, Event, Input, Machine, Output, Subscribe, SubscriptionState,
    rest::{RestOutcome, RestRequest, SessionNeed},
    subscribe::Staleness,
};
use ibws_testkit::GatewayConfig;
use ibws_testkit::world::{QUOTES, World, ms, rest_result, secs, settled, sub};

fn sessions(world: &World) -> Vec<SessionNeed> {
    world
        .rest_requests()
        .filter_map(|(_, request)| if let RestRequest::Session(need) = request { Some(*need) } else { None })
        .collect()
}

/// Returns the start of each gap that was to be reconciled, with the outcome of the request.
fn reconciliations(world: &World) -> Vec<(ibws_proto::Instant, RestOutcome)> {
    let of =
        |request: &RestRequest| if let RestRequest::Reconcile { since, .. } = request { Some(*since) } else { None };
    world.reports().filter_map(|(_, report)| Some((of(&report.request)?, report.outcome))).collect()
}

// [ibind #129, #90]
#[test]
fn an_unfiltered_rest_call_restores_orders_silenced_by_a_filtered_one() {
    let mut world = settled(&[]);
    let orders = Subscribe::new(sub("or")).staleness(Staleness::After(secs(60)));
    world.submit(Command::Subscribe(orders));
    world.run(secs(30));
    assert_eq!(world.subscription_state("or"), SubscriptionState::Active, "the simulated orders change within 30 s");
    let _ = world.gateway.rest(world.now(), "GET", "/v1/api/iserver/account/orders", "filters=nothing_at_all");
    world.run(secs(90));
    let silences: Vec<_> = world
        .events()
        .filter_map(|(at, event)| if let Event::Stale(stale) = event { Some((at, stale.since)) } else { None })
        .collect();
    let [(stale_at, since)] = silences[..] else { panic!("{silences:?}\n{}", world.timeline()) };
    assert_eq!(stale_at, since + secs(60), "the time of the last order plus the limit");
    let requests: Vec<_> =
        world.rest_requests().filter(|(at, _)| *at >= stale_at).map(|(at, request)| (at, request.clone())).collect();
    assert_eq!(
        requests,
        [
            (stale_at, RestRequest::Prime(sub("or"))),
            (stale_at + secs(5), RestRequest::Reconcile { key: sub("or"), since })
        ],
        "the forced call clears the filter, and the plain one 5 s later lists the orders"
    );
    let fresh = world.events().find_map(|(_, event)| if let Event::Fresh(fresh) = event { Some(fresh) } else { None });
    let fresh = fresh.expect("the orders resume");
    assert!(fresh.since == since && fresh.at > stale_at);
    assert!(world.data("or").len() > 1);
}

// [rust-ibapi #777, bezant]
#[test]
fn an_outage_is_one_gap_per_stream_and_orders_are_reconciled_over_rest() {
    let mut world = settled(&["or", "tr", QUOTES]);
    world.run(secs(20));
    world.link.dials_to = ibws_testkit::world::Dial::refused();
    world.cut();
    world.run(secs(60));
    world.link.dials_to = ibws_testkit::world::Dial::Opens;
    world.run(secs(20));
    for key in ["or", "tr", "md+265598"] {
        let gaps = world.gaps().iter().filter(|gap| gap.key == sub(key)).count();
        let ends = world.resumptions().iter().filter(|end| end.key == sub(key)).count();
        assert_eq!((gaps, ends), (1, 1), "{key}: one outage is one gap, however many dials it takes");
    }
    let since = world.gaps().iter().find(|gap| gap.key == sub("or")).unwrap().since;
    let seeded_since = world.written("sor")[0];
    assert_eq!(
        reconciliations(&world),
        [(seeded_since, RestOutcome::Done), (since, RestOutcome::Done)],
        "the gateway replays trades, but not orders"
    );
    let order: Vec<_> = world
        .outputs_at()
        .filter_map(|(_, output)| match output {
            Output::Event(Event::Gap(gap)) if gap.key == sub("or") => Some("gap"),
            Output::Event(Event::Resumed(end)) if end.key == sub("or") => Some("resumed"),
            Output::Action(ibws_proto::Action::Rest { request: RestRequest::Reconcile { .. }, .. }) => {
                Some("reconcile")
            }
            _ => None,
        })
        .collect();
    assert_eq!(order, ["reconcile", "gap", "resumed", "reconcile"]);
}

#[test]
fn an_unreconciled_gap_is_requested_again_until_it_is_reconciled_across_connections() {
    let mut world = settled(&["or"]);
    world.run(secs(20));
    let mut seen = reconciliations(&world).len();
    // Returns the outcomes since the last call, of which each must reach back to `since`.
    let mut outcomes = |world: &World, since: ibws_proto::Instant| {
        let new = reconciliations(world).split_off(seen);
        seen += new.len();
        assert!(new.iter().all(|(of, _)| *of == since), "{new:?} does not reach back to {since:?}");
        new.into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>()
    };
    world.link.rest = Some((ms(50), false));
    world.cut();
    world.run(secs(120));
    let first = world.gaps()[0].since;
    assert_eq!(outcomes(&world, first), [RestOutcome::Failed; 5], "5, 10, 20 and 40 s lie between the attempts");
    world.link.rest = None;
    world.cut();
    world.run(secs(120));
    assert_eq!(outcomes(&world, first), [RestOutcome::TimedOut; 3], "the first gap is not reconciled yet");
    world.link.rest = Some((ms(50), true));
    world.cut();
    world.run(secs(120));
    assert_eq!(outcomes(&world, first), [RestOutcome::Done]);
    world.cut();
    world.run(secs(120));
    let last = world.gaps().last().unwrap().since;
    assert_eq!(outcomes(&world, last), [RestOutcome::Done]);
}

#[test]
fn a_rest_request_without_result_times_out_after_30_s_and_is_requested_again() {
    let mut world = settled(&["or"]);
    world.run(secs(20));
    world.link.rest = None;
    let cut_at = world.now();
    world.cut();
    world.run(secs(120));
    let is_reconcile = |request: &RestRequest| matches!(request, RestRequest::Reconcile { .. });
    let requested: Vec<_> =
        world.rest_requests().filter(|(at, request)| *at > cut_at && is_reconcile(request)).map(|(at, _)| at).collect();
    let (reported_at, report) =
        world.reports().find(|(at, report)| *at > cut_at && is_reconcile(&report.request)).unwrap();
    assert_eq!((reported_at, report.outcome), (requested[0] + secs(30), RestOutcome::TimedOut));
    assert_eq!(report.next_try, Some(requested[1]));
    let pause = requested[1].since(reported_at);
    assert!(pause >= ms(4_500) && pause <= ms(5_500), "{pause:?}");
    // A result after the timeout belongs to no pending request and counts as stale.
    let before = world.machine().stats().stale;
    world.input(Input::RestDone(report.id.unwrap(), rest_result(true)));
    assert_eq!(world.machine().stats().stale, before + 1);
    assert_eq!(world.subscription_state("or"), SubscriptionState::Active, "the timeout does not stop the orders");
}

// [ibkrdotnet #68, #74]
#[test]
fn notices_in_both_shapes_are_delivered_and_a_prompt_makes_a_rest_request() {
    let mut world = settled(&[]);
    world.link.rest = None;
    world.gateway_sends(
        r#"{"topic":"ntf","args":{"id":"n1","text":"Market closes early","title":"Notice","url":null}}"#,
    );
    world.gateway_sends(r#"{"topic":"blt","args":{"id":"b1","message":"Maintenance"}}"#);
    world.gateway_sends(r#"{"topic":"blt","args":[{"id":12,"exchanges":null,"message":"Maintenance"}]}"#);
    world.run(secs(1));
    assert_eq!(world.rest_requests().count(), 0, "a notice without options makes no REST request");
    let prompt = |req: &str| {
        format!(
            r#"{{"topic":"ntf","args":[{{"id":"n2","text":"Read"}},{{"orderId":71,"reqId":"{req}","dismissable":[],"text":"Really?","options":["Yes","No"],"type":"M","messageId":"p12","prompt":true}}]}}"#
        )
    };
    world.gateway_sends(prompt("r1"));
    world.run(secs(1));
    let requests: Vec<_> = world.rest_requests().map(|(_, request)| request.clone()).collect();
    let [RestRequest::Prompt(prompted)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((prompted.order_id, &*prompted.req_id, &*prompted.text), (Some(71), "r1", "Really?"));
    assert_eq!(prompted.options.iter().map(|option| &**option).collect::<Vec<_>>(), ["Yes", "No"]);
    let delivered = world.messages().filter(|message| message.key == Some(ibws_proto::Key::Notifications)).count();
    assert_eq!(delivered, 2, "each frame is delivered, with or without a prompt in it");
    // A prompt that the gateway repeats while it waits makes no second request, and a changed one
    // supersedes it.
    world.gateway_sends(prompt("r1"));
    world.run(secs(1));
    assert_eq!((world.rest_requests().count(), world.reports().count()), (1, 0));
    world.gateway_sends(prompt("r1").replace("Really?", "Really sure?"));
    world.run(secs(1));
    let count = |world: &World, outcome| world.reports().filter(|(_, report)| report.outcome == outcome).count();
    assert_eq!((world.rest_requests().count(), count(&world, RestOutcome::Superseded)), (2, 1));
    // The number of pending prompts is limited, so a gateway that prompts without end cannot fill
    // the memory.
    for n in 0..40 {
        world.gateway_sends(prompt(&format!("s{n}")));
    }
    world.run(secs(1));
    assert_eq!((world.machine().status().rest_requests, count(&world, RestOutcome::TooMany)), (32, 40 - 31));
    let requests = world.rest_requests().count();
    world.run(secs(300));
    assert_eq!(count(&world, RestOutcome::TimedOut), 32);
    assert_eq!(world.rest_requests().count(), requests, "the gateway may have got the reply: it is never repeated");
    assert!(world.reports().all(|(_, report)| report.next_try.is_none()));
}

#[test]
fn a_missing_session_is_requested_over_rest_and_sent_once_available() {
    let session = "0123456789abcdef0123456789abcdef".to_owned();
    let mut gateway = GatewayConfig::default();
    gateway.waiting_for_session = true;
    gateway.session = Some(session.clone());
    let mut world = World::new(Config::default(), gateway);
    world.link.authorised = false;
    world.link.rest = Some((secs(12), true));
    world.start();
    world.subscribe(QUOTES);
    world.run(secs(5));
    assert_eq!(sessions(&world), [SessionNeed::Missing]);
    world.link.session = Some(session);
    world.run(secs(15));
    assert_eq!(
        (world.connection_state(), world.subscription_state("md+265598")),
        (ConnectionState::Ready, SubscriptionState::Active)
    );
    assert_eq!(sessions(&world).len(), 1);
}

// A session provider that never delivers must not go unnoticed.
#[test]
fn a_session_missing_for_30_s_is_requested_over_rest() {
    let mut machine = Machine::new(Config::default(), ibws_proto::Instant::ORIGIN);
    let at = |after: u64| ibws_proto::Instant::ORIGIN + secs(after);
    machine.submit(at(0), Command::Start);
    machine.handle(at(0), Input::Opened(ibws_proto::ConnId(1)));
    machine.handle(at(1), Input::Frame(ibws_proto::ConnId(1), r#"{"message":"waiting for session"}"#.into()));
    let session_requests = |machine: &mut Machine| {
        let is_session = |output: &Output| {
            matches!(output, Output::Action(ibws_proto::Action::Rest { request: RestRequest::Session(_), .. }))
        };
        std::iter::from_fn(|| machine.poll()).filter(is_session).count()
    };
    // Heartbeats keep the connection from being silent.
    for after in [10, 20, 30] {
        machine.handle(at(after), Input::Frame(ibws_proto::ConnId(1), r#"{"topic":"system","hb":1}"#.into()));
    }
    assert_eq!(session_requests(&mut machine), 0);
    machine.handle(at(31), Input::Tick);
    assert_eq!(session_requests(&mut machine), 1);
}

#[test]
fn a_session_that_is_not_accepted_is_sent_five_times_and_then_reported() {
    let mut gateway = GatewayConfig::default();
    gateway.waiting_for_session = true;
    let mut world = World::new(Config::default(), gateway);
    world.gateway.set_sessions_accepted(false);
    world.link.authorised = false;
    world.link.session = Some("00112233445566778899aabbccddeeff".into());
    world.start();
    world.run(secs(40));
    let sent = |world: &World| {
        let sends = |output: &Output| matches!(output, Output::Action(ibws_proto::Action::SendSession { .. }));
        world.outputs_at().filter(|(_, output)| sends(output)).count()
    };
    assert_eq!(sent(&world), 5);
    assert!(world.reports().any(|(_, report)| report.outcome == RestOutcome::TooMany));
    // A gateway that sends nothing else is silent for 45 s, and the next connection counts anew.
    world.run(secs(20));
    assert_eq!((world.dials().len(), sent(&world)), (2, 10));
}

#[test]
fn lost_authentication_is_requested_over_rest_until_it_is_back() {
    let mut world = settled(&[QUOTES, "or"]);
    world.link.rest = Some((ms(50), false));
    world.gateway.set_authenticated(false);
    let lost_at = world.now() + ms(10);
    world.run(secs(20));
    let requested: Vec<_> = world
        .rest_requests()
        .filter(|(_, request)| matches!(request, RestRequest::Session(_)))
        .map(|(at, _)| at)
        .collect();
    assert_eq!((requested[0], requested.len()), (lost_at, 3), "{requested:?}");
    for (pair, pause) in requested.windows(2).zip([5_000, 10_000]) {
        let waited = pair[1].since(pair[0] + ms(50));
        assert!(waited >= ms(pause * 9 / 10) && waited <= ms(pause * 11 / 10), "{waited:?}");
    }
    world.gateway.set_authenticated(true);
    world.run(secs(60));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Active);
    assert_eq!(sessions(&world), [SessionNeed::Unauthenticated; 3], "what is not needed is not requested");
    world.gateway.set_authenticated(false);
    world.run(secs(2));
    assert_eq!(sessions(&world).len(), 4, "the next loss begins with a request at once");
}

#[test]
fn rest_requests_end_with_their_connection() {
    let mut world = settled(&[]);
    world.link.rest = None;
    world.subscribe("or");
    world.run(secs(1));
    world.cut();
    world.run(ms(100));
    let reports: Vec<_> = world.reports().map(|(_, report)| report.outcome).collect();
    assert_eq!(reports, [RestOutcome::Superseded]);
    assert_eq!(world.machine().status().rest_requests, 0);
}

#[test]
fn a_session_for_other_accounts_is_reported_as_a_mismatch() {
    let mismatches = |account: Option<&str>, frame: &str| {
        let config = Config { account: account.map(Account::new), ..Config::default() };
        let mut world = World::new(config, GatewayConfig::default());
        world.settle(&[]);
        let before = world.events().filter(|(_, event)| matches!(event, Event::AccountMismatch)).count();
        world.gateway_sends(frame);
        world.run(secs(1));
        (before, world.events().filter(|(_, event)| matches!(event, Event::AccountMismatch)).count() - before)
    };
    let others = r#"{"topic":"act","args":{"accounts":["U12345678"]}}"#;
    let partial = r#"{"topic":"act","args":{"selectedAccount":"U12345678"}}"#;
    assert_eq!(mismatches(Some("DU1234567"), others), (0, 1), "the opening burst lists the account");
    assert_eq!(mismatches(Some("DU1234567"), partial), (0, 0), "a frame without an account list is no mismatch");
    assert_eq!(mismatches(Some("U12345678"), others), (1, 0));
    assert_eq!(mismatches(None, others), (0, 0), "nothing is compared without a configured account");
}
