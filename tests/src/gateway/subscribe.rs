//! Handles the requests of a client on a ready connection, topic by topic (docs/protocol.md §3).

use core::time::Duration;

use serde_json::Value;

use super::agenda::Due;
use super::connection::{Kind, MAX_HISTORIES, MAX_LINES, MAX_STREAMS, Quotes, Stream};
use super::request::{Request, strings};
use super::{Gateway, Source, opening};
use crate::feed::history::{self, HistoryRequest};
use crate::feed::quote;
use crate::feed::rows::Filter;
use crate::feed::target::Target;
use crate::json::Json;

/// The lifetime of a market data stream, which ends silently: the shorter of the periods that
/// sources name (docs/protocol.md §3.1).
const LIFE: Duration = Duration::from_secs(600);
/// Largest number of fields, keys or filters that are read.
const MAX_NAMES: usize = 128;
/// Longest target that is accepted; real combos are far shorter.
const MAX_TARGET: usize = 512;

impl Gateway {
    /// Handles `text`; returns `false` if it was dropped silently.
    pub(super) fn honour(&mut self, conn: u64, text: &str) -> bool {
        if let Some(playback) = self.connections.get_mut(&conn).and_then(|connection| connection.playback.as_mut()) {
            playback.received(text);
            self.agenda.remove(|due| *due == Due::Playback(conn));
            self.agenda.add(self.now, Due::Playback(conn));
            let honoured = self.request(conn, text);
            self.tick(self.now);
            return honoured;
        }
        self.request(conn, text)
    }

    fn request(&mut self, conn: u64, text: &str) -> bool {
        match Request::parse(text) {
            Request::Tic => self.tic(conn),
            Request::Echo => self.push(conn, "ech+hb".into()),
            // On an authorised socket a session message is an unknown topic like any other
            // (docs/protocol.md §1.2).
            Request::Session(_) => self.push(conn, opening::unknown_topic(&text.chars().take(3).collect::<String>())),
            Request::Unknown(head) => self.push(conn, opening::unknown_topic(&head)),
            Request::Topic { topic, target, args } if topic.starts_with('u') => {
                self.unsubscribe(conn, topic, target, &args);
            }
            Request::Topic { topic, target, args } => return self.subscribe(conn, topic, target, &args),
        }
        true
    }

    /// Sends four identical frames (docs/protocol.md §3.8).
    fn tic(&mut self, conn: u64) {
        if matches!(&self.config.source, Source::Recording(recording) if recording.has_tics()) {
            return;
        }
        let text = opening::tic(&self.session, self.epoch_ms(self.now));
        for _ in 0..4 {
            self.push(conn, text.clone());
        }
    }

    fn subscribe(&mut self, conn: u64, topic: &str, target: &str, args: &Value) -> bool {
        if self.faults.no_confirmations || !self.serves(conn, topic) || target.len() > MAX_TARGET {
            return false;
        }
        if let Some(reason) = self.faults.refusal(topic) {
            self.push(conn, opening::refusal(topic, &reason));
            return true;
        }
        if matches!(self.config.source, Source::Recording(_)) {
            return true;
        }
        let filter = || Filter {
            keys: strings(args, "keys", MAX_NAMES).unwrap_or_default(),
            fields: strings(args, "fields", MAX_NAMES).unwrap_or_default(),
        };
        match topic {
            "smd" => return self.subscribe_quotes(conn, target, args),
            "smh" => return self.subscribe_history(conn, target, args),
            "sbd" => {
                let mut parts = target.split('+');
                let (account, conid) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
                if account != self.config.account {
                    return self.refuse_account(conn, topic);
                }
                let conid = conid.parse().unwrap_or(0);
                let kind = Kind::Ladder { account: account.to_owned(), conid };
                self.add(conn, format!("sbd+{account}+{conid}"), kind, Some((100, 400)));
            }
            "sor" => {
                let filter = strings(args, "filters", 1).and_then(|mut filters| filters.pop());
                self.add(conn, "sor".into(), Kind::Orders { filter }, None);
                self.bring_forward(Due::Orders, 300, 1_200);
            }
            "spl" => self.add(conn, "spl".into(), Kind::Pnl, Some((20, 200))),
            "str" => self.subscribe_trades(conn, args),
            "ssd" | "sld" => {
                if target != self.config.account {
                    return self.refuse_account(conn, topic);
                }
                let (filter, sent) = (filter(), Vec::new());
                let kind = if topic == "ssd" { Kind::Summary { filter, sent } } else { Kind::Ledger { filter, sent } };
                self.add(conn, format!("{topic}+{target}"), kind, Some((20, 200)));
            }
            "shs" | "inp" => self.exercise(conn, topic, target),
            _ => {}
        }
        true
    }

    /// Refuses an account that is not served. It is not known what a real gateway does; an error is
    /// more useful than silence to a user who mistyped an account.
    fn refuse_account(&mut self, conn: u64, topic: &str) -> bool {
        self.push(conn, opening::refusal(topic, "unable to subscribe"));
        true
    }

    /// Adds or renews a market data stream. A request on a present key renews it: a new server id,
    /// the first frame twice, ten more minutes. Fields add up, as the gateway's documentation says.
    fn subscribe_quotes(&mut self, conn: u64, target: &str, args: &Value) -> bool {
        let key = format!("smd+{target}");
        let Some(connection) = self.connections.get(&conn) else { return false };
        let mut fields = match connection.streams.get(&key).map(|stream| &stream.kind) {
            Some(Kind::Quotes(quotes)) => quotes.fields.clone(),
            _ if connection.lines() >= MAX_LINES => {
                self.push(conn, opening::refusal("smd", "unable to subscribe"));
                return true;
            }
            _ => Vec::new(),
        };
        let default = || quote::DEFAULT_FIELDS.map(str::to_owned).to_vec();
        for field in strings(args, "fields", MAX_NAMES).unwrap_or_else(default) {
            if !fields.contains(&field) && fields.len() < MAX_NAMES {
                fields.push(field);
            }
        }
        let server_id = format!("q{}", self.next_server_id);
        self.next_server_id += 1;
        let expires = self.now + LIFE;
        let target = Target::parse(target);
        let quotes = Quotes { target, fields, server_id, sent: None, has_services: false, expires };
        self.add(conn, key, Kind::Quotes(Box::new(quotes)), Some((30, 150)));
        true
    }

    /// Schedules the only reply. The request counts against the limit until it is cancelled by its
    /// id.
    fn subscribe_history(&mut self, conn: u64, target: &str, args: &Value) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        if connection.histories.len() >= MAX_HISTORIES {
            self.push(conn, opening::refusal("smh", "unable to subscribe"));
            return true;
        }
        let server_id = self.next_history_id;
        self.next_history_id += 1;
        connection.histories.insert(server_id);
        let target = Target::parse(target);
        let quote = self.feed.market.quote(&target, self.now);
        let now_ms = self.epoch_ms(self.now);
        let request = HistoryRequest::parse(args);
        let text = history::frame(&target, &request, server_id, quote, now_ms, &mut self.feed.chance);
        let at = self.now + self.feed.chance.millis(60, 240);
        self.agenda.add(at, Due::Reply { conn, text });
        true
    }

    /// Sends the empty frame that confirms, then past executions, and afterwards new ones
    /// (docs/protocol.md §3.6).
    fn subscribe_trades(&mut self, conn: u64, args: &Value) {
        self.push(conn, Json::frame("str", Json::EMPTY));
        if args.get("realtimeUpdatesOnly").and_then(Value::as_bool) != Some(true) {
            let days = args.get("days").and_then(Value::as_u64);
            let now_ms = self.epoch_ms(self.now);
            for frame in self.feed.executions.replay(days, now_ms) {
                self.push(conn, frame);
            }
        }
        self.add(conn, "str".into(), Kind::Trades, None);
        self.bring_forward(Due::Trade, 1_000, 3_000);
    }

    /// Sends the frames of an option exercise (docs/protocol.md §3.9): the confirmation, the offer,
    /// the prompt.
    fn exercise(&mut self, conn: u64, topic: &str, target: &str) {
        if target != "exercise" {
            return;
        }
        let action = |id: &str, text: &str| Json::object([("id", Json::text(id)), ("text", Json::text(text))]);
        if topic == "shs" {
            self.push(conn, Json::object([("topic", Json::text("shs+exercise"))]).to_string());
            let actions = Json::List(vec![action("submit", "Submit"), action("cancel", "Cancel")]);
            let data = Json::object([("user_action", actions), ("id", Json::int(5)), ("position", Json::int(10))]);
            let frame = [
                ("data", data),
                ("action", Json::text("content")),
                ("MID", Json::text("1")),
                ("topic", Json::text("shs+exercise")),
            ];
            self.push(conn, Json::object(frame).to_string());
        } else {
            let actions = Json::List(vec![action("continue", "Continue"), action("cancel", "Cancel")]);
            let data = [
                ("user_actions", actions),
                ("id", Json::int(7)),
                ("text", Json::text("A simulated exercise cannot be taken back")),
                ("title", Json::text("Warning")),
            ];
            let frame = [
                ("data", Json::object(data)),
                ("MID", Json::text("2")),
                ("action", Json::text("prompt")),
                ("topic", Json::text("inp+exercise")),
            ];
            self.push(conn, Json::object(frame).to_string());
        }
    }

    /// Adds a subscription. Its first frame comes after `delay` milliseconds, a range, if it has
    /// frames of its own.
    fn add(&mut self, conn: u64, key: String, kind: Kind, delay: Option<(u64, u64)>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.streams.len() >= MAX_STREAMS && !connection.streams.contains_key(&key) {
            let topic = key[..3].to_owned();
            self.push(conn, opening::refusal(&topic, "unable to subscribe"));
            return;
        }
        connection.generation += 1;
        let generation = connection.generation;
        connection.streams.insert(key.clone(), Stream { generation, kind });
        // An entry of the old generation does nothing, but the entries of a client that renews in a
        // loop must not pile up.
        self.agenda.remove(|due| matches!(due, Due::Stream { conn: c, key: k, .. } if *c == conn && *k == key));
        if let Some((low, high)) = delay {
            let at = self.now + self.feed.chance.millis(low, high);
            self.agenda.add(at, Due::Stream { conn, key, generation });
        }
    }

    /// Moves `due` forward to `low` to `high` milliseconds from now, unless it is due earlier.
    pub(super) fn bring_forward(&mut self, due: Due, low: u64, high: u64) {
        let at = self.now + self.feed.chance.millis(low, high);
        if self.agenda.when(&due).is_none_or(|planned| planned > at) {
            self.agenda.remove(|entry| *entry == due);
            self.agenda.add(at, due);
        }
    }

    fn unsubscribe(&mut self, conn: u64, topic: &str, target: &str, _args: &Value) {
        let is_recording = matches!(self.config.source, Source::Recording(_));
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if self.faults.ignores_unsubscribes {
            return;
        }
        let reply = match topic {
            "umd" => {
                connection.streams.remove(&format!("smd+{target}"));
                None
            }
            // All ladders of the account end (docs/protocol.md §3.3).
            "ubd" => {
                let prefix = format!("sbd+{target}+");
                connection.streams.retain(|key, _| !key.starts_with(&prefix));
                None
            }
            "uor" | "upl" | "utr" => {
                connection.streams.remove(&format!("s{}", &topic[1..]));
                None
            }
            "usd" => {
                connection.streams.remove(&format!("ssd+{target}"));
                Some(opening::result("unsubscribed from summary"))
            }
            "uld" => {
                connection.streams.remove(&format!("sld+{target}"));
                Some(opening::result("unsubscribed from ledger"))
            }
            "umh" => {
                let is_known = target.parse().is_ok_and(|id| connection.histories.remove(&id));
                (is_known || is_recording).then(|| opening::message(&format!("Unsubscribed {target}")))
            }
            _ => None,
        };
        if self.faults.no_confirmations {
            return;
        }
        if let Some(text) = reply {
            self.push(conn, text);
        }
        self.echo_unsubscribe(conn, topic, target);
    }
}
