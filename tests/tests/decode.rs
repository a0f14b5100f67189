//! Every frame decodes to its variant, and no member is lost: the project's own frames, and those
//! of a file that `IBWS_FRAMES` names.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use bytes::Bytes;
use ibws_proto::frame::{Exact, Expected, FieldResult, Kind as JsonKind};
use ibws_proto::message::{OrderStatus, Row};
use ibws_proto::{Body, CivilTime, Field, Frame, Json, UnixMillis};
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
fn a_time_of_the_wire_is_a_moment_in_utc_where_a_source_states_its_zone() {
    let moment = Ok(Some(UnixMillis::from_millis(1_767_623_461_000)));
    let rows = [
        (r#""lastExecutionTime":"260105143101""#, r#""trade_time":"20260105-14:31:01""#),
        (r#""lastExecutionTime_r":1767623461000"#, r#""trade_time_r":"1767623461000""#),
        // The number counts where both are there.
        (
            r#""lastExecutionTime":"x","lastExecutionTime_r":1767623461000"#,
            r#""trade_time":"20200101-00:00:00","trade_time_r":1767623461000"#,
        ),
    ];
    for (order, execution) in rows {
        let frame = decode(&format!(r#"{{"topic":"sor","args":[{{"orderId":7,{order}}}]}}"#));
        let Body::Orders(orders) = frame.body() else { panic!("{frame:?}") };
        assert_eq!(orders.rows().next().unwrap().unwrap().last_execution(), moment, "{order}");
        let frame = decode(&format!(r#"{{"topic":"str","args":[{{{execution}}}]}}"#));
        let Body::Trades(trades) = frame.body() else { panic!("{frame:?}") };
        assert_eq!(trades.rows().next().unwrap().unwrap().traded_at(), moment, "{execution}");
    }
    let frame = decode(r#"{"topic":"sor","args":[{},{"lastExecutionTime":"20260105"}]}"#);
    let Body::Orders(orders) = frame.body() else { panic!("{frame:?}") };
    let read: Vec<_> = orders.rows().map(|row| row.unwrap().last_execution()).collect();
    assert_eq!(read[0], Ok(None));
    assert_eq!(read[1].as_ref().unwrap_err().expected(), Expected::Civil);
    // No source states the zone of the start of a history.
    let frame = decode(r#"{"topic":"smh+7","startTime":"20260105-14:31:01","data":[]}"#);
    let Body::History(history) = frame.body() else { panic!("{frame:?}") };
    assert_eq!(history.start(), Ok(CivilTime::parse("20260105-14:31:01")));
}

#[test]
fn the_seconds_and_the_account_of_a_ledger_and_a_summary_are_read() {
    let row = r#""result":[{"key":"AccountCode","value":"U12345678","acctCode":"U12345678","timestamp":1767623461}]"#;
    for (topic, account) in [("+DU1234567", "DU1234567"), ("", "U12345678"), ("+", "U12345678")] {
        let moment = Ok(UnixMillis::from_secs(1_767_623_461));
        let frame = decode(&format!(r#"{{"topic":"sld{topic}",{row}}}"#));
        let Body::Ledger(ledger) = frame.body() else { panic!("{frame:?}") };
        assert_eq!(ledger.account().as_deref(), Some(account));
        assert_eq!(ledger.rows().next().unwrap().unwrap().time(), moment);
        let frame = decode(&format!(r#"{{"topic":"ssd{topic}",{row}}}"#));
        let Body::Summary(summary) = frame.body() else { panic!("{frame:?}") };
        assert_eq!(summary.account().as_deref(), Some(account));
        assert_eq!(summary.rows().next().unwrap().unwrap().time(), moment);
    }
    let frame = decode(r#"{"topic":"sld","result":[{"key":"LedgerListUSD","timestamp":9223372036854775807},{}]}"#);
    let Body::Ledger(ledger) = frame.body() else { panic!("{frame:?}") };
    assert_eq!(ledger.account(), None);
    let times: Vec<_> = ledger.rows().map(|row| row.unwrap().time()).collect();
    assert_eq!(times[0].as_ref().unwrap_err().key(), "timestamp", "too many milliseconds");
    assert_eq!(times[1], Ok(None));
}

#[test]
fn a_factor_of_a_history_scales_exactly_or_is_an_error() {
    // The members of the frame, the highest price, and the volume of the bar; an error by its key.
    for (members, high, volume) in [
        (r#""priceFactor":100,"volumeFactor":100"#, Ok(Some("182.9")), Ok(Some("3870"))),
        (r#""priceFactor":"1","volumeFactor":1"#, Ok(Some("18290")), Ok(Some("38.7"))),
        (r#""priceFactor":64,"volumeFactor":3"#, Ok(Some("285.78125")), Ok(Some("116.1"))),
        (r#""priceFactor":3"#, Err("high"), Ok(None)),
        (r#""priceFactor":0,"volumeFactor":-1"#, Err("priceFactor"), Err("volumeFactor")),
        (r#""priceFactor":{},"volumeFactor":1.5"#, Err("priceFactor"), Err("volumeFactor")),
        (r#""text":"no factors""#, Ok(None), Ok(None)),
    ] {
        let frame = decode(&format!(
            r#"{{"topic":"smh+7",{members},"high":"18290/5210/25","data":[{{"h":182.90,"v":38.7,"t":5}}]}}"#
        ));
        let Body::History(history) = frame.body() else { panic!("{frame:?}") };
        let shown = |result: FieldResult<Exact>| match result {
            Ok(number) => Ok(number.map(|number| number.to_string())),
            Err(error) => Err(error.key().to_owned()),
        };
        let expected =
            |result: Result<Option<&str>, &str>| result.map(|text| text.map(String::from)).map_err(String::from);
        assert_eq!(shown(history.high_price()), expected(high), "{members}");
        let bars: Vec<_> = history.bars().map(Result::unwrap).collect();
        assert_eq!(shown(bars[0].volume()), expected(volume), "{members}");
        // The prices of a bar and its row are those of the wire under every factor.
        assert_eq!(bars[0].high().unwrap().unwrap().text(), "182.90");
        assert_eq!(bars[0].row().volume().unwrap().unwrap().text(), "38.7");
        assert_eq!(bars[0].time(), Ok(Some(UnixMillis::from_millis(5))));
    }
    let frame = decode(r#"{"topic":"smh+7","data":[{"c":1},5]}"#);
    let Body::History(history) = frame.body() else { panic!("{frame:?}") };
    assert_eq!(history.bars().map(|bar| bar.is_ok()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(history.low_price(), Ok(None));
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
