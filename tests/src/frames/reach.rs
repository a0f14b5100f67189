//! The keys that a user can reach from a typed message, by path. Compared with the keys of the
//! frame, they show what is lost.

use std::collections::BTreeSet;

use ibws_proto::message::{Row, Rows, System};
use ibws_proto::{
    Body, Frame, Json,
    frame::{Kind, RowError},
};

/// The name of a variant of `Body`.
#[must_use]
pub fn variant(body: &Body<'_>) -> &'static str {
    match body {
        Body::MarketData(_) => "MarketData",
        Body::History(_) => "History",
        Body::Ladder(_) => "Ladder",
        Body::Orders(_) => "Orders",
        Body::Pnl(_) => "Pnl",
        Body::Trades(_) => "Trades",
        Body::Summary(_) => "Summary",
        Body::Ledger(_) => "Ledger",
        Body::System(_) => "System",
        Body::Status(_) => "Status",
        Body::Accounts(_) => "Accounts",
        Body::Notifications(_) => "Notifications",
        Body::Bulletins(_) => "Bulletins",
        Body::Error(_) => "Error",
        Body::Tic(_) => "Tic",
        Body::Unsubscribed(_) => "Unsubscribed",
        Body::WaitingForSession(_) => "WaitingForSession",
        Body::Message(_) => "Message",
        Body::Echo(_) => "Echo",
        Body::Exercise(_) => "Exercise",
        Body::Unknown(_) => "Unknown",
        _ => "?",
    }
}

/// The paths of all keys in a JSON text, such as `args[].orderid`. They are in lower case, because
/// a row returns a key in its documented spelling.
#[must_use]
pub fn expected(text: &str) -> BTreeSet<String> {
    fn walk(value: &serde_json::Value, path: &str, paths: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Array(elements) => {
                elements.iter().for_each(|element| walk(element, &format!("{path}[]"), paths));
            }
            serde_json::Value::Object(members) => {
                for (key, value) in members {
                    let path = format!("{path}.{}", key.to_lowercase());
                    paths.insert(path.clone());
                    walk(value, &path, paths);
                }
            }
            _ => {}
        }
    }
    let mut paths = BTreeSet::new();
    walk(&serde_json::from_str(text).unwrap_or_default(), "", &mut paths);
    paths
}

/// The paths of all keys that the typed message returns: documented ones through their types, the
/// others as unknown.
#[must_use]
pub fn reachable(frame: &Frame) -> BTreeSet<String> {
    let mut reach = Reach(BTreeSet::new());
    match frame.body() {
        Body::MarketData(body) => {
            for key in ["topic", "conid", "conidEx", "server_id", "_updated"] {
                reach.member(key, body.member(key));
            }
            for (field, value) in body.fields() {
                assert_eq!(body.get(field).map(|value| value.json()), Some(value.json()));
                reach.member(&field.to_string(), Some(value.json()));
            }
            body.others().for_each(|(key, value)| reach.member(&key, Some(value)));
        }
        Body::History(body) => {
            reach.top(ibws_proto::message::History::KEYS, &["data"], frame);
            reach.rows("data", body.member("data"), body.rows());
        }
        Body::Ladder(body) => reach.rows("data", body.member("data"), body.rows()),
        Body::Orders(body) => reach.rows("args", body.member("args"), body.rows()),
        Body::Trades(body) => reach.rows("args", body.member("args"), body.rows()),
        Body::Summary(body) => reach.rows("result", body.member("result"), body.rows()),
        Body::Ledger(body) => reach.rows("result", body.member("result"), body.rows()),
        Body::Notifications(body) => reach.rows("args", body.member("args"), body.rows()),
        Body::Bulletins(body) => reach.rows("args", body.member("args"), body.rows()),
        Body::Pnl(body) => {
            reach.present("args", body.member("args"));
            for (account, row) in body.rows() {
                let path = format!(".args.{}", account.to_lowercase());
                reach.0.insert(path.clone());
                reach.row(&path, &row);
            }
        }
        Body::Status(body) => {
            reach.present("args", body.member("args"));
            reach.row(".args", &body.args());
        }
        Body::Accounts(body) => {
            reach.present("args", body.member("args"));
            let args = body.args();
            reach.row(".args", &args);
            if let Ok(state) = args {
                for (account, properties) in state.properties() {
                    reach.row(&format!(".args.acctprops.{}", account.to_lowercase()), &properties);
                }
                reach.row(".args.allowfeatures", &state.features());
            }
        }
        Body::System(System::Greeting(_)) => reach.top(ibws_proto::message::Greeting::KEYS, &[], frame),
        Body::System(System::Heartbeat(_)) => reach.top(ibws_proto::message::Heartbeat::KEYS, &[], frame),
        Body::Error(_) => reach.top(ibws_proto::message::ErrorMessage::KEYS, &[], frame),
        Body::Tic(_) => reach.top(ibws_proto::message::Tic::KEYS, &[], frame),
        Body::Unsubscribed(_) => reach.top(ibws_proto::message::Unsubscribed::KEYS, &[], frame),
        Body::WaitingForSession(_) | Body::Message(_) => reach.top(ibws_proto::message::Message::KEYS, &[], frame),
        Body::Exercise(_) => reach.top(ibws_proto::message::Exercise::KEYS, &[], frame),
        Body::Unknown(body) => reach.walk("", body.frame().json()),
        _ => {}
    }
    // Keys that no type of the message names are found as unknown; `topic` belongs to every type.
    reach.present("topic", frame.get("topic"));
    macro_rules! unknown {
        ($($variant:ident)*) => {
            match frame.body() {
                $( Body::$variant(body) => body.unknown().for_each(|(key, value)| reach.member(&key, Some(value))), )*
                Body::System(System::Greeting(body)) => body.unknown().for_each(|(key, value)| reach.member(&key, Some(value))),
                Body::System(System::Heartbeat(body)) => body.unknown().for_each(|(key, value)| reach.member(&key, Some(value))),
                Body::System(System::Other(body)) => body.unknown().for_each(|(key, value)| reach.member(&key, Some(value))),
                _ => {}
            }
        };
    }
    unknown!(History Ladder Orders Pnl Trades Summary Ledger Status Accounts Notifications Bulletins Error Tic Unsubscribed
        WaitingForSession Message Exercise);
    reach.0
}

struct Reach(BTreeSet<String>);

impl Reach {
    fn present(&mut self, key: &str, value: Option<Json<'_>>) {
        if value.is_some() {
            self.0.insert(format!(".{}", key.to_lowercase()));
        }
    }

    fn member(&mut self, key: &str, value: Option<Json<'_>>) {
        self.present(key, value);
        if let Some(value) = value {
            self.walk(&format!(".{}", key.to_lowercase()), value);
        }
    }

    fn top(&mut self, keys: &[&str], except: &[&str], frame: &Frame) {
        for key in keys {
            if except.contains(key) {
                self.present(key, frame.get(key));
            } else {
                self.member(key, frame.get(key));
            }
        }
    }

    fn walk(&mut self, path: &str, json: Json<'_>) {
        if json.kind() == Kind::Array {
            json.elements().for_each(|element| self.walk(&format!("{path}[]"), element));
        }
        for (key, value) in json.members() {
            let path = format!("{path}.{}", key.to_lowercase());
            self.0.insert(path.clone());
            self.walk(&path, value);
        }
    }

    fn rows<'a, R: Row<'a>>(&mut self, key: &str, value: Option<Json<'a>>, rows: Rows<'a, R>) {
        self.present(key, value);
        let array = value.is_some_and(|value| value.kind() == Kind::Array);
        let path = format!(".{}{}", key.to_lowercase(), if array { "[]" } else { "" });
        rows.for_each(|row| self.row(&path, &row));
    }

    fn row<'a, R: Row<'a>>(&mut self, path: &str, row: &Result<R, RowError>) {
        match row {
            Ok(row) => {
                let known = row.known().map(|(key, value)| (key.to_owned(), value));
                let all: Vec<_> = known.chain(row.unknown().map(|(key, value)| (key.into_owned(), value))).collect();
                for (key, value) in all {
                    let path = format!("{path}.{}", key.to_lowercase());
                    self.0.insert(path.clone());
                    self.walk(&path, value);
                }
            }
            // A bad row keeps its text.
            Err(error) => {
                let paths = expected(&error.text);
                self.0.extend(paths.into_iter().map(|below| format!("{path}{below}")));
            }
        }
    }
}
