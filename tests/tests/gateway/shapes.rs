//! Tests of determinism and of the shape of each topic: the same seed sends the same frames.

use std::collections::BTreeSet;

use ibws_proto::Instant;
use ibws_testkit::{FrameKind, Gateway, GatewayConfig, GatewayOutput};
use serde_json::Value;

use crate::world::{World, config};

/// Returns the outputs of a gateway with every channel for two minutes, polled every `step_ms`.
fn outputs_of_every_channel(seed: u64, step_ms: u64) -> Vec<(u64, GatewayOutput)> {
    let mut gateway = Gateway::new(GatewayConfig::seeded(seed));
    gateway.opened(Instant::ORIGIN, 1, false);
    let mut sent = Vec::new();
    for now in (0..=120_000).step_by(step_ms as usize) {
        if now == 600 {
            for text in [
                "smd+265598+{\"fields\":[\"31\",\"84\",\"86\",\"87\",\"83\",\"55\",\"7051\",\"6509\"]}",
                "smd+0;;;265598/1,272093/-1",
                "smh+272093+{\"period\":\"2h\",\"bar\":\"5min\",\"format\":\"%o/%c/%h/%l\"}",
                "sbd+DU1234567+265598",
                "sor+{}",
                "spl+{}",
                "str+{}",
                "ssd+DU1234567+{}",
                "sld+DU1234567+{}",
                "shs+exercise+{\"CEX\":\"1\"}",
                "tic",
                "nonsense",
            ] {
                gateway.received(Instant::from_millis(now), 1, text.as_bytes());
            }
        }
        gateway.tick(Instant::from_millis(now));
        sent.extend(core::iter::from_fn(|| gateway.poll()));
    }
    sent
}

#[test]
fn the_same_seed_sends_the_same_frames_at_any_polling_interval() {
    assert_eq!(outputs_of_every_channel(7, 100), outputs_of_every_channel(7, 100));
    assert_eq!(outputs_of_every_channel(7, 100), outputs_of_every_channel(7, 300));
    assert_ne!(outputs_of_every_channel(7, 100), outputs_of_every_channel(8, 100));
}

#[test]
fn every_seeded_frame_is_json_and_has_the_keys_of_its_topic() {
    let mut seen = BTreeSet::new();
    for (_, output) in (0..4).flat_map(|seed| outputs_of_every_channel(seed, 200)) {
        assert!(matches!(output, GatewayOutput::Binary(_)));
        let frame: Value = serde_json::from_slice(output.payload().unwrap()).unwrap();
        if frame.get("error").is_some() {
            assert!(frame["code"].is_number());
            seen.insert("error".to_owned());
            continue;
        }
        let topic = frame["topic"].as_str().unwrap();
        let kind = topic.split('+').next().unwrap();
        let keys: &[&str] = match kind {
            "system" | "shs" => &[],
            "act" | "sts" | "sor" | "str" | "spl" | "ntf" | "blt" => &["/args"],
            "smd" => &["/server_id", "/6119", "/conidEx", "/conid", "/_updated"],
            "smh" => {
                &["/serverId", "/symbol", "/priceFactor", "/startTime", "/high", "/barLength", "/data/0/t", "/points"]
            }
            "sbd" => &["/data/0/row", "/data/0/focus", "/data/0/price"],
            "ssd" | "sld" => &["/result/0/key", "/result/0/timestamp"],
            "tic" => &["/alive", "/id", "/lastAccessed"],
            other => panic!("unexpected topic {other}"),
        };
        for key in keys {
            assert!(frame.pointer(key).is_some(), "{key} is missing in {frame}");
        }
        let is_array = frame["args"].is_array();
        assert_eq!(is_array, ["sor", "str", "ntf", "blt"].contains(&kind), "{frame}");
        seen.insert(kind.to_owned());
    }
    let all = [
        "act", "blt", "error", "ntf", "sbd", "shs", "sld", "smd", "smh", "sor", "spl", "ssd", "str", "sts", "system",
        "tic",
    ];
    assert_eq!(seen, all.map(str::to_owned).into());
}

#[test]
fn frames_are_text_when_configured_as_text() {
    let mut config = config();
    config.frames = FrameKind::Text;
    let mut world = World::new(config);
    world.open(1);
    world.run(250);
    assert!(world.sent.iter().all(|(_, _, output)| matches!(output, GatewayOutput::Text(_))));
}
