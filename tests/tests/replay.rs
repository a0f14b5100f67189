//! What a walk that breaks a rule prints: a timeline, the fewest steps, a test to paste. The rule here is one that
//! nobody keeps, so that there is something to print.

use ibws_proto::{Event, Output, SubscriptionState};
use ibws_testkit::chaos::run_chaos_with;
use ibws_testkit::frames::{AUTHENTICATED, HEARTBEAT, SUCCESS, data};
use ibws_testkit::replay::prelude::*;

fn nothing_is_ever_active(output: &Output) -> Result<(), String> {
    match output {
        Output::Event(Event::Subscription(event)) if event.state == SubscriptionState::Active => {
            Err(format!("{:?} is active", event.key))
        }
        _ => Ok(()),
    }
}

#[test]
fn a_storm_that_breaks_a_rule_tells_its_story() {
    let broken = run_chaos_with(4, Some(nothing_is_ever_active)).unwrap_err();
    assert!(broken.rule.ends_with("is active"), "{}", broken.rule);
    // One line an entry, the times aligned, in their order.
    let lines: Vec<&str> = broken.timeline.lines().collect();
    assert!(lines.len() > 20, "{}", broken.timeline);
    let times: Vec<f64> = lines.iter().map(|line| line[..12].trim().trim_end_matches('s').parse().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // Far fewer steps than were taken still break it: start, subscribe, opened, greeted, authenticated, confirmed.
    let steps = broken.shrunk.lines().count() - 1;
    assert!(steps <= 8, "{}", broken.shrunk);
    let whole = broken.to_string();
    assert!([&broken.timeline, &broken.shrunk, &broken.test].iter().all(|part| whole.contains(part.as_str())));
    // Without that rule the same storm passes.
    let report = run_chaos(4).unwrap();
    assert_eq!((report.reach.runs, report.reach.confirmed), (1, 1));
}

/// Without what rustfmt changes.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != ',').collect()
}

/// A walk with more in it than the rule needs.
fn walked() -> Transcript {
    let ms = Instant::from_millis;
    let config = Config { seed: 7, ready_gate: ReadyGate::Strict, tic_interval: None, ..Config::default() };
    let mut transcript = Transcript::new(config, ms(0)).with_rule(Some(nothing_is_ever_active));
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
fn the_fewest_steps_are_printed_as_a_test_that_compiles() {
    let (shrunk, rule) = walked().shrunk().unwrap();
    assert_eq!((rule.as_str(), shrunk.taken().len()), ("pl is active", 6));
    let printed = shrunk.as_test("the_plainest_confirmation");
    // It is the test below, which passes as long as the real rules are kept.
    let own = include_str!("replay.rs");
    assert!(plain(own).contains(&plain(&printed)), "put this below:\n{printed}");
    // A walk that breaks no rule cannot be shrunk.
    assert!(walked().with_rule(None).shrunk().is_none());
}

#[test]
fn the_plainest_confirmation() {
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
    transcript.handle(
        at(250000000),
        Input::Frame(
            ConnId(1),
            r#"{"topic":"sts","args":{"connected":true,"authenticated":true,"established":true,"competing":false}}"#
                .into(),
        ),
    )
    .unwrap();
    transcript.handle(at(400000000), Input::Frame(ConnId(1), r#"{"topic":"spl","args":[]}"#.into())).unwrap();
    transcript.check_replays().unwrap();
}
