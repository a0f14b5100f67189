//! Every frame decodes to its variant, and no member is lost: the project's own frames, and those
//! of a file that `IBWS_FRAMES` names.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use bytes::Bytes;
use ibws_proto::message::{OrderStatus, Row};
use ibws_proto::{Body, Field, Frame, Json, frame::Kind as JsonKind};
use ibws_testkit::frames::{self, Kind, expected, reachable, variant};
use proptest::prelude::*;
use serde_json::Value;

fn decode(text: &str) -> Frame {
    Frame::decode(Bytes::from(text.to_owned())).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Asserts that every key is reached, and that the frame serialises to its own JSON.
fn assert_nothing_is_lost(text: &str) {
    let frame = decode(text);
    if text == "ech+hb" {
        assert_eq!(serde_json::to_value(frame.body()).unwrap(), Value::from("ech+hb"));
        return;
    }
    assert_eq!(reachable(&frame), expected(text), "{text}");
    let written = decode(&serde_json::to_string(&frame.body()).unwrap());
    assert_same(frame.json(), written.json());
}

/// Asserts equal keys in equal order, equal texts, and equal numbers as the standard library reads
/// them: `serde_json` by default rounds a number of 17 digits in another way.
fn assert_same(left: Json<'_>, right: Json<'_>) {
    assert_eq!(left.kind(), right.kind());
    match left.kind() {
        JsonKind::Number => assert_eq!(left.text().parse::<f64>(), right.text().parse()),
        JsonKind::Array => {
            assert_eq!(left.elements().count(), right.elements().count());
            left.elements().zip(right.elements()).for_each(|(left, right)| assert_same(left, right));
        }
        JsonKind::Object => {
            assert!(left.members().map(|member| member.0).eq(right.members().map(|member| member.0)));
            left.members().zip(right.members()).for_each(|((_, left), (_, right))| assert_same(left, right));
        }
        JsonKind::String => assert_eq!(left.as_str(), right.as_str()),
        _ => assert_eq!(left.text(), right.text()),
    }
}

#[test]
fn own_frames_decode_to_their_variant_with_all_members() {
    for kind in Kind::ALL {
        for seed in 0..40 {
            let text = frames::frame(*kind, seed);
            assert_eq!(variant(&decode(&text).body()), kind.variant(), "{text}");
            assert_nothing_is_lost(&text);
        }
    }
}

#[test]
fn rare_keys_and_states_of_an_order_are_read() {
    let frame = decode(
        r#"{"topic":"sor","args":[{"orderId":7,"status":"WarnState","order_cancellation_by_system_reason":"x",
        "totalCashSize":2400.0,"taxOptimizerId":"t","exchange":"ARCA"}]}"#,
    );
    let Body::Orders(orders) = frame.body() else { panic!("{frame:?}") };
    let order = orders.rows().next().unwrap().unwrap();
    assert_eq!(order.status(), Ok(Some(OrderStatus::WarnState)));
    assert_eq!(order.system_cancel_reason().unwrap().unwrap(), "x");
    assert_eq!(order.total_cash_size().unwrap().unwrap().to_i64(), Some(2_400));
    assert_eq!(order.tax_optimizer_id().unwrap().unwrap(), "t");
    assert_eq!(order.exchange().unwrap().unwrap(), "ARCA");
    assert_eq!(order.unknown().count(), 0);
}

#[test]
fn the_stock_type_is_a_listed_field() {
    assert_eq!((Field::STOCK_TYPE.id(), Field::STOCK_TYPE.title()), (7_899, "Stock Type"));
    assert_eq!(Field::from_id(7_899), Some(Field::STOCK_TYPE));
}

#[test]
fn own_frames_have_no_account_but_the_two_neutral_ones() {
    for kind in Kind::ALL {
        for seed in 0..20 {
            let text = frames::frame(*kind, seed).replace("DU1234567", "").replace("U12345678", "");
            let account = text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| {
                let digits = word.trim_start_matches("DU").trim_start_matches('U');
                digits.len() != word.len() && digits.len() >= 5 && digits.bytes().all(|b| b.is_ascii_digit())
            });
            assert_eq!(account, None, "{text}");
        }
    }
}

/// Returns the lines of the file that `IBWS_FRAMES` names, with their numbers: one JSON object a
/// line with the members `dir`, `frame`, `topic` and `kind`. Recordings of real sessions stay
/// outside the repository.
fn recorded() -> Option<Vec<(usize, Value)>> {
    let Some(path) = std::env::var_os("IBWS_FRAMES") else {
        eprintln!("skipped: IBWS_FRAMES names no file of frames");
        return None;
    };
    let lines = std::fs::read_to_string(path).unwrap();
    Some(lines.lines().enumerate().map(|(at, line)| (at + 1, serde_json::from_str(line).unwrap())).collect())
}

/// Returns the variant for the label of a line; `None` if its frame cannot be decoded.
fn labelled(topic: &str, text: &str) -> Option<&'static str> {
    let json: Option<Value> = serde_json::from_str(text).ok();
    if text == "ech+hb" {
        return Some("Echo");
    }
    let json = json?;
    if json.get("error").is_some() {
        return Some("Error");
    }
    Some(match topic {
        "smd" => "MarketData",
        "smh" => "History",
        "sbd" => "Ladder",
        "sor" => "Orders",
        "spl" => "Pnl",
        "str" => "Trades",
        "ssd" => "Summary",
        "sld" => "Ledger",
        "system" => "System",
        "sts" => "Status",
        "act" => "Accounts",
        "ntf" => "Notifications",
        "blt" => "Bulletins",
        "error" => "Error",
        "tic" => "Tic",
        "usd" | "uld" | "umh" => "Unsubscribed",
        "message" => "WaitingForSession",
        "shs" | "inp" => "Exercise",
        _ => "Unknown",
    })
}

#[test]
fn recorded_frames_decode_to_the_variant_of_their_line_with_all_members() {
    let Some(lines) = recorded() else { return };
    let (mut read, mut refused) = (0, Vec::new());
    for (number, line) in lines.iter().filter(|(_, line)| line["dir"] == "in") {
        let text = line["frame"].as_str().unwrap();
        match labelled(line["topic"].as_str().unwrap(), text) {
            Some(name) => {
                assert_eq!(variant(&decode(text).body()), name, "line {number}: {text}");
                assert_nothing_is_lost(text);
                read += 1;
            }
            None => {
                assert!(Frame::decode(Bytes::from(text.to_owned())).is_err(), "line {number}: {text}");
                refused.push(*number);
            }
        }
    }
    // An empty frame, a bare word, and the sample of the documentation that has a comma too many.
    assert_eq!(refused.len(), 3, "lines {refused:?}");
    assert!(read > 100, "{read}");
}

#[test]
fn recorded_field_values_read_without_an_error() {
    let Some(lines) = recorded() else { return };
    for (number, line) in lines.iter().filter(|(_, line)| line["dir"] == "in" && line["kind"] == "real") {
        let frame = decode(line["frame"].as_str().unwrap());
        let ibws_proto::Body::MarketData(data) = frame.body() else { continue };
        for (field, value) in data.fields() {
            let read = match field.id() {
                31 | 84 | 86 => value.price().map(|_| ()),
                85 | 87 | 88 | 7059 => value.size().map(|_| ()),
                83 => value.percent().map(|_| ()),
                _ => value.string().map(|_| ()),
            };
            assert_eq!(read, Ok(()), "line {number}");
        }
    }
}

/// Calls every accessor of a frame.
fn read_all(frame: &Frame) {
    let _ = (reachable(frame), serde_json::to_string(&frame.body()), format!("{:?}", frame.body()));
    if let ibws_proto::Body::MarketData(data) = frame.body() {
        for (_, value) in data.fields() {
            let _ = (value.price(), value.size(), value.percent(), value.availability(), value.flag(), value.string());
            if let Ok(Some(number)) = value.number() {
                let _ = (number.to_f64(), number.to_i64());
            }
        }
    }
}

proptest! {
    #[test]
    fn decoding_arbitrary_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(frame) = Frame::decode(Bytes::from(bytes)) {
            read_all(&frame);
        }
    }

    #[test]
    fn decoding_mutated_frames_never_panics(
        kind in 0..Kind::ALL.len(),
        seed in any::<u64>(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = frames::frame(Kind::ALL[kind], seed).into_bytes();
        let tokens = b"{}[]\",:\\0-1e.ntf \x00\xff";
        for (at, byte, what) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = tokens[usize::from(byte) % tokens.len()],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, tokens[usize::from(byte) % tokens.len()]),
            }
        }
        if let Ok(frame) = Frame::decode(Bytes::from(bytes)) {
            read_all(&frame);
        }
    }

    #[test]
    fn decoding_accepts_and_refuses_what_serde_json_does(
        kind in 0..Kind::ALL.len(),
        seed in any::<u64>(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..20_usize), 0..4),
    ) {
        let mut text = frames::frame(Kind::ALL[kind], seed).into_bytes();
        for (at, token) in cuts {
            let at = at.index(text.len());
            text[at] = b"{}[]\",:\\0-1e.ntfu \x00\x1f"[token];
        }
        let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
        match Frame::decode(Bytes::from(text.clone())) {
            Ok(frame) => prop_assert!(theirs || frame.shape() == ibws_proto::frame::Shape::Echo),
            Err(malformed) => prop_assert!(
                !theirs || matches!(malformed.kind, ibws_proto::frame::FrameErrorKind::Duplicate(_)),
                "{:?}", String::from_utf8_lossy(&text)
            ),
        }
    }
}
