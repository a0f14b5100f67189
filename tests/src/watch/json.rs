//! `--json`: prints one JSON object per line.

use std::io::Write as _;
use std::time::SystemTime;

use ibws_proto::line::Line;
use ibws_proto::rest::{RestOutcome, RestRequest};
use ibws_proto::{ConnectionState, Event, Item};

/// Writes the line of an item with its wall-clock time; some items have none here.
pub(super) fn write(item: &Item, time: SystemTime, out: &mut Vec<u8>) {
    if is_shown(item) {
        self::line(Line::from(item).with_system_time(time), out);
    }
}

/// Writes the line of anything that has one. Writing to a vector cannot fail.
pub(super) fn line(item: impl Into<Line>, out: &mut Vec<u8>) {
    let _ = writeln!(out, "{}", item.into());
}

/// Returns `true` for an item that the program prints: everything but what another line implies.
fn is_shown(item: &Item) -> bool {
    match item {
        // Closing always leads to a state that is printed.
        Item::Event(Event::State(change)) => change.state != ConnectionState::Closing,
        Item::Event(Event::Rest(report)) => {
            matches!(report.request, RestRequest::Session(_)) && report.outcome != RestOutcome::Done
        }
        Item::Event(Event::ProcessorPanicked(_)) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use ibws_proto::{Config, ConnId, Input, Instant, Machine, Output};

    /// The line of a frame that arrives on an open connection.
    fn line(frame: &[u8]) -> serde_json::Value {
        let now = Instant::ORIGIN;
        let mut machine = Machine::new(Config::default(), now);
        machine.submit(now, ibws_proto::Command::Start);
        machine.handle(now, Input::Opened(ConnId(1)));
        while machine.poll().is_some() {}
        machine.handle(now, Input::Frame(ConnId(1), frame.to_vec().into()));
        let Some(Output::Event(event)) = machine.poll() else { panic!("no event") };
        let mut out = Vec::new();
        write(&Item::Event(event), SystemTime::UNIX_EPOCH, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
        for added in ["conn", "at_ms", "unix_ms"] {
            line.as_object_mut().unwrap().remove(added);
        }
        line
    }

    #[test]
    fn every_frame_is_one_line_of_json() {
        assert_eq!(
            line(b"{\"topic\":\"smd+1\",\n \"31\":\"2.50\"}"),
            json!({"type": "data", "key": "MARKET_DATA", "topic": "smd+1", "message": {"topic": "smd+1", "31": "2.50"}})
        );
        assert_eq!(line(br#"{"topic":"zzz"}"#)["key"], json!(null));
        assert_eq!(line(b"{\"topic\":\"str\",\"n\":\"a\x99\"}")["lossy"], json!(true));
        assert_eq!(line(b"ech+hb")["message"], json!("ech+hb"));
        assert_eq!(line(b"{]")["type"], json!("malformed"));
        assert_eq!(
            line(br#"{"error":"No accounts","code":500,"topic":"smd"}"#),
            json!({"type": "error", "topic": "smd", "error": "No accounts", "code": 500,
                   "message": {"error": "No accounts", "code": 500, "topic": "smd"}})
        );
    }

    #[test]
    fn the_session_in_tic_is_masked_and_the_rest_of_the_message_is_the_same_value() {
        let session = "00112233445566778899aabbccddeeff";
        for (id, topic) in [
            (json!(session), json!("tic")),
            (json!("short"), json!("tic")),
            (json!("with \"quote\""), json!("tic")),
            (json!(5), json!("tic+x")),
            (json!({"deep": session}), json!("tic")),
        ] {
            let sent = json!({"topic": topic, "alive": true, "id": id, "lastAccessed": 1_764_366_452_000_u64, "n": [1, {"id": 2}]});
            for text in [sent.to_string(), serde_json::to_string_pretty(&sent).unwrap()] {
                for text in
                    [text.clone(), text.replace("\"id\": \"", "\"\\u0069d\": \""), text.replace("tic", "\\u0074ic")]
                {
                    let mut expected = sent.clone();
                    expected["id"] = json!("***");
                    let shown = line(text.as_bytes());
                    assert_eq!(shown["message"], expected, "{text}");
                    assert!(!shown.to_string().contains(session));
                }
            }
        }
        let twice = line(br#"{"id":"5e55","topic":"tic","id":"5e56"}"#).to_string();
        assert!(!twice.contains("5e5"), "{twice}");
        let error = line(br#"{"topic":"tic","error":"no","id":"5e55"}"#);
        assert_eq!((&error["type"], &error["message"]["id"]), (&json!("error"), &json!("***")));
        assert_eq!(line(br#"{"topic":"blt","id":"5e55"}"#)["message"]["id"], json!("5e55"));
        let malformed = line(format!(r#"{{"topic":"tic","id":"{session}","topic":"tic"}}"#).as_bytes());
        assert_eq!(malformed["frame"], json!(r#"{"topic":"tic","id":"***","topic":"tic"}"#));
    }

    #[test]
    fn odd_bytes_are_one_line_of_json() {
        for frame in [
            &b"{\"topic\":\"a\x01b\"}"[..],
            b"{\"topic\":\"a\tb\"}",
            b"{\"topic\":\"a\nb\"}",
            b"{\"topic\":\"a\x7f\xc2\x85\xe2\x80\xa8\",\r\n\t\"n\":[1 ,\r 2]}",
            b"\xef\xbb\xbf{\"topic\":\"smd+1\"}",
            b"\x0c{\"topic\":\"smd+1\"}\x0b",
            b"\xc2\xa0{\"topic\":\"smd+1\"}",
            b"{\"topic\":\"smd+1\",\"31\":01}",
            b"{\"topic\":\"smd+1\",\"31\":+1}",
            b"{\"topic\":\"smd+1\",\"31\":1.}",
            b"{\"topic\":\"smd+1\",\"31\":.5}",
            b"{\"topic\":\"smd+1\",\"31\":NaN}",
            b"{\"topic\":\"smd+1\",\"31\":-}",
            b"{\"topic\":\"smd+1\",\"31\":\"\\x\"}",
            b"{\"topic\":\"smd+1\",\"31\":\"\\u12\"}",
            b"{\"topic\":\"smd+1\",\"31\":[1,]}",
            b"{\"topic\":\"smd+1\",}",
            b"{\"topic\":\"smd+1\"} {}",
            b"{\"topic\":\"smd+1\",\"a\":{\"b\" 1}}",
            b"{\"topic\":\"smd+1\",\"a\":[tru]}",
            b"{\"error\":null,\"code\":\n1}",
            b"{\"error\":{\"a\":\r\n1},\"topic\":\"\xff\"}",
            b"\n ech+hb \n",
            b"7",
            b"",
            b"\x00",
        ] {
            line(frame);
        }
    }
}
