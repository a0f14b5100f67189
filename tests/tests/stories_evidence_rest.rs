//! Tests of REST requests: priming and reconciling of orders keep their distance, what fails is
//! requested again while it is needed, and without a REST handler nothing is requested. All times
//! are virtual and exact.

use core::time::Duration;

use ibws_proto::{
    Command, Config, Instant, Key, Subscribe, SubscriptionState,
    rest::{RestError, RestOutcome, RestReply, RestRequest, RestResult, SessionNeed},
    subscribe::Staleness,
};
use ibws_testkit::scripted::{GREETING, HEARTBEAT, ScriptedMachine, authenticated, data, refusal};
use ibws_testkit::world::{at, ms, secs, sub};

const DONE: RestResult = Ok(RestReply::Complete);
const INCOMPLETE: RestResult = Ok(RestReply::Incomplete);

fn failed() -> RestResult {
    Err(RestError::new("HTTP 503"))
}

/// The default settings without pings, which nobody would reply to.
fn config() -> Config {
    Config { ping_interval: None, ..Config::default() }
}

fn prime() -> RestRequest {
    RestRequest::Prime(sub("or"))
}

fn reconcile(since: u64) -> RestRequest {
    RestRequest::Reconcile { key: sub("or"), since: at(since) }
}

/// Returns the attempts from `since` on, with their times.
fn attempts(machine: &ScriptedMachine, since: u64) -> Vec<(Instant, RestRequest)> {
    machine
        .rest_requests()
        .into_iter()
        .filter(|(began, ..)| *began >= at(since))
        .map(|(began, _, request)| (began, request.clone()))
        .collect()
}

/// Returns the reports of `request`: when, what, and when the next attempt starts.
fn outcomes(machine: &ScriptedMachine, request: &RestRequest) -> Vec<(Instant, RestOutcome, Option<Instant>)> {
    let of = machine.reports().into_iter().filter(|(_, report)| report.request == *request);
    of.map(|(at, report)| (at, report.outcome, report.next_try)).collect()
}

/// Lets time pass until `end`, with a heartbeat every second. Replies to each attempt at once: with
/// `done` if it is about something else than `fails`.
fn serve(machine: &mut ScriptedMachine, end: Instant, fails: impl Fn(&RestRequest) -> bool) {
    let mut served = 0;
    while machine.now() < end {
        while let Some((_, id, request)) = machine.rest_requests().get(served).copied() {
            let result = if fails(request) { failed() } else { DONE };
            served += 1;
            if machine.machine().is_rest_pending(id) {
                machine.reply(id, result);
            }
        }
        let next = machine.machine().poll_timeout().map_or(end, |next| next.min(end));
        machine.run_until(next.min(machine.now() + secs(1)));
        machine.frame(HEARTBEAT);
    }
}

/// Checks that the attempts of `request` are 5, 10, 20, 40, 60, 60 s apart, counted from the
/// failure before, each 10 % more or less, and at most `turn` later.
fn assert_doubling(began: &[Instant], turn: Duration) {
    assert!(began.len() > 6, "{began:?}");
    for (n, pair) in began.windows(2).enumerate() {
        let pause = secs([5, 10, 20, 40, 60].get(n).copied().unwrap_or(60));
        let waited = pair[1].since(pair[0]);
        assert!(waited >= pause * 9 / 10 && waited <= pause * 11 / 10 + turn, "pause {n}: {waited:?} of {pause:?}");
    }
}

mod priming_and_reconciling {
    use super::*;

    #[test]
    fn orders_are_primed_and_reconciled_5_s_later_until_the_list_is_complete() {
        let mut machine = ScriptedMachine::ready(config(), &["or"]);
        assert_eq!(attempts(&machine, 0), [(at(0), prime())]);
        machine.run_until(at(200));
        assert_eq!(machine.texts(at(0)), [], "priming comes first");
        machine.reply_to_last(DONE);
        assert_eq!(machine.texts(at(0)), [(at(200), "sor+{}")]);
        machine.run_until(at(4_999));
        assert_eq!(attempts(&machine, 1), [], "the call for orders has a limit of one in 5 s");
        // The first subscribe is reconciled as well: the stream begins without a snapshot.
        machine.run_until(at(5_000));
        assert_eq!(attempts(&machine, 1), [(at(5_000), reconcile(200))]);
        machine.run_until(at(5_300));
        machine.reply_to_last(INCOMPLETE);
        machine.run_until(at(10_300));
        machine.reply_to_last(INCOMPLETE);
        machine.run_until(at(15_400));
        machine.reply_to_last(DONE);
        machine.run_until(at(60_000));
        let again = [5_000, 10_300, 15_300].map(|began| (at(began), reconcile(200)));
        assert_eq!(attempts(&machine, 1), again, "a list that is not complete is fetched again after 5 s");
        let expected = [
            (at(5_300), RestOutcome::Incomplete, Some(at(10_300))),
            (at(10_300), RestOutcome::Incomplete, Some(at(15_300))),
            (at(15_400), RestOutcome::Done, None),
        ];
        assert_eq!(outcomes(&machine, &reconcile(200)), expected);
        assert_eq!(machine.machine().rest_needs(), []);
    }

    #[test]
    fn priming_younger_than_5_s_is_not_repeated_in_the_same_session() {
        let mut machine = ScriptedMachine::ready(config(), &["or"]);
        machine.run_until(at(100));
        machine.reply_to_last(DONE);
        machine.run_until(at(3_000));
        machine.submit(Command::Recreate);
        assert_eq!(machine.written("sor"), [at(100), at(3_000)]);
        machine.run_until(at(4_999));
        machine.submit(Command::Recreate);
        assert_eq!(machine.written("sor").len(), 3);
        machine.run_until(at(5_000));
        machine.reply_to_last(DONE);
        assert_eq!(attempts(&machine, 1), [(at(5_000), reconcile(100))]);
        // Older priming is repeated, and waits for its turn after the call that reconciled.
        machine.run_until(at(6_000));
        machine.submit(Command::Recreate);
        machine.run_until(at(9_999));
        assert_eq!((machine.written("sor").len(), attempts(&machine, 5_001)), (3, vec![]));
        machine.run_until(at(10_000));
        assert_eq!(attempts(&machine, 5_001), [(at(10_000), prime())]);
        machine.reply_to_last(DONE);
        assert_eq!(machine.written("sor")[3..], [at(10_000)]);
    }

    // The gateway forgets with its session what was called in it.
    #[test]
    fn another_session_is_primed_again_and_waits_for_its_turn() {
        for reconnects in [true, false] {
            let mut machine = ScriptedMachine::ready(config(), &["or"]);
            machine.reply_to_last(DONE);
            machine.run_until(at(1_000));
            if reconnects {
                machine.reconnect();
                machine.greet();
            } else {
                machine.frame(authenticated(false));
                machine.frame(authenticated(true));
                assert_eq!(machine.written("uor"), [at(1_000)]);
            }
            assert!(machine.now() < at(3_000));
            let of_orders = |machine: &ScriptedMachine| {
                let orders = |request: &RestRequest| !matches!(request, RestRequest::Session(_));
                attempts(machine, 1).into_iter().filter(|(_, request)| orders(request)).collect::<Vec<_>>()
            };
            machine.run_until(at(4_999));
            assert_eq!((of_orders(&machine), machine.written("sor").len()), (vec![], 1));
            machine.run_until(at(5_000));
            assert_eq!(of_orders(&machine), [(at(5_000), prime())]);
            // Its time limit of 5 s counts from the request, not from the need.
            machine.run_until(at(9_999));
            machine.frame(HEARTBEAT);
            assert_eq!(machine.written("sor").len(), 1);
            machine.run_until(at(10_000));
            assert_eq!(machine.written("sor")[1..], [at(10_000)]);
            assert_eq!(outcomes(&machine, &prime())[1].1, RestOutcome::TimedOut);
        }
    }

    #[test]
    fn orders_are_sent_unprimed_when_priming_fails_and_again_without_a_gap_when_it_succeeds() {
        let mut machine = ScriptedMachine::ready(config(), &["or"]);
        machine.run_until(at(400));
        machine.reply_to_last(failed());
        assert_eq!(machine.written("sor"), [at(400)]);
        let (_, report) = machine.reports()[0];
        let next = report.next_try.expect("a failed need is requested again");
        assert_eq!((report.outcome, report.reason.as_deref()), (RestOutcome::Failed, Some("HTTP 503")));
        assert!(next >= at(5_000) && next <= at(400 + 5_500), "{next:?}");
        machine.run_until(at(2_000));
        machine.data(&["or"]);
        machine.run_until(at(5_000));
        // The list may be fetched before priming has succeeded.
        let first = attempts(&machine, 1);
        assert_eq!(first.len(), 1);
        let (primed_at, reconciled_at) = (next.max(at(10_000)), at(5_000));
        assert_eq!(first[0], (reconciled_at, reconcile(400)));
        machine.reply_to_last(DONE);
        machine.run_until(primed_at);
        machine.frame(HEARTBEAT);
        assert_eq!(attempts(&machine, 5_001), [(primed_at, prime())]);
        machine.reply_to_last(DONE);
        assert_eq!(machine.written("sor"), [at(400), primed_at]);
        assert_eq!((machine.gaps().len(), machine.resumptions().len()), (0, 0));
        // What the unprimed stream may have missed is fetched once more.
        machine.run_until(primed_at + secs(5));
        let since = u64::try_from(primed_at.since(Instant::ORIGIN).as_millis()).unwrap();
        assert_eq!(attempts(&machine, since + 1), [(primed_at + secs(5), reconcile(since))]);
    }

    // Silence after a filtered call of another client (docs/protocol.md §3.4).
    #[test]
    fn stale_orders_are_primed_and_reconciled_since_their_last_frame() {
        let mut machine = ScriptedMachine::new(config());
        machine.submit(Command::Subscribe(Subscribe::new(sub("or")).staleness(Staleness::After(secs(30)))));
        machine.greet();
        machine.reply_to_last(DONE);
        machine.run_until(at(5_000));
        machine.reply_to_last(DONE);
        machine.run_until(at(8_000));
        machine.data(&["or"]);
        machine.run_with_heartbeats(secs(40));
        let expected = [(at(38_000), prime()), (at(43_000), reconcile(8_000))];
        machine.frame(HEARTBEAT);
        assert_eq!(attempts(&machine, 8_000), expected);
    }

    #[test]
    fn an_outage_is_reconciled_from_its_begin_5_s_after_priming() {
        let mut machine = ScriptedMachine::ready(config(), &["or"]);
        machine.reply_to_last(DONE);
        machine.run_until(at(5_000));
        machine.reply_to_last(DONE);
        machine.run_until(at(20_000));
        machine.frame(HEARTBEAT);
        machine.reconnect();
        machine.greet();
        let primed_at = machine.now();
        machine.reply_to_last(DONE);
        machine.run(ms(700));
        machine.data(&["or"]);
        assert_eq!(machine.resumptions()[0].since, at(20_000));
        machine.run_until(primed_at + secs(6));
        let after = attempts(&machine, 20_000);
        assert_eq!(after, [(primed_at, prime()), (primed_at + secs(5), reconcile(20_000))]);
    }
}

mod what_fails {
    use super::*;

    #[test]
    fn a_failed_need_is_requested_again_5_s_doubling_to_60_s_later() {
        // Each of the three needs of a session fails alone.
        let fails: [fn(&RestRequest) -> bool; 2] = [
            |request| matches!(request, RestRequest::Prime(_)),
            |request| matches!(request, RestRequest::Reconcile { .. }),
        ];
        for fails in fails {
            let mut machine = ScriptedMachine::ready(config(), &["or"]);
            serve(&mut machine, at(400_000), fails);
            let began: Vec<_> = attempts(&machine, 0)
                .into_iter()
                .filter(|(_, request)| fails(request))
                .map(|(began, _)| began)
                .collect();
            // Another call for orders may come first, which is 5 s at most.
            assert_doubling(&began, secs(5));
            // What a report announces as the next attempt is what follows.
            let announced: Vec<_> = machine
                .reports()
                .into_iter()
                .filter(|(_, report)| fails(&report.request))
                .map(|(_, report)| (report.outcome, report.reason.as_deref(), report.next_try.unwrap()))
                .collect();
            for ((outcome, reason, next), began) in announced.iter().zip(&began[1..]) {
                assert_eq!((*outcome, *reason), (RestOutcome::Failed, Some("HTTP 503")));
                assert!(*began >= *next && *began <= *next + secs(5), "{next:?}, {began:?}");
            }
        }
        // The session is needed for as long as it is not authenticated, and 300 s pass between the
        // dials that are made for it.
        let mut machine = ScriptedMachine::new(Config { seed: 3, ..config() });
        machine.subscribe("md+265598");
        machine.frame(GREETING);
        machine.frame(authenticated(false));
        while machine.conn().0 < 5 {
            let (before, end) = (machine.conn(), machine.now() + ms(500));
            serve(&mut machine, end, |_| true);
            if machine.conn() != before {
                machine.frame(GREETING);
                machine.frame(authenticated(false));
            }
        }
        let from = machine.now();
        serve(&mut machine, from + secs(260), |_| true);
        let began: Vec<_> =
            attempts(&machine, 0).into_iter().map(|(began, _)| began).filter(|at| *at >= from).collect();
        assert_doubling(&began, Duration::ZERO);
    }

    #[test]
    fn an_incomplete_list_restarts_the_pauses() {
        let mut machine = ScriptedMachine::ready(config(), &["or"]);
        machine.reply_to_last(DONE);
        machine.run_until(at(5_000));
        machine.reply_to_last(failed());
        let next = |machine: &ScriptedMachine| machine.reports().last().unwrap().1.next_try.unwrap();
        machine.run_until(next(&machine));
        machine.reply_to_last(failed());
        machine.run_until(next(&machine));
        machine.frame(HEARTBEAT);
        // An incomplete list is a reply of a gateway that works.
        machine.reply_to_last(INCOMPLETE);
        assert_eq!(next(&machine), machine.now() + secs(5));
        machine.run(secs(5));
        let failed_at = machine.now();
        machine.reply_to_last(failed());
        assert!(next(&machine) <= failed_at + ms(5_500), "the first pause again");
    }

    #[test]
    fn a_prompt_is_never_requested_twice() {
        let prompt = r#"{"topic":"ntf","args":[{"orderId":71,"reqId":"r1","text":"Really?","options":["Yes","No"],"prompt":true}]}"#;
        for replies in [true, false] {
            let mut machine = ScriptedMachine::ready(config(), &[]);
            machine.frame(prompt);
            machine.run_until(at(1_000));
            machine.frame(prompt);
            assert_eq!(machine.rest_requests().len(), 1, "it still waits");
            if replies {
                machine.reply_to_last(failed());
            }
            machine.run_with_heartbeats(secs(600));
            let (at_once, report) = machine.reports()[0];
            let (outcome, after) = if replies { (RestOutcome::Failed, 1_000) } else { (RestOutcome::TimedOut, 30_000) };
            assert_eq!((at_once, report.outcome, report.next_try), (at(after), outcome, None));
            assert_eq!((machine.rest_requests().len(), machine.machine().rest_needs()), (1, vec![]));
        }
    }

    #[test]
    fn what_is_not_needed_any_longer_is_not_requested_again() {
        let mut machine = ScriptedMachine::ready(config(), &["or"]);
        machine.reply_to_last(failed());
        machine.run_until(at(5_000));
        machine.reply_to_last(failed());
        assert_eq!(machine.machine().rest_needs(), [prime(), reconcile(0)]);
        machine.submit(Command::Unsubscribe(sub("or").into()));
        assert_eq!(machine.machine().rest_needs(), []);
        machine.run_with_heartbeats(secs(300));
        assert_eq!(attempts(&machine, 5_001), []);
        // A pending attempt is reported as superseded, and its result changes nothing.
        machine.subscribe("or");
        let (_, id, _) = *machine.rest_requests().last().unwrap();
        machine.submit(Command::Unsubscribe(sub("or").into()));
        assert_eq!(machine.reports().last().unwrap().1.outcome, RestOutcome::Superseded);
        let stale = machine.machine().stats().stale;
        machine.reply(id, DONE);
        assert_eq!((machine.machine().stats().stale, machine.written("sor").len()), (stale + 1, 1));
    }

    #[test]
    fn an_authenticated_session_is_not_requested_any_longer() {
        let mut machine = ScriptedMachine::ready(config(), &["md+265598"]);
        machine.run_until(at(1_000));
        machine.frame(authenticated(false));
        let session = RestRequest::Session(SessionNeed::Unauthenticated);
        assert_eq!(attempts(&machine, 0), [(at(1_000), session.clone())]);
        machine.reply_to_last(failed());
        assert_eq!(machine.machine().rest_needs(), std::slice::from_ref(&session));
        machine.run_until(at(2_000));
        machine.frame(authenticated(true));
        assert_eq!(machine.machine().rest_needs(), []);
        machine.run_with_heartbeats(secs(300));
        assert_eq!(machine.rest_requests().len(), 1);
        // Nor is it requested for subscriptions that need none.
        machine.submit(Command::Unsubscribe(sub("md+265598").into()));
        machine.subscribe("pl");
        machine.frame(data("pl"));
        machine.frame(authenticated(false));
        assert_eq!((machine.rest_requests().len(), machine.machine().rest_needs()), (1, vec![]));
    }

    #[test]
    fn a_refused_channel_is_primed_once_for_each_refusal() {
        let mut machine = ScriptedMachine::ready(config(), &["md+265598", "md+8314"]);
        machine.frame(refusal("smd"));
        let primes = |machine: &ScriptedMachine| {
            attempts(machine, 0).into_iter().filter(|(_, request)| matches!(request, RestRequest::Prime(_))).count()
        };
        assert_eq!(primes(&machine), 1);
        machine.reply_to_last(failed());
        assert_eq!(machine.reports()[0].1.next_try, None, "the next refusal primes again");
        machine.run_until(at(5_000));
        assert_eq!(machine.subscription_state("md+8314"), SubscriptionState::Subscribing);
        machine.frame(refusal("smd"));
        assert_eq!(primes(&machine), 2);
    }
}

mod without_a_rest_handler {
    use super::*;

    #[test]
    fn nothing_is_requested_and_each_need_is_reported_once_and_listed() {
        let mut machine = ScriptedMachine::ready(Config { rest_handler: false, ..config() }, &["or", "md+265598"]);
        machine.data(&["md+265598"]);
        assert_eq!(machine.written("sor"), [at(0)], "orders are sent unprimed at once");
        assert_eq!(machine.machine().rest_needs(), [reconcile(0)]);
        machine.run_until(at(2_000));
        machine.frame(authenticated(false));
        machine.frame(
            r#"{"topic":"ntf","args":[{"orderId":71,"reqId":"r1","text":"Really?","options":["Yes"],"prompt":true}]}"#,
        );
        machine.run_until(at(4_000));
        let session = RestRequest::Session(SessionNeed::Unauthenticated);
        let needs = machine.machine().rest_needs();
        assert!(needs.len() == 3 && needs.contains(&session) && needs.contains(&reconcile(0)), "{needs:?}");
        machine.frame(authenticated(true));
        machine.run_with_heartbeats(secs(100));
        assert!(!machine.machine().rest_needs().contains(&session), "a need that is over is not listed");
        assert_eq!(machine.rest_requests().len(), 0);
        let reports: Vec<_> = machine
            .reports()
            .into_iter()
            .map(|(at, report)| (at, report.request.clone(), report.outcome, report.id, report.next_try))
            .filter(|(_, request, ..)| !matches!(request, RestRequest::Prompt(_)))
            .collect();
        let none = |began: u64, request: RestRequest| (at(began), request, RestOutcome::NoHandler, None, None);
        assert_eq!(reports[..2], [none(0, reconcile(0)), none(2_000, session)]);
        assert!(reports.iter().all(|(_, request, ..)| *request != prime()), "nobody waits for priming");
        // Unsubscribing ends what the subscription needs.
        machine.submit(Command::Unsubscribe(sub("or").into()));
        let needs = machine.machine().rest_needs();
        assert!(needs.iter().all(|need| matches!(need, RestRequest::Prompt(_))), "{needs:?}");
    }

    #[test]
    fn an_outage_of_orders_is_listed_until_the_next_connection_and_from_its_begin() {
        let mut machine = ScriptedMachine::ready(Config { rest_handler: false, ..config() }, &["or"]);
        machine.run_until(at(8_000));
        machine.frame(HEARTBEAT);
        machine.reconnect();
        machine.greet();
        machine.run(secs(6));
        machine.frame(HEARTBEAT);
        assert_eq!(machine.resumptions()[0].since, at(8_000));
        assert_eq!(machine.machine().rest_needs(), [reconcile(0)], "nothing has reconciled what came before either");
        assert_eq!(machine.resumptions()[0].key.key(), Key::Orders);
    }
}
