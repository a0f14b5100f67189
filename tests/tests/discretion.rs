//! Tests of what `Debug`, `Display` and errors show: neither an account nor a session, of anything
//! that holds a text of the wire. The last test reads the sources, so that a new type cannot be
//! forgotten.

use std::fmt::{Debug, Write as _};
use std::path::Path;

use bytes::Bytes;
use ibws_proto::field::Availability;
use ibws_proto::fold::{OrderBook, OrdersReply, Quote, TradesReply};
use ibws_proto::line::Line;
use ibws_proto::message::{Ended, OrderStatus, Row, Rows, Side};
use ibws_proto::queue::{Queue, QueueLimits};
use ibws_proto::rest::{RestError, RestRequestId};
use ibws_proto::subscribe::{Args, InvalidSubscribe, Ledger, SubscriptionProcessor as _, WireProcessor};
use ibws_proto::transport::IncomingMessage;
use ibws_proto::{
    Action, Body, CloseCause, Command, Config, ConnId, ConnectError, ConnectErrorKind, ConnectionLoss, Event, Field,
    Frame, GapCause, Input, Instant, Item, Json, Key, Machine, Output, Subscribe, SubscriptionKey, excerpt,
};
use ibws_testkit::frames::{Kind, frame};

const ACCOUNTS: [&str; 2] = ["DU1234567", "U12345678"];
const SESSION: &str = "00112233445566778899aabbccddeeff";

/// The texts that were shown, each with the name of what showed it.
#[derive(Default)]
struct Shown(Vec<(String, String)>);

impl Shown {
    fn debug(&mut self, name: &str, value: impl Debug) {
        self.0.push((name.into(), format!("{value:?} {value:#?}")));
    }

    fn error(&mut self, name: &str, error: impl std::error::Error) {
        self.debug(name, &error);
        self.0.push((name.into(), error.to_string()));
    }

    /// Asserts that no text holds a secret, and that `least` of them hold a masked one.
    fn check(&self, least: usize) {
        for (name, text) in &self.0 {
            // The messages for the application give this example.
            let text = text.replace("DU1234567 or DU1234567+265598", "").replace("write its id, DU1234567", "");
            for secret in ACCOUNTS.into_iter().chain([SESSION]) {
                assert!(!text.contains(secret), "{name} shows {secret}: {text}");
            }
            // Bytes that are printed as a list of numbers are shown as well.
            let bytes: String = SESSION.bytes().take(6).fold(String::new(), |mut list, byte| {
                let _ = write!(list, "{byte}, ");
                list
            });
            assert!(!text.contains(&bytes) && !text.contains(&bytes.replace(", ", ",\n")), "{name}: {text}");
        }
        let masked = self.0.iter().filter(|(_, text)| text.contains("DU…567") || text.contains("***")).count();
        assert!(masked >= least, "{masked} texts with something masked");
    }
}

/// Returns a frame whose every string, and one key, holds an account and, as a word, a session. The
/// account follows an escape, which hides the start of a word.
fn revealing(kind: Kind, seed: u64) -> Option<String> {
    fn reveal(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => text.push_str(&format!(" \u{1}DU1234567\nU12345678 {SESSION}")),
            serde_json::Value::Array(elements) => elements.iter_mut().for_each(reveal),
            serde_json::Value::Object(members) => {
                members.iter_mut().filter(|(key, _)| *key != "topic").for_each(|(_, value)| reveal(value));
                members.insert("DU1234567".into(), SESSION.into());
            }
            _ => {}
        }
    }
    let mut value = serde_json::from_str(&frame(kind, seed)).ok()?;
    reveal(&mut value);
    Some(value.to_string())
}

fn rows<'a, R: Row<'a> + Debug + 'a>(shown: &mut Shown, rows: Rows<'a, R>) {
    shown.debug("Rows", &rows);
    for row in rows {
        match row {
            Ok(row) => {
                shown.debug("Row", &row);
                shown.debug("Row::json", row.json());
                row.known().for_each(|(_, json)| shown.debug("Row::known", json));
                row.unknown().for_each(|(_, json)| shown.debug("Row::unknown", json));
            }
            Err(error) => shown.error("RowError", error),
        }
    }
}

#[test]
fn frames_bodies_and_rows_of_every_kind_are_masked() {
    let mut shown = Shown::default();
    for (kind, seed) in Kind::ALL.iter().flat_map(|kind| (0..3).map(move |seed| (*kind, seed))) {
        let Some(text) = revealing(kind, seed) else { continue };
        let frame = Frame::decode(Bytes::from(text)).unwrap();
        shown.debug("Frame", &frame);
        shown.debug("Body", frame.body());
        shown.debug("Json", frame.json());
        shown.debug("Members", frame.json().members());
        for (_, value) in frame.members() {
            shown.debug("Json", value);
            shown.debug("Elements", value.elements());
            value.elements().for_each(|element| shown.debug("Json", element));
        }
        match frame.body() {
            Body::MarketData(data) => {
                shown.debug("Fields", data.fields());
                data.fields().for_each(|(_, value)| {
                    shown.debug("Value", value);
                    value.price().err().into_iter().for_each(|error| shown.error("FieldError", error));
                    shown.debug("Availability", value.availability());
                });
                let mut quote = Quote::new();
                quote.apply(ConnId(1), Instant::ORIGIN, &data);
                shown.debug("Quote", quote);
            }
            Body::Orders(orders) => {
                rows(&mut shown, orders.rows());
                for order in orders.rows().flatten() {
                    shown.debug("OrderStatus", order.status());
                    shown.debug("Side", order.side());
                    order.avg_price().err().into_iter().for_each(|error| shown.error("FieldError", error));
                }
                let mut table = OrderBook::new();
                table.apply(&orders);
                shown.debug("OrderBook", table);
            }
            Body::Trades(trades) => rows(&mut shown, trades.rows()),
            Body::Summary(summary) => rows(&mut shown, summary.rows()),
            Body::Ledger(ledger) => rows(&mut shown, ledger.rows()),
            Body::Ladder(ladder) => rows(&mut shown, ladder.rows()),
            Body::History(history) => {
                rows(&mut shown, history.rows());
                history.bars().for_each(|bar| shown.debug("Bar", bar));
                history.bar_length().err().into_iter().for_each(|error| shown.error("FieldError", error));
            }
            Body::Notifications(notices) => rows(&mut shown, notices.rows()),
            Body::Bulletins(bulletins) => rows(&mut shown, bulletins.rows()),
            Body::Pnl(pnl) => pnl.rows().for_each(|(_, row)| shown.debug("PnlRow", row)),
            Body::Status(status) => shown.debug("SessionState", status.args()),
            Body::Accounts(accounts) => shown.debug("AccountState", accounts.args()),
            Body::Unsubscribed(unsubscribed) => shown.debug("Ended", unsubscribed.ended()),
            _ => {}
        }
    }
    shown.check(1_000);
}

#[test]
fn the_session_in_tic_is_masked_whatever_its_form() {
    let mut shown = Shown::default();
    for id in [format!("\"{SESSION}\""), format!("\"5e55-{SESSION}\""), "\"5e55ion\"".into(), "77777777".into()] {
        for text in [
            format!(r#"{{"topic":"tic","alive":true,"id":{id},"lastAccessed":1764366452000}}"#),
            format!(r#"{{"\u0069d":{id},"topic":"tic+x","id":{id},"error":"no"}}"#),
        ] {
            let frame = Frame::decode(Bytes::from(text.clone())).unwrap();
            shown.debug("Frame", &frame);
            shown.debug("Body", frame.body());
            for shown in [format!("{frame:?}"), format!("{:?}", frame.body()), frame.redacted().into_owned()] {
                assert!(!shown.contains("5e55") && !shown.contains("7777") && shown.contains("***"), "{shown}");
            }
            // What the application reads is unchanged.
            assert_eq!((frame.text(), frame.raw().as_ref()), (&*text, text.as_bytes()));
            assert_eq!(frame.get("id").map(Json::text), Some(&*id));
        }
    }
    shown.check(8);
    let other = Frame::decode(Bytes::from_static(br#"{"topic":"blt","id":"B1"}"#)).unwrap();
    assert_eq!(other.redacted(), other.text());
}

#[test]
fn pieces_and_frames_that_cannot_be_read_are_masked() {
    let mut shown = Shown::default();
    let tic = format!(r#"{{"topic":"tic","alive":true,"id":"{SESSION}","acct":"DU1234567"}}"#);
    for cut in 1..tic.len() {
        for piece in [&tic[..cut], &tic[cut..]] {
            let text = format!("{:?}", Frame::decode(Bytes::from(piece.to_owned())).err());
            let longest = (0..SESSION.len() - 8).find(|at| text.contains(&SESSION[*at..at + 9]));
            assert_eq!(longest, None, "{text}");
        }
    }
    for bad in [
        format!(r#"{{"topic":"tic","id":"{SESSION}","topic":"tic","acct":"DU1234567"}}"#).into_bytes(),
        [format!("{{\"id\":\"{SESSION} DU1234567").as_bytes(), b"\xff"].concat(),
    ] {
        let error = Frame::decode(Bytes::from(bad.clone())).unwrap_err();
        shown.debug("redacted", error.redacted());
        shown.error("FrameError", error.clone());
        let event = Event::Malformed(error);
        shown.debug("Line", Line::from(&event));
        shown.debug("Event", event);
        shown.debug("Input", Input::Frame(ConnId(1), bad.clone().into()));
        shown.debug("IncomingMessage", IncomingMessage::Frame(bad.into()));
    }
    // Pieces that a machine holds.
    let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
    machine.submit(Instant::ORIGIN, Command::Start);
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), tic.as_bytes()[..60].to_vec().into()));
    shown.debug("Machine", &machine);
    shown.check(10);
}

#[test]
fn texts_that_are_written_and_what_is_requested_are_masked() {
    let mut shown = Shown::default();
    let session = format!(r#"{{"session":"{SESSION}"}}"#);
    let short = r#"{"session":"5e55"}"#;
    let conn = ConnId(1);
    for text in [&*session, short, "sor+{\"acct\":\"DU1234567\"}", "ssd+DU1234567+{}"] {
        let action = Action::SendText { conn, text: text.into() };
        let shown_text = format!("{action:?} {:?}", Command::SendText(text.into()));
        assert!(!shown_text.contains("5e55"), "{shown_text}");
        shown.debug("Action", &action);
        shown.debug("Output", Output::Action(action));
        shown.debug("Command", Command::SendText(text.into()));
    }
    let subscribe = Subscribe::parse(r#"ld+DU1234567+{"keys":["DU1234567"],"session":"5e55"}"#).unwrap();
    let shown_text = format!("{subscribe:?}");
    assert!(!shown_text.contains("5e55"), "{shown_text}");
    shown.debug("Args", subscribe.args.clone());
    shown.debug("Subscribe", &subscribe);
    shown.debug("Command", Command::Subscribe(subscribe.clone()));
    // The text that is written is unchanged.
    let written = WireProcessor.subscribe_payload(subscribe.key.as_str(), subscribe.args.as_ref());
    assert_eq!(written, r#"sld+DU1234567+{"keys":["DU1234567"],"session":"5e55"}"#);
    shown.check(12);
}

#[test]
fn every_error_with_a_text_is_masked_escaped_and_short() {
    let text = format!("\u{1b}[2J of DU1234567 {SESSION} \u{202e}\n{}", "x".repeat(5_000));
    let object = format!("{{\"a\":\"{SESSION} DU1234567\",\"session\":\"5e55\"}}");
    let mut errors: Vec<Box<dyn std::error::Error>> = vec![
        Box::new(RestError::new(text.as_str())),
        Box::new(RestError::from_reply("/tickle", 401, &text)),
        Box::new(OrdersReply::parse(serde_json::json!({"error": text}).to_string().as_bytes()).unwrap_err()),
        Box::new(TradesReply::parse(serde_json::json!({"error": text}).to_string().as_bytes()).unwrap_err()),
        Box::new(ConnectionLoss::from(CloseCause::Failed(text.as_str().into()))),
        Box::new(ConnectionLoss::from(CloseCause::Protocol(text.as_str().into()))),
        Box::new(ConnectionLoss::from(CloseCause::Tls(text.as_str().into()))),
        Box::new(GapCause::Refused(excerpt(&text))),
        Box::new(SubscriptionKey::parse(&format!("md+{text}")).unwrap_err()),
        Box::new(SubscriptionKey::parse(&text).unwrap_err()),
        Box::new(text.parse::<Key>().unwrap_err()),
        Box::new(text.parse::<Field>().unwrap_err()),
        Box::new(
            Line::parse(&serde_json::json!({"type": "gap", "channel": text, "cause": ""}).to_string()).unwrap_err(),
        ),
        Box::new(Subscribe::parse("sd+DU1234567\u{7f}").unwrap_err()),
        Box::new(Subscribe::try_from(Ledger::new("DU1234567+7")).unwrap_err()),
        Box::new(InvalidSubscribe::from(Args::from_text(&object[1..]).unwrap_err())),
    ];
    let row = serde_json::Value::from(text.as_str());
    let bad = format!(r#"{{"topic":"sor","args":[{{"avgPrice":{object}}},{object:?},{row}]}}"#);
    let bad = Frame::decode(Bytes::from(bad));
    let bad = bad.unwrap();
    let Body::Orders(orders) = bad.body() else { panic!("{bad:?}") };
    for row in orders.rows() {
        match row {
            Ok(order) => errors.push(Box::new(order.avg_price().unwrap_err())),
            Err(error) => errors.push(Box::new(error)),
        }
    }
    let mut shown = Shown::default();
    for error in &errors {
        let line = error.to_string();
        assert!(line.chars().count() < 800, "{line}");
        assert!(!line.chars().any(ibws_proto::is_misleading), "{line:?}");
        assert!(!line.contains("5e55") && !format!("{error:?}").contains("5e55"), "{line}");
        shown.0.push(("an error".into(), format!("{error} {error:?} {error:#?}")));
    }
    let detail = ConnectError::new(ConnectErrorKind::Credentials, format!("no session for DU1234567: {SESSION}"));
    shown.error("ConnectError", detail.clone());
    shown.debug("Input", Input::ConnectFailed(ConnId(1), detail));
    shown.debug("Input", Input::RestDone(RestRequestId(1), Err(RestError::new("no DU1234567"))));
    shown.check(14);
}

#[test]
fn values_tables_and_queues_are_masked() {
    let mut shown = Shown::default();
    let text = format!("x DU1234567 {SESSION}");
    shown.debug("OrderStatus", OrderStatus::from_text(text.as_str()));
    shown.debug("Side", Side::from_text(text.as_str()));
    shown.debug("Ended", Ended::Other(text.as_str().into()));
    shown.debug("Ended", Ended::History(Some(text.as_str().into())));
    shown.debug("Availability", Availability::new(text.as_str()));
    let body = serde_json::json!({"orders": [{"acct": "DU1234567", "orderId": 1, "x": SESSION}]}).to_string();
    shown.debug("OrdersReply", OrdersReply::parse(body.as_bytes()).unwrap());
    let mut machine = Machine::new(Config::default(), Instant::ORIGIN);
    let mut queue = Queue::new(QueueLimits { events: 3, ..QueueLimits::default() });
    machine.submit(Instant::ORIGIN, Command::Start);
    for key in ["or", "sd+DU1234567", "mh+265598"] {
        machine.submit(Instant::ORIGIN, Command::Subscribe(Subscribe::parse(key).unwrap()));
    }
    machine.handle(Instant::ORIGIN, Input::Opened(ConnId(1)));
    for frame in [
        r#"{"topic":"system","success":"DU1234567"}"#.into(),
        r#"{"topic":"sts","args":{"authenticated":true}}"#.into(),
        format!(r#"{{"topic":"smh+265598","serverId":"{SESSION}","data":[]}}"#),
        r#"{"topic":"str","args":[{"execution_id":"DU1234567","account":"DU1234567"}]}"#.into(),
        r#"{"topic":"str","args":[{"execution_id":"DU1234567","account":"U12345678"}]}"#.into(),
        r#"{"topic":"str","args":[{"execution_id":"DU1234567","account":"U12345678","x":1}]}"#.into(),
        format!(
            r#"{{"topic":"ntf","args":[{{"orderId":1,"reqId":"{SESSION}","text":"of DU1234567?","options":["DU1234567"]}}]}}"#
        ),
        format!(r#"{{"topic":"ssd","error":"no {SESSION} of DU1234567","code":500}}"#),
    ] {
        machine.handle(Instant::ORIGIN, Input::Frame(ConnId(1), frame.into_bytes().into()));
        shown.debug("Machine", &machine);
        shown.debug("MachineStatus", machine.status());
        machine.subscriptions().into_iter().for_each(|info| shown.debug("SubscriptionInfo", info));
        while let Some(output) = machine.poll() {
            shown.debug("Output", &output);
            if let Output::Event(event) = output {
                shown.debug("Line", Line::from(&event));
                queue.push(event);
                shown.debug("Queue", &queue);
            }
        }
    }
    while let Some(item) = queue.pop() {
        if let Item::Event(Event::Message(message)) = &item {
            shown.debug("Message", message);
        }
        shown.debug("Item", item);
    }
    shown.check(30);
}

/// Types that derive `Debug` although they hold texts, each with the reason why these show nothing.
const CHECKED: [(&str, &str); 30] = [
    ("$name", "keys and fields that the application chose; the account is masked"),
    ("ArgsError", "an excerpt"),
    ("Attempts", "an excerpt of the gateway's reason"),
    ("CallError", "what the transport says, no byte of a body"),
    ("CallFailure", "an excerpt"),
    ("CatchUpReason", "an excerpt of the handler's reason"),
    ("CloseCause", "an excerpt of the transport"),
    ("ConnectionLoss", "an excerpt"),
    ("Credentials", "names, and the User-Agent; the values are secrets"),
    ("EndedAttempt", "an excerpt of the handler's reason"),
    ("EndpointError", "the host of the application's address"),
    ("Fills", "a currency of three letters"),
    ("GapCause", "an excerpt"),
    ("History", "arguments that the application chose"),
    ("KeeperEvent", "excerpts, and the address of the gateway"),
    ("Ladder", "an account, masked"),
    ("LineError", "an excerpt"),
    ("MarketData", "arguments that the application chose"),
    ("PublicKey", "a public key"),
    ("ReplyError", "an excerpt"),
    ("RestReport", "an excerpt of the handler's reason"),
    ("SaveError", "a path that the application chose"),
    ("SecretError", "names that the application chose, never the text"),
    ("SubscriptionEvent", "an excerpt of the gateway's reason"),
    ("SubscriptionKeyError", "an excerpt"),
    ("TopicPart", "not shown: it does not outlive a function"),
    ("TrustError", "an excerpt, or the host of the application's address"),
    ("UnknownChannelError", "an excerpt"),
    ("UnknownFieldError", "an excerpt"),
    ("UnknownKeyError", "an excerpt"),
];

/// Returns the name and the declaration of each type of a source that derives `Debug`.
fn deriving(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in source.split("#[derive(").skip(1) {
        let Some((derived, rest)) = part.split_once(")]") else { continue };
        if !derived.split(',').any(|name| name.trim() == "Debug") {
            continue;
        }
        let Some(at) = ["struct ", "enum "].iter().filter_map(|kind| rest.find(kind).map(|at| at + kind.len())).min()
        else {
            continue;
        };
        let declaration = &rest[at..];
        let name: String = declaration.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$')).collect();
        // A declaration ends with the first line that begins with its closing bracket.
        let end = declaration.find("\n}").or_else(|| declaration.find(";\n")).unwrap_or(declaration.len());
        let first_end = declaration.find(";\n").filter(|end| !declaration[..*end].contains('{'));
        found.push((name, declaration[..first_end.unwrap_or(end)].to_owned()));
    }
    found
}

#[test]
fn no_type_of_the_library_derives_debug_over_a_text_unchecked() {
    const TEXTS: [&str; 12] = [
        "::String",
        ": String",
        "<String",
        "(String",
        "Box<str>",
        "Cow<",
        "&'a str",
        "Arc<str>",
        "Bytes",
        "Vec<u8>",
        "&'a [u8]",
        "Box<[u8]>",
    ];
    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { sources(&entry, found) } else { found.push(entry) }
        }
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../ibws-proto/src"), &mut files);
    let (mut unchecked, mut used) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let source = std::fs::read_to_string(file).unwrap();
        let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (name, declaration) in deriving(source) {
            let code: String = declaration.lines().filter(|line| !line.trim_start().starts_with("///")).collect();
            let holds_text = TEXTS.iter().any(|text| {
                code.match_indices(text)
                    .any(|(at, _)| !code[..at].ends_with("Discreet<") && !code[..at].ends_with("Discreet<Option<"))
            });
            if holds_text && !CHECKED.iter().any(|(checked, _)| *checked == name) {
                unchecked.push(format!("{}: {name}", file.display()));
            }
            used.push((name, holds_text));
        }
    }
    assert!(used.len() > 100, "{} types found", used.len());
    assert_eq!(
        unchecked,
        Vec::<String>::new(),
        "these show texts: write their Debug by hand, or wrap the texts in Discreet"
    );
    let is_stale = |checked: &&str| !used.iter().any(|(name, holds)| name == checked && *holds);
    let stale: Vec<_> = CHECKED.iter().map(|(checked, _)| *checked).filter(is_stale).collect();
    assert_eq!(stale, Vec::<&str>::new(), "these derive Debug over no text any more: remove them");
}
