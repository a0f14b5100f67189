//! Tests of authentication that is lost and comes back on the same connection: what is sent again,
//! how fast, and what counts as evidence meanwhile. All times are virtual and exact.

use ibws_proto::{ConnectionState, SubscriptionState};
use ibws_testkit::scripted::{HEARTBEAT, ScriptedMachine, authenticated, gap_end, passive};
use ibws_testkit::world::{at, ms, secs};

const LADDER: &str = "bd+DU1234567+265598";

#[test]
fn every_gated_subscription_is_unsubscribed_and_sent_again() {
    let keys = ["md+265598", "mh+8314", "tr", "or", LADDER, "pl"];
    let mut machine = ScriptedMachine::ready(passive(), &keys);
    machine.data(&keys);
    machine.run_until(at(2_000));
    machine.frame(authenticated(false));
    for key in ["md+265598", "mh+8314", "tr", "or", LADDER] {
        assert_eq!(machine.subscription_state(key), SubscriptionState::Degraded);
    }
    machine.run_until(at(5_000));
    machine.data(&["pl"]);
    machine.run_until(at(9_000));
    assert_eq!(machine.texts(at(1)), [], "nothing is sent while the session is not authenticated");
    machine.frame(authenticated(true));
    let expected = [
        // Unsubscribing a ladder would end the other ladders of its account.
        "sbd+DU1234567+265598",
        "umd+265598+{}",
        "smd+265598+{}",
        "umh+7",
        "smh+8314+{}",
        "uor+{}",
        "sor+{}",
        "utr",
        "str+{}",
    ];
    assert_eq!(machine.texts(at(1)), expected.map(|text| (at(9_000), text)));
    assert_eq!(machine.resumptions().len(), 0, "what was sent again is not resumed");
    machine.run_until(at(9_100));
    machine.data(&["md+265598", "mh+8314", "tr"]);
    machine.run_until(at(14_000));
    machine.frame(HEARTBEAT);
    let expected = [
        gap_end("md+265598", 2_000, 9_100, 0),
        gap_end("mh+8314", 2_000, 9_100, 0),
        gap_end("tr", 2_000, 9_100, 0),
        gap_end(LADDER, 2_000, 14_000, 0),
        gap_end("or", 2_000, 14_000, 0),
    ];
    assert_eq!((machine.gap_ends(), machine.gaps().len()), (expected.to_vec(), 5));
}

#[test]
fn data_without_authentication_ends_the_gap_and_the_stream_is_sent_again_nevertheless() {
    let mut machine = ScriptedMachine::ready(passive(), &["md+265598", "or"]);
    machine.data(&["md+265598", "or"]);
    machine.run_until(at(1_000));
    machine.frame(authenticated(false));
    machine.run_until(at(3_000));
    machine.data(&["md+265598", "or"]);
    assert_eq!(machine.gap_ends(), [gap_end("md+265598", 1_000, 3_000, 0), gap_end("or", 1_000, 3_000, 0)]);
    assert_eq!(machine.subscription_state("md+265598"), SubscriptionState::Degraded);
    machine.run_until(at(4_000));
    machine.frame(authenticated(true));
    let expected = ["umd+265598+{}", "smd+265598+{}", "uor+{}", "sor+{}"];
    assert_eq!(machine.texts(at(1)), expected.map(|text| (at(4_000), text)));
    assert_eq!(machine.gaps().len(), 2, "sending again opens no gap");
    machine.data(&["md+265598"]);
    assert_eq!((machine.resumptions().len(), machine.state()), (2, ConnectionState::Ready));
    // The next loss is the next outage.
    machine.run_until(at(6_000));
    machine.frame(authenticated(false));
    assert_eq!(machine.gap_starts()[2..], ["md+265598", "or"].map(|key| (key.to_owned(), at(6_000))));
}

#[test]
fn a_hundred_subscriptions_are_sent_again_25_at_once_4_times_a_second() {
    let keys: Vec<_> = (1..=100).map(|conid| format!("md+{conid}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let mut machine = ScriptedMachine::ready(passive(), &keys);
    machine.run_until(at(800));
    machine.data(&keys);
    machine.run_until(at(2_000));
    machine.frame(authenticated(false));
    machine.frame(authenticated(true));
    machine.run_until(at(3_000));
    let texts = machine.texts(at(2_000));
    assert_eq!(texts.len(), 200);
    for (n, pair) in texts.chunks(2).enumerate() {
        let [(first, one), (second, two)] = pair else { panic!("{pair:?}") };
        assert_eq!((first, second), (&at(2_000 + 250 * (n as u64 / 25)), first));
        assert!(one.starts_with("umd+") && two.starts_with("smd+") && one[1..] == two[1..], "{pair:?}");
    }
}

// The gateway may announce authentication faster than subscriptions can be restored.
#[test]
fn flapping_authentication_sends_nothing_faster_than_the_pace() {
    let keys: Vec<_> = (1..=100).map(|conid| format!("md+{conid}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for period in [1, 10, 100, 250, 1_000] {
        let mut machine = ScriptedMachine::ready(passive(), &keys);
        machine.run_until(at(800));
        machine.data(&keys);
        machine.run_until(at(2_000));
        for _ in 0..100 {
            machine.frame(authenticated(false));
            machine.run(ms(period / 2));
            machine.frame(authenticated(true));
            machine.run(ms(period - period / 2));
        }
        let ended = machine.now();
        machine.run(secs(10));
        let texts = machine.texts(at(2_000));
        // A slot writes two texts, `umd` and `smd`. At most 25 slots lie within any 250 ms,
        // whatever `sts` says.
        let unsubscribed = machine.written("umd");
        for (n, first) in unsubscribed.iter().enumerate() {
            let slots = unsubscribed[n..].iter().take_while(|at| **at < *first + ms(250)).count();
            assert!(slots <= 25, "{slots} slots within 250 ms of {first:?}, flapping every {period} ms");
        }
        // So flaps of `span` ms write at most 50 texts at its start, and 50 more for each 250
        // ms.
        let during = texts.iter().filter(|(at, _)| *at < ended).count() as u64;
        let span = 100 * period;
        let bound = 50 * (span / 250 + 1);
        assert!(during <= bound, "{during} texts in {span} ms, flapping every {period} ms; at most {bound}");
        assert!(keys.iter().all(|key| machine.written(&format!("smd+{}+", &key[3..])).len() >= 2));
        machine.data(&keys);
        assert!(keys.iter().all(|key| machine.subscription_state(key) == SubscriptionState::Active));
        assert_eq!((machine.gaps().len(), machine.resumptions().len()), (100, 100), "the flaps are one outage");
    }
}

#[test]
fn ladders_are_sent_again_without_unsubscribing() {
    let ladders = [LADDER, "bd+DU1234567+8314", "bd+U12345678+8314"];
    let mut machine = ScriptedMachine::ready(passive(), &ladders);
    machine.data(&ladders);
    machine.run_until(at(2_000));
    machine.frame(authenticated(false));
    machine.frame(authenticated(true));
    let expected = ["sbd+DU1234567+265598", "sbd+DU1234567+8314", "sbd+U12345678+8314"];
    assert_eq!(machine.texts(at(1)), expected.map(|text| (at(2_000), text)));
    machine.run_until(at(7_000));
    machine.frame(HEARTBEAT);
    assert_eq!((machine.gaps().len(), machine.resumptions().len()), (3, 3));
}
