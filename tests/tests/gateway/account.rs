//! Tests of orders, executions, profit and loss, summary and ledger.

use std::collections::{BTreeMap, BTreeSet};

use ibws_testkit::{GatewayConfig, Recovery, Scenario};
use serde_json::Value;

use crate::world::{World, config, text, topics};

#[test]
fn a_tic_has_four_identical_replies_and_an_echo_returns_as_bare_text() {
    let mut world = World::ready(config());
    world.client_sends(1, "tic");
    world.client_sends(1, "ech+hb");
    let texts: Vec<String> = world.sent.iter().map(|(_, _, output)| text(output)).collect();
    assert_eq!(texts.len(), 5);
    assert!(texts[..4].iter().all(|tic| *tic == texts[0]));
    assert!(texts[0].contains(world.gateway.session()));
    assert_eq!(texts[4], "ech+hb");
}

#[test]
fn orders_are_not_confirmed_but_change_within_two_seconds() {
    for seed in 0..20 {
        let mut world = World::ready(GatewayConfig::seeded(seed));
        world.client_sends(1, "sor");
        assert!(world.frames().is_empty());
        world.run(2_000);
        assert!(topics(&world.frames()).contains(&"sor"), "seed {seed}");
        // On a second connection an order changes within two seconds as well.
        world.open(2);
        world.run(40_000);
        world.client_sends(2, "sor+{}");
        world.sent.clear();
        world.run(2_000);
        assert!(world.sent.iter().any(|(_, conn, output)| *conn == 2 && text(output).contains("sor")), "seed {seed}");
    }
}

#[test]
fn every_order_runs_from_a_full_row_to_cancelled_or_filled() {
    let mut world = World::ready(config());
    let frames = world.replies("sor+{}", "sor", 300_000);
    let mut rows_by_order: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for row in frames.iter().flat_map(|frame| frame["args"].as_array().unwrap()) {
        assert!(row["acct"].is_string(), "{row}");
        rows_by_order.entry(row["orderId"].as_u64().unwrap()).or_default().push(row.clone());
    }
    assert!(rows_by_order.len() > 8);
    let mut ends = BTreeSet::new();
    for rows in rows_by_order.values().take(rows_by_order.len() - 1) {
        assert!(rows[0]["companyName"].is_string() && rows[0]["status"] == "Inactive", "{}", rows[0]);
        assert!(rows[1].get("status").is_none() && rows[1]["conidex"].is_string(), "{}", rows[1]);
        let statuses: Vec<&str> = rows.iter().filter_map(|row| row["status"].as_str()).collect();
        assert_eq!(statuses[..4], ["Inactive", "PendingSubmit", "PreSubmitted", "Submitted"]);
        ends.insert(statuses.last().unwrap().to_string());
    }
    assert_eq!(ends, BTreeSet::from(["Cancelled".to_owned(), "Filled".to_owned()]));
}

#[test]
fn executions_are_confirmed_at_once_and_replayed_two_or_three_times_each() {
    let mut world = World::ready(config());
    let frames = world.replies("str+{\"realtimeUpdatesOnly\":false}", "str", 0);
    assert_eq!(frames[0]["args"], Value::Array(Vec::new()));
    let rows: Vec<&Value> = frames[1..].iter().map(|frame| &frame["args"][0]).collect();
    let mut copies: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for row in &rows {
        copies.entry(row["execution_id"].as_str().unwrap()).or_default().push(row.get("commission").is_some());
    }
    assert!(copies.len() >= 10);
    for (id, copies) in &copies {
        assert!((2..=3).contains(&copies.len()) && copies.contains(&true) && copies.contains(&false), "{id}");
    }
    let times: Vec<u64> = rows.iter().map(|row| row["trade_time_r"].as_u64().unwrap()).collect();
    assert!(!times.is_sorted());
    world.sent.clear();
    world.run(10_000);
    assert!(topics(&world.frames()).contains(&"str"));
    world.client_sends(1, "utr");
    world.run(10_000);
    assert!(!topics(&world.frames()).contains(&"str"));
    assert_eq!(world.replies("str+{\"realtimeUpdatesOnly\":true}", "str", 0).len(), 1);
}

#[test]
fn profit_and_loss_arrives_about_once_a_second() {
    let mut world = World::ready(config());
    let frames = world.replies("spl", "spl", 20_000);
    assert!((17..=22).contains(&frames.len()), "{}", frames.len());
    for key in ["rowType", "dpl", "nl", "upl", "el", "uel", "mv"] {
        assert!(frames[0]["args"]["DU1234567.Core"][key].is_number(), "{key}");
    }
}

#[test]
fn the_summary_starts_in_full_and_continues_with_changed_rows() {
    let mut world = World::ready(config());
    let frames = world.replies("ssd+DU1234567+{}", "ssd+DU1234567", 20_000);
    let rows = frames[0]["result"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["key"] == "AccountCode" && row["value"] == "DU1234567"));
    assert!(rows.iter().all(|row| row["timestamp"].is_number()));
    assert!(frames.len() > 2 && frames[1]["result"].as_array().unwrap().len() < rows.len());
    // ibind takes the account of an update from this row.
    let names_account = |row: &Value| row["key"] == "AccountCode" && row["value"] == "DU1234567";
    assert!(frames.iter().all(|frame| frame["result"].as_array().unwrap().iter().any(names_account)));
    let request = "ssd+DU1234567+{\"keys\":[\"ExcessLiquidity-S\"],\"fields\":[\"monetaryValue\"]}";
    let narrow = world.replies(request, "ssd+DU1234567", 300);
    let row = &narrow[0]["result"][0];
    assert_eq!(row.as_object().unwrap().keys().collect::<Vec<_>>(), ["key", "monetaryValue", "timestamp"]);
    world.client_sends(1, "usd+DU1234567+{}");
    world.sent.clear();
    world.run(10_000);
    assert!(!topics(&world.frames()).contains(&"ssd+DU1234567"));
}

#[test]
fn the_ledger_arrives_every_ten_seconds_with_blank_rows_for_unchanged_currencies() {
    let mut world = World::ready(config());
    world.client_sends(1, "sld+DU1234567");
    world.run(25_000);
    let timed: Vec<(u64, Value)> =
        world.timed().into_iter().filter(|(_, frame)| frame["topic"] == "sld+DU1234567").collect();
    assert_eq!(timed.len(), 3);
    assert_eq!(timed[2].0 - timed[1].0, 10_000);
    assert!(timed[0].1["result"].as_array().unwrap().iter().all(|row| row["acctCode"] == "DU1234567"));
    let euros = timed[1].1["result"].as_array().unwrap().iter().find(|row| row["key"] == "LedgerListEUR").unwrap();
    assert_eq!(euros.as_object().unwrap().len(), 2);
    world.client_sends(1, "uld+DU1234567");
    assert_eq!(world.frames().last().unwrap()["result"], "unsubscribed from ledger");
    world.client_sends(1, "sld+DU1234567");
    world.run(300);
    let with_exponent = world.sent.iter().any(|(_, _, output)| text(output).contains("E7,"));
    assert!(with_exponent, "amounts above ten million have Java's exponent notation");
}

#[test]
fn refusals_name_the_bare_topic_and_end_after_a_rest_call() {
    let mut world = World::ready(config().with_scenario(Scenario::NoAccounts));
    let refused = world.replies("smd+265598", "smd", 500);
    assert_eq!((&refused[0]["error"], &refused[0]["code"]), (&Value::from("No accounts"), &Value::from(500)));
    assert_eq!(world.gateway.rest(world.now(), "GET", "/v1/api/iserver/accounts", "").status, 200);
    assert_eq!(world.replies("smd+265598", "smd+265598", 500).len(), 2);

    world.gateway.refuse("sor", "unable to subscribe", Some(2), Recovery::Never);
    for _ in 0..2 {
        assert_eq!(world.replies("sor+{}", "sor", 0)[0]["error"], "unable to subscribe");
    }
    assert!(world.replies("sor+{}", "sor", 0).is_empty());
}

#[test]
fn a_muted_connection_stays_open_and_silent() {
    let mut world = World::ready(config());
    world.client_sends(1, "spl");
    world.gateway.mute(1);
    world.sent.clear();
    world.client_sends(1, "tic");
    world.run(30_000);
    assert!(world.sent.is_empty());
    assert_eq!(world.gateway.connections().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_clock_jump_of_hours_causes_no_flood() {
    let mut world = World::ready(config());
    for text in ["smd+265598", "spl", "sor", "str", "sld+DU1234567", "sbd+DU1234567+265598"] {
        world.client_sends(1, text);
    }
    world.sent.clear();
    world.now_ms += 8 * 3_600_000;
    world.gateway.tick(world.now());
    world.collect();
    assert!(world.sent.len() < 500, "{}", world.sent.len());
    world.run(15_000);
    assert!(world.frames().iter().any(|frame| frame.get("hb").is_some()));
}
