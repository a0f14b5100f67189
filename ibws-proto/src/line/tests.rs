//! Tests of lines: what is written and read back.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::*;
use crate::{
    CloseCause, Command, Config, ConnId, ConnectionLoss, ConnectionState, Event, GapCause, Input, Instant, Item, Key,
    Machine, Output, SubscriptionKey,
};

/// The item of a frame that arrives on an open connection.
fn item(frame: &[u8]) -> Item {
    let now = Instant::from_millis(1_500);
    let mut machine = Machine::new(Config::default(), now);
    machine.submit(now, Command::Start);
    machine.handle(now, Input::Opened(ConnId(1)));
    while machine.poll().is_some() {}
    machine.handle(now, Input::Frame(ConnId(1), frame.to_vec().into()));
    let Some(Output::Event(event)) = machine.poll() else { panic!("no event") };
    Item::Event(event)
}

fn read_back(written: &str) -> Line {
    let line = Line::parse(written).unwrap();
    assert_eq!(line.to_string(), written);
    line
}

#[test]
fn a_message_is_read_back_as_the_frame_that_it_was() {
    for frame in [
        &br#"{"topic":"smd+265598","conid":265598,"31":1.46E7,"84":1e400,"31":"x"}"#[..],
        br#"{"error":"No accounts","code":500,"topic":"smd"}"#,
        br#"{"message":"hello"}"#,
        br#"[1, "x"]"#,
        br#""ech+hb""#,
        b"ech+hb",
    ] {
        let item = item(frame);
        let Item::Event(Event::Message(message)) = &item else { panic!("{item:?}") };
        let line = read_back(&Line::from(&item).to_string());
        let Content::Message(read) = line.content else { panic!("{line:?}") };
        assert_eq!((&read.frame, read.key), (&message.frame, message.key));
        assert_eq!((read.conn, read.at_ms, read.since_ms), (Some(1), Some(1_500), None));
    }
}

#[test]
fn a_lossy_message_stays_lossy_and_a_session_is_masked() {
    let written = Line::from(&item(b"{\"topic\":\"str\",\"n\":\"a\x99\"}")).to_string();
    let Content::Message(read) = read_back(&written).content else { panic!("{written}") };
    assert!(read.frame.is_lossy() && written.contains(r#""lossy":true"#));
    let session = "00112233445566778899aabbccddeeff";
    let tic = item(format!(r#"{{"topic":"tic","alive":true,"id":"{session}"}}"#).as_bytes());
    let written = serde_json::to_string(&tic).unwrap();
    assert!(written.contains(r#""message":{"topic":"tic","alive":true,"id":"***"}"#), "{written}");
    assert!(!serde_json::to_value(&tic).unwrap().to_string().contains(session));
    let Item::Event(Event::Message(message)) = &tic else { panic!("{tic:?}") };
    assert!(message.frame.text().contains(session), "the frame itself is unchanged");
}

#[test]
fn an_event_serialises_as_its_line_by_itself_and_in_an_item() {
    let state = crate::StateChange {
        at: Instant::from_millis(7),
        state: ConnectionState::Backoff,
        conn: Some(ConnId(3)),
        cause: Some(ConnectionLoss::from(CloseCause::Close(Some(1000))).into()),
        delay: Some(Duration::from_millis(20)),
        attempt: 2,
    };
    let written = r#"{"type":"state","state":"backoff","attempt":2,"delay_ms":20,"cause":"the gateway closed the connection (code 1000)","at_ms":7,"conn":3,"cause_detail":{"kind":"closed","code":1000}}"#;
    assert_eq!(serde_json::to_string(&state).unwrap(), written);
    assert_eq!(serde_json::to_string(&Item::Event(Event::State(state))).unwrap(), written);
    read_back(written);
}

#[test]
fn the_wall_clock_time_comes_last_and_is_read_back() {
    let line = Line::from(&item(b"{}")).with_time(Duration::from_micros(1_764_366_452_000_999));
    let written = line.to_string();
    assert!(written.ends_with(r#","unix_ms":1764366452000}"#), "{written}");
    assert_eq!(read_back(&written).unix_ms, Some(1_764_366_452_000));
}

#[cfg(feature = "transport")]
#[test]
fn the_time_of_the_system_is_in_milliseconds_and_never_before_1970() {
    use std::time::SystemTime;
    let at = |time| Line::from(&item(b"{}")).with_system_time(time).unix_ms;
    assert_eq!(at(SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_366_452_017)), Some(1_764_366_452_017));
    assert_eq!(at(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), Some(0));
}

#[test]
fn lines_of_the_first_version_are_read() {
    for (written, kind) in [
        (r#"{"type":"gap","channel":"md+265598","cause":"invalidated"}"#, "Gap"),
        (r#"{"type":"subscription","channel":"mh+265598","status":"gone","attempt":1}"#, "Subscription"),
        (r#"{"type":"data","key":null,"topic":"ech+hb","message":"ech+hb"}"#, "Message"),
        (r#"{"type":"lost","key":"MARKET_DATA","messages":2,"folded":0,"notices":0}"#, "Lost"),
        (r#"{"type":"session","status":"wanted"}"#, "Session"),
        (r#"{"type":"keeper","state":"authenticated"}"#, "Keeper"),
    ] {
        assert!(format!("{:?}", read_back(written).content).starts_with(kind), "{written}");
    }
}

#[test]
fn unknown_types_and_members_are_accepted() {
    let newer = r#"{"type":"from_the_future","n":[1, 2]}"#;
    let line = read_back(newer);
    assert!(matches!(&line.content, Content::Unknown(text) if text.text() == newer));
    let extended = Line::parse(r#"{"type":"competing","competing":true,"new":{"a":1}}"#).unwrap();
    assert_eq!(extended.to_string(), r#"{"type":"competing","competing":true}"#);
}

#[test]
fn what_is_no_line_is_an_error_without_an_account() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"type":5}"#,
        r#"{"type":"gap","channel":"md+1"}"#,
        r#"{"type":"gap","channel":"DU1234567","cause":"x"}"#,
        r#"{"type":"state","state":"DU1234567","attempt":1}"#,
        r#"{"type":"data","key":null,"topic":null,"message":{"error":1}}"#,
        r#"{"type":"data","key":null,"topic":"a","message":"DU1234567"}"#,
    ] {
        let error = Line::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("DU1234567"), "{error}");
    }
}

#[test]
fn any_json_source_yields_the_line() {
    let written = Line::from(&item(br#"{"topic":"smd+1","31":"1"}"#)).to_string();
    let line = Line::parse(&written).unwrap();
    assert_eq!(serde_json::from_slice::<Line>(written.as_bytes()).unwrap(), line);
    let value: serde_json::Value = serde_json::from_str(&written).unwrap();
    let Content::Message(message) = serde_json::from_value::<Line>(value).unwrap().content else { panic!() };
    assert_eq!(message.frame.get("31").and_then(|value| value.as_str()).as_deref(), Some("1"));
    assert_eq!(serde_json::from_str::<Vec<Line>>(&format!("[{written}, {written}]")).unwrap().len(), 2);
}

#[test]
fn words_and_errors_serialise_by_name() {
    assert_eq!(serde_json::to_string(&crate::SubscriptionState::Removed).unwrap(), "\"gone\"");
    assert_eq!(serde_json::from_str::<ConnectionState>("\"ready\"").unwrap(), ConnectionState::Ready);
    let key: SubscriptionKey = serde_json::from_str("\"md+265598\"").unwrap();
    assert_eq!(key.key(), Key::MarketData);
    let cause = GapCause::Refused("no".into());
    let written = r#"{"kind":"refused","text":"the gateway refused: no"}"#;
    assert_eq!(serde_json::to_string(&cause).unwrap(), written);
}
