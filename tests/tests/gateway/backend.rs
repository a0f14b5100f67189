//! Tests of what the gateway hides: its backend, and the session that needs it.

use ibws_testkit::{GatewayOutput, Scenario};
use serde_json::Value;

use crate::world::{World, config, topics};

#[test]
fn a_socket_opened_while_the_backend_is_away_stays_dead_for_ever() {
    let mut world = World::ready(config());
    world.gateway.lose_backend();
    world.collect();
    assert_eq!(
        world.sent.last().map(|(_, conn, output)| (*conn, output.clone())),
        Some((1, GatewayOutput::Close(1_000)))
    );
    world.gateway.closed(world.now(), 1);
    world.sent.clear();
    world.open(2);
    world.client_sends(2, "smd+265598");
    world.run(60_000);
    assert_eq!(world.gateway.rest(world.now(), "GET", "/v1/api/tickle", "").status, 503);
    world.gateway.restore_backend();
    world.client_sends(2, "tic");
    world.run(24 * 3_600_000);
    assert!(world.sent.is_empty() && world.gateway.is_dead(2));
    assert!(world.gateway.log().all(|received| !received.honoured));
    world.open(3);
    world.run(300);
    assert!(world.sent.iter().all(|(_, conn, _)| *conn == 3));
    assert_eq!(topics(&world.frames()), ["system", "act", "sts"]);
}

#[test]
fn a_restart_ends_every_socket_and_brings_the_backend_back() {
    let mut world = World::new(config().with_scenario(Scenario::NothingBehind));
    world.open(1);
    world.run(60_000);
    assert!(world.sent.is_empty());
    world.gateway.restart();
    world.collect();
    assert_eq!(world.sent.last().map(|(.., output)| output.clone()), Some(GatewayOutput::Drop));
    world.gateway.closed(world.now(), 1);
    world.sent.clear();
    world.open(2);
    world.run(300);
    assert_eq!(topics(&world.frames()), ["system", "act", "sts"]);
}

#[test]
fn topics_without_a_brokerage_session_flow_on_and_the_gated_ones_are_silent() {
    let mut world = World::ready(config());
    for text in ["spl", "ssd+DU1234567", "sld+DU1234567", "smd+265598", "sor", "str", "sbd+DU1234567+265598"] {
        world.client_sends(1, text);
    }
    world.run(15_000);
    world.gateway.set_authenticated(false);
    world.sent.clear();
    world.client_sends(1, "smd+272093");
    world.client_sends(1, "smh+272093");
    world.run(30_000);
    let frames = world.frames();
    let seen: std::collections::BTreeSet<&str> = topics(&frames).into_iter().collect();
    assert_eq!(seen, ["spl", "ssd+DU1234567", "sld+DU1234567", "system", "sts"].into());
    // They can be subscribed anew meanwhile.
    world.open(2);
    world.run(300);
    world.client_sends(2, "spl");
    world.client_sends(2, "sor");
    world.sent.clear();
    world.run(5_000);
    assert!(world.sent.iter().any(|(_, conn, output)| *conn == 2 && crate::world::text(output).contains("spl")));
    assert_eq!(world.gateway.subscriptions(2).collect::<Vec<_>>(), ["spl"]);
}

#[test]
fn a_session_can_be_lost_and_restored_without_a_word() {
    let mut world = World::ready(config());
    world.gateway.set_announcements(false);
    world.gateway.set_authenticated(false);
    world.gateway.set_authenticated(true);
    world.gateway.set_announcements(true);
    world.collect();
    assert!(world.sent.is_empty());
    world.gateway.set_authenticated(false);
    world.gateway.restore_silently();
    world.collect();
    let frames = world.frames();
    assert_eq!((frames.len(), &frames[0]["args"]["authenticated"]), (1, &Value::from(false)));
    assert_eq!(world.replies("smd+265598", "smd+265598", 200).len(), 2);
}

#[test]
fn messages_in_pieces_are_complete_messages_that_join_to_the_whole() {
    let frames = |pieces: Option<usize>| {
        let mut world = World::new(config());
        world.gateway.set_pieces(pieces);
        world.open(1);
        world.run(300);
        world.client_sends(1, "ssd+DU1234567");
        world.run(20_000);
        world.sent.into_iter().map(|(.., output)| output.payload().unwrap().to_vec()).collect::<Vec<_>>()
    };
    let (whole, pieces) = (frames(None), frames(Some(200)));
    assert_eq!(whole.concat(), pieces.concat());
    let long = whole.iter().filter(|frame| frame.len() >= 200).count();
    assert!(long > 2 && (whole.len() + long..=whole.len() + 3 * long).contains(&pieces.len()));
    let broken = pieces.iter().filter(|piece| serde_json::from_slice::<Value>(piece).is_err()).count();
    assert!(broken >= 2 * long, "{broken}");
}

#[test]
fn the_gateway_as_measured_sends_binary_frames_and_code_1000_only() {
    let mut world = World::ready(config().as_measured());
    world.gateway.inject(1, GatewayOutput::Text(b"{\"topic\":\"x\"}".to_vec()));
    world.gateway.close(1, 1_011);
    world.collect();
    let outputs: Vec<_> = world.sent.iter().map(|(.., output)| output.clone()).collect();
    assert_eq!(outputs, [GatewayOutput::Binary(b"{\"topic\":\"x\"}".to_vec()), GatewayOutput::Close(1_000)]);
    assert!(!world.gateway.replies_to_close());
    let mut world = World::ready(config().as_measured());
    world.client_sends(1, &"x".repeat(70_000));
    assert_eq!(world.sent.last().map(|(.., output)| output.clone()), Some(GatewayOutput::Drop));
}

#[test]
fn an_unsubscribe_is_echoed_when_configured() {
    let mut world = World::ready(config().with_scenario(Scenario::UnsubscribeEchoes));
    for (sent, topic) in [("umd+265598+{}", "umd+265598"), ("uor+{}", "uor"), ("usd+DU1234567+{}", "usd+DU1234567")] {
        world.client_sends(1, sent);
        assert!(topics(&world.frames()).contains(&topic), "{sent}");
    }
}
