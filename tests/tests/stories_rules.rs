//! Tests of small rules, one a test: each covers one condition that no larger test depends on.

use core::time::Duration;

use ibws_proto::{
    CloseCause, Command, CommandError, Config, ConnId, ConnectionLoss, ConnectionState, Event, GapCause, Input,
    Instant, Machine, Output, ReadyGate, Reply, SessionUpdate, SubscriptionState,
    rest::RestRequest,
    status::{HealthReason, Timer, WakeReason},
};
use ibws_testkit::Recovery;
use ibws_testkit::world::{Dial, QUOTES, World, ms, rest_result, secs, settled, sub, world};

/// A machine without a world, so that a test controls every input.
struct BareMachine {
    machine: Machine,
    /// Every output since the start.
    outputs: Vec<Output>,
}

impl BareMachine {
    fn new(config: Config) -> Self {
        let mut bare = Self { machine: Machine::new(config, Instant::ORIGIN), outputs: Vec::new() };
        bare.submit(0, Command::Start);
        bare.input(0, Input::Opened(ConnId(1)));
        bare
    }

    fn submit(&mut self, after: u64, command: Command) {
        self.machine.submit(Instant::ORIGIN + ms(after), command);
        self.outputs.extend(std::iter::from_fn(|| self.machine.poll()));
    }

    fn input(&mut self, after: u64, input: Input) {
        self.machine.handle(Instant::ORIGIN + ms(after), input);
        self.outputs.extend(std::iter::from_fn(|| self.machine.poll()));
    }

    fn receive(&mut self, after: u64, text: &'static str) {
        self.input(after, Input::Frame(ConnId(1), text.into()));
    }

    /// Returns the causes of the connection's changes of state.
    fn losses(&self) -> Vec<GapCause> {
        let cause = |output: &Output| match output {
            Output::Event(Event::State(change)) => change.cause.clone(),
            _ => None,
        };
        self.outputs.iter().filter_map(cause).collect()
    }

    fn ready(&mut self) {
        self.receive(0, r#"{"topic":"system","success":"user"}"#);
        self.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    }
}

#[test]
fn commands_that_need_a_ready_connection_fail_with_not_ready_elsewhere() {
    let mut world = world();
    for command in [Command::Recreate, Command::Tic, Command::SendText("ech+hb".into())] {
        let id = world.submit(command);
        assert_eq!(world.wait_for_reply(id).1, Err(CommandError::NotReady(HealthReason::NotConnected)));
    }
    let invalidated = world.submit(Command::Invalidate(None));
    assert_eq!(world.wait_for_reply(invalidated).1, Ok(Reply::Invalidated(0)));
}

#[test]
fn a_refusal_that_names_a_target_refuses_only_that_subscription() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe(QUOTES);
    world.subscribe("md+8314");
    world.run(ms(50));
    world.gateway_sends(r#"{"error":"No market data","code":500,"topic":"smd+8314"}"#);
    world.run(ms(50));
    assert_eq!(world.subscription_state("md+8314"), SubscriptionState::Refused);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Subscribing);
    assert_eq!(world.gaps().len(), 0, "a stream that never delivered data has no gap");
    // A channel without a target is refused by its bare topic.
    world.subscribe("pl");
    world.run(ms(50));
    world.gateway_sends(r#"{"error":"No accounts","code":500,"topic":"spl"}"#);
    world.run(ms(50));
    assert_eq!(world.subscription_state("pl"), SubscriptionState::Refused);
    // A refusal of no channel, or of a channel without a subscription, refuses nothing.
    let before = world.events().filter(|(_, event)| matches!(event, Event::Subscription(_))).count();
    for topic in ["sts", "xyz", "sor", "smh+1"] {
        world.gateway_sends(format!(r#"{{"error":"no","topic":"{topic}"}}"#));
    }
    world.gateway_sends(r#"{"error":"Topic unknown","code":1}"#);
    world.run(ms(50));
    assert_eq!(world.events().filter(|(_, event)| matches!(event, Event::Subscription(_))).count(), before);
}

#[test]
fn health_reports_the_reason_and_the_ages() {
    let mut world = world();
    let health = |world: &World, after: Duration| world.machine().health(world.now() + after);
    assert_eq!(health(&world, ms(0)).reason, HealthReason::NotConnected);
    world.settle(&[]);
    let fine = health(&world, ms(0));
    assert!(fine.healthy && fine.reason == HealthReason::Fine);
    world.run(secs(60));
    let received = world.last_received_at().unwrap();
    let ages = world.machine().health(received + secs(3)).ages.unwrap();
    assert_eq!(ages.received, secs(3));
    assert!(ages.heartbeat.is_some_and(|age| age >= secs(3) && age < secs(14)));
    assert!(ages.pong.is_some_and(|age| age >= secs(3) && age < secs(49)));
    let silent = world.machine().health(received + secs(25));
    assert!(!silent.healthy && silent.reason == HealthReason::Silent);
    assert_eq!(world.machine().health(received + ms(24_999)).reason, HealthReason::Fine);
    world.gateway.set_authenticated(false);
    world.run(secs(1));
    assert_eq!(health(&world, ms(0)).reason, HealthReason::NotAuthenticated);
}

#[test]
fn health_reports_a_missing_pong_300_s_after_the_last_pong() {
    let mut bare = BareMachine::new(Config::default());
    bare.ready();
    for after in 1..=34 {
        bare.receive(after * 10_000, r#"{"topic":"system","hb":1}"#);
        if after == 5 {
            bare.input(50_000, Input::Pong(ConnId(1)));
        }
    }
    let reason = |bare: &BareMachine, after| bare.machine.health(Instant::ORIGIN + ms(after)).reason;
    assert_eq!((reason(&bare, 349_999), reason(&bare, 350_000)), (HealthReason::Fine, HealthReason::PongMissing));
    assert_eq!(bare.machine.status().conn, Some(ConnId(1)));
    bare.input(350_000, Input::Tick);
    assert_eq!((bare.machine.status().state, bare.machine.status().conn), (ConnectionState::Backoff, None));
}

#[test]
fn checks_reset_nothing_on_a_healthy_connection_or_without_one() {
    let mut world = settled(&[]);
    world.run(secs(30));
    for check in [Command::CheckPing, Command::CheckHealth] {
        let id = world.submit(check);
        assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Healthy(true)));
    }
    assert_eq!(world.dials().len(), 1);
    let mut stopped = ibws_testkit::world::world();
    let id = stopped.submit(Command::CheckHealth);
    assert_eq!(
        stopped.wait_for_reply(id).1,
        Ok(Reply::Healthy(true)),
        "without a connection there is nothing to check"
    );
}

#[test]
fn next_wake_returns_the_time_and_the_reason() {
    let mut bare = BareMachine::new(Config::default());
    let at = |after: u64| Instant::ORIGIN + ms(after);
    assert_eq!(bare.machine.next_wake(), Some((at(5_000), WakeReason::Timer(Timer::Gate))));
    bare.receive(0, r#"{"topic":"system","success":"user"}"#);
    assert_eq!(bare.machine.next_wake(), Some((at(1_000), WakeReason::Timer(Timer::Auth))));
    bare.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    assert_eq!(bare.machine.next_wake(), Some((at(25_000), WakeReason::Silence)));
    bare.submit(0, Command::Subscribe(ibws_proto::Subscribe::new(sub("pl"))));
    assert_eq!(bare.machine.next_wake(), Some((at(2_000), WakeReason::Subscription)));
    bare.receive(0, r#"{"topic":"spl","args":{}}"#);
    bare.submit(0, Command::Subscribe(ibws_proto::Subscribe::new(sub("or"))));
    assert_eq!(bare.machine.next_wake(), Some((at(5_000), WakeReason::Rest)));
    bare.submit(0, Command::Tic);
    assert_eq!(bare.machine.next_wake(), Some((at(2_000), WakeReason::Request)));
    assert_eq!(bare.machine.poll_timeout(), bare.machine.next_wake().map(|(at, _)| at));
    let mut stopped = Machine::new(Config::default(), Instant::ORIGIN);
    assert_eq!((stopped.next_wake(), stopped.poll_timeout()), (None, None));
    stopped.submit(at(7), Command::Tic);
    assert_eq!(stopped.poll_timeout(), Some(at(7)), "there is a reply to poll");
}

#[test]
fn inputs_invalid_in_the_current_state_are_counted_and_ignored() {
    let mut bare = BareMachine::new(Config::default());
    let emitted = bare.outputs.len();
    let invalid = [
        Input::Opened(ConnId(1)),
        Input::Opened(ConnId(2)),
        Input::Closed(ConnId(2), CloseCause::Eof),
        Input::Pong(ConnId(7)),
        Input::Pinged(ConnId(7)),
        Input::Session(ConnId(7), SessionUpdate::Changed),
        Input::RestDone(ibws_proto::rest::RestRequestId(9), rest_result(true)),
        Input::Frame(ConnId(9), "{}".into()),
    ];
    for (n, input) in invalid.into_iter().enumerate() {
        bare.input(1, input);
        assert_eq!((bare.machine.stats().stale, bare.outputs.len()), (n as u64 + 1, emitted));
    }
    let stale = bare.machine.stats().stale;
    bare.input(2, Input::Tick);
    assert_eq!((bare.machine.stats().frames, bare.machine.stats().stale), (0, stale), "a tick is valid in every state");
}

#[test]
fn frames_are_counted_by_kind() {
    let mut bare = BareMachine::new(Config::default());
    bare.receive(1, r#"{"topic":"sts","args":{}}"#);
    bare.receive(1, "{");
    bare.input(1, Input::Frame(ConnId(1), b"{\"topic\":\"sor\",\"args\":[\"\x99\"]}".as_slice().into()));
    let stats = bare.machine.stats();
    assert_eq!((stats.frames, stats.malformed, stats.lossy, stats.sent), (3, 1, 1, 0));
}

#[test]
fn a_strict_gate_and_a_missing_session_wait_for_the_greeting_for_60_s() {
    let mut strict = BareMachine::new(Config { ready_gate: ReadyGate::Strict, ..Config::default() });
    strict.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    let mut waiting = BareMachine::new(Config::default());
    waiting.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    waiting.receive(0, r#"{"message":"waiting for session"}"#);
    for bare in [&mut strict, &mut waiting] {
        for after in 1..60 {
            bare.receive(after * 1_000, r#"{"topic":"system","hb":1}"#);
        }
        bare.input(59_999, Input::Tick);
        assert_eq!(bare.machine.status().state, ConnectionState::Open, "frames alone do not open this gate");
        bare.input(60_000, Input::Tick);
        let (state, causes) = (bare.machine.status().state, bare.losses());
        assert_eq!((state, causes), (ConnectionState::Backoff, vec![ConnectionLoss::NotGreeted.into()]));
    }
    let mut strict = BareMachine::new(Config { ready_gate: ReadyGate::Strict, ..Config::default() });
    strict.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    strict.receive(20_000, r#"{"topic":"system","success":"user"}"#);
    assert_eq!(strict.machine.status().state, ConnectionState::Ready);
}

#[test]
fn a_session_change_found_over_rest_reconnects_once() {
    let mut world = settled(&[QUOTES]);
    let conn = world.conn().unwrap();
    world.input(Input::Session(conn, SessionUpdate::Changed));
    world.run(secs(10));
    assert_eq!((world.dials().len(), world.subscription_state("md+265598")), (2, SubscriptionState::Active));
    assert_eq!(world.gaps()[0].cause, ibws_proto::ConnectionLoss::SessionChanged.into());
    // A connection that is already closing ignores the update.
    let mut bare = BareMachine::new(Config::default());
    bare.ready();
    bare.submit(10, Command::Disconnect);
    bare.input(11, Input::Session(ConnId(1), SessionUpdate::Changed));
    assert_eq!(bare.machine.status().state, ConnectionState::Closing);
    let is_session_request = |output: &Output| {
        matches!(output, Output::Action(ibws_proto::Action::Rest { request: RestRequest::Session(_), .. }))
    };
    bare.input(12, Input::Session(ConnId(1), SessionUpdate::Unavailable));
    assert!(!bare.outputs.iter().any(is_session_request));
}

#[test]
fn a_disconnect_supersedes_a_reset_and_a_shutdown_supersedes_both() {
    let mut world = settled(&[QUOTES]);
    world.link.replies_to_close = false;
    let reset = world.submit(Command::HardReset { restart: true });
    let disconnect = world.submit(Command::Disconnect);
    assert_eq!(world.reply(reset).unwrap().1, Err(CommandError::Superseded));
    let shutdown = world.submit(Command::Shutdown { drain: false });
    assert_eq!(world.reply(disconnect).unwrap().1, Err(CommandError::ShutDown));
    let late = world.submit(Command::HardReset { restart: true });
    assert_eq!(world.reply(late).unwrap().1, Err(CommandError::ShutDown), "a shutdown is final");
    assert_eq!(world.wait_for_reply(shutdown).1, Ok(Reply::Stopped));
    assert_eq!(world.dials().len(), 1);
}

#[test]
fn a_reset_without_a_connection_keeps_the_plan_unless_it_restarts() {
    let mut world = world();
    let id = world.submit(Command::HardReset { restart: false });
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Reset));
    world.run(secs(60));
    assert_eq!(world.dials().len(), 0, "a stopped client remains stopped");
    let id = world.submit(Command::HardReset { restart: true });
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Reset));
    world.run(secs(5));
    assert_eq!((world.dials().len(), world.connection_state()), (1, ConnectionState::Ready));
    world.link.dials_to = Dial::refused();
    world.cut();
    world.run(ms(100));
    assert_eq!(world.connection_state(), ConnectionState::Backoff);
    let at = world.now();
    let before = world.dials().len();
    world.submit(Command::HardReset { restart: false });
    world.run(secs(1));
    assert_eq!(world.dials()[before], at + secs(1), "the next dial remains 1 s away");
}

#[test]
fn needs_confirmation_can_be_set_on_any_channel() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    let unconfirmed = ibws_proto::Subscribe::parse(QUOTES).unwrap().needs_confirmation(false);
    let id = world.submit(Command::Subscribe(unconfirmed));
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Subscribed(ibws_proto::SubscribeOutcome::Quiet)));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Quiet);
}

#[test]
fn a_refused_channel_makes_one_rest_request_for_all_its_subscriptions() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    for conid in 1..=5 {
        world.subscribe(&format!("md+{conid}"));
    }
    world.run(ms(50));
    world.gateway.refuse("smd", "No accounts", Some(1), Recovery::Never);
    world.gateway_sends(r#"{"error":"No accounts","code":500,"topic":"smd"}"#);
    world.run(ms(20));
    assert_eq!(world.rest_requests().count(), 1);
    assert!((1..=5).all(|conid| world.subscription_state(&format!("md+{conid}")) == SubscriptionState::Refused));
}

#[test]
fn a_competing_login_is_reported_at_its_start_and_end_across_connections() {
    let reported = |world: &World| {
        let competing = |event: &Event| if let Event::Competing(competes) = event { Some(*competes) } else { None };
        world.events().filter_map(|(_, event)| competing(event)).collect::<Vec<_>>()
    };
    let mut world = settled(&[]);
    assert!(reported(&world).is_empty(), "without a competing login there is no event");
    for _ in 0..3 {
        world.gateway.set_competing(true);
        world.run(secs(1));
    }
    assert_eq!(reported(&world), [true], "reported once, although the session stays authenticated");
    world.cut();
    world.run(secs(1));
    world.gateway.set_competing(false);
    world.run(secs(20));
    assert_eq!(reported(&world), [true, false]);
}

#[test]
fn a_repeated_need_makes_no_second_request_and_its_request_is_pending_until_its_result() {
    let mut bare = BareMachine::new(Config::default());
    bare.ready();
    bare.submit(0, Command::Subscribe(ibws_proto::Subscribe::new(sub("or"))));
    bare.submit(10, Command::Recreate);
    let [first, second] = [1, 2].map(ibws_proto::rest::RestRequestId);
    assert_eq!((first.to_string(), bare.machine.status().rest_requests), ("a1".into(), 1));
    assert!(bare.machine.is_rest_pending(first) && !bare.machine.is_rest_pending(second));
    let written = |bare: &BareMachine| {
        let orders = |output: &Output| format!("{output:?}").contains("sor+{}");
        bare.outputs.iter().filter(|output| orders(output)).count()
    };
    bare.input(20, Input::RestDone(second, rest_result(true)));
    assert_eq!((written(&bare), bare.machine.stats().stale), (0, 1), "no such request is pending");
    bare.input(30, Input::RestDone(first, rest_result(false)));
    assert_eq!((written(&bare), bare.machine.is_rest_pending(first)), (1, false));
    // Two keys make two requests.
    for (key, refusal) in [
        ("pl", r#"{"error":"No accounts","code":500,"topic":"spl"}"#),
        ("tr", r#"{"error":"No accounts","code":500,"topic":"str"}"#),
    ] {
        bare.submit(50, Command::Subscribe(ibws_proto::Subscribe::new(sub(key))));
        bare.receive(60, refusal);
    }
    assert_eq!(bare.machine.status().rest_requests, 2);
}

#[test]
fn entries_counts_everything_that_the_machine_holds() {
    let mut bare = BareMachine::new(Config { ping_interval: None, ..Config::default() });
    bare.ready();
    assert_eq!(
        (bare.machine.entries(), bare.machine.status().subscriptions, bare.machine.status().requests),
        (0, 0, 0)
    );
    let request =
        bare.machine.submit(Instant::ORIGIN, Command::Subscribe(ibws_proto::Subscribe::new(sub("md+265598"))));
    let tic = bare.machine.submit(Instant::ORIGIN, Command::Tic);
    assert!(bare.machine.holds(request) && !bare.machine.holds(tic));
    // Two texts and one state change are polled. What remains: the row, its timer, its mark, the
    // count of its channel, its handle in both directions, its waiting request, and two requests
    // with their deadlines.
    let queued = std::iter::from_fn(|| bare.machine.poll()).count();
    assert_eq!((queued, bare.machine.entries()), (3, 7 + 4));
    bare.receive(1, r#"{"31":"271.50","conid":265598,"topic":"smd+265598"}"#);
    // Active: the mark and the waiting request are gone.
    assert_eq!(
        (bare.machine.status().subscriptions, bare.machine.status().requests, bare.machine.entries()),
        (1, 1, 5 + 2)
    );
    bare.submit(2, Command::Subscribe(ibws_proto::Subscribe::new(sub("or"))));
    // A row, the count of its channel, its handle in both directions, its waiting request with its
    // deadline, and a REST request: its need, its number and its deadline.
    assert_eq!((bare.machine.status().rest_requests, bare.machine.entries()), (1, 7 + 5 + 2 + 3));
    bare.submit(3, Command::Release(request));
    assert!(!bare.machine.holds(request));
    bare.submit(4, Command::Shutdown { drain: false });
    bare.input(5, Input::Closed(ConnId(1), CloseCause::Close(Some(1000))));
    // The counts of the channels remain, one each.
    assert_eq!((bare.machine.status().state, bare.machine.entries()), (ConnectionState::Stopped, 2));
}

#[test]
fn a_shutdown_waits_1_s_for_the_reply_to_its_close_and_a_disconnect_5_s() {
    for (command, wait) in [(Command::Shutdown { drain: false }, 1), (Command::Disconnect, 5)] {
        let mut world = settled(&[QUOTES]);
        world.link.replies_to_close = false;
        let requested_at = world.now();
        let id = world.submit(command);
        assert_eq!(world.wait_for_reply(id).0, requested_at + secs(wait));
    }
}

#[test]
fn a_frame_of_an_unknown_topic_completes_no_tic_and_changes_no_session() {
    let mut bare = BareMachine::new(Config::default());
    bare.ready();
    bare.receive(1, r#"{"topic":"tic","alive":true,"id":"one","lastAccessed":1}"#);
    bare.submit(2, Command::Tic);
    bare.receive(3, r#"{"topic":"xyz","alive":true,"id":"another"}"#);
    assert_eq!((bare.machine.status().state, bare.machine.status().requests), (ConnectionState::Ready, 1));
    bare.receive(4, r#"{"topic":"tic","alive":true,"id":"one","lastAccessed":2}"#);
    assert_eq!((bare.machine.status().state, bare.machine.status().requests), (ConnectionState::Ready, 0));
    bare.receive(5, r#"{"topic":"tic","alive":true,"id":"another","lastAccessed":3}"#);
    assert_eq!(bare.machine.status().state, ConnectionState::Backoff);
}

#[test]
fn every_written_text_is_counted() {
    let mut world = settled(&[QUOTES, "or", "sd+DU1234567"]);
    world.run(secs(100));
    world.submit(Command::SendText("ech+hb".into()));
    world.unsubscribe("sd+DU1234567", true);
    world.run(secs(600));
    assert!(world.texts().count() > 20);
    assert_eq!(world.machine().stats().sent, world.texts().count() as u64);
}

#[test]
fn a_check_does_not_reset_a_closing_connection() {
    let mut bare = BareMachine::new(Config { close_timeout: secs(60), ..Config::default() });
    bare.ready();
    bare.submit(10, Command::Disconnect);
    bare.submit(40_000, Command::CheckHealth);
    assert!(bare.outputs.iter().any(|output| matches!(output, Output::Done(_, Ok(Reply::Healthy(true))))));
    assert_eq!(bare.machine.health(Instant::ORIGIN + ms(40_000)).reason, HealthReason::Silent);
    assert_eq!(bare.machine.status().state, ConnectionState::Closing);
}

#[test]
fn a_ladder_frame_with_a_partial_topic_belongs_to_the_only_ladder_that_matches() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe("bd+DU1234567+265598+ARCA");
    world.run(ms(50));
    let row = |topic: &str| format!(r#"{{"topic":"{topic}","data":[{{"row":0,"focus":0,"price":"181.20"}}]}}"#);
    let data = |world: &World| world.data("bd+DU1234567+265598+ARCA").len();
    for (n, topic) in ["sbd+DU1234567+265598", "sbd+DU1234567", "sbd"].into_iter().enumerate() {
        world.gateway_sends(row(topic));
        world.run(ms(50));
        assert_eq!(data(&world), n + 1, "{topic}");
    }
    world.subscribe("bd+DU1234567+8314");
    world.run(ms(50));
    for (more, topic) in [(0, "sbd"), (0, "sbd+DU1234567"), (0, "sbd+U12345678"), (1, "sbd+DU1234567+265598")] {
        let before = data(&world);
        world.gateway_sends(row(topic));
        world.run(ms(50));
        assert_eq!(data(&world) - before, more, "{topic}");
    }
}
