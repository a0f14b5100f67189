//! Tests of the report of a walk that breaks a rule: a timeline, the shrunk steps and a test to
//! paste. Every confirmed subscription breaks the rule of these tests, so that there is a report.

use ibws_proto::{Event, Output, SubscriptionState};
use ibws_testkit::chaos::run_chaos_with;
use ibws_testkit::frames::{AUTHENTICATED, HEARTBEAT, SUCCESS, data};
use ibws_testkit::replay::prelude::*;

fn no_subscription_is_active(output: &Output) -> Result<(), String> {
    match output {
        Output::Event(Event::Subscription(event)) if event.state == SubscriptionState::Active => {
            Err(format!("{:?} is active", event.key))
        }
        _ => Ok(()),
    }
}

#[test]
fn a_chaos_run_that_breaks_a_rule_prints_timeline_steps_and_test() {
    let broken = run_chaos_with(4, Some(no_subscription_is_active)).unwrap_err();
    assert!(broken.rule.ends_with("is active"), "{}", broken.rule);
    // The timeline has one line an entry, with aligned times in ascending order.
    let lines: Vec<&str> = broken.timeline.lines().collect();
    assert!(lines.len() > 20, "{}", broken.timeline);
    let times: Vec<f64> = lines.iter().map(|line| line[..12].trim().trim_end_matches('s').parse().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // Far fewer steps than the run took still break the rule: start, subscribe, opened, greeting,
    // authentication, confirmation.
    let steps = broken.shrunk.lines().count() - 1;
    assert!(steps <= 8, "{}", broken.shrunk);
    let whole = broken.to_string();
    assert!([&broken.timeline, &broken.shrunk, &broken.test].iter().all(|part| whole.contains(part.as_str())));
    // Without that rule the same run passes.
    let report = run_chaos(4).unwrap();
    assert_eq!((report.reach.runs, report.reach.confirmed), (1, 1));
}

/// Returns the code without what rustfmt changes: white space and commas.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != ',').collect()
}

/// Returns a walk with more steps than breaking the rule needs.
fn walked() -> Transcript {
    let ms = Instant::from_millis;
    let config = Config { seed: 7, ready_gate: ReadyGate::Strict, tic_interval: None, ..Config::default() };
    let mut transcript = Transcript::new(config, ms(0)).with_rule(Some(no_subscription_is_active));
    let frame = |text: &str| Input::Frame(ConnId(1), text.to_owned().into());
    let (other, _) = transcript.submit(ms(5), Command::Subscribe(Subscribe::new(sub("or")))).unwrap();
    transcript.submit(ms(10), Command::Start).unwrap();
    transcript.submit(ms(20), Command::Subscribe(Subscribe::new(sub("pl")).args(Some(args("{}"))))).unwrap();
    transcript.handle(ms(100), Input::Opened(ConnId(1))).unwrap();
    transcript.handle(ms(150), frame(HEARTBEAT)).unwrap();
    transcript.handle(ms(200), frame(SUCCESS)).unwrap();
    transcript.submit(ms(210), Command::Release(other)).unwrap();
    transcript.handle(ms(250), frame(AUTHENTICATED)).unwrap();
    transcript.handle(ms(300), Input::Tick).unwrap();
    transcript.handle(ms(310), Input::Frame(ConnId(2), data(&sub("pl")))).unwrap();
    transcript.handle(ms(400), Input::Frame(ConnId(1), data(&sub("pl")))).unwrap_err();
    transcript
}

#[test]
fn the_shrunk_steps_are_printed_as_a_test_that_compiles() {
    let (shrunk, rule) = walked().shrunk().unwrap();
    assert_eq!((rule.as_str(), shrunk.taken().len()), ("pl is active", 5));
    let printed = shrunk.as_test("the_shortest_confirmation");
    // The printed test is the one below, which passes as long as the machine keeps the real rules.
    let own = include_str!("replay.rs");
    assert!(plain(own).contains(&plain(&printed)), "paste this test below:\n{printed}");
    // A walk that breaks no rule cannot be shrunk.
    assert!(walked().with_rule(None).shrunk().is_none());
}

#[test]
fn the_shortest_confirmation() {
    let at = Instant::from_nanos;
    let config = Config { seed: 7, ready_gate: ReadyGate::Strict, tic_interval: None, ..Config::default() };
    let mut transcript = Transcript::new(config, at(0));
    transcript.submit(at(10000000), Command::Start).unwrap();
    transcript.submit(at(20000000), Command::Subscribe(Subscribe::new(sub("pl")).args(Some(args("{}"))))).unwrap();
    transcript.handle(at(100000000), Input::Opened(ConnId(1))).unwrap();
    transcript
        .handle(
            at(200000000),
            Input::Frame(ConnId(1), r#"{"topic":"system","success":"simulated","isFT":false,"isPaper":true}"#.into()),
        )
        .unwrap();
    transcript.handle(at(400000000), Input::Frame(ConnId(1), r#"{"topic":"spl","args":[]}"#.into())).unwrap();
    transcript.check_replays().unwrap();
}
