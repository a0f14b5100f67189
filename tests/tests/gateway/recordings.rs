//! Tests of recordings: frames are played verbatim, in order, once per loop.

use std::sync::Arc;

use ibws_testkit::{GatewayConfig, Recording, Source};

use crate::world::{World, config, text, topics};

const RECORDED: &str = r#"
{"t":100,"dir":"in","raw":"{\"topic\":\"system\",\"success\":\"someone\"}"}
{"t":120,"dir":"in","raw":"{\"topic\":\"sts\",\"args\":{\"authenticated\":true}}"}
{"t":200,"dir":"out","raw":"smd+1+{\"fields\":[\"31\"]}"}
{"t":700,"dir":"in","raw":"{ \"topic\":\"smd+1\",  \"31\":\"10.00\"}"}
{"t":900,"dir":"in","raw":"{\"topic\":\"smd+1\",\"31\":\"10.01\"}"}
{"t":900,"dir":"in","raw":"{\"topic\":\"smd+1\",\"31\":\"10.01\"}"}
"#;

fn recorded(text: &str) -> GatewayConfig {
    let mut config = config();
    config.source = Source::Recording(Arc::new(Recording::parse("recorded.jsonl", text).unwrap()));
    config
}

#[test]
fn a_recording_is_played_verbatim_once_per_loop_and_only_after_its_request() {
    let mut world = World::new(recorded(RECORDED));
    world.open(1);
    world.run(3_000);
    let texts = |world: &mut World| -> Vec<(u64, String)> {
        let sent = std::mem::take(&mut world.sent);
        let timed = sent.iter().map(|(at, _, output)| (*at, text(output)));
        timed.filter(|(_, text)| !text.contains("\"hb\"")).collect()
    };
    let opening = texts(&mut world);
    assert_eq!(opening.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 20]);
    world.client_sends(1, "smd+1+{\"fields\": [\"31\"]}");
    world.client_sends(1, "tic");
    world.run(1_000);
    let (tics, data): (Vec<_>, Vec<_>) = texts(&mut world).into_iter().partition(|(_, text)| text.contains("\"tic\""));
    assert_eq!(tics.len(), 4);
    assert_eq!(data.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [3_500, 3_700, 3_700]);
    let played: Vec<String> = opening.into_iter().chain(data).map(|(_, text)| text).collect();
    let recording = Recording::parse("recorded.jsonl", RECORDED).unwrap();
    assert_eq!(played, recording.frames().collect::<Vec<_>>());
    world.run(1_000);
    let again: Vec<String> = texts(&mut world).into_iter().map(|(_, text)| text).collect();
    assert_eq!(again, played[2..]);
}

#[test]
fn a_recording_continues_when_its_request_does_not_arrive() {
    let mut world = World::new(recorded(RECORDED));
    world.open(1);
    world.run(10_000);
    let frames = world.frames();
    assert!(topics(&frames).contains(&"smd+1"));
}

#[test]
fn an_unplayable_recording_reports_the_file_the_line_and_a_remedy() {
    let cases = [
        ("{\"t\":1,\"dir\":\"in\",\"raw\":\"\"}\nx", "line 2", "JSON"),
        ("{\"t\":1,\"dir\":\"sideways\",\"raw\":\"\"}", "line 1", "sideways"),
        ("{\"t\":-1,\"dir\":\"in\",\"raw\":\"\"}", "line 1", "\"t\""),
        ("{\"t\":5,\"dir\":\"in\",\"raw\":\"\"}\n{\"t\":4,\"dir\":\"in\",\"raw\":\"\"}", "line 2", "earlier"),
        ("{\"t\":1,\"dir\":\"out\",\"raw\":\"tic\"}", "nothing to play", "in"),
    ];
    for (text, place, problem) in cases {
        let error = Recording::parse("some.jsonl", text).unwrap_err().to_string();
        assert!(error.contains("some.jsonl") && error.contains(place) && error.contains(problem), "{error}");
        assert!(!error.contains('\n'));
    }
    let error = Recording::read("/no/such/file.jsonl").unwrap_err().to_string();
    assert!(error.contains("/no/such/file.jsonl") && error.contains("check the path"), "{error}");
}
