//! Small rules, one by one: each of these stories is about one condition that no larger story depends on.

use core::time::Duration;

use ibws_proto::{
    Command, CommandError, Config, ConnId, ConnectionState, Event, HealthReason, Input, Instant, Machine, Output,
    ReadyGate, Reply, RestRequest, SessionUpdate, SubscriptionState, Timer, WakeReason,
};
use ibws_testkit::Recovery;
use ibws_testkit::world::{Dial, QUOTES, World, ms, secs, sub, world};

fn settled(channels: &[&str]) -> World {
    let mut world = world();
    world.settle(channels);
    world
}

/// A machine of its own, so that a story can say every input.
struct Alone(Machine, Vec<Output>);

impl Alone {
    fn new(config: Config) -> Self {
        let mut alone = Self(Machine::new(config, Instant::ORIGIN), Vec::new());
        alone.submit(0, Command::Start);
        alone.input(0, Input::Opened(ConnId(1)));
        alone
    }

    fn submit(&mut self, after: u64, command: Command) {
        self.0.submit(Instant::ORIGIN + ms(after), command);
        self.1.extend(std::iter::from_fn(|| self.0.poll()));
    }

    fn input(&mut self, after: u64, input: Input) {
        self.0.handle(Instant::ORIGIN + ms(after), input);
        self.1.extend(std::iter::from_fn(|| self.0.poll()));
    }

    fn receive(&mut self, after: u64, text: &'static str) {
        self.input(after, Input::Frame(ConnId(1), text.into()));
    }

    fn ready(&mut self) {
        self.receive(0, r#"{"topic":"system","success":"user"}"#);
        self.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    }
}

#[test]
fn what_can_be_written_on_a_ready_connection_only_is_refused_elsewhere() {
    let mut world = world();
    for command in [Command::Recreate, Command::Tic, Command::SendText("ech+hb".into())] {
        let id = world.submit(command);
        assert_eq!(world.wait_for_reply(id).1, Err(CommandError::NotReady));
    }
    let invalidated = world.submit(Command::Invalidate(None));
    assert_eq!(world.wait_for_reply(invalidated).1, Ok(Reply::Invalidated(0)));
}

#[test]
fn a_refusal_that_names_its_target_means_that_one_alone() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    world.subscribe(QUOTES);
    world.subscribe("md+8314");
    world.run(ms(50));
    world.gateway_sends(r#"{"error":"No market data","code":500,"topic":"smd+8314"}"#);
    world.run(ms(50));
    assert_eq!(world.subscription_state("md+8314"), SubscriptionState::Refused);
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Subscribing);
    assert_eq!(world.gaps().len(), 0, "what never flowed has no gap");
    // A channel without a target is named whole.
    world.subscribe("pl");
    world.run(ms(50));
    world.gateway_sends(r#"{"error":"No accounts","code":500,"topic":"spl"}"#);
    world.run(ms(50));
    assert_eq!(world.subscription_state("pl"), SubscriptionState::Refused);
    // One of no channel, or of what nobody subscribed to, refuses nothing.
    let before = world.events().filter(|(_, event)| matches!(event, Event::Subscription(_))).count();
    for topic in ["sts", "xyz", "sor", "smh+1"] {
        world.gateway_sends(format!(r#"{{"error":"no","topic":"{topic}"}}"#));
    }
    world.gateway_sends(r#"{"error":"Topic unknown","code":1}"#);
    world.run(ms(50));
    assert_eq!(world.events().filter(|(_, event)| matches!(event, Event::Subscription(_))).count(), before);
}

#[test]
fn health_names_the_reason_and_the_ages() {
    let mut world = world();
    let health = |world: &World, after: Duration| world.machine().health(world.now() + after);
    assert_eq!(health(&world, ms(0)).reason, HealthReason::NotConnected);
    world.settle(&[]);
    let fine = health(&world, ms(0));
    assert!(fine.healthy && fine.reason == HealthReason::Fine);
    world.run(secs(60));
    let heard = world.last_received_at().unwrap();
    let ages = world.machine().health(heard + secs(3)).ages.unwrap();
    assert_eq!(ages.received, secs(3));
    assert!(ages.heartbeat.is_some_and(|age| age >= secs(3) && age < secs(14)));
    assert!(ages.pong.is_some_and(|age| age >= secs(3) && age < secs(49)));
    let silent = world.machine().health(heard + secs(25));
    assert!(!silent.healthy && silent.reason == HealthReason::Silent);
    assert_eq!(world.machine().health(heard + ms(24_999)).reason, HealthReason::Fine);
    world.gateway.set_authenticated(false);
    world.run(secs(1));
    assert_eq!(health(&world, ms(0)).reason, HealthReason::NotReady);
}

#[test]
fn a_missing_pong_is_a_reason_of_its_own_300_s_after_the_last_one() {
    let mut alone = Alone::new(Config::default());
    alone.ready();
    for after in 1..=34 {
        alone.receive(after * 10_000, r#"{"topic":"system","hb":1}"#);
        if after == 5 {
            alone.input(50_000, Input::Pong(ConnId(1)));
        }
    }
    let reason = |alone: &Alone, after| alone.0.health(Instant::ORIGIN + ms(after)).reason;
    assert_eq!((reason(&alone, 349_999), reason(&alone, 350_000)), (HealthReason::Fine, HealthReason::PongMissing));
    assert_eq!(alone.0.status().conn, Some(ConnId(1)));
    alone.input(350_000, Input::Tick);
    assert_eq!((alone.0.status().state, alone.0.status().conn), (ConnectionState::Backoff, None));
}

#[test]
fn checks_reset_a_connection_that_is_bad_and_leave_a_good_one_alone() {
    let mut world = settled(&[]);
    world.run(secs(30));
    for check in [Command::CheckPing, Command::CheckHealth] {
        let id = world.submit(check);
        assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Healthy(true)));
    }
    assert_eq!(world.dials().len(), 1);
    let mut idle = ibws_testkit::world::world();
    let id = idle.submit(Command::CheckHealth);
    assert_eq!(idle.wait_for_reply(id).1, Ok(Reply::Healthy(true)), "nothing to check");
}

#[test]
fn what_it_will_wake_for_is_told() {
    let mut alone = Alone::new(Config::default());
    let at = |after: u64| Instant::ORIGIN + ms(after);
    assert_eq!(alone.0.next_wake(), Some((at(5_000), WakeReason::Timer(Timer::Gate))));
    alone.receive(0, r#"{"topic":"system","success":"user"}"#);
    assert_eq!(alone.0.next_wake(), Some((at(1_000), WakeReason::Timer(Timer::Auth))));
    alone.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    assert_eq!(alone.0.next_wake(), Some((at(25_000), WakeReason::Silence)));
    alone.submit(0, Command::Subscribe(ibws_proto::Subscribe::new(sub("pl"))));
    assert_eq!(alone.0.next_wake(), Some((at(2_000), WakeReason::Subscription)));
    alone.receive(0, r#"{"topic":"spl","args":{}}"#);
    alone.submit(0, Command::Subscribe(ibws_proto::Subscribe::new(sub("or"))));
    assert_eq!(alone.0.next_wake(), Some((at(5_000), WakeReason::Rest)));
    alone.submit(0, Command::Tic);
    assert_eq!(alone.0.next_wake(), Some((at(2_000), WakeReason::Request)));
    assert_eq!(alone.0.poll_timeout(), alone.0.next_wake().map(|(at, _)| at));
    let mut stopped = Machine::new(Config::default(), Instant::ORIGIN);
    assert_eq!((stopped.next_wake(), stopped.poll_timeout()), (None, None));
    stopped.submit(at(7), Command::Tic);
    assert_eq!(stopped.poll_timeout(), Some(at(7)), "there is an answer to take");
}

#[test]
fn inputs_that_make_no_sense_where_it_stands_are_counted_and_change_nothing() {
    let mut alone = Alone::new(Config::default());
    let told = alone.1.len();
    let nonsense = [
        Input::Opened(ConnId(1)),
        Input::Opened(ConnId(2)),
        Input::Closed(ConnId(2), None),
        Input::Pong(ConnId(7)),
        Input::Pinged(ConnId(7)),
        Input::Session(ConnId(7), SessionUpdate::Changed),
        Input::RestDone(ibws_proto::RestRequestId(9), true),
        Input::Frame(ConnId(9), "{}".into()),
    ];
    for (n, input) in nonsense.into_iter().enumerate() {
        alone.input(1, input);
        assert_eq!((alone.0.stats().stale, alone.1.len()), (n as u64 + 1, told));
    }
    let stale = alone.0.stats().stale;
    alone.input(2, Input::Tick);
    assert_eq!((alone.0.stats().frames, alone.0.stats().stale), (0, stale), "time passes, that is no nonsense");
}

#[test]
fn frames_are_counted_by_what_they_are() {
    let mut alone = Alone::new(Config::default());
    alone.receive(1, r#"{"topic":"sts","args":{}}"#);
    alone.receive(1, "{");
    alone.input(1, Input::Frame(ConnId(1), b"{\"topic\":\"sor\",\"args\":[\"\x99\"]}".as_slice().into()));
    let stats = alone.0.stats();
    assert_eq!((stats.frames, stats.malformed, stats.lossy, stats.sent), (3, 1, 1, 0));
}

#[test]
fn a_strict_gate_waits_however_long_and_a_gateway_that_waits_for_a_session_keeps_it_shut() {
    let mut alone = Alone::new(Config { ready_gate: ReadyGate::Strict, ..Config::default() });
    alone.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    for after in 1..300 {
        alone.receive(after * 1_000, r#"{"topic":"system","hb":1}"#);
    }
    assert_eq!(alone.0.status().state, ConnectionState::Open);
    alone.ready();
    assert_eq!(alone.0.status().state, ConnectionState::Ready);

    let mut waiting = Alone::new(Config::default());
    waiting.receive(0, r#"{"topic":"sts","args":{"authenticated":true}}"#);
    waiting.receive(0, r#"{"message":"waiting for session"}"#);
    waiting.input(6_000, Input::Tick);
    assert_eq!(waiting.0.status().state, ConnectionState::Open, "it is not merely silent");
}

#[test]
fn what_the_host_finds_out_of_the_session_reconnects_once() {
    let mut world = settled(&[QUOTES]);
    let conn = world.conn().unwrap();
    world.input(Input::Session(conn, SessionUpdate::Changed));
    world.run(secs(10));
    assert_eq!((world.dials().len(), world.subscription_state("md+265598")), (2, SubscriptionState::Active));
    assert_eq!(world.gaps()[0].cause, ibws_proto::ConnectionLoss::SessionChanged.into());
    // While it is closed anyway, that is no news.
    let mut alone = Alone::new(Config::default());
    alone.ready();
    alone.submit(10, Command::Disconnect);
    alone.input(11, Input::Session(ConnId(1), SessionUpdate::Changed));
    assert_eq!(alone.0.status().state, ConnectionState::Closing);
    let asked = |output: &Output| {
        matches!(output, Output::Action(ibws_proto::Action::Rest { request: RestRequest::Session(_), .. }))
    };
    alone.input(12, Input::Session(ConnId(1), SessionUpdate::Unavailable));
    assert!(!alone.1.iter().any(asked));
}

#[test]
fn a_disconnect_supersedes_a_reset_and_a_shutdown_both() {
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
fn a_reset_of_what_is_not_there_changes_no_plan() {
    let mut world = world();
    let id = world.submit(Command::HardReset { restart: false });
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Reset));
    world.run(secs(60));
    assert_eq!(world.dials().len(), 0, "stopped stays stopped");
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
    assert_eq!(world.dials()[before], at + secs(1), "the next dial is a second away");
}

#[test]
fn the_need_of_a_confirmation_can_be_set_on_any_channel() {
    let mut world = settled(&[]);
    world.gateway.set_confirmations(false);
    let quiet = ibws_proto::Subscribe::parse(QUOTES).unwrap().needs_confirmation(false);
    let id = world.submit(Command::Subscribe(quiet));
    assert_eq!(world.wait_for_reply(id).1, Ok(Reply::Subscribed(ibws_proto::SubscribeOutcome::Quiet)));
    assert_eq!(world.subscription_state("md+265598"), SubscriptionState::Quiet);
}

#[test]
fn a_refused_channel_asks_the_host_once_for_all_of_it() {
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
fn a_competing_login_is_told_when_it_comes_and_when_it_is_gone_on_whichever_connection() {
    let told = |world: &World| {
        let competing = |event: &Event| if let Event::Competing(competes) = event { Some(*competes) } else { None };
        world.events().filter_map(|(_, event)| competing(event)).collect::<Vec<_>>()
    };
    let mut world = settled(&[]);
    assert!(told(&world).is_empty(), "nobody competes: no news");
    for _ in 0..3 {
        world.gateway.set_competing(true);
        world.run(secs(1));
    }
    assert_eq!(told(&world), [true], "beside an authenticated session, and once");
    world.cut();
    world.run(secs(1));
    world.gateway.set_competing(false);
    world.run(secs(20));
    assert_eq!(told(&world), [true, false]);
}

#[test]
fn the_same_question_again_takes_the_place_of_the_first_and_each_is_awaited_until_its_end() {
    let mut alone = Alone::new(Config::default());
    alone.ready();
    alone.submit(0, Command::Subscribe(ibws_proto::Subscribe::new(sub("or"))));
    alone.submit(10, Command::Recreate);
    let [first, second] = [1, 2].map(ibws_proto::RestRequestId);
    assert_eq!((first.to_string(), alone.0.status().rest_requests), ("a1".into(), 1));
    assert!(
        !alone.0.is_rest_pending(first)
            && alone.0.is_rest_pending(second)
            && !alone.0.is_rest_pending(ibws_proto::RestRequestId(3))
    );
    let written = |alone: &Alone| {
        let orders = |output: &Output| format!("{output:?}").contains("sor+{}");
        alone.1.iter().filter(|output| orders(output)).count()
    };
    alone.input(20, Input::RestDone(first, true));
    assert_eq!(written(&alone), 0, "nobody waits for that answer any more");
    alone.input(30, Input::RestDone(second, false));
    assert_eq!((written(&alone), alone.0.is_rest_pending(second)), (1, false));
    // Two keys are two questions.
    alone.receive(40, r#"{"error":"No accounts","code":500,"topic":"sor"}"#);
    alone.submit(50, Command::Subscribe(ibws_proto::Subscribe::new(sub("pl"))));
    alone.receive(60, r#"{"error":"No accounts","code":500,"topic":"spl"}"#);
    alone.submit(70, Command::Recreate);
    assert_eq!(alone.0.status().rest_requests, 2);
}

#[test]
fn what_it_holds_is_counted_to_the_entry() {
    let mut alone = Alone::new(Config { ping_interval: None, ..Config::default() });
    alone.ready();
    assert_eq!((alone.0.entries(), alone.0.status().subscriptions, alone.0.status().requests), (0, 0, 0));
    let request = alone.0.submit(Instant::ORIGIN, Command::Subscribe(ibws_proto::Subscribe::new(sub("md+265598"))));
    let tic = alone.0.submit(Instant::ORIGIN, Command::Tic);
    assert!(alone.0.holds(request) && !alone.0.holds(tic));
    // Two texts and a change of state are taken out. What stays: the row, its timer, its mark, its conid, its channel's
    // count, its holder both ways, its waiting request; two requests with their deadlines.
    let queued = std::iter::from_fn(|| alone.0.poll()).count();
    assert_eq!((queued, alone.0.entries()), (3, 8 + 4));
    alone.receive(1, r#"{"31":"271.50","conid":265598,"topic":"smd+265598"}"#);
    // Active: no mark, nobody waits.
    assert_eq!((alone.0.status().subscriptions, alone.0.status().requests, alone.0.entries()), (1, 1, 6 + 2));
    alone.submit(2, Command::Subscribe(ibws_proto::Subscribe::new(sub("or"))));
    // A row, its channel's count, its holder both ways, its waiting request with its deadline, a question with its own.
    assert_eq!((alone.0.status().rest_requests, alone.0.entries()), (1, 8 + 5 + 2 + 2));
    alone.submit(3, Command::Release(request));
    assert!(!alone.0.holds(request));
    alone.submit(4, Command::Shutdown { drain: false });
    alone.input(5, Input::Closed(ConnId(1), Some(1000)));
    // The counts of the channels stay, one each.
    assert_eq!((alone.0.status().state, alone.0.entries()), (ConnectionState::Stopped, 2));
}

#[test]
fn a_shutdown_waits_a_second_for_the_answer_to_its_close_a_disconnect_five() {
    for (command, wait) in [(Command::Shutdown { drain: false }, 1), (Command::Disconnect, 5)] {
        let mut world = settled(&[QUOTES]);
        world.link.replies_to_close = false;
        let asked = world.now();
        let id = world.submit(command);
        assert_eq!(world.wait_for_reply(id).0, asked + secs(wait));
    }
}

#[test]
fn a_topic_that_nobody_knows_answers_no_tic_and_shows_no_session() {
    let mut alone = Alone::new(Config::default());
    alone.ready();
    alone.receive(1, r#"{"topic":"tic","alive":true,"id":"one","lastAccessed":1}"#);
    alone.submit(2, Command::Tic);
    alone.receive(3, r#"{"topic":"xyz","alive":true,"id":"another"}"#);
    assert_eq!((alone.0.status().state, alone.0.status().requests), (ConnectionState::Ready, 1));
    alone.receive(4, r#"{"topic":"tic","alive":true,"id":"one","lastAccessed":2}"#);
    assert_eq!((alone.0.status().state, alone.0.status().requests), (ConnectionState::Ready, 0));
    alone.receive(5, r#"{"topic":"tic","alive":true,"id":"another","lastAccessed":3}"#);
    assert_eq!(alone.0.status().state, ConnectionState::Backoff);
}

#[test]
fn what_is_written_is_counted() {
    let mut world = settled(&[QUOTES, "or", "sd+DU1234567"]);
    world.run(secs(100));
    world.submit(Command::SendText("ech+hb".into()));
    world.unsubscribe("sd+DU1234567", true);
    world.run(secs(600));
    assert!(world.texts().count() > 20);
    assert_eq!(world.machine().stats().sent, world.texts().count() as u64);
}

#[test]
fn a_connection_that_is_being_closed_is_not_checked() {
    let mut alone = Alone::new(Config { close_timeout: secs(60), ..Config::default() });
    alone.ready();
    alone.submit(10, Command::Disconnect);
    alone.submit(40_000, Command::CheckHealth);
    assert!(alone.1.iter().any(|output| matches!(output, Output::Done(_, Ok(Reply::Healthy(true))))));
    assert_eq!(alone.0.health(Instant::ORIGIN + ms(40_000)).reason, HealthReason::Silent);
    assert_eq!(alone.0.status().state, ConnectionState::Closing);
}

#[test]
fn a_ladder_frame_without_its_exchange_or_target_belongs_to_the_only_ladder_it_can_mean() {
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
