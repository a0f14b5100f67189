//! `--json`: prints one JSON object per line.

use core::time::Duration;
use std::io::Write as _;

use ibws_proto::{
    ConnectionState, Event, Frame, Item, Json, Key, Message,
    frame::Shape,
    is_misleading,
    message::{Execution, Order},
    rest::{RestOutcome, RestRequest},
};
use serde::Serialize;
use serde_json::json;

/// A line about anything except a frame. The line of a frame is written by hand, because it
/// contains the text of the frame, in which only the session of `tic` is replaced.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    State {
        state: &'static str,
        attempt: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        delay_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    Subscription {
        channel: &'a str,
        status: &'static str,
        attempt: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    Gap {
        channel: &'a str,
        cause: String,
    },
    Resumed {
        channel: &'a str,
        outage_ms: u64,
        attempts: u32,
    },
    #[serde(rename = "caught_up")]
    CaughtUp {
        channel: &'a str,
        outage_ms: u64,
        orders: Vec<Order<'a>>,
        executions: Vec<Execution<'a>>,
        #[serde(skip_serializing_if = "is_zero")]
        merged: u64,
        #[serde(skip_serializing_if = "is_zero")]
        forgotten: u64,
    },
    #[serde(rename = "catch_up_pending")]
    CatchUpPending {
        channel: &'a str,
        reason: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        delay_ms: Option<u64>,
    },
    Malformed {
        reason: String,
        frame: String,
    },
    Session {
        status: &'static str,
    },
    Stale {
        channel: &'a str,
    },
    Fresh {
        channel: &'a str,
        silence_ms: u64,
    },
    Competing {
        competing: bool,
    },
    Account {
        status: &'static str,
    },
    Lost {
        key: Option<Key>,
        messages: u64,
        folded: u64,
        notices: u64,
    },
}

/// Writes the line of an item; some items have none.
pub(super) fn write(item: &Item, out: &mut Vec<u8>) {
    let mut line = Vec::new();
    self::line(item, &mut line);
    escape(&String::from_utf8_lossy(&line), out);
}

/// Writes lines of JSON. A character that a terminal would obey, or not show, becomes an escape of
/// JSON; in valid JSON it stands inside a string, which keeps its value.
fn escape(lines: &str, out: &mut Vec<u8>) {
    for character in lines.chars() {
        if is_misleading(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a vector cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

fn line(item: &Item, out: &mut Vec<u8>) {
    let line = match item {
        Item::Lost(lost) => {
            Line::Lost { key: lost.key, messages: lost.messages, folded: lost.folded, notices: lost.notices }
        }
        Item::Event(Event::Message(message)) => return self::message(message, out),
        // Closing always leads to a state that is printed.
        Item::Event(Event::State(change)) if change.state == ConnectionState::Closing => return,
        Item::Event(Event::State(change)) => Line::State {
            state: change.state.name(),
            attempt: change.attempt,
            delay_ms: change.delay.map(millis),
            cause: change.cause.as_ref().map(ToString::to_string),
        },
        Item::Event(Event::Subscription(change)) => Line::Subscription {
            channel: change.key.as_str(),
            status: change.state.name(),
            attempt: change.attempt,
            reason: change.reason.as_deref(),
        },
        Item::Event(Event::Gap(gap)) => Line::Gap { channel: gap.key.as_str(), cause: gap.cause.to_string() },
        Item::Event(Event::Resumed(resumed)) => Line::Resumed {
            channel: resumed.key.as_str(),
            outage_ms: millis(resumed.at.since(resumed.since)),
            attempts: resumed.attempts,
        },
        Item::Event(Event::CaughtUp(caught_up)) => Line::CaughtUp {
            channel: caught_up.key.as_str(),
            outage_ms: millis(caught_up.at.since(caught_up.since)),
            orders: caught_up.orders().collect(),
            executions: caught_up.executions().collect(),
            merged: caught_up.merged,
            forgotten: caught_up.forgotten,
        },
        Item::Event(Event::CatchUpPending(pending)) => Line::CatchUpPending {
            channel: pending.key.as_str(),
            reason: pending.why.to_string(),
            delay_ms: pending.next_try.map(|next_try| millis(next_try.since(pending.at))),
        },
        Item::Event(Event::Malformed(malformed)) => {
            Line::Malformed { reason: malformed.kind.to_string(), frame: malformed.redacted() }
        }
        Item::Event(Event::Rest(report)) if report.outcome != RestOutcome::Done => match report.request {
            RestRequest::Session(_) => Line::Session { status: "wanted" },
            _ => return,
        },
        Item::Event(Event::Stale(stale)) => Line::Stale { channel: stale.key.as_str() },
        Item::Event(Event::Fresh(fresh)) => {
            Line::Fresh { channel: fresh.key.as_str(), silence_ms: millis(fresh.at.since(fresh.since)) }
        }
        Item::Event(Event::AccountMismatch) => Line::Account { status: "mismatch" },
        Item::Event(Event::Competing(competing)) => Line::Competing { competing: *competing },
        Item::Event(_) => return,
    };
    // Neither serializing strings and numbers nor writing to a vector can fail.
    let _ = serde_json::to_writer(&mut *out, &line);
    out.push(b'\n');
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Writes the line of a frame, with the text of the frame but for the session of `tic`.
fn message(message: &Message, out: &mut Vec<u8>) {
    let frame = &message.frame;
    let topic = frame.topic();
    let topic = match frame.shape() {
        Shape::Echo => json!(frame.text().trim()),
        _ => json!(topic),
    };
    if frame.shape() == Shape::Error {
        let error = frame.get("error").map_or("null", Json::text);
        let _ = write!(out, r#"{{"type":"error","topic":{topic},"error":{},"#, one_line(error));
        if let Some(code) = frame.get("code") {
            let _ = write!(out, r#""code":{},"#, one_line(code.text()));
        }
    } else {
        let _ = write!(out, r#"{{"type":"data","key":{},"topic":{topic},"#, json!(message.key));
    }
    if frame.is_lossy() {
        let _ = write!(out, r#""lossy":true,"#);
    }
    if message.merged > 0 {
        let _ = write!(out, r#""merged":{},"#, message.merged);
    }
    let _ = writeln!(out, r#""message":{}}}"#, body(frame));
}

fn body(frame: &Frame) -> String {
    match frame.shape() {
        Shape::Echo => json!(frame.text()).to_string(),
        _ => one_line(&frame.redacted()),
    }
}

/// Replaces line breaks and tabs by spaces. JSON has them between tokens only.
fn one_line(json: &str) -> String {
    json.trim().replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
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
        write(&Item::Event(event), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
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
