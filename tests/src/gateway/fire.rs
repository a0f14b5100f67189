//! Executes events that are due: the opening burst, heartbeats, the next frame of each
//! subscription.

use core::time::Duration;

use ibws_proto::Instant;

use super::agenda::{Due, Part, after};
use super::connection::{Kind, Quotes, Stream};
use super::scenario::Step;
use super::{Gateway, GatewayOutput, Source, Success, opening};
use crate::feed::rows::{self, Unchanged};
use crate::feed::{instruments, ladder, news, quote};
use crate::json::{Json, Members, members};
use crate::recording;

const LEDGER_PERIOD: Duration = Duration::from_secs(10);
/// The value of field `6508`, in the form in which a real gateway lists service numbers
/// (docs/protocol.md §3.1).
const SERVICES: &str = "&serviceID1=901&serviceID2=902&serviceID3=903";

impl Gateway {
    pub(super) fn fire(&mut self, due: Due, at: Instant, now: Instant) {
        match due {
            Due::Opening(conn, part) => self.open(conn, part),
            Due::Heartbeat => self.heartbeat(at, now),
            Due::Stream { conn, key, generation } => self.stream(conn, key, generation, at, now),
            Due::Reply { conn, text } => {
                if self.serves(conn, "smh") {
                    self.push(conn, text);
                }
            }
            Due::Orders => self.orders(at, now),
            Due::Trade => self.trade(at, now),
            Due::News => self.news(at, now),
            Due::Authenticate => self.set_authenticated(true),
            Due::EndReset => self.end_reset(),
            Due::Playback(conn) => self.play(conn, at, now),
            Due::Step(conn, step) => self.step(conn, step, at, now),
        }
    }

    fn open(&mut self, conn: u64, part: Part) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let text = match part {
            Part::Success => {
                connection.is_ready = true;
                if self.config.success == Success::Never {
                    return;
                }
                opening::success(&self.config)
            }
            Part::Accounts => opening::accounts(&self.config, &self.trading_session),
            Part::Status => opening::status(&self.config),
        };
        self.push(conn, text);
    }

    fn heartbeat(&mut self, at: Instant, now: Instant) {
        if self.connections.is_empty() {
            return;
        }
        let next = self.next_heartbeat(after(at, Duration::ZERO, now));
        self.agenda.add(next, Due::Heartbeat);
        let has_own = matches!(&self.config.source, Source::Recording(recording) if recording.has_heartbeats());
        if self.faults.no_heartbeats || has_own {
            return;
        }
        // Heartbeats prove the socket only, so a dead session gets them as well (docs/protocol.md
        // §4.1).
        let text = opening::heartbeat(self.epoch_ms(at));
        let ready = self.connections.iter().filter(|(_, connection)| connection.is_ready);
        for conn in ready.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.push(conn, text.clone());
        }
    }

    fn stream(&mut self, conn: u64, key: String, generation: u64, at: Instant, now: Instant) {
        let is_served = self.serves(conn, key.get(..3).unwrap_or_default());
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let is_current = |stream: &Stream| stream.generation == generation;
        if !connection.streams.get(&key).is_some_and(is_current) {
            return;
        }
        let Some(mut stream) = connection.streams.remove(&key) else { return };
        if !is_served {
            return;
        }
        let Some(period) = self.next_frame(conn, &key, &mut stream.kind, at) else { return };
        if let Some(connection) = self.connections.get_mut(&conn) {
            if connection.has_ended {
                return;
            }
            connection.streams.insert(key.clone(), stream);
            self.agenda.add(after(at, period * self.config.pace.max(1), now), Due::Stream { conn, key, generation });
        }
    }

    /// Sends the news of one subscription and returns the time until the next look; `None` if it
    /// has ended.
    fn next_frame(&mut self, conn: u64, key: &str, kind: &mut Kind, at: Instant) -> Option<Duration> {
        let epoch_ms = self.epoch_ms(at);
        match kind {
            Kind::Quotes(quotes) => {
                if at >= quotes.expires {
                    return None;
                }
                return Some(self.quotes(conn, key, quotes, at));
            }
            Kind::Ladder { account, conid } => {
                let quote = self.feed.market.share(*conid, at);
                let text = ladder::frame(account, *conid, quote, &mut self.feed.chance);
                self.push(conn, text);
                return Some(self.feed.chance.millis(900, 2_000));
            }
            // Frames of these two come with the orders and trades of the whole gateway.
            Kind::Orders { .. } | Kind::Trades => return None,
            Kind::Pnl => {
                let worth = self.feed.account.worth(&mut self.feed.market, at);
                let text = self.feed.account.pnl(&worth);
                self.push(conn, text);
                return Some(self.feed.chance.millis(950, 1_100));
            }
            Kind::Summary { filter, sent } => {
                let worth = self.feed.account.worth(&mut self.feed.market, at);
                let rows = rows::summary(&self.feed.account, &worth);
                if let Some(text) = rows::frame(key, rows, filter, sent, Unchanged::Omitted, epoch_ms) {
                    self.push(conn, text);
                }
                return Some(self.feed.chance.millis(3_000, 5_000));
            }
            Kind::Ledger { filter, sent } => {
                let worth = self.feed.account.worth(&mut self.feed.market, at);
                let rows = rows::ledger(&self.feed.account, &worth);
                if let Some(text) = rows::frame(key, rows, filter, sent, Unchanged::Blank, epoch_ms) {
                    self.push(conn, text);
                }
            }
        }
        Some(LEDGER_PERIOD)
    }

    /// Sends the first frame twice, in two key orders, and afterwards what changed
    /// (docs/protocol.md §3.1).
    fn quotes(&mut self, conn: u64, key: &str, quotes: &mut Quotes, at: Instant) -> Duration {
        let values = quote::values(&mut self.feed.market, &quotes.target, &quotes.fields, at);
        let frame_ends = |updated: u64| -> (Members, Members) {
            let head = members([
                ("server_id", Json::text(&quotes.server_id)),
                ("conidEx", Json::text(&quotes.target.text)),
                ("conid", Json::int(quotes.target.conid)),
                ("_updated", Json::int(updated)),
                ("6119", Json::text(&quotes.server_id)),
            ]);
            (head, members([("topic", Json::text(key))]))
        };
        let (head, tail) = frame_ends(self.epoch_ms(at));
        let Some(sent) = &mut quotes.sent else {
            quotes.sent = Some(values.clone());
            let second: Members = head.iter().chain(&values).chain(&tail).cloned().collect();
            let first: Members = values.into_iter().rev().chain(tail).chain(head.into_iter().rev()).collect();
            self.push(conn, Json::Object(first).to_string());
            self.push(conn, Json::Object(second).to_string());
            return self.feed.chance.millis(700, 3_500);
        };
        let changed: Members = values.iter().filter(|value| !sent.contains(value)).cloned().collect();
        *sent = values;
        if changed.is_empty() {
            return Duration::from_millis(500);
        }
        let services = if quotes.has_services { Vec::new() } else { members([("6508", Json::text(SERVICES))]) };
        quotes.has_services = true;
        let frame = head.into_iter().chain(changed).chain(services).chain(tail).collect();
        self.push(conn, Json::Object(frame).to_string());
        self.feed.chance.millis(1_000, 4_000)
    }

    fn orders(&mut self, at: Instant, now: Instant) {
        if self.subscribers("sor").is_empty() || self.faults.no_invented_orders {
            return;
        }
        let epoch_ms = self.epoch_ms(at);
        let step = self.feed.orders.step(&mut self.feed.market, at, epoch_ms);
        self.push_orders(step.rows, step.status);
        if let Some(fill) = step.fill {
            self.push_fill(&fill, epoch_ms);
        }
        self.agenda.add(after(at, step.pause * self.config.pace.max(1), now), Due::Orders);
    }

    fn trade(&mut self, at: Instant, now: Instant) {
        if self.subscribers("str").is_empty() || self.faults.no_invented_orders {
            return;
        }
        let index = self.feed.chance.below(instruments::INSTRUMENTS.len() as u64) as usize;
        let share = &instruments::INSTRUMENTS[index];
        let price = self.feed.market.share(share.conid, at).map_or(share.start, |quote| quote.last);
        let fill = self.feed.executions.invented(share, price);
        let epoch_ms = self.epoch_ms(at);
        self.push_fill(&fill, epoch_ms);
        let pause = self.feed.chance.millis(2_000, 6_000) * self.config.pace.max(1);
        self.agenda.add(after(at, pause, now), Due::Trade);
    }

    /// Plans the next order and execution of the feed, as a subscription does.
    pub(super) fn resume_orders(&mut self) {
        self.bring_forward(Due::Orders, 300, 1_200);
        self.bring_forward(Due::Trade, 1_000, 3_000);
    }

    /// The filter of the subscription to orders on one connection.
    pub(super) fn order_filter(&self, conn: u64) -> Option<&str> {
        match &self.connections.get(&conn)?.streams.get("sor")?.kind {
            Kind::Orders { filter } => filter.as_deref(),
            _ => None,
        }
    }

    pub(super) fn push_trades(&mut self, frames: &[String]) {
        for conn in self.subscribers("str") {
            for frame in frames {
                self.push(conn, frame.clone());
            }
        }
    }

    /// The connections with a subscription `key` and a session behind it.
    pub(super) fn subscribers(&self, key: &str) -> Vec<u64> {
        let has = |conn: &u64| self.serves(*conn, key);
        let subscribed = self.connections.iter().filter(|(_, connection)| connection.streams.contains_key(key));
        subscribed.map(|(conn, _)| *conn).filter(has).collect()
    }

    fn news(&mut self, at: Instant, now: Instant) {
        if self.connections.is_empty() {
            return;
        }
        let pause = self.feed.chance.millis(40_000, 80_000);
        self.agenda.add(after(at, pause, now), Due::News);
        if matches!(self.config.source, Source::Recording(_)) {
            return;
        }
        let text = news::frame(&mut self.feed.chance);
        let ready = self.connections.iter().filter(|(_, connection)| connection.is_ready);
        for conn in ready.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            if self.serves(conn, "ntf") {
                self.push(conn, text.clone());
            }
        }
    }

    fn play(&mut self, conn: u64, at: Instant, now: Instant) {
        if !self.serves(conn, "smd") {
            return;
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(playback) = &mut connection.playback else { return };
        let (frames, next) = playback.advance(at);
        connection.is_ready |= frames.iter().any(|frame| recording::is_success(frame));
        for frame in frames {
            self.push(conn, frame);
        }
        if let Some(next) = next {
            self.agenda.add(after(next, Duration::ZERO, now), Due::Playback(conn));
        }
    }

    fn step(&mut self, conn: Option<u64>, step: Step, at: Instant, now: Instant) {
        let again = |seconds: u64| after(at, Duration::from_secs(seconds), now);
        match step {
            Step::Authenticated(value) => self.set_authenticated(value),
            Step::LoseAuthentication => {
                self.set_authenticated(false);
                self.agenda.add(again(10), Due::Step(None, Step::RegainAuthentication));
            }
            Step::RegainAuthentication => {
                self.set_authenticated(true);
                if !self.connections.is_empty() {
                    self.agenda.add(again(15), Due::Step(None, Step::LoseAuthentication));
                }
            }
            Step::Competing(value) => self.set_competing(value),
            Step::RestoreSilently => self.restore_silently(),
            Step::LoseBackend => self.lose_backend(),
            Step::RestoreBackend => self.restore_backend(),
            Step::PenaltyBox => self.put_in_penalty_box(),
            Step::RestFault(fault) => self.set_rest_fault(fault),
            Step::DailyReset => self.daily_reset(Duration::from_secs(240)),
            Step::Drop => self.output(conn.unwrap_or_default(), GatewayOutput::Drop),
            Step::Close(code) => self.close(conn.unwrap_or_default(), code),
            Step::Mute => self.mute(conn.unwrap_or_default()),
            Step::BadByte => {
                let conn = conn.unwrap_or_default();
                // 0x99 is a trade mark sign in Windows-1252 (docs/protocol.md §1.6).
                let text = news::notice("990", "Trademark\u{1}: one byte of this text is no UTF-8");
                let bytes = text.replace("\\u0001", "\u{1}").into_bytes();
                let bytes = bytes.into_iter().map(|byte| if byte == 1 { 0x99 } else { byte }).collect();
                self.output(conn, GatewayOutput::Text(bytes));
                self.agenda.add(again(4), Due::Step(Some(conn), Step::BadByte));
            }
        }
    }
}
