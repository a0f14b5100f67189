//! Tests of market data, history and ladders.

use std::collections::{BTreeMap, BTreeSet};

use ibws_testkit::Gateway;
use serde_json::Value;

use crate::world::{World, config, text, topics};

#[test]
fn the_first_market_data_frame_arrives_twice_in_two_key_orders() {
    let mut world = World::ready(config());
    world.client_sends(1, "smd+265598+{\"fields\":[\"31\",\"84\",\"86\",\"83\",\"6509\"]}");
    world.run(200);
    let texts: Vec<String> = world.sent.iter().map(|(_, _, output)| text(output)).collect();
    let frames = world.frames();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0], frames[1]);
    assert_ne!(texts[0], texts[1]);
    let frame = &frames[0];
    assert!(frame["31"].is_string() && frame["83"].is_number() && frame["6509"].is_string());
    assert_eq!((&frame["topic"], &frame["conid"]), (&Value::from("smd+265598"), &Value::from(265_598)));
    assert_eq!(frame["server_id"], frame["6119"]);
}

#[test]
fn deltas_contain_only_changes_and_are_half_a_second_apart() {
    let mut world = World::ready(config());
    world.client_sends(1, "smd+265598+{\"fields\":[\"31\",\"84\",\"86\",\"6509\",\"55\"]}");
    world.run(120_000);
    let frames: Vec<(u64, Value)> =
        world.timed().into_iter().filter(|(_, frame)| frame["topic"] == "smd+265598").collect();
    assert!(frames.len() > 30, "{}", frames.len());
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for (index, (_, frame)) in frames.iter().enumerate().skip(1) {
        for field in ["31", "84", "86", "6509", "55"] {
            let Some(value) = frame.get(field) else { continue };
            let old = known.insert(field.to_owned(), value.clone());
            assert!(index == 1 || old.as_ref() != Some(value), "{field} is repeated unchanged: {frame}");
        }
        assert_eq!(frame.get("6508").is_some(), index == 2, "{frame}");
        assert_eq!(frame.get("6509").is_some(), index == 1, "{frame}");
    }
    assert!(frames[1..].windows(2).all(|pair| pair[1].0 - pair[0].0 >= 500));
}

#[test]
fn all_five_shares_change_within_eight_seconds() {
    let mut world = World::ready(config());
    let conids = [265_598, 272_093, 266_093, 3_691_937, 4_815_747];
    for conid in conids {
        world.client_sends(1, &format!("smd+{conid}+{{\"fields\":[\"31\",\"84\",\"86\"]}}"));
    }
    world.run(1_000);
    for _ in 0..10 {
        world.sent.clear();
        world.run(8_000);
        let seen: BTreeSet<u64> = world.frames().iter().filter_map(|frame| frame["conid"].as_u64()).collect();
        assert_eq!(seen.len(), conids.len());
    }
}

#[test]
fn targets_are_echoed_in_full() {
    let mut world = World::ready(config());
    for target in ["265598@ARCA", "0;;;265598/1,272093/-1", "1"] {
        let topic = format!("smd+{target}");
        let frames = world.replies(&topic, &topic, 200);
        assert_eq!(frames.len(), 2, "{target}");
        assert_eq!(frames[0]["conidEx"], target);
    }
}

#[test]
fn the_bad_conid_has_two_frames_without_a_price_and_no_error() {
    let mut world = World::ready(config());
    assert_eq!(Gateway::BAD_CONID, 999);
    let frames = world.replies("smd+999+{\"fields\":[\"31\",\"84\"]}", "smd+999", 30_000);
    assert_eq!(frames.len(), 2);
    assert!(frames.iter().all(|frame| frame["55"] == "-" && frame["31"] == "N/A" && frame.get("84").is_none()));
}

#[test]
fn any_other_conid_is_quoted_by_a_walk_of_its_own() {
    let mut world = World::ready(config());
    let mut first = BTreeSet::new();
    for conid in [1, 2, 8_314, 756_733, 495_512_552] {
        let frames =
            world.replies(&format!("smd+{conid}+{{\"fields\":[\"31\",\"55\"]}}"), &format!("smd+{conid}"), 60_000);
        assert!(frames.len() > 5, "{conid}");
        assert_eq!(frames[0]["55"], format!("SIM{conid}"));
        first.insert(frames[0]["31"].as_str().unwrap().to_owned());
        world.client_sends(1, &format!("umd+{conid}"));
    }
    assert_eq!(first.len(), 5);
    let history = world.replies("smh+756733+{\"period\":\"1h\",\"bar\":\"5min\"}", "smh+756733", 500);
    assert_eq!(history[0]["data"].as_array().unwrap().len(), 12);
    let ladder = world.replies("sbd+DU1234567+756733", "sbd+DU1234567+756733", 500);
    assert!(!ladder[0]["data"].as_array().unwrap().is_empty());
}

#[test]
fn a_script_sets_the_quote_of_a_contract_and_releases_it() {
    let mut world = World::ready(config());
    let request = "smd+756733+{\"fields\":[\"31\",\"84\",\"86\"]}";
    world.replies(request, "smd+756733", 1_000);
    world.gateway.set_quote(756_733, 12_000, 12_345, 12_400);
    world.sent.clear();
    world.run(4_000);
    let frames: Vec<Value> = world.frames().into_iter().filter(|frame| frame["topic"] == "smd+756733").collect();
    assert_eq!(frames.len(), 1, "the quote is sent once and does not move");
    assert_eq!(
        (&frames[0]["31"], &frames[0]["84"], &frames[0]["86"]),
        (&"123.45".into(), &"120.00".into(), &"124.00".into())
    );
    world.run(60_000);
    assert!(world.frames().iter().all(|frame| frame["topic"] != "smd+756733"));
    world.gateway.release_quote(756_733);
    world.run(20_000);
    assert!(world.frames().iter().any(|frame| frame["topic"] == "smd+756733"));
}

#[test]
fn market_data_ends_silently_after_ten_minutes_unless_it_is_renewed() {
    let mut world = World::ready(config());
    world.client_sends(1, "smd+265598");
    world.client_sends(1, "smd+272093");
    world.run(9 * 60_000);
    world.sent.clear();
    world.client_sends(1, "smd+272093");
    world.run(70_000);
    world.sent.clear();
    world.run(60_000);
    let frames = world.frames();
    assert!(!topics(&frames).contains(&"smd+265598"));
    assert!(topics(&frames).contains(&"smd+272093"));
    assert!(frames.iter().all(|frame| frame.get("error").is_none()));
}

#[test]
fn every_market_data_request_has_its_own_server_id() {
    let mut world = World::ready(config());
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let frames = world.replies("smd+265598", "smd+265598", 200);
        ids.insert(frames[0]["server_id"].as_str().unwrap().to_owned());
        world.client_sends(1, "umd+265598+{}");
    }
    assert_eq!(ids.len(), 3);
    world.sent.clear();
    world.run(5_000);
    assert!(!topics(&world.frames()).contains(&"smd+265598"));
}

#[test]
fn a_sixth_history_request_is_refused_until_one_is_cancelled_by_its_id() {
    let mut world = World::ready(config());
    let mut ids = Vec::new();
    for _ in 0..5 {
        let frames = world.replies("smh+265598+{\"period\":\"1h\",\"bar\":\"5min\"}", "smh+265598", 500);
        assert_eq!((frames.len(), frames[0]["data"].as_array().unwrap().len()), (1, 12));
        assert!(frames[0].get("conid").is_none());
        ids.push(frames[0]["serverId"].as_str().unwrap().to_owned());
    }
    assert_eq!(world.replies("smh+265598+{}", "smh", 500)[0]["code"], 500);
    world.client_sends(1, &format!("umh+{}", ids[0]));
    assert_eq!(world.frames()[0]["message"], format!("Unsubscribed {}", ids[0]));
    assert_eq!(world.replies("smh+265598+{\"period\":\"never\"}", "smh+265598", 500)[0]["points"], 0);
}

#[test]
fn one_ladder_unsubscribe_ends_all_ladders_of_the_account() {
    let mut world = World::ready(config());
    world.client_sends(1, "sbd+DU1234567+265598");
    world.client_sends(1, "sbd+DU1234567+272093+ARCA");
    world.run(5_000);
    let frames = world.frames();
    for topic in ["sbd+DU1234567+265598", "sbd+DU1234567+272093"] {
        let ladder: Vec<_> = frames.iter().filter(|frame| frame["topic"] == topic).collect();
        assert!(ladder.len() >= 2, "{topic}");
        let rows = ladder[0]["data"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["price"].is_string() && row["row"].is_number()));
        assert_eq!(rows.iter().filter(|row| row["focus"] == 1).count(), 1);
    }
    world.client_sends(1, "ubd+DU1234567");
    world.run(10_000);
    assert!(world.frames().iter().all(|frame| frame.get("data").is_none()));
}
