//! Tests of the REST half: pacing and the penalty box, the brokerage session, executions, prompts.

use ibws_testkit::{GatewayConfig, OrderSide, RestFault};
use serde_json::{Value, json};

use crate::world::{World, config, topics};

const INIT: &str = "iserver/auth/ssodh/init";

impl World {
    /// Makes one call at the present time and returns status and body; text that is no JSON becomes
    /// a JSON string.
    fn call(&mut self, method: &str, resource: &str, body: &Value) -> (u16, Value) {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let (path, body) = (format!("/v1/api/{path}"), body.to_string());
        let reply = self.gateway.rest_with_body(self.now(), method, &path, query, body.as_bytes());
        let body = serde_json::from_str(&reply.body).unwrap_or(Value::String(reply.body));
        self.collect();
        (reply.status, body)
    }

    fn get(&mut self, resource: &str) -> u16 {
        self.call("GET", resource, &Value::Null).0
    }

    fn init(&mut self, compete: bool) -> (u16, Value) {
        self.call("POST", INIT, &json!({"publish": true, "compete": compete}))
    }
}

#[test]
fn the_eleventh_call_of_a_second_leads_into_the_penalty_box_for_15_minutes() {
    let mut world = World::ready(config());
    for _ in 0..10 {
        assert_eq!(world.get("iserver/auth/status"), 200);
    }
    world.now_ms += 999;
    assert_eq!(world.get("iserver/auth/status"), 429);
    assert_eq!((world.gateway.pacing_violations(), world.gateway.is_in_penalty_box()), (1, true));
    world.run(15 * 60_000 - 1);
    assert_eq!(world.get("iserver/accounts"), 429);
    world.run(1);
    assert_eq!(world.get("iserver/accounts"), 200);
    assert_eq!((world.gateway.pacing_violations(), world.gateway.is_in_penalty_box()), (1, false));
}

#[test]
fn orders_and_trades_are_paced_at_5_s_and_tickle_at_1_s() {
    for (resource, spacing) in [("iserver/account/orders", 5_000), ("iserver/account/trades", 5_000), ("tickle", 1_000)]
    {
        let mut world = World::ready(config());
        assert_eq!(world.get(resource), 200);
        world.run(spacing);
        assert_eq!(world.get(resource), 200);
        world.run(spacing - 1);
        assert_eq!((world.get(resource), world.gateway.pacing_violations()), (429, 1), "{resource}");
        let mut kind = World::ready(unpaced());
        assert_eq!((kind.get(resource), kind.get(resource)), (200, 200));
    }
}

fn unpaced() -> GatewayConfig {
    let mut config = config();
    config.paces_rest = false;
    config
}

#[test]
fn a_session_is_opened_by_init_within_3_s_and_only_with_publish() {
    let mut world = World::ready(config());
    world.gateway.set_authenticated(false);
    world.sent.clear();
    assert_eq!(world.call("POST", INIT, &json!({"compete": false})).0, 500);
    assert_eq!(world.call("GET", INIT, &Value::Null).0, 405);
    let (status, body) = world.init(false);
    assert_eq!((status, &body["authenticated"], &body["competing"]), (200, &json!(false), &json!(false)));
    world.run(3_000);
    assert!(world.gateway.is_authenticated());
    assert!(world.frames().iter().any(|frame| frame["args"]["authenticated"] == true));
}

#[test]
fn a_competing_session_keeps_init_from_opening_one_unless_it_competes() {
    let mut world = World::ready(config());
    world.gateway.set_authenticated(false);
    world.gateway.set_competing(true);
    let (status, body) = world.init(false);
    assert_eq!((status, &body["authenticated"], &body["competing"]), (200, &json!(false), &json!(true)));
    world.run(3_600_000);
    assert!(!world.gateway.is_authenticated());
    assert_eq!(world.init(true).1["competing"], false);
    world.run(3_000);
    assert!(world.gateway.is_authenticated());
}

#[test]
fn a_daily_reset_makes_init_fail_in_four_ways_and_then_succeed() {
    let mut world = World::ready(config());
    world.gateway.daily_reset(core::time::Duration::from_secs(300));
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(world.init(false).0);
        world.run(60_000);
    }
    assert_eq!(codes, [400, 401, 500, 503, 400]);
    assert_eq!(world.init(false).0, 200);
    world.run(3_000);
    assert!(world.gateway.is_authenticated());

    // Without a call, the gateway opens the session 30 s after the end.
    world.gateway.daily_reset(core::time::Duration::from_secs(60));
    world.run(89_000);
    assert!(!world.gateway.is_authenticated());
    world.run(2_000);
    assert!(world.gateway.is_authenticated());
}

#[test]
fn a_denied_address_and_maintenance_fail_every_call() {
    for (fault, status) in [
        (RestFault::AccessDenied, 404),
        (RestFault::Forbidden, 403),
        (RestFault::NotLoggedIn, 401),
        (RestFault::Internal, 500),
        (RestFault::Unavailable, 503),
    ] {
        let mut world = World::ready(config());
        world.gateway.set_rest_fault(Some(fault));
        for resource in ["tickle", "iserver/accounts", "iserver/account/orders", "iserver/account/trades"] {
            let (received, body) = world.call("GET", resource, &Value::Null);
            assert_eq!(received, status);
            assert_eq!(body == "Access Denied", matches!(status, 403 | 404), "{body}");
        }
        world.gateway.set_rest_fault(None);
        world.run(5_000);
        assert_eq!(world.get("tickle"), 200);
    }
}

#[test]
fn executions_are_listed_with_the_keys_of_the_stream() {
    let mut world = World::ready(config());
    let (status, rows) = world.call("GET", "iserver/account/trades?days=7", &Value::Null);
    let rows = rows.as_array().unwrap().clone();
    assert!(status == 200 && rows.len() >= 10);
    assert!(rows.iter().all(|row| row["execution_id"].is_string() && row["commission"].is_string()));
    world.run(5_000);
    assert!(world.call("GET", "iserver/account/trades", &Value::Null).1.as_array().unwrap().len() < rows.len());
}

#[test]
fn a_script_places_fills_and_cancels_orders() {
    let mut world = World::ready(config());
    world.gateway.set_invented_orders(false);
    world.client_sends(1, "sor");
    world.client_sends(1, "str+{\"realtimeUpdatesOnly\":true}");
    world.run(60_000);
    assert!(world.frames().iter().all(|frame| frame["topic"] != "sor"), "no snapshot, no orders of the feed");
    let id = world.gateway.place_order(8_314, OrderSide::Sell, 100, 5_000).unwrap();
    assert!(world.gateway.fill_order(id, 40, 5_001));
    assert!(world.gateway.fill_order(id, 100, 5_002));
    assert!(!world.gateway.fill_order(id, 1, 5_002) && !world.gateway.cancel_order(id));
    let other = world.gateway.place_order(265_598, OrderSide::Buy, 10, 100).unwrap();
    assert!(world.gateway.cancel_order(other));
    assert_eq!(world.gateway.place_order(999, OrderSide::Buy, 10, 100), None);
    world.collect();
    let frames = world.frames();
    let rows: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["topic"] == "sor")
        .flat_map(|frame| frame["args"].as_array().unwrap())
        .collect();
    assert!(rows.iter().all(|row| row["orderId"] == id || row["orderId"] == other));
    let codes: Vec<&str> = rows.iter().filter_map(|row| row["status"].as_str()).collect();
    assert_eq!(codes, ["Submitted", "Filled", "Submitted", "PendingCancel", "Cancelled"]);
    assert_eq!((&rows[1]["filledQuantity"], &rows[1]["remainingQuantity"]), (&json!(40.0), &json!(60.0)));
    let executions: Vec<&Value> =
        frames.iter().filter(|frame| frame["topic"] == "str").map(|frame| &frame["args"][0]).collect();
    assert_eq!(executions.iter().filter(|row| row["order_id"] == id).count(), 4);
    assert_eq!(world.get("iserver/account/orders"), 200);
    world.run(5_000);
    let listed = world.call("GET", "iserver/account/orders", &Value::Null).1;
    assert_eq!(listed["orders"].as_array().unwrap().len(), 2);
}

#[test]
fn an_account_without_a_past_has_the_executions_of_the_script_only() {
    let mut world = World::ready(config());
    world.gateway.set_invented_orders(false);
    world.gateway.forget_executions();
    let id = world.gateway.place_order(8_314, OrderSide::Sell, 100, 5_000).unwrap();
    assert!(world.gateway.fill_order(id, 100, 5_002));
    let frames = world.replies("str+{\"realtimeUpdatesOnly\":false}", "str", 60_000);
    let rows: Vec<&Value> = frames.iter().flat_map(|frame| frame["args"].as_array().unwrap()).collect();
    assert!(rows.len() >= 2 && rows.iter().all(|row| row["order_id"] == id), "{rows:?}");
    let listed = world.call("GET", "iserver/account/trades?days=7", &Value::Null).1;
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_prompt_waits_for_one_of_its_options() {
    let mut world = World::ready(config());
    let req_id = world.gateway.prompt(77, "Really?", &["Yes", "No"]);
    world.collect();
    let frames = world.frames();
    assert_eq!((topics(&frames), &frames[0]["args"][0]["options"]), (vec!["ntf"], &json!(["Yes", "No"])));
    let path = "iserver/notification";
    assert_eq!(world.call("POST", path, &json!({"orderId": 77, "reqId": req_id, "text": "Maybe"})).0, 400);
    assert_eq!(world.call("POST", path, &json!({"orderId": 77, "reqId": req_id, "text": "Yes"})).0, 200);
    assert_eq!(world.call("POST", path, &json!({"orderId": 77, "reqId": req_id, "text": "Yes"})).0, 400);
    assert_eq!(world.gateway.prompt_replies().iter().map(|reply| reply.text.as_str()).collect::<Vec<_>>(), ["Yes"]);
}
