//! Tests of the opening of a connection and of its heartbeats.

use std::collections::BTreeSet;

use ibws_testkit::{GatewayConfig, OpeningOrder, Scenario, Success};
use serde_json::Value;

use crate::world::{World, config, topics};

#[test]
fn a_connection_opens_with_system_accounts_and_status_within_a_quarter_second() {
    for seed in 0..20 {
        let mut world = World::new(GatewayConfig::seeded(seed));
        world.open(1);
        world.run(250);
        let frames = world.frames();
        assert_eq!(topics(&frames), ["system", "act", "sts"], "seed {seed}");
        assert_eq!(frames[0]["success"], "simulated");
        assert_eq!(frames[1]["args"]["accounts"][0], "DU1234567");
        assert_eq!(frames[2]["args"]["authenticated"], true);
    }
}

#[test]
fn the_opening_can_start_with_the_sts_frame() {
    let mut config = config();
    config.opening = OpeningOrder::StatusFirst;
    let mut world = World::new(config);
    world.open(1);
    world.run(250);
    assert_eq!(topics(&world.frames()), ["sts", "act", "system"]);
}

#[test]
fn frames_before_success_are_dropped_silently() {
    let mut config = config();
    config.success = Success::After(core::time::Duration::from_secs(2));
    let mut world = World::new(config);
    world.open(1);
    world.run(1_000);
    world.client_sends(1, "smd+265598+{\"fields\":[\"31\"]}");
    world.client_sends(1, "tic");
    world.run(4_000);
    let frames: Vec<Value> = world.frames().into_iter().filter(|frame| frame.get("hb").is_none()).collect();
    assert_eq!(topics(&frames), ["system", "act", "sts"]);
    assert!(world.gateway.log().all(|received| !received.honoured));
    assert_eq!(world.replies("tic", "tic", 0).len(), 4);
}

#[test]
fn a_gateway_that_never_sends_success_accepts_frames() {
    let mut world = World::ready(config().with_scenario(Scenario::NoSuccess));
    assert_eq!(world.replies("tic", "tic", 0).len(), 4);
}

#[test]
fn a_connection_without_a_session_waits_for_the_right_one() {
    let mut world = World::new(config().with_scenario(Scenario::WaitingForSession));
    world.open(1);
    world.client_sends(1, "smd+265598");
    world.client_sends(1, "{\"session\":\"wrong\"}");
    world.run(5_000);
    let waiting = world.frames();
    assert_eq!(waiting.len(), 2);
    assert!(waiting.iter().all(|frame| frame["message"] == "waiting for session"));
    let session = world.gateway.session().to_owned();
    world.client_sends(1, &format!("{{\"session\": \"{session}\"}}"));
    world.run(250);
    assert_eq!(topics(&world.frames()), ["system", "act", "sts"]);
}

#[test]
fn a_valid_cookie_replaces_the_session_message() {
    let mut world = World::new(config().with_scenario(Scenario::WaitingForSession));
    let session = world.gateway.session().to_owned();
    assert!(world.gateway.accepts_cookie(&format!("a=b; api={session}")));
    assert!(world.gateway.accepts_cookie(&format!("api={{\"session\":\"{session}\"}}")));
    assert!(!world.gateway.accepts_cookie("api=00000000000000000000000000000000"));
    world.gateway.opened(world.now(), 1, true);
    world.run(250);
    assert_eq!(topics(&world.frames()), ["system", "act", "sts"]);
}

#[test]
fn an_authorised_socket_rejects_a_session_message_as_an_unknown_topic() {
    let mut world = World::ready(config());
    for (sent, error) in [("{\"session\":\"x\"}", "Topic unknown '{\"s'"), ("xyz+1", "Topic unknown 'xyz'")] {
        world.client_sends(1, sent);
        let frames = world.frames();
        assert_eq!((&frames[0]["error"], &frames[0]["code"]), (&Value::from(error), &Value::from(1)));
    }
}

#[test]
fn heartbeats_arrive_every_ten_seconds_at_the_offset_of_the_server() {
    let mut world = World::ready(config());
    world.run(60_000);
    let beats: Vec<u64> = world.frames().iter().filter_map(|frame| frame["hb"].as_u64()).collect();
    assert_eq!(beats.len(), 6);
    assert!(beats.windows(2).all(|pair| pair[1] - pair[0] == 10_000));
    world.open(2);
    world.run(20_000);
    let later: BTreeSet<u64> = world.frames().iter().filter_map(|frame| frame["hb"].as_u64()).collect();
    assert!(later.iter().all(|beat| beat % 10_000 == beats[0] % 10_000));
    world.gateway.set_heartbeats(false);
    world.run(30_000);
    assert!(world.frames().iter().all(|frame| frame["hb"].is_null()));
}
