//! Tests of the faults that the simulated gateway can simulate, and of its limits.

use ibws_proto::Instant;
use ibws_testkit::{GatewayOutput, Scenario};
use serde_json::Value;

use crate::world::{World, config, text, topics};

#[test]
fn lost_authentication_ends_the_gated_subscriptions_and_its_return_restores_none() {
    let mut world = World::ready(config());
    world.client_sends(1, "smd+265598");
    world.client_sends(1, "str");
    world.run(2_000);
    world.sent.clear();
    world.gateway.set_authenticated(false);
    world.collect();
    assert_eq!(world.frames()[0]["args"]["authenticated"], false);
    world.client_sends(1, "smd+265598");
    world.run(5_000);
    world.gateway.set_authenticated(true);
    world.run(5_000);
    let frames = world.frames();
    assert!(frames.iter().all(|frame| frame["topic"] == "sts" || frame["topic"] == "system"), "{frames:?}");
    assert_eq!(world.replies("smd+265598", "smd+265598", 200).len(), 2);
}

#[test]
fn a_socket_of_an_older_session_has_heartbeats_but_no_live_subscriptions() {
    let mut world = World::ready(config());
    world.client_sends(1, "smd+265598");
    world.run(3_000);
    world.gateway.relogin("ffffffffffffffffffffffffffffffff");
    world.sent.clear();
    world.client_sends(1, "smd+265598");
    world.client_sends(1, "tic");
    world.run(20_000);
    let frames = world.frames();
    assert!(frames.iter().any(|frame| frame.get("hb").is_some()));
    assert!(frames.iter().any(|frame| frame["id"] == "ffffffffffffffffffffffffffffffff"));
    assert!(!topics(&frames).contains(&"smd+265598"));
}

#[test]
fn a_filtered_order_list_narrows_the_stream_until_a_forced_one() {
    let mut world = World::ready(config());
    let path = "/v1/api/iserver/account/orders";
    world.gateway.rest(world.now(), "GET", path, "filters=nothing_like_it");
    assert!(world.replies("sor+{}", "sor", 60_000).is_empty());
    assert_eq!(world.gateway.rest(world.now(), "GET", path, "force=true").status, 200);
    world.run(20_000);
    assert!(topics(&world.frames()).contains(&"sor"));
    let listed = world.gateway.rest(world.now(), "GET", path, "").body;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert!(listed["snapshot"] == true && !listed["orders"].as_array().unwrap().is_empty());
}

#[test]
fn rest_returns_the_session_and_errors_for_unknown_calls() {
    let mut world = World::ready(config());
    let mut now_ms = 300;
    let mut rest = |method, path| {
        now_ms += 1_000;
        let reply = world.gateway.rest(Instant::from_millis(now_ms), method, path, "");
        (reply.status, serde_json::from_str::<Value>(&reply.body).unwrap())
    };
    let (status, tickle) = rest("POST", "/v1/api/tickle");
    assert_eq!((status, tickle["session"].as_str().map(str::len)), (200, Some(32)));
    assert_eq!(tickle["iserver"]["authStatus"]["authenticated"], true);
    assert_eq!(rest("GET", "/v1/api/iserver/auth/status").1["authenticated"], true);
    assert_eq!(rest("GET", "/v1/api/iserver/accounts").1["accounts"][0], "DU1234567");
    assert_eq!(rest("GET", "/v1/api/sso/validate").1["RESULT"], true);
    assert_eq!([rest("GET", "/v1/api/none").0, rest("GET", "/").0, rest("PUT", "/v1/api/tickle").0], [404, 404, 405]);
    world.gateway.set_authenticated(false);
    assert_eq!(world.gateway.rest(world.now(), "GET", "/v1/api/iserver/accounts", "").status, 400);
}

#[test]
fn nothing_follows_a_close_or_a_drop() {
    let mut world = World::ready(config());
    world.open(2);
    world.run(300);
    world.client_sends(1, "spl");
    world.client_sends(2, "spl");
    world.sent.clear();
    world.gateway.close(1, 1_000);
    world.gateway.drop_connection(2);
    world.run(5_000);
    let outputs: Vec<_> = world.sent.iter().map(|(_, conn, output)| (*conn, output.clone())).collect();
    assert_eq!(outputs, [(1, GatewayOutput::Close(1_000)), (2, GatewayOutput::Drop)]);
    world.gateway.closed(world.now(), 1);
    world.gateway.closed(world.now(), 2);
    world.run(120_000);
    assert_eq!(world.gateway.next_wake(), None, "without connections there is no next wake");
}

#[test]
fn the_state_that_a_client_can_cause_is_bounded() {
    let mut world = World::ready(config());
    for conid in 0..150 {
        world.client_sends(1, &format!("smd+{conid}"));
    }
    assert_eq!(world.gateway.subscriptions(1).count(), 100);
    let refused = world.frames().iter().filter(|frame| frame["topic"] == "smd").count();
    assert_eq!(refused, 50);
    // The gateway drops a client that does not read, so that its output does not fill the memory.
    for _ in 0..20_000 {
        world.gateway.received(world.now(), 1, b"tic");
    }
    world.collect();
    assert_eq!(world.sent.last().map(|(_, _, output)| output.clone()), Some(GatewayOutput::Drop));
    assert_eq!(world.sent.len(), 1);
    world.open(2);
    world.client_sends(2, &"x".repeat(100_000));
    assert_eq!(world.sent.last().map(|(_, _, output)| output.clone()), Some(GatewayOutput::Close(1_009)));
}

#[test]
fn every_scenario_has_a_name_and_behaves_as_named() {
    for scenario in Scenario::all() {
        assert_eq!(scenario.name().parse::<Scenario>(), Ok(scenario));
        let mut world = World::new(config().with_scenario(scenario));
        world.open(1);
        world.run(400);
        world.client_sends(1, "smd+265598");
        world.client_sends(1, "sor");
        world.run(60_000);
        let sent = std::mem::take(&mut world.sent);
        if scenario == Scenario::NothingBehind {
            assert!(sent.is_empty(), "{sent:?}");
            continue;
        }
        let last = sent.last().unwrap();
        let has = |part: &str| sent.iter().any(|(_, _, output)| text(output).contains(part));
        match scenario {
            Scenario::Default => assert!(has("smd+265598") && has("\"sor\"")),
            Scenario::WaitingForSession => assert!(has("waiting for session") && !has("success")),
            Scenario::LateAuthentication => assert!(has("\"authenticated\":false") && has("\"authenticated\":true")),
            Scenario::LostAuthentication => assert!(has("\"authenticated\":false") && has("\"authenticated\":true")),
            Scenario::NoSuccess => assert!(!has("success") && has("smd+265598")),
            Scenario::Drops => assert_eq!((last.0, &last.2), (20_000, &GatewayOutput::Drop)),
            Scenario::Closes => assert_eq!((last.0, &last.2), (20_000, &GatewayOutput::Close(1_000))),
            Scenario::RefusedOrders => assert!(has("unable to subscribe")),
            Scenario::NoAccounts => assert!(has("No accounts")),
            Scenario::Silent => assert!(last.0 <= 15_000),
            Scenario::BadBytes => {
                let bad =
                    |output: &GatewayOutput| matches!(output, GatewayOutput::Text(bytes) if bytes.contains(&0x99));
                assert!(sent.iter().filter(|(_, _, output)| bad(output)).count() > 5);
            }
            Scenario::Competing => assert!(has("\"competing\":true")),
            Scenario::BackendAway => assert_eq!((last.0, &last.2), (15_000, &GatewayOutput::Close(1_000))),
            Scenario::SilentAuthentication => {
                assert!(has("\"authenticated\":false") && world.gateway.is_authenticated());
                let restored =
                    sent.iter().skip_while(|(_, _, output)| !text(output).contains("\"authenticated\":false"));
                assert!(!restored.clone().any(|(_, _, output)| text(output).contains("\"authenticated\":true")));
            }
            Scenario::NoBrokerageSession => {
                assert!(has("success") && !has("smd+265598") && has("\"authenticated\":false"))
            }
            Scenario::Pieces => {
                let is_json =
                    |output: &GatewayOutput| serde_json::from_slice::<Value>(output.payload().unwrap()).is_ok();
                assert!(sent.iter().filter(|(_, _, output)| !is_json(output)).count() > 2);
            }
            Scenario::FlatCloses => assert_eq!((last.0, &last.2), (20_000, &GatewayOutput::Close(1_000))),
            Scenario::NoCloseReply => assert!(has("smd+265598") && !world.gateway.replies_to_close()),
            Scenario::Measured => {
                assert!(has("smd+265598") && !world.gateway.replies_to_close());
                assert!(sent.iter().all(|(_, _, output)| matches!(output, GatewayOutput::Binary(_))));
            }
            Scenario::UnsubscribeEchoes => assert_eq!(world.replies("uor", "uor", 0).len(), 1),
            Scenario::NothingBehind => {}
            Scenario::PenaltyBox => {
                assert!(has("smd+265598") && world.gateway.is_in_penalty_box());
                assert_eq!(world.gateway.rest(world.now(), "GET", "/v1/api/tickle", "").status, 429);
            }
            Scenario::Maintenance => {
                let mut tickle = || world.gateway.rest(world.now(), "GET", "/v1/api/tickle", "").status;
                assert_eq!(tickle(), 503);
                world.now_ms += 80_000;
                assert_eq!(world.gateway.rest(world.now(), "GET", "/v1/api/tickle", "").status, 200);
            }
            Scenario::AccessDenied => {
                let reply = world.gateway.rest(world.now(), "GET", "/v1/api/tickle", "");
                assert_eq!((reply.status, reply.body.as_str()), (404, "Access Denied"));
            }
            Scenario::DailyReset => {
                let init = "/v1/api/iserver/auth/ssodh/init";
                let reply = world.gateway.rest_with_body(world.now(), "POST", init, "", b"{\"publish\":true}");
                assert!((400..=503).contains(&reply.status) && has("\"authenticated\":false"));
            }
        }
    }
    let error = "none-such".parse::<Scenario>().unwrap_err().to_string();
    assert!(Scenario::all().all(|scenario| error.contains(scenario.name())), "{error}");
}
