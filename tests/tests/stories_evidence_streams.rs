//! Tests of what the client believes of its streams: when one is lost, when it is back, what is
//! sent again for it, and what goes on without a brokerage session. All times are virtual and
//! exact.

use core::time::Duration;

use ibws_proto::{
    Command, ConnId, ConnectError, ConnectErrorKind, ConnectionLoss, ConnectionState, GapCause, GapRecovery, Input,
    Modify, Reply, SubscribeOutcome, SubscriptionState, status::HealthReason,
};
use ibws_testkit::scripted::{GREETING, HEARTBEAT, ScriptedMachine, authenticated, data, gap_end, passive, refusal};
use ibws_testkit::world::{at, ms, secs, sub};

const SUMMARY: &str = "sd+DU1234567";
const LEDGER: &str = "ld+DU1234567";
const LADDER: &str = "bd+DU1234567+265598";

mod without_a_brokerage_session {
    use super::*;

    #[test]
    fn profit_summary_and_ledger_are_sent_at_the_greeting_and_flow_on_an_open_connection() {
        let mut machine = ScriptedMachine::new(passive());
        for key in ["pl", SUMMARY, LEDGER, "md+265598", "tr", LADDER, "or", "mh+8314"] {
            machine.subscribe(key);
        }
        machine.run_until(at(100));
        machine.frame(HEARTBEAT);
        assert_eq!(machine.texts(at(0)), [], "a frame is not a greeting");
        machine.run_until(at(500));
        machine.frame(GREETING);
        let expected = [(at(500), "sld+DU1234567+{}"), (at(500), "spl+{}"), (at(500), "ssd+DU1234567+{}")];
        assert_eq!(machine.texts(at(0)), expected, "no `sts` is waited for");
        machine.run_until(at(600));
        machine.frame(authenticated(false));
        machine.run_until(at(700));
        machine.data(&["pl", SUMMARY, LEDGER]);
        for key in ["pl", SUMMARY, LEDGER] {
            assert_eq!(machine.subscription_state(key), SubscriptionState::Active);
        }
        for key in ["md+265598", "tr", LADDER, "or", "mh+8314"] {
            assert_eq!(machine.subscription_state(key), SubscriptionState::Pending, "{key} waits for authentication");
        }
        machine.run_until(at(20_000));
        machine.data(&["pl", LEDGER]);
        assert_eq!(machine.states(), [ConnectionState::Connecting, ConnectionState::Open]);
        assert_eq!((machine.health(), machine.gaps().len()), (HealthReason::NotAuthenticated, 0));
        assert_eq!(machine.texts(at(501)), []);
        machine.frame(authenticated(true));
        let now: Vec<_> = machine.texts(at(501)).into_iter().map(|(_, text)| text).collect();
        assert_eq!(now, ["sbd+DU1234567+265598", "smd+265598+{}", "smh+8314+{}", "sor+{}", "str+{}"]);
        assert_eq!(machine.state(), ConnectionState::Ready);
    }

    #[test]
    fn a_client_that_needs_no_brokerage_session_is_served_without_one_and_keeps_its_connection() {
        let mut machine = ScriptedMachine::new(passive());
        let subscribed = [machine.subscribe("pl"), machine.subscribe(SUMMARY)];
        let ready = machine.submit(Command::WaitReady);
        machine.run_until(at(300));
        machine.frame(GREETING);
        machine.frame(authenticated(false));
        assert_eq!(machine.reply_of(ready), Some((at(300), &Ok(Reply::Ready))));
        machine.data(&["pl", SUMMARY]);
        for id in subscribed {
            assert_eq!(machine.reply_of(id), Some((at(300), &Ok(Reply::Subscribed(SubscribeOutcome::Active)))));
        }
        for _ in 0..400 {
            machine.run(secs(10));
            machine.data(&["pl", SUMMARY]);
        }
        assert_eq!(machine.states(), [ConnectionState::Connecting, ConnectionState::Open]);
        assert_eq!((machine.rest_requests().len(), machine.machine().rest_needs()), (0, vec![]));
    }

    #[test]
    fn lost_authentication_is_no_gap_of_profit_summary_and_ledger() {
        let mut machine = ScriptedMachine::ready(passive(), &["pl", SUMMARY, LEDGER, "md+265598"]);
        machine.data(&["pl", SUMMARY, LEDGER, "md+265598"]);
        machine.run_until(at(5_000));
        machine.frame(authenticated(false));
        assert_eq!((machine.state(), machine.health()), (ConnectionState::Degraded, HealthReason::NotAuthenticated));
        machine.run_until(at(10_000));
        machine.data(&["pl", LEDGER]);
        machine.run_until(at(15_000));
        machine.frame(authenticated(true));
        machine.data(&["md+265598"]);
        assert_eq!(machine.gap_starts(), [("md+265598".into(), at(5_000))]);
        assert_eq!(machine.gap_ends(), [gap_end("md+265598", 5_000, 15_000, 0)]);
        let again: Vec<_> = machine.texts(at(1)).into_iter().map(|(_, text)| text).collect();
        assert_eq!(again, ["umd+265598+{}", "smd+265598+{}"]);
    }

    // Both have a period, so that their silence shows that the gateway does not hold them.
    #[test]
    fn silent_profit_and_ledger_are_sent_again_30_s_after_their_last_frame() {
        for authentication in [Some(true), Some(false)] {
            let mut machine = ScriptedMachine::new(passive());
            machine.subscribe("pl");
            machine.subscribe(LEDGER);
            machine.frame(GREETING);
            if let Some(value) = authentication {
                machine.frame(authenticated(value));
            }
            machine.data(&["pl", LEDGER]);
            machine.run_until(at(7_000));
            machine.data(&["pl"]);
            machine.run_until(at(9_000));
            machine.data(&[LEDGER]);
            machine.run_until(at(20_000));
            machine.frame(HEARTBEAT);
            machine.run_until(at(36_999));
            assert_eq!((machine.written("spl").len(), machine.written("sld").len()), (1, 1));
            machine.run_until(at(40_000));
            machine.frame(HEARTBEAT);
            machine.run_until(at(60_000));
            assert_eq!(machine.written("spl")[1..], [37, 39, 41, 43, 45].map(|after| at(after * 1_000)));
            assert_eq!(machine.written("sld")[1..], [at(39_000), at(51_000)]);
            assert_eq!(
                machine.gap_starts(),
                [("pl".into(), at(7_000))],
                "five attempts have failed; nothing came since"
            );
            assert_eq!(machine.gaps()[0].cause, GapCause::Unconfirmed);
            machine.frame(data("pl"));
            machine.frame(data(LEDGER));
            assert_eq!(machine.gap_ends(), [gap_end("pl", 7_000, 60_000, 0)]);
            assert_eq!(machine.subscription_state(LEDGER), SubscriptionState::Active);
        }
    }

    // A summary has no period. Its snapshot is the evidence that the gateway still holds it.
    #[test]
    fn a_summary_that_is_silent_for_60_s_without_authentication_is_sent_again() {
        // The state of authentication comes before the first frame of the summary, or after it, or
        // is lost later.
        for lost_at in [0, 300, 5_000] {
            let mut machine = ScriptedMachine::new(passive());
            machine.subscribe(SUMMARY);
            machine.frame(GREETING);
            machine.frame(if lost_at == 5_000 { authenticated(true) } else { HEARTBEAT.into() });
            if lost_at == 0 {
                machine.frame(authenticated(false));
            }
            machine.run_until(at(200));
            machine.data(&[SUMMARY]);
            machine.run_until(at(lost_at.max(200)));
            machine.frame(authenticated(false));
            machine.run_until(at(20_000));
            machine.data(&[SUMMARY]);
            machine.run_with_heartbeats(Duration::from_millis(59_999));
            assert_eq!(machine.written("ssd").len(), 1, "lost at {lost_at} ms");
            machine.run_until(at(80_000));
            assert_eq!(machine.written("ssd")[1..], [at(80_000)], "lost at {lost_at} ms");
            machine.data(&[SUMMARY]);
            machine.run_with_heartbeats(secs(60));
            assert_eq!(machine.written("ssd")[2..], [at(140_000)]);
            machine.data(&[SUMMARY]);
            machine.frame(authenticated(true));
            machine.run_with_heartbeats(secs(3_600));
            assert_eq!(machine.written("ssd").len(), 3, "with authentication its silence shows nothing");
            assert_eq!((machine.gaps().len(), machine.subscription_state(SUMMARY)), (0, SubscriptionState::Active));
        }
    }
}

mod gaps_and_their_ends {
    use super::*;

    #[test]
    fn an_outage_is_one_gap_whatever_connections_come_and_go() {
        let keys = ["md+265598", "tr", "pl"];
        let mut machine = ScriptedMachine::ready(passive(), &keys);
        machine.data(&keys);
        machine.run_until(at(4_000));
        machine.data(&["pl"]);
        machine.run_until(at(5_000));
        machine.frame(HEARTBEAT);
        machine.run_until(at(6_000));
        // Lost; then a connection that is greeted and ready, but confirms nothing.
        machine.reconnect();
        machine.greet();
        machine.run(secs(1));
        // Then one that sends no frame, one that loses its authentication, and a dial that fails.
        machine.reconnect();
        machine.run(secs(20));
        machine.dials_open = false;
        let loss = |machine: &ScriptedMachine, cause: ConnectionLoss| {
            let cause = GapCause::from(cause);
            machine
                .events()
                .any(|(_, event)| matches!(event, ibws_proto::Event::State(to) if to.cause == Some(cause.clone())))
        };
        assert!(loss(&machine, ConnectionLoss::NoFirstFrame));
        machine.run(secs(8));
        let conn = machine.conn();
        machine.input(Input::ConnectFailed(conn, ConnectError::new(ConnectErrorKind::Unreachable, "simulated")));
        machine.dials_open = true;
        machine.run(secs(8));
        machine.greet();
        machine.frame(authenticated(false));
        machine.frame(authenticated(true));
        assert_eq!(machine.conn(), ConnId(5));
        assert_eq!(machine.resumptions().len(), 0);
        machine.data(&["md+265598"]);
        let md_at = machine.now();
        machine.run(secs(1));
        machine.data(&["pl", "tr"]);
        let rest_at = machine.now();
        let expected_gaps = [("md+265598", 5_000), ("pl", 4_000), ("tr", 5_000)];
        assert_eq!(machine.gap_starts(), expected_gaps.map(|(key, since)| (key.to_owned(), at(since))));
        let expected_ends = [("md+265598", 5_000, md_at), ("pl", 4_000, rest_at), ("tr", 5_000, rest_at)];
        assert_eq!(machine.gap_ends(), expected_ends.map(|(key, since, until)| (key.to_owned(), at(since), until, 4)));
    }

    #[test]
    fn a_confirmed_channel_resumes_by_the_first_frame_of_its_own_stream_only() {
        let keys = ["md+265598", "mh+8314", "pl", "tr", SUMMARY, LEDGER];
        let mut machine = ScriptedMachine::ready(passive(), &keys);
        machine.data(&keys);
        machine.run_until(at(1_000));
        machine.reconnect();
        machine.greet();
        // Frames of all kinds that belong to none of them.
        for other in ["smd+8314", "smh+265598", "sld+U12345678", "ssd+U12345678", "sor"] {
            machine.frame(format!(r#"{{"topic":"{other}"}}"#));
        }
        machine.frame(HEARTBEAT);
        assert_eq!((machine.gaps().len(), machine.resumptions().len()), (6, 0));
        for (n, key) in keys.iter().enumerate() {
            machine.run(ms(100));
            machine.data(&[key]);
            let ended = machine.resumptions()[n];
            assert_eq!((ended.key.as_str(), ended.at, ended.attempts), (*key, machine.now(), 1));
            let recovery = if *key == "tr" { GapRecovery::Replay } else { GapRecovery::Snapshot };
            assert_eq!(ended.recovery, recovery);
        }
        machine.data(&keys);
        assert_eq!(machine.resumptions().len(), 6, "the first frame ends a gap, and the second none");
    }

    #[test]
    fn orders_and_ladders_resume_by_an_own_frame_or_5_s_and_a_later_frame() {
        for own in [true, false] {
            let mut machine = ScriptedMachine::ready(passive(), &["or", LADDER, "md+265598"]);
            machine.run_until(at(3_000));
            machine.frame(HEARTBEAT);
            machine.reconnect();
            machine.run(ms(500));
            machine.greet();
            let sent = machine.now();
            assert_eq!((machine.written("sor")[1], machine.written("sbd")[1]), (sent, sent));
            machine.run_until(sent + ms(4_999));
            machine.frame(HEARTBEAT);
            assert_eq!(machine.resumptions().len(), 0, "neither the sending nor 4.999 s show anything");
            if own {
                machine.data(&["or", LADDER]);
                let until = machine.now();
                assert_eq!(machine.gap_ends(), ["or", LADDER].map(|key| (key.to_owned(), at(3_000), until, 1)));
            } else {
                machine.run_until(sent + secs(7));
                assert_eq!(machine.resumptions().len(), 0, "time alone shows nothing");
                machine.frame(HEARTBEAT);
                let until = sent + secs(7);
                assert_eq!(machine.gap_ends(), [LADDER, "or"].map(|key| (key.to_owned(), at(3_000), until, 1)));
            }
            let recoveries: Vec<_> = machine.resumptions().iter().map(|end| (end.key.key(), end.recovery)).collect();
            assert!(recoveries.contains(&(ibws_proto::Key::Orders, GapRecovery::Rest)));
            assert!(recoveries.contains(&(ibws_proto::Key::PriceLadder, GapRecovery::Nothing)));
            machine.data(&["or"]);
            assert_eq!((machine.gaps().len(), machine.resumptions().len()), (2, 2), "market data never flowed");
        }
    }

    #[test]
    fn a_frame_exactly_5_s_after_the_sending_ends_the_gap_of_orders() {
        let mut machine = ScriptedMachine::ready(passive(), &["or"]);
        machine.reconnect();
        machine.greet();
        let sent = machine.now();
        machine.run_until(sent + secs(5));
        machine.frame(HEARTBEAT);
        assert_eq!(machine.resumptions()[0].at, sent + secs(5));
    }

    #[test]
    fn a_refusal_within_5_s_keeps_the_gap_of_orders_open() {
        let mut machine = ScriptedMachine::ready(passive(), &["or"]);
        machine.run_until(at(2_000));
        machine.frame(HEARTBEAT);
        machine.reconnect();
        machine.greet();
        let first = machine.now();
        for _ in 0..2 {
            machine.run(secs(3));
            machine.frame(refusal("sor"));
            assert_eq!(machine.subscription_state("or"), SubscriptionState::Refused);
            while machine.subscription_state("or") == SubscriptionState::Refused {
                machine.run(ms(1));
            }
        }
        assert_eq!(machine.written("sor").len(), 4);
        let sent = machine.written("sor")[3];
        assert!(sent > first + secs(5));
        machine.run_until(sent + ms(4_999));
        machine.frame(HEARTBEAT);
        assert_eq!((machine.gaps().len(), machine.resumptions().len()), (1, 0), "the 5 s count from the last sending");
        machine.run_until(sent + secs(6));
        machine.frame(HEARTBEAT);
        assert_eq!(machine.gap_ends(), [("or".to_owned(), at(2_000), sent + secs(6), 1)]);
        assert_eq!(machine.gaps().len(), 1);
    }

    #[test]
    fn a_gap_begins_with_the_own_last_frame_where_it_is_noted() {
        let keys = ["pl", LEDGER, "md+265598"];
        let mut machine = ScriptedMachine::ready(passive(), &keys);
        machine.data(&keys);
        machine.run_until(at(2_000));
        machine.data(&["pl"]);
        machine.run_until(at(3_000));
        machine.data(&["md+265598"]);
        machine.run_until(at(4_000));
        machine.frame(HEARTBEAT);
        machine.run_until(at(9_000));
        machine.cut();
        let expected = [(LEDGER, 0), ("md+265598", 4_000), ("pl", 2_000)];
        assert_eq!(machine.gap_starts(), expected.map(|(key, since)| (key.to_owned(), at(since))));
    }

    #[test]
    fn a_stream_that_never_flowed_has_no_gap_and_orders_that_were_sent_have_one() {
        let mut machine = ScriptedMachine::ready(passive(), &["md+265598", "mh+8314", "tr", "pl", LADDER, "or"]);
        machine.run_until(at(1_000));
        machine.frame(authenticated(false));
        machine.frame(authenticated(true));
        machine.frame(refusal("smd"));
        machine.run_until(at(15_000));
        assert_eq!(machine.subscription_state("tr"), SubscriptionState::Failed);
        machine.reconnect();
        machine.greet();
        machine.data(&["md+265598"]);
        let mut found: Vec<_> = machine.gaps().iter().map(|gap| gap.key.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, [LADDER, "or"], "each had one gap since the loss of authentication");
        assert_eq!(machine.resumptions().len(), 0, "a first frame is no resumption");
    }

    #[test]
    fn an_assumed_stream_emits_no_resumed_until_a_frame() {
        let mut machine = ScriptedMachine::ready(passive(), &["md+265598"]);
        machine.data(&["md+265598"]);
        machine.run_until(at(1_000));
        machine.reconnect();
        machine.greet();
        machine.run(ms(100));
        let active = Some(true);
        machine.submit(Command::Modify(Modify { active, ..Modify::new(sub("md+265598")) }));
        assert_eq!(machine.subscription_state("md+265598"), SubscriptionState::Active);
        machine.run(secs(10));
        machine.frame(HEARTBEAT);
        let info = machine.machine().subscriptions().remove(0);
        assert_eq!((info.assumed, info.gap_since, machine.resumptions().len()), (true, Some(at(0)), 0));
        // Neither does its loss open a second gap.
        machine.reconnect();
        machine.greet();
        assert_eq!((machine.gaps().len(), machine.resumptions().len()), (1, 0));
        machine.submit(Command::Modify(Modify { active, ..Modify::new(sub("md+265598")) }));
        machine.run(secs(1));
        machine.data(&["md+265598"]);
        let until = machine.now();
        assert_eq!(machine.gap_ends(), [("md+265598".to_owned(), at(0), until, 2)]);
    }

    #[test]
    fn removing_a_subscription_ends_its_outage_without_resuming_it() {
        let mut machine = ScriptedMachine::ready(passive(), &["md+265598"]);
        machine.data(&["md+265598"]);
        machine.reconnect();
        machine.submit(Command::Unsubscribe(sub("md+265598").into()));
        machine.subscribe("md+265598");
        machine.greet();
        machine.data(&["md+265598"]);
        assert_eq!((machine.gaps().len(), machine.resumptions().len()), (1, 0));
        machine.run(secs(1));
        machine.cut();
        assert_eq!(machine.gaps().len(), 2, "the new stream has outages of its own");
    }
}

mod first_frames {
    use super::*;

    #[test]
    fn each_channel_waits_for_its_first_frame_as_long_as_it_may_take() {
        let mut machine = ScriptedMachine::ready(passive(), &["md+265598", "tr", "pl", SUMMARY, "mh+8314", LEDGER]);
        machine.run_with_heartbeats(secs(100));
        let attempts = |pause: u64| (0..5).map(|n| at(n * pause * 1_000)).collect::<Vec<_>>();
        for topic in ["smd", "str", "spl", "ssd"] {
            assert_eq!(machine.written(topic)[..5], attempts(2), "{topic}");
            assert_eq!(machine.written(topic)[5..], [at(40_000), at(72_000)], "{topic}: retried every 30 s");
        }
        assert_eq!(machine.written("smh")[..5], attempts(10), "repeats may use up the five places");
        assert_eq!(machine.written("smh")[5..], [at(80_000)]);
        assert_eq!(machine.written("sld")[..5], attempts(12), "the first frame may come with the period of 10 s");
        assert_eq!(machine.written("sld")[5..], [at(90_000)]);
        assert_eq!(machine.gaps().len(), 0);
    }

    // The gateway confirms executions with an empty frame, and replays them after it.
    #[test]
    fn executions_are_resumed_before_those_that_the_gap_missed() {
        let mut machine = ScriptedMachine::ready(passive(), &["tr"]);
        machine.data(&["tr"]);
        machine.reconnect();
        machine.greet();
        let confirmed_at = machine.now() + ms(28);
        machine.run_until(confirmed_at);
        machine.data(&["tr"]);
        machine.run(ms(300));
        machine.frame(r#"{"topic":"str","args":[{"execution_id":"1"}]}"#);
        assert_eq!(machine.gap_ends(), [("tr".to_owned(), at(0), confirmed_at, 1)]);
        assert_eq!(machine.resumptions()[0].recovery, GapRecovery::Replay);
    }
}
